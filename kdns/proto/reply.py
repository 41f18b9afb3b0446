"""Bytes from another server to records: a whole reply, read strictly.

Names in rdata are written out (RFC 3597 §4), so a record's rdata means the same in any message.
Pointers lead to earlier bytes only, each jump further back, so they end, and no byte of a name is read twice:
a reply takes time by its size, whatever its names point to. Nothing is allocated by what a count says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kdns.errors import WireError
from kdns.proto.decode import FIXED, HEADER, PAIR, read_edns
from kdns.proto.message import Edns, Question
from kdns.proto.name import MAX_LABEL, MAX_NAME, ROOT, Name
from kdns.proto.record import RRset
from kdns.proto.types import Class, Flag, RRType

_POINTER = 0xC0
_LONGEST_TTL = 0x7FFFFFFF
_SIGNED = 2
"""RRSIG records begin with the type that they cover: signatures of different types are different RRsets."""


class _Layout(NamedTuple):
    """Where rdata has names that may be compressed: behind `before` bytes, `names` of them, then `behind`.

    None there is any number of bytes.
    """

    before: int
    names: int
    behind: int | None = 0


_LAYOUTS = {
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12, 39), _Layout(0, 1)),  # NS MD MF CNAME MB MG MR PTR DNAME
    **dict.fromkeys((14, 17), _Layout(0, 2)),  # MINFO RP
    6: _Layout(0, 2, 20),  # SOA
    **dict.fromkeys((15, 18, 21, 36), _Layout(2, 1)),  # MX AFSDB RT KX
    24: _Layout(18, 1, None),  # SIG
    26: _Layout(2, 2),  # PX
    30: _Layout(0, 1, None),  # NXT
    33: _Layout(6, 1),  # SRV
}
"""RFC 3597 §4: those of RFC 1035, and those that senders were known to compress."""
# Plain numbers: an enum's operators and comparisons take ten times as long.
_QR, _OPT, _RRSIG = int(Flag.QR), int(RRType.OPT), int(RRType.RRSIG)
_SIZES = {(Class.IN, RRType.A): 4, (Class.IN, RRType.AAAA): 16}
_FIXED = FIXED.size
_NAPTR = 35
_UNUSUAL = frozenset({_NAPTR, _OPT, *_LAYOUTS})
_TO_QUESTION = b"\xc0\x0c"
"""A pointer to the question's name, which lies behind the header."""
_NAPTR_STRINGS = 3


class Received(NamedTuple):
    """A reply as it was read. `rcode` is whole, with what OPT adds to it; `question` is None where it had none."""

    id: int
    flags: int
    rcode: int
    question: Question | None
    answer: tuple[RRset, ...]
    authority: tuple[RRset, ...]
    additional: tuple[RRset, ...]
    edns: Edns | None

    def has(self, flag: Flag) -> bool:
        """Whether this bit of the header is set."""
        return int.__and__(self.flags, flag) != 0  # an IntFlag's `&` takes ten times as long


def read_reply(wire: bytes, question: Question | None = None) -> Received:
    """Read a reply. Raises WireError when anything in it is wrong, or it is no reply.

    Where it begins with `question`, to the letter, that is not read again. Bytes behind the last record are
    nobody's and ignored: some servers send them. The records of a section are gathered to RRsets in the order in
    which their first ones stand, with the lowest TTL (RFC 2181 §5.2); a TTL with its first bit set is 0 (§8).
    """
    if len(wire) < HEADER.size:
        raise WireError("a reply is shorter than a header")
    identity, flags, questions, answers, authorities, others = HEADER.unpack_from(wire)
    if not flags & _QR or questions > 1:
        raise WireError("this is no reply to one question")
    known: _Known = {}
    asked, at = _question(wire, known, question) if questions else (None, HEADER.size)
    if answers == 1 and not authorities and asked is not None:
        usual = _usual(wire, at, asked.name, others)
        if usual is not None:
            record, edns, high = usual
            return Received(identity, flags, flags & 15 | high, asked, (record,), (), (), edns)
    answer, at = _section(wire, at, answers, known) if answers else (_NOTHING, at)
    authority, at = _section(wire, at, authorities, known) if authorities else (_NOTHING, at)
    additional, at = _section(wire, at, others, known) if others else (_NOTHING, at)
    opt = _opt((answer, authority, additional))
    edns = read_edns(opt.klass, opt.ttl, opt.rdata) if opt else None
    rcode = flags & 15 | ((opt.ttl >> 24) << 4 if opt else 0)
    rrsets = _rrsets(answer), _rrsets(authority), _rrsets(additional)
    return Received(identity, flags, rcode, asked, *rrsets, edns)


class _Raw(NamedTuple):
    owner: Name
    type: int
    klass: int
    ttl: int
    rdata: bytes


_NOTHING: list[_Raw] = []
_Known = dict[int, tuple[Name, int]]
"""The names and ends of names that begin at offsets which were read."""


def _opt(sections: Sequence[list[_Raw]]) -> _Raw | None:
    """The OPT record, taken out of its section."""
    opt = None
    for section in sections:
        for record in section:
            if record.type == _OPT:
                if opt is not None or section is not sections[-1] or len(record.owner) > 1:
                    raise WireError("OPT comes once, in the additional section, at the root (RFC 6891 §6.1.1)")
                opt = record
    if opt is not None:
        sections[-1].remove(opt)
    return opt


def _question(wire: bytes, known: _Known, expected: Question | None) -> tuple[Question, int]:
    if expected is not None and wire.startswith(expected.name + PAIR.pack(*expected[2:]), HEADER.size):
        end = HEADER.size + len(expected.name)
        known[HEADER.size] = (expected.name, end)
        return expected, end + PAIR.size
    name, at = _name(wire, HEADER.size, known)
    if at + PAIR.size > len(wire):
        raise WireError("the question of a reply is cut short")
    type, klass = PAIR.unpack_from(wire, at)
    return Question(name, name.lower(), type, klass), at + PAIR.size


def _usual(wire: bytes, at: int, name: Name, others: int) -> tuple[RRset, Edns | None, int] | None:
    """What most replies have behind the question: one record of its name, without names in its data, and OPT.

    The record, what OPT says, and the upper bits of the rcode; None where it is anything else, which may be wrong.
    """
    begin, size = at + 2 + _FIXED, len(wire)
    if begin > size or wire[at : at + 2] != _TO_QUESTION:
        return None
    type, klass, ttl, length = FIXED.unpack_from(wire, at + 2)
    end = begin + length
    if end > size or type in _UNUSUAL or _SIZES.get((klass, type), length) != length:
        return None
    record = RRset(name, type, ttl if ttl <= _LONGEST_TTL else 0, (wire[begin:end],), klass)
    if not others:
        return record, None, 0
    at = end + 1 + _FIXED
    if others > 1 or at > size or wire[end]:
        return None
    type, klass, ttl, length = FIXED.unpack_from(wire, end + 1)
    if type != _OPT or at + length > size:
        return None
    return record, read_edns(klass, ttl, wire[at : at + length]), (ttl >> 24) << 4


def _section(wire: bytes, at: int, count: int, known: _Known) -> tuple[list[_Raw], int]:
    records = []
    size = len(wire)
    for _ in range(count):
        owner, at = _name(wire, at, known)
        begin = at + _FIXED
        if begin > size:
            raise WireError("a record of a reply is cut short")
        type, klass, ttl, length = FIXED.unpack_from(wire, at)
        at = begin + length
        if at > size or _SIZES.get((klass, type), length) != length:
            raise WireError("a record's data in a reply has another size than it should")
        has_names = type in _LAYOUTS or type == _NAPTR
        rdata = _rdata(wire, type, begin, at, known) if has_names else wire[begin:at]
        records.append(_Raw(owner, type, klass, ttl, rdata))
    return records, at


def _name(wire: bytes, at: int, known: _Known) -> tuple[Name, int]:
    """The name at an offset, written out, and where what follows it begins; what is on the way is `known` then."""
    first = wire[at : at + 2]
    if len(first) == 2:
        if first[0] >= _POINTER:  # in most replies all owners are the question's name
            begin = (first[0] & ~_POINTER) << 8 | first[1]
            if begin < at and (there := known.get(begin)) is not None:
                return there[0], at + 2
        elif not first[0]:  # OPT's
            return ROOT, at + 1
    steps: list[tuple[int, bytes]] = []
    size, floor = 0, at
    while (rest := known.get(at)) is None:
        length = wire[at] if at < len(wire) else MAX_LABEL + 1
        if length >= _POINTER and at + 1 < len(wire):
            steps.append((at, b""))
            at = (length & ~_POINTER) << 8 | wire[at + 1]
            if not HEADER.size <= at < floor:
                raise WireError("a pointer in a reply does not point to an earlier name")
            floor = at
            continue
        size += 1 + length
        if length > MAX_LABEL or size > MAX_NAME or at + length >= len(wire):
            raise WireError("a name in a reply is too long or cut short")
        if not length:
            rest = known[at] = (ROOT, at + 1)
            break
        steps.append((at, wire[at : at + 1 + length]))
        at += 1 + length
    return _told(steps, rest, known) if steps else rest


def _told(steps: Sequence[tuple[int, bytes]], rest: tuple[Name, int], known: _Known) -> tuple[Name, int]:
    """What labels and pointers (empty) make of the rest of a name."""
    name, end = rest
    for at, label in reversed(steps):
        name, end = (label + name, end) if label else (name, at + 2)
        known[at] = (name, end)
    if len(name) > MAX_NAME:
        raise WireError("a name in a reply is too long")
    return name, end


def _rdata(wire: bytes, type: int, at: int, end: int, known: _Known) -> bytes:
    """Rdata with its names written out."""
    if type == _NAPTR:
        layout = _Layout(_strings_end(wire, at, end) - at, 1)
    elif (usual := _LAYOUTS.get(type)) is not None:
        layout = usual
    else:
        return wire[at:end]
    parts = [wire[at : at + layout.before]]
    at += layout.before
    for _ in range(layout.names):
        name, at = _name(wire, at, known)
        parts.append(name)
    if at > end or layout.behind not in (None, end - at):
        raise WireError("a name in a record's data is longer than the data, or there is too much behind it")
    return b"".join((*parts, wire[at:end]))


def _strings_end(wire: bytes, at: int, end: int) -> int:
    """Where the strings of a NAPTR record end (RFC 3403 §4.1): order, preference, then three of them."""
    at += PAIR.size
    for _ in range(_NAPTR_STRINGS):
        if at >= end:
            raise WireError("a NAPTR record is cut short")
        at += 1 + wire[at]
    return at


def _rrsets(records: Sequence[_Raw]) -> tuple[RRset, ...]:
    if len(records) < 2:
        return (_rrset(records),) if records else ()
    gathered: dict[tuple[Name, int, int, bytes], list[_Raw]] = {}
    for record in records:
        covered = record.rdata[:_SIGNED] if record.type == _RRSIG else b""
        gathered.setdefault((record.owner.lower(), record.type, record.klass, covered), []).append(record)
    return tuple(map(_rrset, gathered.values()))


def _rrset(records: Sequence[_Raw]) -> RRset:
    owner, type, klass, ttl, rdata = records[0]
    if len(records) == 1:
        return RRset(owner, type, ttl if ttl <= _LONGEST_TTL else 0, (rdata,), klass)
    ttl = min([record.ttl if record.ttl <= _LONGEST_TTL else 0 for record in records])
    return RRset(owner, type, ttl, tuple(dict.fromkeys([record.rdata for record in records])), klass)
