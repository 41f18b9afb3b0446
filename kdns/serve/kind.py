"""Replies of one kind: to questions of one type that are asked in one way, whose answers have the same shape.

What they have in common was learned from the first, which the chain answered (`holdings`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from kdns.chain import Holding, Keep, Plain, Response
from kdns.proto.brief import Brief, Pen
from kdns.proto.encode import SMALLEST, cuts_of, encode, opt_of, opt_saying
from kdns.proto.message import Ede, Message, Question, Reply
from kdns.proto.ready import Ready
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.types import Flag
from kdns.serve.entry import Firsts, Lying, Whole
from kdns.serve.tails import HEAD, Tails, no_serial

_FLAGS = 2
_TC = int(Flag.TC)
_COUNTS = Struct("!HHHH").pack


class Found(NamedTuple):
    """What the holder answers, and the reply to it behind its id; as Ready where that was made."""

    kind: Kind
    plain: Plain
    body: bytes
    ready: Ready | None
    limit: int

    def lying(self, asked: int) -> Lying:
        """The reply to a query of `asked` bytes; it counts as the first of the same sizes."""
        return self.kind.lying(self.plain.reason, asked, self.body)

    def whole(self, size: int) -> Whole:
        """One that can be kept; `size` is that of the question in bytes."""
        ready = self.ready or Ready(self.body, serial_at=self.kind.serial_at(size))
        return Whole(ready, self.kind.keep_of(self.plain), self.kind.payload, self.limit)


class Kind:
    """What is alike in the replies to questions asked alike whose answers have the same shape."""

    def __init__(
        self, holding: Holding, message: Message, ready: Ready, response: Response, payload: int, firsts: Firsts
    ) -> None:
        self._holding = holding
        self._message, self._response = message, response
        self._turns = response.turn is not None
        self._flags = ready.head[:_FLAGS]
        self._cut = (int.from_bytes(self._flags) | _TC).to_bytes(_FLAGS)
        self._tails = Tails(response.authority[0]) if response.authority else None
        self._serial = response.keep.serial or no_serial
        self._opt = opt_of(message, payload)
        self._pen = Pen(message.question.type, holding.ttl)
        self._heads = [self._flags + _COUNTS(1, 1, 0, glue + bool(self._opt)) for glue in range(3)]
        self._keeps: dict[str, Keep] = {}
        self._firsts = firsts
        self._turn = 0
        self.payload = payload

    # In short.

    def body(self, brief: Brief, asked: bytes, limit: int) -> bytes | None:
        """The reply behind its id in at most so many bytes; None where there is no data and that is too long to say."""
        count = len(brief.rdatas)
        if count > 1:
            head, records, window, tail = self._in_turns(brief, asked, limit)
            self._turn += 1
            turn = self._turn % count if self._turns else 0
            return b"".join((head, *(records[turn:] + records[:turn])[:window], *tail, self._opt))
        if count:
            glue = len(brief.glue)
            body = self._heads[glue] + asked + self._pen.one(brief.rdatas[0])
            body += b"".join((*self._pen.glue(brief, limit), self._opt)) if glue else self._opt
        else:
            body = self._without_data(asked, brief.ede)
        return body if len(body) + 2 <= SMALLEST else None

    def ready(self, brief: Brief, asked: bytes, limit: int) -> Ready | None:
        """The same to be kept, as `encode` has it."""
        if len(brief.rdatas) < 2:
            body = self.body(brief, asked, limit)
            return Ready(body, serial_at=self.serial_at(len(asked)) if not brief.rdatas else 0) if body else None
        head, records, window, tail = self._in_turns(brief, asked, limit)
        shrunk = len(tail) < len(brief.glue) or window < len(records)
        told = window < len(records), shrunk
        end = b"".join(tail) + self._opt
        if self._turns:
            return Ready(head, b"".join(records), cuts_of(records), window, end, 0, *told)
        return Ready(b"".join((head, *records[:window], end)), b"", (0,), 0, b"", 0, *told)

    def _in_turns(self, brief: Brief, asked: bytes, limit: int) -> tuple[bytes, list[bytes], int, list[bytes]]:
        """What is before the records, those, how many of them there is room for, and as much of the glue.

        Any run of records must fit where they take turns: all do, though they differ in size (`encode`).
        """
        records = self._pen.records(brief.rdatas)
        room = limit - HEAD - 2 - len(asked) - len(self._opt)
        left = room - sum(map(len, records))
        if left >= 0:
            glue = self._pen.glue(brief, left)
            counts = _COUNTS(1, len(records), 0, len(glue) + bool(self._opt))
            return self._flags + counts + asked, records, len(records), glue
        sizes = sorted(map(len, records), reverse=True) if self._turns else map(len, records)
        window = bisect_right(list(accumulate(sizes)), room)
        return self._cut + _COUNTS(1, window, 0, bool(self._opt)) + asked, records, window, []

    def _without_data(self, asked: bytes, ede: Ede | None) -> bytes:
        opt = self._opt if ede is None else opt_saying(self._opt, ede.code, ede.text.encode())
        return self._flags + _COUNTS(1, 0, 1, bool(opt)) + asked + self._tail(len(asked)) + opt

    def lying(self, reason: str, asked: int, body: bytes) -> Lying:
        """A reply that counts as the first of the same sizes."""
        return self._firsts.counted(Lying(self._keeps.get(reason) or self._told(reason), asked, body))

    def _told(self, reason: str) -> Keep:
        """Who is told of replies for a reason."""
        like = self._response.keep
        tallies = self._holding.tally(reason), *like.tallies[1:]
        keep = self._keeps[reason] = Keep(like.scope, tallies=tallies, serial=like.serial)
        return keep

    # At length.

    def found(self, question: Question, asked: bytes, plain: Plain, limit: int) -> Found | None:
        """The reply in at most so many bytes; None where there is no data and that is too long to say."""
        if plain.answer is None:
            body = self._without_data(asked, plain.ede)
            return Found(self, plain, body, None, SMALLEST) if len(body) + 2 <= SMALLEST else None
        message = self._message._replace(question=question)
        reply = self._reply((plain.answer,), plain.additional)
        ready = encode(message, reply, limit, self.payload)
        self._turn += 1
        return Found(self, plain, ready.body(self._turn), ready, limit)

    def _reply(self, answer: tuple[RRset, ...] = (), additional: tuple[RRset, ...] = ()) -> Reply:
        like = self._response
        return Reply(
            answer=answer,
            additional=additional,
            authoritative=like.authoritative,
            recursion=like.recursion,
            desired=like.desired,
            turn=like.turn,
        )

    def _tail(self, size: int) -> bytes:
        return self._tails.of(size, self._serial()) if self._tails is not None else b""

    def keep_of(self, plain: Plain) -> Keep:
        """What may be done with the reply."""
        return self.keep(plain.reason, plain.depends_on)

    def keep(self, reason: str, depends_on: frozenset[Hashable]) -> Keep:
        """The same by its reason, and what it depends on besides the zone."""
        told = self._keeps.get(reason) or self._told(reason)
        return Keep(told.scope, depends_on=depends_on | {self._holding.key}, tallies=told.tallies, serial=told.serial)

    def serial_at(self, size: int) -> int:
        """Where the serial is in a reply behind its id, after a question of so many bytes; 0 if it has none."""
        return HEAD + size + len(self._tail(size)) - SERIAL_FROM_END if self._tails is not None else 0
