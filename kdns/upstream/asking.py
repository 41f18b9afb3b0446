"""A question as it goes to another server, and whether a message is the reply to it.

Nothing of the client's OPT travels: EDNS is between neighbours (RFC 6891 §6). Our own says 1232 bytes and
carries DO on; RD and CD are the client's (RFC 5625 §4). AD is always set: it asks to be told what the
server has validated (RFC 6840 §5.7), so that one reply does for every client.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from kdns.errors import WireError
from kdns.proto.decode import HEADER, PAIR
from kdns.proto.encode import PAYLOAD
from kdns.proto.message import Message, Question
from kdns.proto.reply import Received, read_reply
from kdns.proto.types import Flag, RCode, RRType

_OPT = Struct("!BHHIH").pack
_DO = 0x8000
_OPCODE = 0x7800
_CARRIED, _AD, _TC = int(Flag.RD | Flag.CD), int(Flag.AD), int(Flag.TC)
"""As plain numbers: this is done for each question, and enums are slow."""
_WITHOUT_QUESTION = frozenset({RCode.FORMERR, RCode.SERVFAIL, RCode.NOTIMP, RCode.REFUSED})
"""What a server may say that has not read as far as the question."""


class Asking(NamedTuple):
    """One question. `flags` are RD and CD of the client's."""

    question: Question
    flags: int = int(Flag.RD)
    do: bool = False

    @property
    def key(self) -> tuple[bytes, int, int, int, bool]:
        """Equal where one reply does for both."""
        return self.question.folded, self.question.type, self.question.klass, self.flags, self.do

    def body(self, *, edns: bool = True) -> bytes:
        """The message behind its id."""
        opt = _OPT(0, RRType.OPT, PAYLOAD, _DO if self.do else 0, 0) if edns else b""
        header = HEADER.pack(0, self.flags | _AD, 1, 0, 0, bool(opt))[2:]
        return header + self.question.name + PAIR.pack(self.question.type, self.question.klass) + opt

    def reply_in(self, wire: bytes, identity: int) -> Received | None:
        """The message read, if it is a whole reply to this question under this id (RFC 5452 §9.1); else None.

        Of a reply that is cut (TC) only its begin must be right: some servers stop in mid-record.
        """
        if len(wire) < HEADER.size or int.from_bytes(wire[:2]) != identity:
            return None
        flags = int.from_bytes(wire[2:4])
        try:
            reply = read_reply(wire, self.question)
        except WireError:
            if not flags & _TC:
                return None
            return self._cut(wire)
        return reply if self._belongs(reply) else None

    def _cut(self, wire: bytes) -> Received | None:
        identity, flags, questions, *_ = HEADER.unpack_from(wire)
        end = HEADER.size + len(self.question.name) + PAIR.size
        try:
            reply = read_reply(HEADER.pack(identity, flags, questions, 0, 0, 0) + wire[HEADER.size : end])
        except WireError:
            return None
        return reply if self._belongs(reply) else None

    def _belongs(self, reply: Received) -> bool:
        if reply.flags & _OPCODE:
            return False
        if reply.question is None:
            return reply.rcode in _WITHOUT_QUESTION and not reply.answer
        return reply.question is self.question or reply.question[1:] == self.question[1:]


def asking(message: Message) -> Asking:
    """What to ask on behalf of a client."""
    do = bool(message.edns and message.edns.do)
    return Asking(message.question, message.flags & _CARRIED, do)
