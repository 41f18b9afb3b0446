"""RESULTS.md, its charts and the README's figures, out of what is kept: `python -m bench.page`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.figures import RESULTS, Rounds, kept, of
from bench.scenarios import ALL, FOLLOWERS, NAMES, SCENARIOS
from bench.summary import put, summary
from bench.table import cell, disagreement

README = RESULTS.parent.parent / "README.md"
CHARTED = ("clusterip", "mix", "wrong", "first", "tcp", "outside", "forward")
"""Scenarios of the main chart."""
BIG = ("headless", "srv", "wide-udp", "wide-100", "wide-1000")
"""Scenarios whose replies' sizes are told."""
CHURN = {0: "clusterip", 20: "churn-20", 200: "churn-200", 1000: "churn-1000"}
SIZES = (
    ("services", "Services", "{:,.0f}"),
    ("endpoints", "endpoints", "{:,.0f}"),
    ("started", "started, MB", "{:.0f}"),
    ("steady", "steady, MB", "{:.0f}"),
    ("started_peak", "peak of the start, MB", "{:.0f}"),
    ("relist_peak", "peak of a relist, MB", "{:.0f}"),
    ("ready", "ready, s", "{:.2f}"),
    ("cpu", "CPU until then, s", "{:.2f}"),
    ("relist_cpu", "CPU of a relist, s", "{:.2f}"),
    ("event", "event to answer, ms", "{:.2f}"),
    ("event_p99", "p99, ms", "{:.2f}"),
    ("hit", "a hit, µs", "{:.1f}"),
    ("wrong", "a wrong name, µs", "{:.1f}"),
)
"""Figures of a size: their key, their column, their format."""
_INTRODUCTION = """\
# What kdns costs, next to others

{machine}

Each server has one worker, pinned to one core (`taskset`; CoreDNS's GOMAXPROCS is 1 by that); its load, the API server
and the upstream have another. Every server gets the same questions in turn, three rounds; figures are the median, and
half of what lies between the least and the most. **CPU is all that the server's process used, user and kernel, from
`/proc/PID/stat`, for each query that it answered.** Time on the clock is not shown: on one machine it is the load's
too. About 4 µs are the kernel's, whoever answers.

kdns and CoreDNS run kubeadm's whole Corefile and follow the same API server, a stand-in that sends JSON over plain
HTTP, which knows 5,000 Services and 25,000 endpoints where no other size is said. Knot and Unbound serve the same
names, as zones and as local data: they do less than a cluster's DNS has to, and are here as the floor. Names outside
the cluster come from Knot on the same machine, so that they cost no waiting.

All of it again: `make bench`. One row: the command beside it, after `make bench` or `pip install -e '.[bench]'` once.
"""
_BIG = """\
Bytes of a reply. Where one server's are far fewer than another's, either names are compressed there and not here
(CoreDNS compresses only what would not fit), or records are left out: over UDP a reply is cut at what the server sends
at most, 1,232 bytes for kdns and Knot.
"""
_SIZES = """\
Steady is after a cluster's mix of questions and a second of wrong names. Ready is from start to the right answer for
the last Service, of either kind. 150,000 endpoints are 15 of each Service, the other sizes have 5 of each. An event's
time runs from the API server's socket to another answer, seen by a client that asks without pause.
"""
_REAL = """\
A kube-apiserver and an etcd, over TLS: CoreDNS reads protobuf here. Not part of `make bench`, for it takes minutes to
create a large cluster.
"""


def main() -> None:
    """Write the page and its charts."""
    write(RESULTS, README)


def write(folder: Path, readme: Path) -> None:
    """Beside the folder of figures, and into a README; the charts only where matplotlib is installed."""
    rows = {name: found["series"] for name in SCENARIOS if (found := kept(name, folder))}
    machine, sizes, real = (
        (kept(name, folder) or {"series": {}})["series"] for name in ("machine", "size", "size-real")
    )
    (folder.parent / "RESULTS.md").write_text(page(machine, rows, sizes, real))
    readme.write_text(put(readme.read_text(), summary(rows, sizes)))
    try:
        from bench import charts
    except ImportError:
        sys.stderr.write("charts left out: matplotlib is not installed (pip install -e '.[bench]')\n")
        return
    if shown := charted(rows):
        charts.bars(folder / "cpu.svg", "CPU for each query", "microseconds", *shown)
    if churn := churned(rows):
        units = ("changes of endpoints a second", "CPU for each query, microseconds")
        charts.lines(folder / "churn.svg", "While the cluster changes: ClusterIP, A", units, churn)
    if sizes:
        units = ("endpoints", "resident, MB")
        charts.lines(folder / "memory.svg", "Memory", units, memory(sizes))
        units = ("Services", "CPU for each query, microseconds")
        charts.lines(folder / "growth.svg", "While the cluster grows", units, growth(sizes))


def page(machine: Mapping[str, str], rows: Mapping[str, Rounds], sizes: Rounds, real: Rounds) -> str:
    """The page in Markdown."""
    parts = [_INTRODUCTION.format(machine=words(machine))]
    parts += ["## CPU for each query, in microseconds", "![CPU for each query](results/cpu.svg)", cpu_table(rows)]
    parts += ["`!`: more than one question in a thousand was not answered. `failed`: none was."]
    parts += [
        f"Not answered alike: `{name}`: {differ}." for name, found in rows.items() if (differ := disagreement(found))
    ]
    parts += ["## Big answers", _BIG, size_of_replies(rows)]
    parts += ["## While the cluster changes", "![CPU under changes](results/churn.svg)", churn_table(rows)]
    parts += ["## While the cluster grows", "![Memory](results/memory.svg)", "![Growth](results/growth.svg)"]
    parts += [size_table(name, found) for name, found in sizes.items()]
    parts += [_SIZES]
    if real:
        parts += [
            "### With a real API server",
            _REAL,
            *(size_table(name, found, real=True) for name, found in real.items()),
        ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def words(machine: Mapping[str, str]) -> str:
    """The machine in a sentence."""
    return "Measured on: " + "; ".join(f"{name} {value}" for name, value in machine.items()) + "."


def cpu_table(rows: Mapping[str, Rounds]) -> str:
    """A row for each scenario, a column for each server, how kdns stands to two of them, how to measure it again."""
    head = ["what is asked", *ALL, "kdns / knot", "kdns / coredns", "again"]
    lines = []
    for name, found in rows.items():
        cells = [cell(found[server]) if server in found else "" for server in ALL]
        ratios = [ratio(found, "knot"), ratio(found, "coredns")]
        lines.append([SCENARIOS[name].about, *cells, *ratios, f"`python -m bench --only {name}`"])
    return markdown(head, lines)


def size_of_replies(rows: Mapping[str, Rounds]) -> str:
    """Bytes of a reply, on average, of each server."""
    lines = [
        [
            SCENARIOS[name].about,
            *(_bytes(rows[name].get(server, ())) for server in NAMES),
            f"`python -m bench --only {name}`",
        ]
        for name in BIG
        if name in rows
    ]
    return markdown(["what is asked", *NAMES, "again"], lines)


def churn_table(rows: Mapping[str, Rounds]) -> str:
    """CPU for each query under changes, against that at rest."""
    found = churned(rows)
    head = ["changes a second", *(f"{name}, of rest" for name in found), "again"]
    lines = [
        [f"{changes:,}", *(_of_rest(points, changes) for points in found.values()), f"`python -m bench --only {name}`"]
        for changes, name in CHURN.items()
        if changes
    ]
    return markdown(head, lines)


def size_table(name: str, found: Sequence[Mapping[str, Any]], *, real: bool = False) -> str:
    """A row for each size of cluster, a column for each figure that there is."""
    columns = [column for column in SIZES if any(column[0] in each for each in found)]
    head = [f"{name}: {columns[0][1]}", *(title for _, title, _ in columns[1:]), "again"]
    again = f"--servers {name}" + " --real" * real
    lines = [
        [
            *(form.format(each[key]) if key in each else "" for key, _, form in columns),
            f"`python -m bench.size --only {each['size']} {again}`",
        ]
        for each in found
    ]
    return markdown(head, lines)


def markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; figures to the right."""
    rule = ["---", *("---:" for _ in head[1:-1]), "---"]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


def ratio(found: Rounds, other: str) -> str:
    """How kdns's CPU stands to another's."""
    if not found.get("kdns") or not found.get(other):
        return ""
    return f"{of(found['kdns'], 'cpu').median / of(found[other], 'cpu').median:.2f}"


def charted(rows: Mapping[str, Rounds]) -> tuple[list[str], dict[str, list[float | None]]] | None:
    """Rows and bars of the main chart; None where nothing was measured."""
    there = [name for name in CHARTED if name in rows]
    servers = [each for each in ALL if each != "kdns-alone"]
    if not there:
        return None
    values = {each: [_median(rows[name].get(each)) for name in there] for each in servers}
    return [SCENARIOS[name].about for name in there], {each: found for each, found in values.items() if any(found)}


def churned(rows: Mapping[str, Rounds]) -> dict[str, list[tuple[float, float]]]:
    """Of each server, CPU by changes a second."""
    found = {
        server: [
            (float(changes), of(rows[name][server], "cpu").median)
            for changes, name in CHURN.items()
            if name in rows and rows[name].get(server)
        ]
        for server in FOLLOWERS
    }
    return {server: points for server, points in found.items() if points}


def memory(sizes: Rounds) -> dict[str, list[tuple[float, float]]]:
    """Resident memory by endpoints, with answers kept and at most."""
    lines = {}
    for name, found in sizes.items():
        by_endpoints = sorted(found, key=lambda each: each["endpoints"])
        lines[f"{name}, steady"] = [(each["endpoints"], each.get("steady", each["started"])) for each in by_endpoints]
        lines[f"{name}, peak of a relist"] = [(each["endpoints"], each["relist_peak"]) for each in by_endpoints]
    return lines


def growth(sizes: Rounds) -> dict[str, list[tuple[float, float]]]:
    """CPU of a hit and of a wrong name by Services, which have five endpoints each."""
    return {
        f"{name}, {what}": sorted(
            (float(each["services"]), float(each[key]))
            for each in found
            if key in each and each["endpoints"] == 5 * each["services"]
        )
        for name, found in sizes.items()
        for key, what in (("hit", "a Service's address"), ("wrong", "wrong names, none twice"))
    }


def _of_rest(points: Sequence[tuple[float, float]], changes: int) -> str:
    found = dict(points)
    return f"{found[changes] / found[0]:.2f}" if changes in found and 0 in found else ""


def _bytes(rounds: Sequence[Mapping[str, Any]]) -> str:
    return f"{of(rounds, 'response').median:,.0f}" if rounds else ""


def _median(rounds: Sequence[Mapping[str, Any]] | None) -> float | None:
    return of(rounds, "cpu").median if rounds else None


if __name__ == "__main__":
    main()
