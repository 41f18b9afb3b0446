"""The README's figures."""

from __future__ import annotations

import pytest

from bench.figures import kept
from bench.scenarios import SCENARIOS
from bench.summary import ahead, memory, put, summary
from tests.processes import ROOT


def rounds(*cpu: float) -> list[dict[str, float]]:
    return [{"cpu": each} for each in cpu]


ROWS = {
    "clusterip": {"kdns": rounds(5.0), "knot": rounds(4.8), "coredns": rounds(30.0)},
    "wrong": {"kdns": rounds(16.0), "knot": rounds(4.0), "coredns": rounds(32.0)},
    "mix": {"kdns": rounds(10.0, 12.0, 14.0), "knot": rounds(4.0), "coredns": []},
}
SIZES: dict[str, list[dict[str, float]]] = {
    "kdns": [{"endpoints": 0}, {"endpoints": 25_000, "steady": 70.4}],
    "coredns": [{"endpoints": 0}, {"endpoints": 25_000, "steady": 120.0}],
}


def test_where_others_are_ahead_is_said_with_the_greatest_distance_first() -> None:
    assert ahead(ROWS, "knot") == (
        "- kdns uses more CPU than Knot DNS in 2 of 3 scenarios: 3.0 to 4.0 times, most for wrong names, none twice."
    )
    assert ahead(ROWS, "coredns") == "- CoreDNS is nowhere ahead of kdns."
    slow = {name: {**found, "coredns": rounds(4.0)} for name, found in ROWS.items()}
    assert ahead(slow, "coredns") == (
        "- kdns uses more CPU than CoreDNS in 3 of 3 scenarios: wrong names, none twice (4.0 times); "
        "a cluster's mix (3.0 times); ClusterIP, A (1.2 times)."
    )


def test_memory_is_told_of_both() -> None:
    assert memory(SIZES) == ["- Memory, with answers kept, kdns and CoreDNS: 70 and 120 MB at 25,000 endpoints."]
    assert memory({}) == []


def test_the_summary_leaves_out_who_was_not_measured() -> None:
    said = summary(ROWS, SIZES)
    assert "| a cluster's mix | 12.0 |  | 4.0 |  |" in said
    assert "Unbound in" not in said


def test_figures_are_put_between_the_marks() -> None:
    readme = "a\n<!-- figures -->\nold\n<!-- end of figures -->\nb\n"
    assert put(readme, "new\n") == readme.replace("old", "new")
    with pytest.raises(ValueError, match="no place"):
        put("a\n", "new\n")


def test_the_readme_s_figures_are_those_that_are_kept() -> None:
    readme = (ROOT / "README.md").read_text()
    rows = {name: found["series"] for name in SCENARIOS if (found := kept(name))}
    sizes = (kept("size") or {"series": {}})["series"]
    assert put(readme, summary(rows, sizes)) == readme
