"""The short way to an answer leads to the one that `resolve` gives, or nowhere."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube import shortcut
from kdns.kube.objects import Object, Port, Service, ServiceImport
from kdns.kube.options import Options, PtrPolicy
from kdns.kube.resolve import resolve
from kdns.proto.brief import Brief
from kdns.proto.message import Question
from kdns.proto.name import ROOT, Name, labels
from kdns.proto.reverse import address_of, is_reverse, pack
from kdns.proto.types import RRType
from tests.kube.known import OPTIONS, REVERSE, SHOP, ZONE, endpoint, index_of, question, service, slice_of

TWO = (Port("http", 80), Port("dns", 53, "UDP"))
OBJECTS: list[Object] = [
    SHOP,
    service("web", "10.96.0.1"),
    service("Dual", "10.96.0.2", "fd00::2", ports=TWO),
    service("pair", "10.96.0.3", "10.96.0.4"),
    service("db"),
    slice_of(endpoint("10.0.0.1", hostname="a"), endpoint("10.0.0.2", target="Pod-1"), service="db"),
    service("mixed"),
    slice_of(endpoint("10.0.0.3", "fd00::3"), endpoint("10.0.0.4", hostname="_zone"), service="mixed"),
    slice_of(endpoint("10.0.0.5", ready=False), endpoint("10.0.0.2"), service="web"),
    service("none"),
    service("twin", "10.96.0.5", ports=(Port("http", 80), Port("HTTP", 81))),
    service("many"),
    slice_of(*[endpoint(f"10.0.1.{n}", target=f"many-{n}") for n in range(9)], service="many"),
    service("Named"),
    slice_of(*[endpoint(f"10.0.2.{n}", hostname=name) for n, name in enumerate("aB")], service="Named"),
    service("clash"),
    slice_of(endpoint("10.0.3.1", hostname="a"), endpoint("10.0.3.2", hostname="A"), service="clash"),
    service("like"),
    slice_of(endpoint("10.0.3.3", hostname="_tcp"), endpoint("10.0.3.4"), service="like"),
    service("ported"),
    slice_of(endpoint("10.0.4.1"), endpoint("10.0.4.2", ports=(Port("http", 81),)), service="ported"),
    service("both"),
    slice_of(endpoint("10.0.5.1"), endpoint("fd00::5"), service="both"),
    service("mapped"),
    slice_of(endpoint("::ffff:1.2.3.4"), endpoint("::ffff:1:2:3:4"), service="mapped"),
    service("long"),
    slice_of(endpoint("10.0.6.1", hostname="h" * 64), endpoint("10.0.6.2", hostname="h" * 63), service="long"),
    Service("shop", "away", external_name="web.shop.svc.cluster.local"),
    service("hidden", "10.96.0.6", namespace="elsewhere"),
    ServiceImport("shop", "web", (pack("10.97.0.1"),)),
]
INDEX = index_of(*OBJECTS)
LEFT = [
    "",
    "a.",
    "pod-1.",
    "10-0-0-1.",
    "10-0-0-3.",
    "fd00--3.",
    "--ffff-1-2-3-4.",
    "10-0-0-5.",
    "_zone.",
    "b.",
    "_tcp.",
]
LEFT += ["_http._tcp.", "_dns._udp.", "_._tcp.", "http.tcp.", "_http._zone.", "x.y.z.", "_HTTP._TCP."]
SERVICES = ["web", "dual", "pair", "db", "mixed", "none", "twin", "away", "missing", "many", "named", "clash", "like"]
SERVICES += ["ported", "both", "long", "mapped"]
NAMES = st.tuples(
    st.sampled_from(LEFT),
    st.sampled_from(SERVICES),
    st.sampled_from(["shop", "elsewhere"]),
    st.sampled_from(["svc", "pod"]),
).map("{0[0]}{0[1]}.{0[2]}.{0[3]}.cluster.local".format)
ADDRESSES = (
    [f"{last}.0.96.10" for last in range(8)] + [f"{last}.0.0.10" for last in range(1, 6)] + ["0.0.10", "01.0.96.10"]
)
POINTERS = st.sampled_from([f"{address}.in-addr.arpa" for address in ADDRESSES])
CHOICES = st.builds(
    replace,
    st.just(OPTIONS),
    ignore_empty=st.booleans(),
    noendpoints=st.booleans(),
    endpoint_pod_names=st.booleans(),
    multicluster=st.sampled_from([frozenset(), frozenset(), frozenset({ZONE})]),
    families=st.sampled_from([OPTIONS.families, OPTIONS.families, frozenset({4})]),
    ptr=st.sampled_from(PtrPolicy),
    ede=st.sampled_from([True, True, False]),
    ttl=st.just(30),
)


def short(asked: Question, zone: Name, options: Options, *, told: bool = True) -> Brief | None:
    name = asked.folded
    if is_reverse(zone):
        address = address_of(name) if asked.type == RRType.PTR else None
        return shortcut.pointer(address, INDEX, options) if address is not None else None
    if not shortcut.is_short(zone, options):
        return None
    left = labels(name[: len(name) - len(zone)] + ROOT)
    return shortcut.service(name, left, asked.type, zone, INDEX, options, told=told)


def keys(asked: Question, zone: Name) -> frozenset[Hashable]:
    address = address_of(asked.folded)
    if address is not None:
        return shortcut.pointer_keys(address, INDEX)
    return shortcut.keys_of(labels(asked.folded[: len(asked.folded) - len(zone)] + ROOT), INDEX)


@given(
    about=st.tuples(NAMES, st.sampled_from(["A", "AAAA", "SRV", "PTR", "TXT"]), st.just(ZONE))
    | st.tuples(POINTERS, st.sampled_from(["PTR", "A"]), st.just(REVERSE)),
    options=CHOICES,
)
@settings(max_examples=1000, deadline=None)
def test_what_is_found_is_what_resolve_answers(about: tuple[str, str, Name], options: Options) -> None:
    name, type, zone = about
    found = short(question(name, type), zone, options)
    if found is None:
        return
    asked = question(name, type)
    whole = resolve(asked, zone, INDEX, options)
    assert (whole.rcode, whole.for_everyone, whole.zone) == (0, True, None)
    assert [rrset.rdatas for rrset in whole.answer] == ([tuple(found.rdatas)] if found.rdatas else [])
    assert all((rrset.owner, rrset.type, rrset.ttl) == (asked.name, asked.type, 30) for rrset in whole.answer)
    assert [(rrset.owner.lower(), rrset.type, rrset.rdatas) for rrset in whole.additional] == [
        ((before + asked.name[found.cut :]).lower(), {4: RRType.A, 16: RRType.AAAA}[len(address)], (address,))
        for before, address in found.glue
    ]
    assert whole.because.reason == found.reason
    assert whole.depends_on == keys(asked, zone)
    assert (whole.because.ede if options.ede else None) == found.ede
    assert short(asked, zone, options, told=False) == found._replace(ede=None)


@pytest.mark.parametrize(
    ("name", "type", "zone"),
    [
        ("web.shop.svc.cluster.local", "A", ZONE),
        ("WEB.shop.svc.cluster.local", "AAAA", ZONE),
        ("dual.shop.svc.cluster.local", "AAAA", ZONE),
        ("db.shop.svc.cluster.local", "A", ZONE),
        ("db.shop.svc.cluster.local", "AAAA", ZONE),
        ("_http._tcp.db.shop.svc.cluster.local", "SRV", ZONE),
        ("_http._tcp.many.shop.svc.cluster.local", "SRV", ZONE),
        ("_http._tcp.both.shop.svc.cluster.local", "SRV", ZONE),
        ("_http._tcp.dual.shop.svc.cluster.local", "SRV", ZONE),
        ("a.db.shop.svc.cluster.local", "A", ZONE),
        ("_http._tcp.web.shop.svc.cluster.local", "SRV", ZONE),
        ("_dns._udp.dual.shop.svc.cluster.local", "SRV", ZONE),
        ("1.0.96.10.in-addr.arpa", "PTR", REVERSE),
        ("1.0.0.10.in-addr.arpa", "PTR", REVERSE),
    ],
)
def test_what_is_asked_for_most_is_found(name: str, type: str, zone: Name) -> None:
    assert short(question(name, type), zone, OPTIONS) is not None
