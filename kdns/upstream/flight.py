"""One question in flight for all who ask it: ten thousand clients cost the server one message.

It also leaves a forger one chance at a time instead of one per client (RFC 5452 §5, "birthday attacks").
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from operator import methodcaller
from typing import Generic, TypeVar

T = TypeVar("T")
_CANCEL = methodcaller("cancel")


class Flights(Generic[T]):
    """What is being asked now, by key."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    async def join(self, key: Hashable, begin: Callable[[], Awaitable[T]]) -> T:
        """What comes of the flight with this key; it is begun if there is none.

        One who waits may be cancelled, the flight goes on. Raises what `begin` raises, to each.
        """
        loop = asyncio.get_running_loop()
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight([])
            flight.task = loop.create_task(self._run(key, flight, begin))
        waiter: asyncio.Future[T] = loop.create_future()
        flight.waiters.append(waiter)  # asyncio.shield would do it for twice the price
        return await waiter

    async def stop(self) -> None:
        """End all of them."""
        flights = list(self._flights.items())
        tasks = [flight.task for _, flight in flights if flight.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for key, flight in flights:
            self._land(key, flight, _CANCEL)  # whose task had not begun

    async def _run(self, key: Hashable, flight: _Flight[T], begin: Callable[[], Awaitable[T]]) -> None:
        try:
            result = await begin()
        except asyncio.CancelledError:
            self._land(key, flight, _CANCEL)
            raise
        except Exception as error:
            self._land(key, flight, methodcaller("set_exception", error))
        else:
            self._land(key, flight, methodcaller("set_result", result))

    def _land(self, key: Hashable, flight: _Flight[T], tell: Callable[[asyncio.Future[T]], object]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
        for waiter in flight.waiters:
            if not waiter.done():
                tell(waiter)


@dataclass(slots=True)
class _Flight(Generic[T]):
    """`waiters` are those who ask."""

    waiters: list[asyncio.Future[T]]
    task: asyncio.Task[None] | None = None
