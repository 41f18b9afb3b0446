"""What can be told of a query at a glance: of one as clients send it, without making anything of its parts.

`glance` sees the whole of such a message and accepts no byte that `decode` would not; where a message is
unusual in any way it sees nothing, and it is `decode` that says what the matter is. It takes a third of the
time of `accept`, `decode` and a key made of their Message.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from kdns.proto.message import Message
from kdns.proto.name import MAX_LABEL, MAX_NAME, Name
from kdns.proto.types import Option

NAME_AT = 12
"""Where a question's name begins: behind the header."""
_BEHIND_ID = NAME_AT - 2
_COUNTS = b"\0\1\0\0\0\0\0"
"""One question, no answer, no authority, and of the additional records' count the upper byte."""
_OPT = b"\0\0\x29"
"""The root, and the type OPT."""
_OPT_SIZE = 11
_OPTION_SIZE = 4

# The bits of a `form`. RD and CD are where the header has them (RD in its third byte, CD in its fourth).
_RD, _CD = 0x01, 0x10
_EDNS, _DO, _NSID = 0x02, 0x04, 0x08
_AD = 0x20
_QR_AND_OPCODE = 0xF8
_PAIR = Struct("!HH").pack
_FORMS = [bytes((form,)) for form in range(64)]


class Glance(NamedTuple):
    """A query of one question. `key` is what of it shapes its answer: the question in folded letters, and a byte
    for the flags that are echoed, EDNS, DO and NSID. `question` is as it was asked, its type and class
    behind the name; `payload` in bytes, 0 without EDNS; `ad` tells that AD is set.
    """

    key: bytes
    question: bytes
    flags: int
    payload: int
    ad: bool

    @property
    def folded(self) -> Name:
        """The name as names are compared."""
        return self.key[:-5]

    @property
    def type(self) -> int:
        """Of the question."""
        return int.from_bytes(self.key[-5:-3])

    @property
    def klass(self) -> int:
        """Of the question."""
        return int.from_bytes(self.key[-3:-1])

    @property
    def edns(self) -> bool:
        """Whether it has an OPT record."""
        return bool(self.key[-1] & _EDNS)

    @property
    def do(self) -> bool:
        """Whether it wants DNSSEC's records."""
        return bool(self.key[-1] & _DO)

    @property
    def nsid(self) -> bool:
        """Whether it wants the server's identifier (RFC 5001)."""
        return bool(self.key[-1] & _NSID)


Bare = tuple[bytes, bytes, int]
"""The `key`, `question` and `payload` of a Glance; without these names, since making a named tuple of them would take
as long as to find them.
"""


def glance(wire: bytes) -> Glance | None:
    """The query if it is a usual one: opcode QUERY, one question, and an OPT of version 0 or nothing behind it."""
    try:
        if wire[4:11] != _COUNTS or wire[2] & _QR_AND_OPCODE:
            return None
        at = NAME_AT
        while length := wire[at]:
            if length > MAX_LABEL:
                return None
            at += 1 + length
        end = at + 5
        size = len(wire)
        form = wire[2] & _RD | wire[3] & _CD
        payload = 0
        if wire[11]:
            if wire[11] != 1 or wire[end : end + 3] != _OPT or wire[end + 6]:
                return None
            if size != end + _OPT_SIZE + (wire[end + 9] << 8 | wire[end + 10]):
                return None
            payload = wire[end + 3] << 8 | wire[end + 4]
            form |= _EDNS | (wire[end + 7] & 0x80) >> 5
            if size > end + _OPT_SIZE:
                form |= _options(wire, end + _OPT_SIZE)
        elif size != end:
            return None
    except (IndexError, ValueError):  # it is cut short somewhere
        return None
    if at >= NAME_AT + MAX_NAME:
        return None
    question = wire[NAME_AT:end]
    key = question[:-4].lower() + question[-4:] + _FORMS[form]
    return Glance(key, question, wire[2] << 8 | wire[3], payload, bool(wire[3] & _AD))


_HEADS = {
    bytes((rd, low, 0, 1, 0, 0, 0, 0, 0, opt)): rd | low & _CD | opt * _EDNS
    for rd in (0, _RD)
    for low in (0, _AD, _CD, _AD | _CD)
    for opt in (0, 1)
}
"""Headers behind the id as clients send them, and what of that is in a form."""
_PAYLOAD, _VERSION, _ITS_DO = -8, -5, -4
"""Of an OPT record without options, from its end."""


def bare(query: bytes) -> Bare | None:
    """What a glance would tell of a query behind its id that is in folded letters and without options: in a third of
    its time, since nothing makes sure that the name is one. It is where a name that is known ends it, behind labels.
    """
    form = _HEADS.get(query[:_BEHIND_ID])
    if form is None:
        return None
    question, payload = query[_BEHIND_ID:], 0
    if form & _EDNS:
        if query[-_OPT_SIZE:_PAYLOAD] != _OPT or query[_VERSION] or query[-2] or query[-1]:
            return None
        question, payload = question[:-_OPT_SIZE], query[_PAYLOAD] << 8 | query[_PAYLOAD + 1]
        form |= (query[_ITS_DO] & 0x80) >> 5
    if question != question.lower() or len(question) > MAX_NAME + 4:
        return None
    return question + _FORMS[form], question, payload


def plainly(query: bytes) -> bytes | None:
    """A query behind its id as a plain client would have sent it: in folded letters, without EDNS options. None where
    options mean something, or something is wrong with them.

    That is all that is looked at: the result is worth something only where it is the same as bytes that were read
    as a whole. A name ends at its first zero, unless a label has one, and then the result is no such bytes.
    """
    at = query.find(0, _BEHIND_ID) + 1
    if not at:
        return None
    name = query[_BEHIND_ID:at].lower()
    end = at + 4 + _OPT_SIZE
    if len(query) <= end or query[9] != 1:
        return query[:_BEHIND_ID] + name + query[at:]
    try:
        if len(query) != end + (query[end - 2] << 8 | query[end - 1]) or _options(query, end):
            return None
    except (IndexError, ValueError):
        return None
    return query[:_BEHIND_ID] + name + query[at : end - 2] + b"\0\0"


def _options(wire: bytes, at: int) -> int:
    """The bit for NSID if it is among the options, which end the message. Raises ValueError where one is cut."""
    form = 0
    while at < len(wire):
        if wire[at] == 0 and wire[at + 1] == Option.NSID:
            form = _NSID
        at += _OPTION_SIZE + (wire[at + 2] << 8 | wire[at + 3])
    if at != len(wire):
        raise ValueError
    return form


def key_of(message: Message) -> bytes:
    """The key of a message that was decoded: that of a glance at it."""
    question, edns = message.question, message.edns
    form = message.flags >> 8 & _RD | message.flags & _CD
    if edns is not None:
        form |= _EDNS | (_DO if edns.do else 0)
        form |= _NSID if any(code == Option.NSID for code, _ in edns.options) else 0
    return question.folded + _PAIR(question.type, question.klass) + _FORMS[form]
