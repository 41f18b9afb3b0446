"""Resource records, held as RRsets: one owner, one type, one TTL (RFC 2181 §5), many rdata.

Rdata is its uncompressed wire form, so what a record says is bytes from the moment it is made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from kdns.proto.name import Name
from kdns.proto.reverse import Address
from kdns.proto.types import Class, RRType

_SRV = struct.Struct("!HHH").pack
_SOA = struct.Struct("!IIIII").pack


class RRset(NamedTuple):
    """The records of one owner and type. `ttl` in seconds; `rdatas` without duplicates, in the order of sending."""

    owner: Name
    type: int
    ttl: int
    rdatas: tuple[bytes, ...]
    klass: int = Class.IN


class Soa(NamedTuple):
    """The fields of an SOA record (RFC 1035 §3.3.13); times in seconds."""

    mname: Name
    rname: Name
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


SERIAL_FROM_END = 20
"""Where the serial begins in an SOA's rdata, counted from its end."""


def rrset(owner: Name, type: int, ttl: int, rdatas: Iterable[bytes]) -> RRset:
    """An RRset of these rdata, the first of each kept where one comes twice."""
    return RRset(owner, type, ttl, tuple(dict.fromkeys(rdatas)))


def addresses(owner: Name, ttl: int, of: Iterable[Address]) -> RRset:
    """A or AAAA records, by the length of the addresses (all of one family, at least one)."""
    rdatas = tuple(dict.fromkeys(of))
    return RRset(owner, RRType.A if len(rdatas[0]) == 4 else RRType.AAAA, ttl, rdatas)


def srv(priority: int, weight: int, port: int, target: Name) -> bytes:
    """Rdata of an SRV record (RFC 2782); its target is never compressed."""
    return _SRV(priority, weight, port) + target


def txt(*strings: bytes) -> bytes:
    """Rdata of a TXT record: strings of at most 255 bytes each (RFC 1035 §3.3.14)."""
    return b"".join([bytes((len(string),)) + string for string in strings])


def soa(fields: Soa) -> bytes:
    """Rdata of an SOA record."""
    return fields.mname + fields.rname + _SOA(*fields[2:])
