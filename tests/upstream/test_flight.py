from __future__ import annotations

import asyncio

import pytest

from kdns.upstream.flight import Flights


class Trip:
    """Something that takes until it is told what comes of it."""

    def __init__(self) -> None:
        self.begun = 0
        self.end: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self) -> str:
        self.begun += 1
        return await asyncio.shield(self.end)


async def waiting(flights: Flights[str], trip: Trip, count: int) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(flights.join("key", trip)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_ten_thousand_who_ask_the_same_are_one_flight() -> None:
    flights, trip = Flights[str](), Trip()
    tasks = await waiting(flights, trip, 10_000)
    assert (len(flights), trip.begun, "key" in flights) == (1, 1, True)
    trip.end.set_result("there")
    assert set(await asyncio.gather(*tasks)) == {"there"}
    assert (len(flights), "key" in flights) == (0, False)


async def test_other_keys_are_other_flights() -> None:
    flights, one, other = Flights[str](), Trip(), Trip()
    one.end.set_result("1")
    other.end.set_result("2")
    found = await asyncio.gather(flights.join("a", one), flights.join("b", other))
    assert list(found) == ["1", "2"]


async def test_who_comes_after_the_landing_begins_anew() -> None:
    flights, trip = Flights[str](), Trip()
    trip.end.set_result("there")
    assert [await flights.join("key", trip) for _ in range(2)] == ["there", "there"]
    assert trip.begun == 2


async def test_one_who_gives_up_does_not_end_it_for_the_others() -> None:
    flights, trip = Flights[str](), Trip()
    first, second = await waiting(flights, trip, 2)
    first.cancel()
    await asyncio.wait([first])
    trip.end.set_result("there")
    assert (first.cancelled(), await second, trip.begun) == (True, "there", 1)


async def test_it_goes_on_when_all_have_given_up() -> None:
    flights, trip = Flights[str](), Trip()
    (only,) = await waiting(flights, trip, 1)
    only.cancel()
    await asyncio.wait([only])
    assert len(flights) == 1
    trip.end.set_exception(ValueError("nobody hears this"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(flights) == 0


async def test_what_it_raises_is_raised_to_each() -> None:
    flights, trip = Flights[str](), Trip()
    tasks = await waiting(flights, trip, 2)
    trip.end.set_exception(ValueError("no"))
    for task in tasks:
        with pytest.raises(ValueError, match="no"):
            await task


async def test_at_the_end_all_are_ended() -> None:
    flights, trip = Flights[str](), Trip()
    tasks = await waiting(flights, trip, 2)
    await flights.stop()
    await asyncio.wait(tasks)
    assert [task.cancelled() for task in tasks] == [True, True]
    await Flights[str]().stop()
