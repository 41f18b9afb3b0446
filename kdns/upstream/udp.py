"""Questions over UDP: each from a socket of its own, on a port and with an id that nobody can foresee.

The socket is connected, so the kernel lets through what comes from the right address and port only.
Ports are drawn from all but the well-known (RFC 5452 §9.2), not only from the kernel's own range.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import lru_cache
from itertools import count
from random import Random
from typing import Any

from kdns.proto.reply import Received
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.faults import Besieged

_FIRST_PORT, _LAST_PORT = 1024, 65535
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
    loop = asyncio.get_running_loop()
    sock = _connected(to, random, source)
    try:
        identity = random.getrandbits(16)
        sock.send(identity.to_bytes(2) + asking.body(edns=edns))
        for _ in count() if most is None else range(most):
            reply = asking.reply_in(await loop.sock_recv(sock, _LARGEST), identity)
            if reply is not None:
                return reply
            stray()
    finally:
        sock.close()
    raise Besieged(f"{to} sent {most} replies to other questions: is somebody guessing?")


def _connected(to: Endpoint, random: Random, source: str) -> socket.socket:
    family, peer = _peer(to.ip, to.port)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
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
    family, *_, peer = socket.getaddrinfo(ip, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
    return family, peer


def _bind(sock: socket.socket, source: str, random: Random) -> None:
    for _ in range(_DRAWS):
        try:
            sock.bind(_local(sock, source, random.randint(_FIRST_PORT, _LAST_PORT)))
        except OSError:  # taken, or kept for others
            continue
        return
    sock.bind(_local(sock, source, 0))


def _local(sock: socket.socket, source: str, port: int) -> tuple[Any, ...]:
    any_address = "::" if sock.family == socket.AF_INET6 else ""
    return (source or any_address, port)


def same_family(source: str, ip: str) -> bool:
    """Whether one can be asked from the other; no source can be."""
    return bool(source) and (":" in source) == (":" in ip)
