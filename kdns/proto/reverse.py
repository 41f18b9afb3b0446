"""Addresses and their names under in-addr.arpa (RFC 1035 §3.5) and ip6.arpa (RFC 3596 §2.5).

An address is its network-order bytes: 4 of them or 16.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from socket import inet_ntoa

from kdns.proto.name import Name, from_labels, from_text, is_at_or_below, labels

IN_ADDR = from_text("in-addr.arpa.")
IP6 = from_text("ip6.arpa.")

Address = bytes
"""4 or 16 bytes in network order."""


def pack(text: str) -> Address:
    """The bytes of an address in presentation format. Raises ValueError."""
    return ipaddress.ip_address(text).packed


def unpack(address: Address) -> str:
    """Presentation format; IPv6 as RFC 5952 shortens it."""
    return inet_ntoa(address) if len(address) == 4 else socket.inet_ntop(socket.AF_INET6, address)


_VALUES = {b"%d" % value: value for value in range(256)}
"""The labels of octets: decimal, without zeros before them."""
_DIGITS = {b"%x" % value: value for value in range(16)}


def reverse_name(address: Address) -> Name:
    """The owner of an address's PTR record."""
    if len(address) == 4:
        return from_labels([b"%d" % octet for octet in reversed(address)], IN_ADDR)
    return from_labels([bytes((digit,)) for digit in reversed(address.hex().encode())], IP6)


def is_reverse(name: Name) -> bool:
    """Whether a folded name lies in one of the two reverse trees."""
    return is_at_or_below(name, IN_ADDR) or is_at_or_below(name, IP6)


def prefix_of(name: Name) -> tuple[int, bytes] | None:
    """What a folded name of the reverse trees says: the family (4 or 6) and the leading parts of an address.

    The parts are octets for IPv4 and hexadecimal digits (as bytes 0 to 15) for IPv6; a whole address
    has 4 or 32 of them, a name between (an empty non-terminal) fewer. None when the labels are no
    parts of an address: too many, out of range, not in canonical form (`01`, `A0`).
    """
    if is_at_or_below(name, IN_ADDR):
        parts = _octets(labels(name)[-3::-1])
        return None if parts is None or len(parts) > 4 else (4, parts)
    if is_at_or_below(name, IP6):
        parts = _digits(labels(name)[-3::-1])
        return None if parts is None or len(parts) > 32 else (6, parts)
    return None


def address_of(name: Name) -> Address | None:
    """The address whose PTR owner a folded name is, or None."""
    family, parts = prefix_of(name) or (0, b"")
    if family == 4:
        return parts if len(parts) == 4 else None
    if len(parts) != 32:
        return None
    return bytes(high << 4 | low for high, low in zip(parts[::2], parts[1::2], strict=True))


def address_below(left: Sequence[bytes], family: int, parts: bytes) -> Address | None:
    """The same of a name by its folded labels before a zone, which has these parts (`prefix_of`)."""
    try:
        if family == 4:
            address = parts + bytes([_VALUES[label] for label in reversed(left)])
            return address if len(address) == 4 else None
        digits = parts + bytes([_DIGITS[label] for label in reversed(left)])
    except KeyError:
        return None
    return bytes.fromhex(digits.hex()[1::2]) if len(digits) == 32 else None


def _octets(parts: tuple[bytes, ...]) -> bytes | None:
    try:
        return bytes([_VALUES[part] for part in parts])
    except KeyError:
        return None


def _digits(parts: tuple[bytes, ...]) -> bytes | None:
    if any(len(part) != 1 or part not in b"0123456789abcdef" for part in parts):
        return None
    return bytes(int(part, 16) for part in parts)


def reverse_zones(cidr: str) -> tuple[Name, ...]:
    """The reverse zones that cover a CIDR: one on a label boundary, else as many as it takes (RFC 2317's trouble).

    `10.96.0.0/12` becomes 16 zones of a /16 each. Raises ValueError for what is no CIDR or has host bits set.
    """
    network = ipaddress.ip_network(cidr)
    step = 8 if network.version == 4 else 4
    whole = -(-network.prefixlen // step) * step
    return tuple(_zone(subnet, step) for subnet in network.subnets(new_prefix=whole))


def _zone(network: ipaddress.IPv4Network | ipaddress.IPv6Network, step: int) -> Name:
    name = reverse_name(network.network_address.packed)
    skip = (network.max_prefixlen - network.prefixlen) // step
    return from_labels(labels(name)[skip:])
