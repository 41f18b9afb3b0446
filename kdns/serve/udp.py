"""DNS over UDP: a loop that drains the socket, answers what lies ready, and makes a task of the rest."""

from __future__ import annotations

import asyncio

from kdns.chain import Transport
from kdns.metrics import Metrics
from kdns.serve.datagram import Datagram, Port, ports
from kdns.serve.listen import Address, Answerer, Mishaps

_AT_ONCE = 64
"""Datagrams per wake-up of the loop: then the others have their turn."""
_IN_FLIGHT = 4096


class UdpListener:
    """Carries datagrams to an answerer and back. `host` is an IP, or empty for every address; `shared`, `ours` as in
    `bind`.

    Beyond `in_flight` questions that wait for the chain, further ones are dropped: whoever asked
    asks again, and an answer nobody waits for any more is work lost.
    """

    def __init__(
        self,
        responder: Answerer,
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
        self._overload = metrics.refused_early.labels("overload")
        self._unsent = metrics.refused_early.labels("unsent")
        self._mishaps = Mishaps(metrics, loop.time)
        self._ports: list[Port] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> Address:
        """What it is bound to; with every address, that of IPv4."""
        return self._ports[0].address

    def open(self) -> None:
        """Bind and begin to answer. Raises StartError."""
        self._ports = ports(self._host, self._port, self._is_shared, self._is_ours)
        for port in self._ports:
            self._loop.add_reader(port.fileno(), self._read, port)

    def turn_to(self, responder: Answerer) -> None:
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
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, end - self._loop.time()))

    def close(self) -> None:
        """Give the addresses back; what is still being answered stays without a reply."""
        self._stop_reading()
        for task in self._tasks:
            task.cancel()
        for port in self._ports:
            port.close()
        self._ports = []

    def _stop_reading(self) -> None:
        for port in self._ports:
            self._loop.remove_reader(port.fileno())

    def _read(self, port: Port) -> bool:
        """Take what is queued, up to a limit; whether there may be more."""
        for _ in range(_AT_ONCE):
            try:
                datagram = port.receive()
            except BlockingIOError:
                return False
            except OSError:
                continue  # an ICMP error: it tells of an earlier reply, not of this socket
            self._take(port, datagram)
        return True

    def _take(self, port: Port, datagram: Datagram) -> None:
        wire, client, local, _ = datagram
        try:
            reply = self._responder.hit(wire, client, local, Transport.udp)
        except Exception as error:
            self._mishaps.tell(error)
            return
        if reply is not None:
            self._send(port, reply, datagram)
        elif len(self._tasks) >= self._in_flight:
            self._overload.inc()
        else:
            task = self._loop.create_task(self._answer(port, datagram))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, port: Port, datagram: Datagram) -> None:
        wire, client, local, _ = datagram
        try:
            reply = await self._responder.respond(wire, client, local, Transport.udp)
        except Exception as error:
            self._mishaps.tell(error)
            return
        if reply is not None:
            self._send(port, reply, datagram)

    def _send(self, port: Port, reply: bytes, datagram: Datagram) -> None:
        try:
            port.send(reply, datagram)
        except OSError:
            self._unsent.inc()
