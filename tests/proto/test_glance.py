from __future__ import annotations

from struct import pack

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.errors import WireError
from kdns.proto.decode import Verdict, accept, decode
from kdns.proto.glance import Glance, bare, glance, key_of, plainly
from kdns.proto.message import Message
from kdns.proto.name import from_text
from kdns.proto.types import Flag, RRType

COOKIE = dns.edns.CookieOption(bytes(range(8)), b"")
NSID = dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")
SUBNET = dns.edns.ECSOption("192.0.2.0", 24)
PADDING = dns.edns.GenericOption(dns.edns.OptionType.PADDING, bytes(300))


def query(name: str = "Web.Example.", type: str = "A", flags: int = dns.flags.RD, **edns: object) -> bytes:
    return dns.message.make_query(name, type, flags=flags, id=1, **edns).to_wire()  # type: ignore[arg-type]


def read(wire: bytes) -> Message | None:
    """What the strict way makes of it."""
    if accept(wire) is not Verdict.ACCEPT:
        return None
    try:
        return decode(wire)
    except WireError:
        return None


def agrees(seen: Glance, message: Message) -> bool:
    question, edns = message.question, message.edns
    return (
        (seen.key, seen.flags, seen.ad) == (key_of(message), message.flags, message.has(Flag.AD))
        and seen.question == question.name + pack("!HH", question.type, question.klass)
        and (seen.folded, seen.type, seen.klass) == question[1:]
        and (seen.edns, seen.do) == (edns is not None, edns is not None and edns.do)
        and seen.payload == (edns.payload if edns else 0)
        and seen.nsid == any(code == 3 for code, _ in (edns.options if edns else ()))
    )


USUAL = {
    "plain": query(),
    "the root": query("."),
    "the longest name": query(".".join(["a" * 63] * 3 + ["b" * 61])),
    "any octets": query(r"\000\255A.\001\032."),
    "a type whose bytes are letters": query(type="TYPE16705"),
    "without RD": query(flags=0),
    "AD and CD": query(flags=dns.flags.RD | dns.flags.AD | dns.flags.CD),
    "EDNS": query(use_edns=0),
    "DO": query(want_dnssec=True),
    "a payload": query(payload=4096),
    "a cookie": query(options=[COOKIE]),
    "NSID": query(options=[NSID]),
    "many options": query(options=[SUBNET, COOKIE, NSID, PADDING]),
    "class CH": dns.message.make_query("version.bind.", "TXT", "CH", id=1).to_wire(),
}


@pytest.mark.parametrize("wire", USUAL.values(), ids=USUAL)
def test_what_clients_send_is_seen_as_it_is_decoded(wire: bytes) -> None:
    seen, message = glance(wire), read(wire)
    assert seen is not None
    assert message is not None
    assert agrees(seen, message)


HEAD = pack("!6H", 1, 0x0100, 1, 0, 0, 0)
HEAD1 = pack("!6H", 1, 0x0100, 1, 0, 0, 1)
ASKED = from_text("a.example.") + pack("!HH", 1, 1)


def opt(version: int = 0, rdata: bytes = b"", type: int = RRType.OPT, owner: bytes = b"\0") -> bytes:
    return HEAD1 + ASKED + owner + pack("!HHIH", type, 1232, version << 16, len(rdata)) + rdata


UNUSUAL = {
    "nothing": b"",
    "a header": HEAD,
    "a reply": b"\0\1\x80\0" + HEAD[4:] + ASKED,
    "NOTIFY": b"\0\1\x20\0" + HEAD[4:] + ASKED,
    "two questions": HEAD[:4] + b"\0\2" + HEAD[6:] + ASKED + ASKED,
    "an answer": HEAD[:6] + b"\0\1" + HEAD[8:] + ASKED,
    "two additional": HEAD[:10] + b"\0\2" + opt()[12:],
    "256 additional": HEAD[:10] + b"\1\0" + ASKED,
    "a pointer": HEAD + b"\xc0\x0c\0\1\0\1",
    "a long label": HEAD + b"\x40" + b"a" * 64 + b"\0\0\1\0\1",
    "a long name": HEAD + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1",
    "a name of 256": HEAD + (b"\x3f" + b"a" * 63) * 3 + b"\x3e" + b"a" * 62 + b"\0\0\1\0\1",
    "a name without an end": HEAD + b"\1a",
    "half a type": HEAD + ASKED[:-3],
    "bytes behind": HEAD + ASKED + b"\0",
    "bytes behind OPT": opt() + b"\0",
    "no OPT where one is counted": HEAD1 + ASKED,
    "half an OPT": opt()[:-1],
    "OPT of version 1": opt(1),
    "OPT with an owner": opt(owner=b"\1a\0"),
    "another record": opt(type=RRType.A),
    "half an option": opt(rdata=b"\0\3\0"),
    "an option that is longer than OPT": opt(rdata=b"\0\3\0\1"),
}


@pytest.mark.parametrize("wire", UNUSUAL.values(), ids=UNUSUAL)
def test_in_what_is_unusual_nothing_is_seen(wire: bytes) -> None:
    assert glance(wire) is None


def changed(wire: bytes) -> st.SearchStrategy[bytes]:
    """With some bytes others, and cut or longer."""
    places = st.dictionaries(st.integers(0, len(wire) - 1), st.integers(0, 255), max_size=3)
    ends = st.tuples(st.integers(0, 12), st.binary(max_size=4))

    def change(places: dict[int, int], end: tuple[int, bytes]) -> bytes:
        other = bytearray(wire)
        for place, octet in places.items():
            other[place] = octet
        return bytes(other[: len(other) - end[0]] + end[1])

    return st.builds(change, places, ends)


OPTIONS = opt(rdata=b"\0\x0a\0\x02ab\0\3\0\0")


@given(st.sampled_from([*USUAL.values(), *filter(None, UNUSUAL.values()), OPTIONS]).flatmap(changed))
def test_whatever_is_seen_is_what_would_be_decoded(wire: bytes) -> None:
    seen = glance(wire)
    if seen is not None:
        message = read(wire)
        assert message is not None
        assert agrees(seen, message)


# As a plain client would have sent it.


@pytest.mark.parametrize(
    ("wire", "plain"),
    [
        pytest.param(query(), query("web.example."), id="letters"),
        pytest.param(query(type="TYPE16705"), query("web.example.", "TYPE16705"), id="a type whose bytes are letters"),
        pytest.param(query(payload=4096), query("web.example.", payload=4096), id="EDNS"),
        pytest.param(query(payload=1400, options=[COOKIE, SUBNET]), query("web.example.", payload=1400), id="options"),
        pytest.param(query(options=[NSID, COOKIE]), None, id="NSID"),
        pytest.param(opt(rdata=b"\0\x0a\0\2a"), None, id="half an option"),
        pytest.param(opt(rdata=b"\0\x0a\0\0") + b"\0", None, id="bytes behind"),
        pytest.param(HEAD + b"\1a", None, id="a name without an end"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_letters_and_options_make_no_difference(wire: bytes, plain: bytes | None) -> None:
    assert plainly(wire[2:]) == (None if plain is None else plain[2:])


PLAIN = {wire[2:] for wire in (query("web.example."), query("web.example.", use_edns=0), query("\\000a.example."))}


@given(
    st.sampled_from([query(), query(options=[COOKIE]), query(options=[NSID]), query("\\000A.Example.")]).flatmap(
        changed
    )
)
def test_what_comes_to_the_same_as_a_plain_query_asks_the_same(wire: bytes) -> None:
    plain = plainly(wire[2:])
    if plain in PLAIN:
        seen, same = read(wire), read(b"\0\1" + plain)
        assert seen is not None
        assert same is not None
        assert key_of(seen) == key_of(same)
        assert seen.flags == same.flags
        assert (seen.edns and seen.edns.payload) == (same.edns and same.edns.payload)


BARE = {
    "plain": query("web.example."),
    "without RD": query("web.example.", flags=0),
    "AD and CD": query("web.example.", flags=dns.flags.RD | dns.flags.AD | dns.flags.CD),
    "EDNS": query("web.example.", use_edns=0),
    "DO": query("web.example.", want_dnssec=True),
    "a payload": query("web.example.", payload=4096),
    "the longest name": USUAL["the longest name"],
}


@pytest.mark.parametrize("wire", BARE.values(), ids=BARE)
def test_what_is_bare_is_what_a_glance_sees(wire: bytes) -> None:
    seen = glance(wire)
    assert seen is not None
    assert bare(wire[2:]) == (seen.key, seen.question, seen.payload)


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(query("Web.example."), id="a capital"),
        pytest.param(query("web.example.", options=[COOKIE]), id="a cookie"),
        pytest.param(query("web.example.", use_edns=1), id="another version of EDNS"),
        pytest.param(query("web.example.", type="TYPE16705"), id="a type whose bytes are letters"),
        pytest.param(query("web.example.", flags=dns.flags.QR), id="a reply"),
        pytest.param(query("web.example.", flags=dns.flags.TC), id="TC"),
        pytest.param(b"\0\1\1\0\0\1\0\0\0\0\0\1\0", id="an OPT that is not there"),
        pytest.param(b"\0\1\1", id="cut short"),
        pytest.param(b"\0\1", id="nothing"),
    ],
)
def test_what_takes_more_is_not_bare(wire: bytes) -> None:
    assert bare(wire[2:]) is None


@given(st.sampled_from(list(BARE.values())), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=3))
def test_what_is_bare_is_what_a_glance_sees_if_it_sees_anything(wire: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(wire)
    for at, octet in changes:
        changed[at % len(changed)] = octet
    seen, found = glance(bytes(changed)), bare(bytes(changed[2:]))
    if seen is not None and found is not None:
        assert found == (seen.key, seen.question, seen.payload)
