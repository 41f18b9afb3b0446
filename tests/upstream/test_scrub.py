from __future__ import annotations

import dns.flags
import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.name import from_text
from kdns.proto.reply import Received, read_reply
from kdns.upstream.scrub import aliases, scrubbed
from tests.upstream.questions import ask_for, lines_of
from tests.upstream.scripted import rrset

SOA = "example.org. 60 IN SOA ns.example.org. root.example.org. 1 2 3 4 5"
NS = "example.org. 60 IN NS ns.example.org."
SIG = "60 IN RRSIG {} 8 2 60 20300101000000 20200101000000 1 example.org. AAAA"
NSEC = "example.org. 60 IN NSEC www.example.org. A NS"


def received(
    answer: list[str], authority: list[str], additional: list[str], name: str = "www.example.org.", type: str = "A"
) -> Received:
    message = dns.message.make_response(dns.message.make_query(name, type))
    message.answer = list(map(rrset, answer))
    message.authority = list(map(rrset, authority))
    message.additional = list(map(rrset, additional))
    return read_reply(message.to_wire())


def kept(reply: Received, name: str = "www.example.org.", type: str = "A", *, do: bool = False) -> list[list[str]]:
    clean = scrubbed(reply, ask_for(name, type).question, do=do)
    return [lines_of(*section) for section in (clean.answer, clean.authority, clean.additional)]


WWW = "www.example.org. 60 IN A 192.0.2.1"
EVIL = "bank.example.com. 60 IN A 203.0.113.66"
ALIAS = "www.example.org. 60 IN CNAME web.example.net."
UNKNOWN = "www.example.org. 60 IN TYPE666 \\# 2 beef"
TXT = 'www.example.org. 60 IN TXT "y"'
WEB = "web.example.net. 60 IN A 192.0.2.2"


@pytest.mark.parametrize(
    ("type", "answer", "left"),
    [
        pytest.param("A", [WWW], [WWW], id="the address"),
        pytest.param("A", [WWW, EVIL], [WWW], id="an address of somebody else"),
        pytest.param("A", [ALIAS, WEB], [ALIAS, WEB], id="an alias"),
        pytest.param("A", [WEB, ALIAS], [WEB, ALIAS], id="an alias behind its target, order kept"),
        pytest.param("A", [ALIAS, WEB, EVIL], [ALIAS, WEB], id="somebody else behind an alias"),
        pytest.param("A", [WEB], [], id="a target without its alias"),
        pytest.param("A", [WWW, "www.example.org. 60 IN TXT x"], [WWW], id="another type of the name"),
        pytest.param("TYPE666", [UNKNOWN], [UNKNOWN], id="an unknown type"),
        pytest.param("TXT", ["www.example.org. 60 CH TXT x", TXT], [TXT], id="another class"),
    ],
)  # fmt: skip
def test_of_the_answer_only_the_question_s_chain_is_kept(type: str, answer: list[str], left: list[str]) -> None:
    assert kept(received(answer, [], [], type=type), type=type)[0] == left


def test_any_keeps_all_of_the_name() -> None:
    answer = [WWW, 'www.example.org. 60 IN TXT "x"']
    assert kept(received([*answer, EVIL], [], [], type="ANY"), type="ANY")[0] == answer


def test_a_dname_above_the_name_is_kept_with_its_alias() -> None:
    dname = "example.org. 60 IN DNAME example.net."
    made = "www.example.org. 60 IN CNAME www.example.net."
    address = "www.example.net. 60 IN A 192.0.2.3"
    other = "example.com. 60 IN DNAME example.net."
    left = kept(received([dname, made, address, other], [], []))[0]
    assert left == ["example.org. 60 IN DNAME \\# 13 076578616d706c65036e657400", made, address]


def test_letters_do_not_matter_to_what_is_about_the_question() -> None:
    reply = received([ALIAS, WEB], [SOA], [])
    shouting = reply._replace(
        answer=tuple(each._replace(owner=each.owner.upper()) for each in reply.answer),
        authority=tuple(each._replace(owner=each.owner.upper()) for each in reply.authority),
    )
    assert scrubbed(shouting, ask_for("wWw.example.org.").question, do=False) == shouting


def test_aliases_that_lead_in_a_circle_end() -> None:
    circle = ["www.example.org. 60 IN CNAME a.test.", "a.test. 60 IN CNAME www.example.org."]
    reply = received(circle, [], [])
    assert aliases(reply.answer, from_text("www.example.org.")) == {from_text("www.example.org."), from_text("a.test.")}
    assert kept(reply)[0] == circle


@pytest.mark.parametrize(
    ("authority", "left"),
    [
        pytest.param([SOA], [SOA], id="the zone's SOA"),
        pytest.param([NS], [NS], id="its servers"),
        pytest.param([". 60 IN NS ns.example.org."], [". 60 IN NS ns.example.org."], id="of the root"),
        pytest.param(["example.com. 60 IN NS ns.evil.test."], [], id="servers of another zone"),
        pytest.param(["x.www.example.org. 60 IN NS ns.evil.test."], [], id="servers of a zone below"),
        pytest.param(["example.org. 60 IN TXT x"], [], id="another type"),
    ],
)
def test_of_the_authority_the_zones_of_the_name_are_kept(authority: list[str], left: list[str]) -> None:
    assert kept(received([], authority, []))[1] == left


def test_the_zone_of_an_alias_s_target_is_kept() -> None:
    soa = SOA.replace("example.org. 60", "example.net. 60", 1)
    assert kept(received([ALIAS], [soa], []))[1] == [soa]


@pytest.mark.parametrize(("do", "count"), [(False, (1, 1)), (True, (2, 4))])
def test_proofs_and_signatures_are_for_those_who_want_them(do: bool, count: tuple[int, int]) -> None:
    signed = "www.example.org. " + SIG.format("A")
    proofs = [SOA, "example.org. " + SIG.format("SOA"), NSEC, "example.org. " + SIG.format("NSEC")]
    answer, authority, _ = kept(received([WWW, signed], proofs, []), do=do)
    assert (len(answer), len(authority)) == count


def test_signatures_that_are_asked_for_are_an_answer() -> None:
    signed = "www.example.org. " + SIG.format("A")
    assert len(kept(received([signed], [], [], type="RRSIG"), type="RRSIG")[0]) == 1


SRV = "www.example.org. 60 IN SRV 0 0 80 a.example.org."
MX = "www.example.org. 60 IN MX 0 a.example.org."
HTTPS = "www.example.org. 60 IN HTTPS 1 a.example.org."
OWN = "www.example.org. 60 IN HTTPS 1 ."
A = "a.example.org. 60 IN A 192.0.2.4"


@pytest.mark.parametrize(
    ("type", "answer", "additional", "left"),
    [
        ("SRV", [SRV], [A, EVIL], [A]),
        ("MX", [MX], [A, EVIL], [A]),
        ("HTTPS", [HTTPS], [A, WWW], [A, WWW]),
        ("HTTPS", [OWN], [WWW, EVIL], [WWW]),
        ("SRV", [SRV], [A, "a.example.org. 60 IN TXT x"], [A]),
        ("A", [WWW], [A], []),
    ],
)
def test_additional_are_addresses_of_names_that_records_point_to(
    type: str, answer: list[str], additional: list[str], left: list[str]
) -> None:
    assert kept(received(answer, [], additional, type=type), type=type)[2] == left


def test_addresses_of_the_zone_s_servers_are_additional() -> None:
    glue = "ns.example.org. 60 IN AAAA fd00::1"
    assert kept(received([], [NS], [glue, EVIL]))[2] == [glue]


names = st.sampled_from(["www.example.org.", "example.org.", "a.test.", "b.test.", "bank.example.com."])
records = st.lists(
    st.one_of(
        st.builds("{} 60 IN A 192.0.2.1".format, names),
        st.builds("{} 60 IN CNAME {}".format, names, names),
        st.builds("{} 60 IN NS {}".format, names, names),
        st.builds("{} 60 IN DNAME {}".format, names, names),
    ),
    max_size=6,
    unique=True,
)


@given(records, records, records)
def test_whatever_comes_is_about_the_question_or_goes(answer: list[str], authority: list[str], more: list[str]) -> None:
    reply = received(answer, authority, more)
    question = ask_for().question
    clean = scrubbed(reply, question, do=False)
    chain = aliases(reply.answer, question.folded)
    assert all(each in reply.answer for each in clean.answer)
    assert all(each.owner.lower() in chain or each.type == 39 for each in clean.answer)
    assert scrubbed(clean, question, do=False) == clean
