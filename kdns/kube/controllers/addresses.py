"""Addresses out of ranges, the same ones at each start.

Every key has a home in its range, by a hash of the key alone. A key whose home is taken, by an
address that a document gives or by a key that precedes it, is sent on to the next free address
when all others are at home. So, as long as the range has room, a key that comes or goes sends away
from home, or back, none but a key with the very same home; beyond that only keys that are sent on
themselves may move.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from kdns.kube.control import Network
from kdns.kube.controllers.names import number

Address = IPv4Address | IPv6Address
Key = tuple[str, ...]


class Family(StrEnum):
    """The families, by the names of `ipFamilies` and of a slice's `addressType`."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"


def family_of(what: Address | Network) -> Family:
    """The family of an address or a range."""
    return Family.IPV4 if what.version == 4 else Family.IPV6


@lru_cache(maxsize=65536)
def parsed(text: str) -> Address | None:
    """An address in presentation format, None for a text that is none."""
    try:
        return ip_address(text)
    except ValueError:
        return None


class _Stretch(NamedTuple):
    """Offsets in a range, both ends included; empty where `last` is less than `first`."""

    first: int
    last: int


class Range(NamedTuple):
    """A range; the first `band` usable addresses are given only when the rest is full."""

    network: Network
    band: int = 0

    @property
    def first(self) -> Address | None:
        """The first usable address: not the network's own. Never given to a key; None if there is none."""
        return self.network[1] if self._last >= 1 else None

    @property
    def _last(self) -> int:
        # An IPv4 range ends in its broadcast address.
        return self.network.num_addresses - (2 if self.network.version == 4 else 1)

    @property
    def _stretches(self) -> tuple[_Stretch, _Stretch]:
        low = max(self.band, 1)
        return _Stretch(low + 1, self._last), _Stretch(2, min(low, self._last))

    def place(self, keys: Iterable[Key], taken: Collection[Address]) -> dict[Key, Address]:
        """An address for each key, none taken and none given twice; keys are missing if it is full."""
        start = int(self.network.network_address)
        used = {int(address) - start for address in taken if address in self.network}
        found: dict[Key, int] = {}
        waiting = sorted(set(keys))
        for stretch in self._stretches:
            found |= _filled(stretch, waiting, used)
            waiting = [key for key in waiting if key not in found]
        return {key: self.network[offset] for key, offset in found.items()}


def service_range(network: Network) -> Range:
    """A range of cluster IPs, whose low part is for addresses that people choose (KEP-3070)."""
    size = network.num_addresses
    return Range(network, 0 if size <= 16 else min(max(16, size // 16), 256))


def placed(ranges: Iterable[Range], keys: Iterable[Key], taken: Collection[Address]) -> dict[Key, Address]:
    """The same out of several ranges, the next where one is full."""
    found: dict[Key, Address] = {}
    waiting = set(keys)
    for each in ranges:
        found |= each.place(waiting - found.keys(), {*taken, *found.values()})
    return found


def _filled(stretch: _Stretch, keys: list[Key], used: set[int]) -> dict[Key, int]:
    """Offsets of a stretch for as many of the keys as it has room for; adds them to the used ones."""
    first, last = stretch
    size = last - first + 1
    free = size - sum(first <= offset <= last for offset in used)
    found: dict[Key, int] = {}
    sent_on: dict[Key, int] = {}
    for key in keys[: max(free, 0)]:
        home = first + number(*key) % size
        (sent_on if home in used else found)[key] = home
        used.add(home)
    for key, home in sent_on.items():
        offset = home
        while offset in used:
            offset = offset + 1 if offset < last else first
        used.add(offset)
        found[key] = offset
    return found
