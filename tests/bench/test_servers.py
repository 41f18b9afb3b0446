"""Servers as the bench starts them: those that are installed answer, and are gone after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from bench.asking import answers
from bench.cluster import Shape, owner
from bench.programs import program
from bench.rounds import Bench
from bench.scenarios import SCENARIOS
from bench.servers import KINDS, running, upstream
from tests.processes import PATIENCE, ROOT

SHAPE = Shape(10, 3)
NEEDED = ("setpriv", "taskset", "knotd")
MISSING = "setpriv, taskset or knotd (Debian: knot) is not installed"
pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not all(map(program, NEEDED)), reason=MISSING)]


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


@pytest.mark.skipif(not program("dnsperf"), reason="dnsperf is not installed")
def test_a_bench_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "bench",
        "--only",
        "clusterip",
        "--servers",
        "knot",
        "--seconds",
        "60",
        "--no-save",
    ]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as bench:
        wait_until(lambda: len(serving(tmp_path)) == 2)
        bench.terminate()
        assert bench.wait(PATIENCE) == 128 + signal.SIGTERM
    wait_until(lambda: serving(tmp_path) == [])
    assert list(tmp_path.iterdir()) == []


def serving(folder: Path) -> list[str]:
    """Command lines of the servers that have their files in a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(each.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(folder) in line and "knotd" in line.split()[0]]


def wait_until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)
