"""First questions for names that exist, answered by whoever holds their zone, without the chain.

The chain has answered one of the kind: what those before the holder made of its answer (who counts it, whose turn
it is, flags, OPT) they make of the others, too (`chain.SAME_FOR_ALL_NAMES`). So a reply is put together from the
holder's answer (`Brief`, or `Plain` where it is unusual) and what was learned; if that of the first is not, to the
byte, what the chain made of it, nothing is.

Held is what was learned for each zone, type and way of asking; nothing is kept for each name.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence, Set
from struct import Struct

from kdns.chain import Holding, Plain, Response, Transport
from kdns.proto.brief import Brief
from kdns.proto.encode import LARGEST, SMALLEST, limited
from kdns.proto.glance import Bare, key_of
from kdns.proto.message import Message, Question
from kdns.proto.name import Name, is_at_or_below
from kdns.proto.ready import Ready
from kdns.proto.record import RRset
from kdns.proto.types import RCode, RRType
from kdns.serve.entry import Firsts, Lying, Whole
from kdns.serve.kind import Found, Kind

_MOST = 1000
"""Zones, types and ways of asking; of each there are few."""
_TRIES = 64
"""Replies of each that are looked at whether they can be learned from."""
_TYPES = frozenset({RRType.A, RRType.AAAA, RRType.SRV, RRType.PTR})
_PAIR = Struct("!HH").pack
_NO_DATA, _ONE, _SEVERAL = (False, False, False), (True, False, False), (True, True, False)
_BEHIND_NAME, _BEHIND_FOLDED = -4, -5
"""Type and class; in a key, what it says of the way of asking, too."""


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
        self.kinds: dict[tuple[bool, bool, bool], Kind] = {}
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
        kind = Kind(self.holding, message, ready, response, payload, self._firsts)
        asked = message.question.name + _PAIR(self._type, self._klass)
        found = kind.found(message.question, asked, plain, limit)
        if found is not None and found.whole(len(asked)).ready == ready:
            self.kinds[shape] = kind


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
