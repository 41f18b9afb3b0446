"""A reply to bytes: names compressed, and what does not fit left out in the right order.

To shrink a reply, the Extended DNS Error goes first, then whole RRsets of the additional section
(no TC: nothing was asked for there, RFC 2181 §9), then answers, with TC (RFC 1035 §4.1.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from struct import Struct

from kdns.proto.decode import HEADER
from kdns.proto.message import Message, Reply
from kdns.proto.name import Name, suffixes
from kdns.proto.ready import Ready
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.types import Flag, Option, RRType

PAYLOAD = 1232
"""Bytes over UDP that no path has to fragment (DNS flag day 2020)."""
SMALLEST = 512
LARGEST = 65535

_FIXED = Struct("!HHIH").pack
_OPTION = Struct("!HH").pack
_SHORT = Struct("!H").pack
_POINTER = 0xC000
_FARTHEST = 0x3FFF
_DO = 0x8000
_SOA_TIMES = 20
_IS_NAME = frozenset({RRType.NS, RRType.CNAME, RRType.PTR})
"""Rdata that is one name, compressible since RFC 1035; later types are never (RFC 3597 §4)."""


def udp_limit(message: Message, cap: int = PAYLOAD) -> int:
    """How many bytes a reply over UDP may have: what the client can take, 512 at least, `cap` at most."""
    if message.edns is None:
        return SMALLEST
    return min(max(SMALLEST, message.edns.payload), max(SMALLEST, cap))


def encode(message: Message, reply: Reply, limit: int, payload: int = PAYLOAD) -> Ready:
    """The reply to `message` in at most `limit` bytes; `payload` is what OPT says of our own buffer."""
    writer = _Writer(message.question.name)
    answer = [writer.rrset(rrset, ring=place == reply.turn) for place, rrset in enumerate(reply.answer)]
    authority = [writer.rrset(rrset) for rrset in reply.authority]
    additional = [writer.rrset(rrset) for rrset in reply.additional]
    fit = _Fit(message, reply, payload, limit, answer, authority, additional)
    return fit.ready(writer)


class _Writer:
    """Writes records behind a header and a question, and remembers where names lie."""

    def __init__(self, question: Name) -> None:
        self._places: dict[Name, int] = {}
        self._at = HEADER.size
        self.serial_at = 0
        self._name(question, remember=True)
        self._at += len(question) + 4

    def rrset(self, rrset: RRset, *, ring: bool = False) -> list[bytes]:
        """Each record's bytes. In a ring no record may be pointed to, since any may come first or last."""
        start = self._at
        owner = self._name(rrset.owner, remember=not ring)
        again = owner if ring or len(owner) <= 2 or start > _FARTHEST else _SHORT(_POINTER | start)
        records = []
        for rdata in rrset.rdatas:
            self._at += len(owner) + 10
            written = self._rdata(rrset.type, rdata, remember=not ring)
            self._at += len(written)
            records.append(owner + _FIXED(rrset.type, rrset.klass, rrset.ttl, len(written)) + written)
            owner = again
        return records

    def _rdata(self, type: int, rdata: bytes, *, remember: bool) -> bytes:
        if type in _IS_NAME:
            return self._name(rdata, remember=remember)
        if type == RRType.MX:
            return rdata[:2] + self._name(rdata[2:], remember=remember, ahead=2)
        if type == RRType.SOA:
            return self._soa(rdata)
        return rdata

    def _soa(self, rdata: bytes) -> bytes:
        names = rdata[:-_SOA_TIMES]
        middle = _end_of_name(names)
        mname = self._name(names[:middle], remember=True)
        rname = self._name(names[middle:], remember=True, ahead=len(mname))
        self.serial_at = self._at + len(mname) + len(rname) + _SOA_TIMES - SERIAL_FROM_END
        return mname + rname + rdata[-_SOA_TIMES:]

    def _name(self, name: Name, *, remember: bool, ahead: int = 0) -> bytes:
        at = self._at + ahead
        for suffix in suffixes(name):
            taken = len(name) - len(suffix)
            place = self._places.get(suffix.lower())
            if place is not None:
                return name[:taken] + _SHORT(_POINTER | place)
            if remember and len(suffix) > 1 and at + taken <= _FARTHEST:
                self._places[suffix.lower()] = at + taken
        return name


def _end_of_name(names: bytes) -> int:
    at = 0
    while names[at]:
        at += 1 + names[at]
    return at + 1


def _bytes_of(rrsets: Sequence[Sequence[bytes]]) -> int:
    return sum(len(record) for rrset in rrsets for record in rrset)


class _Fit:
    """Decides what of the written records goes out, and puts it together."""

    def __init__(
        self,
        message: Message,
        reply: Reply,
        payload: int,
        limit: int,
        answer: list[list[bytes]],
        authority: list[list[bytes]],
        additional: list[list[bytes]],
    ) -> None:
        self.message = message
        self.reply = reply
        self.answer, self.authority, self.additional = answer, authority, additional
        self.truncated = False
        opts = _opts(message, reply, payload)
        self._room = limit - HEADER.size - len(message.question.name) - 4
        size = _bytes_of(answer) + _bytes_of(authority) + _bytes_of(additional)
        self.opt = next((opt for opt in opts if size + len(opt) <= self._room), opts[-1])
        if size + len(self.opt) > self._room:
            self._shrink(self._room - len(self.opt))

    def _shrink(self, room: int) -> None:
        room -= _bytes_of(self.answer) + _bytes_of(self.authority)
        sizes = accumulate(sum(map(len, rrset)) for rrset in self.additional)
        self.additional = self.additional[: sum(size <= room for size in sizes)]
        if room < 0:
            self._truncate(self._room - len(self.opt))

    def _truncate(self, room: int) -> None:
        self.truncated = True
        self.additional, self.authority = [], []
        for place, rrset in enumerate(self.answer):
            sizes = accumulate(map(len, rrset))
            fitting = sum(size <= room for size in sizes)
            room -= sum(map(len, rrset))
            if room < 0:
                self.answer = [*self.answer[:place], rrset[:fitting]]
                self._cut = (place, rrset, fitting)
                return

    def ready(self, writer: _Writer) -> Ready:
        """The reply; with a ring if the RRset that turns is still whole or was the one that was cut."""
        place = self.reply.turn
        if place is None or place >= len(self.answer) or not self.answer[place]:
            return self._plain(writer)
        before = b"".join(record for rrset in self.answer[:place] for record in rrset)
        behind = [*self.answer[place + 1 :], *self.authority, *self.additional]
        tail = b"".join(record for rrset in behind for record in rrset) + self.opt
        ring = self._ring(place)
        return Ready(
            self._head() + before,
            b"".join(ring),
            _cuts(ring),
            len(self.answer[place]),
            tail,
            truncated=self.truncated,
        )

    def _ring(self, place: int) -> list[bytes]:
        if self.truncated and self._cut[0] == place:
            return self._cut[1]
        return self.answer[place]

    def _plain(self, writer: _Writer) -> Ready:
        sections = [*self.answer, *self.authority, *self.additional]
        body = b"".join(record for rrset in sections for record in rrset) + self.opt
        head = self._head() + body
        has_serial = 0 < writer.serial_at - 2 and not self.truncated
        return Ready(head, serial_at=writer.serial_at - 2 if has_serial else 0, truncated=self.truncated)

    def _head(self) -> bytes:
        counts = (sum(map(len, section)) for section in (self.answer, self.authority))
        additional = sum(map(len, self.additional)) + bool(self.opt)
        header = HEADER.pack(0, self._flags(), 1, *counts, additional)[2:]
        question = self.message.question
        return header + question.name + _OPTION(question.type, question.klass)

    def _flags(self) -> int:
        reply = self.reply
        flags = Flag.QR | self.message.flags & (Flag.RD | Flag.CD)
        flags |= Flag.AA if reply.authoritative else 0
        flags |= Flag.RA if reply.recursion else 0
        flags |= Flag.TC if self.truncated else 0
        return flags | reply.rcode & 15


def _cuts(records: list[bytes]) -> Sequence[int]:
    stride = len(records[0])
    if all(len(record) == stride for record in records):
        return range(0, stride * len(records) + 1, stride)
    return tuple(accumulate(map(len, records), initial=0))


def _opts(message: Message, reply: Reply, payload: int) -> list[bytes]:
    """The OPT record as it would be best, and what it may shrink to: the error's sentence goes, then its code."""
    if message.edns is None:
        return [b""]
    plain = list(reply.options)
    ladder = [plain]
    if reply.ede is not None:
        code = _SHORT(reply.ede.code)
        ladder = [[*plain, (Option.EDE, code + reply.ede.text.encode())], [*plain, (Option.EDE, code)], plain]
    ttl = (reply.rcode >> 4) << 24 | (_DO if message.edns.do else 0)
    return [_opt(payload, ttl, options) for options in ladder]


def _opt(payload: int, ttl: int, options: Sequence[tuple[int, bytes]]) -> bytes:
    rdata = b"".join([_OPTION(code, len(data)) + data for code, data in options])
    return b"\0" + _FIXED(RRType.OPT, payload, ttl, len(rdata)) + rdata
