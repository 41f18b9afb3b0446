"""The servers of one *forward* while it runs: hosts resolved at start, files read again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from kdns.log import logger
from kdns.upstream.address import Endpoint
from kdns.upstream.forwarder import Forwarder
from kdns.upstream.listing import Listing
from kdns.upstream.relay import Relay

LOOK = 5.0
"""Seconds between two looks at the files."""
_log = logger("forward")


class Pool:
    """A Part: keeps `forwarder` asking those that `listing` has; at the end `relay` stops, then they go.

    `doubts` says what is wrong with servers that a file names now, a line each.
    """

    def __init__(
        self,
        relay: Relay,
        forwarder: Forwarder,
        listing: Listing,
        doubts: Callable[[Sequence[Endpoint]], Iterable[str]],
    ) -> None:
        self._relay = relay
        self._forwarder = forwarder
        self._listing = listing
        self._doubts = doubts
        self._task: asyncio.Task[None] | None = None
        forwarder.use(listing.endpoints)

    async def start(self) -> None:
        """Resolve hosts. Raises StartError where one has no address."""
        await self._listing.resolve()
        self._forwarder.use(self._listing.endpoints)
        if self._listing.files:
            self._task = asyncio.create_task(self._watch(), name="files of upstreams")

    async def stop(self) -> None:
        """Look no more, and let go of the servers."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._relay.stop()
        await self._forwarder.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if self._listing.look():
                self._change(self._listing.endpoints)

    def _change(self, endpoints: Sequence[Endpoint]) -> None:
        _log.info("upstreams are now %s", ", ".join(map(str, endpoints)))
        for doubt in self._doubts(endpoints):
            _log.warning("%s", doubt)
        self._forwarder.use(endpoints)
