"""The short way to an answer leads to the one that `resolve` gives, or nowhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube import shortcut
from kdns.kube.index import Index
from kdns.kube.objects import Object, Port, Service, ServiceImport
from kdns.kube.options import Options, PtrPolicy
from kdns.kube.resolve import resolve
from kdns.kube.shortcut import Short
from kdns.proto.message import Question
from kdns.proto.name import Name
from kdns.proto.reverse import is_reverse, pack
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
    Service("shop", "away", external_name="web.shop.svc.cluster.local"),
    service("hidden", "10.96.0.6", namespace="elsewhere"),
    ServiceImport("shop", "web", (pack("10.97.0.1"),)),
]
INDEX = index_of(*OBJECTS)
LEFT = ["", "a.", "pod-1.", "10-0-0-1.", "10-0-0-3.", "fd00--3.", "10-0-0-5.", "_zone.", "b.", "_tcp."]
LEFT += ["_http._tcp.", "_dns._udp.", "_._tcp.", "http.tcp.", "_http._zone.", "x.y.z.", "_HTTP._TCP."]
SERVICES = ["web", "dual", "pair", "db", "mixed", "none", "twin", "away", "missing"]
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
    ttl=st.just(30),
)


def short(asked: Question, zone: Name, options: Options, index: Index = INDEX) -> Short | None:
    if is_reverse(zone):
        return shortcut.pointer(asked, index, options)
    return shortcut.service(asked, zone, index, options)


@given(
    asked=st.tuples(NAMES, st.sampled_from(["A", "AAAA", "SRV", "PTR", "TXT"]), st.just(ZONE))
    | st.tuples(POINTERS, st.sampled_from(["PTR", "A"]), st.just(REVERSE)),
    options=CHOICES,
)
@settings(max_examples=1000, deadline=None)
def test_what_is_found_is_what_resolve_answers(asked: tuple[str, str, Name], options: Options) -> None:
    name, type, zone = asked
    found = short(question(name, type), zone, options)
    if found is None:
        return
    whole = resolve(question(name, type), zone, INDEX, options)
    assert (whole.rcode, whole.for_everyone, whole.zone) == (0, True, None)
    assert whole.answer == (() if found.answer is None else (found.answer,))
    assert (whole.additional, whole.depends_on) == (found.additional, found.depends_on)
    assert whole.because.reason == found.because.reason
    assert whole.because.ede == (found.because.ede if found.answer is None else None)


@pytest.mark.parametrize(
    ("name", "type", "zone"),
    [
        ("web.shop.svc.cluster.local", "A", ZONE),
        ("WEB.shop.svc.cluster.local", "AAAA", ZONE),
        ("dual.shop.svc.cluster.local", "AAAA", ZONE),
        ("db.shop.svc.cluster.local", "A", ZONE),
        ("a.db.shop.svc.cluster.local", "A", ZONE),
        ("_http._tcp.web.shop.svc.cluster.local", "SRV", ZONE),
        ("_dns._udp.dual.shop.svc.cluster.local", "SRV", ZONE),
        ("1.0.96.10.in-addr.arpa", "PTR", REVERSE),
        ("1.0.0.10.in-addr.arpa", "PTR", REVERSE),
    ],
)
def test_what_is_asked_for_most_is_found(name: str, type: str, zone: Name) -> None:
    assert short(question(name, type), zone, OPTIONS) is not None
