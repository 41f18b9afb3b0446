from __future__ import annotations

import ipaddress

import dns.reversename
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.name import from_labels, from_text, labels, longest, to_text
from kdns.proto.reverse import (
    address_below,
    address_of,
    is_reverse,
    pack,
    prefix_of,
    reverse_name,
    reverse_zones,
    unpack,
)

ADDRESSES = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
NIBBLES = "8.b.d.0.1.0.0.2.ip6.arpa."


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1", b"\x0a\0\0\1"),
        ("255.255.255.255", b"\xff\xff\xff\xff"),
        ("2001:db8::1", bytes.fromhex("20010db8000000000000000000000001")),
        ("::", bytes(16)),
        ("::ffff:10.0.0.1", bytes(10) + b"\xff\xff\x0a\0\0\1"),
    ],
)
def test_an_address_packs_and_unpacks(text: str, address: bytes) -> None:
    assert pack(text) == address
    assert unpack(address) == text


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "10.0.0.01", "1:2", "example.org", "10.0.0.1 "])
def test_what_is_no_address_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        pack(text)


@given(ADDRESSES)
def test_the_reverse_name_is_dnspython_s_and_leads_back(address: bytes) -> None:
    name = reverse_name(address)
    text = str(ipaddress.ip_address(address))
    assert name == dns.reversename.from_address(str(ipaddress.ip_address(address).exploded)).to_wire()
    assert to_text(name) == ipaddress.ip_address(text).reverse_pointer + "."
    assert address_of(name) == address
    assert is_reverse(name)


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("in-addr.arpa.", (4, b"")),
        ("10.in-addr.arpa.", (4, b"\x0a")),
        ("0.10.in-addr.arpa.", (4, b"\x0a\0")),
        ("1.0.0.10.in-addr.arpa.", (4, b"\x0a\0\0\1")),
        ("255.255.255.255.in-addr.arpa.", (4, b"\xff\xff\xff\xff")),
        ("5.1.0.0.10.in-addr.arpa.", None),
        ("01.0.0.10.in-addr.arpa.", None),
        ("256.0.0.10.in-addr.arpa.", None),
        ("0000.0.0.10.in-addr.arpa.", None),
        ("-1.0.0.10.in-addr.arpa.", None),
        ("x.0.0.10.in-addr.arpa.", None),
        ("x.1.0.0.10.in-addr.arpa.", None),
        ("0/25.0.0.10.in-addr.arpa.", None),
        ("ip6.arpa.", (6, b"")),
        ("2.ip6.arpa.", (6, b"\2")),
        (NIBBLES, (6, bytes((2, 0, 0, 1, 0, 13, 11, 8)))),
        ("g.ip6.arpa.", None),
        ("20.ip6.arpa.", None),
        ("0." * 33 + "ip6.arpa.", None),
        ("arpa.", None),
        ("example.org.", None),
        (".", None),
        ("xin-addr.arpa.", None),
        ("1.xip6.arpa.", None),
    ],
)
def test_a_name_says_the_leading_parts_of_an_address(text: str, prefix: tuple[int, bytes] | None) -> None:
    assert prefix_of(from_text(text)) == prefix


@pytest.mark.parametrize(
    ("text", "whether"),
    [
        ("in-addr.arpa.", True),
        ("x.y.ip6.arpa.", True),
        ("arpa.", False),
        ("1.0.0.10.in-addr.arpa.example.", False),
    ],
)
def test_the_reverse_trees_are_known(text: str, whether: bool) -> None:
    assert is_reverse(from_text(text)) is whether


@pytest.mark.parametrize("text", ["in-addr.arpa.", "0.0.10.in-addr.arpa.", NIBBLES, "example.org."])
def test_only_a_whole_address_is_one(text: str) -> None:
    assert address_of(from_text(text)) is None


@pytest.mark.parametrize(
    ("cidr", "zones"),
    [
        ("0.0.0.0/0", ["in-addr.arpa."]),
        ("10.0.0.0/8", ["10.in-addr.arpa."]),
        ("10.96.0.0/15", ["96.10.in-addr.arpa.", "97.10.in-addr.arpa."]),
        ("10.96.0.0/16", ["96.10.in-addr.arpa."]),
        ("10.0.1.0/24", ["1.0.10.in-addr.arpa."]),
        ("10.0.1.254/31", ["254.1.0.10.in-addr.arpa.", "255.1.0.10.in-addr.arpa."]),
        ("10.0.1.7", ["7.1.0.10.in-addr.arpa."]),
        ("::/0", ["ip6.arpa."]),
        ("2001:db8::/32", [NIBBLES]),
        ("2001:db8::/31", [NIBBLES, "9" + NIBBLES[1:]]),
    ],
)
def test_a_cidr_is_covered_by_zones_on_label_boundaries(cidr: str, zones: list[str]) -> None:
    assert [to_text(zone) for zone in reverse_zones(cidr)] == zones


@pytest.mark.parametrize("cidr", ["10.0.0.1/8", "2001:db8::1/32", "10.0.0.0/33", "example.org", ""])
def test_what_is_no_cidr_is_a_value_error(cidr: str) -> None:
    with pytest.raises(ValueError, match=r"host bits set|does not appear to be"):
        reverse_zones(cidr)


@given(ADDRESSES, st.integers(0, 128), ADDRESSES)
def test_the_zones_of_a_cidr_hold_its_addresses_and_no_others(address: bytes, length: int, other: bytes) -> None:
    network = ipaddress.ip_network((address, min(length, len(address) * 8)), strict=False)
    zones = {zone: zone for zone in reverse_zones(str(network))}
    assert longest(reverse_name(address), zones) is not None
    inside = len(other) == len(address) and ipaddress.ip_address(other) in network
    assert (longest(reverse_name(other), zones) is not None) is inside


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16), st.integers(0, 40))
def test_an_address_is_read_below_any_zone_that_has_its_first_parts(address: bytes, cut: int) -> None:
    name = reverse_name(address)
    left = labels(name)[:-2]
    cut %= len(left) + 1
    family, parts = prefix_of(from_labels(labels(name)[len(left) - cut :])) or (0, b"")
    assert address_below(left[: len(left) - cut], family, parts) == address


@pytest.mark.parametrize(
    ("left", "family", "parts"),
    [
        pytest.param([b"1", b"0", b"10"], 4, b"", id="too few octets"),
        pytest.param([b"1", b"0", b"0", b"10"], 4, b"\x0a", id="too many"),
        pytest.param([b"01", b"0", b"0", b"10"], 4, b"", id="a zero before"),
        pytest.param([b"256", b"0", b"0", b"10"], 4, b"", id="no octet"),
        pytest.param([b"f"] * 31, 6, b"", id="too few digits"),
        pytest.param([b"f"] * 31 + [b"g"], 6, b"", id="no digit"),
        pytest.param([b"f"] * 30 + [b"ff"], 6, b"", id="two digits"),
        pytest.param([b"f"] * 31 + [b"F"], 6, b"", id="a capital"),
    ],
)
def test_what_is_no_address_below_a_zone_is_none(left: list[bytes], family: int, parts: bytes) -> None:
    assert address_below(left, family, parts) is None
