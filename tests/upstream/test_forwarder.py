"""Several servers as one, over real sockets."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from kdns.metrics import Metrics
from kdns.proto.framing import frame
from kdns.proto.types import EDE
from kdns.upstream.faults import UpstreamError
from kdns.upstream.forwarder import PATIENCE, Forwarder
from kdns.upstream.settings import Settings
from tests.upstream.questions import ask_for, seeded
from tests.upstream.scripted import Script, Scripted, Seen, Sent, address, good, reply, scripted, silent
from tests.warp import warp


class Group:
    """A forwarder and its scripted servers."""

    def __init__(self, forwarder: Forwarder, metrics: Metrics, upstreams: list[Scripted]) -> None:
        self.forwarder = forwarder
        self.metrics = metrics
        self.upstreams = upstreams

    async def ask(self, name: str = "www.example.org.", *, tcp: bool = False) -> int:
        """Which of the servers answered, counted from 0."""
        told = await self.forwarder.ask(ask_for(name), tcp=tcp)
        return [upstream.endpoint for upstream in self.upstreams].index(told.to)

    async def took(self) -> tuple[int, float]:
        """Who answered and the seconds that it took."""
        began = warp().time()
        who = await self.ask()
        return who, round(warp().time() - began, 1)

    def questions(self) -> list[int]:
        """How many each server was asked, without probes."""
        return [sum(seen.name != "." for seen in upstream.seen) for upstream in self.upstreams]

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def group(*scripts: Script, **settings: Any) -> AsyncIterator[Group]:
    async with AsyncExitStack() as stack:
        upstreams = [await stack.enter_async_context(scripted(script)) for script in scripts]
        metrics = Metrics()
        forwarder = Forwarder(Settings(**{"policy": "sequential", **settings}), metrics, seeded())
        forwarder.use([upstream.endpoint for upstream in upstreams])
        try:
            yield Group(forwarder, metrics, upstreams)
        finally:
            await forwarder.stop()


def deaf(seen: Seen) -> list[Sent]:
    """To questions; probes are answered."""
    return good(seen) if seen.name == "." else []


def says(rcode: str) -> Script:
    return lambda seen: [reply(seen, rcode=rcode)]


@pytest.mark.parametrize(("policy", "asked"), [("sequential", [0] * 6), ("round_robin", [0, 1, 2, 0, 1, 2])])
async def test_the_policy_says_who_is_asked(policy: str, asked: list[int]) -> None:
    async with group(good, good, good, policy=policy) as servers:
        assert [await servers.ask() for _ in range(6)] == asked


async def test_by_default_anybody_is_asked() -> None:
    async with group(good, good, good, policy=Settings().policy) as servers:
        drawn = Counter([await servers.ask() for _ in range(300)])
    assert set(drawn) == {0, 1, 2}
    assert min(drawn.values()) > 50


async def test_where_one_does_not_answer_the_next_is_asked() -> None:
    async with group(silent, good) as servers:
        assert await servers.took() == (1, 2.0)


async def test_a_black_hole_costs_one_timeout_and_comes_back_when_it_answers() -> None:
    async with group(silent, good) as servers:
        assert [await servers.took() for _ in range(4)] == [(1, 2.0), (1, 0.0), (1, 0.0), (1, 0.0)]
        assert servers.questions() == [1, 4]
        servers.upstreams[0].script = good
        await asyncio.sleep(1.6)
        assert await servers.took() == (0, 0.0)


async def test_questions_that_meet_the_black_hole_together_wait_no_longer() -> None:
    async with group(silent, good) as servers:
        took = await asyncio.gather(*(servers.took() for _ in range(20)))
    assert set(took) == {(1, 2.0)}


async def test_a_question_that_gets_no_answer_makes_no_server_down_that_answers_probes() -> None:
    async with group(deaf, good) as servers:
        for _ in range(3):
            assert await servers.took() == (1, 2.0)
            await asyncio.sleep(0.1)
            assert servers.forwarder.servers[0].health.fails == 0


@pytest.mark.parametrize("count", [1, 2, 3])
async def test_when_nobody_answers_it_is_a_failure_in_less_than_five_seconds(count: int) -> None:
    async with group(*[silent] * count) as servers:
        began = warp().time()
        with pytest.raises(UpstreamError, match=r"i/o timeout$") as failed:
            await servers.ask()
        assert 3.9 < warp().time() - began <= PATIENCE + 0.1
        assert failed.value.code == EDE.NO_REACHABLE_AUTHORITY
        assert max(servers.questions()) <= 2


async def test_where_nobody_listens_it_is_a_failure_at_once_that_names_all() -> None:
    async with scripted() as one, scripted() as other:
        gone = [one, other]
    async with group() as servers:
        servers.forwarder.use([upstream.endpoint for upstream in gone])
        began = warp().time()
        with pytest.raises(UpstreamError) as failed:
            await servers.ask()
        assert warp().time() - began < 0.1
    assert str(failed.value) == "; ".join(f"upstream {upstream.text} (udp): connection refused" for upstream in gone)
    assert failed.value.code == EDE.NETWORK_ERROR


@pytest.mark.parametrize(("attempts", "asked"), [(0, [2, 2]), (1, [1, 0]), (2, [1, 1]), (3, [2, 1])])
async def test_each_is_tried_twice_or_as_often_as_is_said(attempts: int, asked: list[int]) -> None:
    async with group(silent, silent, timeout=0.5, max_fails=0, attempts=attempts) as servers:
        with pytest.raises(UpstreamError):
            await servers.ask()
        assert servers.questions() == asked


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "YXDOMAIN", "NOTAUTH"])
async def test_what_is_about_the_name_is_an_answer(rcode: str) -> None:
    async with group(says(rcode), good) as servers:
        assert await servers.ask() == 0


def cut(seen: Seen) -> list[Sent]:
    """Everywhere, over TCP too."""
    return [reply(seen, f"{seen.name} 60 IN A 192.0.2.9", flags="TC RA")]


CANNOT_TELL = [says("SERVFAIL"), says("REFUSED"), says("FORMERR"), says("NOTIMP"), cut]


@pytest.mark.parametrize("script", CANNOT_TELL, ids=["SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "cut"])
async def test_where_one_cannot_tell_the_next_is_asked(script: Script) -> None:
    async with group(script, good) as servers:
        assert await servers.took() == (1, 0.0)
        servers.upstreams[1].script = silent
        assert await servers.took() == (0, 2.0)
        assert not servers.forwarder.servers[0].health.suspect


@pytest.mark.parametrize(
    ("scripts", "who", "asked"),
    [
        pytest.param([says("SERVFAIL"), says("REFUSED")], 1, [1, 1], id="the last"),
        pytest.param([cut, says("REFUSED")], 0, [2, 1], id="what is about the name"),
        pytest.param([silent, says("SERVFAIL")], 1, [1, 1], id="no second try once there is a reply"),
    ],
)
async def test_where_nobody_can_tell_there_is_a_reply_all_the_same(
    scripts: list[Script], who: int, asked: list[int]
) -> None:
    async with group(*scripts) as servers:
        assert await servers.ask() == who
        assert servers.questions() == asked


async def test_where_one_try_is_all_a_reply_is_a_reply() -> None:
    async with group(says("SERVFAIL"), good, attempts=1) as servers:
        assert await servers.ask() == 0


async def test_a_server_whose_timeout_is_longer_than_our_patience_is_found_out_too() -> None:
    async with group(silent, good, timeout=10.0) as servers:
        with pytest.raises(UpstreamError, match="no answer within"):
            await servers.ask()
        assert await servers.took() == (1, 0.0)


@pytest.mark.parametrize(
    ("scripts", "who"),
    [
        pytest.param([says("SERVFAIL"), good], 1, id="the next"),
        pytest.param([says("SERVFAIL"), says("REFUSED"), good], 2, id="the one after it"),
        pytest.param([says("SERVFAIL"), says("REFUSED")], 1, id="the last answer if there is no good one"),
        pytest.param([says("SERVFAIL"), silent], 0, id="the only answer"),
        pytest.param([says("NXDOMAIN"), good], 0, id="not with another rcode"),
    ],
)
async def test_with_failover_some_rcodes_are_tried_elsewhere(scripts: list[Script], who: int) -> None:
    async with group(*scripts, failover=frozenset({2, 5}), timeout=0.5) as servers:
        assert await servers.ask() == who
        assert servers.questions()[0] == 1


async def test_when_all_are_down_any_is_tried_and_that_is_counted() -> None:
    async with group(silent, silent) as servers:
        with pytest.raises(UpstreamError):
            await servers.ask()
        await asyncio.sleep(10)
        assert [server.health.down for server in servers.forwarder.servers] == [True, True]
        for upstream in servers.upstreams:
            upstream.script = lambda seen: [] if seen.name == "." else good(seen)
        assert (await servers.took())[1] == 0.0
        assert servers.counted("coredns_forward_healthcheck_broken_total") == 1


async def test_with_failfast_nobody_is_asked_then() -> None:
    async with group(silent, silent, failfast=True) as servers:
        with pytest.raises(UpstreamError):
            await servers.ask()
        await asyncio.sleep(10)
        before = servers.questions()
        with pytest.raises(UpstreamError, match=r"^all upstreams are down: 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+$"):
            await servers.ask()
        assert servers.questions() == before


async def test_a_server_that_is_down_is_not_asked() -> None:
    async with group(silent, silent, timeout=0.5) as servers:
        with pytest.raises(UpstreamError):
            await servers.ask()
        servers.upstreams[1].script = good
        await asyncio.sleep(10)
        before = servers.questions()[0]
        assert [await servers.ask() for _ in range(3)] == [1, 1, 1]
        assert servers.questions()[0] == before


async def test_with_no_fails_to_count_each_is_asked_as_ever() -> None:
    async with group(silent, good, max_fails=0) as servers:
        assert [await servers.took() for _ in range(2)] == [(1, 2.0)] * 2
        assert [seen.name for seen in servers.upstreams[0].seen] == ["www.example.org."] * 2


async def test_nobody_to_ask_is_a_failure() -> None:
    async with group() as servers:
        with pytest.raises(UpstreamError, match="no upstream is known"):
            await servers.forwarder.ask(ask_for())


async def test_of_many_failures_three_are_named() -> None:
    async with group(*[silent] * 5, timeout=0.1) as servers:
        with pytest.raises(UpstreamError, match=r"^and 2 more; (upstream [^;]*; ){2}upstream [^;]*i/o timeout$"):
            await servers.ask()


async def test_failures_leave_nothing_for_the_garbage_collector() -> None:
    """Which would stop everything while it looks, the more often the more fails."""
    async with group(silent, silent, timeout=0.1) as servers:

        async def fail(name: str) -> None:
            with suppress(UpstreamError):  # pytest.raises would keep the traceback, and so this frame
                await servers.ask(name)
                raise AssertionError(name)

        await fail("first.example.org.")
        gc.collect()
        gc.disable()
        try:
            await asyncio.gather(*(fail(f"n{number}.example.org.") for number in range(50)))
            assert gc.collect() < 50
        finally:
            gc.enable()


async def test_servers_that_stay_keep_what_is_known_of_them() -> None:
    async with group(good, good, good) as servers:
        first, second, third = (upstream.endpoint for upstream in servers.upstreams)
        servers.forwarder.use([first, second])
        before = servers.forwarder.servers
        await servers.ask(tcp=True)
        servers.forwarder.use([second, third, first])
        after = servers.forwarder.servers
        assert (after[2], after[0]) == before
        assert [await servers.ask(tcp=True) for _ in range(2)] == [1, 1]
        servers.forwarder.use([third])
        assert await servers.ask() == 2


async def test_a_server_that_is_taken_out_answers_what_it_was_asked() -> None:
    async with group(silent, good) as servers:
        waiting = asyncio.create_task(servers.ask(tcp=True))
        await asyncio.sleep(0.5)
        servers.forwarder.use([servers.upstreams[1].endpoint])
        (connection,), (seen,) = servers.upstreams[0].open, servers.upstreams[0].seen
        connection.write(frame(address(seen)))
        assert await waiting == 0
