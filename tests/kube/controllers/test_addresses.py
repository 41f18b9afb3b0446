from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.control import Network
from kdns.kube.controllers.addresses import Address, Key, Range, parsed, placed, service_range

SMALL = ip_network("10.9.0.0/27")
KEYS = st.lists(st.tuples(st.text("abc", max_size=3), st.text("abc", max_size=3)), unique=True, max_size=40)
NETWORKS = st.sampled_from(["10.9.0.0/27", "10.9.0.0/28", "10.9.0.0/24", "fd00::/64", "fd00::/123"])


def offsets(network: Network, addresses: list[Address]) -> list[int]:
    return [int(address) - int(network.network_address) for address in addresses]


@pytest.mark.parametrize(
    ("network", "band"),
    [
        pytest.param("10.96.0.0/16", 256, id="never more than 256"),
        pytest.param("10.96.0.0/20", 256, id="/20: a 16th is 256"),
        pytest.param("10.96.0.0/22", 64, id="/22: a 16th"),
        pytest.param("10.96.0.0/24", 16, id="/24: never less than 16"),
        pytest.param("10.96.0.0/27", 16, id="/27"),
        pytest.param("10.96.0.0/28", 0, id="/28: too small for one"),
        pytest.param("fd00::/112", 256, id="IPv6"),
        pytest.param("fd00::/64", 256, id="IPv6, huge"),
    ],
)
def test_the_static_band_is_that_of_kep_3070(network: str, band: int) -> None:
    assert service_range(ip_network(network)).band == band


@pytest.mark.parametrize(
    ("network", "first"),
    [
        pytest.param("10.96.0.0/16", "10.96.0.1", id="IPv4"),
        pytest.param("fd00:10:96::/112", "fd00:10:96::1", id="IPv6"),
        pytest.param("10.96.0.0/30", "10.96.0.1", id="/30"),
        pytest.param("10.96.0.0/31", None, id="/31: the network and its broadcast address"),
        pytest.param("10.96.0.0/32", None, id="/32"),
        pytest.param("fd00::/127", "fd00::1", id="/127"),
        pytest.param("fd00::/128", None, id="/128"),
    ],
)
def test_the_first_usable_address_is_not_the_networks_own(network: str, first: str | None) -> None:
    assert Range(ip_network(network)).first == (parsed(first) if first else None)


@pytest.mark.parametrize(
    ("network", "usable"),
    [
        pytest.param("10.9.0.0/27", range(2, 31), id="not the broadcast address"),
        pytest.param("fd00::/123", range(2, 32), id="IPv6 has none"),
        pytest.param("10.9.0.0/30", range(2, 3), id="one"),
        pytest.param("10.9.0.0/31", range(0), id="none"),
        pytest.param("10.9.0.0/32", range(0), id="none at all"),
        pytest.param("fd00::/128", range(0), id="none of IPv6"),
    ],
)
@pytest.mark.parametrize("band", [0, 16])
def test_a_range_gives_all_its_addresses_but_the_first_and_the_ends(network: str, usable: range, band: int) -> None:
    keys = [("key", str(number)) for number in range(50)]
    found = Range(ip_network(network), band).place(keys, ())
    assert sorted(offsets(ip_network(network), list(found.values()))) == list(usable)


def test_the_band_is_given_when_the_rest_is_full() -> None:
    keys: list[Key] = [(str(number),) for number in range(29)]
    range_ = service_range(SMALL)
    high = range_.place(keys[:14], ())
    assert sorted(offsets(SMALL, list(high.values()))) == list(range(17, 31))
    more = range_.place(keys[:16], ())
    assert sum(offset <= 16 for offset in offsets(SMALL, list(more.values()))) == 2


def test_an_address_is_the_same_at_each_start() -> None:
    # Written down once: people put them into files of their own.
    found = service_range(ip_network("10.96.0.0/16")).place([("IPv4", "shop", "web")], ())
    assert found == {("IPv4", "shop", "web"): ip_address("10.96.184.143")}


def test_a_second_range_is_used_when_the_first_is_full() -> None:
    ranges = [Range(ip_network("10.9.0.0/30")), Range(ip_network("10.9.1.0/30"))]
    keys = [("a",), ("b",), ("c",)]
    found = placed(ranges, keys, ())
    assert {str(address) for address in found.values()} == {"10.9.0.2", "10.9.1.2"}


def test_overlapping_ranges_do_not_give_an_address_twice() -> None:
    ranges = [Range(ip_network("10.9.0.0/29")), Range(ip_network("10.9.0.0/28"))]
    keys: list[Key] = [(str(number),) for number in range(13)]
    assert len(set(placed(ranges, keys, ()).values())) == 13


@given(NETWORKS, KEYS, st.sets(st.integers(0, 31)), st.booleans())
def test_no_address_is_given_twice_or_when_it_is_taken(
    text: str, keys: list[Key], taken_offsets: set[int], banded: bool
) -> None:
    network = ip_network(text)
    taken = {network[offset] for offset in taken_offsets if offset < network.num_addresses}
    range_ = service_range(network) if banded else Range(network)
    found = range_.place(keys, taken)
    given_out = list(found.values())
    assert len(set(given_out)) == len(given_out)
    assert not taken & set(given_out)
    assert all(address in network for address in given_out)
    last = network.num_addresses - (2 if network.version == 4 else 1)
    room = (last - 1) - len({offset for offset in taken_offsets if 2 <= offset <= last})
    assert len(given_out) == min(len(keys), max(room, 0))


@given(NETWORKS, KEYS.flatmap(lambda keys: st.tuples(st.just(keys), st.permutations(keys))))
def test_the_order_of_the_keys_does_not_matter(text: str, orders: tuple[list[Key], list[Key]]) -> None:
    one, other = (Range(ip_network(text)).place(keys, ()) for keys in orders)
    assert one == other


@given(KEYS, st.tuples(st.just("new"), st.text("abc", max_size=3)), st.sets(st.integers(0, 255)))
def test_a_newcomer_moves_only_who_has_its_home_or_is_away_from_home(
    keys: list[Key], newcomer: Key, taken_offsets: set[int]
) -> None:
    network = ip_network("10.9.0.0/24")
    taken = {network[offset] for offset in taken_offsets if offset % 2}
    range_ = Range(network)
    home = {key: range_.place([key], ())[key] for key in [*keys, newcomer]}
    before = range_.place(keys, taken)
    after = range_.place([*keys, newcomer], taken)
    for key, address in before.items():
        if address == home[key] != home[newcomer]:
            assert after[key] == address


@given(KEYS, st.sampled_from(["10.9.0.0/16", "fd00::/64"]))
def test_in_a_wide_range_a_newcomer_moves_nobody(keys: list[Key], text: str) -> None:
    range_ = Range(ip_network(text))
    before = range_.place(keys, ())
    after = range_.place([*keys, ("", "newcomer")], ())
    moved = [key for key in before if after[key] != before[key]]
    assert moved == []


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "None", "10.0.0.1/32", "fd00:::1"])
def test_a_text_that_is_no_address_is_none(text: str) -> None:
    assert parsed(text) is None
