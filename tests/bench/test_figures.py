"""What rounds say, and how it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import keep, kept, middle, of


@pytest.mark.parametrize(
    ("values", "median", "spread"),
    [([4.0], 4, 0), ([5.0, 4.0, 7.0], 5, 1.5), ([1.0, 2.0, 4.0, 9.0], 3, 4)],
    ids=["one", "three", "four"],
)
def test_the_middle_is_the_median_with_half_the_range(values: list[float], median: float, spread: float) -> None:
    assert middle(values) == (median, spread)


def test_a_figure_is_taken_out_of_each_round() -> None:
    assert of([{"cpu": 3, "rate": 1}, {"cpu": 5, "rate": 9}], "cpu").median == 4


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    series = {"kdns": [{"cpu": 5.25}], "knot": [{"cpu": 4.5}]}
    keep("clusterip", series, tmp_path / "results")
    assert kept("clusterip", tmp_path / "results") == {"series": series}
    assert list(kept("clusterip", tmp_path / "results") or {}) == ["series"]


def test_what_was_never_measured_is_none(tmp_path: Path) -> None:
    assert kept("clusterip", tmp_path) is None
