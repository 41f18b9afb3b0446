"""Questions that could not be answered a moment ago are not asked again at once (RFC 9520 §3.2).

The first failure counts for a second, each further one in a row for twice as long, up to five.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from kdns.upstream.faults import UpstreamError

_FIRST = 1.0
_LONGEST = 5.0
"""Seconds; RFC 9520 §3.2 wants one at least, and a backoff."""
_ROW = 10.0
"""Seconds after which a further failure begins a new row; asking in vain takes some of them."""
_MOST = 10_000


class _Failure(NamedTuple):
    error: UpstreamError
    until: float
    seconds: float


class Failures:
    """The latest failures, at most ten thousand. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[Hashable, _Failure] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Hashable) -> UpstreamError | None:
        """Why this failed, if that still counts."""
        failure = self._known.get(key)
        return failure.error if failure is not None and self._clock() < failure.until else None

    def add(self, key: Hashable, error: UpstreamError) -> None:
        """It has failed."""
        before = self._known.pop(key, None)
        now = self._clock()
        in_a_row = before is not None and now < before.until + _ROW
        seconds = min(before.seconds * 2, _LONGEST) if before is not None and in_a_row else _FIRST
        self._known[key] = _Failure(error, now + seconds, seconds)
        if len(self._known) > _MOST:
            del self._known[next(iter(self._known))]

    def forget(self, key: Hashable) -> None:
        """It has been answered."""
        self._known.pop(key, None)
