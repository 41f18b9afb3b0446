"""One try over UDP for which no task waits."""

from __future__ import annotations

import asyncio

import pytest

from kdns.proto.reply import Received
from kdns.upstream.address import Endpoint
from kdns.upstream.attempt import Attempt
from kdns.upstream.deadlines import Deadlines
from kdns.upstream.faults import Besieged, Silent, UpstreamError
from kdns.upstream.udp import STRAYS
from tests.upstream.questions import ask_for, lines_of, seeded
from tests.upstream.scripted import Script, Seen, Sent, altered, good, scripted, silent
from tests.warp import warp


class Tried:
    """An attempt at a server that is put. It is over when `over` is set; `strays` counts what was no reply."""

    def __init__(self, to: Endpoint, *, edns: bool = True, source: str = "") -> None:
        self.over = asyncio.Event()
        self.strays = 0
        self.deadlines = Deadlines(2.0)
        self.attempt = Attempt(to, ask_for(), self._stray, self.deadlines, self.over.set, edns=edns)
        self.attempt.put(seeded(), source)
        assert not self.over.is_set(), "who puts it must know it first"

    def _stray(self) -> None:
        self.strays += 1

    async def error(self) -> Exception:
        await self.over.wait()
        with pytest.raises(Exception) as caught:  # noqa: PT011
            self.attempt.result()
        return caught.value


@pytest.mark.parametrize("edns", [True, False])
async def test_a_reply_is_its_outcome(edns: bool) -> None:
    async with scripted() as upstream:
        tried = Tried(upstream.endpoint, edns=edns)
        await tried.over.wait()
        assert isinstance(tried.attempt.outcome, Received)
        assert lines_of(*tried.attempt.result().answer) == ["www.example.org. 60 IN A 192.0.2.1"]
        assert (upstream.seen[0].message.edns >= 0, tried.attempt.edns) == (edns, edns)
        assert len(tried.deadlines) == 0


async def test_where_nothing_comes_in_time_it_says_so() -> None:
    async with scripted(silent) as upstream:
        tried = Tried(upstream.endpoint)
        assert tried.attempt.began == warp().time()
        error = await tried.error()
        assert isinstance(error, Silent)
        assert str(error) == f"upstream {upstream.endpoint} (udp) did not answer within 2s: i/o timeout"
        assert warp().time() - tried.attempt.began == pytest.approx(2.0, abs=0.01)
        assert len(tried.deadlines) == 0


def besieging(seen: Seen) -> list[Sent]:
    return [altered(seen, id=seen.id ^ 1)] * STRAYS


async def test_past_too_many_messages_that_are_no_reply_nothing_is_believed() -> None:
    async with scripted(besieging) as upstream:
        tried = Tried(upstream.endpoint)
        assert isinstance(await tried.error(), Besieged)
        assert tried.strays == STRAYS


@pytest.mark.parametrize(
    ("to", "source"),
    [
        pytest.param(Endpoint("127.0.0.1", 1), "", id="nobody listens"),
        pytest.param(Endpoint("127.0.0.1", 53), "192.0.2.77", id="no such address to ask from"),
    ],
)
async def test_what_the_system_says_is_the_reason(to: Endpoint, source: str) -> None:
    tried = Tried(to, source=source)
    error = await tried.error()
    assert isinstance(error, UpstreamError)
    assert str(error).startswith(f"upstream {to} (udp): ")
    assert len(tried.deadlines) == 0


@pytest.mark.parametrize("script", [silent, good])
async def test_who_gives_up_is_told_nothing(script: Script) -> None:
    async with scripted(script) as upstream:
        tried = Tried(upstream.endpoint)
        tried.attempt.give_up()
        await asyncio.sleep(3)
        assert not tried.over.is_set()
        assert len(tried.deadlines) == 0
        assert upstream.seen == []


async def test_an_outcome_is_taken_once_and_leaves_nothing_for_the_garbage_collector() -> None:
    tried = Tried(Endpoint("127.0.0.1", 1))
    error = await tried.error()
    assert tried.attempt.outcome is None
    assert error.__traceback__ is not None
    frames = [frame for frame in _frames(error) if "outcome" in frame]
    assert frames == [], "a frame that its error holds must not hold the error"


def _frames(error: BaseException) -> list[dict[str, object]]:
    found, at = [], error.__traceback__
    while at is not None:
        found.append(at.tb_frame.f_locals)
        at = at.tb_next
    return found
