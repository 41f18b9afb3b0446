"""Charts: SVG that says what it shows, the same bytes for the same figures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install -e '.[bench]')")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")

from bench.charts import bars, lines  # noqa: E402


def texts(path: Path) -> set[str]:
    root = ElementTree.fromstring(path.read_text())
    return {"".join(each.itertext()).strip() for each in root.iter("{http://www.w3.org/2000/svg}text")}


def test_bars_carry_their_figures(tmp_path: Path) -> None:
    shown: dict[str, list[float | None]] = {"kdns": [5.04, 12.0], "knot": [4.41, None]}
    bars(tmp_path / "one.svg", "CPU", "microseconds", ["ClusterIP, A", "wrong names"], shown)
    assert {"CPU", "microseconds", "ClusterIP, A", "wrong names", "kdns", "knot", "5.0", "12.0", "4.4"} <= texts(
        tmp_path / "one.svg"
    )


def test_lines_are_named(tmp_path: Path) -> None:
    shown = {"kdns, steady": [(0.0, 40.0), (25_000.0, 60.0)], "kdns, peak": [(0.0, 41.0), (25_000.0, 70.0)]}
    lines(tmp_path / "one.svg", "Memory", ("endpoints", "MB"), shown)
    assert {"Memory", "endpoints", "MB", "kdns, steady", "kdns, peak", "25,000"} <= texts(tmp_path / "one.svg")


def test_the_same_figures_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        lines(tmp_path / name, "Memory", ("endpoints", "MB"), {"kdns": [(0.0, 40.0), (9.0, 60.0)]})
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
