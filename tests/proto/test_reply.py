"""Replies of other servers, as dnspython writes them, and broken ones."""

from __future__ import annotations

from contextlib import suppress

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.errors import WireError
from kdns.proto.message import Question
from kdns.proto.name import from_text
from kdns.proto.reply import Received, read_reply
from kdns.proto.types import Flag, RRType

RECORDS = [
    "a.example. 60 IN A 192.0.2.1",
    "a.example. 60 IN AAAA 2001:db8::1",
    "a.example. 60 IN CNAME b.a.example.",
    "a.example. 60 IN NS ns.example.",
    "a.example. 60 IN PTR host.a.example.",
    "a.example. 60 IN DNAME sub.a.example.",
    "a.example. 60 IN MX 10 mail.a.example.",
    "a.example. 60 IN SOA ns.a.example. host.a.example. 1 2 3 4 5",
    "a.example. 60 IN SRV 1 2 3 target.a.example.",
    'a.example. 60 IN NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:a@b!" next.a.example.',
    "a.example. 60 IN RP mbox.a.example. txt.a.example.",
    "a.example. 60 IN AFSDB 1 host.a.example.",
    "a.example. 60 IN KX 1 kx.a.example.",
    'a.example. 60 IN TXT "one" "two"',
    "a.example. 60 IN HTTPS 1 . alpn=h2",
    r"a.example. 60 IN TYPE666 \# 4 c00cc00c",
    "a.example. 60 CH TXT 5",
]


def response(*lines: str, section: int = 0, question: str = "a.example.") -> dns.message.Message:
    """A reply with these records, gathered to RRsets by dnspython."""
    query = dns.message.make_query(question, "A")
    reply = dns.message.make_response(query)
    for line in lines:
        owner, ttl, klass, type, *rdata = line.split(" ", 4)
        rrset = dns.rrset.from_text(owner, int(ttl), klass, type, *rdata)
        reply.sections[1 + section].append(rrset)
    return reply


def uncompressed(rrset: dns.rrset.RRset) -> list[bytes]:
    return [rdata.to_wire() or b"" for rdata in rrset]


@pytest.mark.parametrize("line", RECORDS)
@pytest.mark.parametrize("section", [0, 1, 2])
def test_a_record_is_read_with_its_names_written_out(line: str, section: int) -> None:
    reply = response(line, section=section)
    found = read_reply(reply.to_wire())
    (theirs,) = reply.sections[1 + section]
    (ours,) = (found.answer, found.authority, found.additional)[section]
    assert (ours.owner, ours.type, ours.klass, ours.ttl) == (
        theirs.name.to_wire(),
        theirs.rdtype,
        theirs.rdclass,
        theirs.ttl,
    )
    assert list(ours.rdatas) == uncompressed(theirs)


PACKED = {"SRV": (b"\0\1\0\2\0\3", b""), "NAPTR": (b"\0\1\0\2\1u\0\0", b""), "SOA": (b"", b"\xc0\x0c" + bytes(20))}


@pytest.mark.parametrize("type", PACKED)
def test_names_are_written_out_where_a_sender_compressed_what_it_should_not(type: str) -> None:
    """RFC 3597 §4: servers were known to compress these."""
    before, behind = PACKED[type]
    query = dns.message.make_query("a.example.", type).to_wire()
    rdata = before + b"\4host\xc0\x0c" + behind
    number = dns.rdatatype.from_text(type)
    wire = (
        query[:2]
        + b"\x80\0\0\1\0\1\0\0\0\0"
        + query[12:]
        + b"\xc0\x0c"
        + number.to_bytes(2)
        + b"\0\1\0\0\0\x3c"
        + len(rdata).to_bytes(2)
        + rdata
    )
    (rrset,) = read_reply(wire).answer
    (theirs,) = dns.message.from_wire(wire).answer
    assert list(rrset.rdatas) == uncompressed(theirs)


def test_records_of_one_owner_and_type_are_one_rrset_in_any_letters_with_the_lowest_ttl() -> None:
    reply = response(
        "a.example. 60 IN A 192.0.2.1",
        "b.example. 9 IN A 192.0.2.9",
        "A.example. 30 IN A 192.0.2.2",
        "a.example. 40 IN A 192.0.2.1",
    )
    first, second = read_reply(reply.to_wire()).answer
    assert (first.ttl, first.rdatas) == (30, (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])))
    assert second.owner == from_text("b.example.")


def test_signatures_of_two_types_are_two_rrsets() -> None:
    end = "8 2 300 20300101000000 20200101000000 1 example. AAAA"
    reply = response(f"a.example. 60 IN RRSIG A {end}", f"a.example. 30 IN RRSIG TXT {end}")
    assert [rrset.ttl for rrset in read_reply(reply.to_wire()).answer] == [60, 30]


def test_a_ttl_with_its_first_bit_set_is_nothing() -> None:
    wire = bytearray(response("a.example. 60 IN A 192.0.2.1").to_wire())
    wire[-10:-6] = b"\xff\xff\xff\xff"
    (rrset,) = read_reply(bytes(wire)).answer
    assert rrset.ttl == 0


def test_the_rcode_is_whole_and_edns_is_apart() -> None:
    reply = response()
    reply.use_edns(
        0,
        ednsflags=dns.flags.DO,
        payload=1232,
        options=[dns.edns.EDEOption(dns.edns.EDECode.NO_REACHABLE_AUTHORITY, "no")],
    )
    reply.set_rcode(dns.rcode.BADCOOKIE)
    found = read_reply(reply.to_wire())
    assert found.rcode == 23
    assert found.additional == ()
    assert found.edns is not None
    assert (found.edns.payload, found.edns.do, found.edns.options) == (1232, True, ((15, b"\0\x16no"),))


def test_question_id_and_flags_are_there() -> None:
    reply = response(question="Www.Example.")
    reply.flags |= dns.flags.AD | dns.flags.TC
    found = read_reply(reply.to_wire())
    assert found.id == reply.id
    assert found.question is not None
    assert (found.question.name, found.question.folded) == (b"\3Www\7Example\0", b"\3www\7example\0")
    assert found.question.type == RRType.A
    assert found.has(Flag.AD)
    assert found.has(Flag.TC)


def asked(name: str = "a.example.", type: int = 1, klass: int = 1) -> Question:
    wire = from_text(name)
    return Question(wire, wire.lower(), type, klass)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param(asked(), id="the same"),
        pytest.param(asked("A.example."), id="other letters"),
        pytest.param(asked("b.example."), id="another name"),
        pytest.param(asked("a.example.com."), id="a longer name"),
        pytest.param(asked("."), id="the root"),
        pytest.param(asked(type=28), id="another type"),
        pytest.param(asked(klass=3), id="another class"),
    ],
)
@pytest.mark.parametrize("line", RECORDS)
def test_a_reply_is_read_alike_whatever_question_is_expected(line: str, question: Question) -> None:
    wire = response(line).to_wire()
    assert read_reply(wire, question) == read_reply(wire)


def test_a_reply_without_a_question_has_none() -> None:
    assert read_reply(bytes(2) + b"\x80\1" + bytes(8)).question is None


HEAD = b"\0\1\x80\0\0\1\0\1\0\0\0\0"
QUESTION = b"\1a\0\0\1\0\1"


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(HEAD[:11], id="half a header"),
        pytest.param(b"\0\1\0\0\0\1" + bytes(6) + QUESTION, id="a query"),
        pytest.param(b"\0\1\x80\0\0\2" + bytes(6) + QUESTION * 2, id="two questions"),
        pytest.param(HEAD + QUESTION, id="a count without its record"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3", id="rdata cut short"),
        pytest.param(HEAD + QUESTION + b"\xc0\x13\0\1\0\1\0\0\0\0\0\0", id="a pointer to itself"),
        pytest.param(HEAD + QUESTION + b"\xc0\x40\0\1\0\1\0\0\0\0\0\0", id="a pointer forward"),
        pytest.param(HEAD + QUESTION + b"\xc0\x02\0\1\0\1\0\0\0\0\0\0", id="a pointer into the header"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\5\0\1\0\0\0\0\0\1\xc0\x0c", id="a name longer than its rdata"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\5\0\1\0\0\0\0\0\0", id="no name where one should be"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\2\0\1\0\0\0\0\0\3\xc0\x0c\0", id="a byte behind the name"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\6\0\1\0\0\0\0\0\x17" + bytes(21 + 2), id="too much in an SOA"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\6\0\1\0\0\0\0\0\x15" + bytes(21), id="too little in an SOA"),
        pytest.param(HEAD + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\3\1\2\3", id="an IPv4 address of three bytes"),
        pytest.param(HEAD + QUESTION + b"\x40\0\0\1\0\1\0\0\0\0\0\0", id="a label of an unknown kind"),
        pytest.param(
            b"\0\1\x80\0\0\1\0\0\0\0\0\2" + QUESTION + (b"\0\0\x29\4\xd0" + bytes(6)) * 2, id="two OPT records"
        ),
        pytest.param(HEAD + QUESTION + b"\0\0\x29\4\xd0" + bytes(6), id="OPT among the answers"),
        pytest.param(b"\0\1\x80\0\0\1\0\0\0\0\0\1" + QUESTION + b"\1a\0\0\x29\4\xd0" + bytes(6), id="OPT of a name"),
    ],
)
def test_a_broken_reply_is_an_error(wire: bytes) -> None:
    with pytest.raises(WireError):
        read_reply(wire)


def test_bytes_behind_the_last_record_are_nobody_s() -> None:
    (rrset,) = read_reply(HEAD + QUESTION + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4" + b"junk").answer
    assert rrset.rdatas == (b"\1\2\3\4",)


class Counted(bytes):
    """Counts how often a part of it is looked at."""

    looks = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        self.looks += 1
        return super().__getitem__(key)


RDATA = len(HEAD) + len(QUESTION) + 11
"""Where the data of a first record at the root begins."""


def chain_of_pointers(length: int) -> bytes:
    """A record with pointers, each to the one before it, the first to a name."""
    places = [RDATA, *(RDATA + 3 + 2 * number for number in range(length - 1))]
    chain = b"\1x\0" + b"".join((0xC000 | place).to_bytes(2) for place in places)
    return b"\0\xff\0\0\1\0\0\0\0" + len(chain).to_bytes(2) + chain


@pytest.mark.parametrize(
    ("begin", "target"),
    [
        pytest.param(chain_of_pointers(7000), RDATA + 3 + 2 * 6999, id="a long chain of pointers"),
        pytest.param(b"\1a" * 126 + b"\0\0\x10\0\1" + bytes(6), len(HEAD) + len(QUESTION), id="a name of many labels"),
    ],
)
def test_a_reply_takes_time_by_its_size(begin: bytes, target: int) -> None:
    count = (60000 - len(begin)) // 16
    more = ((0xC000 | target).to_bytes(2) + b"\0\1\0\1\0\0\0\0\0\4\1\2\3\4") * count
    wire = Counted(HEAD[:6] + (count + 1).to_bytes(2) + HEAD[8:] + QUESTION + begin + more)
    assert read_reply(wire).answer
    assert wire.looks < len(wire)


@given(st.binary(max_size=80), st.integers(0, 7))
def test_whatever_comes_is_read_or_refused(rest: bytes, counts: int) -> None:
    head = b"\0\1\x80\0\0\1" + b"".join((counts >> bit & 1).to_bytes(2) for bit in range(3))
    with suppress(WireError):
        read_reply(head + QUESTION + rest)


def outcome(wire: bytes, expected: Question | None) -> Received | str:
    try:
        return read_reply(wire, expected)
    except WireError as error:
        return str(error)


@given(st.data())
def test_a_changed_byte_is_read_or_refused(data: st.DataObject) -> None:
    wire = bytearray(response(*RECORDS[:10]).to_wire())
    wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    assert outcome(bytes(wire), asked()) == outcome(bytes(wire), None)


@given(
    line=st.sampled_from(["60 IN A 192.0.2.1", "2147483648 IN A 192.0.2.1", "60 IN AAAA ::1", "60 IN TXT text"]),
    edns=st.sampled_from([-1, 0, 1]),
    rcode=st.sampled_from([dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.BADVERS]),
    options=st.booleans(),
)
def test_one_record_is_read_as_it_is_before_others(line: str, edns: int, rcode: dns.rcode.Rcode, options: bool) -> None:
    """What is read in one go is what is read with care, which a second record has it read with."""
    message = response(f"a.example. {line}")
    if edns >= 0:
        option = [dns.edns.GenericOption(dns.edns.OptionType.NSID, b"us")] if options else []
        message.use_edns(edns, dns.flags.DO, payload=1232, options=option)  # type: ignore[arg-type]
        message.set_rcode(rcode)
    quick = read_reply(message.to_wire())
    message.authority.append(dns.rrset.from_text("a.example.", 5, "IN", "NS", "b.example."))
    careful = read_reply(message.to_wire())
    assert quick == careful._replace(authority=())


@pytest.mark.parametrize("edns", [False, True])
def test_a_reply_of_one_record_that_is_cut_anywhere_is_an_error(edns: bool) -> None:
    message = response("a.example. 60 IN A 192.0.2.1")
    message.use_edns(0 if edns else False)
    wire = message.to_wire()
    for size in range(len(wire)):
        with pytest.raises(WireError):
            read_reply(wire[:size])
