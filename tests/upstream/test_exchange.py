"""One question to one server: UDP, TCP, with EDNS and without."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from kdns.proto.reply import Received
from kdns.proto.types import Flag
from kdns.upstream.asking import Asking
from kdns.upstream.exchange import Exchange
from kdns.upstream.faults import Silent, UpstreamError, reason
from kdns.upstream.streams import Streams
from tests.upstream.questions import ask_for, lines_of, seeded
from tests.upstream.scripted import (
    Elsewhere,
    Script,
    Scripted,
    Seen,
    Sent,
    address,
    altered,
    good,
    reply,
    scripted,
    silent,
)
from tests.warp import warp

ANSWER = ["www.example.org. 60 IN A 192.0.2.1"]


class Counter:
    """What was counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@asynccontextmanager
async def exchanging(upstream: Scripted, stray: Counter | None = None) -> AsyncIterator[Exchange]:
    told = stray or Counter()
    streams = Streams(upstream.endpoint, seeded(), timeout=2.0, stray=told, found=lambda _: None)
    try:
        yield Exchange(upstream.endpoint, streams, random=seeded(2), stray=told)
    finally:
        await streams.close()


async def ask(upstream: Scripted, asking: Asking | None = None, *, tcp: bool = False) -> Received:
    async with exchanging(upstream) as exchange:
        return await exchange.ask(asking or ask_for(), tcp=tcp)


def how(upstream: Scripted) -> list[str]:
    """How the questions came, in their order."""
    return [" ".join(way(seen)) for seen in upstream.seen]


def way(seen: Seen) -> Iterator[str]:
    yield "tcp" if seen.tcp else "udp"
    if seen.message.edns >= 0:
        yield "edns"
    if seen.message.ednsflags:
        yield "do"


@pytest.mark.parametrize(("tcp", "ways"), [(False, ["udp edns"]), (True, ["tcp edns"])])
async def test_a_question_goes_over_udp_unless_tcp_is_wanted(tcp: bool, ways: list[str]) -> None:
    async with scripted() as upstream:
        assert lines_of(*(await ask(upstream, tcp=tcp)).answer) == ANSWER
    assert how(upstream) == ways


async def test_a_server_that_has_no_tcp_is_asked_over_udp() -> None:
    async with scripted(streams=False) as upstream:
        assert lines_of(*(await ask(upstream, tcp=True)).answer) == ANSWER
    assert how(upstream) == ["udp edns"]


async def test_do_goes_along() -> None:
    async with scripted() as upstream:
        await ask(upstream, ask_for(do=True))
    assert how(upstream) == ["udp edns do"]


def cut(seen: Seen) -> list[Sent]:
    return good(seen) if seen.tcp else [reply(seen, flags="TC RA")]


def cut_in_a_record(seen: Seen) -> list[Sent]:
    return good(seen) if seen.tcp else [reply(seen, *ANSWER, flags="TC RA", edns=False)[:-3]]


@pytest.mark.parametrize("script", [cut, cut_in_a_record])
async def test_what_is_cut_is_asked_for_over_tcp(script: Script) -> None:
    async with scripted(script) as upstream:
        found = await ask(upstream)
    assert lines_of(*found.answer) == ANSWER
    assert how(upstream) == ["udp edns", "tcp edns"]


async def test_what_is_cut_and_cannot_be_had_over_tcp_is_a_failure() -> None:
    async with scripted(cut, streams=False) as upstream:
        with pytest.raises(UpstreamError, match=r"\(tcp\): connection refused"):
            await ask(upstream)


async def test_a_part_is_better_than_nothing() -> None:
    async with scripted(lambda seen: [reply(seen, *ANSWER, flags="TC RA")], streams=False) as upstream:
        found = await ask(upstream)
    assert (lines_of(*found.answer), found.has(Flag.TC)) == (ANSWER, True)


async def test_a_server_without_tcp_is_believed_behind_a_hail_of_guesses() -> None:
    def guess(seen: Seen) -> list[Sent]:
        return [*(altered(seen, id=seen.id ^ each) for each in range(1, 100)), *good(seen)]

    async with scripted(guess, streams=False) as upstream:
        assert lines_of(*(await ask(upstream)).answer) == ANSWER
    assert how(upstream) == ["udp edns"] * 2


async def test_under_a_hail_of_guesses_tcp_is_asked() -> None:
    stray = Counter()

    def guess(seen: Seen) -> list[Sent]:
        return good(seen) if seen.tcp else [altered(seen, id=seen.id ^ each) for each in range(1, 40)]

    async with scripted(guess) as upstream, exchanging(upstream, stray) as exchange:
        assert lines_of(*(await exchange.ask(ask_for())).answer) == ANSWER
    assert (how(upstream), stray.count) == (["udp edns", "tcp edns"], 16)


def without_edns(rcode: str, *, edns: bool = False) -> Script:
    """A server that refuses EDNS."""

    def script(seen: Seen) -> list[Sent]:
        return [reply(seen, rcode=rcode, edns=edns)] if seen.message.edns >= 0 else good(seen)

    return script


def header_only(seen: Seen) -> list[Sent]:
    return [seen.wire[:2] + b"\x81\x81" + bytes(8)] if seen.message.edns >= 0 else good(seen)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(without_edns("FORMERR"), id="FORMERR"),
        pytest.param(without_edns("NOTIMP"), id="NOTIMP"),
        pytest.param(without_edns("BADVERS", edns=True), id="BADVERS"),
        pytest.param(header_only, id="FORMERR without a question"),
        pytest.param(without_edns("FORMERR", edns=True), id="FORMERR with our OPT"),
        pytest.param(without_edns("NOTIMP", edns=True), id="NOTIMP with our OPT"),
    ],
)
async def test_a_server_without_edns_is_asked_without_and_remembered(script: Script) -> None:
    async with scripted(script) as upstream, exchanging(upstream) as exchange:
        for wait in (0, 800, 99, 2):
            await asyncio.sleep(wait)
            assert lines_of(*(await exchange.ask(ask_for())).answer) == ANSWER
    assert how(upstream) == ["udp edns", "udp", "udp", "udp", "udp edns", "udp"]


def drops_edns(seen: Seen) -> list[Sent]:
    return [] if seen.message.edns >= 0 else good(seen)


async def test_a_server_that_drops_edns_is_asked_without_it_for_a_minute() -> None:
    async with scripted(drops_edns) as upstream, exchanging(upstream) as exchange:
        with pytest.raises(Silent):
            await exchange.ask(ask_for())
        for wait in (0, 59):
            await asyncio.sleep(wait)
            assert lines_of(*(await exchange.ask(ask_for())).answer) == ANSWER
        await asyncio.sleep(2)
        with pytest.raises(Silent):
            await exchange.ask(ask_for())
    assert how(upstream) == ["udp edns", "udp", "udp", "udp edns"]


async def test_a_server_that_is_away_is_asked_with_edns_every_other_time() -> None:
    async with scripted(silent) as upstream, exchanging(upstream) as exchange:
        for _ in range(4):
            with pytest.raises(Silent):
                await exchange.ask(ask_for())
    assert how(upstream) == ["udp edns", "udp"] * 2


async def test_a_server_that_has_shown_edns_is_not_doubted() -> None:
    async with scripted() as upstream, exchanging(upstream) as exchange:
        await exchange.ask(ask_for())
        upstream.script = silent
        for _ in range(2):
            with pytest.raises(Silent):
                await exchange.ask(ask_for())
    assert how(upstream) == ["udp edns"] * 3


async def test_servers_of_one_address_may_differ_in_edns() -> None:
    """Who asks the one that has none is answered, and the others stay with it."""
    async with scripted() as upstream, exchanging(upstream) as exchange:
        await exchange.ask(ask_for())
        upstream.script = without_edns("FORMERR")
        for _ in range(2):
            assert lines_of(*(await exchange.ask(ask_for())).answer) == ANSWER
    assert how(upstream) == ["udp edns", "udp edns", "udp", "udp edns", "udp"]


async def test_formerr_of_a_server_that_has_edns_is_a_reply() -> None:
    async with scripted() as upstream, exchanging(upstream) as exchange:
        await exchange.ask(ask_for())
        upstream.script = without_edns("FORMERR", edns=True)
        assert (await exchange.ask(ask_for())).rcode == 1
    assert how(upstream) == ["udp edns"] * 2


async def test_a_server_that_says_formerr_to_everything_is_not_remembered() -> None:
    def no(seen: Seen) -> list[Sent]:
        return [reply(seen, rcode="FORMERR", edns=False)]

    async with scripted(no) as upstream, exchanging(upstream) as exchange:
        assert [(await exchange.ask(ask_for())).rcode for _ in range(2)] == [1, 1]
    assert how(upstream) == ["udp edns", "udp"] * 2


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL", "REFUSED", "NOTAUTH"])
async def test_any_rcode_is_a_reply(rcode: str) -> None:
    async with scripted(lambda seen: [reply(seen, rcode=rcode)]) as upstream:
        found = await ask(upstream)
    assert found.rcode == {"NXDOMAIN": 3, "SERVFAIL": 2, "REFUSED": 5, "NOTAUTH": 9}[rcode]


async def test_an_rcode_about_edns_is_a_failure() -> None:
    async with scripted(lambda seen: [reply(seen, rcode="BADCOOKIE")]) as upstream:
        with pytest.raises(UpstreamError, match=f"upstream {upstream.text} said rcode 23"):
            await ask(upstream)


@pytest.mark.parametrize("tcp", [False, True])
async def test_silence_ends_after_two_seconds(tcp: bool) -> None:
    began = warp().time()
    async with scripted(silent) as upstream:
        with pytest.raises(Silent, match=r"did not answer within 2s: i/o timeout$"):
            await ask(upstream, tcp=tcp)
    assert warp().time() - began == pytest.approx(2, abs=0.1)


async def test_lies_alone_are_silence() -> None:
    def lie(seen: Seen) -> list[Sent]:
        return [altered(seen, id=seen.id ^ 1), Elsewhere(address(seen))]

    async with scripted(lie) as upstream:
        with pytest.raises(Silent):
            await ask(upstream)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 53)"), "connection refused"),
        (OSError("Multiple exceptions"), "multiple exceptions"),
        (OSError(), "OSError"),
        (ssl.SSLCertVerificationError("x"), "('x',)"),
    ],
)
def test_what_went_wrong_is_said_in_small_letters(error: OSError, text: str) -> None:
    assert reason(error) == text
