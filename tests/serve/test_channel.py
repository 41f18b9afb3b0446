"""A channel does what a transport of asyncio's own does: each test runs with both, the channel with either inbox."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.inbox import Apart, Together
from kdns.serve.channel import Channel
from tests.serve.sockets import PATIENCE, until

PEER = ("192.0.2.1", 5353)
BIG = bytes(range(256)) * 40_000
"""More than the kernel takes for a client that does not read."""


class Protocol(asyncio.BufferedProtocol):
    """Notes what it is told of; `stays` when the client asks no more."""

    def __init__(self, *, stays: bool = True) -> None:
        self.told: list[object] = []
        self.read = b""
        self.stays = stays
        self.transport = cast(asyncio.Transport, None)
        self._buffer = memoryview(bytearray(4096))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.told.append("made")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.read += bytes(self._buffer[:nbytes])
        if self.read.endswith(b"!"):
            raise ZeroDivisionError

    def eof_received(self) -> bool:
        self.told.append("end")
        return self.stays

    def pause_writing(self) -> None:
        self.told.append("full")

    def resume_writing(self) -> None:
        self.told.append("room")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(type(exc).__name__ if exc else "lost")


@dataclass
class Client:
    """The other end, which reads when it is told to."""

    sock: socket.socket
    protocol: Protocol
    failed: list[dict[str, object]] = field(default_factory=list)

    @property
    def told(self) -> list[object]:
        return self.protocol.told

    @property
    def transport(self) -> asyncio.Transport:
        return self.protocol.transport

    async def read(self, count: int = -1) -> bytes:
        """So many bytes, or all up to the end."""
        loop, read = asyncio.get_running_loop(), b""
        async with asyncio.timeout(PATIENCE):
            while len(read) != count:
                piece = await loop.sock_recv(self.sock, 1 << 20 if count < 0 else count - len(read))
                if not piece:
                    break
                read += piece
        return read

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    async def hears(self, *told: object) -> None:
        """Wait until the protocol was told all this, and no more."""
        await until(lambda: len(self.told) >= len(told))
        assert self.told == list(told)


def pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    for sock in (client, accepted):
        sock.setblocking(False)
    return client, accepted


async def asyncio_s_own(sock: socket.socket, protocol: Protocol) -> None:
    await asyncio.get_running_loop().connect_accepted_socket(lambda: protocol, sock)


async def with_one_epoll(sock: socket.socket, protocol: Protocol) -> None:
    loop = asyncio.get_running_loop()
    Channel(sock, PEER, protocol, loop, Together(loop)).begin()


async def with_the_loop(sock: socket.socket, protocol: Protocol) -> None:
    loop = asyncio.get_running_loop()
    Channel(sock, PEER, protocol, loop, Apart(loop)).begin()


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="it is of epoll")
Make = Callable[[socket.socket, Protocol], Awaitable[None]]


@pytest.fixture(params=[asyncio_s_own, pytest.param(with_one_epoll, marks=LINUX), with_the_loop])
def make(request: pytest.FixtureRequest) -> Make:
    return cast(Make, request.param)


@pytest.fixture
async def client(make: Make) -> AsyncIterator[Client]:
    theirs, ours = pair()
    client = Client(theirs, Protocol())
    asyncio.get_running_loop().set_exception_handler(lambda _, told: client.failed.append(told))
    await make(ours, client.protocol)
    yield client
    if not client.transport.is_closing():
        client.transport.abort()
    await until(lambda: client.told[-1] not in {"made", "end", "full", "room"})
    theirs.close()


async def test_what_comes_is_handed_on_and_what_is_written_goes_out(client: Client) -> None:
    client.sock.send(b"question")
    await until(lambda: client.protocol.read == b"question")
    client.transport.write(b"ans")
    client.transport.write(b"wer")
    assert await client.read(6) == b"answer"
    await client.hears("made")


async def test_what_came_before_it_was_made_is_not_lost(make: Make) -> None:
    theirs, ours = pair()
    protocol = Protocol(stays=False)
    theirs.send(b"question")
    theirs.close()
    await make(ours, protocol)
    await until(lambda: len(protocol.told) == 3)
    assert (protocol.read, protocol.told) == (b"question", ["made", "end", "lost"])


async def test_who_asks_no_more_is_still_answered(client: Client) -> None:
    client.sock.shutdown(socket.SHUT_WR)
    await client.hears("made", "end")
    client.transport.write(b"answer")
    client.transport.write_eof()
    assert await client.read() == b"answer"
    client.transport.close()
    await client.hears("made", "end", "lost")


async def test_who_is_not_wanted_any_more_at_its_end_is_closed(client: Client) -> None:
    client.protocol.stays = False
    client.sock.shutdown(socket.SHUT_WR)
    assert await client.read() == b""
    await client.hears("made", "end", "lost")
    assert client.transport.is_closing()


async def test_a_client_that_does_not_read_is_waited_for(client: Client) -> None:
    client.transport.set_write_buffer_limits(high=1000)
    client.transport.write(BIG)
    client.transport.write(b"and more")
    await client.hears("made", "full")
    assert client.transport.get_write_buffer_size() > 1000
    assert await client.read(len(BIG) + 8) == BIG + b"and more"
    await client.hears("made", "full", "room")
    assert client.transport.get_write_buffer_size() == 0


@pytest.mark.parametrize("end", ["close", "write_eof"])
async def test_what_waits_goes_out_before_the_end(client: Client, end: str) -> None:
    client.transport.set_write_buffer_limits(high=1 << 30)
    client.transport.write(BIG)
    getattr(client.transport, end)()
    assert client.transport.get_write_buffer_size() > 0
    assert await client.read() == BIG
    if end == "close":
        await client.hears("made", "lost")
    else:
        await client.hears("made")
        client.sock.send(b"thanks")
        await until(lambda: client.protocol.read == b"thanks")


async def test_who_is_being_closed_is_not_listened_to(client: Client) -> None:
    client.transport.set_write_buffer_limits(high=1 << 30)
    client.transport.write(BIG)
    client.transport.close()
    client.sock.send(b"one more question")
    with suppress(ConnectionResetError):  # to close with bytes unread is to reset
        await client.read()
    await client.hears("made", "lost")
    assert client.protocol.read == b""


async def test_to_abort_is_to_forget_what_waits(client: Client) -> None:
    client.transport.write(BIG)
    client.transport.abort()
    client.transport.abort()
    client.transport.close()
    assert client.transport.get_write_buffer_size() == 0
    await until(lambda: client.told[-1] == "lost")
    assert client.told == ["made", "full", "lost"]
    assert len(await client.read()) < len(BIG)


async def test_one_that_was_paused_hears_later_what_came_meanwhile(client: Client) -> None:
    client.transport.pause_reading()
    assert not client.transport.is_reading()
    client.sock.send(b"question")
    for _ in range(10):
        await asyncio.sleep(0)
    assert client.protocol.read == b""
    client.transport.resume_reading()
    assert client.transport.is_reading()
    await until(lambda: client.protocol.read == b"question")


async def test_a_reset_ends_it(client: Client) -> None:
    client.transport.write(b"who reads this?")
    client.reset()
    await until(lambda: client.told == ["made", "ConnectionResetError"])


async def test_a_reset_while_much_waits_ends_it(client: Client) -> None:
    client.transport.set_write_buffer_limits(high=1 << 30)
    client.transport.write(BIG)
    client.transport.pause_reading()
    client.reset()
    await until(lambda: client.told in (["made", "ConnectionResetError"], ["made", "BrokenPipeError"]))


async def test_after_its_end_nothing_is_written(client: Client) -> None:
    client.transport.abort()
    client.transport.write(b"too late")
    await client.hears("made", "lost")
    client.transport.write(b"much too late")
    assert await client.read() == b""


async def test_a_protocol_s_mistake_is_told_and_ends_its_connection_alone(client: Client, make: Make) -> None:
    theirs, ours = pair()
    other = Client(theirs, Protocol())
    await make(ours, other.protocol)
    client.sock.send(b"!")
    other.sock.send(b"question")
    await client.hears("made", "ZeroDivisionError")
    assert isinstance(client.failed[0]["exception"], ZeroDivisionError)
    await until(lambda: other.protocol.read == b"question")
    other.transport.abort()
    await other.hears("made", "lost")
    theirs.close()


async def test_both_addresses_are_known() -> None:
    theirs, ours = pair()
    protocol = Protocol()
    await with_the_loop(ours, protocol)
    transport = protocol.transport
    assert transport.get_extra_info("peername") == PEER
    assert transport.get_extra_info("sockname") == theirs.getpeername()
    assert transport.get_extra_info("socket") is ours
    assert transport.get_extra_info("cipher", "none") == "none"
    transport.abort()
    await until(lambda: protocol.told == ["made", "lost"])
    theirs.close()


@given(
    steps=st.lists(st.one_of(st.integers(1, 300_000), st.just(0)), max_size=20),
    high=st.integers(0, 200_000),
    own=st.booleans(),
)
async def test_whatever_is_written_and_read_in_whatever_pieces_arrives_in_order(
    steps: list[int], high: int, own: bool
) -> None:
    """A number is written, zero is a read of what there is."""
    theirs, ours = pair()
    client = Client(theirs, Protocol())
    await (with_one_epoll if own and sys.platform == "linux" else with_the_loop)(ours, client.protocol)
    client.transport.set_write_buffer_limits(high=high)
    expected = got = b""
    for number, step in enumerate(steps):
        if step:
            piece = bytes([number]) * step
            expected += piece
            client.transport.write(piece)
        elif len(got) < len(expected):
            got += await client.read(1 + (len(expected) - len(got)) // 2)
    client.transport.close()
    assert got + await client.read() == expected
    await until(lambda: client.told[-1] == "lost")
    between = [each for each in client.told if each in {"full", "room"}]
    assert between == ["full", "room"] * (len(between) // 2) + ["full"] * (len(between) % 2)
    theirs.close()
