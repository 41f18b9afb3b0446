"""The comparison with a list while the watch goes on: what it mends, and what is none of its business."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from kdns.kube.live.faults import ApiFault
from kdns.kube.live.holding import Holding
from kdns.kube.live.listwatch import Event
from kdns.kube.live.reflector import Cause, Reflector
from kdns.kube.live.timing import Timing
from tests.kube.live.played import Played, Seen, Stream, event, listing, stream
from tests.warp import warp

UNSUPPORTED = ApiFault(422, "Invalid")
FOR_EVER = 1e6


def end(version: str) -> Event:
    return Event("BOOKMARK", version, initial_end=True)


@asynccontextmanager
async def following(source: Played) -> AsyncIterator[tuple[Seen, Reflector]]:
    """A reflector that runs, and what it holds."""
    seen = Seen()
    timing = Timing(warp().time, warp().wall, asyncio.sleep, Random(1))
    reflector = Reflector(source, Holding(seen, lambda _: None), seen, timing)
    task = asyncio.create_task(reflector.run())
    try:
        await asyncio.sleep(1)
        yield seen, reflector
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def streamed(*during: Event | Exception | float, compared: Stream) -> Played:
    """Objects a and b at version 10; then the watch; then the list to compare with."""
    first = stream(event("ADDED", "a", "9"), event("ADDED", "b", "10"), end("10"))
    return Played(watches=[stream(*first, *during, FOR_EVER), compared])


async def test_objects_that_are_wrong_are_mended_and_counted() -> None:
    """a is gone, b is later, c was never heard of; none of it came as an event."""
    source = streamed(compared=stream(event("ADDED", "b", "12"), event("ADDED", "c", "11"), end("12")))
    async with following(source) as (seen, reflector):
        assert await reflector.audit() == 3
        assert seen.names == {"b", "c"}
        assert (seen.causes, seen.differed) == ([Cause.FIRST, Cause.AUDIT], [2, 3])


async def test_nothing_older_than_what_is_known_is_asked_for() -> None:
    """A cache that lags has objects that have ended since."""
    source = streamed(event("DELETED", "a", "15"), compared=stream(event("ADDED", "b", "10"), end("15")))
    async with following(source) as (seen, reflector):
        assert await reflector.audit() == 0
        assert (seen.names, source.order[-1]) == ({"b"}, ("stream", "15"))


async def test_without_streamed_lists_neither() -> None:
    source = Played(
        lists=[listing("10", "a", "b"), listing("16", "a")],
        watches=[[UNSUPPORTED], [event("ADDED", "a", "16"), FOR_EVER]],
    )
    async with following(source) as (seen, reflector):
        assert await reflector.audit() == 1
        assert (seen.names, source.order[-1]) == ({"a"}, ("list", "16"))


@pytest.mark.parametrize("told", [event("DELETED", "a", "13"), event("MODIFIED", "a", "14")], ids=["ended", "changed"])
async def test_what_the_watch_speaks_of_meanwhile_is_its_own_affair(told: Event) -> None:
    source = streamed(5.0, told, compared=stream(event("ADDED", "a", "9"), event("ADDED", "b", "10"), 9.0, end("12")))
    async with following(source) as (seen, reflector):
        assert await reflector.audit() == 0
        assert seen.names == ({"b"} if told.type == "DELETED" else {"a", "b"})


async def test_the_watch_is_given_time_to_reach_the_list() -> None:
    source = streamed(
        30.0, event("ADDED", "c", "12"), compared=stream(*map(late, ("a", "b")), event("ADDED", "c", "12"), end("12"))
    )
    async with following(source) as (seen, reflector):
        begin = warp().time()
        assert await reflector.audit() == 0
        assert 28 < warp().time() - begin < 31
        assert seen.names == {"a", "b", "c"}


def late(name: str) -> Event:
    return event("ADDED", name, {"a": "9", "b": "10"}[name])


async def test_a_list_that_is_taken_in_meanwhile_is_the_later_word() -> None:
    """The watch expires, and the new list has no a: the older list that is still on its way does not bring it back."""
    first = stream(event("ADDED", "a", "9"), event("ADDED", "b", "10"), end("10"))
    source = Played(
        watches=[
            stream(*first, 2.0, ApiFault(410, "Expired", in_stream=True)),
            stream(event("ADDED", "a", "9"), event("ADDED", "b", "10"), 20.0, end("11")),
            stream(event("ADDED", "b", "10"), end("20"), FOR_EVER),
        ]
    )
    async with following(source) as (seen, reflector):
        assert await reflector.audit() == 0
        assert (seen.names, seen.causes) == ({"b"}, [Cause.FIRST, Cause.EXPIRED])


async def test_before_the_first_list_there_is_nothing_to_compare() -> None:
    source = Played(watches=[stream(FOR_EVER)])
    async with following(source) as (_, reflector):
        assert await reflector.audit() == 0
        assert source.order == [("stream", "")]


async def test_one_that_fails_says_so_and_the_next_is_not_the_worse_for_it() -> None:
    source = streamed(compared=[ApiFault(500, "InternalError")])
    source._watches.append(stream(event("ADDED", "b", "10"), end("12")))  # noqa: SLF001
    async with following(source) as (seen, reflector):
        with pytest.raises(ApiFault):
            await reflector.audit()
        assert await reflector.audit() == 1
        assert seen.names == {"b"}
