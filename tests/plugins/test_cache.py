"""The plugin in a chain, behind a responder with its memo, before a handler that a test scripts.

How option lines are read: tests/caching/test_settings.py. With a real upstream: tests/caching/test_served.py.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Hashable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import dns.flags
import dns.message
import pytest

from kdns.caching.refreshing import Refreshing
from kdns.chain import Keep, Query, Response, Scope, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors, KdnsError
from kdns.metrics import Metrics
from kdns.plan import plan
from kdns.plugins import ORDER, find
from kdns.proto.message import Ede
from kdns.proto.name import ROOT, from_text, to_text
from kdns.proto.record import RRset, Soa, addresses, soa
from kdns.proto.reverse import pack
from kdns.proto.types import RCode, RRType
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from kdns.serve.router import Router, Served
from kdns.site import Build, Site
from kdns.why import Why
from tests.asking import CLIENT, LOCAL, Clock, ede, lines, rcode
from tests.hits import hit

UNTIL_CHANGED = Keep(scope=Scope.EVERYBODY)
SERVER = "dns://:53"

Script = Callable[[Query], Response]


def address(ttl: int = 60, ip: str = "192.0.2.1", **more: object) -> Script:
    def answer(query: Query) -> Response:
        answer = (addresses(query.question.name, ttl, [pack(ip)]),)
        return Response(answer=answer, recursion=True, by="forward", **more)  # type: ignore[arg-type]

    return answer


def denial(code: int = RCode.NXDOMAIN, *, ttl: int = 60, minimum: int = 60, with_soa: bool = True) -> Script:
    zone = from_text("test.")
    record = RRset(zone, RRType.SOA, ttl, (soa(Soa(zone, zone, 1, 2, 3, 4, minimum)),))
    return lambda _: Response(rcode=code, authority=(record,) if with_soa else (), by="forward")


def failing(text: str = "upstream 192.0.2.53:53 does not answer") -> Script:
    return lambda _: Response(rcode=RCode.SERVFAIL, ede=Ede(22, text), error=KdnsError(text), by="forward")


class Block:
    """A server block with *cache*. `upstream` answers what it does not; `asked` is what that was asked."""

    def __init__(self, text: str, upstream: Script) -> None:
        self.clock = Clock()
        self.metrics = Metrics()
        self.upstream = upstream
        self.asked: list[Query] = []
        self.hold: asyncio.Event | None = None
        self.build = Build(self.metrics, self.clock, self.clock)
        (block,) = parse(f". {{\n{text}\n}}", "Corefile", environ={}, disk=Local()).blocks
        site = Site(block, self.build)
        ordered = sorted(block.directives, key=lambda directive: ORDER.index(directive.name))
        made = [find(directive)(directive, site) for directive in ordered]
        handler = compose([plugin for plugin in made if plugin], self._answer)
        self.memo = Memo(1 << 20, self.clock)
        self.build.changes.subscribe(self._forget)
        router = Router({ROOT: Served(ROOT, SERVER, handler, 1232)})
        self.responder = Responder(router, self.memo, self.metrics, self.clock)
        self._ids = itertools.count(1)

    def _forget(self, keys: Iterable[Hashable]) -> None:
        self.memo.forget(keys)

    async def _answer(self, query: Query) -> Response:
        self.asked.append(query)
        if self.hold is not None:
            await self.hold.wait()
        return self.upstream(query)

    async def ask(
        self, name: str = "www.test.", type: str = "A", *, flags: int = dns.flags.RD, **edns: object
    ) -> dns.message.Message:
        query = dns.message.make_query(name, type, flags=flags, **{"use_edns": 0, **edns})  # type: ignore[arg-type]
        query.id = next(self._ids)
        wire = query.to_wire()
        raw = hit(self.responder, wire)
        if raw is None:
            raw = await self.responder.respond(wire, CLIENT, LOCAL, Transport.udp)
        assert raw is not None
        reply = dns.message.from_wire(raw)
        assert query.is_response(reply)
        return reply

    async def ttls(self, *, name: str = "www.test.") -> list[int]:
        """Of all records of a reply."""
        reply = await self.ask(name)
        return [rrset.ttl for rrset in (*reply.answer, *reply.authority)]

    async def settle(self) -> None:
        """Let what is done in the background be done."""
        for _ in range(5):
            await asyncio.sleep(0)

    def counted(self, what: str, **labels: str) -> float:
        """A counter of the cache's, of all its stores."""
        labels = {"server": SERVER, "zones": ".", "view": "", **labels}
        return self.metrics.registry.get_sample_value(f"coredns_cache_{what}", labels) or 0.0

    def memo_hits(self) -> float:
        return self.metrics.registry.get_sample_value("kdns_memo_hits_total") or 0.0


@asynccontextmanager
async def caching(options: str = "", upstream: Script | None = None, *, others: str = "") -> AsyncIterator[Block]:
    """`cache` with these options, one per line or parted by `;`, and other directives."""
    body = options.replace(";", "\n")
    served = Block(f"{others}\ncache {{\n{body}\n}}", upstream or address())
    for part in served.build.parts:
        await part.start()
    try:
        yield served
    finally:
        for part in served.build.parts:
            await part.stop()


# For how long.


async def test_what_was_answered_once_is_given_until_its_ttl_is_over_counting_down() -> None:
    async with caching(upstream=address(60)) as kdns:
        seen = []
        for now in (1000.0, 1000.5, 1001.2, 1030.0, 1059.9):
            kdns.clock.now = now
            seen += await kdns.ttls()
        assert (seen, len(kdns.asked)) == ([60, 60, 59, 30, 1], 1)
        kdns.clock.now = 1060.0
        assert (await kdns.ttls(), len(kdns.asked)) == ([60], 2)


async def test_from_the_third_question_on_it_is_ready_to_be_sent() -> None:
    async with caching() as kdns:
        for _ in range(6):
            await kdns.ask()
        assert (kdns.memo_hits(), len(kdns.asked)) == (4, 1)
        kdns.clock.now += 60
        await kdns.ask()
        assert (kdns.memo_hits(), len(kdns.asked)) == (4, 2)


@pytest.mark.parametrize(
    ("options", "upstream", "seconds"),
    [
        pytest.param("", address(7200), 3600, id="an hour"),
        pytest.param("success 9984 30", address(7200), 30, id="what success says"),
        pytest.param("success 9984 30 20", address(3), 20, id="at least what success says"),
        pytest.param("", address(0), 5, id="5 s at least"),
        pytest.param("", denial(ttl=7200, minimum=7200), 1800, id="half an hour for a denial"),
        pytest.param("denial 9984 40", denial(ttl=7200, minimum=7200), 40, id="what denial says"),
        pytest.param("denial 9984 40 30", denial(ttl=9, minimum=9), 30, id="at least what denial says"),
        pytest.param("", denial(ttl=60, minimum=20), 20, id="the minimum of the SOA"),
        pytest.param("", denial(ttl=20, minimum=60), 20, id="the TTL of the SOA"),
        pytest.param("", denial(RCode.NOERROR, minimum=20), 20, id="NODATA"),
    ],
)
async def test_a_ttl_is_kept_within_the_limits_and_shown_so_at_once(
    options: str, upstream: Script, seconds: int
) -> None:
    async with caching(options, upstream) as kdns:
        assert await kdns.ttls() == [seconds]
        kdns.clock.now += seconds - 0.1
        assert (await kdns.ttls(), len(kdns.asked)) == ([1], 1)
        kdns.clock.now += 0.1
        assert (await kdns.ttls(), len(kdns.asked)) == ([seconds], 2)


async def test_all_records_have_the_lowest_ttl() -> None:
    def answer(query: Query) -> Response:
        alias = RRset(query.question.name, RRType.CNAME, 300, (from_text("to.test."),))
        return Response(answer=(alias, addresses(from_text("to.test."), 20, [pack("192.0.2.1")])))

    async with caching(upstream=answer) as kdns:
        assert await kdns.ttls() == await kdns.ttls() == [20, 20]


async def test_keepttl_shows_the_ttl_as_it_was_to_the_end() -> None:
    async with caching("keepttl") as kdns:
        seen = []
        for now in (1000.0, 1010.0, 1050.0, 1059.0):
            kdns.clock.now = now
            seen += await kdns.ttls()
        assert (seen, len(kdns.asked)) == ([60] * 4, 1)
        kdns.clock.now = 1060.0
        await kdns.ask()
        assert len(kdns.asked) == 2


@pytest.mark.parametrize(
    ("options", "seconds"), [("", 5), ("servfail 30s", 30), ("servfail 500ms", 0.5)], ids=["5 s", "30 s", "0.5 s"]
)
async def test_a_failure_is_kept_and_says_so(options: str, seconds: float) -> None:
    async with caching(options, failing("192.0.2.53:53 is silent")) as kdns:
        first = await kdns.ask()
        assert (rcode(first), first.options[0].code) == ("SERVFAIL", 22)
        kdns.clock.now += seconds * 0.9
        again = await kdns.ask()
        assert (rcode(again), again.options[0].code) == ("SERVFAIL", 13)
        assert ede(again) == "192.0.2.53:53 is silent"
        assert len(kdns.asked) == 1
        kdns.clock.now += seconds * 0.1
        await kdns.ask()
        assert len(kdns.asked) == 2


# What is kept, and for whom.


def referral(query: Query) -> Response:
    return Response(authority=(RRset(query.question.name, RRType.NS, 60, (from_text("ns.test."),)),))


def other_name(query: Query) -> Response:
    return Response(answer=(addresses(from_text("other.test."), 60, [pack("192.0.2.1")]),))


def says(code: int) -> Script:
    return lambda _: Response(rcode=code)


@pytest.mark.parametrize(
    ("options", "upstream", "type"),
    [
        pytest.param("", denial(with_soa=False), "A", id="NXDOMAIN without an SOA"),
        pytest.param("", denial(RCode.NOERROR, with_soa=False), "A", id="NODATA without an SOA"),
        pytest.param("", referral, "A", id="a referral"),
        pytest.param("", other_name, "A", id="an answer to another name"),
        pytest.param("", says(RCode.REFUSED), "A", id="REFUSED"),
        pytest.param("", says(RCode.NOTIMP), "A", id="NOTIMP"),
        pytest.param("", address(), "TYPE250", id="a meta type"),
        pytest.param("servfail 0s", failing(), "A", id="failures unwanted"),
        pytest.param("success 9984 60 0", address(0), "A", id="TTL 0 and no shortest"),
        pytest.param("denial 9984 60 0", denial(minimum=0), "A", id="minimum 0 and no shortest"),
        pytest.param("disable success", address(), "A", id="success disabled"),
        pytest.param("disable success org test", address(), "A", id="success disabled here"),
        pytest.param("disable denial", denial(), "A", id="denial disabled"),
        pytest.param("disable denial", failing(), "A", id="denial disabled, a failure"),
    ],
)
async def test_what_must_not_be_kept_passes(options: str, upstream: Script, type: str) -> None:
    async with caching(options, upstream) as kdns:
        for _ in range(3):
            await kdns.ask(type=type)
        assert len(kdns.asked) == 3
        assert kdns.counted("misses_total") == 3


@pytest.mark.parametrize(
    ("options", "upstream"),
    [
        pytest.param("disable denial", address(), id="a success where denials are not kept"),
        pytest.param("disable success", denial(), id="a denial where successes are not kept"),
        pytest.param("disable success cluster.local", address(), id="another zone"),
        pytest.param("disable success; disable success cluster.local", address(), id="the last line counts"),
    ],
)
async def test_what_is_not_disabled_is_kept(options: str, upstream: Script) -> None:
    async with caching(options, upstream) as kdns:
        for _ in range(3):
            await kdns.ask()
        assert len(kdns.asked) == 1


async def test_names_outside_the_cache_s_zones_are_not_its_business() -> None:
    served = Block("cache 30 a.test b.test", address())
    for name in ("a.test.", "x.b.test.", "c.test.", "xb.test."):
        for _ in range(2):
            await served.ask(name)
    assert [to_text(query.question.name) for query in served.asked] == [
        "a.test.", "x.b.test.", "c.test.", "c.test.", "xb.test.", "xb.test.",
    ]  # fmt: skip
    assert served.counted("requests_total", zones="a.test.,b.test.") == 4


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param({"name": "WWW.test."}, True, id="letters"),
        pytest.param({"use_edns": False}, True, id="no EDNS"),
        pytest.param({"payload": 4096}, True, id="payload"),
        pytest.param({"flags": dns.flags.RD | dns.flags.AD}, True, id="AD"),
        pytest.param({"flags": 0}, True, id="no RD"),
        pytest.param({"type": "AAAA"}, False, id="type"),
        pytest.param({"name": "www2.test."}, False, id="name"),
        pytest.param({"want_dnssec": True}, False, id="DO"),
        pytest.param({"flags": dns.flags.RD | dns.flags.CD}, False, id="CD"),
    ],
)
async def test_one_answer_is_for_all_whose_records_would_be_the_same(other: dict[str, object], same: bool) -> None:
    async with caching() as kdns:
        await kdns.ask()
        reply = await kdns.ask(**other)  # type: ignore[arg-type]
        assert len(kdns.asked) == (1 if same else 2)
        assert str(reply.question[0].name) == other.get("name", "www.test.")


async def test_what_is_said_without_recursion_is_not_for_others() -> None:
    async with caching(upstream=failing()) as kdns:
        await kdns.ask(flags=0)
        kdns.upstream = address()
        assert rcode(await kdns.ask()) == "NOERROR"
        assert len(kdns.asked) == 2


async def test_of_a_first_reply_only_the_records_are_kept() -> None:
    async with caching(upstream=address(authoritative=True, options=((3, b"ns1"),), authentic=True)) as kdns:
        first, again = await kdns.ask(flags=dns.flags.RD | dns.flags.AD), await kdns.ask(flags=dns.flags.AD)
        assert [option.otype for option in first.options] == [3]
        assert again.options == ()
        flags = [dns.flags.to_text(reply.flags) for reply in (first, again)]
        assert flags == ["QR AA RD RA AD", "QR AA RA AD"]
        plain = await kdns.ask()
        assert dns.flags.to_text(plain.flags) == "QR AA RD RA"


async def test_one_that_a_reload_has_replaced_keeps_nothing() -> None:
    async with caching() as kdns:
        await kdns.ask()
        assert kdns.counted("entries", type="success") == 1
    assert kdns.counted("entries", type="success") == 0


# What kdns answers itself.


def web(ip: str = "10.0.0.1", ttl: int = 5) -> Script:
    return address(ttl, ip, keep=replace(UNTIL_CHANGED, depends_on=frozenset({"web"})))


async def test_an_answer_of_kdns_s_own_is_as_it_was_and_new_when_it_changes() -> None:
    async with caching("success 9984 3600 600", web()) as kdns:
        for _ in range(3):
            assert lines((await kdns.ask()).answer) == ["www.test. 5 IN A 10.0.0.1"]
        assert len(kdns.asked) == 1
        kdns.clock.now += 3000
        assert await kdns.ttls() == [5]
        assert len(kdns.asked) == 1
        kdns.upstream = web("10.0.0.2")
        kdns.build.changes.publish(["web"])
        assert lines((await kdns.ask()).answer) == ["www.test. 5 IN A 10.0.0.2"]
        assert kdns.counted("entries", type="success") == 0


async def test_with_cache_own_it_is_kept_by_time_as_in_coredns() -> None:
    async with caching("cache_own", web(ttl=30)) as kdns:
        await kdns.ask()
        kdns.upstream = web("10.0.0.2", ttl=30)
        kdns.build.changes.publish(["web"])
        kdns.clock.now += 29
        assert lines((await kdns.ask()).answer) == ["www.test. 1 IN A 10.0.0.1"]
        kdns.clock.now += 1
        assert lines((await kdns.ask()).answer) == ["www.test. 30 IN A 10.0.0.2"]


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        pytest.param("cache_own\ndisable success", dns.flags.RD, id="switched off"),
        pytest.param("cache_own", 0, id="without RD"),
    ],
)
async def test_with_cache_own_what_it_does_not_keep_is_asked_for_and_counted_each_time(
    options: str, flags: int
) -> None:
    async with caching(options, web(ttl=30)) as kdns:
        for number in range(1, 5):
            await kdns.ask(flags=flags)
            assert (len(kdns.asked), kdns.counted("misses_total")) == (number, number)


async def test_with_cache_own_nobody_is_answered_past_what_is_kept() -> None:
    async with caching("cache_own", web(ttl=30)) as kdns:
        for _ in range(2):
            await kdns.ask(flags=0)
        await kdns.ask()
        kdns.clock.now += 10
        assert [(await kdns.ask(flags=flags)).answer[0].ttl for flags in (0, dns.flags.RD, 0)] == [20, 20, 20]


async def test_a_failure_that_the_cluster_explains_is_not_kept() -> None:
    class Unsynced:
        word = "not_synced"
        sentence = "the cluster is not known yet"

        def exhibits(self) -> tuple[()]:
            return ()

        def neighbours(self) -> tuple[()]:
            return ()

    why: Why = Unsynced()
    async with caching(upstream=lambda _: Response(rcode=RCode.SERVFAIL, why=why)) as kdns:
        await kdns.ask()
        kdns.upstream = web()
        assert rcode(await kdns.ask()) == "NOERROR"


async def test_a_forwarded_answer_ends_when_the_cluster_has_the_name() -> None:
    missing = Keep(depends_on=frozenset({"no such address"}))
    async with caching(upstream=address(60, "192.0.2.9", keep=missing)) as kdns:
        for _ in range(4):
            await kdns.ask()
        assert (len(kdns.asked), kdns.memo_hits()) == (1, 2)
        kdns.upstream = web()
        kdns.build.changes.publish(["no such address"])
        assert lines((await kdns.ask()).answer) == ["www.test. 5 IN A 10.0.0.1"]


async def test_what_changed_while_it_was_being_asked_for_is_not_kept() -> None:
    async with caching(upstream=address(60, keep=Keep(depends_on=frozenset({"web"})))) as kdns:
        kdns.hold = asyncio.Event()
        waiting = asyncio.create_task(kdns.ask())
        await kdns.settle()
        kdns.build.changes.publish(["web"])
        kdns.hold.set()
        assert rcode(await waiting) == "NOERROR"
        await kdns.ask()
        assert len(kdns.asked) == 2


async def test_an_answer_with_an_end_of_its_own_is_not_kept_beyond_it() -> None:
    async with caching(upstream=address(60, keep=replace(UNTIL_CHANGED, until=1010.0))) as kdns:
        assert await kdns.ttls() == [10]
        kdns.clock.now = 1010.0
        await kdns.ask()
        assert len(kdns.asked) == 2


# With others.


async def test_addresses_take_turns_on_hits_too() -> None:
    def answer(query: Query) -> Response:
        ips = [pack(f"192.0.2.{number}") for number in range(1, 4)]
        return Response(answer=(addresses(query.question.name, 60, ips),))

    async with caching(upstream=answer, others="loadbalance") as kdns:
        firsts = [str((await kdns.ask()).answer[0][0]) for _ in range(9)]
        assert sorted(firsts[3:]) == sorted(["192.0.2.1", "192.0.2.2", "192.0.2.3"] * 2)
        assert len(kdns.asked) == 1


async def test_ttls_count_down_in_replies_whose_order_is_drawn_each_time() -> None:
    def answer(query: Query) -> Response:
        ips = [pack(ip) for ip in ("192.0.2.1", "198.51.100.1")]
        return Response(answer=(addresses(query.question.name, 60, ips),))

    async with caching(upstream=answer, others="loadbalance round_robin {\nprefer 198.51.100.0/24\n}") as kdns:
        seen = []
        for kdns.clock.now in (1000.0, 1010.0, 1020.5, 1059.0):
            seen += await kdns.ttls()
        assert (seen, kdns.memo_hits(), len(kdns.asked)) == ([60, 50, 40, 1], 0, 1)


async def test_who_answered_is_said_of_each_reply() -> None:
    async with caching(others="prometheus :0") as kdns:
        for _ in range(5):
            await kdns.ask()
        labels = {"server": SERVER, "zone": ".", "view": "", "rcode": "NOERROR"}
        by = {
            plugin: kdns.metrics.registry.get_sample_value("coredns_dns_responses_total", {**labels, "plugin": plugin})
            for plugin in ("forward", "cache")
        }
        assert by == {"forward": 1, "cache": 4}


async def test_it_counts_as_coredns_does_whoever_sends_the_reply() -> None:
    async with caching() as kdns:
        for _ in range(5):
            await kdns.ask()
        kdns.upstream = denial()
        for _ in range(3):
            await kdns.ask("gone.test.")
        kdns.upstream = other_name
        await kdns.ask("odd.test.")
        counted = {
            "requests": kdns.counted("requests_total"),
            "misses": kdns.counted("misses_total"),
            "success": kdns.counted("hits_total", type="success"),
            "denial": kdns.counted("hits_total", type="denial"),
            "drops": kdns.counted("drops_total"),
            "successes": kdns.counted("entries", type="success"),
            "denials": kdns.counted("entries", type="denial"),
        }
        assert counted == {
            "requests": 9, "misses": 3, "success": 4, "denial": 2, "drops": 1, "successes": 1, "denials": 1,
        }  # fmt: skip
        kdns.clock.now += 60
        assert [kdns.counted("entries", type=type) for type in ("success", "denial")] == [0, 0]


async def test_a_full_store_says_how_many_had_to_go() -> None:
    async with caching("success 1024") as kdns:
        for number in range(1100):
            await kdns.ask(f"n{number}.test.")
        assert kdns.counted("entries", type="success") == 1024
        assert kdns.counted("evictions_total", type="success") == 1100 - 1024


# Asking again before the end.


async def test_what_is_asked_for_often_is_asked_again_before_its_end() -> None:
    async with caching("prefetch 3 2m 20%", address(100)) as kdns:
        for _ in range(6):
            await kdns.ask()
        kdns.clock.now += 79
        await kdns.ask()
        await kdns.settle()
        assert len(kdns.asked) == 1
        kdns.clock.now += 1
        assert await kdns.ttls() == [20]
        await kdns.settle()
        assert (len(kdns.asked), kdns.counted("prefetch_total")) == (2, 1)
        kdns.clock.now += 20
        assert await kdns.ttls() == [80]
        assert (len(kdns.asked), kdns.counted("misses_total")) == (2, 1)


@pytest.mark.parametrize(
    ("options", "times"),
    [
        pytest.param("prefetch 0", [1000, 1001, 1002, 1095], id="off"),
        pytest.param("prefetch 9", [1000, 1001, 1002, 1095], id="too few"),
        pytest.param("prefetch 3 10s", [1000, 1001, 1002, 1003, 1095], id="too long a gap"),
        pytest.param("prefetch 3", [1000, 1001, 1002, 1003, 1050, 1089], id="too early"),
    ],
)
async def test_what_is_not_asked_for_often_is_not(options: str, times: list[float]) -> None:
    async with caching(options, address(100)) as kdns:
        for kdns.clock.now in times:
            await kdns.ask()
            await kdns.settle()
        assert len(kdns.asked) == 1


async def test_one_question_at_a_time_is_asked_again_and_not_once_it_has_been() -> None:
    async with caching("prefetch 1 1m 90%", address(100)) as kdns:
        for _ in range(3):
            await kdns.ask()
        kdns.clock.now += 20
        kdns.hold = asyncio.Event()
        for _ in range(10):
            await kdns.ask()
            await kdns.settle()
        assert len(kdns.asked) == 2
        kdns.hold.set()
        await kdns.settle()
        for _ in range(10):  # from the memo, which has the old one to its end
            await kdns.ask()
            await kdns.settle()
        assert len(kdns.asked) == 2


async def test_when_asking_again_fails_what_is_kept_stays_to_its_end() -> None:
    async with caching("prefetch 1 1m 50%", address(100)) as kdns:
        for _ in range(3):
            await kdns.ask()
        kdns.clock.now += 60
        kdns.upstream = failing()
        for _ in range(5):
            assert await kdns.ttls() == [40]
            await kdns.settle()
        assert len(kdns.asked) == 2
        kdns.clock.now += 1
        await kdns.ask()
        await kdns.settle()
        assert len(kdns.asked) == 3
        kdns.clock.now += 39
        assert rcode(await kdns.ask()) == "SERVFAIL"


async def test_what_asks_again_is_not_the_client_s_own_query() -> None:
    async with caching("prefetch 1 1m 90%", address(100)) as kdns:
        for _ in range(2):
            await kdns.ask()
        kdns.clock.now += 20
        await kdns.ask(want_dnssec=False)
        await kdns.settle()
        first, again = kdns.asked
        assert again is not first
        assert again.metadata is not first.metadata
        assert again.question == first.question


# Stale answers.


def stale_code(reply: dns.message.Message) -> int | None:
    return next((option.code for option in reply.options if option.otype == 15), None)


async def test_what_is_over_is_given_at_once_and_asked_for_meanwhile() -> None:
    async with caching("serve_stale", address(60, "192.0.2.1")) as kdns:
        await kdns.ask()
        kdns.upstream = address(60, "192.0.2.2")
        kdns.clock.now += 70
        stale = await kdns.ask()
        assert (lines(stale.answer), stale_code(stale)) == (["www.test. 0 IN A 192.0.2.1"], 3)
        assert ede(stale) == "its time was over 10s ago"
        await kdns.settle()
        fresh = await kdns.ask()
        assert (lines(fresh.answer), stale_code(fresh)) == (["www.test. 60 IN A 192.0.2.2"], None)
        assert (len(kdns.asked), kdns.counted("served_stale_total"), kdns.counted("prefetch_total")) == (2, 1, 1)


@pytest.mark.parametrize(
    ("options", "late"), [("serve_stale", 3600), ("serve_stale 10s", 10), ("serve_stale 0s", 0)], ids=str
)
async def test_it_is_given_for_so_long_and_no_longer(options: str, late: float) -> None:
    async with caching(options) as kdns:
        await kdns.ask()
        kdns.upstream = failing()
        if late:
            kdns.clock.now += 60 + late - 1
            assert rcode(await kdns.ask()) == "NOERROR"
            await kdns.settle()
            kdns.clock.now += 1
        else:
            kdns.clock.now += 60
        assert rcode(await kdns.ask()) == "SERVFAIL"


@pytest.mark.parametrize("mode", ["immediate 30s", "verify 0s 30s", "VERIFY 1s 30s"])
async def test_its_ttl_is_what_was_wanted(mode: str) -> None:
    async with caching(f"serve_stale 1h {mode}") as kdns:
        await kdns.ask()
        kdns.upstream = failing()
        kdns.clock.now += 100
        assert await kdns.ttls() == [30]


async def test_that_a_name_did_not_exist_may_be_stale_too_and_a_failure_never_is() -> None:
    async with caching("serve_stale", denial()) as kdns:
        await kdns.ask("gone.test.")
        kdns.upstream = failing()
        await kdns.ask("failed.test.")
        kdns.clock.now += 100
        gone, failed = await kdns.ask("gone.test."), await kdns.ask("failed.test.")
        assert [(rcode(reply), stale_code(reply)) for reply in (gone, failed)] == [("NXDOMAIN", 19), ("SERVFAIL", 22)]


async def test_with_verify_the_next_plugin_is_asked_first() -> None:
    async with caching("serve_stale 1h verify", address(60, "192.0.2.1")) as kdns:
        await kdns.ask()
        kdns.upstream = address(60, "192.0.2.2")
        kdns.clock.now += 70
        assert lines((await kdns.ask()).answer) == ["www.test. 60 IN A 192.0.2.2"]
        kdns.upstream = failing()
        kdns.clock.now += 70
        for _ in range(2):
            assert lines((await kdns.ask()).answer) == ["www.test. 0 IN A 192.0.2.2"]
        assert (len(kdns.asked), kdns.counted("served_stale_total")) == (4, 2)
        assert kdns.counted("requests_total") == kdns.counted("misses_total") + 3 == 4
        assert kdns.counted("prefetch_total") == 0


@pytest.mark.parametrize("mode", ["immediate 0s 30s", "verify 0s 0s 30s"])
async def test_where_asking_failed_it_is_not_asked_again_for_a_while(mode: str) -> None:
    async with caching(f"serve_stale 1h {mode}") as kdns:
        await kdns.ask()
        kdns.upstream = failing()
        for now in (1100.0, 1101.0, 1129.0, 1130.0, 1131.0):
            kdns.clock.now = now
            assert rcode(await kdns.ask()) == "NOERROR"
            await kdns.settle()
        assert len(kdns.asked) == 3


@pytest.mark.parametrize("mode", ["immediate", "verify"])
@pytest.mark.parametrize(
    ("upstream", "code"),
    [
        pytest.param(denial(), "NXDOMAIN", id="NXDOMAIN"),
        pytest.param(denial(with_soa=False), "NXDOMAIN", id="NXDOMAIN without an SOA"),
        pytest.param(says(RCode.NOERROR), "NOERROR", id="nothing"),
        pytest.param(web(), "NOERROR", id="the cluster has it now"),
    ],
)
async def test_what_says_how_things_are_now_ends_what_was_stale(mode: str, upstream: Script, code: str) -> None:
    async with caching(f"serve_stale 1h {mode}") as kdns:
        await kdns.ask()
        kdns.upstream = upstream
        kdns.clock.now += 100
        replies = [await kdns.ask()]
        await kdns.settle()
        replies += [await kdns.ask(), await kdns.ask()]
        told = replies if mode == "verify" else replies[1:]
        assert [(rcode(reply), stale_code(reply)) for reply in told] == [(code, None)] * len(told)
        assert "192.0.2.1" not in " ".join(line for reply in told for line in lines(reply.answer))


@pytest.mark.parametrize(
    "upstream",
    [failing(), says(RCode.REFUSED), referral, other_name],
    ids=["failing", "refused", "referral", "another name"],
)
async def test_what_says_nothing_about_it_does_not(upstream: Script) -> None:
    async with caching("serve_stale 1h verify") as kdns:
        await kdns.ask()
        kdns.upstream = upstream
        kdns.clock.now += 100
        for _ in range(2):
            assert lines((await kdns.ask()).answer) == ["www.test. 0 IN A 192.0.2.1"]


@pytest.mark.parametrize("mode", ["immediate", "verify"])
async def test_prefer_positive_gives_the_last_address_though_it_is_gone(mode: str) -> None:
    async with caching(f"serve_stale 1h {mode}; serve_stale_policy prefer_positive") as kdns:
        await kdns.ask()
        kdns.upstream = denial(minimum=20)
        for now in (1100.0, 1110.0, 1119.0, 1120.0):
            kdns.clock.now = now
            assert lines((await kdns.ask()).answer) == ["www.test. 0 IN A 192.0.2.1"]
            await kdns.settle()
        assert len(kdns.asked) == 3  # what does not exist is asked for again when that is over
        kdns.upstream = address(60, "192.0.2.2")
        kdns.clock.now = 1140.0
        await kdns.ask()
        await kdns.settle()
        assert lines((await kdns.ask()).answer) == ["www.test. 60 IN A 192.0.2.2"]


async def test_many_who_verify_the_same_ask_once() -> None:
    async with caching("serve_stale 1h verify", address(60, "192.0.2.1")) as kdns:
        await kdns.ask()
        kdns.clock.now += 100
        kdns.upstream, kdns.hold = address(60, "192.0.2.2"), asyncio.Event()
        waiting = [asyncio.create_task(kdns.ask()) for _ in range(20)]
        await kdns.settle()
        kdns.hold.set()
        answers = {line for reply in await asyncio.gather(*waiting) for line in lines(reply.answer)}
        assert (answers, len(kdns.asked)) == ({"www.test. 60 IN A 192.0.2.2"}, 2)


async def test_what_ends_by_a_change_is_not_given_stale() -> None:
    keep = Keep(depends_on=frozenset({"web"}))
    async with caching("serve_stale 1h verify", address(60, keep=keep)) as kdns:
        await kdns.ask()
        kdns.clock.now += 100
        kdns.upstream, kdns.hold = failing(), asyncio.Event()
        waiting = asyncio.create_task(kdns.ask())
        await kdns.settle()
        kdns.build.changes.publish(["web"])
        kdns.hold.set()
        assert rcode(await waiting) == "SERVFAIL"


async def test_a_failure_does_not_hide_what_is_stale() -> None:
    async with caching("serve_stale; servfail 5m") as kdns:
        await kdns.ask()
        kdns.upstream = failing()
        for _ in range(3):
            kdns.clock.now += 61
            assert rcode(await kdns.ask()) == "NOERROR"
            await kdns.settle()


async def test_at_the_end_what_is_being_asked_again_is_given_up() -> None:
    async with caching("serve_stale") as kdns:
        await kdns.ask()
        kdns.clock.now += 100
        kdns.hold = asyncio.Event()
        await kdns.ask()
        await kdns.settle()
        assert len(kdns.asked) == 2
        (refreshing,) = (part for part in kdns.build.parts if isinstance(part, Refreshing))
        await refreshing.stop()
        assert len(asyncio.all_tasks()) == 1
        assert rcode(await kdns.ask()) == "NOERROR"
        assert len(kdns.asked) == 2


# In a Corefile.


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        (". {\ncache 0\n}", ["2: 'cache' takes a whole number of at least 1 as its TTL, not '0'"]),
        (". {\ncache 30 {\nprefetch x\n}\n}", ["3: 'prefetch' takes a whole number of at least 0 as its AMOUNT"]),
        (". {\ncache\ncache\n}", ["3: cache can stand only once in a server block"]),
    ],
)
def test_mistakes_are_told_with_their_lines(text: str, mistakes: list[str]) -> None:
    with pytest.raises(CorefileErrors) as failed:
        plan(parse(text, "Corefile", environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)
    told = [str(error) for error in failed.value.errors]
    assert len(told) == len(mistakes)
    assert all(line.startswith(f"Corefile:{mistake}") for line, mistake in zip(told, mistakes, strict=True))
