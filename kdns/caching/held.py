"""A response in the cache."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from kdns.caching.kind import Kind
from kdns.chain import NOTHING, Keep, Query, Response
from kdns.proto.name import Name
from kdns.proto.record import RRset
from kdns.proto.types import Flag

_CD = int(Flag.CD)
_EACH, _EACH_RRSET, _EACH_RECORD = 750, 170, 50
"""Bytes of objects around a response, its RRsets and its records (measured with tracemalloc)."""


class Key(NamedTuple):
    """What of a question the records of its answer depend on. AD is not of it: an upstream is always asked with it."""

    name: Name
    type: int
    klass: int
    do: bool
    cd: bool


def key_of(query: Query) -> Key:
    """The key that a query's answer is kept under."""
    question, edns = query.question, query.message.edns
    do = edns is not None and edns.do
    return Key(question.folded, question.type, question.klass, do, query.message.flags & _CD != 0)


@dataclass(slots=True, eq=False)
class Held:
    """A response and its time. `stored` is loop time, `life` seconds from then on, `stale` seconds thereafter.

    `touched` tells that it was asked for since the cache last looked for room. `hits` are questions with
    no longer gap between them than *prefetch* allows, the latest at `last`. It is not asked for anew
    before `retry_at`.
    """

    response: Response
    kind: Kind
    stored: float
    life: float
    stale: float = 0.0
    depends_on: frozenset[Hashable] = frozenset()
    size: int = field(init=False)
    touched: bool = False
    hits: int = 0
    last: float = 0.0
    retry_at: float = 0.0

    def __post_init__(self) -> None:
        self.size = _size(self.response)

    @property
    def ends(self) -> float:
        """Loop time at which its life is over."""
        return self.stored + self.life

    @property
    def gone_at(self) -> float:
        """Loop time from which on it must not be used at all."""
        return self.ends + self.stale

    def is_fresh(self, now: float) -> bool:
        """Whether its life is not over."""
        return now < self.ends

    def left(self, now: float) -> int:
        """Whole seconds of its life that are left, as its TTLs show them."""
        return max(0, int(self.life) - int(now - self.stored))

    def count(self, now: float, number: int, gap: float) -> None:
        """It was asked for so many times more."""
        self.hits = number if now - self.last > gap else self.hits + number
        self.last = now


def held(response: Response, kind: Kind, now: float, life: float, stale: float, *, own: bool) -> Held:
    """A response made fit to be kept: without what was for one client, its TTLs those of its life.

    Its flags stay, AA too (as in CoreDNS): *header* sets them before they come here.

    `own`: it is of this server's own data. What that depends on does not end it here: time does.
    """
    ttl = int(life)
    kept = response.changed(
        answer=_dated(response.answer, ttl),
        authority=_dated(response.authority, ttl),
        additional=_dated(response.additional, ttl),
        options=(),
        turn=None,
        keep=NOTHING,
        by="cache",
        why=None,
        error=None,
    )
    return Held(kept, kind, now, life, stale, frozenset() if own else response.keep.depends_on)


def with_ttl(response: Response, ttl: int, keep: Keep) -> Response:
    """The same response with one TTL for all records, as CoreDNS's cache shows them, and another Keep."""
    return response.changed(
        answer=_dated(response.answer, ttl),
        authority=_dated(response.authority, ttl),
        additional=_dated(response.additional, ttl),
        keep=keep,
    )


def _dated(section: tuple[RRset, ...], ttl: int) -> tuple[RRset, ...]:
    """One TTL for all."""
    if not section:
        return section
    return tuple([RRset(owner, type, ttl, rdatas, klass) for owner, type, _, rdatas, klass in section])


def _size(response: Response) -> int:
    size = _EACH
    for section in (response.answer, response.authority, response.additional):
        for owner, _, _, rdatas, _ in section:
            size += _EACH_RRSET + len(owner) + _EACH_RECORD * len(rdatas) + sum(map(len, rdatas))
    return size
