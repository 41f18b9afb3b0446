"""Answers ready to send, until what they were made from changes.

Two tables. `_aliases` maps a query's bytes, all but its id, to the answer: a hit reads nothing of
the message. `_entries` maps what the answer really depends on (the folded question, the flags that
are echoed, EDNS and DO): it serves the same question in other letters, with other cookies, over
TCP. An alias is kept only for plain queries, so random case and cookies cannot fill the table.

A change names keys; each answer names the keys it was made from; `forget` ends exactly those
that share one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kdns.chain import Keep, Scope, Transport
from kdns.proto.message import Message
from kdns.proto.name import Name
from kdns.proto.ready import Ready
from kdns.proto.types import Flag

_ECHOED = Flag.RD | Flag.CD
_ALIASES_EACH = 8
_OVERHEAD = 600
"""Bytes that an entry costs besides its reply: keys, tables, objects (measured with tracemalloc)."""


class Asked(NamedTuple):
    """What of a query shapes its answer. `room` is the limit that cut the reply, 0 for a whole one."""

    question: bytes
    type: int
    klass: int
    flags: int
    edns: bool
    do: bool
    room: int = 0


def asked(message: Message) -> Asked:
    """The part of a message that its answer depends on."""
    question, edns = message.question, message.edns
    flags = message.flags & _ECHOED
    return Asked(question.folded, question.type, question.klass, flags, edns is not None, bool(edns and edns.do))


@dataclass(slots=True)
class Entry:
    """An answer that is kept, its question in folded letters.

    `turn` counts its replies, so that round robin goes on from hit to hit; `recent` tells that one
    went out since the memo last looked for room. `serial` is what its SOA shows as far as is known:
    it may have risen while the reply was made.
    """

    asked: Asked
    ready: Ready
    keep: Keep
    aliases: list[tuple[Transport, bytes]] = field(default_factory=list)
    turn: int = 0
    recent: bool = False
    serial: int = -1

    def next_body(self, name: Name | None = None) -> bytes:
        """The next reply behind its id, with the question's name as this client wrote it."""
        ready = self.current()
        if name is not None and name != self.asked.question:
            ready = ready.asked_as(name)
        self.turn += 1
        self.recent = True
        return ready.body(self.turn)

    def current(self) -> Ready:
        """The reply with the serial of now."""
        if self.keep.serial is not None and self.ready.serial_at:
            serial = self.keep.serial()
            if serial != self.serial:
                self.ready, self.serial = self.ready.with_serial(serial), serial
        return self.ready


class Memo:
    """The answers of one listener. `capacity` is in bytes; `clock` is loop time in seconds.

    The oldest answers go first when it is full; one that is hit meanwhile gets a second chance.
    """

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self.epoch = 0
        self.size = 0
        self._capacity = capacity
        self._clock = clock
        self._entries: dict[Asked, Entry] = {}
        self._aliases: dict[tuple[Transport, bytes], Entry] = {}
        self._dependents: dict[Hashable, set[Asked]] = {}
        self._first = 0

    def __len__(self) -> int:
        return len(self._entries)

    def known(self, wire: bytes, transport: Transport) -> Entry | None:
        """The answer to exactly these bytes, the id aside."""
        entry = self._aliases.get((transport, wire[2:]))
        return self._alive(entry) if entry is not None else None

    def find(self, message: Message, limit: int) -> Entry | None:
        """The answer to this question if it fits into `limit` bytes."""
        key = asked(message)
        entry = self._entries.get(key)
        if entry is None or len(entry.ready) > limit:
            entry = self._entries.get(key._replace(room=limit))
        return self._alive(entry) if entry is not None else None

    def _alive(self, entry: Entry) -> Entry | None:
        until = entry.keep.until
        if until is not None and until <= self._clock():
            self._drop(entry)
            return None
        return entry

    def keep(self, message: Message, ready: Ready, keep: Keep, *, limit: int, since: int) -> Entry | None:
        """Keep a reply that was begun at epoch `since`; None when it may not be kept.

        What was forgotten while the chain was at work may be what this answer was made from: then
        it is not kept, and the next question makes it anew.
        """
        if keep.scope != Scope.EVERYBODY or (keep.depends_on and since != self.epoch):
            return None
        key = asked(message)._replace(room=limit if ready.shrunk else 0)
        if old := self._entries.get(key):
            self._drop(old)
        folded = ready.asked_as(key.question)
        self._first += 1  # if every answer began at its first record, that would have all after each change
        entry = Entry(key, folded, keep, turn=self._first)
        self._entries[key] = entry
        self.size += _cost(entry)
        for name in keep.depends_on:
            self._dependents.setdefault(name, set()).add(key)
        self._make_room()
        return entry

    def alias(self, entry: Entry, wire: bytes, transport: Transport, message: Message) -> None:
        """Let these bytes lead to the entry without decoding, if they are what plain clients send."""
        plain = message.question.name == message.question.folded and not (message.edns and message.edns.options)
        if plain and len(entry.aliases) < _ALIASES_EACH and self._entries.get(entry.asked) is entry:
            alias = (transport, wire[2:])
            if alias not in self._aliases:
                self._aliases[alias] = entry
                entry.aliases.append(alias)
                self.size += len(wire)

    def forget(self, keys: Iterable[Hashable]) -> int:
        """End every answer that depends on one of these keys; how many those were."""
        self.epoch += 1
        before = len(self._entries)
        # Whichever are fewer: a first list names a hundred thousand keys while hardly an answer is kept.
        for name in self._dependents.keys() & set(keys):
            for key in self._dependents.pop(name, ()):
                if entry := self._entries.get(key):
                    self._drop(entry)
        return before - len(self._entries)

    def _make_room(self) -> None:
        while self.size > self._capacity and self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.recent:
                entry.recent = False
                self._entries[key] = self._entries.pop(key)
            else:
                self._drop(entry)

    def _drop(self, entry: Entry) -> None:
        if self._entries.get(entry.asked) is not entry:
            return
        del self._entries[entry.asked]
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
