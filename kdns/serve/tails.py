"""An SOA in the authority section of many replies: written once for each length of a question."""

from __future__ import annotations

from kdns.proto.encode import LARGEST, encode
from kdns.proto.message import Message, Question, Reply
from kdns.proto.name import MAX_LABEL, Name
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.types import Class, RRType

HEAD = 10
"""Bytes of a header behind its id."""
_QUESTION_REST = 4


class Tails:
    """What follows the question in replies with the same SOA: it depends on the question's length alone.

    The SOA's names are written as pointers into the question's, or behind the question.
    """

    def __init__(self, soa: RRset) -> None:
        self._soa = soa
        self._serial = 0
        self._made: dict[int, bytes] = {}

    def of(self, size: int, serial: int) -> bytes:
        """For a question of so many bytes, type and class included."""
        if serial != self._serial:
            self._serial, self._soa, self._made = serial, with_serial(self._soa, serial), {}
        tail = self._made.get(size)
        if tail is None:
            tail = self._made[size] = self._make(size)
        return tail

    def _make(self, size: int) -> bytes:
        name = _of_size(size - _QUESTION_REST, self._soa.owner)
        message = Message(0, 0, Question(name, name, RRType.A, Class.IN), None, 0)
        return encode(message, Reply(authority=(self._soa,)), LARGEST).body(0)[HEAD + size :]


def _of_size(size: int, zone: Name) -> Name:
    """A name in a zone of so many bytes, in octets that no SOA's name has."""
    left, name = size - len(zone), zone
    while left:
        take = min(left, 1 + MAX_LABEL)
        take -= left - take == 1  # one byte is no label
        name = bytes((take - 1,)) + bytes(take - 1) + name
        left -= take
    return name


def with_serial(soa: RRset, serial: int) -> RRset:
    """An SOA with another serial."""
    (rdata,) = soa.rdatas
    at = len(rdata) - SERIAL_FROM_END
    return soa._replace(rdatas=(rdata[:at] + serial.to_bytes(4) + rdata[at + 4 :],))


def no_serial() -> int:
    """That of replies without an SOA."""
    return 0
