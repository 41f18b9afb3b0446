"""The open connections of one listener: how many there may be, and who goes when there are too many."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from kdns.metrics import Metrics

_MOST = 10_000


def _room() -> int:
    """Half of the files that the process may open; the other half is for what is not a client."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 2))


@dataclass(frozen=True, slots=True)
class Limits:
    """Of streams. `read`, `write` and `idle` in seconds, CoreDNS's (core/dnsserver/server.go).

    `connections` may be open at once; of each, `pipelined` questions may be without their reply, and `queries`
    are answered in all, or any number.
    """

    read: float = 3.0
    write: float = 5.0
    idle: float = 10.0
    connections: int = field(default_factory=_room)
    pipelined: int = 128
    queries: int | None = None


class Guest(Protocol):
    """A connection, as the crowd knows it."""

    def stop(self) -> None:
        """Finish and go."""

    def abort(self, reason: str = "") -> None:
        """Go at once."""


class Crowd:
    """Counts connections in and out.

    Those at rest (nothing being answered, no reply held up) are known in the order in which they
    came to it. Bytes of a question that is not whole do not count as unrest, so that a client who
    sends nothing else cannot keep its place with them.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self.most = most
        self._metrics = metrics
        self._present: set[Guest] = set()
        self._resting: dict[Guest, None] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._present)

    def __iter__(self) -> Iterator[Guest]:
        """Everybody who is here now."""
        return iter(list(self._present))

    def admit(self, guest: Guest) -> bool:
        """Let one in, at the cost of whoever has been at rest the longest; False where nobody is."""
        if len(self._present) >= self.most:
            longest = next(iter(self._resting), None)
            if longest is None:
                return False
            longest.abort("limit")
            self.leave(longest)
        self._present.add(guest)
        self._empty.clear()
        self._metrics.connections.inc()
        return True

    def rest(self, guest: Guest) -> None:
        """It has come to rest, if it was not at rest before."""
        if guest in self._present:
            self._resting[guest] = None

    def busy(self, guest: Guest) -> None:
        """It is at rest no more."""
        self._resting.pop(guest, None)

    def leave(self, guest: Guest) -> None:
        """It is gone; to say so twice does no harm."""
        self._resting.pop(guest, None)
        if guest in self._present:
            self._present.remove(guest)
            self._metrics.connections.dec()
        if not self._present:
            self._empty.set()

    def closed(self, reason: str) -> None:
        """Count a connection that we end."""
        self._metrics.connections_closed.labels(reason).inc()

    def stop(self) -> None:
        """Ask everybody to finish and go."""
        for guest in self:
            guest.stop()

    def abort(self) -> None:
        """Send everybody away at once."""
        for guest in self:
            guest.abort()

    async def gone(self) -> None:
        """Return when nobody is left."""
        await self._empty.wait()
