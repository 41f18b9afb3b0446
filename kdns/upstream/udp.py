"""Questions over UDP: each from a socket of its own, on a port and with an id that nobody can foresee.

The socket is connected, so the kernel lets through what comes from the right address and port only.
Ports are drawn from all but the well-known (RFC 5452 §9.2), not only from the kernel's own range.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import lru_cache
from random import Random
from typing import Any

from kdns.inbox import inbox
from kdns.proto.reply import Received
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.faults import Besieged

_FIRST_PORT = 1024
_PORTS = 65536 - _FIRST_PORT
_NONBLOCK: int = getattr(socket, "SOCK_NONBLOCK", 0)
"""Where a socket can be made so, it need not be told."""
_DRAWS = 8
"""Ports that are tried before the kernel may choose one."""
STRAYS = 16
"""Replies with a wrong id or question that are waited past: each is a guess of somebody who sends many."""
_LARGEST = 65535


async def ask(
    to: Endpoint,
    asking: Asking,
    *,
    edns: bool,
    random: Random,
    source: str = "",
    stray: Callable[[], None],
    most: int | None = STRAYS,
) -> Received:
    """The reply to a question. Waits for ever; `random` must be unpredictable; `source` is an IP to ask from.

    `stray` is called for each message that is no reply to it. Raises OSError, and Besieged after `most`
    of those (None: never).
    """
    sock, mail = _connected(to, random, source), inbox()
    try:
        waiting = _Waiting(sock, asking, random.getrandbits(16), stray, most)
        mail.watch(sock.fileno(), waiting.read)
        sock.send(waiting.identity.to_bytes(2) + asking.body(edns=edns))
        reply = await waiting.outcome
    finally:
        mail.forget(sock.fileno())
        sock.close()
    if reply is None:
        raise Besieged(f"{to} sent {most} replies to other questions: is somebody guessing?")
    return reply


class _Waiting:
    """For the reply to one question. `outcome` is None where nothing more of what comes is believed."""

    __slots__ = ("_asking", "_most", "_sock", "_stray", "_strays", "identity", "outcome")

    def __init__(
        self, sock: socket.SocketType, asking: Asking, identity: int, stray: Callable[[], None], most: int | None
    ) -> None:
        self._sock = sock
        self._asking = asking
        self._stray = stray
        self._most = most
        self._strays = 0
        self.identity = identity
        self.outcome: asyncio.Future[Received | None] = asyncio.get_running_loop().create_future()

    def read(self) -> None:
        """Take what has come."""
        if self.outcome.done():  # and the socket will be closed
            return
        try:
            reply = self._asking.reply_in(self._sock.recv(_LARGEST), self.identity)
            if reply is not None:
                self.outcome.set_result(reply)
            else:
                self._go_on()
        except BlockingIOError:  # its checksum was wrong
            return
        except Exception as error:  # the loop is nobody to hear of it
            self.outcome.set_exception(error)

    def _go_on(self) -> None:
        self._stray()
        self._strays += 1
        if self._strays == self._most:
            self.outcome.set_result(None)


def _connected(to: Endpoint, random: Random, source: str) -> socket.SocketType:
    family, peer = _peer(to.ip, to.port)
    sock = socket.SocketType(family, socket.SOCK_DGRAM | _NONBLOCK)  # a Python class around it would cost as much again
    try:
        if not _NONBLOCK:
            sock.setblocking(False)
        _bind(sock, source if same_family(source, to.ip) else "", random)
        sock.connect(peer)
    except OSError:
        sock.close()
        raise
    return sock


@lru_cache(maxsize=1024)
def _peer(ip: str, port: int) -> tuple[int, Any]:
    """The address family and what `connect` wants, with the number of an IPv6 scope."""
    family, *_, peer = socket.getaddrinfo(ip.encode(), port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
    return family, peer


def _bind(sock: socket.SocketType, source: str, random: Random) -> None:
    for _ in range(_DRAWS):
        try:
            sock.bind(_local(sock, source, _FIRST_PORT + (random.getrandbits(32) * _PORTS >> 32)))
        except OSError:  # taken, or kept for others
            continue
        return
    sock.bind(_local(sock, source, 0))


def _local(sock: socket.SocketType, source: str, port: int) -> tuple[Any, ...]:
    any_address = "::" if sock.family == socket.AF_INET6 else ""
    return (source or any_address, port)


def same_family(source: str, ip: str) -> bool:
    """Whether one can be asked from the other; no source can be."""
    return bool(source) and (":" in source) == (":" in ip)
