"""Asking on behalf of many."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kdns.metrics import Metrics
from kdns.serve.udp import UdpListener
from kdns.upstream.faults import UpstreamError
from kdns.upstream.forwarder import Forwarder, Told
from kdns.upstream.relay import CLIENTS, Crowded, Relay
from kdns.upstream.settings import Settings
from tests.upstream.questions import ask_for, lines_of, seeded
from tests.upstream.scripted import Script, Scripted, Seen, Sent, good, reply, scripted, silent
from tests.warp import warp


class Relayed:
    """A relay with one scripted server."""

    def __init__(self, relay: Relay, metrics: Metrics, upstream: Scripted) -> None:
        self.relay = relay
        self.metrics = metrics
        self.upstream = upstream

    async def ask(self, name: str = "www.example.org.", type: str = "A", *, do: bool = False) -> Told | UpstreamError:
        return await self.relay.ask(ask_for(name, type, do=do))

    def counted(self, name: str) -> float:
        return self.metrics.registry.get_sample_value(name) or 0.0


@asynccontextmanager
async def relayed(script: Script = good, *, most: int = 1000) -> AsyncIterator[Relayed]:
    async with scripted(script) as upstream:
        metrics = Metrics()
        forwarder = Forwarder(Settings(), metrics, seeded())
        forwarder.use([upstream.endpoint])
        relay = Relay(forwarder, metrics, warp().time, most)
        try:
            yield Relayed(relay, metrics, upstream)
        finally:
            await relay.stop()
            await forwarder.stop()


async def test_ten_thousand_who_ask_the_same_cost_one_message() -> None:
    async with relayed(most=1) as one:
        told = await asyncio.gather(*(one.ask() for _ in range(10_000)))
        assert len(one.upstream.seen) == 1
        assert len({id(each) for each in told}) == 1
        assert one.counted("kdns_forward_shared_total") == 9_999


async def test_letters_share_and_other_flags_do_not() -> None:
    async with relayed() as one:
        await asyncio.gather(one.ask(), one.ask("WWW.example.org."), one.ask(do=True), one.ask(type="AAAA"))
        assert len(one.upstream.seen) == 3


async def test_only_so_many_are_under_way() -> None:
    async with relayed(silent, most=3) as one:
        waiting = [asyncio.create_task(one.ask(f"n{number}.test.")) for number in range(3)]
        await asyncio.sleep(0.1)
        rejected = await one.ask("one.more.test.")
        assert isinstance(rejected, Crowded)
        assert str(rejected) == "concurrent queries exceeded maximum 3"
        joined = asyncio.create_task(one.ask("n0.test."))
        one.upstream.script = good
        assert {type(each) for each in await asyncio.gather(*waiting, joined)} == {Told}
        assert one.counted("coredns_forward_max_concurrent_rejects_total") == 1
        assert isinstance(await one.ask("one.more.test."), Told)


def test_a_listener_has_room_for_more_than_may_wait_here() -> None:
    assert inspect.signature(UdpListener).parameters["in_flight"].default >= CLIENTS + 4096


async def test_the_cluster_s_names_have_room_beside_all_who_wait() -> None:
    async with relayed(silent) as one:
        waiting = [asyncio.create_task(one.ask()) for _ in range(CLIENTS)]
        await asyncio.sleep(0.1)
        assert str(await one.ask()) == f"concurrent queries exceeded maximum {CLIENTS}"
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        one.upstream.script = good
        assert isinstance(await one.ask(), Told)


async def test_what_failed_is_not_asked_again_for_a_while() -> None:
    async with relayed(silent) as one:
        error = await one.ask()
        asked = len([seen for seen in one.upstream.seen if seen.name != "."])
        assert await one.ask() is error
        assert len([seen for seen in one.upstream.seen if seen.name != "."]) == asked == 2
        one.upstream.script = good
        assert isinstance(await one.ask("other.test."), Told)
        await asyncio.sleep(1)
        assert isinstance(await one.ask(), Told)


async def test_a_dead_server_gets_few_messages_for_a_name_that_is_asked_for_over_and_over() -> None:
    async with relayed(silent) as one:
        began = warp().time()
        while warp().time() - began < 60:
            await one.ask()
            await asyncio.sleep(0.02)
        asked = [seen for seen in one.upstream.seen if seen.name != "."]
        assert 10 < len(asked) < 20


async def test_what_is_not_about_the_question_does_not_go_on() -> None:
    def generous(seen: Seen) -> list[Sent]:
        return [reply(seen, f"{seen.name} 60 IN A 192.0.2.1", "bank.example.com. 60 IN A 203.0.113.66")]

    async with relayed(generous) as one:
        told = await one.ask()
    assert isinstance(told, Told)
    assert lines_of(*told.reply.answer) == ["www.example.org. 60 IN A 192.0.2.1"]


async def test_one_who_gives_up_leaves_the_question_to_the_others() -> None:
    async with relayed(silent) as one:
        first, second = (asyncio.create_task(one.ask()) for _ in range(2))
        await asyncio.sleep(0.1)
        first.cancel()
        one.upstream.script = good
        assert isinstance(await second, Told)


async def test_who_waits_at_the_end_is_told() -> None:
    async with relayed(silent) as one:
        waiting = asyncio.create_task(one.ask())
        given_up = asyncio.create_task(one.ask())
        await asyncio.sleep(0.1)
        given_up.cancel()
        await one.relay.stop()
        assert str(await waiting) == "forwarding was stopped before the reply came"
        await asyncio.wait([given_up])
        assert given_up.cancelled()


async def test_a_failure_that_is_remembered_holds_nothing_else() -> None:
    async with relayed(silent) as one:
        error = await one.ask()
    assert isinstance(error, UpstreamError)
    assert (error.__traceback__, error.__context__) == (None, None)


# Without a task.


class Waiting:
    """One who asks without a task."""

    def __init__(self, one: Relayed, name: str = "www.example.org.") -> None:
        self.told: asyncio.Future[Told | Exception] = asyncio.get_running_loop().create_future()
        self.begun = one.relay.begin(ask_for(name), self.told.set_result)

    async def lines(self) -> list[str]:
        told = await self.told
        assert isinstance(told, Told)
        return lines_of(*told.reply.answer)


def tasks_besides(*tasks: asyncio.Task[object] | None) -> int:
    return len(asyncio.all_tasks() - {asyncio.current_task(), *tasks})


async def test_a_question_is_asked_without_a_task() -> None:
    async with relayed() as one:
        before = tasks_besides()
        waiting = Waiting(one)
        assert (waiting.begun, waiting.told.done(), tasks_besides()) == (True, False, before)
        assert await waiting.lines() == ["www.example.org. 60 IN A 192.0.2.1"]
        assert tasks_besides() == before


async def test_with_and_without_a_task_they_share_one_message() -> None:
    async with relayed() as one:
        first = Waiting(one)
        second, third = asyncio.create_task(one.ask()), asyncio.create_task(one.ask())
        await asyncio.sleep(0)
        last = Waiting(one)
        assert last.begun
        assert await first.told is await last.told is await second is await third
        assert (len(one.upstream.seen), one.counted("kdns_forward_shared_total")) == (1, 3)


async def test_what_the_first_try_does_not_settle_a_task_goes_on_with() -> None:
    def cut(seen: Seen) -> list[Sent]:
        return good(seen) if seen.tcp else [reply(seen, flags="TC RA")]

    async with relayed(cut) as one:
        first = Waiting(one)
        second = asyncio.create_task(one.ask())
        assert await first.lines() == ["www.example.org. 60 IN A 192.0.2.1"]
        assert await second is await first.told
        assert [seen.tcp for seen in one.upstream.seen] == [False, True]


async def test_where_nothing_comes_it_takes_as_long_and_says_the_same() -> None:
    async with relayed(silent) as one:
        began = warp().time()
        error = await Waiting(one).told
        straight = warp().time() - began
        await asyncio.sleep(60)
        began = warp().time()
        assert str(await one.ask()) == str(error)
        assert isinstance(error, UpstreamError)
        assert straight == pytest.approx(warp().time() - began, abs=0.01)
        assert straight <= 4.51


async def test_what_has_just_failed_and_what_is_too_much_is_for_the_other_way_to_say() -> None:
    async with relayed(silent, most=1) as one:
        failed = Waiting(one)
        more = Waiting(one, "more.example.org.")
        assert (failed.begun, more.begun) == (True, False)
        await failed.told
        assert not Waiting(one).begun
        assert one.counted("coredns_forward_max_concurrent_rejects_total") == 0
        assert [seen.name for seen in one.upstream.seen if seen.name != "."] == ["www.example.org."] * 2, "two tries"


async def test_at_the_end_those_who_wait_are_told_and_the_sockets_are_closed() -> None:
    async with relayed(silent) as one:
        waiting = Waiting(one)
        await one.relay.stop()
        assert str(await waiting.told) == "forwarding was stopped before the reply came"
        await asyncio.sleep(10)
        assert len(one.upstream.seen) <= 1
