"""What endpoints, ports and Services are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.labels import (
    dashed,
    dashed_all,
    endpoint_label,
    endpoint_name,
    labelled,
    port_name,
    service_name,
)
from kdns.kube.objects import Endpoint, Port
from kdns.kube.pods import undashed
from kdns.proto.name import MAX_LABEL, MAX_NAME, Name, from_text, labels, to_text
from kdns.proto.reverse import pack
from tests.kube.known import ZONE, service

WEB = from_text("web.shop.svc.cluster.local")
IP = pack("10.244.0.1")


@pytest.mark.parametrize(
    ("ip", "label"),
    [
        ("10.244.0.1", "10-244-0-1"),
        ("0.0.0.0", "0-0-0-0"),
        ("fd00:10:244::1:2", "fd00-10-244--1-2"),
        ("fd00:10:244:1::", "fd00-10-244-1--0"),
        ("::", "--0"),
        ("::1", "--1"),
        ("1:2:3:4:5:6:7:8", "1-2-3-4-5-6-7-8"),
    ],
)
def test_an_address_is_a_label_with_dashes(ip: str, label: str) -> None:
    assert dashed(pack(ip)) == label


def is_written_with_dots(address: bytes) -> bool:
    """Of IPv6, those that hold an IPv4 address (RFC 5952 §5)."""
    return address[:10] == bytes(10) and address[10:12] in {bytes(2), b"\xff\xff"}


IPV6 = st.binary(min_size=16, max_size=16).filter(lambda address: not is_written_with_dots(address))


@given(st.binary(min_size=4, max_size=4) | IPV6)
def test_a_dashed_address_is_a_label_that_can_be_read_back(address: bytes) -> None:
    label = dashed(address)
    assert undashed(label) == address
    assert not label.endswith("-")
    assert len(label) <= MAX_LABEL


@pytest.mark.parametrize(
    ("hostname", "target", "pod_names", "label"),
    [
        ("db-0", "db-abc", True, "db-0"),
        ("db-0", "db-abc", False, "db-0"),
        ("", "db-abc", True, "db-abc"),
        ("", "db-abc", False, "10-244-0-1"),
        ("", "", True, "10-244-0-1"),
        ("h" * 63, "", False, "h" * 63),
        ("h" * 64, "", False, "10-244-0-1"),
        ("h" * 64, "db-abc", True, "db-abc"),
        ("é", "", False, "10-244-0-1"),
        ("a.b", "", False, "10-244-0-1"),
        ("", "p" * 64, True, "10-244-0-1"),
        ("", "a.b", True, "10-244-0-1"),
        ("WEB-3", "", False, "WEB-3"),
    ],
)
def test_an_endpoint_is_called_by_its_hostname_else_its_pod_else_its_address(
    hostname: str, target: str, pod_names: bool, label: str
) -> None:
    assert endpoint_label(Endpoint((IP,), hostname=hostname, target=target), IP, pod_names=pod_names) == label


@pytest.mark.parametrize(
    ("cluster", "name"),
    [("", "a.web.shop.svc.cluster.local."), ("East", "a.East.web.shop.svc.cluster.local.")],
)
def test_an_endpoint_of_another_cluster_has_that_in_its_name(cluster: str, name: str) -> None:
    found = endpoint_name(Endpoint((IP,), hostname="a", cluster=cluster), IP, WEB, pod_names=False)
    assert found is not None
    assert to_text(found) == name


def of_length(octets: int) -> Name:
    """A name of so many octets, with labels of at most 50."""
    left, parts = octets - 1, []
    while left:
        taken = min(51, left if left != 52 else 50)
        parts.append(bytes((taken - 1,)) + b"x" * (taken - 1))
        left -= taken
    return b"".join(parts) + b"\0"


@pytest.mark.parametrize(
    ("room", "label"),
    [(1 + MAX_LABEL, b"h" * MAX_LABEL), (MAX_LABEL, b"10-244-0-1"), (11, b"10-244-0-1"), (10, None), (0, None)],
)
def test_a_name_that_would_be_too_long_has_the_address_if_that_fits(room: int, label: bytes | None) -> None:
    below = of_length(MAX_NAME - room)
    found = endpoint_name(Endpoint((IP,), hostname="h" * MAX_LABEL), IP, below, pod_names=False)
    assert (found and labels(found)[0]) == label
    assert found is None or len(found) <= MAX_NAME


def test_a_service_keeps_its_letters() -> None:
    assert to_text(service_name(service("Web", namespace="Shop"), ZONE)) == "Web.Shop.svc.cluster.local."


@pytest.mark.parametrize(
    ("port", "name"),
    [
        (Port("http", 80), "_http._tcp.web.shop.svc.cluster.local."),
        (Port("Sip", 5060, "UDP"), "_Sip._udp.web.shop.svc.cluster.local."),
        (Port("", 80), None),
        (Port("p" * 63, 80), None),
    ],
)
def test_a_port_has_a_name_if_its_own_is_one(port: Port, name: str | None) -> None:
    found = port_name(port, WEB)
    assert (found and to_text(found)) == name


@given(st.lists(st.binary(min_size=4, max_size=4)))
def test_many_addresses_have_the_labels_that_each_has(addresses: list[bytes]) -> None:
    assert dashed_all(b"".join(addresses)) == [dashed(address).encode() for address in addresses]


@given(st.binary(min_size=4, max_size=4))
def test_the_label_of_an_address_of_ipv4_leads_back_to_it(address: bytes) -> None:
    assert labelled(dashed(address)) == address


@pytest.mark.parametrize(
    "label",
    [
        "",
        "a",
        "10",
        "10-0-1",
        "10-0-0-01",
        "10-0-0-256",
        "10-0-0-1-",
        "-10-0-0-1",
        "10.0.0.1",
        "10-0-0-1\0",
        "0x0a-0-0-1",
        "fd00--1",
        "--",
        "10-0-0-\xe9",
        "1 0-0-0-1",
        "10-0-0-1 x",
    ],
)
def test_what_is_no_label_of_ipv4_leads_nowhere(label: str) -> None:
    assert labelled(label) is None
