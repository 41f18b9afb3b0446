"""Measure: `python -m bench [--quick] [--only NAME]... [--servers NAME,...] [--beside CHECKOUT]`.

Each server has one worker, pinned to the first core; its load has the last. In each round every server gets the
same questions in turn. Figures are CPU of the server for each query, from /proc: not the time that it took, which on
one machine is the load's as well. What is found is kept in bench/results, and told in bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import page, size
from bench.cluster import Shape
from bench.figures import RESULTS, Rounds, keep, kept
from bench.machine import described
from bench.process import LOAD, SERVER, end_whole
from bench.programs import program, remedy
from bench.rounds import Bench
from bench.scenarios import ALL, FOLLOWERS, SCENARIOS, Scenario
from bench.servers import BESIDE, KINDS, beside
from bench.table import disagreement, table

SHAPE = Shape(5000, 5)
SECONDS, QUICK = 2.0, 0.6
"""Of a round."""
ROUNDS = 3


def main() -> None:
    """Measure what is asked for, print the table; without limits the sizes of clusters too."""
    options = _options()
    end_whole()
    if needed := [remedy(name) for name in ("dnsperf", "knotd", "setpriv", "taskset") if not program(name)]:
        sys.exit("python -m bench: " + "; ".join(needed))
    servers = options.servers.split(",") if options.servers else list(ALL)
    if options.beside:
        beside(options.beside.resolve())
        servers.insert(1, BESIDE)
    for name in servers:
        if not program(KINDS[name].program):
            _say(f"left out: {remedy(KINDS[name].program)}")
    _say(f"servers on core {SERVER}, load on core {LOAD}; CoreDNS pinned like all, which makes its GOMAXPROCS 1")
    chosen = options.only or [each.name for each in SCENARIOS.values() if each.quick or not options.quick]
    rows = _rows(chosen, servers, options)
    if not options.quick and not options.only:
        size.measure(list(size.SHAPES), [name for name in FOLLOWERS if name in servers], save=options.save)
    print(table(rows, [name for name in servers if any(name in found for found in rows.values())]))
    if options.save:
        keep("machine", described())
        page.write(RESULTS, page.README)


def _rows(chosen: Sequence[str], servers: Sequence[str], options: argparse.Namespace) -> dict[str, Rounds]:
    """Each scenario with the servers that are wanted, by what it is about."""
    rows = {}
    seconds = options.seconds or (QUICK if options.quick else SECONDS)
    with tempfile.TemporaryDirectory(prefix="kdns-bench-") as folder:
        Path(folder).chmod(0o755)
        with Bench(Path(folder), SHAPE, seconds, options.rounds, _say) as bench:
            for scenario in (SCENARIOS[name] for name in chosen):
                there = (*scenario.servers, BESIDE)
                limited = scenario._replace(servers=tuple(name for name in servers if name in there))
                rows[scenario.about] = _measured(bench, limited, save=options.save)
    return rows


def _measured(bench: Bench, scenario: Scenario, *, save: bool) -> Rounds:
    found = {name: [run._asdict() for run in runs] for name, runs in bench.measure(scenario).items()}
    if differ := disagreement(found):
        _say(f"{scenario.name}: not all servers answered alike: {differ}")
    if save:
        whole = (kept(scenario.name) or {"series": {}})["series"] | found
        keep(scenario.name, {name: whole[name] for name in ALL if name in whole})
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three scenarios, in less than a minute; keeps nothing")
    parser.add_argument("--only", action="append", choices=SCENARIOS, metavar="NAME", help=", ".join(SCENARIOS))
    parser.add_argument("--servers", default="", metavar="NAME,...", help=", ".join(KINDS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, help="of a round")
    parser.add_argument("--beside", type=Path, metavar="CHECKOUT", help="measure the kdns of another checkout too")
    parser.add_argument("--no-save", dest="save", action="store_false", help=f"write nothing to {RESULTS.name}/")
    options = parser.parse_args()
    options.save = options.save and not options.quick and not options.beside
    return options


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
