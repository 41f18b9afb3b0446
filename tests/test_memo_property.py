"""Whatever changes, and in whatever order it is asked about: a kept answer is the one that would be made now.

Objects come and go in the store of a plan. After each change the same questions go to two responders:
one has answered them from its memo all along, the other has none. They must send the same bytes. So must a third,
to whom every question is a first one.
"""

from __future__ import annotations

import struct
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.app import responder_at
from kdns.chain import Transport
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.kube.cluster import Cluster
from kdns.kube.objects import (
    Endpoint,
    Endpoints,
    Namespace,
    Object,
    Pod,
    Port,
    Ref,
    Service,
    ServiceImport,
    Slice,
)
from kdns.plan import plan
from kdns.proto.name import from_text, to_text
from kdns.proto.reverse import pack, reverse_name
from kdns.proto.text import type_number
from kdns.proto.types import Flag, RRType
from kdns.serve.denials import Denials
from kdns.serve.entry import Entry
from kdns.serve.holdings import Holdings
from kdns.serve.lately import Lately
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from tests.asking import CLIENT, Clock, Told
from tests.hits import hit

T = TypeVar("T")

VARIANTS = {
    "verified": ("", "pods verified; zonal; multicluster set.local"),
    "insecure": ("", "pods insecure; ptr hostname; endpoint_pod_names; negative_ttl 2; fallthrough in-addr.arpa"),
    "few": ("", "noendpoints; families ipv4; ede off"),
    "ignoring": ("minimal", "ignore empty_service; ttl 30; fallthrough"),
    "in turns": ("loadbalance", "pods verified; multicluster set.local"),
}
COREFILE = """\
cluster.local set.local in-addr.arpa ip6.arpa {{
    {0}
    kubernetes {{
        manifests none
        {1}
    }}
}}
"""

HERE = ("10.0.0.1", 53)
"""Where the server is asked: an address that endpoints may have, so that a Service may be the name server."""

# The objects: few names, few addresses, so that they meet.

SPACES = st.sampled_from(["shop", "shop", "office"])
NAMES = st.sampled_from(["web", "web", "db", "to"])
IPS = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "fd00::1", "fd00::2"]
ADDRESSES = st.sampled_from([pack(ip) for ip in (IPS[0], *IPS)])
PORTS = st.lists(st.sampled_from([Port("http", 80), Port("dns", 53, "UDP"), Port("", 9)]), max_size=2, unique=True).map(
    tuple
)
ENDPOINTS = st.lists(
    st.builds(
        Endpoint,
        st.lists(ADDRESSES, min_size=1, max_size=2, unique=True).map(tuple),
        PORTS,
        hostname=st.sampled_from(["", "a", "B", "h" * 64]),
        target=st.sampled_from(["", "pod-1"]),
        zone=st.sampled_from(["", "eu-1"]),
        ready=st.sampled_from([True, True, False]),
        terminating=st.booleans(),
    ),
    max_size=3,
).map(tuple)
TARGETS = st.sampled_from(
    [
        "web.shop.svc.cluster.local",
        "db.shop.svc.cluster.local",
        "db.office.svc.cluster.local.",
        "shop.svc.cluster.local",
        "10-0-0-1.shop.pod.cluster.local",
        "web.shop.svc.set.local",
        "example.com",
        "192.0.2.1",
        "a..b",
    ]
)
SERVICES = st.one_of(
    st.builds(Service, SPACES, NAMES, st.lists(ADDRESSES, max_size=2, unique=True).map(tuple), PORTS),
    st.builds(Service, SPACES, NAMES, st.just(()), PORTS, st.just(True)),
    st.builds(Service, SPACES, NAMES, st.just(()), PORTS, st.just(False), TARGETS),
)


def far(held: Slice) -> Slice:
    """The same slice, of another cluster."""
    moved = tuple(each._replace(cluster="east") for each in held.endpoints)
    return held._replace(service="", of_import=held.service, endpoints=moved)


SLICES = st.builds(Slice, SPACES, st.sampled_from(["s1", "s1", "s2"]), NAMES | st.just(""), ENDPOINTS)
OBJECTS: st.SearchStrategy[Object] = st.one_of(
    SERVICES,
    SLICES,
    SLICES.map(far),
    st.builds(Endpoints, SPACES, NAMES, ENDPOINTS, st.booleans()),
    st.builds(
        Pod, SPACES, st.sampled_from(["p1", "p1", "p2"]), st.lists(ADDRESSES, max_size=2, unique=True).map(tuple)
    ),
    st.builds(Namespace, SPACES, st.sampled_from([True, True, False])),
    st.builds(ServiceImport, SPACES, NAMES, st.lists(ADDRESSES, max_size=1).map(tuple), PORTS, headless=st.booleans()),
)
CHANGES = st.lists(
    st.lists(st.tuples(st.sampled_from([True, True, False]), OBJECTS), min_size=1, max_size=3), max_size=12
)
"""Each change: objects to put (True) or to drop, at once."""
HTTP = (Port("http", 80),)
FIRST: list[Object] = [
    Namespace("shop"),
    Namespace("office"),
    Service("shop", "web", (), HTTP, headless=True),
    Slice("shop", "s1", "web", (Endpoint((pack("10.0.0.1"),), HTTP, "a"), Endpoint((pack("fd00::1"),), HTTP, "a"))),
    Service("shop", "db", (pack("10.0.1.1"),), HTTP),
    Service("shop", "to", external_name="db.shop.svc.cluster.local"),
    Pod("shop", "p1", (pack("10.0.0.1"), pack("fd00::1"))),
    ServiceImport("shop", "web", (pack("10.0.0.2"),), HTTP),
]

# The questions: names near those objects.

LEFT = ["a.", "b.", "10-0-0-1.", "fd00--1.", "pod-1.", "_tcp.", "_http._tcp.", "_._udp.", "_x._tcp.", "x.y.z."]
LEFT += ["a.east.", "10-0-0-1.east.", "east.", "eu-1.pin._zone.", "eu-2.prefer._zone.", "_zone."]
ZONES = st.sampled_from(["cluster.local.", "set.local."])
SERVICE_NAMES = st.tuples(st.just("") | st.sampled_from(LEFT), NAMES, SPACES, ZONES).map(
    "{0[0]}{0[1]}.{0[2]}.svc.{0[3]}".format
)
POD_NAMES = st.tuples(st.sampled_from(["10-0-0-1", "10-0-0-1", "fd00--1", "x.10-0-0-2"]), SPACES, ZONES).map(
    "{0[0]}.{0[1]}.pod.{0[2]}".format
)
BESIDE = ["", "svc.", "shop.svc.", "office.svc.", "shop.pod.", "foo.", "dns.", "ns.dns.", "dns-version."]
BESIDE_THEM = st.tuples(st.sampled_from(BESIDE), ZONES).map("".join)
WRONG = ["x.", "y.", "z.z.", "svc.cluster.local.", "web.", "*.", "hostmaster.", "_zone.", "\\255.", "O.", ""]
LONG = ["l" * 63 + ".", 20 * "l.", 3 * ("l" * 57 + ".")]
DOMAINS = ["shop.svc.", "shop.svc.", "office.svc.", "svc.", "", "web.shop.svc.", "shop.pod.", "pod.", "dns."]
SEARCHED = st.tuples(st.sampled_from(WRONG + LONG), st.sampled_from(WRONG), st.sampled_from(DOMAINS), ZONES).map(
    "".join
)
POINTERS = st.sampled_from([to_text(reverse_name(pack(ip))) for ip in (IPS[0], *IPS)])
PARENTS = st.sampled_from(["0.0.10.in-addr.arpa.", "1.0.10.in-addr.arpa.", "9.in-addr.arpa.", "d.f.ip6.arpa."])
TYPES = ["A", "AAAA", "SRV", "PTR", "CNAME", "SOA", "NS", "TXT", "ANY", "TYPE65280", "AXFR"]


def of_type(names: st.SearchStrategy[str], *types: str) -> st.SearchStrategy[tuple[str, str]]:
    """Names with the types that they are asked for, now and then with any other."""
    return st.tuples(names, st.sampled_from([*types, *types, *types, *TYPES]))


ASKED = st.one_of(
    of_type(SEARCHED, "A", "AAAA"),
    of_type(SERVICE_NAMES, "A", "AAAA", "SRV"),
    of_type(SERVICE_NAMES, "A", "AAAA", "SRV"),
    of_type(POD_NAMES, "A", "AAAA", "SRV"),
    of_type(POINTERS, "PTR"),
    of_type(PARENTS, "PTR"),
    of_type(BESIDE_THEM, "A", "SOA"),
    of_type(st.sampled_from(["cluster.local.", "in-addr.arpa.", "ns.dns.cluster.local."]), "NS", "A"),
)


@dataclass(frozen=True)
class Question:
    """A query in its parts, and how it came."""

    head: bytes
    name: bytes
    tail: bytes
    transport: Transport

    def spelled(self) -> Iterator[bytes]:
        """Its bytes; and as another client writes it, all in capitals."""
        for name in (self.name, self.name.upper()):
            yield self.head + name + self.tail


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Any question; mostly as clients ask, sometimes with other flags, with and without EDNS."""
    name, type = draw(ASKED)
    flags = draw(st.sampled_from([Flag.RD, Flag.RD, Flag(0), Flag.RD | Flag.CD]))
    payload = draw(st.sampled_from([None, 512, 1232, 4096]))
    do = 0x8000 if draw(st.booleans()) else 0
    opt = b"" if payload is None else b"\0" + struct.pack("!HHIH", RRType.OPT, payload, do, 0)
    head = struct.pack("!6H", 0x1234, flags, 1, 0, 0, bool(opt))
    tail = struct.pack("!HH", type_number(type), 1) + opt
    return Question(head, from_text(name), tail, draw(st.sampled_from(Transport)))


class Never(Lately):
    """Nothing came lately."""

    def again(self, key: bytes) -> bool:  # noqa: ARG002
        return False


class Keepless(Memo):
    """A memo that keeps no answer; but what is known of wrong names, and how those are answered that exist."""

    def __init__(self, capacity: int, clock: Clock) -> None:
        super().__init__(capacity, clock)
        self.lately = Never()

    def find(self, *_: object, **__: object) -> Entry | None:
        """Never."""
        return None

    def keep(self, *_: object, **__: object) -> Entry | None:
        """Never."""
        return None


class Forgetful(Keepless):
    """A memo that keeps nothing."""

    def __init__(self, capacity: int, clock: Clock) -> None:
        super().__init__(capacity, clock)
        self.denials = Denials(0)
        self.holdings = Holdings(0)


class Pair:
    """A plan, its store, a responder that has a memo, one that keeps no answer, and one that has no memo."""

    def __init__(self, variant: str) -> None:
        clock, self.wall = Clock(), Clock(1_700_000_000.0)
        text = COREFILE.format(*(lines.replace(";", "\n") for lines in VARIANTS[variant]))
        planned = plan(parse(text, "Corefile", environ={}, disk=Local()), clock, self.wall)
        (cluster,) = (part for part in planned.build.parts if isinstance(part, Cluster))
        cluster.source = Told()
        self.store = cluster.store
        self.store.update(FIRST)
        (place,) = planned.routers
        self.kept = responder_at(planned, place)
        self.first = Responder(planned.routers[place], Keepless(0, clock), planned.build.metrics, clock)
        planned.build.changes.subscribe(lambda keys: self.first.memo.denials.forget(set(keys)))
        planned.build.changes.subscribe(lambda keys: self.first.memo.holdings.forget(set(keys)))
        self.fresh = Responder(planned.routers[place], Forgetful(0, clock), planned.build.metrics, clock)

    def change(self, objects: list[tuple[bool, Object]]) -> None:
        """Put some and drop some, a second later."""
        self.wall.now += 1
        put = [each for exists, each in objects if exists]
        gone: list[Ref] = [each.ref for exists, each in objects if not exists]
        self.store.update(put, gone)

    def ask(self, question: Question) -> Iterator[tuple[bytes, bytes]]:
        """What those who know something send, as a listener would ask them, and what the other does."""
        for wire in question.spelled():
            arguments = wire, CLIENT, HERE, question.transport
            fresh = done(self.fresh.respond(*arguments))
            assert fresh is not None
            for responder in (self.kept, self.first):
                known = hit(responder, wire, question.transport) or done(responder.respond(*arguments))
                assert known is not None
                yield known, fresh


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    raise AssertionError("an answer of the cluster waits for nothing")


def told(wire: bytes) -> str:
    """A reply for people."""
    return dns.message.from_wire(wire, ignore_trailing=True).to_text()


def in_order(wire: bytes) -> tuple[object, ...]:
    """A reply without the order of its records; of one that was cut, how much there is of it."""
    message = dns.message.from_wire(wire)
    sections = tuple(
        sorted(line for rrset in section for line in rrset.to_text().splitlines()) for section in message.sections
    )
    shown = tuple(map(len, sections)) if wire[2] & Flag.TC >> 8 else sections
    return wire[:12], len(wire), shown, message.options


def compared(
    variant: str, changes: list[list[tuple[bool, Object]]], asked: list[Question]
) -> Iterator[tuple[bytes, bytes]]:
    """What the two send, to every question after every change."""
    pair = Pair(variant)
    for change in [[], *changes]:
        pair.change(change)
        for question in asked:
            yield from pair.ask(question)


ASKED_EACH_TIME = st.lists(questions(), min_size=1, max_size=10)


@pytest.mark.parametrize("variant", [variant for variant in VARIANTS if variant != "in turns"])
@given(changes=CHANGES, asked=ASKED_EACH_TIME)
@settings(max_examples=50, deadline=None)
def test_a_kept_answer_is_the_one_that_would_be_made_now(
    variant: str, changes: list[list[tuple[bool, Object]]], asked: list[Question]
) -> None:
    for kept, fresh in compared(variant, changes, asked):
        assert kept == fresh, f"kept: {told(kept)}\nfresh: {told(fresh)}"


@given(changes=CHANGES, asked=ASKED_EACH_TIME)
@settings(max_examples=50, deadline=None)
def test_records_that_take_turns_are_the_same_records(
    changes: list[list[tuple[bool, Object]]], asked: list[Question]
) -> None:
    for kept, fresh in compared("in turns", changes, asked):
        assert in_order(kept) == in_order(fresh)
