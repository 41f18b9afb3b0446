"""Where kdns spends its time under a load: `python -m bench.profile SCENARIO [--alone] [--seconds S] [--sort KEY]`.

Profiled is what a scenario of `python -m bench` counts: not the start, nor what warms it up. A profiler makes calls
dear: take shares and calls for each query from it, no times.
"""

from __future__ import annotations

import argparse
import io
import pstats
import random
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bench.cluster import Shape
from bench.load import STREAM, Run, run
from bench.process import end_whole
from bench.rounds import WARM
from bench.scenarios import SCENARIOS, Scenario
from bench.servers import KINDS, Field, running, upstream

_WITHIN = 10.0
"""Seconds that kdns may take to write a profile."""


def main() -> None:
    """Print the functions that cost most."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS, metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--alone", action="store_true", help="kubernetes alone, not kubeadm's Corefile")
    parser.add_argument("--services", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--sort", default="tottime", choices=("tottime", "cumtime", "ncalls"))
    parser.add_argument("--lines", type=int, default=40)
    options = parser.parse_args()
    end_whole()
    with tempfile.TemporaryDirectory(prefix="kdns-bench-") as folder:
        Path(folder).chmod(0o755)
        name = "kdns-alone" if options.alone else "kdns"
        shape = Shape(options.services, 5)
        print(profile(SCENARIOS[options.scenario], name, shape, options.seconds, Path(folder), options))


def profile(
    scenario: Scenario, name: str, shape: Shape, seconds: float, folder: Path, options: argparse.Namespace
) -> str:
    """What `pstats` makes of one load, after a line with its queries."""
    kind, result, questions = KINDS[name], folder / "profile", folder / "questions"

    def command(field: Field) -> list[str]:
        python, _, _, *rest = kind.command(field)
        return [python, "-m", "bench.profiled", str(result), *rest]

    questions.write_text("\n".join(scenario.lines(shape, random.Random(0), 0)) + "\n")
    with (
        upstream(folder / "upstream") as port,
        running(replace(kind, command=command), shape, folder / "kdns", port) as server,
    ):
        once = scenario.flags if STREAM in scenario.flags else (*scenario.flags, "-n", "1")
        if scenario.warm:
            run(server.process, server.port, questions, WARM, once)
        if scenario.churn:
            server.api.ask(f"/bench/churn?{scenario.churn}")
        server.process.tell(signal.SIGUSR2)
        found = run(server.process, server.port, questions, seconds, once if scenario.once else scenario.flags)
        server.process.tell(signal.SIGUSR2)
        _wait(result)
    return _told(found, result, options.sort, options.lines)


def _wait(path: Path) -> None:
    end = time.monotonic() + _WITHIN
    while not path.exists():
        if time.monotonic() > end:
            sys.exit("python -m bench.profile: kdns wrote no profile")
        time.sleep(0.05)


def _told(found: Run, result: Path, sort: str, lines: int) -> str:
    text = io.StringIO()
    pstats.Stats(str(result), stream=text).sort_stats(sort).print_stats(lines)
    return f"{found.queries} queries, {found.cpu:.1f} us of CPU for each with the profiler on\n{text.getvalue()}"


if __name__ == "__main__":
    main()
