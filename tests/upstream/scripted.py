"""An upstream that does what a test says, over real sockets on the loopback: UDP, TCP and TLS on one port.

A script is given each question and returns what to send, in order: bytes (a message), or one of the misdeeds
below. What was asked is in `seen`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from kdns.proto.framing import Framer, frame
from kdns.upstream.address import Endpoint


class Seen(NamedTuple):
    """A question as it came. `port` is the port that it came from; `connection` tells connections apart, 0 is UDP."""

    wire: bytes
    message: dns.message.Message
    port: int
    connection: int = 0

    @property
    def tcp(self) -> bool:
        return bool(self.connection)

    @property
    def id(self) -> int:
        return self.message.id

    @property
    def name(self) -> str:
        return self.message.question[0].name.to_text()


class Elsewhere(NamedTuple):
    """A message from another port than the one that was asked."""

    wire: bytes


class Half(NamedTuple):
    """The first half of a frame, and then the end of the connection."""

    wire: bytes


class Reset(NamedTuple):
    """The end of the connection by RST."""


class End(NamedTuple):
    """The end of the connection, when what is before it has gone."""


Sent = bytes | Elsewhere | Half | Reset | End
Script = Callable[[Seen], Sequence[Sent]]


def reply(seen: Seen, *records: str, rcode: str = "NOERROR", flags: str = "RA", edns: bool = True) -> bytes:
    """A message with these answers, lines of a zone file."""
    message = dns.message.make_response(seen.message, recursion_available="RA" in flags.split())
    message.flags |= dns.flags.from_text(flags)
    message.answer += [rrset(record) for record in records]
    if not edns or seen.message.edns < 0:
        message.use_edns(False)
    else:
        message.use_edns(0, payload=1232)
    message.set_rcode(dns.rcode.from_text(rcode))
    return message.to_wire(max_size=65535)


def rrset(line: str) -> dns.rrset.RRset:
    """A line of a zone file."""
    owner, ttl, klass, type, *rdata = line.split(maxsplit=4)
    return dns.rrset.from_text(owner, int(ttl), klass, type, *rdata)


def address(seen: Seen) -> bytes:
    """The reply with one address, for any name."""
    return reply(seen, f"{seen.name} 60 IN A 192.0.2.1")


def good(seen: Seen) -> list[Sent]:
    """That, and nothing else."""
    return [address(seen)]


def silent(seen: Seen) -> list[Sent]:
    """Nothing at all."""
    return []


def altered(seen: Seen, **changes: object) -> bytes:
    """A good reply to another question, or with another id."""
    message = dns.message.from_wire(seen.wire)
    if "id" in changes:
        message.id = cast(int, changes["id"])
    if "question" in changes:
        message.question = [rrset(f"{changes['question']}")]
    return reply(seen._replace(message=message), f"{message.question[0].name} 60 IN A 203.0.113.66")


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, upstream: Scripted) -> None:
        self._upstream = upstream
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self.transport is not None
        for sent in self._upstream.hear(Seen(data, dns.message.from_wire(data), addr[1])):
            if isinstance(sent, Elsewhere):
                with socket.socket(type=socket.SOCK_DGRAM) as other:
                    other.bind(("127.0.0.1", 0))
                    other.sendto(sent.wire, addr)
            else:
                assert isinstance(sent, bytes)
                self.transport.sendto(sent, addr)


class _Stream(asyncio.Protocol):
    def __init__(self, upstream: Scripted) -> None:
        self._upstream = upstream
        self._framer = Framer()
        upstream.connections += 1
        self._number = upstream.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._upstream.open.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._upstream.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        port = self._transport.get_extra_info("peername")[1]
        for wire in self._framer.feed(data):
            for sent in self._upstream.hear(Seen(wire, dns.message.from_wire(wire), port, self._number)):
                self._send(sent)

    def _send(self, sent: Sent) -> None:
        match sent:
            case bytes():
                self._transport.write(frame(sent))
            case Half(wire):
                self._transport.write(frame(wire)[: len(wire) // 2])
                self._transport.close()
            case Reset():
                sock = self._transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._transport.abort()
            case End():
                self._transport.close()


class Scripted:
    """The upstream. `script` may be exchanged at any time; `open` are its connections."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[Seen] = []
        self.open: set[asyncio.Transport] = set()
        self.connections = 0
        self.port = 0
        self.tls = False

    @property
    def text(self) -> str:
        """For a Corefile."""
        return f"127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        """For code."""
        return Endpoint("127.0.0.1", self.port, self.tls)

    def hear(self, seen: Seen) -> Sequence[Sent]:
        """A question has come."""
        self.seen.append(seen)
        return self.script(seen)


@asynccontextmanager
async def scripted(
    script: Script = good, *, tls: ssl.SSLContext | None = None, streams: bool = True
) -> AsyncIterator[Scripted]:
    """Listens on a port of its own; without `streams` over UDP only."""
    upstream = Scripted(script)
    upstream.tls = tls is not None
    loop = asyncio.get_running_loop()
    udp, tcp = pair()
    upstream.port = udp.getsockname()[1]
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(upstream), sock=udp)
    server = None
    if streams:
        server = await loop.create_server(lambda: _Stream(upstream), sock=tcp, ssl=tls)
    else:
        tcp.close()
    try:
        yield upstream
    finally:
        transport.close()
        if server is not None:
            server.close()
        for connection in list(upstream.open):
            connection.abort()
        for _ in range(3):  # what is closed ends in callbacks
            await asyncio.sleep(0)


def pair() -> tuple[socket.socket, socket.socket]:
    """A port that is free for both."""
    for _ in range(100):
        udp, tcp = socket.socket(type=socket.SOCK_DGRAM), socket.socket()
        udp.bind(("127.0.0.1", 0))
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was there may still be fading
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            continue
        udp.setblocking(False)
        tcp.setblocking(False)
        return udp, tcp
    raise AssertionError("no port is free for UDP and TCP")
