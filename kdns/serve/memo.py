"""Answers ready to send, until what they were made from changes.

An answer is found in two ways. `ready` maps a query's bytes, all but its id, to it: a hit reads nothing
of the message. The two parts map what it really depends on (the folded question, the flags that
are echoed, EDNS and DO): it serves the same question in other letters, with other cookies, over
TCP. Bytes are kept only of plain queries, so random case and cookies cannot fill the table.

A change names keys; each answer names the keys it was made from; `forget` ends exactly those
that share one.

A new answer is on probation: when room is needed the oldest of those go first, and those that were given again
meanwhile move to the main part. So names that are asked for once, a million of them, pass through a tenth
of the memo and leave the others alone (the idea of S3-FIFO, Yang et al. 2023).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from heapq import heappop, heappush
from itertools import count, islice
from math import inf

from kdns.chain import Keep, Scope, Transport
from kdns.proto.encode import LARGEST, PAYLOAD, SMALLEST
from kdns.proto.glance import NAME_AT, Glance, key_of
from kdns.proto.message import Message
from kdns.proto.ready import Ready
from kdns.proto.types import Flag
from kdns.serve.denials import Denials
from kdns.serve.entry import Alias, Entry, Lying, Variant
from kdns.serve.holdings import Holdings
from kdns.serve.lately import Lately

_AD = int(Flag.AD)
_SET_AD = b"\1"
_NAME = NAME_AT - 2
_FIXED, _OPT = 16, 11
"""Bytes of a query's header, type and class; of an OPT without options."""
_ALIASES_EACH = 8
_SIZES_EACH = 8
_SHARE = 10
"""Probation is a tenth of the memo while the main part takes the rest."""
_ALIAS = 300
"""Bytes that an alias costs besides what it holds, its place in the table included."""
_IN_TURNS = 64 * 1024
"""Bytes that the replies of one alias may take together, where records take turns; else each is made for its query."""
_FOR = 1.0
"""Seconds for which bytes whose end is known lie ready before they are made once more."""


class Memo:
    """The answers of one listener. `capacity` is in bytes; `clock` is loop time in seconds.

    `denials` are of the names that no answer is kept for, `holdings` for first questions; `lately` tells which of
    both come again.

    `due` is the loop time at which `wear` wants to be called, before `ready` is looked into. `catch_up` is called
    before answers are dropped for want of room: whoever has not said yet which were given (`Entry.recent`) does then.
    """

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self.epoch = 0
        self.denials = Denials()
        self.holdings = Holdings()
        self.lately = Lately()
        self.size = 0
        self.due = inf
        self.ready: dict[Transport, dict[bytes, Alias]] = {transport: {} for transport in Transport}
        self._capacity = capacity
        self._clock = clock
        self._probation: OrderedDict[bytes, Entry] = OrderedDict()
        self._main: OrderedDict[bytes, Entry] = OrderedDict()
        self._on_probation = 0
        self._cut: dict[bytes, dict[bytes, Entry]] = {}
        self._dependents: dict[Hashable, set[bytes]] = {}
        self._first = 0
        self._dated: list[tuple[float, int, Entry]] = []
        self._order = count()
        self._numbered: set[Entry] = set()
        self.catch_up: Callable[[], None] = _nothing

    def __len__(self) -> int:
        return len(self._probation) + len(self._main)

    # Looking.

    def known(self, wire: bytes, transport: Transport) -> Entry | None:
        """The answer to exactly these bytes, the id aside."""
        alias = self.ready[transport].get(wire[2:])
        return self._alive(alias.entry) if alias is not None else None

    def fresh(self, alias: Alias) -> Lying | None:
        """The reply to be sent now to who asks with these bytes; None if the answer is over."""
        entry = alias.entry
        if self._alive(entry) is None:
            return None
        now = self._clock()
        if self.due <= now:  # until somebody sees to that, others may lie ready beside it whose time is over
            return Variant(alias, entry.next_body(now))
        if entry.ready.turns > 1:
            return self._next_variant(alias, now)
        alias.lay(entry.next_body(now))
        self._mark(entry, now)
        return alias

    def like(self, alias: Alias, query: bytes) -> Lying | None:
        """The reply to a query, behind its id, that differs from the alias's bytes by letters and options alone."""
        found = alias if alias.size and self._clock() < self.due else self.fresh(alias)
        if found is None:
            return None
        asked, entry = len(query) + 2, alias.entry
        if asked != found.asked:
            found = self._sized(alias, found, asked)
        name = query[_NAME : _NAME + len(entry.name)]
        if name == entry.name:
            return found
        body = found.body
        echoing = Lying(alias.keep, asked, body[:_NAME] + name + body[_NAME + len(name) :])
        echoing.counts_as = found
        return echoing

    def _sized(self, alias: Alias, found: Lying, asked: int) -> Lying:
        if found is not alias:  # records take turns
            return Variant(alias, found.body, asked)
        if alias.sized is None:
            alias.sized = {}
        sized = alias.sized.get(asked)
        if sized is None:
            sized = Variant(alias, found.body, asked)
            if len(alias.sized) < _SIZES_EACH:
                alias.sized[asked] = sized
                alias.entry.laid += _ALIAS
                self._grow(alias.entry, _ALIAS)
        return sized

    def _next_variant(self, alias: Alias, now: float) -> Variant:
        entry = alias.entry
        place = (entry.turn + 1) % entry.ready.turns
        if alias.variants is None:
            alias.variants = {}
        variant = alias.variants.get(place)
        if variant is not None:
            entry.turn += 1
            return variant
        variant = Variant(alias, entry.next_body(now))
        if entry.ready.turns * (variant.size + _ALIAS) <= _IN_TURNS:
            alias.variants[place] = variant
            entry.laid += variant.size + _ALIAS
            self._grow(entry, variant.size + _ALIAS)
            self._mark(entry, now)
        return variant

    def _mark(self, entry: Entry, now: float) -> None:
        """See to it that what is laid ready for an entry is worn once it is not what is to be sent any more."""
        keep = entry.keep
        if keep.serial is not None and entry.ready.serial_at:
            self._numbered.add(entry)
        if not entry.dated and (keep.until is not None or keep.aging is not None):
            ends = [now + _FOR]
            if keep.until is not None:
                ends.append(keep.until)
            if keep.aging is not None:
                ends.append(keep.aging + entry.age + 1)
            entry.dated = True
            heappush(self._dated, (min(ends), next(self._order), entry))
            self.due = self._dated[0][0]

    def wear(self, now: float) -> None:
        """Make sure that nothing lies ready whose time is over, or whose TTLs have come down since."""
        dated = self._dated
        while dated and dated[0][0] <= now:
            entry = heappop(dated)[2]
            entry.dated = False
            self._wear(entry)
        self.due = dated[0][0] if dated else inf

    def _wear(self, entry: Entry) -> None:
        for alias in entry.aliases:
            alias.wear()
        if entry.laid and self._get(entry.key) is entry:
            self._grow(entry, -entry.laid)
        entry.laid = 0

    def find(self, message: Message, limit: int) -> Entry | None:
        """The answer to this question if it fits into `limit` bytes."""
        return self._fitting(key_of(message), bool(message.flags & _AD), limit)

    def seen(self, seen: Glance, transport: Transport) -> Entry | None:
        """The answer to what was seen at a glance, if it fits."""
        if transport is Transport.tcp:
            return self._fitting(seen.key, seen.ad, LARGEST)
        if not seen.edns:
            return self._fitting(seen.key, seen.ad, SMALLEST)
        entry = self._shown(seen.key, seen.ad) or next(iter(self._cut.get(seen.key, {}).values()), None)
        if entry is None:
            return None
        limit = min(max(SMALLEST, seen.payload), max(SMALLEST, entry.payload))
        return self._fitting(seen.key, seen.ad, limit)

    def _fitting(self, key: bytes, ad: bool, limit: int) -> Entry | None:
        entry = self._shown(key, ad)
        if entry is None or entry.size > limit:
            entry = self._shown(_cut_key(key, limit), ad) if key in self._cut else None
        return self._alive(entry) if entry is not None else None

    def _shown(self, key: bytes, ad: bool) -> Entry | None:
        """Only an authentic answer differs by the query's AD: then those who set it have an entry of their own."""
        entry = self._get(key)
        if ad and (entry is None or entry.ready.authentic):
            return self._get(key + _SET_AD)
        return entry

    def _get(self, key: bytes) -> Entry | None:
        return self._main.get(key) or self._probation.get(key)

    def _alive(self, entry: Entry) -> Entry | None:
        until = entry.keep.until
        if until is not None and until <= self._clock():
            self._drop(entry)
            return None
        entry.recent = True
        return entry

    # Keeping.

    def keep(
        self, message: Message, ready: Ready, keep: Keep, *, limit: int, since: int, payload: int = PAYLOAD
    ) -> Entry | None:
        """Keep a reply that was begun at epoch `since`; None when it may not be kept.

        What was forgotten while the chain was at work may be what this answer was made from: then
        it is not kept, and the next question makes it anew. `payload` is the most that is sent over UDP to such
        a question, in bytes.
        """
        if keep.scope != Scope.EVERYBODY or (keep.depends_on and since != self.epoch):
            return None
        asked = key_of(message)
        key = _cut_key(asked, limit) if ready.shrunk else asked
        if ready.authentic and message.flags & _AD:
            key += _SET_AD
        self._first += 1  # if every answer began at its first record, that would have all after each change
        name = message.question.folded
        entry = Entry(key, asked, name, ready.asked_as(name), keep, payload, turn=self._first)
        if old := self._get(key):
            entry.proven = old.proven
            self._drop(old)
        self._enter(entry)
        self.size += entry.cost
        if ready.shrunk:
            self._cut.setdefault(asked, {})[key] = entry
        for each in keep.depends_on:
            self._dependents.setdefault(each, set()).add(key)
        self._make_room()
        return entry

    def alias(self, entry: Entry, wire: bytes, transport: Transport) -> None:
        """Let these bytes lead to the entry at once, if they are what plain clients send."""
        behind, bare = wire[2:], len(entry.name) + _FIXED
        plain = len(wire) in (bare, bare + _OPT) and wire.startswith(entry.name, NAME_AT)
        if plain and len(entry.aliases) < _ALIASES_EACH and self._get(entry.key) is entry:
            aliases = self.ready[transport]
            if behind not in aliases:
                alias = aliases[behind] = Alias(entry, transport, behind)
                entry.aliases.append(alias)
                self._grow(entry, _ALIAS + len(wire) + entry.size)

    def _grow(self, entry: Entry, size: int) -> None:
        entry.cost += size
        self.size += size
        if not entry.proven:
            self._on_probation += size

    # Letting go.

    def forget(self, keys: Iterable[Hashable]) -> int:
        """End every answer that depends on one of these keys; how many those were.

        A serial that an SOA shows rises only with a change that is told here.
        """
        self.epoch += 1
        before = len(self)
        # Whichever are fewer: a first list names a hundred thousand keys while hardly an answer is kept.
        named = set(keys)
        self.denials.forget(named)
        self.holdings.forget(named)
        for name in self._dependents.keys() & named:
            for key in self._dependents.pop(name, ()):
                if entry := self._get(key):
                    self._drop(entry)
        for entry in self._numbered:
            self._wear(entry)
        self._numbered.clear()
        return before - len(self)

    def shed(self, most: int) -> bool:
        """Let go of so many answers at most, and with the last of them of what is known of others; whether more are
        left. For one that is used no more: what lies about until the garbage is collected may lie there for ever.
        """
        for entry in [*islice(self._probation.values(), most), *islice(self._main.values(), most)][:most]:
            self._drop(entry)
        if len(self):
            return True
        self.denials, self.holdings, self.catch_up = Denials(), Holdings(), _nothing
        return False

    def _make_room(self) -> None:
        if self.size > self._capacity:
            self.catch_up()
        while self.size > self._capacity and len(self):
            crowded = len(self._probation) > 1 and self._on_probation * _SHARE > self._capacity
            part = self._probation if crowded or not self._main else self._main
            entry = next(iter(part.values()))
            if entry.recent:
                self._leave(entry)
                entry.recent, entry.proven = False, True
                self._enter(entry)
            else:
                self._drop(entry)

    def _enter(self, entry: Entry) -> None:
        if entry.proven:
            self._main[entry.key] = entry
        else:
            self._probation[entry.key] = entry
            self._on_probation += entry.cost

    def _leave(self, entry: Entry) -> None:
        if entry.proven:
            del self._main[entry.key]
        else:
            del self._probation[entry.key]
            self._on_probation -= entry.cost

    def _drop(self, entry: Entry) -> None:
        if self._get(entry.key) is not entry:
            return
        self._leave(entry)
        self.size -= entry.cost
        self._numbered.discard(entry)
        for alias in entry.aliases:
            del self.ready[alias.transport][alias.wire]
        entry.aliases.clear()  # or each would hold the other, until a full collection, which are rare, or for ever
        if entry.key != entry.asked and (cut := self._cut.get(entry.asked)):
            cut.pop(entry.key, None)
            if not cut:
                del self._cut[entry.asked]
        for name in entry.keep.depends_on:
            dependents = self._dependents.get(name)
            if dependents is not None:
                dependents.discard(entry.key)
                if not dependents:
                    del self._dependents[name]


def _cut_key(key: bytes, limit: int) -> bytes:
    """The key of an answer that was cut to `limit` bytes. A key ends by itself, so what follows mixes with no other."""
    return key + limit.to_bytes(2)


def _nothing() -> None:
    pass
