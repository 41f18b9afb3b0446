"""What can happen to an API server and to the way there: answers go on meanwhile, and are soon right again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import Answer
from tests.e2e.cluster import ControlPlane
from tests.e2e.kit import Figures, space_name
from tests.e2e.process import outlast
from tests.e2e.questions import Served, kdns
from tests.e2e.relay import Relay
from tests.e2e.world import World

SOON = 5.0
"""Seconds after the API server's return within which answers are right."""
SILENT = 30.0
"""Seconds within which a connection that carries nothing is found out."""
RESTORED = 10.0
"""Seconds after the return of an API server that was set back within which answers are right."""
RESUMED = 10.0
"""Seconds within which answers are right after a suspension in which connections ended and versions expired."""
RELISTS = "kdns_kubernetes_relists_total"


@pytest.fixture
def world(request: pytest.FixtureRequest, plane: ControlPlane) -> Iterator[World]:
    """A namespace of the test's own; after the test the API server runs again."""
    yield World(plane, space_name(request))
    plane.heal()


@pytest.fixture
def served(world: World, tmp_path: Path) -> Iterator[Served]:
    """A kdns that follows the API server."""
    with kdns(tmp_path, f"kubeconfig {world.plane.kubeconfig()}") as served:
        yield served


@pytest.mark.parametrize("seconds", [0.0, 10.0], ids="for {:g} seconds".format)
def test_the_api_server_is_killed(world: World, served: Served, figures: Figures, seconds: float) -> None:
    with served.steady(world.still(served)):
        world.plane.apiserver.kill()
        outlast(seconds)
        assert served.ready() == 200
        world.plane.restart()
        took = world.until_right(served, SOON)
    figures.seconds(f"API server killed, gone for {seconds:g} s and its start: right after its return", took)


def test_the_api_server_is_stopped_and_goes_on(world: World, served: Served, figures: Figures) -> None:
    with served.steady(world.still(served)):
        world.plane.apiserver.tell(signal.SIGSTOP)
        outlast(SILENT)
        assert served.ready() == 200
        world.plane.apiserver.tell(signal.SIGCONT)
        world.plane.wait_until_ready()
        took = world.until_right(served, SOON)
    figures.seconds(f"API server stopped for {SILENT:g} s: right after it goes on", took)


def test_the_api_server_comes_back_with_other_certificates(world: World, served: Served, figures: Figures) -> None:
    with served.steady(world.still(served)):
        world.plane.apiserver.kill()
        world.plane.certify()
        world.plane.restart()
        took = world.until_right(served, SOON)
    figures.seconds("API server restarted with certificates of another authority: right after its return", took)


def test_connections_fall_silent(world: World, tmp_path: Path, figures: Figures) -> None:
    with Relay(world.plane.port) as relay:
        config = world.plane.kubeconfig("through-relay", port=relay.port)
        with kdns(tmp_path, f"kubeconfig {config}") as served, served.steady(world.still(served)):
            relay.forget()
            took = world.until_right(served, SILENT)
            lists = served.metric(RELISTS) - served.metric(RELISTS, cause="first")
    figures.seconds("all connections half-open: right after that", took)
    assert lists == 0


def test_the_versions_that_kdns_knows_are_compacted_while_it_is_suspended(
    world: World, served: Served, figures: Figures
) -> None:
    plane = world.plane
    still = world.still(served)
    served.tell(signal.SIGSTOP)
    plane.apiserver.kill()
    plane.restart()
    right = world.change()
    plane.compact()
    plane.apiserver.kill()
    plane.restart()
    served.tell(signal.SIGCONT)
    with served.steady(still):
        took = served.right(right, RESUMED)
    figures.seconds("suspended, and its versions compacted (410): right after it goes on", took)
    assert served.metric(RELISTS, cause="expired") > 0


def test_etcd_is_restored_from_an_older_snapshot(world: World, served: Served, figures: Figures) -> None:
    served.right(world.early, SOON)
    snapshot = world.plane.snapshot()
    served.right(world.change(), SOON)
    with served.steady(world.still(served)):
        world.plane.restore(snapshot)
        took = served.right(world.early, RESTORED)
        again = world.until_right(served, SOON)
    figures.seconds("etcd restored from an older snapshot: right after the API server's return", took)
    figures.seconds("changes after that", again)
    assert served.metric(RELISTS, cause="backwards") > 0


def test_kdns_starts_while_the_api_server_is_away(world: World, tmp_path: Path, figures: Figures) -> None:
    world.plane.apiserver.kill()
    with kdns(tmp_path, f"kubeconfig {world.plane.kubeconfig()}", "startup_timeout 1s") as served:
        for name, type in world.early:
            assert served.ask(name, type) == Answer("SERVFAIL")
        name, _ = next(iter(world.early))
        assert "services" in served.why(name)
        assert served.ready() == 503
        told = served.page("ready")
        assert all(kind in told for kind in ("services", "endpointslices", "namespaces"))
        world.plane.restart()
        took = served.right(world.early, SOON)
        assert served.ready() == 200
        world.until_right(served, SOON)
    figures.seconds("started while the API server was away: right after its return", took)


def test_kdns_starts_from_its_saved_state_while_the_api_server_is_away(
    world: World, tmp_path: Path, figures: Figures
) -> None:
    options = (f"kubeconfig {world.plane.kubeconfig()}", "state saved", "startup_timeout 1s")
    with kdns(tmp_path, *options) as first:
        first.right(world.early, SOON)
        first.stop()
    right = world.change()
    world.plane.apiserver.kill()
    with kdns(tmp_path, *options) as served, served.steady(world.still(served)):
        assert served.ready() == 200
        served.right(world.early, SOON)
        assert "saved" in served.why(world.stable[0])
        world.plane.restart()
        took = served.right(right, SOON)
        assert served.why(world.stable[0]) == ""
    figures.seconds("started from saved state while the API server was away: right after its return", took)
