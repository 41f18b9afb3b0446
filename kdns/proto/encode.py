"""A reply to bytes: names compressed, and what does not fit left out in the right order.

To shrink a reply, the Extended DNS Error goes first, then whole RRsets of the additional section
(no TC: nothing was asked for there, RFC 2181 §9), then answers, with TC (RFC 1035 §4.1.1).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from kdns.proto.decode import HEADER
from kdns.proto.message import Message, Reply
from kdns.proto.name import Name
from kdns.proto.ready import Ready
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.types import Flag, Option, RRType

PAYLOAD = 1232
"""Bytes over UDP that no path has to fragment (DNS flag day 2020)."""
SMALLEST = 512
LARGEST = 65535

_FIXED = Struct("!HHIH").pack
_OPTION = Struct("!HH").pack
_SAYING = Struct("!HHHH").pack
_SHORT = Struct("!H").pack
_COUNTS = Struct("!HHHHH").pack
_POINTER = 0xC000
_FARTHEST = 0x3FFF
_DO = 0x8000
_ANSWERS_AT = 4
"""Where the count of answers lies: behind flags and the count of questions, less the id."""
_SOA_TIMES = 20
_NO_CUTS = (0,)
_TO_QUESTION = b"\xc0\x0c"
"""A pointer to the question's name, which lies behind the header."""
# Plain numbers: an enum's operators take ten times as long.
_QR, _AA, _TC, _RD, _RA = map(int, (Flag.QR, Flag.AA, Flag.TC, Flag.RD, Flag.RA))
_AD, _ECHOED = int(Flag.AD), int(Flag.RD | Flag.CD)
_IS_NAME = frozenset({RRType.NS, RRType.CNAME, RRType.PTR})
"""Rdata that is one name, compressible since RFC 1035; later types are never (RFC 3597 §4)."""
_HAS_NAMES = _IS_NAME | {RRType.MX, RRType.SOA}


def udp_limit(message: Message, cap: int = PAYLOAD) -> int:
    """How many bytes a reply over UDP may have: what the client can take, 512 at least, `cap` at most."""
    if message.edns is None:
        return SMALLEST
    return limited(message.edns.payload, cap)


def limited(payload: int, cap: int) -> int:
    """The same for a client that says it can take `payload` bytes, 0 where it says nothing."""
    return min(max(SMALLEST, payload), max(SMALLEST, cap))


def encode(message: Message, reply: Reply, limit: int, payload: int = PAYLOAD) -> Ready:
    """The reply to `message` in at most `limit` bytes; `payload` is what OPT says of our own buffer."""
    simple = _simple(message, reply, payload)
    if simple is not None and len(simple) + 2 <= limit:
        return Ready(simple, truncated=reply.truncated, authentic=reply.authentic)
    writer = _Writer(message.question.name)
    room = limit - HEADER.size - len(message.question.name) - 4
    answer = [writer.rrset(rrset, ring=place == reply.turn) for place, rrset in enumerate(reply.answer)]
    authority = [writer.rrset(rrset) for rrset in reply.authority]
    whole = _Written(answer, authority, _additional(writer, reply, limit))
    size = writer.at - (limit - room)
    opts = _opts(message, reply, payload)
    opt = next((opt for opt in opts if size + len(opt) <= room), opts[-1])
    fit = whole if size + len(opt) <= room else _shrink(whole, room - len(opt))
    shrunk = fit is not whole or opt is not opts[0]
    head = _head(message, reply, fit, has_opt=bool(opt))
    told = fit.truncated or reply.truncated, shrunk, reply.authentic
    if reply.turn is not None and reply.turn < len(fit.answer) and fit.answer[reply.turn]:
        return Ready(*_ring(head, whole, fit, reply.turn, opt, room), 0, *told)
    body = head + fit.joined()
    serial_at = writer.serial_at - 2
    return Ready(body + opt, b"", _NO_CUTS, 0, b"", serial_at if 0 < serial_at < len(body) else 0, *told)


def _simple(message: Message, reply: Reply, payload: int) -> bytes | None:
    """The reply behind its id, if it is what most are: one record that was asked for. In a third of the time."""
    if len(reply.answer) != 1 or reply.authority or reply.additional or reply.turn is not None:
        return None
    if reply.rcode or reply.ede is not None or reply.options:
        return None
    question, (answer,) = message.question, reply.answer
    owner, type, ttl, rdatas, klass = answer
    if len(rdatas) != 1 or type in _HAS_NAMES or len(owner) == 1:
        return None
    if owner != question.name and owner.lower() != question.folded:
        return None
    (rdata,) = rdatas
    record = _TO_QUESTION + _FIXED(type, klass, ttl, len(rdata)) + rdata
    opt = opt_of(message, payload)
    asked = question.name + _OPTION(question.type, question.klass)
    return _COUNTS(_flags(message, reply), 1, 1, 0, 1 if opt else 0) + asked + record + opt


def _additional(writer: _Writer, reply: Reply, limit: int) -> list[list[bytes]]:
    """The additional section, as far as the first RRset that does not fit: behind it none is sent."""
    written = []
    for rrset in reply.additional:
        written.append(writer.rrset(rrset))
        if writer.at > limit:
            break
    return written


class _Written(NamedTuple):
    """The records of each section as bytes, by RRset. `truncated` when answers are missing."""

    answer: list[list[bytes]]
    authority: list[list[bytes]]
    additional: list[list[bytes]]
    truncated: bool = False

    def joined(self, first: int = 0, last: int | None = None) -> bytes:
        """The answers from RRset `first` to before `last`; with no `last`, all that follows too."""
        rrsets = self.answer[first:last] if last is not None else self._from(first)
        return b"".join([record for rrset in rrsets for record in rrset])

    def _from(self, first: int) -> list[list[bytes]]:
        return [*self.answer[first:], *self.authority, *self.additional]


def _size(section: list[list[bytes]]) -> int:
    return sum([sum(map(len, rrset)) for rrset in section])


def _shrink(whole: _Written, room: int) -> _Written:
    """What fits into `room` bytes: whole RRsets of the additional section as long as the rest fits, else answers."""
    left = room - _size(whole.answer) - _size(whole.authority)
    if left < 0:
        return _Written(_cut(whole.answer, room), [], [], truncated=True)
    sizes = list(accumulate([sum(map(len, rrset)) for rrset in whole.additional]))
    return whole._replace(additional=whole.additional[: bisect_right(sizes, left)])


def _cut(answer: list[list[bytes]], room: int) -> list[list[bytes]]:
    """The first answers that fit, to the record."""
    kept: list[list[bytes]] = []
    for rrset in answer:
        fitting = bisect_right(list(accumulate(map(len, rrset))), room)
        kept.append(rrset[:fitting])
        room -= sum(map(len, rrset))
        if fitting < len(rrset):
            break
    return kept


def _ring(
    head: bytes, whole: _Written, fit: _Written, turn: int, opt: bytes, room: int
) -> tuple[bytes, bytes, Sequence[int], int, bytes]:
    """What Ready begins with for one RRset as a ring; of one that was cut, every record still takes its turn."""
    ring = whole.answer[turn]
    before, behind = fit.joined(0, turn), fit.joined(turn + 1) + opt
    window = len(ring)
    if len(fit.answer[turn]) < window:  # records may differ in size, and any run of them must fit
        sizes = list(accumulate(sorted(map(len, ring), reverse=True)))
        window = bisect_right(sizes, room - len(before) - len(behind))
        head = _with_answers(head, len(fit.answer[turn]) - window)
    return head + before, b"".join(ring), cuts_of(ring), window, behind


def _with_answers(head: bytes, less: int) -> bytes:
    """The same head with a smaller count of answers."""
    count = int.from_bytes(head[_ANSWERS_AT : _ANSWERS_AT + 2]) - less
    return head[:_ANSWERS_AT] + _SHORT(count) + head[_ANSWERS_AT + 2 :]


def _head(message: Message, reply: Reply, fit: _Written, *, has_opt: bool) -> bytes:
    answer, authority, additional = [sum(map(len, section)) for section in fit[:3]]
    flags = _flags(message, reply) | (_TC if fit.truncated else 0)
    header = HEADER.pack(0, flags, 1, answer, authority, additional + has_opt)[2:]
    return header + message.question.name + _OPTION(message.question.type, message.question.klass)


def _flags(message: Message, reply: Reply) -> int:
    flags = _QR | message.flags & _ECHOED | reply.rcode & 15
    if reply.desired is not None:
        flags = flags & ~_RD | (_RD if reply.desired else 0)
    if reply.authoritative:
        flags |= _AA
    if reply.recursion:
        flags |= _RA
    if reply.authentic and _wants_ad(message):
        flags |= _AD
    return flags | _TC if reply.truncated else flags


def _wants_ad(message: Message) -> bool:
    return bool(message.flags & _AD or (message.edns and message.edns.do))


class _Writer:
    """Writes records behind a header and a question, and remembers where names lie. `at` is where it writes next."""

    def __init__(self, question: Name) -> None:
        self._question = question
        self._places: dict[Name, int] = {}
        self.at = HEADER.size + len(question) + 4
        self.serial_at = 0

    def rrset(self, rrset: RRset, *, ring: bool = False) -> list[bytes]:
        """Each record's bytes. In a ring no record may be pointed to, since any may come first or last."""
        start = self.at
        owner = self._name(rrset.owner, remember=not ring)
        again = owner if ring or len(owner) <= 2 or start > _FARTHEST else _SHORT(_POINTER | start)
        if rrset.type not in _HAS_NAMES and rrset.rdatas:
            return self._as_they_are(rrset, owner, again)
        records = []
        for rdata in rrset.rdatas:
            self.at += len(owner) + 10
            written = self._rdata(rrset.type, rdata, remember=not ring)
            self.at += len(written)
            records.append(owner + _FIXED(rrset.type, rrset.klass, rrset.ttl, len(written)) + written)
            owner = again
        return records

    def _as_they_are(self, rrset: RRset, owner: bytes, again: bytes) -> list[bytes]:
        """Without names to compress; there may be a thousand, and so they take a fifth of the time."""
        _, type, ttl, rdatas, klass = rrset
        if len(rdatas) == 1:  # as each of a thousand targets has
            (rdata,) = rdatas
            record = owner + _FIXED(type, klass, ttl, len(rdata)) + rdata
            self.at += len(record)
            return [record]
        starts = {size: again + _FIXED(type, klass, ttl, size) for size in set(map(len, rdatas))}
        records = [starts[len(rdata)] + rdata for rdata in rdatas]
        if owner != again:
            records[0] = owner + records[0][len(again) :]
        self.at += sum(map(len, records))
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
        self.serial_at = self.at + len(mname) + len(rname) + _SOA_TIMES - SERIAL_FROM_END
        return mname + rname + rdata[-_SOA_TIMES:]

    def _name(self, name: Name, *, remember: bool, ahead: int = 0) -> bytes:
        if name == self._question and len(name) > 1:
            return _TO_QUESTION
        if not self._places:
            self._remember(self._question.lower(), len(self._question) - 1, HEADER.size)
        folded = name.lower()
        taken = 0
        while length := folded[taken]:
            place = self._places.get(folded[taken:])
            if place is not None:
                break
            taken += 1 + length
        else:
            place = None
        if remember:
            self._remember(folded, taken, self.at + ahead)
        return name if place is None else name[:taken] + _SHORT(_POINTER | place)

    def _remember(self, folded: Name, end: int, at: int) -> None:
        """Where a name's suffixes begin, up to `end`, from where on they are known already or the root."""
        start = 0
        while start < end:
            if at + start <= _FARTHEST:
                self._places[folded[start:]] = at + start
            start += 1 + folded[start]


def _end_of_name(names: bytes) -> int:
    at = 0
    while names[at]:
        at += 1 + names[at]
    return at + 1


def cuts_of(records: Sequence[bytes]) -> Sequence[int]:
    """The offsets of the records of a ring, and of its end."""
    stride = len(records[0])
    if len(set(map(len, records))) == 1:
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
    return [opt_record(payload, ttl, options) for options in ladder]


def opt_of(message: Message, payload: int) -> bytes:
    """The OPT record without options of a reply to a message whose rcode is less than 16; nothing if it has none."""
    return opt_record(payload, _DO if message.edns.do else 0, ()) if message.edns else b""


def opt_saying(opt: bytes, code: int, text: bytes) -> bytes:
    """The same record, as `opt_of` gives it, with an Extended DNS Error (RFC 8914) whose text is UTF-8."""
    size = 2 + len(text)
    return opt[:-2] + _SAYING(4 + size, Option.EDE, size, code) + text if opt else opt


def opt_record(payload: int, ttl: int, options: Sequence[tuple[int, bytes]]) -> bytes:
    """An OPT record (RFC 6891 §6.1.2): `ttl` has DO and the high bits of the rcode, `options` are (code, data)."""
    rdata = b"".join([_OPTION(code, len(data)) + data for code, data in options])
    return b"\0" + _FIXED(RRType.OPT, payload, ttl, len(rdata)) + rdata
