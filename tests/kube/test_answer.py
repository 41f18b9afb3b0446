"""Answers and what can be said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.kube.answer import Answer, address_answer, found, glue, nodata, nxdomain, refused_namespace, seen
from kdns.kube.index import Backed, Touched
from kdns.kube.objects import Kind, Namespace, Ref, Slice
from kdns.kube.options import IPV4, IPV6
from kdns.kube.reason import Reason, because
from kdns.proto.name import from_text
from kdns.proto.reverse import pack
from kdns.proto.types import RCode
from tests.kube.known import OPTIONS, SHOP, ask, endpoint, records, service

HERE = because(Reason.SERVICE, "it")
BOTH = (pack("10.0.0.1"), pack("fd00::1"))


@pytest.mark.parametrize(
    ("given", "negative", "authoritative"),
    [
        pytest.param(found(HERE), False, True, id="records"),
        pytest.param(nodata(Reason.ONLY_PARENT), True, True, id="NODATA"),
        pytest.param(nxdomain(Reason.NO_SUCH_NAME), True, True, id="NXDOMAIN"),
        pytest.param(Answer(because(Reason.NOT_SYNCED, "it"), RCode.SERVFAIL), False, False, id="SERVFAIL"),
        pytest.param(Answer(because(Reason.TRANSFER_OFF), RCode.REFUSED), False, False, id="REFUSED"),
    ],
)
def test_a_denial_is_negative_and_a_failure_says_nothing(given: Answer, negative: bool, authoritative: bool) -> None:
    assert (given.negative, given.authoritative) == (negative, authoritative)


def test_what_was_looked_at_before_stands_before() -> None:
    one, other = seen(Backed(None), Kind.SERVICE, "a", "b"), seen(Backed(service()), Kind.SERVICE, "c", "d")
    answer = found(HERE).after([other], ["second"]).after([one], ["first"])
    assert answer.looked_at == (one, other)
    assert answer.depends_on == {"first", "second"}
    assert (one.found, other.found) == (False, True)


@pytest.mark.parametrize(
    ("type", "families", "known", "reason", "lines"),
    [
        ("A", {IPV4, IPV6}, BOTH, Reason.SERVICE, ["web.shop.svc.cluster.local. 5 IN A 10.0.0.1"]),
        ("AAAA", {IPV4, IPV6}, BOTH, Reason.SERVICE, ["web.shop.svc.cluster.local. 5 IN AAAA fd00::1"]),
        ("A", {IPV4, IPV6}, BOTH[1:], Reason.OTHER_FAMILY, []),
        ("A", {IPV4, IPV6}, (), Reason.OTHER_FAMILY, []),
        ("A", {IPV6}, BOTH, Reason.FAMILY_OFF, []),
        ("AAAA", {IPV6}, BOTH[:1], Reason.OTHER_FAMILY, []),
        ("MX", {IPV4, IPV6}, BOTH, Reason.NO_SUCH_TYPE, []),
    ],
)
def test_addresses_are_answered_to_their_own_type(
    type: str, families: set[int], known: tuple[bytes, ...], reason: Reason, lines: list[str]
) -> None:
    asked = ask("web.shop.svc.cluster.local", type, options=replace(OPTIONS, families=frozenset(families)))
    answer = address_answer(asked, HERE, known, "it")
    assert (answer.because.reason, records(answer), answer.rcode) == (reason, lines, RCode.NOERROR)


def test_glue_has_every_address_once_by_owner_and_family() -> None:
    a, b = from_text("a"), from_text("b")
    asked = ask("web.shop.svc.cluster.local")
    sets = glue(asked, [(a, BOTH), (b, BOTH[:1]), (a, BOTH[:1])])
    assert [(rrset.owner, rrset.rdatas) for rrset in sets] == [(a, BOTH[:1]), (a, BOTH[1:]), (b, BOTH[:1])]
    only4 = replace(asked, options=replace(OPTIONS, families=frozenset({IPV4})))
    assert [rrset.rdatas for rrset in glue(only4, [(a, BOTH)])] == [BOTH[:1]]


@pytest.mark.parametrize(
    ("objects", "reason", "exists"),
    [
        pytest.param([], Reason.NO_SUCH_NAMESPACE, False, id="none"),
        pytest.param([Namespace("shop", exposed=False)], Reason.NOT_EXPOSED, True, id="not exposed"),
        pytest.param([SHOP], None, True, id="exposed"),
    ],
)
def test_a_namespace_can_be_refused(objects: list[Namespace], reason: Reason | None, exists: bool) -> None:
    refused = refused_namespace(ask("web.SHOP.svc.cluster.local", "A", *objects))
    assert (refused and refused.because.reason) == reason
    if refused:
        assert [(each.ref, each.found) for each in refused.looked_at] == [(Ref(Kind.NAMESPACE, "", "shop"), exists)]


def test_a_service_is_seen_with_its_endpoints_and_where_they_come_from() -> None:
    source = Slice("shop", "web-1", "web")
    shown = seen(Backed(service(), (endpoint("10.0.0.1"),), (), (source,)), Kind.SERVICE, "shop", "web")
    assert (shown.ref, shown.found) == (Ref(Kind.SERVICE, "shop", "web"), True)
    assert (shown.endpoints, shown.sources) == ((endpoint("10.0.0.1"),), (source.ref,))


def test_no_two_kinds_of_change_have_one_key() -> None:
    distinct = {
        Touched.service(("a", "b")),
        Touched.imported(("a", "b")),
        Touched.namespace("a"),
        Touched.address(b"a"),
        Touched.prefix(b"a"),
    }
    assert len(distinct) == 5
