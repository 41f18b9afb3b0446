"""One question in flight for all who ask it: ten thousand clients cost the server one message.

It also leaves a forger one chance at a time instead of one per client (RFC 5452 §5, "birthday attacks").
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """What is being asked now, by key."""

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[T]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._tasks

    async def join(self, key: Hashable, begin: Callable[[], Awaitable[T]]) -> T:
        """What comes of the flight with this key; it is begun if there is none.

        One who waits may be cancelled, the flight goes on. Raises what `begin` raises, to each.
        """
        task = self._tasks.get(key)
        if task is None:
            task = asyncio.ensure_future(_run(begin))
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._landed(key, done))
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """End all of them."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _landed(self, key: Hashable, task: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # said to those who wait, of whom there may be none left


async def _run(begin: Callable[[], Awaitable[T]]) -> T:
    return await begin()
