"""Bytes to a query: a ladder of refusals on the header alone, then one strict walk over the rest.

The walk allocates nothing by what a count says, follows no pointer, and accepts no byte it cannot
place. A query has one question, whose name cannot be compressed: only the header lies before it
(RFC 1035 §4.1.4 allows pointers to earlier names only).
"""

from __future__ import annotations

from enum import Enum, auto
from struct import Struct
from typing import NamedTuple

from kdns.errors import WireError
from kdns.proto.message import Edns, Message, Question
from kdns.proto.name import MAX_LABEL, MAX_NAME, Name
from kdns.proto.record import SERIAL_FROM_END
from kdns.proto.types import Class, Flag, RCode, RRType

HEADER = Struct("!HHHHHH")
PAIR = Struct("!HH")
FIXED = Struct("!HHIH")
_OPCODE = 0x7800
_QR = int(Flag.QR)  # an IntFlag's `&` takes longer than all the rest of the ladder
_POINTER = 0xC0
_VERSION = 0x00FF0000
_DO = 0x8000
_MOST_ADDITIONAL = 2
"""OPT and TSIG: nothing else belongs into a query's additional section."""


class Verdict(Enum):
    """What the header alone says about a message."""

    IGNORE = auto()
    NOTIMP = auto()
    FORMERR = auto()
    ACCEPT = auto()


def accept(wire: bytes) -> Verdict:
    """The ladder: short or a reply → no answer at all (or two servers could answer each other for ever);
    an opcode other than QUERY → NOTIMP; other than one question → FORMERR (RFC 9619); records where
    a query has none → FORMERR. Before anything is parsed, the same on every transport.
    """
    if len(wire) < HEADER.size:
        return Verdict.IGNORE
    _, flags, questions, answers, _, additional = HEADER.unpack_from(wire)
    if flags & _QR:
        return Verdict.IGNORE
    if flags & _OPCODE:
        return Verdict.NOTIMP
    if questions != 1 or answers or additional > _MOST_ADDITIONAL:
        return Verdict.FORMERR
    return Verdict.ACCEPT


def refusal(wire: bytes, rcode: RCode) -> bytes:
    """A header-only reply to a message that cannot be answered: its id and opcode, RD except with NOTIMP.

    RFC 8906 §8 and the ISC tests want every flag clear on an unknown opcode.
    """
    identity, flags, *_ = HEADER.unpack_from(wire)
    kept = flags & (_OPCODE if rcode == RCode.NOTIMP else _OPCODE | Flag.RD)
    return HEADER.pack(identity, Flag.QR | kept | rcode, 0, 0, 0, 0)


def decode(wire: bytes) -> Message:
    """Read a message that `accept` let through. Raises WireError (FORMERR) when any byte of it is wrong."""
    identity, flags, _, _, authority, additional = HEADER.unpack_from(wire)
    name, at = _question_name(wire)
    if at + PAIR.size > len(wire):
        raise WireError("the question is cut short")
    type, klass = PAIR.unpack_from(wire, at)
    at += PAIR.size
    if authority and type != RRType.IXFR:
        raise WireError("a query has no authority section (RFC 1995's IXFR aside)")
    edns = serial = None
    if authority or additional or at != len(wire):
        edns, serial = _read_records(wire, at, authority, additional)
    return Message(identity, flags, Question(name, name.lower(), type, klass), edns, len(wire), serial)


def _question_name(wire: bytes) -> tuple[Name, int]:
    at, end = HEADER.size, len(wire)
    while at < end and (length := wire[at]):
        if length > MAX_LABEL:
            raise WireError("a label of the question is too long, of an unknown kind, or a pointer")
        at += 1 + length
    if at >= end:
        raise WireError("the question's name is cut short")
    if at + 1 - HEADER.size > MAX_NAME:
        raise WireError("the question's name is longer than 255 octets")
    return wire[HEADER.size : at + 1], at + 1


class _Record(NamedTuple):
    owner_at: int
    type: int
    klass: int
    ttl: int
    rdata_at: int
    end: int


def _read_records(wire: bytes, at: int, authority: int, additional: int) -> tuple[Edns | None, int | None]:
    """What OPT says, and the serial of an SOA in the authority section."""
    edns = serial = None
    for place in range(authority + additional):
        record = _read_record(wire, at)
        if record.type == RRType.OPT:
            if edns is not None or place < authority or wire[record.owner_at]:
                raise WireError("OPT comes once, in the additional section, at the root (RFC 6891 §6.1.1)")
            edns = read_edns(record.klass, record.ttl, wire[record.rdata_at : record.end])
        elif record.type == RRType.SOA and place < authority:
            serial = _serial(wire, record)
        elif record.type == RRType.TSIG and (place != authority + additional - 1 or record.klass != Class.ANY):
            raise WireError("TSIG is the last record, of class ANY (RFC 8945 §5.1)")
        at = record.end
    if at != len(wire):
        raise WireError("bytes behind the last record")
    return edns, serial


def _serial(wire: bytes, soa: _Record) -> int:
    """It comes before four more numbers, behind two names of a byte at least."""
    if soa.end - soa.rdata_at < 2 + SERIAL_FROM_END:
        raise WireError("an SOA is cut short")
    at = soa.end - SERIAL_FROM_END
    return int.from_bytes(wire[at : at + 4])


def _read_record(wire: bytes, at: int) -> _Record:
    fixed = _skip_name(wire, at)
    if fixed + FIXED.size > len(wire):
        raise WireError("a record is cut short")
    type, klass, ttl, length = FIXED.unpack_from(wire, fixed)
    end = fixed + FIXED.size + length
    if end > len(wire):
        raise WireError("a record's data is cut short")
    return _Record(at, type, klass, ttl, fixed + FIXED.size, end)


def _skip_name(wire: bytes, at: int) -> int:
    start, end = at, len(wire)
    while at < end:
        length = wire[at]
        if length >= _POINTER:
            return _check_pointer(wire, at, start)
        at += 1 + length
        if length > MAX_LABEL or at - start > MAX_NAME:
            raise WireError("an owner has a label or a length that no name has")
        if not length:
            return at
    raise WireError("an owner is cut short")


def _check_pointer(wire: bytes, at: int, start: int) -> int:
    if at + 2 > len(wire):
        raise WireError("a pointer is cut short")
    target = (wire[at] & ~_POINTER) << 8 | wire[at + 1]
    if not HEADER.size <= target < start:
        raise WireError("a pointer does not point to an earlier name")
    return at + 2


def read_edns(klass: int, ttl: int, rdata: bytes) -> Edns:
    """What an OPT record says, by its fields (RFC 6891 §6.1.2). Raises WireError when an option is cut."""
    options, at = [], 0
    while at < len(rdata):
        if at + PAIR.size > len(rdata):
            raise WireError("an EDNS option is cut short")
        code, length = PAIR.unpack_from(rdata, at)
        at += PAIR.size + length
        if at > len(rdata):
            raise WireError("an EDNS option is longer than its record")
        options.append((code, rdata[at - length : at]))
    version = (ttl & _VERSION) >> 16
    return Edns(klass, version, bool(ttl & _DO), tuple(options))
