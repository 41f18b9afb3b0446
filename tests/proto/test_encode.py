from __future__ import annotations

from dataclasses import replace
from struct import pack

import dns.edns
import dns.flags
import dns.message
import dns.rdata
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.encode import LARGEST, PAYLOAD, encode, udp_limit
from kdns.proto.message import Ede, Edns, Message, Question, Reply
from kdns.proto.name import fold, from_labels, from_text, to_text
from kdns.proto.record import RRset, Soa, addresses, soa, srv, txt
from kdns.proto.types import EDE, Flag, Option, RCode, RRType

NAME = from_text("Svc.ns.svc.cluster.local.")
ZONE = from_text("cluster.local.")
SOA_RDATA = soa(
    Soa(from_text("ns.dns.cluster.local."), from_text("hostmaster.cluster.local."), 7, 7200, 1800, 86400, 5)
)
SOA = RRset(ZONE, RRType.SOA, 5, (SOA_RDATA,))


def asked(name: bytes = NAME, type: int = RRType.A, *, edns: Edns | None = None, flags: int = Flag.RD) -> Message:
    return Message(0, flags, Question(name, fold(name), type, 1), edns, 50)


def with_edns(payload: int = 1232, *, do: bool = False, options: tuple[tuple[int, bytes], ...] = ()) -> Edns:
    return Edns(payload, 0, do, options)


def numbered(count: int, owner: bytes = NAME) -> RRset:
    return addresses(owner, 5, [pack("!I", 0x0A000000 + number) for number in range(count)])


def wire_of(message: Message, reply: Reply, limit: int = LARGEST, turn: int = 0) -> bytes:
    return pack("!H", message.id) + encode(message, reply, limit).body(turn)


def read(wire: bytes) -> dns.message.Message:
    """A record a set, so that what was sent is what is seen."""
    return dns.message.from_wire(wire, one_rr_per_rrset=True)


Line = tuple[bytes, int, int, bytes]


def lines(section: list[dns.rrset.RRset]) -> list[Line]:
    return [
        (fold(rrset.name.to_wire() or b""), rrset.rdtype, rrset.ttl, fold(rdata.to_wire() or b""))
        for rrset in section
        for rdata in rrset
    ]


def expected(rrsets: tuple[RRset, ...]) -> list[Line]:
    return [(fold(each.owner), each.type, each.ttl, fold(rdata)) for each in rrsets for rdata in each.rdatas]


# What a reply says.


@pytest.mark.parametrize("flags", [0, Flag.RD, Flag.CD, Flag.RD | Flag.CD, 0x07FF])
@pytest.mark.parametrize("recursion", [False, True])
@pytest.mark.parametrize("authoritative", [False, True])
def test_rd_and_cd_are_copied_and_no_other_flag(flags: int, recursion: bool, authoritative: bool) -> None:
    reply = read(wire_of(asked(flags=flags), Reply(authoritative=authoritative, recursion=recursion)))
    assert reply.flags == (
        Flag.QR | flags & (Flag.RD | Flag.CD) | (Flag.AA if authoritative else 0) | (Flag.RA if recursion else 0)
    )


@pytest.mark.parametrize("rcode", [rcode for rcode in RCode if rcode < 16], ids=str)
def test_the_rcode_is_told(rcode: RCode) -> None:
    assert int(read(wire_of(asked(), Reply(rcode=rcode))).rcode()) == rcode


def test_an_rcode_past_15_takes_the_bits_that_edns_lends() -> None:
    wire = wire_of(asked(edns=with_edns(do=True)), Reply(rcode=RCode.BADVERS))
    reply = read(wire)
    assert (int(reply.rcode()), reply.edns, reply.answer) == (RCode.BADVERS, 0, [])
    assert wire[-6:-2] == pack("!I", 0x01008000)
    assert wire[3] & 15 == 0


@pytest.mark.parametrize("name", [NAME, b"\0", b"\3\0.\xff\0", from_labels([b"X" * 63] * 3 + [b"y" * 61])])
def test_the_question_is_echoed_byte_for_byte(name: bytes) -> None:
    wire = wire_of(asked(name, 0x1234), Reply(rcode=RCode.NXDOMAIN))
    assert wire[12:] == name + pack("!HH", 0x1234, 1)


@pytest.mark.parametrize("do", [False, True])
def test_edns_is_answered_with_our_payload_and_the_client_s_do(do: bool) -> None:
    message = asked(edns=Edns(4096, 0, do, ((10, b"12345678"), (12, b"pad"))))
    reply = read(b"\0\0" + encode(message, Reply(), LARGEST, 1400).body(0))
    assert (reply.edns, reply.payload, reply.options) == (0, 1400, ())
    assert reply.ednsflags == (dns.flags.DO if do else 0)


def test_who_speaks_no_edns_gets_none() -> None:
    sent = Reply(ede=Ede(EDE.BLOCKED, "no"), options=((Option.NSID, b"me"),))
    assert read(wire_of(asked(), sent)).edns == -1


def test_an_extended_error_and_options_are_told_to_who_speaks_edns() -> None:
    sent = Reply(ede=Ede(EDE.BLOCKED, "not for you: ü"), options=((Option.NSID, b"me"),))
    options = read(wire_of(asked(edns=with_edns()), sent)).options
    assert [option.to_wire() for option in options] == [b"me", b"\0\x0f" + "not for you: ü".encode()]


@pytest.mark.parametrize(
    ("edns", "cap", "limit"),
    [
        (None, 1232, 512),
        (None, 4096, 512),
        (with_edns(0), 1232, 512),
        (with_edns(511), 1232, 512),
        (with_edns(513), 1232, 513),
        (with_edns(1232), 1232, 1232),
        (with_edns(4096), 1232, 1232),
        (with_edns(65535), 4096, 4096),
        (with_edns(1000), 300, 512),
    ],
)
def test_over_udp_the_smaller_of_client_and_cap_but_512_at_least(edns: Edns | None, cap: int, limit: int) -> None:
    assert udp_limit(asked(edns=edns), cap) == limit


# What does not fit.

GLUE = tuple(numbered(4, from_labels([b"pod-%d" % number], ZONE)) for number in range(4))
CROWDED = Reply(
    answer=(numbered(20),),
    authority=(RRset(ZONE, RRType.NS, 5, (from_text("ns.dns.cluster.local."),)),),
    additional=GLUE,
    ede=Ede(EDE.OTHER, "a sentence that takes some room"),
)


def stage(reply: dns.message.Message) -> tuple[bool, int, bool, int, int]:
    """How much of CROWDED there is, so that less compares as less."""
    texts = [option.text for option in reply.options if isinstance(option, dns.edns.EDEOption)]
    whole = not reply.flags & dns.flags.TC
    return (whole, len(reply.answer), bool(reply.authority), len(reply.additional), len(texts) + any(texts))


def test_the_error_s_sentence_goes_first_then_its_code_then_glue_then_answers() -> None:
    message = asked(edns=with_edns())
    whole = len(wire_of(message, CROWDED))
    stages = [stage(read(wire_of(message, CROWDED, limit))) for limit in range(whole, 100, -1)]
    assert list(dict.fromkeys(stages))[:8] == [
        (True, 20, True, 16, 2),
        (True, 20, True, 16, 1),
        (True, 20, True, 16, 0),
        (True, 20, True, 12, 0),
        (True, 20, True, 8, 0),
        (True, 20, True, 4, 0),
        (True, 20, True, 0, 0),
        (False, 20, False, 0, 0),
    ]
    assert [each[1] for each in dict.fromkeys(stages)][7:] == list(range(20, -1, -1))[: len(set(stages)) - 7]
    assert stages == sorted(stages, reverse=True)


def test_a_limit_is_used_to_the_last_byte() -> None:
    message = asked(edns=with_edns())
    whole = len(wire_of(message, CROWDED))
    assert len(wire_of(message, CROWDED, whole)) == whole
    assert len(wire_of(message, CROWDED, whole - 1)) < whole


def test_glue_is_never_split_and_never_sets_tc() -> None:
    message = asked(type=RRType.SRV, edns=with_edns())
    reply = Reply(answer=(RRset(NAME, RRType.SRV, 5, (srv(0, 1, 80, NAME),)),), additional=GLUE)
    for limit in range(len(wire_of(message, Reply(answer=reply.answer))), len(wire_of(message, reply)) + 1):
        seen = read(wire_of(message, reply, limit))
        assert not seen.flags & dns.flags.TC
        assert lines(seen.additional) in [expected(GLUE[:count]) for count in range(5)]


@pytest.mark.parametrize(
    ("edns", "limit", "count"),
    [(None, 512, 28), (with_edns(1232), 1232, 72), (with_edns(4096), 4096, 251), (None, LARGEST, 1000)],
    ids=["512", "1232", "4096", "TCP"],
)
def test_a_thousand_addresses_are_cut_to_what_fits(edns: Edns | None, limit: int, count: int) -> None:
    message = asked(edns=edns)
    reply = read(wire_of(message, Reply(answer=(numbered(1000),), turn=0), limit))
    assert bool(reply.flags & dns.flags.TC) is (count < 1000)
    assert abs(len(reply.answer) - count) <= 1


def test_a_thousand_srv_are_whole_over_tcp_and_their_glue_does_not_set_tc() -> None:
    targets = [from_labels([b"10-0-%d-%d" % divmod(number, 256)], fold(NAME)) for number in range(1000)]
    service = RRset(NAME, RRType.SRV, 5, tuple(srv(0, 1, 80, target) for target in targets))
    glue = tuple(addresses(target, 5, [pack("!I", place)]) for place, target in enumerate(targets))
    wire = wire_of(asked(type=RRType.SRV), Reply(answer=(service,), additional=glue))
    reply = read(wire)
    assert lines(reply.answer) == expected((service,))
    assert not reply.flags & dns.flags.TC
    assert lines(reply.additional) == expected(glue[: len(reply.additional)])
    assert LARGEST - 80 < len(wire) <= LARGEST


def test_what_does_not_fit_at_all_leaves_a_truncated_reply_without_records() -> None:
    big = RRset(NAME, RRType.TXT, 5, (txt(b"x" * 255, b"x" * 255, b"x" * 255),))
    reply = read(wire_of(asked(type=RRType.TXT), Reply(answer=(big,)), 512))
    assert reply.flags & dns.flags.TC
    assert reply.answer == []


def test_an_soa_that_does_not_fit_sets_tc() -> None:
    name = from_labels([b"x" * 63] * 3 + [b"y" * 61])
    far = soa(Soa(from_labels([b"a" * 63] * 3), from_labels([b"b" * 63] * 3), 7, 7200, 1800, 86400, 5))
    reply = read(wire_of(asked(name), Reply(authority=(RRset(ZONE, RRType.SOA, 5, (far,)),)), 512))
    assert reply.flags & dns.flags.TC
    assert reply.authority == []


def test_when_only_the_authority_section_is_too_much_the_turning_answers_stay() -> None:
    name = from_labels([b"x" * 63] * 3)
    servers = RRset(ZONE, RRType.NS, 5, tuple(from_labels([bytes((65 + at,)) * 63] * 3) for at in range(2)))
    sent = Reply(answer=(numbered(2, name),), authority=(servers,), turn=0)
    reply = read(wire_of(asked(name), sent, 512))
    assert lines(reply.answer) == expected(sent.answer)
    assert reply.flags & dns.flags.TC


# Where names lie.


def test_names_are_compressed_where_rfc_1035_has_them_and_not_in_srv() -> None:
    sent = Reply(
        answer=(
            RRset(NAME, RRType.CNAME, 5, (from_text("db.ns.svc.cluster.local."),)),
            RRset(from_text("db.ns.svc.cluster.local."), RRType.SRV, 5, (srv(0, 1, 5432, NAME),)),
        ),
        authority=(SOA,),
    )
    wire = wire_of(asked(), sent)
    assert lines(read(wire).answer) == expected(sent.answer)
    assert lines(read(wire).authority) == expected(sent.authority)
    in_question_and_srv = 2
    assert wire.count(b"\7cluster\5local\0") == in_question_and_srv
    assert wire.count(b"\2db\xc0\x10") == 1


@pytest.mark.parametrize("type", [RRType.CNAME, RRType.NS, RRType.PTR, RRType.MX], ids=str)
def test_rdata_names_of_the_first_types_are_compressed(type: RRType) -> None:
    rdata = (b"\0\x0a" if type == RRType.MX else b"") + from_text("mail.svc.cluster.local.")
    wire = wire_of(asked(type=type), Reply(answer=(RRset(NAME, type, 5, (rdata,)),)))
    assert wire.endswith(b"\4mail\xc0\x13")
    assert lines(read(wire).answer) == [(fold(NAME), type, 5, rdata)]


def test_names_past_the_reach_of_pointers_are_written_out() -> None:
    many = tuple(
        RRset(from_labels([b"n%d" % number], ZONE), RRType.TXT, 5, (txt(b"x" * 200), txt(b"y" * 200)))
        for number in range(60)
    )
    late = (RRset(from_text("late.example."), RRType.NS, 5, (from_text("a.late.example."), ZONE)),) * 2
    wire = wire_of(asked(), Reply(answer=(*many, *late)))
    assert len(wire) > 0x4000
    assert lines(read(wire).answer) == expected((*many, *late))
    assert wire.count(b"\4late\7example\0") > 1


@pytest.mark.parametrize("section", ["answer", "authority"])
def test_the_serial_can_be_changed_where_it_lies(section: str) -> None:
    sent = Reply(**{section: (SOA,)})  # type: ignore[arg-type]
    message = asked(edns=with_edns())
    ready = encode(message, sent, LARGEST)
    assert ready.serial_at
    before, after = read(b"\0\0" + ready.body(0)), read(b"\0\0" + ready.with_serial(99).body(0))
    assert before.section_from_number(1 if section == "answer" else 2)[0][0].serial == 7
    assert after.section_from_number(1 if section == "answer" else 2)[0][0].serial == 99
    assert str(after).replace(" 99 7200", " 7 7200") == str(before)


def test_without_an_soa_there_is_no_serial() -> None:
    assert encode(asked(), Reply(answer=(numbered(3),)), LARGEST).serial_at == 0


# Turns.


def test_each_turn_begins_with_its_record_and_has_them_all() -> None:
    rrset = numbered(5)
    ready = encode(asked(), Reply(answer=(rrset,), turn=0), LARGEST)
    assert ready.turns == 5
    for turn in range(7):
        seen = lines(read(b"\0\0" + ready.body(turn)).answer)
        assert seen[0] == expected((rrset,))[turn % 5]
        assert sorted(seen) == sorted(expected((rrset,)))


def test_what_lies_around_the_turning_rrset_stays_where_it_is() -> None:
    alias = RRset(NAME, RRType.CNAME, 5, (from_text("db.ns.svc.cluster.local."),))
    sent = Reply(
        answer=(alias, numbered(3, from_text("db.ns.svc.cluster.local."))),
        authority=(SOA,),
        additional=GLUE[:1],
        turn=1,
    )
    ready = encode(asked(edns=with_edns()), sent, LARGEST)
    for turn in range(3):
        reply = read(b"\0\0" + ready.body(turn))
        answer = lines(reply.answer)
        assert answer[0] == expected((alias,))[0]
        assert sorted(answer[1:]) == expected(sent.answer[1:])
        assert answer[1] == expected(sent.answer[1:])[turn]
        assert lines(reply.authority) == expected((SOA,))
        assert lines(reply.additional) == expected(GLUE[:1])


def test_a_cut_rrset_shows_every_record_in_its_turn() -> None:
    rrset = numbered(100)
    ready = encode(asked(), Reply(answer=(rrset,), turn=0), 512)
    seen = [lines(read(b"\0\0" + ready.body(turn)).answer) for turn in range(100)]
    assert {len(each) for each in seen} == {ready.window}
    assert [each[0] for each in seen] == expected((rrset,))


def test_a_cut_rrset_of_unequal_records_fits_at_every_turn() -> None:
    hosts = [b"a%d" % number for number in range(20)] + [b"b" * 50 + b"%d" % number for number in range(10)]
    rdatas = tuple(b"\0\x0a" + from_labels([host], ZONE) for host in hosts)
    ready = encode(asked(type=RRType.MX), Reply(answer=(RRset(NAME, RRType.MX, 5, rdatas),), turn=0), 512)
    assert ready.truncated
    assert max(len(ready.body(turn)) for turn in range(30)) <= 510


# Everything at once.

LABEL = st.sampled_from([b"a", b"B", b"ns", b"svc", b"x" * 40, b"\0.\xff"])
NAMES = st.lists(LABEL, max_size=5).map(lambda parts: from_labels(parts, ZONE))
MAKE = {
    RRType.A: st.binary(min_size=4, max_size=4),
    RRType.AAAA: st.binary(min_size=16, max_size=16),
    RRType.NS: NAMES,
    RRType.PTR: NAMES,
    RRType.MX: NAMES.map(lambda name: b"\0\5" + name),
    RRType.SRV: NAMES.map(lambda name: srv(0, 1, 80, name)),
    RRType.TXT: st.binary(max_size=200).map(lambda string: txt(string)),
    RRType.SOA: NAMES.map(lambda name: soa(Soa(name, from_labels([b"h"], ZONE), 7, 1, 2, 3, 4))),
}


@st.composite
def rrsets(draw: st.DrawFn) -> RRset:
    type = draw(st.sampled_from(sorted(MAKE)))
    rdatas = draw(st.lists(MAKE[type], min_size=1, max_size=8, unique_by=bytes.lower))
    rdatas = rdatas[:1] if type == RRType.SOA else rdatas
    return RRset(draw(NAMES), type, draw(st.integers(0, 2**31 - 1)), tuple(rdatas))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    answer = tuple(draw(st.lists(rrsets(), max_size=3)))
    return Reply(
        rcode=draw(st.integers(0, 15)),
        answer=answer,
        authority=tuple(draw(st.lists(rrsets(), max_size=1))),
        additional=tuple(draw(st.lists(rrsets(), max_size=3))),
        ede=draw(st.none() | st.builds(Ede, st.integers(0, 30), st.text(max_size=80))),
        options=tuple(draw(st.lists(st.just((int(Option.NSID), b"kdns")), max_size=1))),
        turn=draw(st.none() | st.integers(0, len(answer) - 1)) if answer else None,
    )


QUERIES = st.builds(
    asked,
    NAMES,
    st.sampled_from(sorted(MAKE)),
    edns=st.none() | st.builds(Edns, st.integers(0, 65535), st.just(0), st.booleans()),
    flags=st.integers(0, 0x7FF),
)
LIMITS = st.integers(512, 2000) | st.just(LARGEST)


@given(QUERIES, replies(), LIMITS, st.integers(0, 100))
def test_any_reply_fits_is_read_by_dnspython_and_loses_only_what_it_may(
    message: Message, sent: Reply, limit: int, turn: int
) -> None:
    wire = wire_of(message, sent, limit, turn)
    assert len(wire) <= limit
    reply = read(wire)
    assert wire[12:].startswith(message.question.name)
    assert (reply.edns == 0) is (message.edns is not None)
    if reply.flags & dns.flags.TC:
        assert (reply.authority, reply.additional) == ([], [])
        assert set(lines(reply.answer)) <= set(expected(sent.answer))
        return
    assert sorted(lines(reply.answer)) == sorted(expected(sent.answer))
    assert lines(reply.authority) == expected(sent.authority)
    counts = range(len(sent.additional) + 1)
    assert lines(reply.additional) in [expected(sent.additional[:count]) for count in counts]


@given(QUERIES, replies())
def test_what_fits_is_whole_and_what_is_truncated_did_not_fit(message: Message, sent: Reply) -> None:
    needed = replace(sent, additional=(), ede=None)
    whole = len(wire_of(message, needed))
    for limit in (whole - 1, whole):
        if limit >= 512:
            assert encode(message, sent, limit).truncated is (limit < whole)


def test_names_in_replies_read_as_text() -> None:
    reply = read(wire_of(asked(), Reply(answer=(numbered(1),))))
    assert reply.question[0].name.to_text() == to_text(NAME)
    assert dns.rdatatype.to_text(reply.question[0].rdtype) == "A"
    assert PAYLOAD == 1232


@pytest.mark.parametrize("asks", [True, False], ids=["RD", "no RD"])
@pytest.mark.parametrize(("desired", "shown"), [(None, None), (True, True), (False, False)])
def test_rd_is_the_query_s_unless_the_reply_says_so(asks: bool, desired: bool | None, shown: bool | None) -> None:
    message = asked(flags=Flag.RD | Flag.CD if asks else Flag.CD)
    reply = read(wire_of(message, Reply(desired=desired)))
    assert bool(reply.flags & dns.flags.RD) is (asks if shown is None else shown)
    assert reply.flags & dns.flags.CD


def test_tc_can_be_set_though_nothing_is_left_out() -> None:
    ready = encode(asked(), Reply(answer=(numbered(3),), truncated=True, turn=0), PAYLOAD)
    assert (ready.truncated, ready.shrunk, ready.turns) == (True, False, 3)
    reply = read(b"\0\0" + ready.body(1))
    assert reply.flags & dns.flags.TC
    assert len(reply.answer) == 3


SINGLES = [
    RRset(NAME, RRType.A, 60, (bytes(4),)),
    RRset(NAME, RRType.AAAA, 60, (bytes(16),)),
    RRset(NAME, RRType.SRV, 60, (srv(0, 1, 2, NAME),)),
    RRset(NAME, RRType.TXT, 60, (txt(b"text"),)),
    RRset(NAME, RRType.PTR, 60, (from_text("www.elsewhere."),)),
    RRset(NAME.upper(), RRType.A, 0, (b"\xc0\x00\x02\x01",)),
    RRset(from_text("other.example."), RRType.A, 60, (bytes(4),)),
]


@given(
    answer=st.sampled_from(SINGLES),
    flags=st.sampled_from([0, int(Flag.RD), int(Flag.RD | Flag.AD), int(Flag.RD | Flag.CD)]),
    edns=st.sampled_from([None, with_edns(), with_edns(do=True)]),
    told=st.lists(st.booleans(), min_size=4, max_size=4),
    limit=st.integers(12, 200),
)
def test_one_record_is_written_as_it_is_among_others(
    answer: RRset, flags: int, edns: Edns | None, told: list[bool], limit: int
) -> None:
    """What is written in one go is what is written with care; an option that nobody sees has it written so."""
    message = asked(answer.owner.lower() if answer.owner.isupper() else NAME, answer.type, edns=edns, flags=flags)
    authoritative, recursion, authentic, truncated = told
    reply = Reply(
        answer=(answer,),
        authoritative=authoritative,
        recursion=recursion,
        authentic=authentic,
        truncated=truncated,
    )
    careful = replace(reply, turn=1)  # there is no such answer to take turns
    assert encode(message, reply, limit) == encode(message, careful, limit)
