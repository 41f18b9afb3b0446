"""What was given from the memo and not told of yet.

A hit costs less than telling of it once, so those who count (`Keep.tallies`) are told of many alike together: before
anybody reads the metrics, and ten times a second while there are hits.
"""

from __future__ import annotations

# It counts in C what lies in a list: a third of the time that a loop takes. `Counter.update` comes to the same,
# by a longer way.
from collections import _count_elements  # type: ignore[attr-defined]
from collections.abc import Callable, Iterable

from kdns.chain import Sent, Tally, Transport
from kdns.metrics import FINEST, Metrics
from kdns.serve.entry import Lying

LATE = 0.1
"""Seconds after which those who count are told."""
_MOST = 4096
"""Different replies after which they are told earlier."""


class Ledger:
    """Of one responder. `clock` is loop time in seconds; `fault` takes exceptions of those who are told."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float], fault: Callable[[Exception], None]) -> None:
        self._hits = metrics.memo_hits
        self._clock = clock
        self._fault = fault
        self._given: dict[tuple[Transport, int], dict[Lying, int]] = {}
        self._count = 0
        self._seconds = 0.0
        self._settled = clock()

    def gave(self, given: list[Lying], transport: Transport, family: int, seconds: float) -> None:
        """These were given together to clients of one address family, `seconds` after they were asked for."""
        slow = seconds > FINEST
        if slow:  # it would be lost among the quick ones
            self.settle()
        counts = self._given.setdefault((transport, family), {})
        _count_elements(counts, given)
        self._count += len(given)
        self._seconds += seconds * len(given)
        if slow or len(counts) > _MOST or self._clock() - self._settled > LATE:
            self.settle()

    def settle(self) -> None:
        """Tell of all that was not told of yet."""
        self._settled = self._clock()
        if not self._count:
            return
        seconds, given = self._seconds / self._count, self._given
        self._hits.inc(self._count)
        self._given, self._count, self._seconds = {}, 0, 0.0
        for (transport, family), counts in given.items():
            for (tallies, asked, size), count in _alike(counts).items():
                self._tell(tallies, Sent(count, transport, family, asked, size, seconds))

    def _tell(self, tallies: Iterable[Tally], sent: Sent) -> None:
        for tally in tallies:
            try:
                tally(sent)
            except Exception as error:  # one that fails must not keep the others from counting
                self._fault(error)


def _alike(counts: dict[Lying, int]) -> dict[tuple[tuple[Tally, ...], int, int], int]:
    """How many there were of those whom the same are told of in the same words; each is marked as asked for."""
    alike: dict[tuple[tuple[Tally, ...], int, int], int] = {}
    for lying, count in counts.items():
        lying.found()
        key = lying.keep.tallies, lying.asked, lying.length
        alike[key] = alike.get(key, 0) + count
    return alike
