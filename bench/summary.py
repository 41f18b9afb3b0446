"""What the README says of speed: figures between two marks, so that they are those of bench/results.

Where others are ahead is said as well: it is worked out, not chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.figures import Rounds, of
from bench.scenarios import SCENARIOS

SHOWN = ("clusterip", "mix", "wrong", "first", "wide-1000", "tcp", "churn-200", "outside", "forward")
TITLES = {"kdns": "kdns", "coredns": "CoreDNS", "knot": "Knot DNS", "unbound": "Unbound"}
_MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->\n)", re.DOTALL)
_ABOUT_EQUAL = 1.1
"""Up to this ratio two figures say the same."""


def put(readme: str, text: str) -> str:
    """A README with its figures exchanged. Raises ValueError where it has no marks."""
    if not _MARKS.search(readme):
        raise ValueError("the README has no place for figures")
    return _MARKS.sub(lambda found: f"{found[1]}{text}{found[2]}", readme)


def summary(rows: Mapping[str, Rounds], sizes: Rounds) -> str:
    """The main scenarios as a table, who is ahead where, and memory."""
    parts = [_table(rows)]
    parts += [
        ahead(rows, name) for name in TITLES if name != "kdns" and any(found.get(name) for found in rows.values())
    ]
    parts += memory(sizes)
    return "\n".join(parts) + "\n"


def ahead(rows: Mapping[str, Rounds], other: str) -> str:
    """Where kdns uses more than another server: of CoreDNS each scenario, of those that do less work how many."""
    ratios = {
        SCENARIOS[name].about: of(found["kdns"], "cpu").median / of(found[other], "cpu").median
        for name, found in rows.items()
        if found.get("kdns") and found.get(other)
    }
    more = sorted(((ratio, about) for about, ratio in ratios.items() if ratio > _ABOUT_EQUAL), reverse=True)
    if not more:
        return f"- {TITLES[other]} is nowhere ahead of kdns."
    told = "; ".join(f"{about} ({ratio:.1f} times)" for ratio, about in more)
    if other != "coredns":
        told = f"{more[-1][0]:.1f} to {more[0][0]:.1f} times, most for {more[0][1]}"
    return f"- kdns uses more CPU than {TITLES[other]} in {len(more)} of {len(ratios)} scenarios: {told}."


def memory(sizes: Rounds) -> list[str]:
    """Memory of the two that follow an API server, at each size."""
    found = {name: {each["endpoints"]: each for each in sizes.get(name, ())} for name in ("kdns", "coredns")}
    both = sorted(set(found["kdns"]) & set(found["coredns"]))
    if not both:
        return []
    told = "; ".join(f"{_pair(found, at)} at {at:,} endpoints" for at in both if "steady" in found["kdns"][at])
    return [f"- Memory, with answers kept, kdns and CoreDNS: {told}."]


def _pair(found: Mapping[str, Mapping[int, Mapping[str, Any]]], at: int) -> str:
    return " and ".join(f"{found[name][at]['steady']:.0f}" for name in ("kdns", "coredns")) + " MB"


def _table(rows: Mapping[str, Rounds]) -> str:
    lines = ["| CPU for each query, µs | " + " | ".join(TITLES.values()) + " |", "| --- |" + " ---: |" * len(TITLES)]
    lines += [
        f"| {SCENARIOS[name].about} | " + " | ".join(_median(rows[name].get(server, ())) for server in TITLES) + " |"
        for name in SHOWN
        if name in rows
    ]
    return "\n".join(lines) + "\n"


def _median(rounds: Sequence[Mapping[str, Any]]) -> str:
    return f"{of(rounds, 'cpu').median:.1f}" if rounds else ""
