"""What a zone holds: every record of it is what a question gets, and every name that answers is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kdns.kube import outside
from kdns.kube.answer import Answer
from kdns.kube.contents import of_cluster, of_outside
from kdns.kube.index import Index
from kdns.kube.labels import dashed
from kdns.kube.objects import Endpoint, Namespace, Object, Pod, Port, Service, ServiceImport, Slice
from kdns.kube.options import Options, PodMode
from kdns.kube.resolve import resolve
from kdns.proto.message import Question
from kdns.proto.name import Name, from_labels, from_text, is_at_or_below, to_text
from kdns.proto.record import RRset
from kdns.proto.reverse import pack, reverse_name
from kdns.proto.text import zone_lines
from kdns.proto.types import RRType
from tests.kube.known import REVERSE, REVERSE6, ZONE, index_of

SERVER = (pack("192.0.2.53"),)
JOINED = from_text("clusterset.test")
OUTSIDE = from_text("example.org")
OPTIONS = Options(
    zones=(ZONE, JOINED, REVERSE, REVERSE6),
    primary=ZONE,
    multicluster=frozenset({JOINED}),
    pods=PodMode.VERIFIED,
    zonal=True,
)
ABROAD = replace(OPTIONS, zones=(OUTSIDE,), primary=OUTSIDE, multicluster=frozenset())
SETTINGS = outside.Settings(ABROAD, headless=True)
TYPES = (RRType.SOA, RRType.NS, RRType.TXT, RRType.CNAME, RRType.A, RRType.AAAA, RRType.SRV, RRType.PTR)
SPACES = ("shop", "vault", "gone")
NAMES = ("web", "db", "Alias")
LABELS = tuple(b"db-0 db-1 10-0-0-1 10-0-0-2 10-1-0-1 fd00--1 192-0-2-53 203-0-113-9 _tcp _udp _zone".split())
BELOW: list[tuple[bytes, ...]] = [
    *((label,) for label in LABELS),
    *((label, b"east") for label in LABELS if not label.startswith(b"_")),
    *((b"_http", protocol) for protocol in (b"_tcp", b"_udp")),
    *((b"east", how, b"_zone") for how in (b"pin", b"prefer")),
]
ADDRESSES = [pack(ip) for ip in ("10.0.0.1", "10.0.0.2", "10.1.0.1", "fd00::1", "192.0.2.53", "203.0.113.9")]

some = st.sampled_from([*combinations(ADDRESSES, 1), *combinations(ADDRESSES, 2)])
few = st.just(()) | some
ports = st.sampled_from(
    [(), (Port("", 80),), (Port("http", 80), Port("HTTP", 81)), (Port("http", 80, "UDP"), Port("http", 80, "TCP"))]
)
endpoints = st.tuples(
    some,
    ports,
    st.sampled_from(["", "db-0", "DB-0"]),
    st.sampled_from(["", "db-1"]),
    st.just("node"),
    st.sampled_from(["", "east"]),
    st.booleans(),
).map(lambda fields: Endpoint(*fields))
spaces = st.sampled_from(SPACES)
names = st.sampled_from(NAMES)
targets = st.sampled_from(["www.example.com", "web.shop.svc.cluster.local"])
here = st.tuples(spaces, names)
services = st.one_of(
    st.tuples(here, few, ports, few).map(lambda each: Service(*each[0], each[1], each[2], external_addresses=each[3])),
    st.tuples(here, ports).map(lambda each: Service(*each[0], (), each[1], headless=True)),
    st.tuples(here, targets).map(lambda each: Service(*each[0], external_name=each[1])),
    st.tuples(here, ports).map(lambda each: Service(*each[0], (), each[1], external_hostnames=("lb.example.net",))),
)
held_endpoints = st.lists(endpoints, max_size=3).map(tuple)
objects = st.lists(
    st.one_of(
        services,
        st.tuples(here, held_endpoints).map(lambda each: Slice(each[0][0], each[0][1], each[0][1], each[1])),
        st.tuples(here, held_endpoints).map(
            lambda each: Slice(each[0][0], "i", "", tuple(one._replace(cluster="east") for one in each[1]), each[0][1])
        ),
        st.tuples(here, few, ports, st.booleans()).map(lambda each: ServiceImport(*each[0], each[1], each[2], each[3])),
        st.tuples(spaces, few).map(lambda each: Pod(each[0], "p", each[1])),
    ),
    max_size=8,
)


def cluster(held: list[Object]) -> Index:
    return index_of(Namespace("shop"), Namespace("vault", exposed=False), *held)


def names_below(zone: Name) -> list[Name]:
    """Every name of the right spelling that these clusters could have in a zone, and some more."""
    tree = () if zone == OUTSIDE else (b"svc",)
    found = [zone, from_labels((b"dns-version",), zone), from_labels((b"ns", b"dns"), zone)]
    found += [from_labels((b"ns1", b"dns"), zone)]
    for space, name in product(SPACES, NAMES):
        owner = from_labels((name.encode(), space.encode(), *tree), zone)
        found += [owner]
        found += [from_labels(below, owner) for below in BELOW]
    for space, address in product(SPACES, ADDRESSES):
        found.append(from_labels((dashed(address).encode(), space.encode(), b"pod"), zone))
    found += [each for each in map(reverse_name, ADDRESSES) if is_at_or_below(each, zone)]
    return found


def by_key(records: list[RRset]) -> dict[tuple[Name, int], RRset]:
    found = {(rrset.owner.lower(), rrset.type): rrset for rrset in records}
    assert len(found) == len(records), "an RRset comes twice"
    return found


HTTP = (Port("http", 80), Port("", 81))
EAST = (
    Endpoint((ADDRESSES[0], ADDRESSES[3]), HTTP, "db-0", "", "node", "east"),
    Endpoint((ADDRESSES[1],), HTTP, "", "db-1", "node", "east", False),
)
RICH: list[Object] = [
    Service("shop", "web", (ADDRESSES[2],), HTTP, external_addresses=(ADDRESSES[5],)),
    Service("shop", "db", (), HTTP, headless=True),
    Service("shop", "Alias", external_name="www.example.com"),
    Service("vault", "web", (ADDRESSES[2],), HTTP, external_addresses=(ADDRESSES[5],)),
    Service("vault", "db", (), HTTP, external_hostnames=("lb.example.net",)),
    Slice("shop", "db-1", "db", EAST),
    Slice("shop", "web-1", "web", EAST[:1]),
    Slice("shop", "i", "", tuple(each._replace(cluster="east") for each in EAST), "db"),
    ServiceImport("shop", "web", (ADDRESSES[2],), HTTP),
    ServiceImport("shop", "db", (), (), True),
    Pod("shop", "p", (ADDRESSES[1], ADDRESSES[3])),
    Pod("vault", "q", (ADDRESSES[1],)),
]
"""Something of everything."""
ABROAD_RICH: list[Object] = [*RICH, Service("shop", "Alias", (), HTTP, external_hostnames=("lb.example.net",))]
CLUSTER_ZONES = [ZONE, JOINED, REVERSE, REVERSE6, from_text("0.10.in-addr.arpa")]


def hold(zone: Name, copied: dict[tuple[Name, int], RRset], ask: Callable[[Question], Answer]) -> None:
    """Fail unless the records are what questions get, and those that questions get are there.

    Where the records have an alias they can have nothing else (RFC 1034 §3.6.2), whatever questions get.
    """
    for (owner, type), rrset in copied.items():
        assert rrset == ask(Question(rrset.owner, owner, type, 1)).answer[0]
    for name, type in product(names_below(zone), TYPES):
        answer = ask(Question(name, name.lower(), type, 1))
        if answer.because.answered:
            first = answer.answer[0]
            owner = first.owner.lower()
            assert not {(owner, first.type), (owner, int(RRType.CNAME))}.isdisjoint(copied)


@pytest.mark.parametrize("zone", CLUSTER_ZONES, ids=to_text)
@settings(max_examples=20, deadline=None)
@example(RICH)
@given(objects)
def test_a_zone_of_the_cluster_holds_what_questions_get_and_nothing_else(zone: Name, held: list[Object]) -> None:
    index = cluster(held)
    copied = by_key(list(of_cluster(zone, index.still(), OPTIONS, SERVER)))
    hold(zone, copied, lambda question: resolve(question, zone, index, OPTIONS, SERVER))


@pytest.mark.parametrize("headless", [True, False])
@pytest.mark.parametrize("zone", [OUTSIDE, REVERSE, REVERSE6], ids=to_text)
@settings(max_examples=15, deadline=None)
@example(ABROAD_RICH)
@given(objects)
def test_a_zone_outside_does_so_too(zone: Name, headless: bool, held: list[Object]) -> None:
    index, how = cluster(held), SETTINGS._replace(headless=headless)
    copied = by_key(list(of_outside(zone, index.still(), how, SERVER)))
    hold(zone, copied, lambda question: outside.resolve(question, zone, index, how, SERVER))


def test_the_example_has_something_of_everything() -> None:
    """Or the tests above say little."""
    index = cluster(RICH)
    names = [to_text(rrset.owner) for rrset in of_cluster(ZONE, index, OPTIONS, SERVER)]
    for part in ("_http._tcp.web.", "db-0.db.", "east.pin._zone.db.", "10-0-0-2.shop.pod.", "Alias.", "dns-version."):
        assert any(name.startswith(part) for name in names), part
    joined = [to_text(rrset.owner) for rrset in of_cluster(JOINED, index, OPTIONS, SERVER)]
    assert any(name.startswith("db-0.east.db.") for name in joined)


def lines(records: list[RRset]) -> list[str]:
    return [" ".join(line.split()) for rrset in records for line in zone_lines(rrset)]


@pytest.mark.parametrize("zone", [ZONE, REVERSE, OUTSIDE], ids=["forward", "reverse", "outside"])
def test_the_soa_comes_first_and_once(zone: Name) -> None:
    index = cluster([Service("shop", "web", (ADDRESSES[0],), external_addresses=(ADDRESSES[5],))])
    if zone == OUTSIDE:
        records = list(of_outside(zone, index, SETTINGS, SERVER))
    else:
        records = list(of_cluster(zone, index, OPTIONS, SERVER))
    assert [rrset.type for rrset in records].count(RRType.SOA) == 1
    assert records[0].type == RRType.SOA
    assert len(records) > 2


def test_a_change_meanwhile_is_not_seen() -> None:
    index = cluster([Service("shop", "web", (ADDRESSES[0],))])
    still = index.still()
    records = of_cluster(ZONE, still, OPTIONS, SERVER)
    first = next(records)
    index.put_service(("shop", "web"), None)
    index.serial += 1
    assert "web.shop.svc.cluster.local. 5 IN A 10.0.0.1" in lines([first, *records])


def test_two_spellings_of_an_endpoint_are_one_name() -> None:
    ready = (Endpoint((ADDRESSES[0],), hostname="db-0"), Endpoint((ADDRESSES[1],), hostname="DB-0"))
    index = cluster([Service("shop", "db", headless=True), Slice("shop", "db-1", "db", ready)])
    records = lines(list(of_cluster(ZONE, index, OPTIONS, SERVER)))
    assert [line for line in records if line.lower().startswith("db-0.")] == [
        "db-0.db.shop.svc.cluster.local. 5 IN A 10.0.0.1",
        "db-0.db.shop.svc.cluster.local. 5 IN A 10.0.0.2",
    ]
