"""Time limits for very many waits that may all take equally long: one timer, where each would need its own.

`asyncio.timeout` takes 7 µs for a wait that ends in time, and more the more timers the loop has; this takes 2.
"""

from __future__ import annotations

import asyncio
from itertools import takewhile
from types import TracebackType
from typing import Any, Protocol


class Late(Protocol):
    """Who is told that time is over; hashable."""

    def miss(self) -> None:
        """Time is over. Must not raise."""


class Deadlines:
    """`with deadlines.new(): await ...` raises TimeoutError where that takes longer than `seconds`. Who waits without
    a task is added, and told.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends: dict[Late, float] = {}
        """In the order in which they come, since all began with the same time."""
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._ends)

    def new(self) -> Deadline:
        """One that counts from when a task enters it."""
        return Deadline(self)

    def add(self, deadline: Late) -> float:
        """It counts from now on; loop time, as it is now."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._ends[deadline] = end = now + self.seconds
        if self._timer is None:
            self._timer = loop.call_at(end, self._look)
        return now

    def drop(self, deadline: Late) -> None:
        """It counts no more. The timer stays: there may be others until it rings."""
        self._ends.pop(deadline, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in [each for each, _ in takewhile(lambda item: item[1] <= now, self._ends.items())]:
            del self._ends[deadline]
            deadline.miss()
        end = next(iter(self._ends.values()), None)
        self._timer = None if end is None else loop.call_at(end, self._look)


class Deadline:
    """Of one wait: cancels what the task does within, and makes a TimeoutError of that."""

    __slots__ = ("_cancelling", "_deadlines", "_is_missed", "_task")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._is_missed = False

    def miss(self) -> None:
        """Time is over."""
        self._is_missed = True
        self._task.cancel()

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task: asyncio.Task[Any] = task
        self._cancelling = task.cancelling()
        self._deadlines.add(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._deadlines.drop(self)
        # As in asyncio.timeout: somebody else who cancels the task meanwhile is not to be mistaken for time.
        if self._is_missed and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
