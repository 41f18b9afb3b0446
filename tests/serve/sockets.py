"""Clients for the tests of listeners, and waiting without a clock."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable

import ifaddr
import pytest

from kdns.proto.framing import Framer, frame

PATIENCE = 10.0
"""Seconds after which a test that waits for something has failed."""


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


HAS_IPV6 = _has_ipv6()
needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
LOOPBACKS = [
    pytest.param("127.0.0.1", id="IPv4"),
    pytest.param("::1", id="IPv6", marks=needs_ipv6),
]


def ipv6_addresses(*, link_local: bool) -> list[tuple[str, int, int, int]]:
    """This machine's IPv6 addresses besides ::1, with port 0, as sockets write them."""
    found = [ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv6]
    addresses = [(str(ip.ip[0]), 0, 0, int(ip.ip[2])) for ip in found]
    return [address for address in addresses if address[0] != "::1" and address[0].startswith("fe80:") is link_local]


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until this holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


class UdpClient:
    """A socket that is not connected, so that it sees from where replies come."""

    def __init__(self, host: str = "127.0.0.1", *rest: int) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((host, *(rest or (0,))))

    def __enter__(self) -> UdpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, wire: bytes, address: tuple[object, ...]) -> None:
        """One datagram; over loopback it is in the other's queue when this returns."""
        self.sock.sendto(wire, address)

    async def receive(self) -> tuple[bytes, str, int]:
        """The next reply, and the address that it came from."""
        async with asyncio.timeout(PATIENCE):
            wire, sender = await asyncio.get_running_loop().sock_recvfrom(self.sock, 65535)
        return wire, sender[0], sender[1]

    async def ask(self, wire: bytes, address: tuple[object, ...]) -> tuple[bytes, str, int]:
        """Send and receive."""
        self.send(wire, address)
        return await self.receive()

    def empty(self) -> bool:
        """Whether nothing has come."""
        try:
            self.sock.recv(65535)
        except BlockingIOError:
            return True
        return False


class StreamClient:
    """A connection that speaks frames."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    async def __aenter__(self) -> StreamClient:
        self.reader, self.writer = await asyncio.open_connection(*self._address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        """End it with RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def send(self, *messages: bytes) -> None:
        """All of them in one segment."""
        self.writer.write(b"".join(map(frame, messages)))

    async def receive(self) -> bytes:
        """The next message."""
        async with asyncio.timeout(PATIENCE):
            length = await self.reader.readexactly(2)
            return await self.reader.readexactly(int.from_bytes(length))

    async def rest(self) -> list[bytes]:
        """All messages until the server closes. Raises ConnectionResetError if it does so rudely."""
        framer = Framer()
        async with asyncio.timeout(PATIENCE):
            messages = framer.feed(await self.reader.read())
        assert not framer.partial
        return messages
