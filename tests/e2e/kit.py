"""What the end-to-end tests are given: a control plane that stays whole, others that they may break, figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.e2e.api import Api
from tests.e2e.cluster import ControlPlane
from tests.e2e.kubelet import Kubelet
from tests.e2e.objects import namespace
from tests.e2e.programs import MissingError, Programs, programs


class Cluster(NamedTuple):
    """A control plane with its controllers and its kubelet, shared by all tests: each has namespaces of its own."""

    plane: ControlPlane
    api: Api
    kubelet: Kubelet


class Figures:
    """What was measured, told at the end of the run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def tell(self, what: str, figure: str) -> None:
        """Keep a figure."""
        self.lines.append(f"{what}: {figure}")

    def seconds(self, what: str, seconds: float) -> None:
        """Keep a time."""
        self.tell(what, f"{seconds:.2f} s")


FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def control_plane_programs() -> Programs:
    """The programs; without them the tests fail, they are not skipped."""
    try:
        return programs()
    except MissingError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def cluster(control_plane_programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """For tests that do not break it."""
    plane = ControlPlane(control_plane_programs, tmp_path_factory.mktemp("cluster"))
    try:
        plane.start(controllers=True)
        kubelet = Kubelet(plane.api)
        kubelet.start()
        yield Cluster(plane, plane.api, kubelet)
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def plane(control_plane_programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """etcd and an API server that may be ended, frozen and restored; each test leaves them running."""
    plane = ControlPlane(control_plane_programs, tmp_path_factory.mktemp("plane"))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture
def space(request: pytest.FixtureRequest, cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own in the cluster."""
    name = space_name(request)
    cluster.api.create(namespace(name))
    yield name
    cluster.api.delete("Namespace", name)


def space_name(request: pytest.FixtureRequest) -> str:
    """A name for a namespace, from the test's own."""
    words = re.findall(r"[a-z0-9]+", request.node.name.lower().removeprefix("test_"))
    return "-".join(words)[:60].rstrip("-")


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """Where to tell what was measured."""
    return request.config.stash.setdefault(FIGURES, Figures())
