"""How long to wait before the next try, with client-go's constants (tools/cache/reflector.go)."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

FIRST = 0.8
FACTOR = 2.0
LONGEST = 30.0
RESET = 120.0
"""Seconds after which the next wait is a first one again, counted from the last time it was."""


class Backoff:
    """Waits of 0.8 s doubling to 30 s, each up to twice as long by chance. `clock` is in seconds."""

    def __init__(self, random: Random, clock: Callable[[], float]) -> None:
        self._random = random
        self._clock = clock
        self._next = FIRST
        self._began = clock()

    def reset(self) -> None:
        """The next wait is a first one again: what was waited for has come."""
        self._next, self._began = FIRST, self._clock()

    def next(self, least: float = 0.0) -> float:
        """Seconds to wait now; `least` is what the server asked for (`Retry-After`), to which chance is added."""
        if self._clock() - self._began > RESET:
            self.reset()
        delay = self._next * (1.0 + self._random.random())
        self._next = min(self._next * FACTOR, LONGEST)
        return max(delay, least * (1.0 + self._random.random() / 10))
