"""The chain of plugins that a question goes down and a response comes up.

A plugin is made once, when its server block is built: it is given the handler that comes after it
and becomes one itself. A handler that has nothing to say asks `next`; one that changes what comes
back asks `next` first and returns a changed copy. Nothing is written, everything is returned.

With its response a plugin says what may be kept of it (`Keep`). The plugin that made the answer
says most; those above it may narrow that, never widen it. Who says nothing is safe: nobody's
bytes are kept.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from kdns.errors import KdnsError
from kdns.proto.brief import Brief
from kdns.proto.message import Ede, Message, Question, Reply
from kdns.proto.name import Name
from kdns.proto.ready import Ready
from kdns.proto.record import RRset
from kdns.proto.types import EDE, RCode
from kdns.why import Why


class Transport(IntEnum):
    """How a question came, by the names that metrics and logs give it."""

    udp = 0
    tcp = 1


class Peer(NamedTuple):
    """An address and a port in presentation format."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"

    @property
    def family(self) -> int:
        """1 for IPv4, 2 for IPv6: the numbers of the metric label (IANA's address families)."""
        return 2 if ":" in self.ip else 1


@dataclass(slots=True)
class Query:
    """One question on its way down. `zone` and `server` are set when the server block is known.

    `started` is loop time in seconds. `metadata` maps labels such as `kubernetes/service` to
    functions that give their value, called only if somebody reads it. `lookup` asks the whole server
    (any of its server blocks here) for a name and type on behalf of this query, as the target of an
    alias wants it; `depth` counts how many such questions led to this one.
    """

    message: Message
    client: Peer
    local: Peer
    transport: Transport
    started: float
    zone: Name = b""
    server: str = ""
    metadata: dict[str, Callable[[], str]] = field(default_factory=dict)
    lookup: Lookup = field(default_factory=lambda: _refused)
    depth: int = 0

    @property
    def question(self) -> Question:
        """The question of its message."""
        return self.message.question


Lookup = Callable[["Query", Name, int], Awaitable["Response"]]


class Scope(IntEnum):
    """For whom the bytes of a response are good; the larger, the narrower."""

    EVERYBODY = 0
    NOBODY = 1


@dataclass(frozen=True, slots=True)
class Hit:
    """A kept answer given once more: what a log line needs. `started` is loop time in seconds."""

    query: Query
    ready: Ready


@dataclass(slots=True)
class Sent:
    """`count` alike replies that went out. Sizes in bytes, `seconds` from question to reply, of each.

    Of a silent response `response_size` is 0. `family` is 1 for a client's IPv4, 2 for IPv6 (IANA's address families).
    """

    count: int
    transport: Transport
    family: int
    request_size: int
    response_size: int
    seconds: float


Tally = Callable[[Sent], None]
"""Is told of every reply made from a response: the first, and each time its kept bytes went out again."""


Watcher = Callable[[Hit], None]
"""Sees every hit with its client (log): costs a decoding of each, so only where it is switched on."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What may be done with a response's bytes.

    `until` is the loop time at which they end, None for never. `depends_on` are the keys of what
    they were made from: a change to any of them ends them at once. `serial` gives the number that
    an SOA in them must show now. `aging` is the loop time at which the TTLs were as they are written:
    they count down from then; None where they stand.
    """

    scope: Scope = Scope.NOBODY
    until: float | None = None
    depends_on: frozenset[Hashable] = frozenset()
    tallies: tuple[Tally, ...] = ()
    each: tuple[Watcher, ...] = ()
    serial: Callable[[], int] | None = None
    aging: float | None = None

    def narrowed(
        self,
        *,
        scope: Scope = Scope.EVERYBODY,
        until: float | None = None,
        depends_on: frozenset[Hashable] = frozenset(),
    ) -> Keep:
        """The narrower of this and what is given."""
        ends = [end for end in (self.until, until) if end is not None]
        return Keep(  # three times as fast as `replace`, as below
            max(self.scope, scope),
            min(ends, default=None),
            self.depends_on | depends_on,
            self.tallies,
            self.each,
            self.serial,
            self.aging,
        )

    @property
    def is_for_all(self) -> bool:
        """Whether they are good for everybody until a change, and nobody wants to see each hit."""
        return self.scope is Scope.EVERYBODY and self.until is None and self.aging is None and not self.each

    def told(self, tally: Tally) -> Keep:
        """The same, with one more who counts."""
        tallies = (*self.tallies, tally)
        return Keep(self.scope, self.until, self.depends_on, tallies, self.each, self.serial, self.aging)

    def shown(self, watcher: Watcher) -> Keep:
        """The same, with one more who sees each hit."""
        return replace(self, each=(*self.each, watcher))


NOTHING = Keep()
"""Of those who say nothing."""


class Children(Protocol):
    """The labels next below a name, as they are whenever it is asked for them; each folded."""

    def absent(self, label: bytes) -> bool:
        """Whether there is nothing at or below it."""

    def ended_by(self, label: bytes) -> frozenset[Hashable]:
        """The keys of the changes by which an absent one comes to be there."""


class Denial(NamedTuple):
    """What the answer to one missing name says about others: neither a name nor anything below it exists
    (RFC 8020), and all that is missing below `encloser` (folded) is missing in the same way.

    That is what is at or below absent `children`. The answers differ by the question, and in the
    error's sentence by that label between the texts `around`; None where the sentence is one for all. A change to any
    of `depends_on` ends the whole. `by` is the handler that says so.
    """

    by: object
    encloser: Name
    children: Children
    around: tuple[str, str] | None
    depends_on: frozenset[Hashable]


class Plain(NamedTuple):
    """An answer of NOERROR, good for everybody until one of `depends_on` changes: `answer` at the question's name, or
    no data (then the zone's SOA goes with it). By `reason` its maker counts it (`Holding.tally`).
    """

    answer: RRset | None
    additional: tuple[RRset, ...]
    ede: Ede | None
    depends_on: frozenset[Hashable]
    reason: str


class Holding(Protocol):
    """What a handler has of a zone, nobody else having a part of it: it can be asked without the chain."""

    @property
    def by(self) -> object:
        """The handler."""

    @property
    def zone(self) -> Name:
        """Folded."""

    @property
    def ttl(self) -> int:
        """Of all its records, in seconds."""

    @property
    def key(self) -> Hashable:
        """What all its answers depend on besides their own."""

    def brief(self, name: Name, left: Sequence[bytes], type: int, *, told: bool) -> Brief | None:
        """The plain answer to a question below the zone, at once; None where that takes more, or there is none.

        All is folded; `left` are the name's labels before the zone. `told` is whether the client is to be told why
        there is no data.
        """

    def keys(self, left: Sequence[bytes]) -> frozenset[Hashable]:
        """What that answer depends on besides `key`."""

    def tally(self, reason: str) -> Tally:
        """Who counts answers of a reason, before any other."""

    def plain(self, question: Question, *, told: bool) -> Plain | None:
        """The answer to a question at or below the zone; None where that is not plain."""


@dataclass(frozen=True, kw_only=True)
class Response(Reply):
    """A reply on its way up: with what may be kept of it, who made it and why it is what it is.

    `error` is what failed where the reply is a SERVFAIL for it: for *errors* to log. One that is no
    KdnsError is a defect of kdns; the server logs and counts it itself. Of a `silent` one nothing is
    sent, nor kept. `rest` are the answer sections of the messages that follow, over a stream, where the
    answer does not fit into one (a zone transfer, RFC 5936 §2.2).

    `denial` is about the reply as it was made: a changed copy (`replace`) has none. So only those pass it on
    who say so, here and by `SAME_FOR_ALL_NAMES`. `holding` is where more of the kind can be had.
    """

    keep: Keep = NOTHING
    by: str = ""
    why: Why | None = None
    error: Exception | None = None
    silent: bool = False
    rest: AsyncGenerator[tuple[RRset, ...], None] | None = None
    denial: Denial | None = field(default=None, init=False)
    holding: Holding | None = None

    def denying(self, denial: Denial) -> Response:
        """The same, and what it says about other names."""
        return self.changed(denial=denial)

    def told(self, tally: Tally, alone: Keep | None = None) -> Response:
        """The same, with one more who counts; `alone` is what may be kept where nothing may and nobody else counts."""
        keep = alone if alone is not None and self.keep is NOTHING else self.keep.told(tally)
        return self.changed(keep=keep, denial=self.denial)

    def changed(self, **fields: Any) -> Response:
        """The same with other values of these fields: as `replace`, in a sixth of its time.

        Nobody checks names and types, so this is for what happens with every question.
        """
        copy = object.__new__(Response)
        values = copy.__dict__
        values.update(self.__dict__)
        values["denial"] = None
        values.update(fields)
        return copy


async def _refused(query: Query, name: Name, type: int) -> Response:
    """Of a query that no server has taken."""
    return Response(rcode=RCode.REFUSED)


def failure(error: Exception) -> Response:
    """The response where a handler raised: for a plugin that must see a response to every question."""
    sentence = str(error) if isinstance(error, KdnsError) else "a plugin failed; the log says more"
    return Response(rcode=RCode.SERVFAIL, ede=Ede(EDE.OTHER, sentence), error=error)


Handler = Callable[[Query], Awaitable[Response]]
Plugin = Callable[[Handler], Handler]
"""Wraps what comes after it."""


async def nobody(query: Query) -> Response:
    """The end of every chain: inside a server block, and no plugin has answered (SERVFAIL, as CoreDNS)."""
    return Response(
        rcode=RCode.SERVFAIL,
        ede=Ede(0, "no plugin of the server block answers this question"),
        keep=Keep(scope=Scope.EVERYBODY),
    )


SAME_FOR_ALL_NAMES = "same_for_all_names"
"""The attribute, true, of a handler that does nothing with an answer of NXDOMAIN from what comes next, whatever name
was asked for, but look at it or have its replies counted (`Response.told`); with one of NOERROR nothing else, but let
the records of an RRset take turns, by its type and whether it has several."""


def handlers(plugins: Sequence[Plugin], last: Handler = nobody) -> list[Handler]:
    """The handlers of plugins in the order in which a question meets them, and the last."""
    made = [last]
    for plugin in reversed(plugins):
        made.append(plugin(made[-1]))
    made.reverse()
    return made


def compose(plugins: Sequence[Plugin], last: Handler = nobody) -> Handler:
    """One handler out of plugins in the order in which a question meets them."""
    return handlers(plugins, last)[0]


def denier(chain: Sequence[Handler]) -> Handler | None:
    """The handler whose denials hold for who asks the first: those before it treat all names alike."""
    return next((each for each in chain if not getattr(each, SAME_FOR_ALL_NAMES, False)), None)
