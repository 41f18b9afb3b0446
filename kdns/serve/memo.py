"""Answers ready to send, until what they were made from changes.

An answer is found in two ways. `_aliases` maps a query's bytes, all but its id, to it: a hit reads nothing
of the message. The two parts map what it really depends on (the folded question, the flags that
are echoed, EDNS and DO): it serves the same question in other letters, with other cookies, over
TCP. An alias is kept only for plain queries, so random case and cookies cannot fill the table.

A change names keys; each answer names the keys it was made from; `forget` ends exactly those
that share one.

A new answer is on probation: when room is needed the oldest of those go first, and those that were given again
meanwhile move to the main part. So names that are asked for once, a million of them, pass through a tenth
of the memo and leave the others alone (the idea of S3-FIFO, Yang et al. 2023).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kdns.chain import Keep, Scope, Transport
from kdns.proto.message import Message
from kdns.proto.name import Name
from kdns.proto.ready import Ready
from kdns.proto.types import Flag, Option

_ECHOED = Flag.RD | Flag.CD
_ALIASES_EACH = 8
_SHARE = 10
"""Probation is a tenth of the memo while the main part takes the rest."""
_OVERHEAD = 1000
"""Bytes that an entry costs besides its reply: keys, tables, its Keep, objects (measured with tracemalloc)."""


class Asked(NamedTuple):
    """What of a query shapes its answer. `room` is the limit that cut the reply, 0 for a whole one.

    `nsid` tells that the server's identifier was asked for (RFC 5001), the one EDNS option that is answered.
    """

    question: bytes
    type: int
    klass: int
    flags: int
    edns: bool
    do: bool
    room: int = 0
    nsid: bool = False


def asked(message: Message) -> Asked:
    """The part of a message that its answer depends on."""
    question, edns = message.question, message.edns
    flags = message.flags & _ECHOED
    if edns is None:
        return Asked(question.folded, question.type, question.klass, flags, edns=False, do=False)
    nsid = bool(edns.options) and any(code == Option.NSID for code, _ in edns.options)
    return Asked(question.folded, question.type, question.klass, flags, edns=True, do=edns.do, nsid=nsid)


@dataclass(slots=True)
class Entry:
    """An answer that is kept, its question in folded letters.

    `turn` counts its replies, so that round robin goes on from hit to hit; `recent` tells that it was found
    since the memo last looked for room, `proven` that it has been so before. `serial` is what its SOA
    shows as far as is known: it may have risen while the reply was made. `age` is how many seconds its
    TTLs have counted down.
    """

    asked: Asked
    ready: Ready
    keep: Keep
    aliases: list[tuple[Transport, bytes]] = field(default_factory=list)
    turn: int = 0
    recent: bool = False
    proven: bool = False
    serial: int = -1
    age: int = 0

    def next_body(self, now: float, name: Name | None = None) -> bytes:
        """The next reply behind its id, with the question's name as this client wrote it. `now` is loop time."""
        ready = self.current(now)
        if name is not None and name != self.asked.question:
            ready = ready.asked_as(name)
        self.turn += 1
        return ready.body(self.turn)

    def current(self, now: float) -> Ready:
        """The reply with the serial and the TTLs of now, loop time in seconds."""
        if self.keep.aging is not None and (age := int(now - self.keep.aging)) != self.age:
            self.ready, self.age = self.ready.aged(age - self.age), age
        if self.keep.serial is not None and self.ready.serial_at:
            serial = self.keep.serial()
            if serial != self.serial:
                self.ready, self.serial = self.ready.with_serial(serial), serial
        return self.ready


class Memo:
    """The answers of one listener. `capacity` is in bytes; `clock` is loop time in seconds."""

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self.epoch = 0
        self.size = 0
        self._capacity = capacity
        self._clock = clock
        self._probation: OrderedDict[Asked, Entry] = OrderedDict()
        self._main: OrderedDict[Asked, Entry] = OrderedDict()
        self._on_probation = 0
        self._aliases: dict[tuple[Transport, bytes], Entry] = {}
        self._dependents: dict[Hashable, set[Asked]] = {}
        self._first = 0

    def __len__(self) -> int:
        return len(self._probation) + len(self._main)

    def known(self, wire: bytes, transport: Transport) -> Entry | None:
        """The answer to exactly these bytes, the id aside."""
        entry = self._aliases.get((transport, wire[2:]))
        return self._alive(entry) if entry is not None else None

    def find(self, message: Message, limit: int) -> Entry | None:
        """The answer to this question if it fits into `limit` bytes."""
        key = asked(message)
        entry = self._shown(key, message)
        if entry is None or len(entry.ready) > limit:
            entry = self._shown(key._replace(room=limit), message)
        return self._alive(entry) if entry is not None else None

    def _shown(self, key: Asked, message: Message) -> Entry | None:
        """Only an authentic answer differs by the query's AD: then those who set it have an entry of their own."""
        entry = self._get(key)
        if message.flags & Flag.AD and (entry is None or entry.ready.authentic):
            return self._get(key._replace(flags=key.flags | Flag.AD))
        return entry

    def _get(self, key: Asked) -> Entry | None:
        return self._main.get(key) or self._probation.get(key)

    def _alive(self, entry: Entry) -> Entry | None:
        until = entry.keep.until
        if until is not None and until <= self._clock():
            self._drop(entry)
            return None
        entry.recent = True
        return entry

    def keep(self, message: Message, ready: Ready, keep: Keep, *, limit: int, since: int) -> Entry | None:
        """Keep a reply that was begun at epoch `since`; None when it may not be kept.

        What was forgotten while the chain was at work may be what this answer was made from: then
        it is not kept, and the next question makes it anew.
        """
        if keep.scope != Scope.EVERYBODY or (keep.depends_on and since != self.epoch):
            return None
        key = asked(message)
        shown = message.flags & Flag.AD if ready.authentic else 0
        key = key._replace(flags=key.flags | shown, room=limit if ready.shrunk else 0)
        folded = ready.asked_as(key.question)
        self._first += 1  # if every answer began at its first record, that would have all after each change
        entry = Entry(key, folded, keep, turn=self._first)
        if old := self._get(key):
            entry.proven = old.proven
            self._drop(old)
        self._enter(entry)
        self.size += _cost(entry)
        for name in keep.depends_on:
            self._dependents.setdefault(name, set()).add(key)
        self._make_room()
        return entry

    def alias(self, entry: Entry, wire: bytes, transport: Transport, message: Message) -> None:
        """Let these bytes lead to the entry without decoding, if they are what plain clients send."""
        plain = message.question.name == message.question.folded and not (message.edns and message.edns.options)
        if plain and len(entry.aliases) < _ALIASES_EACH and self._get(entry.asked) is entry:
            alias = (transport, wire[2:])
            if alias not in self._aliases:
                self._aliases[alias] = entry
                entry.aliases.append(alias)
                self.size += len(wire)

    def forget(self, keys: Iterable[Hashable]) -> int:
        """End every answer that depends on one of these keys; how many those were."""
        self.epoch += 1
        before = len(self)
        # Whichever are fewer: a first list names a hundred thousand keys while hardly an answer is kept.
        for name in self._dependents.keys() & set(keys):
            for key in self._dependents.pop(name, ()):
                if entry := self._get(key):
                    self._drop(entry)
        return before - len(self)

    def _make_room(self) -> None:
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
            self._main[entry.asked] = entry
        else:
            self._probation[entry.asked] = entry
            self._on_probation += _cost(entry)

    def _leave(self, entry: Entry) -> None:
        if entry.proven:
            del self._main[entry.asked]
        else:
            del self._probation[entry.asked]
            self._on_probation -= _cost(entry)

    def _drop(self, entry: Entry) -> None:
        if self._get(entry.asked) is not entry:
            return
        self._leave(entry)
        self.size -= _cost(entry) + sum(len(wire) + 2 for _, wire in entry.aliases)
        for alias in entry.aliases:
            del self._aliases[alias]
        for name in entry.keep.depends_on:
            dependents = self._dependents.get(name)
            if dependents is not None:
                dependents.discard(entry.asked)
                if not dependents:
                    del self._dependents[name]


def _cost(entry: Entry) -> int:
    return _OVERHEAD + len(entry.ready.head) + len(entry.ready.ring) + len(entry.ready.tail)
