"""Responses and what is kept of them, for these tests."""

from __future__ import annotations

from kdns.caching.held import Held, Key
from kdns.caching.kind import Kind
from kdns.chain import Response
from kdns.proto.record import RRset, addresses
from kdns.proto.reverse import pack
from kdns.proto.types import RRType


def key(number: int) -> Key:
    """The key of a name like no other."""
    return Key(b"\x08" + number.to_bytes(8) + b"\x04test\0", RRType.A, 1, do=False, cd=False)


def address_of(number: int, ttl: int = 60) -> RRset:
    """An address for the name of `key`."""
    return addresses(key(number).name, ttl, [pack(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")])


def keep(
    number: int = 0,
    kind: Kind = Kind.SUCCESS,
    *,
    now: float = 1000.0,
    life: float = 60.0,
    stale: float = 0.0,
    depends_on: frozenset[object] = frozenset(),
) -> Held:
    """An answer for the name of `key`."""
    return Held(Response(answer=(address_of(number),)), kind, now, life, stale, frozenset(depends_on))
