from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from dataclasses import replace
from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.chain import Handler, Hit, Keep, Query, Response, Sent, Transport, nobody
from kdns.errors import KdnsError
from kdns.proto.message import Ede
from kdns.proto.name import from_labels, from_text, labels, to_text
from kdns.proto.record import RRset, addresses, srv
from kdns.proto.types import EDE, Flag, RRType
from tests.hits import hit
from tests.serve.answering import CLIENT, FOREVER, LOCAL, Clock, Desk, addressed, answer_set, one_address

UDP, TCP = Transport.udp, Transport.tcp
NAME = from_text("A.example.")
ID = b"\xab\xcd"


def message(
    name: bytes = NAME,
    type: int = RRType.A,
    klass: int = 1,
    *,
    flags: int = Flag.RD,
    counts: tuple[int, int, int, int] = (1, 0, 0, 0),
    behind: bytes = b"",
) -> bytes:
    """A query, as raw as needed; an OPT behind is not counted by itself."""
    return ID + pack("!HHHHH", flags, *counts) + name + pack("!HH", type, klass) + behind


def opt(options: bytes = b"", *, payload: int = 1232, ttl: int = 0, owner: bytes = b"\0") -> bytes:
    return owner + pack("!HHIH", RRType.OPT, payload, ttl, len(options)) + options


def with_opt(edns: bytes, **rest: int) -> bytes:
    return message(counts=(1, 0, 0, 1), behind=edns, **rest)  # type: ignore[arg-type]


async def reply_to(desk: Desk, wire: bytes, transport: Transport = UDP) -> bytes | None:
    ready = hit(desk.responder, wire, transport)
    if ready is not None:
        return ready
    return await desk.responder.respond(wire, CLIENT, LOCAL, transport)


async def read(desk: Desk, wire: bytes, transport: Transport = UDP) -> dns.message.Message:
    reply = await reply_to(desk, wire, transport)
    assert reply is not None
    assert reply[:2] == wire[:2]
    return dns.message.from_wire(reply, one_rr_per_rrset=True)


def told(reply: dns.message.Message) -> tuple[int, str]:
    """Info code and sentence of the Extended DNS Error."""
    (option,) = [option for option in reply.options if isinstance(option, dns.edns.EDEOption)]
    return int(option.code), option.text or ""


def ips(reply: dns.message.Message) -> list[str]:
    return [rdata.to_text() for rrset in reply.answer for rdata in rrset]


# The ladder.

HEADER_ONLY = bytes(8)

SILENCE = {
    "nothing": b"",
    "eleven bytes": message()[:11],
    "a reply": message(flags=Flag.QR),
    "a reply with an unknown opcode": message(flags=Flag.QR | 0x2000),
    "a reply without a question": message(flags=Flag.QR, counts=(0, 0, 0, 0)),
}

REFUSED = {
    "opcode STATUS": (message(flags=0x1000), 0x9004, "notimp"),
    "opcode NOTIFY with every flag": (message(flags=0x27F0), 0xA004, "notimp"),
    "opcode UPDATE": (message(flags=0x2800), 0xA804, "notimp"),
    "opcode 15 without a question": (message(flags=0x7800, counts=(0, 0, 0, 0)), 0xF804, "notimp"),
    "a header alone": (message(counts=(0, 0, 0, 0))[:12], 0x8101, "formerr"),
    "two questions": (message(counts=(2, 0, 0, 0), behind=NAME + b"\0\1\0\1"), 0x8101, "formerr"),
    "65535 questions": (message(counts=(65535, 0, 0, 0)), 0x8101, "formerr"),
    "an answer": (message(counts=(1, 1, 0, 0)), 0x8101, "formerr"),
    "65535 of each": (message(counts=(65535,) * 4), 0x8101, "formerr"),
    "three additional records": (message(counts=(1, 0, 0, 3)), 0x8101, "formerr"),
    "an authority section": (message(counts=(1, 0, 1, 0), behind=opt()), 0x8101, "malformed"),
    "a count that is too high": (message(counts=(1, 0, 0, 1)), 0x8101, "malformed"),
    "two counted and one there": (message(counts=(1, 0, 0, 2), behind=opt()), 0x8101, "malformed"),
    "a trailing byte": (message(behind=b"\0"), 0x8101, "malformed"),
    "a trailing byte behind OPT": (with_opt(opt() + b"\0"), 0x8101, "malformed"),
    "an OPT that is not counted": (message(behind=opt()), 0x8101, "malformed"),
    "two OPT": (message(counts=(1, 0, 0, 2), behind=opt() * 2), 0x8101, "malformed"),
    "an OPT owned by the question": (with_opt(opt(owner=b"\xc0\x0c")), 0x8101, "malformed"),
    "an option cut short": (with_opt(opt(b"\0\3\0\1")), 0x8101, "malformed"),
    "a question's pointer ahead": (message(b"\xc0\x20"), 0x8101, "malformed"),
    "a question's pointer to itself": (message(b"\xc0\x0c"), 0x8101, "malformed"),
    "an owner's pointer ahead": (with_opt(opt(owner=b"\xc0\xff")), 0x8101, "malformed"),
    "a label of 64": (message(b"\x40" + b"x" * 64 + b"\0"), 0x8101, "malformed"),
    "a name of 257": (message((b"\x3f" + b"x" * 63) * 4 + b"\0"), 0x8101, "malformed"),
    "a question cut short": (message()[:-1], 0x8101, "malformed"),
    "without RD": (message(flags=0, behind=b"\0"), 0x8001, "malformed"),
}


@pytest.mark.parametrize("transport", Transport, ids=str)
@pytest.mark.parametrize("wire", SILENCE.values(), ids=SILENCE)
async def test_what_must_not_be_answered_is_not(wire: bytes, transport: Transport) -> None:
    desk = Desk()
    assert await reply_to(desk, wire, transport) is None
    assert desk.refused() == {"ignore": 1}


@pytest.mark.parametrize("transport", Transport, ids=str)
@pytest.mark.parametrize(("wire", "flags", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_query_gets_a_header_only(wire: bytes, flags: int, reason: str, transport: Transport) -> None:
    desk = Desk()
    assert await reply_to(desk, wire, transport) == ID + pack("!H", flags) + HEADER_ONLY
    assert desk.refused() == {reason: 1}
    assert len(desk.memo) == 0


@pytest.mark.parametrize("do", [0, 0x8000], ids=["", "DO"])
@pytest.mark.parametrize("version", [1, 255])
async def test_an_unknown_edns_version_is_badvers_without_an_answer(version: int, do: int) -> None:
    desk = Desk()
    wire = with_opt(opt(ttl=version << 16 | do | 0x3FFF))
    raw = await reply_to(desk, wire)
    assert raw is not None
    assert raw[12:] == message()[12:] + opt(ttl=0x01000000 | do)
    reply = await read(desk, wire)
    assert (reply.rcode(), reply.answer, reply.edns) == (dns.rcode.BADVERS, [], 0)
    assert desk.refused() == {"refused": 2}


@pytest.mark.parametrize(
    ("wire", "code", "sentence"),
    [
        (message(klass=3), EDE.NOT_SUPPORTED, "class IN"),
        (message(klass=255), EDE.NOT_SUPPORTED, "class IN"),
        (message(klass=254), EDE.NOT_SUPPORTED, "class IN"),
        (message(from_text("example.org.")), EDE.NOT_AUTHORITATIVE, "none of the zones"),
        (message(b"\0"), EDE.NOT_AUTHORITATIVE, "none of the zones"),
        (message(from_text("badexample.")), EDE.NOT_AUTHORITATIVE, "none of the zones"),
    ],
    ids=["CH", "ANY", "NONE", "another zone", "the root", "almost the zone"],
)
async def test_what_is_not_served_here_is_refused_with_a_reason(wire: bytes, code: int, sentence: str) -> None:
    desk = Desk()
    plain = await read(desk, wire)
    assert (plain.rcode(), plain.answer, plain.edns) == (dns.rcode.REFUSED, [], -1)
    assert plain.question
    explained = await read(desk, wire[:10] + b"\0\1" + wire[12:] + opt())
    assert explained.rcode() == dns.rcode.REFUSED
    assert told(explained)[0] == code
    assert sentence in told(explained)[1]
    assert desk.refused() == {"refused": 2}


async def test_the_z_bits_and_ad_are_not_sent_back() -> None:
    wire = with_opt(opt(ttl=0x7FFF), flags=0x0170)
    reply = await reply_to(Desk(), wire)
    assert reply is not None
    assert reply[2:4] == pack("!H", Flag.QR | Flag.AA | Flag.RD | Flag.CD)
    assert reply.endswith(opt())


@pytest.mark.parametrize("option", [(3, b""), (8, b"\0\1\x18\0\x0a\0\0"), (10, b"12345678"), (65001, b"x")])
async def test_an_option_that_means_nothing_here_is_passed_over(option: tuple[int, bytes]) -> None:
    code, data = option
    reply = await read(Desk(), with_opt(opt(pack("!HH", code, len(data)) + data)))
    assert (ips(reply), reply.edns, reply.options) == (["10.0.0.1"], 0, ())


# The chain.


async def test_a_question_is_answered_by_the_handler_of_its_zone() -> None:
    seen: list[Query] = []

    async def handler(query: Query) -> Response:
        seen.append(query)
        return addressed(query, "10.0.0.7")

    desk = Desk(handler)
    local = ("2001:db8::53", 53, 0, 0)
    client = ("2001:db8::1", 40000, 0, 0)
    reply = await desk.responder.respond(message(), client, local, TCP)  # type: ignore[arg-type]
    assert reply is not None
    assert ips(dns.message.from_wire(reply)) == ["10.0.0.7"]
    (query,) = seen
    assert (str(query.client), str(query.local)) == ("[2001:db8::1]:40000", "[2001:db8::53]:53")
    assert (query.transport, query.zone, query.server) == (TCP, from_text("example."), "dns://:53")
    assert (query.started, query.question.name, query.message.size) == (1000.0, NAME, len(message()))


async def test_a_question_that_no_plugin_answers_is_servfail_with_a_reason() -> None:
    reply = await read(Desk(nobody), with_opt(opt()))
    assert reply.rcode() == dns.rcode.SERVFAIL
    assert "no plugin" in told(reply)[1]


class BrokenError(Exception):
    pass


async def test_an_exception_is_servfail_counted_each_time_and_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(query: Query) -> Response:
        raise BrokenError("a secret of the cluster")

    desk = Desk(handler)
    for number in range(5):
        reply = await read(desk, with_opt(opt()))
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert "secret" not in told(reply)[1]
        assert desk.counted("coredns_panics_total") == number + 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].exc_info is not None
    assert caplog.records[0].exc_info[0] is BrokenError
    desk.clock.now += 61
    await read(desk, with_opt(opt()))
    assert len(caplog.records) == 2
    assert len(desk.memo) == 0


async def test_exceptions_of_two_kinds_are_both_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(query: Query) -> Response:
        if query.question.type == RRType.A:
            raise BrokenError
        raise BrokenError

    desk = Desk(handler)
    for type in (RRType.A, RRType.AAAA, RRType.A, RRType.AAAA):
        await read(desk, message(type=type))
    assert len(caplog.records) == 2


async def test_an_error_of_kdns_s_own_is_told_to_the_client_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handler(query: Query) -> Response:
        raise KdnsError("the upstream is silent")

    desk = Desk(handler)
    reply = await read(desk, with_opt(opt()))
    assert (reply.rcode(), told(reply)) == (dns.rcode.SERVFAIL, (EDE.OTHER, "the upstream is silent"))
    assert not caplog.records
    assert desk.counted("coredns_panics_total") == 0


async def test_a_response_that_cannot_be_written_is_servfail(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(query: Query) -> Response:
        return Response(answer=(RRset(query.question.name, RRType.TXT, -1, (b"\1x",)),))

    desk = Desk(handler)
    assert (await read(desk, message())).rcode() == dns.rcode.SERVFAIL
    assert desk.counted("coredns_panics_total") == 1
    assert len(caplog.records) == 1


# Letters.

STRANGE = from_labels([b"\0.\xff", b"MiXeD", b"eXample"])


@pytest.mark.parametrize("transport", Transport, ids=str)
@pytest.mark.parametrize("name", [NAME, STRANGE, from_labels([b"A" * 63] * 3 + [b"B" * 40], from_text("Example."))])
async def test_the_name_comes_back_as_it_was_asked_first_time_and_from_the_memo(
    name: bytes, transport: Transport
) -> None:
    desk = Desk()
    for asked in (name, name.lower(), name.upper(), name, name.swapcase(), name.lower()):
        wire = message(asked)
        reply = await reply_to(desk, wire, transport)
        assert reply is not None
        assert reply[12 : 12 + len(name) + 4] == wire[12:]
        assert labels(asked) == tuple(map(bytes, dns.message.from_wire(reply).question[0].name.labels[:-1]))
        assert ips(dns.message.from_wire(reply)) == ["10.0.0.1"]
    assert (desk.counted("kdns_memo_misses_total"), desk.counted("kdns_memo_hits_total")) == (1, 5)


# What is kept.


async def test_the_same_bytes_hit_without_a_task_whatever_their_id() -> None:
    desk = Desk()
    wire = message(NAME.lower())
    assert hit(desk.responder, wire, UDP) is None
    first = await desk.responder.respond(wire, CLIENT, LOCAL, UDP)
    assert first is not None
    assert hit(desk.responder, b"\x12\x34" + wire[2:], UDP) == b"\x12\x34" + first[2:]
    assert hit(desk.responder, wire, TCP) == first


@pytest.mark.parametrize(
    ("again", "transport"),
    [
        (message(NAME.lower()), UDP),
        (message(NAME.upper()), UDP),
        (message(NAME.lower()), TCP),
        (message(flags=Flag.RD | Flag.AD | 0x40), UDP),
    ],
    ids=["the same", "other letters", "TCP", "flags that are not echoed"],
)
async def test_one_answer_serves_all_that_ask_the_same(again: bytes, transport: Transport) -> None:
    desk = Desk()
    await read(desk, message(NAME.lower()))
    assert ips(await read(desk, again, transport)) == ["10.0.0.1"]
    assert desk.counted("kdns_memo_misses_total") == 1


async def test_cookies_and_sizes_differ_and_the_answer_is_made_once() -> None:
    desk = Desk()
    for number in range(20):
        cookie = b"\0\x0a\0\x08" + number.to_bytes(8)
        reply = await read(desk, with_opt(opt(cookie, payload=1200 + number)))
        assert (ips(reply), reply.options) == (["10.0.0.1"], ())
    assert desk.counted("kdns_memo_misses_total") == 1


@pytest.mark.parametrize(
    "other",
    [
        message(type=RRType.AAAA),
        message(from_text("b.example.")),
        message(flags=0),
        message(flags=Flag.RD | Flag.CD),
        with_opt(opt()),
    ],
    ids=["type", "name", "without RD", "CD", "EDNS"],
)
async def test_a_question_that_differs_is_answered_anew(other: bytes) -> None:
    desk = Desk()
    await read(desk, message())
    await read(desk, other)
    assert desk.counted("kdns_memo_misses_total") == 2


async def test_do_is_told_to_who_sets_it_and_to_nobody_else() -> None:
    desk = Desk()
    for ttl in (0, 0x8000, 0, 0x8000):
        assert (await read(desk, with_opt(opt(ttl=ttl)))).ednsflags == ttl


async def test_what_nobody_may_keep_is_made_each_time() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, "10.0.0.1", keep=Keep())

    desk = Desk(handler)
    for _ in range(3):
        await read(desk, message())
    assert (desk.counted("kdns_memo_misses_total"), len(desk.memo)) == (3, 0)


async def test_a_change_ends_what_was_made_from_it_while_it_was_made_too() -> None:
    keep = replace(FOREVER, depends_on=frozenset({"web"}))

    async def handler(query: Query) -> Response:
        if changes.pop():
            desk.memo.forget({"web"})
        return addressed(query, "10.0.0.1", keep=keep)

    changes = [False, False, True]
    desk = Desk(handler)
    await read(desk, message())
    assert len(desk.memo) == 0
    await read(desk, message())
    assert len(desk.memo) == 1
    desk.memo.forget({"web"})
    assert hit(desk.responder, message(), UDP) is None
    await read(desk, message())
    assert desk.counted("kdns_memo_misses_total") == 3


async def test_an_answer_ends_when_its_time_is_over() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, "10.0.0.1", keep=replace(FOREVER, until=1005.0))

    desk = Desk(handler)
    wire = message(NAME.lower())
    await read(desk, wire)
    desk.clock.now = 1004.9
    assert hit(desk.responder, wire, UDP) is not None
    desk.clock.now = 1005.0
    assert hit(desk.responder, wire, UDP) is None


async def test_addresses_take_turns_from_reply_to_reply() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, "10.0.0.1", "10.0.0.2", "10.0.0.3")

    desk = Desk(handler)
    seen = [ips(await read(desk, message(NAME.lower()))) for _ in range(6)]
    assert sorted(first for first, *_ in seen) == sorted(["10.0.0.1", "10.0.0.2", "10.0.0.3"] * 2)
    assert {frozenset(each) for each in seen} == {frozenset({"10.0.0.1", "10.0.0.2", "10.0.0.3"})}


async def test_addresses_that_are_not_kept_take_turns_as_well() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, "10.0.0.1", "10.0.0.2", keep=Keep())

    desk = Desk(handler)
    assert {ips(await read(desk, message()))[0] for _ in range(2)} == {"10.0.0.1", "10.0.0.2"}


# Sizes.


@pytest.mark.parametrize(
    ("edns", "cap", "limit"),
    [
        (None, 1232, 512),
        (0, 1232, 512),
        (1000, 1232, 1000),
        (4096, 1232, 1232),
        (65535, 4096, 4096),
        (65535, 1400, 1400),
    ],
)
async def test_a_reply_over_udp_fits_the_client_and_the_cap(edns: int | None, cap: int, limit: int) -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, *(f"10.0.{number >> 8}.{number & 255}" for number in range(1000)))

    desk = Desk(handler, payload=cap)
    wire = message() if edns is None else with_opt(opt(payload=edns))
    for _ in range(3):
        reply = await reply_to(desk, wire)
        assert reply is not None
        assert limit - 16 < len(reply) <= limit
        seen = await read(desk, wire)
        assert seen.flags & dns.flags.TC
        assert edns is None or seen.payload == cap
        whole = await read(desk, wire, TCP)
        assert len(whole.answer) == 1000
        assert not whole.flags & dns.flags.TC


async def glued(query: Query) -> Response:
    targets = [from_labels([b"pod-%d" % number], from_text("example.")) for number in range(30)]
    service = RRset(query.question.name, RRType.SRV, 5, tuple(srv(0, 1, 80, target) for target in targets[:10]))
    return Response(
        answer=(service,), additional=tuple(addresses(each, 5, [b"abcd"]) for each in targets), keep=FOREVER
    )


@pytest.mark.parametrize("small_first", [False, True])
async def test_glue_that_did_not_fit_one_client_is_there_for_a_larger_one(small_first: bool) -> None:
    desk = Desk(glued)
    if small_first:
        small = await read(desk, message(type=RRType.SRV))
        assert (len(small.answer), len(small.additional) < 30) == (10, True)
    assert len((await read(desk, message(type=RRType.SRV), TCP)).additional) == 30


# Those who are told.


async def test_every_reply_is_told_of_and_hits_are_shown_to_who_watches() -> None:
    sent: list[Sent] = []
    hits: list[Hit] = []

    async def handler(query: Query) -> Response:
        return addressed(query, "10.0.0.1", keep=replace(FOREVER, tallies=(sent.append,), each=(hits.append,)))

    desk = Desk(handler)
    wires = [message(), message(NAME.lower()), message(NAME.lower()), message()]
    sizes = [len(await reply_to(desk, wire) or b"") for wire in wires]
    assert [(each.count, each.transport, each.family, each.request_size) for each in sent] == [
        (1, UDP, 1, len(wire)) for wire in wires
    ]
    assert [each.response_size for each in sent] == sizes
    assert [hit.query.question.name for hit in hits] == [NAME.lower(), NAME.lower(), NAME]
    assert [(hit.query.zone, str(hit.query.client)) for hit in hits] == [
        (from_text("example."), "192.0.2.53:40000")
    ] * 3


async def test_a_hit_by_bytes_is_told_of_too() -> None:
    sent: list[Sent] = []

    async def handler(query: Query) -> Response:
        return addressed(query, "10.0.0.1", keep=replace(FOREVER, tallies=(sent.append,)))

    desk = Desk(handler)
    wire = message(NAME.lower())
    await desk.responder.respond(wire, CLIENT, LOCAL, TCP)
    reply = hit(desk.responder, wire, TCP, six=True)
    assert reply is not None
    assert sent[1] == Sent(1, TCP, 2, len(wire), len(reply), 0.0)


async def test_the_time_a_handler_takes_is_told() -> None:
    sent: list[Sent] = []
    clock = Clock()

    async def handler(query: Query) -> Response:
        clock.now += 0.25
        return addressed(query, "10.0.0.1", keep=Keep(tallies=(sent.append,)))

    await read(Desk(handler, clock=clock), message())
    assert [each.seconds for each in sent] == [0.25]


# Anything at all.


@given(st.lists(st.binary(max_size=80), max_size=5), st.sampled_from(Transport))
async def test_any_bytes_get_a_reply_to_them_or_none(wires: list[bytes], transport: Transport) -> None:
    desk = Desk(zones=(".",))
    for tail in wires:
        for wire in (tail, message()[:12] + tail, ID + b"\1\0\0\1\0\0\0\0\0\1" + tail, message(behind=tail)):
            reply = await reply_to(desk, wire, transport)
            if len(wire) < 12 or wire[2] & 0x80:
                assert reply is None
            else:
                assert reply is not None
                assert reply[:2] == wire[:2]
                assert reply[2] & 0x80
                assert dns.message.from_wire(reply).flags & dns.flags.QR


@given(st.lists(st.sampled_from([message(), message(NAME.lower()), with_opt(opt()), message(klass=3)]), max_size=8))
async def test_what_is_kept_answers_as_the_chain_does(wires: list[bytes]) -> None:
    kept, fresh = Desk(), Desk(unkept)
    for wire in wires:
        assert await reply_to(kept, wire) == await reply_to(fresh, wire)


async def unkept(query: Query) -> Response:
    return replace(await one_address(query), keep=Keep())


async def test_a_cancellation_inside_a_plugin_is_its_failure() -> None:
    async def waits(query: Query) -> Response:
        waiting = asyncio.get_running_loop().create_future()
        waiting.cancel()
        await waiting
        return Response()

    desk = Desk(waits)
    assert (await read(desk, message())).rcode() == dns.rcode.SERVFAIL
    assert desk.counted("coredns_panics_total") == 1


async def test_a_question_that_is_cancelled_itself_is_no_failure() -> None:
    async def waits(query: Query) -> Response:
        await asyncio.get_running_loop().create_future()
        return Response()

    desk = Desk(waits)
    asked = asyncio.create_task(reply_to(desk, message()))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert desk.counted("coredns_panics_total") == 0


# What a plugin asks in turn.


async def test_a_plugin_may_ask_the_whole_server_again_and_not_for_ever() -> None:
    seen: list[tuple[str, int]] = []

    async def alias(query: Query) -> Response:
        seen.append((to_text(query.question.name), query.depth))
        return await query.lookup(query, from_text("next.example."), RRType.A)

    reply = await read(Desk(alias), message())
    assert reply.rcode() == dns.rcode.SERVFAIL
    assert seen[0][1] == 0
    assert seen[-1] == ("next.example.", len(seen) - 1)
    assert 2 < len(seen) < 20


async def test_what_lies_in_no_zone_is_refused_to_a_plugin_too() -> None:
    async def alias(query: Query) -> Response:
        return await query.lookup(query, from_text("elsewhere.test."), RRType.A)

    assert (await read(Desk(alias), message())).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize("transport", Transport, ids=str)
async def test_of_a_silent_response_nothing_is_sent_or_kept_and_it_is_told_of(transport: Transport) -> None:
    told: list[Sent] = []

    async def silent(query: Query) -> Response:
        return replace(addressed(query, "10.0.0.1", keep=FOREVER.told(told.append)), silent=True)

    desk = Desk(silent)
    for _ in range(2):
        assert await reply_to(desk, message(), transport) is None
    assert len(desk.memo) == 0
    assert [(sent.count, sent.transport, sent.request_size, sent.response_size) for sent in told] == [
        (1, transport, len(message()), 0)
    ] * 2


# Replies of several messages.


def in_parts(*parts: str, fails: bool = False) -> Handler:
    """One address in the first message, one in each further one."""

    async def rest(query: Query) -> AsyncGenerator[tuple[RRset, ...], None]:
        for ip in parts[1:]:
            yield (answer_set(query, ip),)
        if fails:
            raise ZeroDivisionError

    async def handler(query: Query) -> Response:
        response = addressed(query, parts[0], keep=Keep(tallies=(tallied.append,)))
        return replace(response, rest=rest(query), ede=Ede(0, "once"), additional=(answer_set(query, "10.9.9.9"),))

    tallied.clear()
    return handler


tallied: list[Sent] = []


async def taken(desk: Desk) -> tuple[list[bytes], bytes]:
    """The messages before the last one, and that."""
    before: list[bytes] = []

    async def more(message: bytes) -> None:
        before.append(message)

    last = await desk.responder.respond(with_opt(opt()), CLIENT, LOCAL, TCP, more)
    assert last is not None
    return before, last


async def test_all_messages_but_the_last_are_given_away_first() -> None:
    desk = Desk(in_parts("10.0.0.1", "10.0.0.2", "10.0.0.3"))
    before, last = await taken(desk)
    replies = [dns.message.from_wire(wire) for wire in (*before, last)]
    assert [ips(reply) for reply in replies] == [["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"]]
    assert {wire[:2] for wire in before} == {ID}
    assert [len(reply.additional) for reply in replies] == [1, 0, 0]
    assert [len(reply.options) for reply in replies] == [1, 0, 0]
    assert [(sent.count, sent.response_size) for sent in tallied] == [(1, sum(map(len, before)) + len(last))]
    assert len(desk.memo) == 0


async def test_one_message_may_be_all() -> None:
    before, last = await taken(Desk(in_parts("10.0.0.1")))
    assert (before, ips(dns.message.from_wire(last))) == ([], ["10.0.0.1"])


async def test_a_failure_between_messages_ends_with_servfail() -> None:
    desk = Desk(in_parts("10.0.0.1", "10.0.0.2", fails=True))
    before, last = await taken(desk)
    assert (len(before), dns.message.from_wire(last).rcode()) == (1, dns.rcode.SERVFAIL)
    assert desk.counted("coredns_panics_total") == 1


async def test_it_tells_when_no_message_is_being_answered() -> None:
    """At once where none is; else after the last, whether it was answered, refused or given up."""
    gate, story = asyncio.Event(), list[str]()

    async def slow(query: Query) -> Response:
        await gate.wait()
        return await nobody(query)

    responder = Desk(slow).responder
    responder.when_idle(lambda: story.append("at once"))
    asking = [asyncio.create_task(responder.respond(message(), CLIENT, LOCAL, UDP)) for _ in range(3)]
    await asyncio.sleep(0)
    responder.when_idle(lambda: story.append("then"))
    asking[0].cancel()
    await asyncio.gather(asking[0], return_exceptions=True)
    await responder.respond(b"", CLIENT, LOCAL, UDP)
    assert story == ["at once"]
    gate.set()
    await asyncio.gather(*asking[1:])
    assert story == ["at once", "then"]
