"""One question in flight for all who ask it: ten thousand clients cost the server one message.

It also leaves a forger one chance at a time instead of one per client (RFC 5452 §5, "birthday attacks").
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import Generic, TypeVar

T = TypeVar("T")
Land = Callable[[T | None, BaseException | None], None]
"""Is given what came of a flight, or what was raised instead. Must not raise."""


class Flight(Generic[T]):
    """What is asked under a key. `waiters` are those who want to know."""

    __slots__ = ("key", "task", "waiters")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.waiters: list[Land[T]] = []
        self.task: asyncio.Task[None] | None = None

    def give_up(self) -> None:
        """End what no task is at work for."""


class Flights(Generic[T]):
    """What is being asked now, by key."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight[T]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._flights

    def get(self, key: Hashable) -> Flight[T] | None:
        """The one with this key."""
        return self._flights.get(key)

    async def join(self, key: Hashable, begin: Callable[[], Awaitable[T]]) -> T:
        """What comes of the flight with this key; it is begun if there is none.

        One who waits may be cancelled, the flight goes on. Raises what `begin` raises, to each.
        """
        flight = self._flights.get(key)
        if flight is None:
            flight = Flight(key)
            self.add(flight)
            self.go_on(flight, begin)
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        flight.waiters.append(partial(_tell, waiter))  # asyncio.shield would do it for twice the price
        return await waiter

    def add(self, flight: Flight[T]) -> None:
        """This one is under way, and ends with `land`."""
        self._flights[flight.key] = flight

    def go_on(self, flight: Flight[T], begin: Callable[[], Awaitable[T]]) -> None:
        """Let a task go on with it."""
        flight.task = asyncio.get_running_loop().create_task(self._run(flight, begin))

    def land(self, flight: Flight[T], result: T | None, error: BaseException | None = None) -> None:
        """Tell all who wait; once, whatever comes after."""
        if self._flights.get(flight.key) is flight:
            del self._flights[flight.key]
        waiters, flight.waiters = flight.waiters, []
        for tell in waiters:
            tell(result, error)

    async def stop(self) -> None:
        """End all of them."""
        flights = list(self._flights.values())
        tasks = [flight.task for flight in flights if flight.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for flight in flights:
            flight.give_up()
            self.land(flight, None, asyncio.CancelledError())  # those, and whose task had not begun

    async def _run(self, flight: Flight[T], begin: Callable[[], Awaitable[T]]) -> None:
        try:
            result = await begin()
        except asyncio.CancelledError as error:
            self.land(flight, None, error)
            raise
        except Exception as error:
            self.land(flight, None, error)
        else:
            self.land(flight, result)


def _tell(waiter: asyncio.Future[T], result: T | None, error: BaseException | None) -> None:
    if waiter.done():
        return
    if isinstance(error, asyncio.CancelledError):
        waiter.cancel()
    elif error is not None:
        waiter.set_exception(error)
    else:
        waiter.set_result(result)  # type: ignore[arg-type]
