"""DNS over UDP: a loop that drains the socket by the batch, sends what lies ready, and makes tasks of the rest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from kdns.chain import Transport
from kdns.metrics import Metrics
from kdns.serve.asked import Rest, Send
from kdns.serve.datagram import AT_ONCE, Datagram, Port
from kdns.serve.entry import Lying
from kdns.serve.listen import Beginner, Mishaps
from kdns.serve.ports import ports

_TURNS = 4
"""Batches per wake-up of the loop: then the others have their turn."""
_IN_FLIGHT = 16384

_Left = deque[tuple[Rest, Send]]


class UdpListener:
    """Carries datagrams to an answerer and back. `host` is an IP, or empty for every address; `shared`, `ours` as in
    `bind`.

    Beyond `in_flight` questions that wait for the chain, further ones are dropped: whoever asked
    asks again, and an answer nobody waits for any more is work lost.
    """

    def __init__(
        self,
        responder: Beginner,
        host: str,
        port: int,
        *,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        in_flight: int = _IN_FLIGHT,
        shared: bool = False,
        ours: bool = False,
    ) -> None:
        self._responder = responder
        self._host, self._port = host, port
        self._is_shared, self._is_ours = shared, ours
        self._loop = loop
        self._in_flight = in_flight
        self._under_way = 0
        self._outgoing: list[tuple[Port, Datagram, bytes]] = []
        self._quiet: asyncio.Event | None = None
        self._overload = metrics.refused_early.labels("overload")
        self._unsent = metrics.refused_early.labels("unsent")
        self._mishaps = Mishaps(metrics, loop.time)
        self._ports: list[Port] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        """What it is bound to; with every address, that of IPv4."""
        return self._ports[0].address

    def open(self) -> None:
        """Bind and begin to answer. Raises StartError."""
        self._ports = ports(self._host, self._port, self._is_shared, self._is_ours)
        for port in self._ports:
            self._loop.add_reader(port.fileno(), self._read, port)

    def turn_to(self, responder: Beginner) -> None:
        """Have somebody else answer from now on; what is being answered is finished by who began."""
        self._responder = responder

    def share(self) -> None:
        """Let other sockets of this process have addresses that overlap."""
        for port in self._ports:
            port.share()

    def deflect(self) -> None:
        """Let new questions go to those others, where the kernel can; `drain` answers what has come."""
        for port in self._ports:
            port.deflect()

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109
        """Answer what has come, then no more. Takes `timeout` seconds at most.

        Half of them, while questions keep coming, go into reading; the rest is for replies that
        are still being made.
        """
        end = self._loop.time() + timeout
        self._stop_reading()
        for port in self._ports:
            while self._read(port) and self._loop.time() < end - timeout / 2:  # noqa: ASYNC110
                await asyncio.sleep(0)
        while self._tasks and self._loop.time() < end:
            await asyncio.wait(self._tasks, timeout=max(0.0, end - self._loop.time()))
        if self._under_way:
            self._quiet = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    await self._quiet.wait()

    def close(self) -> None:
        """Give the addresses back; what is still being answered stays without a reply."""
        self._stop_reading()
        self._flush()
        for task in self._tasks:
            task.cancel()
        for port in self._ports:
            port.close()
        self._ports = []

    def _stop_reading(self) -> None:
        for port in self._ports:
            self._loop.remove_reader(port.fileno())

    # What comes.

    def _read(self, port: Port) -> bool:
        """Take what is queued, up to a limit; whether there may be more."""
        for _ in range(_TURNS):
            try:
                queries = port.receive()
            except BlockingIOError:
                return False
            except OSError:
                continue  # an ICMP error: it tells of an earlier reply, not of this socket
            missed = self._answer_what_lies_ready(port, queries)
            if missed:
                self._ask_the_chain(missed)
            if len(queries) < AT_ONCE:
                return False
            if missed:  # it is their turn
                return True
        return True

    def _answer_what_lies_ready(self, port: Port, queries: Sequence[bytes]) -> list[tuple[Port, Datagram]] | None:
        """Reply to what was received last as far as replies are to be had at once; the others."""
        responder, started = self._responder, self._loop.time()
        try:
            replies = responder.look(queries, Transport.udp)
        except Exception:  # one of them is to blame: it is found below
            replies = None
        if replies is not None:
            seconds = self._loop.time() - started  # until the kernel has the whole batch is nobody's time alone
            self._give(port, replies, None)
            responder.gave(replies, Transport.udp, port.family, seconds)
            return None
        replies, places, missed = [], [], list[tuple[Port, Datagram]]()
        for place, query in enumerate(queries):
            try:
                reply = responder.lying(query, Transport.udp)
            except Exception as error:
                self._mishaps.tell(error)
                continue
            if reply is None:
                missed.append((port, port.datagram(place)))
            else:
                replies.append(reply)
                places.append(place)
        if replies:
            seconds = self._loop.time() - started
            self._give(port, replies, places if len(places) < len(queries) else None)
            responder.gave([reply.counts_as or reply for reply in replies], Transport.udp, port.family, seconds)
        return missed

    def _give(self, port: Port, replies: list[Lying], places: list[int] | None) -> None:
        unsent = port.answer(replies, places)
        if unsent:
            self._unsent.inc(unsent)

    # What takes longer.

    def _ask_the_chain(self, missed: Sequence[tuple[Port, Datagram]]) -> None:
        """Have them answered, by one task as long as nothing has to be waited for; by none, where that can be."""
        left: _Left = deque()
        for port, datagram in missed:
            if self._under_way >= self._in_flight:
                self._overload.inc()
                continue
            self._under_way += 1
            reply = partial(self._reply, port, datagram)
            try:
                rest = self._responder.begin(datagram.wire, datagram.client, datagram.local, reply)
            except Exception as error:
                self._mishaps.tell(error)
                self._done()
                continue
            if rest is not None:
                left.append((rest, reply))
        if left:
            self._go_on(left)

    def _go_on(self, missed: _Left, tasks: int = 1) -> None:
        """Begin so many tasks for those that are left, and look again when they have had their turn.

        What is left by then waits behind some that wait for something themselves, so it gets twice as many.
        Thus questions that wait for nothing cost a task per batch, and nobody waits for another's answer.
        """
        if not self._ports:
            return
        for _ in range(min(tasks, len(missed))):
            task = self._loop.create_task(self._answer_all(missed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if missed:
            self._loop.call_soon(self._go_on, missed, 2 * tasks)

    async def _answer_all(self, left: _Left) -> None:
        while left:
            rest, reply = left.popleft()
            try:
                made = await rest()
            except Exception as error:
                self._mishaps.tell(error)
                self._done()
            except BaseException:
                self._done()
                raise
            else:
                reply(made)

    def _reply(self, port: Port, datagram: Datagram, reply: bytes | None) -> None:
        if reply is not None:
            if not self._outgoing:
                self._loop.call_soon(self._flush)
            self._outgoing.append((port, datagram, reply))
        self._done()

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        if not self._ports:
            return
        for port, datagram, reply in outgoing:
            try:
                port.send(reply, datagram)
            except OSError:
                self._unsent.inc()

    def _done(self) -> None:
        self._under_way -= 1
        if self._quiet is not None and not self._under_way:
            self._quiet.set()
