"""The life of the server: start, serve, drain.

Parts start first, so that the first question finds a cluster that is known; then the listeners
open; then the HTTP pages, so that `/ready` is never ahead of the port. At the end it is the other
way round: `/ready` says no at once, questions are answered through the lameduck time, what is in
flight is finished, and the pages go last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import Protocol

from kdns.errors import StartError
from kdns.plan import Place, Plan
from kdns.serve.http import HttpServer
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from kdns.serve.stream import StreamListener
from kdns.serve.udp import UdpListener
from kdns.site import Part

_log = logging.getLogger("kdns.app")
_MEMO = 32 * 1024 * 1024
"""Bytes of answers that each listener keeps ready."""
_GRACE = 5.0
"""Seconds for what is in flight at the end (CoreDNS: core/dnsserver, its servers' grace)."""


class Listener(Protocol):
    """A bound address that answers."""

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109
        """Answer what has come, then no more."""

    def close(self) -> None:
        """Give the address back."""


def responder_at(plan: Plan, place: Place) -> Responder:
    """Who answers at a place of the plan, with a memo of its own that hears of changes."""
    build = plan.build
    memo = Memo(_MEMO, build.clock)
    build.changes.subscribe(lambda keys: build.metrics.memo_forgotten.inc(memo.forget(keys)))
    build.metrics.add_memo(lambda: len(memo), lambda: memo.size)
    return Responder(plan.routers[place], memo, build.metrics, build.clock)


class App:
    """A plan being served. To be used inside one event loop, once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.addresses: dict[Place, tuple[str, int]] = {}
        self.pages: dict[tuple[str, int], tuple[str, int]] = {}
        self._parts: list[Part] = []
        self._listeners: list[Listener] = []
        self._http: list[HttpServer] = []

    async def start(self) -> None:
        """Begin to answer. Raises StartError, with nothing left behind."""
        try:
            await self._start_parts()
            for place in self.plan.routers:
                await self._listen(place)
            await self._open_pages()
        except BaseException:
            await self._release()
            raise

    async def stop(self) -> None:
        """Stop as a rolling update wants it: not ready at once, answering through lameduck, nothing lost."""
        build = self.plan.build
        build.stopping = True
        if build.lameduck:
            _log.info("lameduck: answering for another %g seconds", build.lameduck)
            await asyncio.sleep(build.lameduck)
        await asyncio.gather(*(listener.drain(_GRACE) for listener in self._listeners))
        await self._release()

    async def load(self) -> None:
        """Start the parts alone: everything up to listening. Raises StartError."""
        try:
            await self._start_parts()
        except BaseException:
            await self._release()
            raise

    async def unload(self) -> None:
        """The end of `load`."""
        await self._release()

    async def _start_parts(self) -> None:
        for part in self.plan.build.parts:
            self._parts.append(part)
            await part.start()

    async def _listen(self, place: Place) -> None:
        build, loop = self.plan.build, asyncio.get_running_loop()
        responder = responder_at(self.plan, place)
        udp = UdpListener(responder, place.host, place.port, metrics=build.metrics, loop=loop)
        udp.open()
        self._listeners.append(udp)
        stream = StreamListener(responder, place.host, udp.address[1], metrics=build.metrics, loop=loop)
        await stream.open()
        self._listeners.append(stream)
        self.addresses[place] = udp.address[:2]

    async def _open_pages(self) -> None:
        build = self.plan.build
        for address, paths in build.pages.items():
            server = HttpServer(*address, paths, tls=build.tls.get(address))
            self._http.append(server)
            await server.start()
            self.pages[address] = server.address

    async def _release(self) -> None:
        for listener in self._listeners:
            listener.close()
        parts = list(reversed(self._parts))
        pages = list(reversed(self._http))
        self._listeners, self._parts, self._http = [], [], []
        for end in (*(part.stop() for part in parts), *(server.stop() for server in pages)):
            await _ended(end)


async def _ended(end: Awaitable[None]) -> None:
    """One part that cannot stop must not keep the others from it."""
    with suppress(asyncio.CancelledError):
        try:
            await end
        except (OSError, RuntimeError, StartError):
            _log.exception("a part did not stop as it should")
