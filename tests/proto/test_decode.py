from __future__ import annotations

from struct import pack

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.errors import WireError
from kdns.proto.decode import Verdict, accept, decode, refusal
from kdns.proto.message import Edns, Message
from kdns.proto.name import from_labels, from_text
from kdns.proto.types import Class, Flag, RCode, RRType

NAME = from_text("A.example.")
QUESTION = NAME + pack("!HH", RRType.A, 1)
OWNER_HERE = b"\xc0\x0c"


def header(
    *, flags: int = Flag.RD, questions: int = 1, answers: int = 0, authority: int = 0, additional: int = 0
) -> bytes:
    return pack("!HHHHHH", 0xABCD, flags, questions, answers, authority, additional)


def opt(
    options: bytes = b"", *, payload: int = 1232, ttl: int = 0, owner: bytes = b"\0", length: int | None = None
) -> bytes:
    size = len(options) if length is None else length
    return owner + pack("!HHIH", RRType.OPT, payload, ttl, size) + options


def record(owner: bytes, rdata: bytes = b"", type: int = RRType.TSIG, klass: int = Class.ANY) -> bytes:
    return owner + pack("!HHIH", type, klass, 0, len(rdata)) + rdata


def question(name: bytes) -> bytes:
    return header() + name + pack("!HH", 1, 1)


@pytest.mark.parametrize(
    ("wire", "verdict"),
    [
        (b"", Verdict.IGNORE),
        (bytes(11), Verdict.IGNORE),
        (header(flags=Flag.QR), Verdict.IGNORE),
        (header(flags=Flag.QR | 0x2000, questions=7), Verdict.IGNORE),
        (header(flags=0x2000), Verdict.NOTIMP),
        (header(flags=0x7800, questions=0), Verdict.NOTIMP),
        (header(flags=0x0800, questions=65535), Verdict.NOTIMP),
        (header(questions=0), Verdict.FORMERR),
        (header(questions=2), Verdict.FORMERR),
        (header(questions=65535), Verdict.FORMERR),
        (header(answers=1), Verdict.FORMERR),
        (header(additional=3), Verdict.FORMERR),
        (header(additional=65535), Verdict.FORMERR),
        (header(authority=65535), Verdict.ACCEPT),
        (header(), Verdict.ACCEPT),
        (header(additional=2), Verdict.ACCEPT),
        (header(flags=Flag.AA | Flag.TC | Flag.RA | 0x40 | 0xF), Verdict.ACCEPT),
    ],
    ids=str,
)
def test_the_header_alone_gives_the_verdict(wire: bytes, verdict: Verdict) -> None:
    assert accept(wire) is verdict


@pytest.mark.parametrize(
    ("flags", "rcode", "expected"),
    [
        (0x0000, RCode.FORMERR, 0x8001),
        (0x0100, RCode.FORMERR, 0x8101),
        (0x07F0, RCode.FORMERR, 0x8101),
        (0x2100, RCode.NOTIMP, 0xA004),
        (0x7FFF, RCode.NOTIMP, 0xF804),
    ],
    ids=["plain", "RD kept", "no other flag kept", "NOTIMP drops RD", "NOTIMP keeps the opcode"],
)
def test_a_refusal_is_a_header_and_nothing_else(flags: int, rcode: RCode, expected: int) -> None:
    wire = header(flags=flags, questions=1, additional=1) + QUESTION + opt()
    assert refusal(wire, rcode) == pack("!HHHHHH", 0xABCD, expected, 0, 0, 0, 0)


def test_a_question_is_read_with_its_letters_and_without() -> None:
    message = decode(header(flags=Flag.RD | Flag.CD) + QUESTION)
    assert (message.id, message.flags, message.size, message.edns) == (0xABCD, 0x0110, 27, None)
    assert message.question == (NAME, from_text("a.example."), RRType.A, 1)


@pytest.mark.parametrize(
    "name",
    [b"\0", from_labels([b"\0.\xff", b"A"]), from_labels([b"x" * 63] * 3 + [b"x" * 61])],
    ids=["root", "any octet", "255 octets"],
)
def test_any_name_can_be_asked_for(name: bytes) -> None:
    assert decode(question(name)).question.name == name


@pytest.mark.parametrize(
    ("record", "edns"),
    [
        (opt(), Edns(1232, 0, do=False)),
        (opt(payload=0, ttl=0x8000), Edns(0, 0, do=True)),
        (opt(payload=65535, ttl=0x00030000), Edns(65535, 3, do=False)),
        (opt(ttl=0xFF007FFF), Edns(1232, 0, do=False)),
        (opt(b"\0\x0a\0\x02ab"), Edns(1232, 0, do=False, options=((10, b"ab"),))),
        (opt(b"\0\3\0\0" * 2), Edns(1232, 0, do=False, options=((3, b""), (3, b"")))),
    ],
    ids=["plain", "DO", "version 3", "extended rcode and Z", "an option", "empty options"],
)
def test_edns_is_read(record: bytes, edns: Edns) -> None:
    assert decode(header(additional=1) + QUESTION + record).edns == edns


@pytest.mark.parametrize(
    "wire",
    [
        header(additional=2) + QUESTION + opt() + record(b"\3key\0", b"mac"),
        header(additional=2) + QUESTION + record(OWNER_HERE, type=RRType.TXT) + opt(),
    ],
    ids=["TSIG", "an owner that points to the question"],
)
def test_a_second_record_in_the_additional_section_is_passed_over(wire: bytes) -> None:
    assert decode(wire).edns == Edns(1232, 0, do=False)


@pytest.mark.parametrize(
    "wire",
    [
        header(additional=2) + QUESTION + record(b"\3key\0", b"mac") + opt(),
        header(additional=2) + QUESTION + record(b"\3key\0", b"mac") * 2,
        header(additional=1) + QUESTION + record(b"\3key\0", b"mac", klass=Class.IN),
    ],
    ids=["before OPT", "twice", "of class IN"],
)
def test_tsig_is_the_last_record_of_class_any(wire: bytes) -> None:
    with pytest.raises(WireError, match="TSIG"):
        decode(wire)


def test_ixfr_may_bring_its_soa() -> None:
    ask = NAME + pack("!HH", RRType.IXFR, 1)
    soa = record(OWNER_HERE, b"\0\0" + bytes(20), RRType.SOA)
    assert decode(header(authority=1) + ask + soa).question.type == RRType.IXFR


@pytest.mark.parametrize("serial", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("names", [b"\0\0", OWNER_HERE * 2, b"\1a\0\1b\0"], ids=["root", "compressed", "written out"])
def test_its_serial_is_read(names: bytes, serial: int) -> None:
    soa = record(OWNER_HERE, names + pack("!IIIII", serial, 1, 2, 3, 4), RRType.SOA)
    message = decode(header(authority=1) + NAME + pack("!HH", RRType.IXFR, 1) + soa)
    assert message.serial == serial


@pytest.mark.parametrize("size", [0, 20, 21])
def test_an_soa_without_room_for_its_fields_is_an_error(size: int) -> None:
    soa = record(OWNER_HERE, bytes(size), RRType.SOA)
    with pytest.raises(WireError, match="an SOA is cut short"):
        decode(header(authority=1) + NAME + pack("!HH", RRType.IXFR, 1) + soa)


def test_other_queries_have_no_serial() -> None:
    assert decode(header() + QUESTION).serial is None
    with_soa = record(OWNER_HERE, bytes(22), RRType.SOA)
    assert decode(header(additional=1) + QUESTION + with_soa).serial is None


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (header(), "name is cut short"),
        (header() + NAME[:-1], "name is cut short"),
        (header() + b"\5ab", "name is cut short"),
        (header() + NAME, "question is cut short"),
        (header() + QUESTION[:-1], "question is cut short"),
        (question(b"\x40" + b"x" * 64 + b"\0"), "too long, of an unknown kind, or a pointer"),
        (question(b"\x80" + b"x" * 64 + b"\0"), "too long, of an unknown kind, or a pointer"),
        (question(b"\xc0\x00"), "too long, of an unknown kind, or a pointer"),
        (question(b"\xc0\x0c"), "too long, of an unknown kind, or a pointer"),
        (question(b"\1a\xc0\x0c"), "too long, of an unknown kind, or a pointer"),
        (question(b"\x3f" + b"x" * 63 + (b"\x3f" + b"x" * 63) * 2 + b"\x3e" + b"x" * 62 + b"\0"), "255"),
        (header() + QUESTION + b"\0", "bytes behind"),
        (header() + QUESTION + opt(), "bytes behind"),
        (header(additional=1) + QUESTION + opt() + b"\0", "bytes behind"),
        (header(additional=1) + QUESTION, "owner is cut short"),
        (header(additional=2) + QUESTION + opt(), "owner is cut short"),
        (header(additional=1) + QUESTION + b"\3ke", "owner is cut short"),
        (header(additional=1) + QUESTION + opt()[:-1], "record is cut short"),
        (header(additional=1) + QUESTION + opt(length=1), "data is cut short"),
        (header(additional=1) + QUESTION + opt(length=65535), "data is cut short"),
        (header(additional=1) + QUESTION + opt(b"\0\3\0"), "option is cut short"),
        (header(additional=1) + QUESTION + opt(b"\0\3\0\1"), "longer than its record"),
        (header(additional=2) + QUESTION + opt() + opt(), "OPT comes once"),
        (header(additional=1) + QUESTION + opt(owner=b"\1a\0"), "OPT comes once"),
        (header(additional=1) + QUESTION + opt(owner=OWNER_HERE), "OPT comes once"),
        (header(additional=1) + QUESTION + record(b"\xc0\xff"), "does not point to an earlier name"),
        (header(additional=1) + QUESTION + record(b"\xc0\x1b"), "does not point to an earlier name"),
        (header(additional=1) + QUESTION + record(b"\xc0\x00"), "does not point to an earlier name"),
        (header(additional=1) + QUESTION + record(b"\xc0\x0b"), "does not point to an earlier name"),
        (header(additional=1) + QUESTION + record(b"\1a\xc0\x1b"), "does not point to an earlier name"),
        (header(additional=1) + QUESTION + b"\xc0", "pointer is cut short"),
        (header(additional=1) + QUESTION + record(b"\x40" + bytes(64) + b"\0"), "that no name has"),
        (header(additional=1) + QUESTION + record(b"\1x" * 200 + b"\0"), "that no name has"),
        (header(authority=1) + QUESTION + record(b"\0"), "no authority section"),
        (header(authority=1) + NAME + pack("!HH", RRType.IXFR, 1) + opt(), "OPT comes once"),
    ],
    ids=[
        "no question",
        "a name without its end",
        "a label cut short",
        "no type",
        "half a class",
        "a label of 64",
        "a label of the kind 10",
        "a pointer into the header",
        "a pointer to itself",
        "a pointer behind a label",
        "a name of 256",
        "a trailing byte",
        "an OPT that is not counted",
        "a trailing byte behind OPT",
        "an OPT counted but not there",
        "two records counted, one there",
        "an owner cut short",
        "a record cut short",
        "data one byte short",
        "data 65535 bytes short",
        "an option's header cut short",
        "an option cut short",
        "two OPT",
        "an OPT with a name",
        "an OPT with a compressed name",
        "a pointer ahead of the message",
        "an owner that points to itself",
        "an owner that points to the id",
        "an owner that points to the counts",
        "a label and a pointer to it",
        "half a pointer",
        "an owner's label of 64",
        "an owner of 401",
        "an authority section",
        "an OPT in the authority section",
    ],
)
def test_one_wrong_byte_makes_a_format_error(wire: bytes, says: str) -> None:
    assert accept(wire) is Verdict.ACCEPT
    with pytest.raises(WireError, match=says) as caught:
        decode(wire)
    assert caught.value.rcode == RCode.FORMERR


@pytest.mark.parametrize(("size", "fits"), [(255, True), (256, False)])
def test_an_owner_has_at_most_255_octets(size: int, fits: bool) -> None:
    owner = b"\x3f" + b"x" * 63 + (b"\x3f" + b"x" * 63) * 2 + bytes((size - 194,)) + b"x" * (size - 194) + b"\0"
    assert len(owner) == size
    wire = header(additional=1) + QUESTION + record(owner)
    if fits:
        decode(wire)
    else:
        with pytest.raises(WireError, match="that no name has"):
            decode(wire)


NAMES = st.lists(st.binary(min_size=1, max_size=20), max_size=6).map(from_labels)
SHORTS = st.integers(0, 65535)
OPTIONS = st.lists(st.tuples(SHORTS, st.binary(max_size=12)), max_size=4)


def written(message: Message) -> bytes:
    """What a message must have been read from, TSIG aside."""
    asked = message.question.name + pack("!HH", message.question.type, message.question.klass)
    if message.edns is None:
        return header(flags=message.flags) + asked
    edns = message.edns
    options = b"".join(pack("!HH", code, len(data)) + data for code, data in edns.options)
    ttl = edns.version << 16 | edns.do << 15
    return header(flags=message.flags, additional=1) + asked + opt(options, payload=edns.payload, ttl=ttl)


@given(NAMES, SHORTS, SHORTS, SHORTS, st.integers(0, 255), st.booleans(), OPTIONS)
def test_nothing_of_a_query_is_lost(
    name: bytes,
    type: int,
    klass: int,
    payload: int,
    version: int,
    do: bool,
    options: list[tuple[int, bytes]],
) -> None:
    packed = b"".join(pack("!HH", code, len(data)) + data for code, data in options)
    edns = opt(packed, payload=payload, ttl=version << 16 | do << 15)
    wire = header(additional=1) + name + pack("!HH", type, klass) + edns
    message = decode(wire)
    assert message.edns == Edns(payload, version, do, tuple(options))
    assert written(message) == wire


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_are_a_wire_error(tail: bytes) -> None:
    for start in (b"", header(), header(additional=1), header(authority=1, additional=2) + QUESTION):
        read_or_refused(start + tail)


@given(st.data())
def test_a_query_with_any_bytes_changed_is_read_or_is_a_wire_error(data: st.DataObject) -> None:
    wire = bytearray(header(additional=2) + QUESTION + record(OWNER_HERE, b"mac") + opt(b"\0\x0a\0\2ab"))
    for at in data.draw(st.lists(st.integers(4, len(wire) - 1), max_size=4)):
        wire[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(wire)))
    read_or_refused(bytes(wire[:end]))


def read_or_refused(wire: bytes) -> None:
    if accept(wire) is not Verdict.ACCEPT:
        return
    try:
        message = decode(wire)
    except WireError:
        return
    assert message.size == len(wire)
    assert message.question.folded == message.question.name.lower()
    assert wire[12:].startswith(message.question.name)


@pytest.mark.parametrize("edns", [None, 0], ids=["plain", "EDNS"])
@pytest.mark.parametrize("flags", ["", "RD", "RD CD AD"])
def test_what_dnspython_asks_is_read(edns: int | None, flags: str) -> None:
    options: list[dns.edns.Option] | None
    options = [dns.edns.CookieOption(b"12345678", b"")] if edns is not None else None
    query = dns.message.make_query("Kubernetes.Default.svc.cluster.local.", "SRV", use_edns=edns, options=options)
    query.flags = dns.flags.from_text(flags)
    message = decode(query.to_wire())
    assert (message.id, message.flags) == (query.id, query.flags)
    assert message.question.name == query.question[0].name.to_wire()
    assert message.question.type == query.question[0].rdtype
    assert message.edns == (None if edns is None else Edns(1232, 0, do=False, options=((10, b"12345678"),)))
