"""The life of the server: start, serve, change, drain.

Parts start first, so that the first question finds a cluster that is known; then the listeners
open; then the HTTP pages, so that `/ready` is never ahead of the port. At the end it is the other
way round: `/ready` says no at once, questions are answered through the lameduck time, what is in
flight is finished, and the pages go last.

A change to another plan opens what that one has and this one has not, in the same order, while this one
answers. Then, in one step, the sockets of both are turned to the new one, which answers all that comes from
then on; questions that were begun are finished by who began them, and what is wanted no more goes after them.
Connections go on as long as somebody listens on their address.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from kdns.errors import StartError
from kdns.plan import Place, Plan
from kdns.serve.crowd import Limits
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
_SHED = 256
"""Answers that are let go of in one go: a millisecond's work."""
_PICKS = 8
"""Times that the kernel may pick a port for UDP which is taken for TCP."""

Address = tuple[str, int]


def responder_at(plan: Plan, place: Place) -> Responder:
    """Who answers at a place of the plan, with a memo of its own that hears of changes."""
    build = plan.build
    memo = Memo(_MEMO, build.clock)
    build.changes.subscribe(lambda keys: build.metrics.memo_forgotten.inc(memo.forget(keys)))
    build.at_end(build.metrics.add_memo(lambda: len(memo), lambda: memo.size))
    responder = Responder(plan.routers[place], memo, build.metrics, build.clock)
    build.at_end(responder.settle)
    return responder


@dataclass(slots=True)
class Listening:
    """A place that is listened on over UDP and TCP, and who answers there."""

    udp: UdpListener
    streams: StreamListener
    responder: Responder

    def turn_to(self, responder: Responder, limits: Limits) -> None:
        """Have somebody else answer from now on."""
        self.responder = responder
        self.udp.turn_to(responder)
        self.streams.turn_to(responder, limits)

    def share(self) -> None:
        """Let other sockets of this process have addresses that overlap."""
        self.udp.share()
        self.streams.share()

    async def drain(self) -> None:
        """Answer what has come, then no more, and give the address back."""
        await asyncio.gather(self.udp.drain(_GRACE), self.streams.drain(_GRACE))

    def close(self) -> None:
        """Give the address back; what is still being answered stays without a reply."""
        self.udp.close()
        self.streams.close()


@dataclass(slots=True)
class Open:
    """What is open: parts in the order of their start, listeners by place, pages by the address that was planned."""

    parts: list[Part] = field(default_factory=list)
    places: dict[Place, Listening] = field(default_factory=dict)
    pages: dict[Address, HttpServer] = field(default_factory=dict)

    def has(self, part: Part) -> bool:
        """Whether this very part is among them."""
        return any(part is each for each in self.parts)

    async def close(self) -> None:
        """Let go of everything at once: listeners, then parts, then pages."""
        for listening in self.places.values():
            listening.close()
        parts, pages = self.parts[::-1], [*self.pages.values()][::-1]
        self.parts, self.places, self.pages = [], {}, {}
        for part in parts:
            await _ended(part.stop())
        for server in pages:
            await _ended(server.stop())


class App:
    """A plan being served, and others in its place. To be used inside one event loop, once. `sleep` takes seconds.

    `addresses` and `pages` are what is really bound, by what was planned. `halted` is set when a plugin wants
    the process to end, for the reason `why`.
    """

    def __init__(self, plan: Plan, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self.plan = plan
        self.halted = asyncio.Event()
        self.why = ""
        self._sleep = sleep
        self._open = Open()
        self._leaving: dict[asyncio.Task[None], Open] = {}

    @property
    def addresses(self) -> dict[Place, Address]:
        """Where listeners really are."""
        return {place: listening.udp.address for place, listening in self._open.places.items()}

    @property
    def pages(self) -> dict[Address, Address]:
        """Where pages really are."""
        return {planned: server.address for planned, server in self._open.pages.items()}

    async def start(self) -> None:
        """Begin to answer. Raises StartError, with nothing left behind."""
        self.plan.build.serving.set()
        await self.load()
        try:
            await self._bind(self.plan, self._open)
        except BaseException:
            await self.unload()
            raise
        self._has_opened()

    async def change(self, plan: Plan) -> None:
        """Serve another plan in place of this one, whose addresses and parts are kept where both have them.

        `plan` is of `plan_after` this one. Raises StartError, with this one served as before.
        """
        fresh = Open()
        try:
            for part in plan.build.parts:
                if not self._open.has(part):
                    fresh.parts.append(part)
                    await part.start()
            plan.build.check()
            await self._bind(plan, fresh)
        except BaseException:
            await fresh.close()
            plan.build.close()
            raise
        self._put_in_force(plan, fresh)

    async def stop(self) -> None:
        """Stop as a rolling update wants it: not ready at once, answering through lameduck, nothing lost."""
        build = self.plan.build
        build.stopping = True
        if build.lameduck:
            _log.info("lameduck: answering for another %g seconds", build.lameduck)
            await self._sleep(build.lameduck)
        await asyncio.gather(*(listening.drain() for listening in self._open.places.values()), *self._leaving)
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
        for call in self.plan.build.in_force:
            call()

    async def load_what_can(self) -> list[StartError]:
        """Start each part that can be started, and nothing else; what the others say."""
        errors = []
        for part in self.plan.build.parts:
            self._open.parts.append(part)
            try:
                await part.start()
            except StartError as error:
                errors.append(error)
        return errors

    async def unload(self) -> None:
        """Let go of everything at once."""
        leaving = self._leaving.copy()
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
        for former in (*leaving.values(), self._open):  # a task that had not begun has closed nothing
            await former.close()
        self.plan.build.close()

    # How a plan comes to be served.

    async def _bind(self, plan: Plan, fresh: Open) -> None:
        """Open the listeners and pages of a plan that are not open yet."""
        # Of places that overlap every address comes first: it finds out whether anybody else is there.
        for place in sorted(plan.routers, key=lambda place: not place.wild):
            if place not in self._open.places:
                fresh.places[place] = await self._listen(plan, place)
        for address in plan.build.pages:
            await self._open_page(plan, address, fresh)

    async def _listen(self, plan: Plan, place: Place) -> Listening:
        responder = responder_at(plan, place)
        for left in reversed(range(1 if place.port else _PICKS)):
            udp = self._datagrams(plan, responder, place)
            try:
                return Listening(udp, await self._streams(plan, responder, place, udp.address[1]), responder)
            except BaseException as error:
                udp.close()
                if not left or not isinstance(error, StartError):
                    raise
        raise AssertionError("the last time has raised or returned")

    def _datagrams(self, plan: Plan, responder: Responder, place: Place) -> UdpListener:
        shared, ours = self._overlap(plan, place)
        udp = UdpListener(
            responder, place.host, place.port,
            metrics=plan.build.metrics, loop=asyncio.get_running_loop(), shared=shared, ours=ours,
        )  # fmt: skip
        udp.open()
        return udp

    async def _streams(self, plan: Plan, responder: Responder, place: Place, port: int) -> StreamListener:
        shared, ours = self._overlap(plan, place)
        stream = StreamListener(
            responder, place.host, port,
            metrics=plan.build.metrics, loop=asyncio.get_running_loop(),
            limits=plan.limits.get(place), shared=shared, ours=ours,
        )  # fmt: skip
        await stream.open()
        return stream

    def _overlap(self, plan: Plan, place: Place) -> tuple[bool, bool]:
        """Whether a place's sockets have others beside them, and whether some of these are open already."""
        met = [listening for other, listening in self._all_open() if other.meets(place)]
        for listening in met:
            listening.share()
        return bool(met) or place in plan.overlapping(), bool(met)

    def _all_open(self) -> Iterator[tuple[Place, Listening]]:
        for each in (self._open, *self._leaving.values()):
            yield from each.places.items()

    async def _open_page(self, plan: Plan, address: Address, fresh: Open) -> None:
        """A server for an address, unless there is one to go on. New TLS needs a new one, on the same sockets."""
        build, former = plan.build, self._open.pages.get(address)
        if former is not None and self.plan.build.tls.get(address) is build.tls.get(address):
            return
        near = [server for at, server in self._open.pages.items() if at != address and at[1] == address[1] != 0]
        for server in near:
            server.share()
        sockets = former.sockets() if former else ()
        server = HttpServer(
            *address, build.pages[address], tls=build.tls.get(address), shared=bool(near), sockets=sockets
        )
        fresh.pages[address] = server
        await server.start()

    def _put_in_force(self, plan: Plan, fresh: Open) -> None:
        """From one question to the next; no other runs in between."""
        before, former, now = self.plan, self._open, Open(plan.build.parts[:])
        finishing = [listening.responder for listening in former.places.values()]
        for place in plan.routers:
            now.places[place] = fresh.places.get(place) or former.places.pop(place)
            if place not in fresh.places:
                now.places[place].turn_to(responder_at(plan, place), plan.limits.get(place, Limits()))
        for address, paths in plan.build.pages.items():
            now.pages[address] = fresh.pages.get(address) or former.pages.pop(address)
            now.pages[address].show(paths)
        former.parts = [part for part in former.parts if not now.has(part)]
        for place, listening in former.places.items():
            heirs = {other: now.places[other].streams for other in now.places if place.meets(other)}
            if heirs:
                listening.udp.deflect()
                listening.streams.hand_over(partial(_heir, heirs))
        self.plan, self._open = plan, now
        for call in plan.build.in_force:
            call()
        self._has_opened()
        task = asyncio.create_task(self._leave(before, former, finishing), name="what was served before")
        self._leaving[task] = former
        task.add_done_callback(self._leaving.pop)

    def _has_opened(self) -> None:
        build = self.plan.build
        build.handed = {}
        build.halt = self._halt
        build.bound.update({(place.host, place.port): address for place, address in self.addresses.items()})
        build.opened.set()

    def _halt(self, reason: str) -> None:
        if not self.halted.is_set():
            self.why = reason
            self.halted.set()

    async def _leave(self, plan: Plan, former: Open, finishing: Collection[Responder]) -> None:
        """Let what was begun be finished, then let go of what nobody wants any more."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRACE):
                    await asyncio.gather(*map(_drained, former.places.values()), *map(_idle, finishing))
        finally:
            await former.close()
            plan.build.close()
        for responder in finishing:
            while responder.memo.shed(_SHED):  # noqa: ASYNC110
                await asyncio.sleep(0)  # questions have their turn


def _heir(listeners: Mapping[Place, StreamListener], ip: str) -> StreamListener | None:
    """Who has an address now, as the kernel would choose: a listener on it alone before one on every address."""
    family = 6 if ":" in ip else 4
    having = [place for place in listeners if place.host == ip or (place.wild and family in place.families)]
    return listeners[min(having, key=lambda place: place.wild)] if having else None


async def _drained(listening: Listening) -> None:
    await listening.drain()
    listening.close()


async def _idle(responder: Responder) -> None:
    idle = asyncio.Event()
    responder.when_idle(idle.set)
    await idle.wait()


async def _ended(end: Awaitable[None]) -> None:
    """One part that cannot stop must not keep the others from it."""
    try:
        await end
    except Exception:
        _log.exception("a part did not stop as it should")
