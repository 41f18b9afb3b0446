"""Targets that are looked at by the column: those that are found one by one, or none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube.labels import endpoint_name
from kdns.kube.objects import Endpoint, Port
from kdns.kube.targets import targets
from kdns.proto.name import from_text
from kdns.proto.record import RRset, srv
from kdns.proto.reverse import pack
from kdns.proto.types import RRType
from tests.kube.known import HTTP, OPTIONS, SHOP, answer, endpoint, service, slice_of

OWNER = from_text("web.shop.svc.cluster.local")
TWO = (Port("http", 80), Port("dns", 53, "UDP"))
IPS = [pack(ip) for ip in ("10.0.0.1", "10.0.0.2", "192.168.255.9", "fd00::1", "fd00::", "::")]
READY = st.lists(
    st.builds(
        Endpoint,
        st.lists(st.sampled_from(IPS), min_size=1, max_size=2, unique=True).map(tuple)
        | st.sampled_from(IPS).map(lambda ip: (ip,)),
        st.sampled_from([HTTP, HTTP, TWO, (Port("HTTP", 80),), (Port("http", 81),), ()]),
        hostname=st.sampled_from(["", "", "a", "A", "b", "_tcp", "h" * 63, "h" * 64, "no.label"]),
        target=st.sampled_from(["", "pod-1", "Pod-1"]),
    ),
    min_size=1,
    max_size=5,
    unique=True,
)


@given(
    ready=READY,
    port=st.sampled_from(["http", "http", "dns", ""]),
    names=st.booleans(),
    families=st.sampled_from([OPTIONS.families, OPTIONS.families, frozenset({4})]),
)
@settings(max_examples=500)
def test_they_are_those_that_are_found_one_by_one(
    ready: list[Endpoint], port: str, names: bool, families: frozenset[int]
) -> None:
    options = replace(OPTIONS, endpoint_pod_names=names, families=families)
    found = targets(ready, port, "tcp", OWNER, options)
    if found is None:
        return
    expected = [
        (endpoint_name(each, address, OWNER, pod_names=names), address) for each in ready for address in each.addresses
    ]
    heads = [head + OWNER for head in found.heads]
    assert list(zip(heads, found.addresses, strict=True)) == expected
    assert sorted(found.labels) == sorted({head[1:].lower() for head in found.heads})
    assert len(found.labels) == len(found.heads)
    assert {each.port for end in ready for each in end.ports if each.name.lower() == port} == {found.port}
    assert {len(address) for address in found.addresses} <= families


@pytest.mark.parametrize(
    ("ready", "owner"),
    [
        pytest.param([], OWNER, id="none"),
        pytest.param([endpoint("10.0.0.1", "10.0.0.2")], OWNER, id="several addresses"),
        pytest.param([endpoint("10.0.0.1"), endpoint("10.0.0.2", ports=(Port("http", 81),))], OWNER, id="other ports"),
        pytest.param([endpoint("10.0.0.1"), endpoint("10.0.0.2", ports=())], OWNER, id="one without the port"),
        pytest.param([endpoint("10.0.0.1", ports=(*HTTP, Port("HTTP", 81)))], OWNER, id="two ports of a name"),
        pytest.param([endpoint("10.0.0.1", hostname="a"), endpoint("10.0.0.2", hostname="A")], OWNER, id="one name"),
        pytest.param([endpoint("10.0.0.1", cluster="east")], OWNER, id="another cluster's"),
        pytest.param([endpoint("10.0.0.1")], from_text(".".join(["a" * 63] * 3)), id="a long name"),
    ],
)
def test_what_is_not_as_usual_is_left_to_others(ready: list[Endpoint], owner: bytes) -> None:
    assert targets(ready, "http", "tcp", owner, OPTIONS) is None


def test_a_family_that_is_not_shown_is_left_to_others() -> None:
    assert targets([endpoint("fd00::1")], "http", "tcp", OWNER, replace(OPTIONS, families=frozenset({4}))) is None


@pytest.mark.parametrize("names", [False, True], ids=["by address", "by Pod"])
def test_a_thousand_are_answered_one_by_one_or_not(names: bool) -> None:
    ends = [endpoint(f"10.0.{n >> 8}.{n & 255}", target=f"pod-{n}") for n in range(1000)]
    asked = "_http._tcp.web.shop.svc.cluster.local"
    found = answer(asked, "SRV", SHOP, service(), slice_of(*ends), endpoint_pod_names=names)
    known = [(endpoint_name(each, each.addresses[0], OWNER, pod_names=names) or b"", each.addresses) for each in ends]
    rdatas = tuple(srv(0, 1, 80, target) for target, _ in known)
    assert found.answer == (RRset(from_text(asked), RRType.SRV, 5, rdatas),)
    assert found.additional == tuple(RRset(target, RRType.A, 5, ips) for target, ips in known)
