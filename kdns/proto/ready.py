"""A reply as the bytes that go out, all but the two of its id.

One RRset may lie in the middle as a ring: any run of its records, begun anywhere, is one reply
more. So a round robin costs a slice, and a truncated reply shows every record in its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from struct import Struct

from kdns.proto.name import Name

_FLAGS = 2
_NAME_AT = 10
"""Where the question's name begins: behind the header, less the id."""


_QUESTION_REST = 4
_FIXED = Struct("!HHIH")
_TTL_AT = 4
_OPT = 41
_POINTER = 0xC0


def _name_size(wire: bytes, at: int) -> int:
    start = at
    while length := wire[at]:
        if length >= _POINTER:
            return at + 2 - start
        at += 1 + length
    return at + 1 - start


def _aged(records: bytes, at: int, seconds: int) -> bytes:
    """Records as we wrote them ourselves, from an offset on."""
    patched = bytearray(records)
    while at < len(records):
        at += _name_size(records, at)
        type, _, ttl, length = _FIXED.unpack_from(records, at)
        if type != _OPT:
            patched[at + _TTL_AT : at + _TTL_AT + 4] = max(0, ttl - seconds).to_bytes(4)
        at += _FIXED.size + length
    return bytes(patched)


@dataclass(frozen=True, slots=True)
class Ready:
    """`head` + `window` records of `ring` + `tail`.

    `cuts` are the offsets of the ring's records and of its end. `serial_at` is the offset in `head`
    of an SOA's serial, 0 where there is none. `truncated` tells that TC is set, `shrunk` that anything
    at all was left out for want of room: another client may have more; `authentic` that AD is shown to
    those who want it.
    """

    head: bytes
    ring: bytes = b""
    cuts: Sequence[int] = (0,)
    window: int = 0
    tail: bytes = b""
    serial_at: int = 0
    truncated: bool = False
    shrunk: bool = False
    authentic: bool = False

    def __len__(self) -> int:
        """Bytes of the reply that begins with the ring's first record, its id included."""
        return 2 + len(self.head) + self.cuts[self.window] + len(self.tail)

    @property
    def turns(self) -> int:
        """How many records take turns; 0 or 1 when every reply is the same."""
        return len(self.cuts) - 1

    @property
    def rcode(self) -> int:
        """The header's four bits of the rcode."""
        return self.head[1] & 15

    @property
    def flags(self) -> int:
        """The header's flags word, rcode included."""
        return int.from_bytes(self.head[:_FLAGS])

    def body(self, turn: int) -> bytes:
        """The reply behind its id, the ring begun at record `turn` (any number, taken modulo the ring)."""
        if not self.ring:
            return self.head + self.tail if self.tail else self.head
        first = turn % self.turns
        last = first + self.window
        if last <= self.turns:
            return self.head + self.ring[self.cuts[first] : self.cuts[last]] + self.tail
        wrapped = self.ring[: self.cuts[last - self.turns]]
        return self.head + self.ring[self.cuts[first] :] + wrapped + self.tail

    def asked_as(self, name: Name) -> Ready:
        """The same reply to a question that wrote its name in other letters (RFC 4343 §4.1: echo them)."""
        if self.head.startswith(name, _NAME_AT):
            return self
        return replace(self, head=self.head[:_NAME_AT] + name + self.head[_NAME_AT + len(name) :])

    def aged(self, seconds: int) -> Ready:
        """The same reply with every TTL lower by so many seconds, 0 at least; OPT has none."""
        first = _NAME_AT + _name_size(self.head, _NAME_AT) + _QUESTION_REST
        ring = _aged(self.ring, 0, seconds)
        return replace(self, head=_aged(self.head, first, seconds), ring=ring, tail=_aged(self.tail, 0, seconds))

    def with_serial(self, serial: int) -> Ready:
        """The same reply with another serial in its SOA."""
        at = self.serial_at
        if self.head.startswith(serial.to_bytes(4), at):
            return self
        return replace(self, head=self.head[:at] + serial.to_bytes(4) + self.head[at + 4 :])
