"""Charts as SVG: the one module that speaks to matplotlib (`pip install -e '.[bench]'`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

COLOURS = {"kdns": "#2563eb", "kdns-alone": "#93b4f5", "knot": "#6b7280", "unbound": "#b6bcc6", "coredns": "#e08b3a"}
_STYLE = {
    "svg.hashsalt": "kdns",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_BAR = 0.8
Point = tuple[float, float]


def bars(path: Path, title: str, unit: str, rows: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> None:
    """Bars side by side for each row, those of the first row on top; None is left out."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 0.6 + 0.22 * (len(series) + 1) * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        height = _BAR / len(series)
        for turn, (name, values) in enumerate(series.items()):
            there = [(row + turn * height, value) for row, value in enumerate(values) if value is not None]
            drawn = axes.barh([at for at, _ in there], [value for _, value in there], height * 0.9)
            for bar in drawn:
                bar.set_color(COLOURS[name])
            axes.bar_label(drawn, fmt="%.1f", padding=3, fontsize=8)
            drawn.set_label(name)
        axes.set_yticks([row + _BAR / 2 - height / 2 for row in range(len(rows))], rows)
        axes.margins(y=0.02)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.set_title(title, loc="left")
        axes.legend(frameon=False, loc="best")
        _save(figure, path)


def lines(path: Path, title: str, units: tuple[str, str], series: Mapping[str, Sequence[Point]]) -> None:
    """A line for each; what is named `SERVER, WHAT` has the server's colour, all but the first of them dashed."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 3.6), layout="constrained")
        axes = figure.add_subplot()
        seen: set[str] = set()
        for name, points in series.items():
            server = name.partition(",")[0]
            style = "--" if server in seen else "-"
            seen.add(server)
            across, up = zip(*points, strict=True)
            axes.plot(across, up, style, color=COLOURS[server], label=name, marker="o", markersize=4)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(units[0])
        axes.set_ylabel(units[1])
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_title(title, loc="left")
        axes.legend(frameon=False)
        _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """The same bytes for the same data."""
    figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
    text = path.read_text()
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")
