"""Figures as they are kept: each scenario's rounds in a JSON file; median and spread of them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"
Rounds = Mapping[str, Sequence[Mapping[str, Any]]]
"""Of each series (a server, mostly) its rounds, of each round its figures by name."""


class Middle(NamedTuple):
    """What several rounds say: the median, and half of what lies between the least and the most."""

    median: float
    spread: float


def middle(values: Sequence[float]) -> Middle:
    """Of at least one value."""
    return Middle(statistics.median(values), (max(values) - min(values)) / 2)


def of(rounds: Sequence[Mapping[str, Any]], figure: str) -> Middle:
    """The middle of a figure over rounds."""
    return middle([each[figure] for each in rounds])


def keep(name: str, series: Mapping[str, object], folder: Path = RESULTS) -> None:
    """Write what was measured under a name."""
    folder.mkdir(exist_ok=True)
    text = json.dumps({"series": series}, indent=1)
    (folder / f"{name}.json").write_text(text + "\n")


def kept(name: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """What was measured last under a name."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found
