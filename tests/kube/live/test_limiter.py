"""The token bucket and the bound on requests on their way, on a clock that jumps."""

from __future__ import annotations

import asyncio

import pytest

from kdns.kube.live.limiter import DEFAULT_BURST, DEFAULT_QPS, Limiter
from tests.warp import warp


def limiter(qps: float = 0.0, burst: int = 0, inflight: int = 0) -> Limiter:
    return Limiter(qps, burst, inflight, clock=warp().time, sleep=asyncio.sleep)


async def starts(made: Limiter, count: int, lasting: float = 0.0) -> list[float]:
    """When each of so many requests that want to go at once goes, in seconds from now."""
    begin, found = warp().time(), []

    async def one() -> None:
        async with made.turn() as held:
            found.append(warp().time() - begin)
            assert held == pytest.approx(found[-1])
            await asyncio.sleep(lasting)

    await asyncio.gather(*(one() for _ in range(count)))
    return found


@pytest.mark.parametrize(
    ("qps", "burst", "first", "every"),
    [(0.0, 0, DEFAULT_BURST, 1 / DEFAULT_QPS), (2.0, 3, 3, 0.5), (100.0, 1, 1, 0.01), (0.1, 1, 1, 10.0)],
    ids=["defaults", "2 a second", "100 a second", "6 a minute"],
)
async def test_a_burst_goes_at_once_and_the_rest_at_its_rate(qps: float, burst: int, first: int, every: float) -> None:
    found = await starts(limiter(qps, burst), first + 4)
    assert found[:first] == [0.0] * first
    assert found[first:] == pytest.approx([every * place for place in range(1, 5)])


async def test_rest_fills_the_bucket_and_never_above_the_burst() -> None:
    made = limiter(qps=2.0, burst=3)
    await starts(made, 3)
    await asyncio.sleep(1.0)
    assert await starts(made, 3) == pytest.approx([0.0, 0.0, 0.5])
    await asyncio.sleep(3600.0)
    assert await starts(made, 4) == pytest.approx([0.0, 0.0, 0.0, 0.5])


async def test_no_more_are_on_their_way_than_may_be() -> None:
    assert await starts(limiter(100.0, 100, inflight=2), 6, lasting=5.0) == [0.0, 0.0, 5.0, 5.0, 10.0, 10.0]


async def test_without_a_bound_all_are_on_their_way() -> None:
    assert await starts(limiter(100.0, 100), 50, lasting=5.0) == [0.0] * 50


async def test_a_request_that_fails_gives_its_place_back() -> None:
    made = limiter(100.0, 100, inflight=1)
    with pytest.raises(OSError, match="gone"):
        async with made.turn():
            raise OSError("gone")
    assert await starts(made, 1) == [0.0]


async def test_asking_again_in_a_place_that_is_held_takes_a_token_too() -> None:
    made = limiter(2.0, 1, inflight=1)
    async with made.turn() as held:
        assert held == 0.0
        assert await made.token() == pytest.approx(0.5)
    assert await starts(made, 1) == pytest.approx([0.5])
