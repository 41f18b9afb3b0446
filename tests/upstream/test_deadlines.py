"""Many waits with one timer."""

from __future__ import annotations

import asyncio

import pytest

from kdns.upstream.deadlines import Deadlines
from tests.warp import warp


async def waited(deadlines: Deadlines, seconds: float, *, after: float = 0.0) -> tuple[str, float]:
    """What became of a wait that begins later, and when that was known."""
    await asyncio.sleep(after)
    began = warp().time()
    try:
        with deadlines.new():
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "late", round(warp().time() - began, 3)
    return "in time", round(warp().time() - began, 3)


@pytest.mark.parametrize(
    ("seconds", "outcome", "taken"), [(0, "in time", 0), (1.9, "in time", 1.9), (2.1, "late", 2.0), (60, "late", 2.0)]
)
async def test_a_wait_ends_at_its_deadline(seconds: float, outcome: str, taken: float) -> None:
    assert await waited(Deadlines(2.0), seconds) == (outcome, taken)


async def test_each_wait_has_its_own_deadline() -> None:
    deadlines = Deadlines(2.0)
    found = await asyncio.gather(
        waited(deadlines, 5), waited(deadlines, 1, after=0.5), waited(deadlines, 5, after=1), waited(deadlines, 5)
    )
    assert list(found) == [("late", 2.0), ("in time", 1.0), ("late", 2.0), ("late", 2.0)]
    assert len(deadlines) == 0


async def test_a_deadline_is_kept_after_a_time_without_any() -> None:
    deadlines = Deadlines(2.0)
    await waited(deadlines, 0)
    await asyncio.sleep(10)
    assert await waited(deadlines, 5) == ("late", 2.0)


async def test_the_outer_one_of_two_counts_where_it_comes_first() -> None:
    async def inner() -> str:
        try:
            with Deadlines(2.0).new():
                await asyncio.sleep(60)
        except TimeoutError:
            return "inner"
        return "none"

    with pytest.raises(TimeoutError), Deadlines(1.0).new():
        await inner()
    with Deadlines(3.0).new():
        assert await inner() == "inner"


async def test_who_is_cancelled_by_others_is_cancelled() -> None:
    deadlines = Deadlines(2.0)
    task = asyncio.create_task(waited(deadlines, 60))
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait([task])
    assert (task.cancelled(), len(deadlines)) == (True, 0)


async def test_who_is_cancelled_in_the_moment_of_the_deadline_is_cancelled() -> None:
    task = asyncio.create_task(waited(Deadlines(2.0), 60))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(2.0, task.cancel)
    await asyncio.wait([task])
    assert task.cancelled()


async def test_an_error_within_is_no_timeout() -> None:
    with pytest.raises(ValueError, match="no"), Deadlines(2.0).new():
        raise ValueError("no")
