"""First questions for names that exist, answered by whoever holds their zone, without the chain.

The chain has answered one of the kind: what those before the holder made of its answer (who counts it, whose turn
it is, flags, OPT) they make of the others, too (`chain.SAME_FOR_ALL_NAMES`). So a reply is put together from the
holder's answer (`Brief`, or `Plain` where it is unusual or to be kept) and what was learned; if one of a Plain is not,
to the byte, what the chain made of the first, nothing is.

Held is what was learned for each zone, type and way of asking; nothing is kept for each name.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence, Set
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from kdns.chain import Holding, Keep, Plain, Response, Transport
from kdns.proto.brief import Brief, Pen
from kdns.proto.encode import LARGEST, SMALLEST, cuts_of, encode, limited, opt_of, opt_saying
from kdns.proto.glance import Bare, key_of
from kdns.proto.message import Ede, Message, Question, Reply
from kdns.proto.name import Name, is_at_or_below
from kdns.proto.ready import Ready
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.types import Flag, RCode, RRType
from kdns.serve.entry import Firsts, Lying, Whole
from kdns.serve.tails import HEAD, Tails, no_serial

_MOST = 1000
"""Zones, types and ways of asking; of each there are few."""
_TRIES = 64
"""Replies of each that are looked at whether they can be learned from."""
_TYPES = frozenset({RRType.A, RRType.AAAA, RRType.SRV, RRType.PTR})
_FLAGS = 2
_TC = int(Flag.TC)
_COUNTS = Struct("!HHHH").pack
_PAIR = Struct("!HH").pack
_NO_DATA, _ONE, _SEVERAL = (False, False, False), (True, False, False), (True, True, False)
_BEHIND_NAME, _BEHIND_FOLDED = -4, -5
"""Type and class; in a key, what it says of the way of asking, too."""


class Found(NamedTuple):
    """What the holder answers, and the reply to it behind its id; as Ready where that was made."""

    kind: _Kind
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


class Holdings:
    """What was learned for one listener; about at most `most` ways of asking."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self.held: dict[bytes, Asking] = {}  # by the key of a question for the zone
        self._firsts = Firsts()

    def __len__(self) -> int:
        return sum(len(each.kinds) for each in self.held.values())

    def learn(
        self, message: Message, ready: Ready, response: Response, zones: Iterable[Name], payload: int, limit: int
    ) -> None:
        """Take from a response how others of its kind are to be answered, if it tells; its reply was `ready`.

        `zones` are those of the listener: one below the holding's has other handlers. `payload` is what OPT says,
        `limit` the most bytes that the reply might have.
        """
        holding, question = response.holding, message.question
        if holding is None or question.type not in _TYPES or not response.keep.is_for_all:
            return
        key = key_of(message.asking(holding.zone))
        asking = self.held.get(key)
        if asking is None:
            is_shared = any(zone != holding.zone and is_at_or_below(zone, holding.zone) for zone in zones)
            if is_shared or len(self.held) >= self._most:
                return
            asking = self.held[key] = Asking(holding, message, payload, self._firsts)
        asking.learn(message, ready, response, payload, limit)

    def forget(self, keys: Set[Hashable]) -> None:
        """End what depends on one of these keys."""
        for key in [key for key, each in self.held.items() if each.holding.key in keys]:
            del self.held[key]


class Asking:
    """Questions of one type, asked in one way, for names of one zone; what was learned of them by kind of answer."""

    def __init__(self, holding: Holding, message: Message, payload: int, firsts: Firsts) -> None:
        self.holding = holding
        self.payload = payload
        self.kinds: dict[tuple[bool, bool, bool], _Kind] = {}
        self._type, self._klass = message.question.type, message.question.klass
        self._told = message.edns is not None
        self._tries = 0
        self._firsts = firsts

    def limit(self, payload: int, transport: Transport) -> int:
        """The most bytes that a reply may have to a client who can take `payload` over UDP; 0 where it says nothing."""
        if transport is Transport.tcp:
            return LARGEST
        return limited(payload, self.payload) if payload > SMALLEST else SMALLEST

    def at_once(self, left: Sequence[bytes], asked: Bare, size: int, transport: Transport) -> Lying | None:
        """The reply to a query of `size` bytes for a name whose folded labels before the zone are `left`."""
        key, question, payload = asked
        limit = self.limit(payload, transport)
        brief = self.holding.brief(key[:_BEHIND_FOLDED], left, self._type, told=self._told)
        kind = self.kinds.get(_shape_of(brief)) if brief is not None else None
        if brief is not None and kind is not None:
            body = kind.body(brief, question, limit)
            if body is not None:
                return kind.lying(brief.reason, size, body)
        found = self.find(key, question, limit)
        return found.lying(size) if found is not None else None

    def whole(self, left: Sequence[bytes], asked: Bare, transport: Transport) -> Whole | None:
        """The same as it can be kept."""
        key, question, payload = asked
        limit = self.limit(payload, transport)
        brief = self.holding.brief(key[:_BEHIND_FOLDED], left, self._type, told=self._told)
        kind = self.kinds.get(_shape_of(brief)) if brief is not None else None
        if brief is not None and kind is not None:
            ready = kind.ready(brief, question, limit)
            if ready is not None:
                return Whole(ready, kind.keep(brief.reason, self.holding.keys(left)), kind.payload, limit)
        found = self.find(key, question, limit)
        return found.whole(len(question)) if found is not None else None

    def find(self, key: bytes, asked: bytes, limit: int) -> Found | None:
        """The reply in at most so many bytes to a question `asked`, its type and class behind the name."""
        question = Question(asked[:_BEHIND_NAME], key[:_BEHIND_FOLDED], self._type, self._klass)
        plain = self.holding.plain(question, told=self._told)
        if plain is None:
            return None
        kind = self.kinds.get(_shape(plain.answer, plain.additional))
        return kind.found(question, asked, plain, limit) if kind is not None else None

    def learn(self, message: Message, ready: Ready, response: Response, payload: int, limit: int) -> None:
        """See `Holdings`."""
        if (
            self._tries >= _TRIES
            or ready.truncated
            or [rrset.type for rrset in response.answer] not in ([], [self._type])
        ):
            return
        shape = _shape(response.answer[0] if response.answer else None, response.additional)
        if shape in self.kinds:
            return
        self._tries += 1
        plain = self.holding.plain(message.question, told=self._told)
        if plain is None or not _is_from(response, plain, self.holding):
            return
        kind = _Kind(self.holding, message, ready, response, payload, self._firsts)
        asked = message.question.name + _PAIR(self._type, self._klass)
        found = kind.found(message.question, asked, plain, limit)
        if found is not None and found.whole(len(asked)).ready == ready:
            self.kinds[shape] = kind


class _Kind:
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


def _shape(answer: RRset | None, additional: Sequence[RRset]) -> tuple[bool, bool, bool]:
    """What those who let records take turns go by, besides the type: whether there is an RRset, and one of several."""
    if answer is None:
        return _NO_DATA
    if not additional:
        return _SEVERAL if len(answer.rdatas) > 1 else _ONE
    return True, len(answer.rdatas) > 1, any(len(rrset.rdatas) > 1 for rrset in additional)


def _shape_of(brief: Brief) -> tuple[bool, bool, bool]:
    """The same."""
    count = len(brief.rdatas)
    return _ONE if count == 1 else _SEVERAL if count else _NO_DATA


def _is_from(response: Response, plain: Plain, holding: Holding) -> bool:
    """Whether that is the holder's answer, with nothing that its reply does not tell."""
    keep = response.keep
    if keep.depends_on != plain.depends_on | {holding.key} or keep.tallies[:1] != (holding.tally(plain.reason),):
        return False
    if response.rcode != RCode.NOERROR or response.options or response.authentic:
        return False
    return [rrset.type for rrset in response.authority] == ([] if plain.answer else [RRType.SOA])
