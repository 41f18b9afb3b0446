"""Servers as the bench starts them: those that are installed answer, and are gone after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.asking import answers
from bench.cluster import Shape, owner
from bench.programs import program
from bench.rounds import Bench
from bench.scenarios import SCENARIOS
from bench.servers import KINDS, running, upstream

SHAPE = Shape(10, 3)
NEEDED = ("setpriv", "taskset", "knotd")
pytestmark = pytest.mark.skipif(
    not all(program(name) for name in NEEDED), reason="setpriv, taskset or knotd (Debian: knot) is not installed"
)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "coredns"])
def test_a_server_knows_the_names(name: str, tmp_path: Path) -> None:
    if not program(KINDS[name].program):
        pytest.skip(f"{KINDS[name].program} is not installed")
    with (
        upstream(tmp_path / "upstream") as port,
        running(KINDS[name], SHAPE, tmp_path / name, port) as server,
    ):
        assert answers(server.port, owner(1)) == 1
        assert answers(server.port, owner(5)) == SHAPE.each
        assert answers(server.port, f"nothing.{owner(1)}") == 0
        assert answers(server.port, "host-1.example.com") == (name != "kdns-alone")
        assert server.ready > 0
        held = server.port
    assert answers(held, owner(1)) == 0


@pytest.mark.skipif(not program("dnsperf"), reason="dnsperf is not installed")
@pytest.mark.parametrize("name", ["clusterip", "first", "churn-200"])
def test_a_round_has_figures_of_each_server(name: str, tmp_path: Path) -> None:
    said: list[str] = []
    scenario = SCENARIOS[name]._replace(servers=("kdns", "knot") if name == "clusterip" else ("kdns",))
    with Bench(tmp_path, SHAPE, 0.2, 2, said.append) as bench:
        found = bench.measure(scenario)
    assert {server: len(runs) for server, runs in found.items()} == dict.fromkeys(scenario.servers, 2)
    for runs in found.values():
        assert all(run.queries and run.rcodes == {"NOERROR": run.queries} for run in runs)
    assert len(said) == 2 * len(scenario.servers)
