"""First questions for names that exist, answered by whoever holds their zone, without the chain.

The chain has answered one of the kind: what those before the holder made of its answer (who counts it, whose turn
it is, flags, OPT) they make of the others, too (`chain.SAME_FOR_ALL_NAMES`). So a reply is put together from the
holder's answer (`Plain`) and what was learned; if it is not, to the byte, what the chain made of the first, nothing is.

Held is what was learned for each zone, type and way of asking; nothing is kept for each name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence, Set
from struct import Struct
from typing import NamedTuple

from kdns.chain import Holding, Keep, Plain, Response, Tally, Transport
from kdns.proto.encode import LARGEST, SMALLEST, encode, limited, opt_of, opt_saying
from kdns.proto.glance import Glance, key_of
from kdns.proto.message import Message, Question, Reply
from kdns.proto.name import Name, is_at_or_below
from kdns.proto.ready import Ready
from kdns.proto.record import SERIAL_FROM_END, RRset
from kdns.proto.single import single
from kdns.proto.types import RCode, RRType
from kdns.serve.entry import Firsts, Lying, Whole
from kdns.serve.tails import HEAD, Tails, no_serial

_MOST = 1000
"""Zones, types and ways of asking; of each there are few."""
_TRIES = 64
"""Replies of each that are looked at whether they can be learned from."""
_TYPES = frozenset({RRType.A, RRType.AAAA, RRType.SRV, RRType.PTR})
_FLAGS = 2
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
        return self.kind.lying(self.plain.tally, asked, self.body)

    def whole(self, size: int) -> Whole:
        """One that can be kept; `size` is that of the question in bytes."""
        ready = self.ready or Ready(self.body, serial_at=self.kind.serial_at(size))
        return Whole(ready, self.kind.keep_of(self.plain), self.kind.payload, self.limit)


class Holdings:
    """What was learned for one listener; about at most `most` ways of asking."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._held: dict[bytes, _Asking] = {}  # by the key of a question for the zone
        self._firsts = Firsts()

    def __len__(self) -> int:
        return sum(len(each.kinds) for each in self._held.values())

    def find(self, seen: Glance, transport: Transport) -> Found | None:
        """The reply to a query for a name of a zone that is held."""
        key, asked, _, payload, _ = seen
        asking = self._closest(key)
        if asking is None:
            return None
        if transport is Transport.tcp:
            return asking.find(key, asked, LARGEST)
        return asking.find(key, asked, limited(payload, asking.payload) if payload > SMALLEST else SMALLEST)

    def _closest(self, key: bytes) -> _Asking | None:
        held = self._held
        at, length = 0, key[0] if held else 0
        while length:
            found = held.get(key[at:])
            if found is not None:
                return found
            at += 1 + length
            length = key[at]
        return None

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
        asking = self._held.get(key)
        if asking is None:
            is_shared = any(zone != holding.zone and is_at_or_below(zone, holding.zone) for zone in zones)
            if is_shared or len(self._held) >= self._most:
                return
            asking = self._held[key] = _Asking(holding, message, payload, self._firsts)
        asking.learn(message, ready, response, payload, limit)

    def forget(self, keys: Set[Hashable]) -> None:
        """End what depends on one of these keys."""
        for key in [key for key, each in self._held.items() if each.holding.key in keys]:
            del self._held[key]


class _Asking:
    """Questions of one type, asked in one way, for names of one zone; what was learned of them by kind of answer."""

    def __init__(self, holding: Holding, message: Message, payload: int, firsts: Firsts) -> None:
        self.holding = holding
        self.payload = payload
        self.kinds: dict[tuple[bool, bool, bool], _Kind] = {}
        self._type, self._klass = message.question.type, message.question.klass
        self._told = message.edns is not None
        self._tries = 0
        self._firsts = firsts

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
        self._key = holding.key
        self._message, self._response = message, response
        self._flags = ready.head[:_FLAGS]
        self._tails = Tails(response.authority[0]) if response.authority else None
        self._serial = response.keep.serial or no_serial
        self._opt = opt_of(message, payload)
        self._above = response.keep.tallies[1:]
        self._keeps: dict[Tally, Keep] = {}
        self._firsts = firsts
        self._turn = 0
        self.payload = payload

    def found(self, question: Question, asked: bytes, plain: Plain, limit: int) -> Found | None:
        """The reply in at most so many bytes; None where there is no data and that is too long to say."""
        body = self._simple(question, asked, plain)
        if body is not None and len(body) + 2 <= SMALLEST:
            return Found(self, plain, body, None, SMALLEST)
        if plain.answer is None:
            return None
        ready = self._written(question, plain, plain.answer, limit)
        self._turn += 1
        return Found(self, plain, ready.body(self._turn), ready, limit)

    def _simple(self, question: Question, asked: bytes, plain: Plain) -> bytes | None:
        """Of parts, where there is one record or no data."""
        opt = self._opt if plain.ede is None else opt_saying(self._opt, plain.ede.code, plain.ede.text.encode())
        if plain.answer is None:
            return self._flags + _COUNTS(1, 0, 1, bool(opt)) + asked + self._tail(len(asked)) + opt
        records = single(question, plain.answer, plain.additional)
        if records is None:
            return None
        return self._flags + _COUNTS(1, 1, 0, len(plain.additional) + bool(opt)) + asked + records + opt

    def _written(self, question: Question, plain: Plain, answer: RRset, limit: int) -> Ready:
        like = self._response
        reply = Reply(
            answer=(answer,),
            additional=plain.additional,
            authoritative=like.authoritative,
            recursion=like.recursion,
            desired=like.desired,
            turn=like.turn,
        )
        return encode(self._message._replace(question=question), reply, limit, self.payload)

    def _tail(self, size: int) -> bytes:
        return self._tails.of(size, self._serial()) if self._tails is not None else b""

    def lying(self, tally: Tally, asked: int, body: bytes) -> Lying:
        """A reply that counts as the first of the same sizes."""
        keep = self._keeps.get(tally)
        if keep is None:
            keep = self._keeps[tally] = self._keep(tally, frozenset())
        return self._firsts.counted(Lying(keep, asked, body))

    def keep_of(self, plain: Plain) -> Keep:
        """What may be done with the reply."""
        return self._keep(plain.tally, plain.depends_on | {self._key})

    def _keep(self, tally: Tally, depends_on: frozenset[Hashable]) -> Keep:
        keep = self._response.keep
        return Keep(keep.scope, depends_on=depends_on, tallies=(tally, *self._above), serial=keep.serial)

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


def _is_from(response: Response, plain: Plain, holding: Holding) -> bool:
    """Whether that is the holder's answer, with nothing that its reply does not tell."""
    keep = response.keep
    if keep.depends_on != plain.depends_on | {holding.key} or keep.tallies[:1] != (plain.tally,):
        return False
    if response.rcode != RCode.NOERROR or response.options or response.authentic:
        return False
    return [rrset.type for rrset in response.authority] == ([] if plain.answer else [RRType.SOA])
