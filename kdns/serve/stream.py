"""DNS over TCP (RFC 7766): the listener. What happens on a connection is in `connection`."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice

from kdns.inbox import AT_ONCE, inbox
from kdns.log import Sparing
from kdns.metrics import Metrics
from kdns.serve.channel import Channel
from kdns.serve.connection import Connection, Shared
from kdns.serve.crowd import Crowd, Limits
from kdns.serve.listen import Address, Answerer, Mishaps, bind, share

__all__ = ["Limits", "StreamListener"]

_log = logging.getLogger("kdns.serve")
_AT_ONCE = 64
"""Connections that are accepted in one go: then others have their turn."""
_TURNS = 3
"""Turns of the loop in which the inbox is looked into once at least."""
_PAUSE = 1.0
"""Seconds until the next try where there is no room for a connection (files, memory)."""


def _nobody(ip: str) -> StreamListener | None:
    """Who has an address, where nobody was told of."""
    return None


class StreamListener:
    """Carries messages of streams to an answerer and back.

    `host` is an IP, or empty for every address; `shared`, `ours` as in `bind`.
    """

    def __init__(
        self,
        responder: Answerer,
        host: str,
        port: int,
        *,
        metrics: Metrics,
        loop: asyncio.AbstractEventLoop,
        limits: Limits | None = None,
        shared: bool = False,
        ours: bool = False,
    ) -> None:
        self._host, self._port = host, port
        self._is_shared, self._is_ours = shared, ours
        self._loop = loop
        limits = limits or Limits()
        self._crowd = Crowd(limits.connections, metrics)
        self._shared = Shared(responder, self._crowd, limits, loop, Mishaps(metrics, loop.time), self._welcome)
        self._address: Address = (host, port)
        self._sockets: list[socket.socket] = []
        self._sparing = Sparing(loop.time)
        self._heir: Callable[[str], StreamListener | None] = _nobody

    @property
    def address(self) -> Address:
        """What it is bound to; with every address, that of IPv4."""
        return self._address

    async def open(self) -> None:
        """Bind and begin to answer. Raises StartError."""
        sockets = bind(self._host, self._port, socket.SOCK_STREAM, shared=self._is_shared, ours=self._is_ours)
        ip, port, *_ = sockets[0].getsockname()
        self._address = (ip, port)
        self._sockets = sockets
        self._inbox = inbox()
        for sock in sockets:
            self._listen(sock)

    def _listen(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        try:
            for accepted, peer in islice(_accepted(sock), _AT_ONCE):
                self._let_in(accepted, peer)
        except OSError as error:
            self._loop.remove_reader(sock)
            self._loop.call_later(_PAUSE, self._listen, sock)
            if self._sparing.first(error.errno):
                _log.error("connections have to wait: %s", error.strerror)

    def _let_in(self, sock: socket.socket, peer: Address) -> None:
        Channel(sock, peer, Connection(self._shared), self._loop, self._inbox).begin()

    def turn_to(self, responder: Answerer, limits: Limits) -> None:
        """Have somebody else answer from now on, on open connections too; what was begun is finished as it was."""
        self._shared.responder, self._shared.limits = responder, limits
        self._crowd.most = limits.connections

    def share(self) -> None:
        """Let other sockets of this process have addresses that overlap."""
        for sock in self._sockets:
            share(sock)

    def hand_over(self, heir: Callable[[str], StreamListener | None]) -> None:
        """Give connections, those that come still as well, to the listener that has their address now, if one has.

        `heir` takes the address that was asked at, in presentation format.
        """
        self._heir = heir
        self._pass_on()

    def take_in(self, connection: Connection) -> None:
        """Have another listener's connection go on as one of this one's."""
        connection.move(self._shared)

    def _pass_on(self) -> None:
        for guest in self._crowd:
            if isinstance(guest, Connection):
                self._welcome(guest)

    def _welcome(self, guest: Connection) -> None:
        if self._heir is not _nobody and (heir := self._heir(guest.local)):
            heir.take_in(guest)

    async def drain(self, timeout: float) -> None:  # noqa: ASYNC109
        """Answer what has come, then no more, and close. Takes `timeout` seconds at most."""
        for _ in range(_TURNS + len(self._crowd) // AT_ONCE):
            await asyncio.sleep(0)
        # What is in the kernel's queue when a socket is closed is reset, so nothing may come between.
        with suppress(OSError):
            for sock in self._sockets:
                for accepted, peer in _accepted(sock):
                    self._let_in(accepted, peer)
        self._stop_accepting()
        self._pass_on()
        self._crowd.stop()
        try:
            async with asyncio.timeout(timeout):
                await self._crowd.gone()
        except TimeoutError:
            return

    def close(self) -> None:
        """Give the addresses back and end what is still open."""
        self._stop_accepting()
        self._crowd.abort()

    def _stop_accepting(self) -> None:
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets = []


def _accepted(sock: socket.socket) -> Iterator[tuple[socket.socket, Address]]:
    """The connections in a listening socket's queue, and who they are from. Raises OSError where there is no room."""
    with suppress(BlockingIOError, InterruptedError, ConnectionAbortedError):
        while True:
            accepted, peer = sock.accept()
            accepted.setblocking(False)
            yield accepted, peer
