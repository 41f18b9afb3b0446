"""What is counted with every question, at the price of an addition: no lock is taken, since one thread counts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import inf


class Count:
    """How often something happened under the same labels."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, count: float = 1) -> None:
        """So many times more."""
        self.value += count


class Buckets:
    """What was observed under the same labels, by size; the last of `bounds` is infinite."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * len(bounds)
        self.sum = 0.0

    def observe(self, value: float, count: int = 1) -> None:
        """So many times the same."""
        self._counts[bisect_left(self._bounds, value)] += count
        self.sum += value * count

    def up_to(self) -> list[tuple[str, float]]:
        """As Prometheus has it: each bucket by its bound, with all below it."""
        total, buckets = 0, []
        for bound, count in zip(self._bounds, self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == inf else str(float(bound)), float(total)))
        return buckets
