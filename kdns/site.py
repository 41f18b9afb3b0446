"""Server blocks while they are built, and what the blocks of one Corefile share.

`setup` of a plugin reads its directive and leaves here what others need of it: a listener's
addresses, a page for the HTTP server, a part with a life of its own. Plugins lend and borrow by
type and never import one another; every setup has run before the first chain is composed, so the
order of directives does not matter.
"""

from __future__ import annotations

from asyncio import Event
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from ssl import SSLContext
from typing import NamedTuple, Protocol, TypedDict, TypeVar, cast

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive, Key, ServerBlock
from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.proto.encode import PAYLOAD
from kdns.proto.name import Name, to_text
from kdns.proto.record import RRset

T = TypeVar("T")
P = TypeVar("P", bound="Part")

Setup = Callable[[Directive, "Site"], Plugin | None]
"""Reads a directive. None: it only set something up (bind, ready). Raises CorefileError or CorefileErrors."""


class Part(Protocol):
    """Something with a life: started before the listeners open, stopped after they closed."""

    async def start(self) -> None:
        """Return when it can be used. Raises StartError if that will never be."""

    async def stop(self) -> None:
        """Let go of everything; called once, also if `start` failed."""


@dataclass(frozen=True, slots=True)
class Page:
    """What an HTTP path answers: status, content type, body."""

    status: int
    body: bytes
    type: str = "text/plain; charset=utf-8"


Path = Callable[[], Awaitable[Page]]
Provider = Callable[[Query], Mapping[str, Callable[[], str]]]
"""Gives metadata labels for a query, for the *metadata* plugin to collect."""


Heard = list[Callable[[Iterable[Hashable]], None]]


class Copy(NamedTuple):
    """A zone as it may be taken as a whole: its SOA and serial now; `records` gives all, the SOA first and once,
    as they are when it is called.
    """

    soa: RRset
    serial: int
    records: Callable[[], Iterator[RRset]]


Transferer = Callable[[Query], "Copy | Response | None"]
"""The zone that a query is for, or why it cannot be had now; None where it is another's (for *transfer*)."""


class Changes:
    """Carries the keys of what has changed to every memo that may hold answers made from it.

    `together` are the ears of all that tell one another everything, as `beside` does it: what is handed on
    from one Build to the next may publish on either.
    """

    def __init__(self, together: list[Heard] | None = None) -> None:
        self._heard: Heard = []
        self._together = together if together is not None else []
        self._together.append(self._heard)

    def beside(self) -> Changes:
        """Others, told of every change here, as these are of theirs."""
        return Changes(self._together)

    def subscribe(self, hear: Callable[[Iterable[Hashable]], None]) -> None:
        """Call `hear` with the keys of every later change, before the change can be asked for."""
        self._heard.append(hear)

    def publish(self, keys: Iterable[Hashable]) -> None:
        """Tell everybody; synchronous, so that no query is answered in between."""
        for heard in self._together:
            for hear in heard:
                hear(keys)

    def close(self) -> None:
        """Nobody hears here any more; what is published is still told to the others."""
        self._heard.clear()
        self._together[:] = [heard for heard in self._together if heard is not self._heard]


def _nobody_to_halt(reason: str) -> None:
    """Where nothing is served there is nothing to end."""


@dataclass(slots=True)
class Build:
    """What the server blocks of one Corefile share.

    `clock` is loop time in seconds, `wall` is Unix time in seconds. `readiness` maps plugins' names to
    functions that say what is still missing, empty when nothing is. `pages` are HTTP paths by
    listening address, `tls` what encrypts them there. `lameduck` is how many seconds to go on
    answering once told to stop. `report` has what is said at start, a line each; `faults` what is
    wrong with what was read, a line each; `samples` names and types that are worth asking for;
    `held` what takes memory, by names for people (`kdns memory`).
    `warnings` are `file:line: text` of what is served all the same. `serving` is set while questions will come
    from outside: a command that just looks leaves no traces. `bound` is where listeners really are, by
    the host and port that were planned; `opened` is set once they all are. `reload` is how often to look for
    changes of the Corefile, in seconds, None for never. `doubts` say, once all parts are started, why this should
    not take the place of what is served, empty where nothing is in the way; `in_force` is called when this begins
    to be served in place of what was before; `halt` ends the process, with the reason in a sentence. `keeps` are
    the things that the next Build may be handed, as this one was `handed` those of the one before.
    """

    metrics: Metrics
    clock: Callable[[], float]
    wall: Callable[[], float]
    changes: Changes = field(default_factory=Changes)
    parts: list[Part] = field(default_factory=list)
    readiness: dict[str, Callable[[], str]] = field(default_factory=dict)
    pages: dict[tuple[str, int], dict[str, Path]] = field(default_factory=dict)
    tls: dict[tuple[str, int], SSLContext] = field(default_factory=dict)
    report: list[Callable[[], str]] = field(default_factory=list)
    faults: list[Callable[[], Iterable[str]]] = field(default_factory=list)
    samples: list[Callable[[], Iterable[tuple[str, str]]]] = field(default_factory=list)
    held: list[Callable[[], Mapping[str, object]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lameduck: float = 0.0
    serving: Event = field(default_factory=Event)
    stopping: bool = False
    bound: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    opened: Event = field(default_factory=Event)
    reload: float | None = None
    doubts: list[Callable[[], str]] = field(default_factory=list)
    in_force: list[Callable[[], None]] = field(default_factory=list)
    halt: Callable[[str], None] = _nobody_to_halt
    keeps: dict[Hashable, object] = field(default_factory=dict)
    handed: Mapping[Hashable, object] = field(default_factory=dict)
    _shared: dict[Hashable, object] = field(default_factory=dict)
    _endings: list[Callable[[], None]] = field(default_factory=list)

    @classmethod
    def after(cls, before: Build) -> Build:
        """A Build in place of another, in the same process: with its metrics, clocks, and what is kept."""
        return cls(
            before.metrics,
            before.clock,
            before.wall,
            before.changes.beside(),
            serving=before.serving,
            handed=before.keeps,
        )

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """The one thing of this key, made at its first use: two blocks with equal settings get the same."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast(T, self._shared[key])

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """As `shared`, and handed on: a reload that wants the same key gets this thing, not a new one.

        So the key must say all that the thing was made from, and the thing must rely on nothing of a Build but
        its metrics, clocks, `serving` and `changes.publish`.
        """
        if key not in self.keeps:
            self.keeps[key] = self.handed[key] if key in self.handed else make()
        return cast(T, self.keeps[key])

    def part(self, key: Hashable, make: Callable[[], P]) -> P:
        """A part that is kept: started once, stopped when a Corefile is served that does not want it."""
        part = self.kept(key, make)
        if not any(part is each for each in self.parts):
            self.parts.append(part)
        return part

    def check(self) -> None:
        """Raise StartError if there are doubts."""
        doubts = [text for doubt in self.doubts if (text := doubt())]
        if doubts:
            raise StartError("\n".join(doubts))

    def at_end(self, end: Callable[[], None]) -> None:
        """Call this once the Build is served no more."""
        self._endings.append(end)

    def close(self) -> None:
        """It is served no more, or never was: nothing hears of changes any more."""
        self.changes.close()
        while self._endings:
            self._endings.pop()()

    def page(self, address: tuple[str, int], path: str, answer: Path) -> None:
        """Answer an HTTP path; the first to ask for it has it."""
        self.pages.setdefault(address, {}).setdefault(path, answer)


class Timeouts(TypedDict, total=False):
    """What a server block says of its connections: seconds, and how many questions one may bring."""

    read: float
    write: float
    idle: float
    queries: int | None


@dataclass(slots=True)
class Site:
    """A server block while it is built. `binds` are the addresses to listen on, none for all of them.

    `payload` caps replies over UDP, in bytes. `chaos` are names that it answers in class CH, folded; `abroad`
    answers in classes that no plugin has data of, but not in the zones that are `held` here. `root` is the folder
    that relative names of files begin at. `plugins` are the names of those that were set up.
    """

    block: ServerBlock
    build: Build
    binds: list[str] = field(default_factory=list)
    payload: int = PAYLOAD
    timeouts: Timeouts = field(default_factory=Timeouts)
    chaos: frozenset[Name] = frozenset()
    abroad: Handler | None = None
    held: list[Name] = field(default_factory=list)
    root: FilePath | None = None
    debug: bool = False
    plugins: list[str] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    transferers: list[Transferer] = field(default_factory=list)
    _lent: dict[type, object] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The addresses of the block."""
        return self.block.keys

    @property
    def zones(self) -> tuple[Name, ...]:
        """The zones of the block's keys, each once, folded."""
        return tuple(dict.fromkeys(key.zone for key in self.block.keys))

    @property
    def said(self) -> Hashable:
        """All that the block says, wherever it stands: a key for what is kept while nothing of it changes."""
        keys = tuple((key.scheme, key.zone, key.port) for key in self.keys)
        return keys, tuple(map(said, self.block.directives))

    def rooted(self, path: str) -> str:
        """A file's path: what is relative begins at `root` if there is one."""
        return str(self.root / path) if self.root else path

    def lend(self, thing: object) -> None:
        """Offer a thing to the other plugins of this block, under its type."""
        self._lent[type(thing)] = thing

    def borrow(self, type: type[T]) -> T | None:
        """The thing of this type that a plugin of this block lends; to be called when the chain is composed."""
        return cast("T | None", self._lent.get(type))

    def uses(self, plugin: str) -> bool:
        """Whether the block names this plugin."""
        return any(directive.name == plugin for directive in self.block.directives)


def said(directive: Directive) -> Hashable:
    """What a directive says, with its later lines of the same name; equal for two that say the same."""
    body, again = tuple(map(said, directive.body)), tuple(map(said, directive.again))
    return directive.name, directive.args, body, again


def server_name(key: Key) -> str:
    """A server block's address as metrics and logs write it, e.g. `dns://:53`."""
    return f"{key.scheme}://:{key.port}"


def only_once(directive: Directive) -> None:
    """Raise where a directive that may stand once in a server block stands there again."""
    for other in directive.again:
        taken = f"{directive.file}:{directive.line}"
        raise other.error(f"{directive.name} can stand only once in a server block; it is already at {taken}")


def zone_label(zone: Name) -> str:
    """A zone as metrics and logs write it: with its final dot."""
    return to_text(zone)
