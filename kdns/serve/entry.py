"""An answer that is kept ready, and the bytes that lead to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from kdns.chain import Keep, Transport
from kdns.proto.encode import LARGEST
from kdns.proto.name import Name
from kdns.proto.ready import Ready

OVERHEAD = 1000
"""Bytes that an entry costs besides its reply: keys, tables, its Keep, objects (measured with tracemalloc)."""


_KINDS = 8192
"""Replies that others are told of as: some 500 bytes each."""


class Whole(NamedTuple):
    """A reply to be kept, and what `Memo.keep` wants with it: what OPT says, and the limit that it was written for."""

    ready: Ready
    keep: Keep
    payload: int
    limit: int = LARGEST


class Lying:
    """A reply that lies ready for a query of `asked` bytes. `keep` says who is told of it.

    `body` is all but its id, `size` that of the whole in bytes, `address` where `body` lies in memory: set by who sends
    it from there, 0 until then. It counts as another that is like it, if there is one: of those there are fewer.
    """

    __slots__ = ("address", "asked", "body", "counts_as", "keep", "size")

    def __init__(self, keep: Keep, asked: int, body: bytes) -> None:
        self.keep = keep
        self.asked = asked
        self.body = body
        self.size = len(body) + 2
        self.address = 0
        self.counts_as: Lying | None = None

    @property
    def length(self) -> int:
        """Bytes of the reply as it was given."""
        return self.size

    def found(self) -> None:
        """Remember that it was given."""


class Firsts:
    """Replies that are made for one query each, by keep and sizes: all of a kind are told of as its first.

    There are no more than `_KINDS`, whatever is asked: a kind that comes after those begins anew with all others.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int], Lying] = {}

    def __len__(self) -> int:
        return len(self._known)

    def counted(self, lying: Lying) -> Lying:
        """The same reply, counting as the first like it, which holds its keep: so that may be known by identity."""
        kind = id(lying.keep), lying.asked, lying.size
        first = self._known.get(kind)
        if first is not None:
            lying.counts_as = first
            return lying
        if len(self._known) >= _KINDS:
            self._known.clear()
        self._known[kind] = lying
        return lying


class Alias(Lying):
    """A query's bytes behind its id, on one transport, that lead to an entry.

    `body` is empty, and `size` and `address` are 0, while it has to be made for each query, or once more.
    `variants` are replies that lie ready, by which record comes first; `sized` those to queries of other sizes.
    """

    __slots__ = ("entry", "sized", "transport", "variants", "wire")

    def __init__(self, entry: Entry, transport: Transport, wire: bytes) -> None:
        super().__init__(entry.keep, len(wire) + 2, b"")
        self.entry = entry
        self.transport = transport
        self.wire = wire
        self.variants: dict[int, Variant] | None = None
        self.sized: dict[int, Variant] | None = None
        self.size = 0

    @property
    def length(self) -> int:
        """Bytes of the reply as it was given, though it may not lie ready any more."""
        return self.entry.size

    def found(self) -> None:
        """Remember that it was given."""
        self.entry.recent = True

    def lay(self, body: bytes) -> Alias:
        """Have this ready."""
        self.body, self.size, self.address = body, len(body) + 2, 0
        return self

    def wear(self) -> None:
        """What lay ready is not what is to be sent now."""
        self.body, self.size, self.address = b"", 0, 0
        self.variants = self.sized = None


class Variant(Lying):
    """Another reply of an alias: with its records begun elsewhere, or to a query of another size."""

    __slots__ = ("entry",)

    def __init__(self, alias: Alias, body: bytes, asked: int = 0) -> None:
        super().__init__(alias.keep, asked or alias.asked, body)
        self.entry = alias.entry

    def found(self) -> None:
        """Remember that it was given."""
        self.entry.recent = True


@dataclass(slots=True, eq=False)
class Entry:
    """An answer that is kept, its question in folded letters.

    `key` is that of the memo, `asked` the part of it that is the question's; `payload` the most bytes that this
    server sends over UDP to such a question.

    `turn` counts its replies, so that round robin goes on from hit to hit; `recent` tells that it was found
    since the memo last looked for room, `proven` that it has been so before. `serial` is what its SOA
    shows as far as is known: it may have risen while the reply was made. `age` is how many seconds its
    TTLs have counted down, `size` that of the reply in bytes. `dated` tells that the memo will see to its end or the
    next second of its TTLs. `cost` is what it takes in bytes, `laid` what of it are the variants of its aliases.
    """

    key: bytes
    asked: bytes
    name: Name
    ready: Ready
    keep: Keep
    payload: int
    aliases: list[Alias] = field(default_factory=list)
    turn: int = 0
    recent: bool = False
    proven: bool = False
    serial: int = -1
    age: int = 0
    dated: bool = False
    size: int = 0
    cost: int = 0
    laid: int = 0

    def __post_init__(self) -> None:
        self.size = len(self.ready)
        self.cost = OVERHEAD + len(self.ready.head) + len(self.ready.ring) + len(self.ready.tail)

    def next_body(self, now: float, name: Name | None = None) -> bytes:
        """The next reply behind its id, with the question's name as this client wrote it. `now` is loop time."""
        ready = self.current(now)
        self.turn += 1
        body = ready.body(self.turn)
        if name is not None and name != self.name:
            return body[:10] + name + body[10 + len(name) :]
        return body

    def current(self, now: float) -> Ready:
        """The reply with the serial and the TTLs of now, loop time in seconds."""
        keep = self.keep
        if keep.aging is not None and (age := int(now - keep.aging)) != self.age:
            self.ready, self.age = self.ready.aged(age - self.age), age
        if keep.serial is not None and self.ready.serial_at:
            serial = keep.serial()
            if serial != self.serial:
                self.ready, self.serial = self.ready.with_serial(serial), serial
        return self.ready
