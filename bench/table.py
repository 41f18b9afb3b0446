"""The table that is printed: scenarios down, servers across, microseconds of CPU for each query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.figures import Rounds, of

LOST = 0.001
"""Share of questions without an answer from which on a figure carries a mark."""


def cell(rounds: Sequence[Mapping[str, object]]) -> str:
    """Median and spread of the CPU: `4.84 ± 0.05`; with a mark where answers were lost."""
    if not rounds:
        return "failed"
    found = of(rounds, "cpu")
    return f"{found.median:.2f} ± {found.spread:.2f}" + ("!" if lost(rounds) > LOST else "")


def lost(rounds: Sequence[Mapping[str, object]]) -> float:
    """The share of questions that were not answered."""
    missing = sum(int(str(each["lost"])) for each in rounds)
    answered = sum(int(str(each["queries"])) for each in rounds)
    return missing / (missing + answered) if missing + answered else 0.0


def disagreement(found: Rounds) -> str:
    """Which rcodes each server gave, where they are not the same: then not the same work was measured; else nothing."""
    given = {
        name: sorted({code for each in rounds for code in each["rcodes"]}) for name, rounds in found.items() if rounds
    }
    if len({tuple(codes) for codes in given.values()}) < 2:
        return ""
    return ", ".join(f"{name} {' and '.join(codes)}" for name, codes in given.items())


def table(rows: Mapping[str, Rounds], servers: Sequence[str]) -> str:
    """Aligned text. Rows by what they are about."""
    lines = [["CPU for each query, in microseconds", *servers]]
    lines += [
        [about, *(cell(found[name]) if name in found else "" for name in servers)] for about, found in rows.items()
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )
