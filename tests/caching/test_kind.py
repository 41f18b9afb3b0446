"""What is kept as what."""

from __future__ import annotations

import pytest

from kdns.caching.kind import Kind, answers, is_conclusive, kind_of, lowest_ttl
from kdns.chain import Response
from kdns.proto.message import Question
from kdns.proto.name import from_text
from kdns.proto.record import RRset, Soa, addresses, soa
from kdns.proto.reverse import pack
from kdns.proto.types import RCode, RRType

NAME = "Www.Example.org."


def question(type: int = RRType.A, name: str = NAME) -> Question:
    return Question(from_text(name), from_text(name).lower(), type, 1)


def a(name: str = NAME, ttl: int = 60) -> RRset:
    return addresses(from_text(name), ttl, [pack("192.0.2.1")])


def cname(name: str, *targets: str, ttl: int = 60) -> RRset:
    return RRset(from_text(name), RRType.CNAME, ttl, tuple(map(from_text, targets)))


def soa_record(ttl: int = 60, minimum: int = 60) -> RRset:
    zone = from_text("example.org.")
    return RRset(zone, RRType.SOA, ttl, (soa(Soa(zone, zone, 1, 2, 3, 4, minimum)),))


NS = RRset(from_text("example.org."), RRType.NS, 60, (from_text("ns.example.org."),))
SOA = (soa_record(),)


@pytest.mark.parametrize(
    ("response", "kind", "conclusive"),
    [
        pytest.param(Response(answer=(a(),)), Kind.SUCCESS, True, id="an address"),
        pytest.param(Response(answer=(a(),), authority=(NS,)), Kind.SUCCESS, True, id="with its servers"),
        pytest.param(Response(answer=(cname(NAME, "to.test."), a("to.test."))), Kind.SUCCESS, True, id="an alias"),
        pytest.param(Response(answer=(a("to.test."), cname(NAME, "TO.test."))), Kind.SUCCESS, True, id="in any order"),
        pytest.param(Response(answer=(cname(NAME, "to.test."),)), None, False, id="an alias to nothing"),
        pytest.param(Response(answer=(cname(NAME, "to.test."),), authority=SOA), Kind.DENIAL, True, id="to NODATA"),
        pytest.param(Response(answer=(cname(NAME, "a.", "b."), a("a."))), None, False, id="two aliases"),
        pytest.param(Response(answer=(cname(NAME, "b."), cname("b.", NAME), a())), None, False, id="a circle"),
        pytest.param(Response(answer=(a("other.test."),)), None, False, id="another name"),
        pytest.param(Response(authority=SOA), Kind.DENIAL, True, id="NODATA"),
        pytest.param(Response(), None, True, id="nothing"),
        pytest.param(Response(authority=(NS,)), None, False, id="a referral"),
        pytest.param(Response(rcode=RCode.NXDOMAIN, authority=SOA), Kind.DENIAL, True, id="NXDOMAIN"),
        pytest.param(Response(rcode=RCode.NXDOMAIN), None, True, id="NXDOMAIN without an SOA"),
        pytest.param(
            Response(rcode=RCode.NXDOMAIN, answer=(cname(NAME, "to.test."),), authority=SOA),
            Kind.DENIAL,
            True,
            id="an alias to a name that does not exist",
        ),
        pytest.param(Response(answer=(a(),), truncated=True), None, False, id="cut"),
        pytest.param(Response(silent=True), None, False, id="no reply at all"),
        pytest.param(Response(rcode=RCode.SERVFAIL), Kind.FAILURE, False, id="SERVFAIL"),
        pytest.param(Response(rcode=RCode.REFUSED), None, False, id="REFUSED"),
        pytest.param(Response(rcode=RCode.FORMERR, answer=(a(),)), None, False, id="FORMERR"),
        pytest.param(Response(rcode=RCode.NOTIMP), None, False, id="NOTIMP"),
    ],
)
def test_a_response_is_of_a_kind(response: Response, kind: Kind | None, conclusive: bool) -> None:
    assert kind_of(question(), response) == kind
    assert is_conclusive(question(), response) is conclusive


@pytest.mark.parametrize(
    ("type", "kept"),
    [
        *[(type, False) for type in (41, 128, 250, 251, 252, 254)],
        *[(type, True) for type in (1, 99, 255, 257, 65280)],
    ],
)
def test_types_that_no_record_is_of_are_not_kept(type: int, kept: bool) -> None:
    record = RRset(from_text(NAME), type if type != RRType.ANY else RRType.A, 60, (b"x",))
    assert (kind_of(question(type), Response(answer=(record,))) is Kind.SUCCESS) is kept


def test_an_alias_answers_who_asks_for_aliases() -> None:
    answer = (cname(NAME, "to.test."),)
    assert answers(question(RRType.CNAME), answer)
    assert answers(question(RRType.ANY), answer)
    assert not answers(question(), answer)


def test_records_of_another_class_do_not_answer() -> None:
    assert not answers(question(), (a()._replace(klass=3),))


@pytest.mark.parametrize(
    ("response", "ttl"),
    [
        (Response(answer=(a(ttl=60), cname("b.", "c.", ttl=30))), 30),
        (Response(answer=(a(ttl=60),), authority=(NS._replace(ttl=20),)), 20),
        (Response(answer=(a(ttl=60),), additional=(a(ttl=10),)), 10),
        (Response(authority=(soa_record(50, 40),)), 40),
        (Response(authority=(soa_record(30, 40),)), 30),
        (Response(), 0),
    ],
    ids=["of the answer", "of the authority", "of the additional", "an SOA's minimum", "an SOA's TTL", "of nothing"],
)
def test_the_lowest_ttl_counts(response: Response, ttl: int) -> None:
    assert lowest_ttl(response) == ttl
