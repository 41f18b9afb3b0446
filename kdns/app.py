"""The life of the server: start, serve, drain.

Parts start first, so that the first question finds a cluster that is known; then the listeners
open; then the HTTP pages, so that `/ready` is never ahead of the port. At the end it is the other
way round: `/ready` says no at once, questions are answered through the lameduck time, what is in
flight is finished, and the pages go last.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
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
_PICKS = 8
"""Times that the kernel may pick a port for UDP which is taken for TCP."""


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
    """A plan being served. To be used inside one event loop, once. `sleep` takes seconds.

    `addresses` and `pages` are what is really bound, by what was planned.
    """

    def __init__(self, plan: Plan, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.plan = plan
        self.addresses: dict[Place, tuple[str, int]] = {}
        self.pages: dict[tuple[str, int], tuple[str, int]] = {}
        self._sleep = sleep
        self._parts: list[Part] = []
        self._listeners: list[Listener] = []
        self._http: list[HttpServer] = []

    async def start(self) -> None:
        """Begin to answer. Raises StartError, with nothing left behind."""
        self.plan.build.serving = True
        await self.load()
        try:
            # Of places that overlap every address comes first: it finds out whether anybody else is there.
            for place in sorted(self.plan.routers, key=lambda place: not place.wild):
                await self._listen(place)
            await self._open_pages()
        except BaseException:
            await self.unload()
            raise

    async def stop(self) -> None:
        """Stop as a rolling update wants it: not ready at once, answering through lameduck, nothing lost."""
        build = self.plan.build
        build.stopping = True
        if build.lameduck:
            _log.info("lameduck: answering for another %g seconds", build.lameduck)
            await self._sleep(build.lameduck)
        await asyncio.gather(*(listener.drain(_GRACE) for listener in self._listeners))
        await self.unload()

    async def load(self) -> None:
        """Start the parts alone: everything up to listening. Raises StartError, with nothing left behind."""
        try:
            errors = await self.load_what_can()
        except BaseException:
            await self.unload()
            raise
        if errors:
            await self.unload()
            raise errors[0]

    async def load_what_can(self) -> list[StartError]:
        """Start each part that can be started, and nothing else; what the others say."""
        errors = []
        for part in self.plan.build.parts:
            self._parts.append(part)
            try:
                await part.start()
            except StartError as error:
                errors.append(error)
        return errors

    async def unload(self) -> None:
        """Let go of everything at once."""
        for listener in self._listeners:
            listener.close()
        parts, pages = self._parts[::-1], self._http[::-1]
        self._listeners, self._parts, self._http = [], [], []
        for part in parts:
            await _ended(part.stop())
        for server in pages:
            await _ended(server.stop())

    async def _listen(self, place: Place) -> None:
        responder = responder_at(self.plan, place)
        for left in reversed(range(1 if place.port else _PICKS)):
            udp = self._datagrams(responder, place)
            self._listeners.append(udp)
            try:
                self._listeners.append(await self._streams(responder, place, udp.address[1]))
            except StartError:
                if not left:
                    raise
                self._listeners.remove(udp)
                udp.close()
            else:
                self.addresses[place] = udp.address
                return

    def _datagrams(self, responder: Responder, place: Place) -> UdpListener:
        metrics, loop = self.plan.build.metrics, asyncio.get_running_loop()
        shared = place in self.plan.overlapping()
        udp = UdpListener(responder, place.host, place.port, metrics=metrics, loop=loop, shared=shared)
        udp.open()
        return udp

    async def _streams(self, responder: Responder, place: Place, port: int) -> StreamListener:
        metrics, loop = self.plan.build.metrics, asyncio.get_running_loop()
        shared = place in self.plan.overlapping()
        stream = StreamListener(responder, place.host, port, metrics=metrics, loop=loop, shared=shared)
        await stream.open()
        return stream

    async def _open_pages(self) -> None:
        build = self.plan.build
        for address, paths in build.pages.items():
            server = HttpServer(*address, paths, tls=build.tls.get(address))
            self._http.append(server)
            await server.start()
            self.pages[address] = server.address


async def _ended(end: Awaitable[None]) -> None:
    """One part that cannot stop must not keep the others from it."""
    try:
        await end
    except Exception:
        _log.exception("a part did not stop as it should")
