"""Datagrams, the sockets that carry them, and the way back: a reply leaves from the address that was asked.

A socket bound to one address has no choice. One bound to all of them would let the kernel choose by
route, which need not be what the client asked, and a client drops what comes from elsewhere
(RFC 2181 §4.1). There each datagram brings its destination along (RFC 3542 §6.2 for IPv6, ip(7)
for IPv4) and the reply takes it back.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from struct import Struct
from typing import NamedTuple, Protocol

from kdns.serve.entry import Lying
from kdns.serve.listen import Address, share

LARGEST = 65535
AT_ONCE = 64
"""Datagrams that are taken together: of more the sockets' price per datagram falls no further (measured to 128)."""
_QUEUE = 4 << 20
"""Bytes of datagrams to hold while the loop is busy: asked for, the kernel may give fewer."""

LINUX = sys.platform == "linux"
# Python 3.11 names none of these. They are fixed: part of each kernel's interface to programs.
_IP_PKTINFO = {"linux": 8, "darwin": 26}.get(sys.platform)
_IPV6_RECVPKTINFO: int = getattr(socket, "IPV6_RECVPKTINFO", 49 if LINUX else 61)
_IPV6_PKTINFO: int = getattr(socket, "IPV6_PKTINFO", 50 if LINUX else 46)
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_OMIT = 5

PKTINFO4 = Struct("=I4s4s")
PKTINFO6 = Struct("=16sI")
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
    """A bound socket. `family` is 1 where clients have IPv4, 2 for IPv6."""

    @property
    def address(self) -> Address:
        """What it is bound to."""

    @property
    def family(self) -> int:
        """The clients' address family, as metrics have it."""

    def fileno(self) -> int:
        """For the loop to watch."""

    def receive(self) -> Sequence[bytes]:
        """The next ones, AT_ONCE at most, each behind its id. Raises BlockingIOError where there are none, OSError
        for an earlier reply's fate.
        """

    def datagram(self, place: int) -> Datagram:
        """One of those that were received last."""

    def answer(self, replies: Sequence[Lying], places: Sequence[int] | None = None) -> int:
        """Send these behind the ids of what was received last: to each, or to those at `places`, in their order.
        How many could not be sent.
        """

    def send(self, reply: bytes, to: Datagram) -> None:
        """Send the reply to a datagram that came at any time. Raises OSError."""

    def share(self) -> None:
        """Let other sockets of this process have the same address, or one that it covers."""

    def deflect(self) -> None:
        """Let what comes from now on go to those others, where the kernel can; what has come can still be received."""

    def close(self) -> None:
        """Give the address back."""


class Held:
    """A socket that is one of a Port's parts. `wild` tells that it is bound to every address of its family."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        ip, port, *_ = sock.getsockname()
        self.address: Address = (ip, port)
        self.wild = ip in _LOOPBACK
        self.family = 2 if sock.family == socket.AF_INET6 else 1
        self.space = socket.CMSG_SPACE((PKTINFO6 if self.family == 2 else PKTINFO4).size) if self.wild else 0
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _QUEUE)
        if LINUX and self.family == 1:
            # No forged "fragmentation needed" shall shrink what goes out. IPv6 paths carry 1280 bytes anyway.
            sock.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_OMIT)
        if self.wild and self.family == 2:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
        elif self.wild and _IP_PKTINFO is not None:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def fileno(self) -> int:
        """See Port."""
        return self.sock.fileno()

    def send(self, reply: bytes, to: Datagram) -> None:
        """See Port."""
        if to.way:
            self.sock.sendmsg((reply,), to.way, 0, to.client)
        else:
            self.sock.sendto(reply, to.client)

    def share(self) -> None:
        """See Port."""
        share(self.sock)

    def deflect(self) -> None:
        """See Port."""
        if not LINUX:
            return
        # The kernel gives a connected socket only what its peer sends: here nobody is.
        host = _LOOPBACK.get(self.address[0], self.address[0])
        with suppress(OSError):
            self.sock.connect((host, _DISCARD, *self.sock.getsockname()[2:]))

    def close(self) -> None:
        """See Port."""
        self.sock.close()


@lru_cache(maxsize=256)
def way_back(level: int, type: int, data: bytes) -> tuple[str, Control]:
    """The address that was asked, and the control message that sends from it.

    The interface is left to the routes, since a reply may have to leave by another one than the
    question came by; only a link-local address means nothing without it (RFC 4007 §6).
    """
    if level == socket.IPPROTO_IPV6 and type == _IPV6_PKTINFO:
        asked, interface = PKTINFO6.unpack(data)
        link_local = asked[0] == 0xFE and asked[1] & 0xC0 == 0x80
        back = PKTINFO6.pack(asked, interface if link_local else 0)
        return socket.inet_ntop(socket.AF_INET6, asked), ((level, type, back),)
    _, ours, destination = PKTINFO4.unpack(data)
    # The two differ for a broadcast, which nothing can be sent from; macOS fills in the second only.
    asked = ours if ours != _NOWHERE else destination
    return socket.inet_ntop(socket.AF_INET, asked), ((level, type, PKTINFO4.pack(0, asked, _NOWHERE)),)


class Single(Held):
    """A Port that takes and sends one datagram at a time, through the socket's own methods, on any system."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._buffer = bytearray(LARGEST)  # one for all, since allocating anew is what costs
        self._view = memoryview(self._buffer)
        self._taken: list[Datagram] = []

    def receive(self) -> list[bytes]:
        """See Port."""
        self._taken = [self._one()]
        with suppress(OSError):
            while len(self._taken) < AT_ONCE:
                self._taken.append(self._one())
        return [datagram.wire[2:] for datagram in self._taken]

    def _one(self) -> Datagram:
        if not self.wild:
            size, client = self.sock.recvfrom_into(self._buffer)
            return Datagram(bytes(self._view[:size]), client, self.address, ())
        size, control, _, client = self.sock.recvmsg_into([self._buffer], self.space)
        ip, way = way_back(*control[0]) if control else (self.address[0], ())
        return Datagram(bytes(self._view[:size]), client, (ip, self.address[1]), way)

    def datagram(self, place: int) -> Datagram:
        """See Port."""
        return self._taken[place]

    def answer(self, replies: Sequence[Lying], places: Sequence[int] | None = None) -> int:
        """See Port."""
        unsent = 0
        for reply, place in zip(replies, places or range(len(replies)), strict=True):
            to = self._taken[place]
            try:
                self.send(to.wire[:2] + reply.body, to)
            except OSError:
                unsent += 1
        return unsent
