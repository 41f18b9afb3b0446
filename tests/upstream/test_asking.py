from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.decode import decode
from kdns.proto.types import Flag
from kdns.upstream.asking import Asking, asking
from tests.upstream.questions import ask_for

ID = 0x1234


def message(ask: Asking, *, edns: bool = True) -> dns.message.Message:
    return dns.message.from_wire(ID.to_bytes(2) + ask.body(edns=edns))


def of_client(name: str = "Www.Example.org.", flags: str = "RD", *, do: bool = False, options: bytes = b"") -> Asking:
    query = dns.message.make_query(name, "A", use_edns=0, want_dnssec=do, payload=4096)
    query.flags = dns.flags.from_text(flags)
    if options:
        query.use_edns(
            0, dns.flags.DO if do else 0, 4096, options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, options)]
        )
    return asking(decode(query.to_wire()))


@pytest.mark.parametrize("do", [False, True])
def test_edns_is_our_own(do: bool) -> None:
    read = message(of_client(do=do, options=b"a cookie"))
    assert (read.edns, read.payload, read.options) == (0, 1232, ())
    assert bool(read.ednsflags & dns.flags.DO) is do


@pytest.mark.parametrize("flags", ["", "RD", "CD", "RD CD"])
def test_rd_and_cd_are_the_client_s_and_what_is_validated_is_always_asked_for(flags: str) -> None:
    assert message(of_client(flags=flags)).flags == dns.flags.from_text(flags) | dns.flags.AD


def test_ad_of_a_client_makes_no_other_question_of_it() -> None:
    assert of_client(flags="RD AD").key == of_client(flags="RD").key


@pytest.mark.parametrize(
    "other",
    [
        of_client("www.example.com."),
        of_client(flags=""),
        of_client(flags="RD CD"),
        of_client(do=True),
        ask_for("www.example.org.", "AAAA"),
    ],
)
def test_questions_with_other_answers_have_other_keys(other: Asking) -> None:
    assert of_client().key != other.key


def test_letters_do_not_make_another_question_but_go_as_they_came() -> None:
    assert of_client("WWW.example.ORG.").key == of_client("www.example.org.").key
    assert message(of_client("WWW.example.ORG.")).question[0].name.to_text() == "WWW.example.ORG."


def test_without_edns_there_is_no_opt() -> None:
    assert message(ask_for(do=True), edns=False).edns == -1


def answered(**changes: object) -> bytes:
    """A reply to www.example.org. A, changed."""
    query = dns.message.make_query("www.example.org.", "A")
    query.id = ID
    made = dns.message.make_response(query)
    for name, value in changes.items():
        setattr(made, name, value)
    return made.to_wire()


def question(name: str, type: str = "A", klass: str = "IN") -> list[dns.rrset.RRset]:
    return [dns.rrset.RRset(dns.name.from_text(name), dns.rdataclass.from_text(klass), dns.rdatatype.from_text(type))]


QR = int(dns.flags.QR)


@pytest.mark.parametrize(
    ("wire", "belongs"),
    [
        pytest.param(answered(), True, id="the reply"),
        pytest.param(answered(question=question("WWW.eXample.org.")), True, id="in other letters"),
        pytest.param(answered(id=ID + 1), False, id="another id"),
        pytest.param(answered(flags=0), False, id="a question"),
        pytest.param(answered(flags=QR | 5 << 11), False, id="another opcode"),
        pytest.param(answered(question=question("www.example.com.")), False, id="another name"),
        pytest.param(answered(question=question("www.example.org.", "AAAA")), False, id="another type"),
        pytest.param(answered(question=question("www.example.org.", klass="CH")), False, id="another class"),
        pytest.param(answered(question=[]), False, id="no question"),
        pytest.param(answered(question=[], flags=QR | 1), True, id="no question with FORMERR"),
        pytest.param(answered(question=[], flags=QR | 4), True, id="no question with NOTIMP"),
        pytest.param(answered(question=[], flags=QR | 3), False, id="no question with NXDOMAIN"),
        pytest.param(answered()[:-1], False, id="cut"),
        pytest.param(answered() + b"x", True, id="with more behind it"),
        pytest.param(b"", False, id="nothing"),
        pytest.param(ID.to_bytes(2), False, id="an id alone"),
    ],
)
def test_a_reply_counts_by_its_id_and_its_question(wire: bytes, belongs: bool) -> None:
    assert (ask_for().reply_in(wire, ID) is not None) is belongs


def test_of_a_reply_that_is_cut_the_begin_must_be_right() -> None:
    whole = dns.message.from_wire(answered())
    whole.answer = [dns.rrset.from_text("www.example.org.", 60, "IN", "A", "192.0.2.1")]
    whole.flags |= dns.flags.TC
    wire = whole.to_wire()[:-2]
    found = ask_for().reply_in(wire, ID)
    assert found is not None
    assert (found.has(Flag.TC), found.answer) == (True, ())
    assert ask_for("www.example.com.").reply_in(wire, ID) is None
    assert ask_for().reply_in(wire[:20], ID) is None


@given(st.binary(max_size=80), st.booleans())
def test_no_bytes_do_harm(tail: bytes, cut: bool) -> None:
    head = answered()[:2] + (0x8300 if cut else 0x8100).to_bytes(2)
    ask_for().reply_in(head + tail, ID)
