"""UDP sockets, and the way back: a reply leaves from the address that was asked.

A socket bound to one address has no choice. One bound to all of them would let the kernel choose by
route, which need not be what the client asked, and a client drops what comes from elsewhere
(RFC 2181 §4.1). There each datagram brings its destination along (RFC 3542 §6.2 for IPv6, ip(7)
for IPv4) and the reply takes it back.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from functools import lru_cache
from struct import Struct
from typing import NamedTuple, Protocol

from kdns.serve.listen import Address, bind, share

_LARGEST = 65535
_QUEUE = 4 << 20
"""Bytes of datagrams to hold while the loop is busy: asked for, the kernel may give fewer."""

_LINUX = sys.platform == "linux"
# Python 3.11 names none of these. They are fixed: part of each kernel's interface to programs.
_IP_PKTINFO = {"linux": 8, "darwin": 26}.get(sys.platform)
_IPV6_RECVPKTINFO: int = getattr(socket, "IPV6_RECVPKTINFO", 49 if _LINUX else 61)
_IPV6_PKTINFO: int = getattr(socket, "IPV6_PKTINFO", 50 if _LINUX else 46)
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_OMIT = 5

_PKTINFO4 = Struct("=I4s4s")
_PKTINFO6 = Struct("=16sI")
_NOWHERE = bytes(4)
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_DISCARD = 9

Control = tuple[tuple[int, int, bytes], ...]
"""Ancillary data: (level, type, data) each."""


class Datagram(NamedTuple):
    """One that came. `local` is the address it was sent to; `way` takes the reply back from there."""

    wire: bytes
    client: Address
    local: Address
    way: Control


class Port(Protocol):
    """A bound socket."""

    @property
    def address(self) -> Address:
        """What it is bound to."""

    def fileno(self) -> int:
        """For the loop to watch."""

    def receive(self) -> Datagram:
        """The next one. Raises BlockingIOError where there is none, OSError for an earlier reply's fate."""

    def send(self, reply: bytes, to: Datagram) -> None:
        """Send the reply to a datagram. Raises OSError."""

    def share(self) -> None:
        """Let other sockets of this process have the same address, or one that it covers."""

    def deflect(self) -> None:
        """Let what comes from now on go to those others, where the kernel can; what has come can still be received."""

    def close(self) -> None:
        """Give the address back."""


class _Held:
    """A socket and the one buffer that it receives into, since allocating anew is what costs."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = bytearray(_LARGEST)
        self._view = memoryview(self._buffer)
        ip, port, *_ = sock.getsockname()
        self.address: Address = (ip, port)

    def fileno(self) -> int:
        return self._sock.fileno()

    def share(self) -> None:
        share(self._sock)

    def deflect(self) -> None:
        if not _LINUX:
            return
        # The kernel gives a connected socket only what its peer sends: here nobody is.
        host = _LOOPBACK.get(self.address[0], self.address[0])
        with suppress(OSError):
            self._sock.connect((host, _DISCARD, *self._sock.getsockname()[2:]))

    def close(self) -> None:
        self._sock.close()


class Plain(_Held):
    """Bound to one address."""

    def receive(self) -> Datagram:
        """See Port."""
        size, client = self._sock.recvfrom_into(self._buffer)
        return Datagram(bytes(self._view[:size]), client, self.address, ())

    def send(self, reply: bytes, to: Datagram) -> None:
        """See Port."""
        self._sock.sendto(reply, to.client)


class Wild(_Held):
    """Bound to every address of one family."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._buffers = [self._buffer]
        six = sock.family == socket.AF_INET6
        self._space = socket.CMSG_SPACE((_PKTINFO6 if six else _PKTINFO4).size)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        elif _IP_PKTINFO is not None:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def receive(self) -> Datagram:
        """See Port."""
        size, control, _, client = self._sock.recvmsg_into(self._buffers, self._space)
        ip, way = _way_back(*control[0]) if control else (self.address[0], ())
        return Datagram(bytes(self._view[:size]), client, (ip, self.address[1]), way)

    def send(self, reply: bytes, to: Datagram) -> None:
        """See Port."""
        self._sock.sendmsg((reply,), to.way, 0, to.client)


@lru_cache(maxsize=256)
def _way_back(level: int, type: int, data: bytes) -> tuple[str, Control]:
    """The address that was asked, and the control message that sends from it.

    The interface is left to the routes, since a reply may have to leave by another one than the
    question came by; only a link-local address means nothing without it (RFC 4007 §6).
    """
    if level == socket.IPPROTO_IPV6 and type == _IPV6_PKTINFO:
        asked, interface = _PKTINFO6.unpack(data)
        link_local = asked[0] == 0xFE and asked[1] & 0xC0 == 0x80
        back = _PKTINFO6.pack(asked, interface if link_local else 0)
        return socket.inet_ntop(socket.AF_INET6, asked), ((level, type, back),)
    _, ours, destination = _PKTINFO4.unpack(data)
    # The two differ for a broadcast, which nothing can be sent from; macOS fills in the second only.
    asked = ours if ours != _NOWHERE else destination
    return socket.inet_ntop(socket.AF_INET, asked), ((level, type, _PKTINFO4.pack(0, asked, _NOWHERE)),)


def ports(host: str, port: int, shared: bool = False, ours: bool = False) -> list[Port]:
    """Bound sockets for an address, or for all where `host` is empty; `shared`, `ours` as in `bind`.

    Raises StartError.
    """
    return [_port(sock) for sock in bind(host, port, socket.SOCK_DGRAM, shared=shared, ours=ours)]


def _port(sock: socket.socket) -> Port:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
    if _LINUX and sock.family == socket.AF_INET:
        # No forged "fragmentation needed" shall shrink what goes out. IPv6 paths carry 1280 bytes anyway.
        sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_OMIT)
    everywhere = sock.getsockname()[0] in {"0.0.0.0", "::"}
    return Wild(sock) if everywhere else Plain(sock)
