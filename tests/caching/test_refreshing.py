"""Asking in the background."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kdns.caching.refreshing import Refreshing, outcome
from kdns.chain import Query, Response
from kdns.errors import KdnsError
from kdns.proto.types import RCode
from tests.caching.kept import key
from tests.caching.test_held import query
from tests.warp import warp

GOOD = Response()
LOG = logging.getLogger("kdns.plugin.cache")


async def slow(query: Query) -> Response:
    """A good answer after ten seconds."""
    await asyncio.sleep(10)
    return GOOD


async def broken(query: Query) -> Response:
    raise ZeroDivisionError


async def failing(query: Query) -> Response:
    return Response(rcode=RCode.SERVFAIL, error=KdnsError("192.0.2.1:53 is silent"))


def good_only(response: Response) -> Response | None:
    return response if response.rcode == RCode.NOERROR else None


def refreshing() -> Refreshing:
    return Refreshing(LOG, warp().time)


async def test_one_question_is_under_way_for_all_who_begin_it() -> None:
    them = refreshing()
    tasks = {them.begin(key(1), slow, query(), good_only) for _ in range(5)}
    other = them.begin(key(2), slow, query(), good_only)
    assert (len(tasks), len(them), key(1) in them, key(3) in them) == (1, 2, True, False)
    (task,) = tasks
    assert await outcome(task, 0) is GOOD
    assert await outcome(other, 0) is GOOD
    await asyncio.sleep(0)
    assert len(them) == 0


@pytest.mark.parametrize(
    ("seconds", "found", "now"), [(0, GOOD, 10.0), (11, GOOD, 10.0), (1.8, None, 1.8)], ids=["ever", "11 s", "1.8 s"]
)
async def test_one_waits_so_long_and_it_goes_on(seconds: float, found: Response | None, now: float) -> None:
    them = refreshing()
    begun = warp().time()
    task = them.begin(key(1), slow, query(), good_only)
    assert await outcome(task, seconds) is found
    assert warp().time() - begun == pytest.approx(now)
    assert await outcome(task, 0) is GOOD
    assert warp().time() - begun == pytest.approx(10.0)


async def test_one_who_is_cancelled_does_not_end_it() -> None:
    them = refreshing()
    task = them.begin(key(1), slow, query(), good_only)
    waiting = asyncio.create_task(outcome(task, 0))
    await asyncio.sleep(1)
    waiting.cancel()
    assert await outcome(task, 0) is GOOD


async def test_what_fails_is_said_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    them = refreshing()
    for _ in range(3):
        assert await outcome(them.begin(key(1), failing, query(), good_only), 0) is None
        await asyncio.sleep(0)
    text = "www.example.org. A cannot be asked anew: 192.0.2.1:53 is silent"
    assert caplog.messages == [text]
    await asyncio.sleep(60)
    await outcome(them.begin(key(1), failing, query(), good_only), 0)
    assert caplog.messages == [text] * 2


async def test_a_defect_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    assert await outcome(refreshing().begin(key(1), broken, query(), good_only), 0) is None
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_at_the_end_all_is_given_up_and_nothing_begins() -> None:
    them = refreshing()
    await them.start()
    task = them.begin(key(1), slow, query(), good_only)
    waiting = asyncio.create_task(outcome(task, 0))
    await asyncio.sleep(1)
    await them.stop()
    assert await waiting is None
    assert task is not None
    assert task.cancelled()
    assert them.begin(key(1), slow, query(), good_only) is None
    assert await outcome(None, 0) is None
    await them.stop()
