"""Questions over UDP: each from a socket of its own, on a port and with an id that nobody can foresee.

The socket is connected, so the kernel lets through what comes from the right address and port only.
Ports are drawn from all but the well-known (RFC 5452 §9.2), not only from the kernel's own range.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import lru_cache, partial
from random import Random
from typing import Any

from kdns.inbox import Inbox, inbox
from kdns.proto.reply import Received
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.faults import Besieged
from kdns.upstream.outbox import outbox

_FIRST_PORT = 1024
_PORTS = 65536 - _FIRST_PORT
_NONBLOCK: int = getattr(socket, "SOCK_NONBLOCK", 0)
"""Where a socket can be made so, it need not be told."""
_DRAWS = 8
"""Ports that are tried before the kernel may choose one."""
STRAYS = 16
"""Replies with a wrong id or question that are waited past: each is a guess of somebody who sends many."""
_LARGEST = 65535


Outcome = Received | Exception


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
    waiting = _Awaited(to, asking, stray, most)
    try:
        waiting.begin(random, source, edns=edns)
        return await waiting.reply
    finally:
        waiting.close()


class Waiting:
    """For the reply to one question. Past `most` messages that are none, each told of by `stray`, nothing is believed
    (None: never).
    """

    __slots__ = ("_identity", "_mail", "_most", "_sock", "_stray", "_strays", "asking", "to")

    def __init__(self, to: Endpoint, asking: Asking, stray: Callable[[], None], most: int | None) -> None:
        self.to = to
        self.asking = asking
        self._stray = stray
        self._most = most
        self._strays = 0
        self._identity = -1
        self._sock: socket.SocketType | None = None
        self._mail: Inbox | None = None

    def land(self, outcome: Outcome) -> None:
        """It has come; or why there is none: OSError, Besieged, or a defect. Must not raise."""
        raise NotImplementedError

    def begin(self, random: Random, source: str, *, edns: bool) -> None:
        """Ask. Raises OSError; nothing is told of before this returns. Who begins sees to it that `close` is called
        where nothing is told.
        """
        drawn = random.getrandbits(48)  # at once: each draw asks the kernel
        sock = self._sock = _connected(self.to, random, source, drawn >> 16)
        self._identity = identity = drawn & 0xFFFF
        self._mail = mail = inbox()
        mail.watch(sock.fileno(), self._read)
        outbox().post(partial(self._send, identity.to_bytes(2) + self.asking.body(edns=edns)))

    def close(self) -> None:
        """Wait no more."""
        sock, self._sock = self._sock, None
        if sock is not None:
            if self._mail is not None:
                self._mail.forget(sock.fileno())
            sock.close()

    def _send(self, wire: bytes) -> None:
        if self._sock is not None:
            try:
                self._sock.send(wire)
            except OSError as error:
                self.close()
                self.land(error)

    def _read(self) -> None:
        """Take what has come."""
        if self._sock is None:
            return
        try:
            outcome: Outcome | None = self.asking.reply_in(self._sock.recv(_LARGEST), self._identity)
            if outcome is None:
                outcome = self._besieged()
        except BlockingIOError:  # its checksum was wrong
            return
        except Exception as error:  # the loop is nobody to hear of it
            outcome = error
        if outcome is not None:
            self.close()
            self.land(outcome)

    def _besieged(self) -> Besieged | None:
        """After one more message that is no reply."""
        self._stray()
        self._strays += 1
        if self._strays != self._most:
            return None
        return Besieged(f"{self.to} sent {self._most} replies to other questions: is somebody guessing?")


class _Awaited(Waiting):
    """By a task."""

    __slots__ = ("reply",)

    def __init__(self, to: Endpoint, asking: Asking, stray: Callable[[], None], most: int | None) -> None:
        super().__init__(to, asking, stray, most)
        self.reply: asyncio.Future[Received] = asyncio.get_running_loop().create_future()

    def land(self, outcome: Outcome) -> None:
        """See Waiting."""
        if self.reply.done():
            return
        if isinstance(outcome, Exception):
            self.reply.set_exception(outcome)
        else:
            self.reply.set_result(outcome)


def _connected(to: Endpoint, random: Random, source: str, drawn: int) -> socket.SocketType:
    family, peer = _peer(to.ip, to.port)
    sock = socket.SocketType(family, socket.SOCK_DGRAM | _NONBLOCK)  # a Python class around it would cost as much again
    try:
        if not _NONBLOCK:
            sock.setblocking(False)
        _bind(sock, source if same_family(source, to.ip) else "", random, drawn)
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


def _bind(sock: socket.SocketType, source: str, random: Random, drawn: int) -> None:
    """To a port that was drawn, 32 bits, or will be."""
    for _ in range(_DRAWS):
        try:
            sock.bind(_local(sock, source, _FIRST_PORT + (drawn * _PORTS >> 32)))
        except OSError:  # taken, or kept for others
            drawn = random.getrandbits(32)
            continue
        return
    sock.bind(_local(sock, source, 0))


def _local(sock: socket.SocketType, source: str, port: int) -> tuple[Any, ...]:
    any_address = "::" if sock.family == socket.AF_INET6 else ""
    return (source or any_address, port)


def same_family(source: str, ip: str) -> bool:
    """Whether one can be asked from the other; no source can be."""
    return bool(source) and (":" in source) == (":" in ip)
