"""Server blocks while they are built, and what the blocks of one Corefile share.

`setup` of a plugin reads its directive and leaves here what others need of it: a listener's
addresses, a page for the HTTP server, a part with a life of its own. Plugins lend and borrow by
type and never import one another; every setup has run before the first chain is composed, so the
order of directives does not matter.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Protocol, TypeVar, cast

from kdns.chain import Plugin, Query
from kdns.corefile.block import Directive, Key, ServerBlock
from kdns.metrics import Metrics
from kdns.proto.encode import PAYLOAD
from kdns.proto.name import Name, to_text

T = TypeVar("T")

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


class Changes:
    """Carries the keys of what has changed to every memo that may hold answers made from it."""

    def __init__(self) -> None:
        self._heard: list[Callable[[Iterable[Hashable]], None]] = []

    def subscribe(self, hear: Callable[[Iterable[Hashable]], None]) -> None:
        """Call `hear` with the keys of every later change, before the change can be asked for."""
        self._heard.append(hear)

    def publish(self, keys: Iterable[Hashable]) -> None:
        """Tell everybody; synchronous, so that no query is answered in between."""
        for hear in self._heard:
            hear(keys)


@dataclass(slots=True)
class Build:
    """What the server blocks of one Corefile share.

    `clock` is loop time in seconds, `wall` is Unix time in seconds. `readiness` maps plugins' names to
    functions that say what is still missing, empty when nothing is. `pages` are HTTP paths by
    listening address, `tls` what encrypts them there. `lameduck` is how many seconds to go on
    answering once told to stop. `report` has what is said at start, a line each; `faults` what is
    wrong with what was read, a line each; `samples` names and types that are worth asking for.
    `warnings` are `file:line: text` of what is served all the same. `serving` is whether questions will come
    from outside: a command that just looks leaves no traces.
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
    warnings: list[str] = field(default_factory=list)
    lameduck: float = 0.0
    serving: bool = False
    stopping: bool = False
    _shared: dict[Hashable, object] = field(default_factory=dict)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """The one thing of this key, made at its first use: two blocks with equal settings get the same."""
        if key not in self._shared:
            self._shared[key] = make()
        return cast(T, self._shared[key])

    def page(self, address: tuple[str, int], path: str, answer: Path) -> None:
        """Answer an HTTP path; the first to ask for it has it."""
        self.pages.setdefault(address, {}).setdefault(path, answer)


@dataclass(slots=True)
class Site:
    """A server block while it is built. `binds` are the addresses to listen on, none for all of them.

    `payload` caps replies over UDP, in bytes. `plugins` are the names of those that were set up.
    """

    block: ServerBlock
    build: Build
    binds: list[str] = field(default_factory=list)
    payload: int = PAYLOAD
    debug: bool = False
    plugins: list[str] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    _lent: dict[type, object] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The addresses of the block."""
        return self.block.keys

    @property
    def zones(self) -> tuple[Name, ...]:
        """The zones of the block's keys, each once, folded."""
        return tuple(dict.fromkeys(key.zone for key in self.block.keys))

    def lend(self, thing: object) -> None:
        """Offer a thing to the other plugins of this block, under its type."""
        self._lent[type(thing)] = thing

    def borrow(self, type: type[T]) -> T | None:
        """The thing of this type that a plugin of this block lends; to be called when the chain is composed."""
        return cast("T | None", self._lent.get(type))

    def uses(self, plugin: str) -> bool:
        """Whether the block names this plugin."""
        return any(directive.name == plugin for directive in self.block.directives)


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
