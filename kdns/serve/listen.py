"""What every listener needs: bound sockets, or one line that says why not; and somebody who answers."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from kdns.chain import Peer, Transport
from kdns.errors import PortError, StartError
from kdns.log import Sparing, place_of
from kdns.metrics import Metrics
from kdns.serve.asked import Rest, Send
from kdns.serve.entry import Lying

_log = logging.getLogger("kdns.serve")
BACKLOG = 1024
"""Connections that wait to be accepted; the kernel may allow fewer (net.core.somaxconn)."""
_EVERYWHERE = ["0.0.0.0", "::"]
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})

Address = tuple[str, int]
"""An IP in presentation format and a port, as sockets give them (IPv6 has two more fields)."""


More = Callable[[bytes], Awaitable[None]]
"""Sends a message of a reply before its last one; returns when there is room for another."""


class Answerer(Protocol):
    """Bytes in, bytes out: what a listener carries messages to."""

    def look(self, queries: Sequence[bytes], transport: Transport) -> list[Lying] | None:
        """The replies to queries, each behind its id, if they all lie ready; None where one does not."""

    def lying(self, query: bytes, transport: Transport) -> Lying | None:
        """The reply to a query behind its id, if it can be had at once."""

    def gave(self, given: list[Lying], transport: Transport, family: int, seconds: float) -> None:
        """These were given to clients of one address family (1, 2), so many seconds after they were heard."""

    async def respond(
        self, wire: bytes, client: Address, local: Address, transport: Transport, more: More | None = None
    ) -> bytes | None:
        """The reply, however long it takes; None where silence is the answer. `local` is the address that was asked.

        Of a reply of several messages all but the last are given to `more`.
        """


class Beginner(Answerer, Protocol):
    """One who can answer without a task."""

    def begin(self, wire: bytes, client: Address, local: Address, send: Send) -> Rest | None:
        """Answer a datagram without waiting, if that can be: `send` is given the reply, now or later, once. Else what
        is to be awaited for it.
        """


class Mishaps:
    """Where exceptions end that no answerer should let out: counted, and logged once per kind and minute."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._panics = metrics.panics
        self._sparing = Sparing(clock)

    def tell(self, error: Exception) -> None:
        """Take note of one. Its message stays without a reply."""
        self._panics.inc()
        if self._sparing.first(place_of(error)):
            _log.error("a message could not be answered", exc_info=error)


def bind(
    host: str, port: int, type: socket.SocketKind, *, shared: bool = False, ours: bool = False
) -> list[socket.socket]:
    """Non-blocking sockets on an address; on every address, one per IP family, where `host` is empty.

    Those of streams listen already. With port 0 the kernel picks one, the same for both families.
    `shared` is for sockets of this process that overlap: one on every address of a port, bound first, and
    others on single ones. Nobody else may be there, unless some of the port is `ours` already. Raises StartError.
    """
    bound: list[socket.socket] = []
    try:
        for each in [host] if host else _everywhere():
            wanted = bound[0].getsockname()[1] if bound else port
            if shared and not ours and each in _EVERYWHERE:
                # Another process that shares would not be noticed: first without.
                _bind(each, wanted, type, shared=False).close()
            bound.append(_bind(each, wanted, type, shared=shared))
    except StartError:
        for sock in bound:
            sock.close()
        raise
    return bound


def _everywhere() -> list[str]:
    try:
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()
    except OSError:
        return _EVERYWHERE[:1]
    return _EVERYWHERE


def _bind(host: str, port: int, type: socket.SocketKind, *, shared: bool) -> socket.socket:
    try:  # text would be taken through encodings.idna, 0.4 MB that nothing else needs
        family, *_, address = socket.getaddrinfo(host.encode(), port, type=type, flags=socket.AI_NUMERICHOST)[0]
    except socket.gaierror:
        raise StartError(f"'{host}' is no IP address to listen on") from None
    try:
        sock = socket.socket(family, type)
    except OSError as error:
        raise _start_error(error, host, port, type) from error
    try:
        _prepare(sock)
        if shared:
            share(sock)
        sock.bind(address)
        if type == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _start_error(error, host, port, type) from error
    return sock


def _prepare(sock: socket.socket) -> None:
    """SO_REUSEADDR is for streams: there it overlooks dying connections, with UDP a living server."""
    sock.setblocking(False)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if sock.type == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def share(sock: socket.socket) -> None:
    """Allow sockets of this process that are bound with `shared` to overlap this one, which is bound already."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _start_error(error: OSError, host: str, port: int, type: socket.SocketKind) -> StartError:
    address = Peer(host, port)
    over = "TCP" if type == socket.SOCK_STREAM else "UDP"
    if error.errno == errno.EADDRINUSE:
        return PortError(f"address {address} is in use: stop what listens there ({over}) or choose another port", port)
    if error.errno in {errno.EACCES, errno.EPERM}:
        text = f"no permission to bind port {port}: run as root or with the capability NET_BIND_SERVICE"
        return PortError(f"{text}, or choose a port from 1024 up", port)
    if error.errno == errno.EADDRNOTAVAIL:
        return StartError(f"{host} is no address of this machine: bind one that is, or none for all of them")
    if error.errno in _NO_SUCH_FAMILY:
        return StartError(f"this machine has no {'IPv6' if ':' in host else 'IPv4'}, which {address} needs")
    return StartError(f"cannot listen on {address} over {over}: {error.strerror or error}")
