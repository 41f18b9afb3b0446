"""The records of an answer about a Service, as `encode` writes them, in a fraction of its time.

That is what most questions about a cluster get: addresses, a pointer, or ports with their targets' addresses. All
owners are the question's name, one above it, or a label before one above it, and nothing else is compressed. So
each pointer follows from the length of what was asked, and a record is a few pieces one behind the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from kdns.proto.message import Ede
from kdns.proto.types import Class, RRType

_FIXED = Struct("!HHHI").pack
_REST = Struct("!HHIH").pack
_TO_QUESTION = 0xC00C
_SIZES = [size.to_bytes(2) for size in range(512)]
"""Of rdata: that of SRV has a name and six bytes more."""
_LEAST = 16
"""Bytes of a record with an address: so many of them at least."""
_FAMILIES = {4: RRType.A, 16: RRType.AAAA}


class Brief(NamedTuple):
    """What is answered to a question, with NOERROR, in class IN and with one TTL.

    `rdatas` are those at the question's name, each once; none where there is no data, and `ede` may say why. Of
    SRV `glue` are the targets' addresses, each with what its owner has before the name that lies `cut` bytes behind
    the beginning of the question's: a label with its length, or nothing. All those owners, in folded letters, are
    different names (or have addresses of different families), and none is one that the question's is at or below,
    but for that name itself. `reason` is one of the holder's own, who counts by it.
    """

    reason: str
    rdatas: Sequence[bytes]
    glue: Sequence[tuple[bytes, bytes]] = ()
    cut: int = 0
    ede: Ede | None = None


class Pen:
    """Writes records of one type and TTL, in seconds."""

    def __init__(self, type: int, ttl: int) -> None:
        self._start = _FIXED(_TO_QUESTION, type, Class.IN, ttl)
        self._rest = {size: _REST(family, Class.IN, ttl, size) for size, family in _FAMILIES.items()}

    def one(self, rdata: bytes) -> bytes:
        """The record at the question's name."""
        return self._start + _SIZES[len(rdata)] + rdata

    def records(self, rdatas: Iterable[bytes]) -> list[bytes]:
        """Those at the question's name."""
        start, sizes = self._start, _SIZES
        return [start + sizes[len(rdata)] + rdata for rdata in rdatas]

    def glue(self, brief: Brief, room: int) -> list[bytes]:
        """The records of the targets' addresses, from the first, as far as they fit into so many bytes."""
        pointer, rest = (_TO_QUESTION + brief.cut).to_bytes(2), self._rest
        some = brief.glue[: room // _LEAST]
        records = [before + pointer + rest[len(address)] + address for before, address in some]
        if sum(map(len, records)) <= room:
            return records
        return records[: bisect_right(list(accumulate(map(len, records))), room)]
