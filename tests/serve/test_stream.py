from __future__ import annotations

import asyncio
import errno
import gc
import itertools
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import dns.asyncquery
import dns.flags
import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.chain import Query, Response, Transport
from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.proto.framing import Framer, frame
from kdns.proto.name import labels
from kdns.serve import stream
from kdns.serve.channel import Channel
from kdns.serve.connection import Connection
from kdns.serve.listen import Answerer
from kdns.serve.stream import Limits, StreamListener
from kdns.serve.udp import UdpListener
from tests.serve.answering import Desk, addressed, by_reason
from tests.serve.sockets import LOOPBACKS, PATIENCE, StreamClient, needs_ipv6, until


def query(name: str, number: int = 1) -> bytes:
    message = dns.message.make_query(name, "A")
    message.id = number
    return message.to_wire()


@asynccontextmanager
async def listening(
    responder: Answerer, host: str = "127.0.0.1", *, metrics: Metrics | None = None, limits: Limits | None = None
) -> AsyncIterator[StreamListener]:
    loop = asyncio.get_running_loop()
    listener = StreamListener(responder, host, 0, metrics=metrics or Metrics(), loop=loop, limits=limits)
    await listener.open()
    try:
        yield listener
    finally:
        listener.close()
        await listener.drain(PATIENCE)


@dataclass
class Gates:
    """A handler whose answers wait until a test lets them go, by the first label of the question."""

    waiting: dict[str, asyncio.Event] = field(default_factory=dict)
    most: int = 0
    local: str = ""

    async def __call__(self, query: Query) -> Response:
        label = labels(query.question.name)[0].decode()
        self.local = str(query.local)
        assert query.transport is Transport.tcp
        self.waiting[label] = asyncio.Event()
        self.most = max(self.most, len(self.waiting))
        if not label.startswith("quick"):
            await self.waiting[label].wait()
        del self.waiting[label]
        return addressed(query, "10.0.0.1")

    async def until(self, *names: str) -> None:
        await until(lambda: set(names) <= set(self.waiting))

    def open(self, *names: str) -> bool:
        """Let these go; False, so that one may wait for ever and do it again and again."""
        for name in names:
            self.waiting[name].set()
        return False


def ids(messages: list[bytes]) -> list[int]:
    return [int.from_bytes(message[:2]) for message in messages]


# There and back.


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_a_question_is_answered_and_the_address_it_went_to_is_known(host: str) -> None:
    gates = Gates()
    async with listening(Desk(gates).responder, host) as listener:
        ip, port = listener.address
        async with StreamClient(listener.address) as client:
            client.send(query("quick.example."))
            reply = dns.message.from_wire(await client.receive())
    assert [rdata.to_text() for rdata in reply.answer[0]] == ["10.0.0.1"]
    assert gates.local == (f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}")


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", pytest.param("::1", marks=needs_ipv6)])
async def test_on_every_address_the_one_that_was_asked_is_known(asked: str) -> None:
    gates = Gates()
    async with (
        listening(Desk(gates).responder, "") as listener,
        StreamClient((asked, listener.address[1])) as client,
    ):
        client.send(query("quick.example."))
        await client.receive()
    assert gates.local.strip("[").startswith(asked)


async def test_dnspython_gets_a_thousand_addresses_whole() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, *(f"10.0.{number >> 8}.{number & 255}" for number in range(1000)))

    async with listening(Desk(handler).responder) as listener:
        ip, port = listener.address
        reply = await dns.asyncquery.tcp(dns.message.make_query("a.example.", "A"), ip, PATIENCE, port)
    assert len(reply.answer[0]) == 1000
    assert not reply.flags & dns.flags.TC


async def test_dnspython_falls_back_from_udp_on_the_same_port() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, *(f"10.0.0.{number}" for number in range(200)))

    responder, loop = Desk(handler).responder, asyncio.get_running_loop()
    async with listening(responder) as listener:
        datagrams = UdpListener(responder, *listener.address, metrics=Metrics(), loop=loop)
        datagrams.open()
        asked = dns.message.make_query("a.example.", "A")
        reply, used_tcp = await dns.asyncquery.udp_with_fallback(
            asked, listener.address[0], PATIENCE, listener.address[1]
        )
        datagrams.close()
    assert used_tcp
    assert len(reply.answer[0]) == 200


async def test_questions_in_one_segment_are_answered_as_the_chain_is_done_with_them() -> None:
    gates = Gates()
    async with listening(Desk(gates).responder) as listener, StreamClient(listener.address) as client:
        client.send(query("a.example.", 1), query("b.example.", 2), query("quick.example.", 3))
        assert ids([await client.receive()]) == [3]
        await gates.until("a", "b")
        gates.open("b")
        assert ids([await client.receive()]) == [2]
        gates.open("a")
        assert ids([await client.receive()]) == [1]


async def test_a_question_may_come_a_byte_at_a_time() -> None:
    async with listening(Desk().responder) as listener, StreamClient(listener.address) as client:
        for octet in frame(query("a.example.", 7)):
            client.writer.write(bytes((octet,)))
            await client.writer.drain()
            await asyncio.sleep(0)
        assert ids([await client.receive()]) == [7]


async def test_a_thousand_pipelined_questions_are_all_answered_a_few_at_a_time() -> None:
    gates = Gates()
    limits = Limits(pipelined=16)
    async with (
        listening(Desk(gates).responder, limits=limits) as listener,
        StreamClient(listener.address) as client,
    ):
        client.send(*(query(f"n{number}.example.", number) for number in range(1000)))
        opening = asyncio.create_task(until(lambda: gates.open(*gates.waiting)))
        assert sorted(ids([await client.receive() for _ in range(1000)])) == list(range(1000))
        opening.cancel()
    assert gates.most == 16


# The end of a connection.


async def test_a_half_closed_client_gets_all_its_replies_and_then_the_end() -> None:
    gates = Gates()
    async with listening(Desk(gates).responder) as listener, StreamClient(listener.address) as client:
        client.send(*(query(f"n{number}.example.", number) for number in range(5)))
        client.writer.write_eof()
        await gates.until("n0", "n4")
        gates.open("n3", "n1", "n0", "n4", "n2")
        assert sorted(ids(await client.rest())) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "garbage",
    [b"", bytes(11), b"\0\1\x81\x80" + bytes(20)],
    ids=["nothing", "eleven bytes", "a reply"],
)
async def test_garbage_gets_no_reply_and_the_end_behind_those_that_are_due(garbage: bytes) -> None:
    gates, metrics = Gates(), Metrics()
    async with (
        listening(Desk(gates).responder, metrics=metrics) as listener,
        StreamClient(listener.address) as client,
    ):
        client.send(query("slow.example.", 1), garbage, query("quick.example.", 2))
        await gates.until("slow")
        client.writer.write(bytes(100_000))
        gates.open("slow")
        assert ids(await client.rest()) == [1]
    assert by_reason(metrics, "kdns_tcp_connections_closed_total") == {"garbage": 1}


async def test_a_client_that_resets_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    gates, metrics = Gates(), Metrics()
    async with (
        listening(Desk(gates).responder, metrics=metrics) as listener,
        StreamClient(listener.address) as client,
    ):
        client.send(query("slow.example."))
        await gates.until("slow")
        client.reset()
        await until(lambda: metrics.registry.get_sample_value("kdns_tcp_connections") == 0)
        async with StreamClient(listener.address) as client:
            client.send(query("quick.example.", 9))
            assert ids([await client.receive()]) == [9]
    assert not caplog.records


async def test_a_connection_that_is_over_is_gone_without_a_garbage_collection() -> None:
    """Collections are rare, and what is alive when a cluster was taken in is left out of all of them."""
    async with listening(Desk().responder) as listener:
        gc.collect()
        gc.disable()
        try:
            for number in range(5):
                async with StreamClient(listener.address) as client:
                    client.send(query("web.example.", number))
                    await client.receive()
            await until(lambda: not any(isinstance(each, Connection | Channel) for each in gc.get_objects()))
        finally:
            gc.enable()


async def test_a_client_that_asks_on_and_never_reads_is_cut_off() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, *(f"10.0.{number >> 8}.{number & 255}" for number in range(4000)))

    metrics = Metrics()
    async with (
        listening(Desk(handler).responder, metrics=metrics, limits=Limits(write=0.05)) as listener,
        StreamClient(listener.address) as client,
    ):
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send(*[query("a.example.")] * 2000)
        await until(lambda: by_reason(metrics, "kdns_tcp_connections_closed_total") == {"write": 1})
        await until(lambda: metrics.registry.get_sample_value("kdns_tcp_connections") == 0)


async def test_beyond_the_limit_of_connections_the_idle_one_makes_room() -> None:
    gates, metrics = Gates(), Metrics()
    limits = Limits(connections=2)
    async with (
        listening(Desk(gates).responder, metrics=metrics, limits=limits) as listener,
        StreamClient(listener.address) as idle,
        StreamClient(listener.address) as busy,
    ):
        idle.send(query("quick.example."))
        await idle.receive()
        busy.send(query("slow.example.", 5))
        await gates.until("slow")
        async with StreamClient(listener.address) as newest:
            newest.send(query("slower.example.", 6))
            await gates.until("slower")
            assert await idle.rest() == []
            async with StreamClient(listener.address) as refused:
                assert await refused.rest() == []
            gates.open("slow", "slower")
            assert ids([await busy.receive(), await newest.receive()]) == [5, 6]
            assert metrics.registry.get_sample_value("kdns_tcp_connections") == 2
    assert by_reason(metrics, "kdns_tcp_connections_closed_total") == {"limit": 2}


async def test_without_room_for_a_file_connections_wait_and_it_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept, tries = socket.socket.accept, itertools.count()

    def accepted(sock: socket.socket) -> tuple[socket.socket, Any]:
        if next(tries) < 3:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return accept(sock)

    monkeypatch.setattr(stream, "_PAUSE", 0.0)
    async with listening(Desk().responder) as listener:
        monkeypatch.setattr(socket.socket, "accept", accepted)
        async with StreamClient(listener.address) as client:
            client.send(query("a.example.", 7))
            assert ids([await client.receive()]) == [7]
    assert [record.getMessage() for record in caplog.records] == ["connections have to wait: Too many open files"]


async def test_closed_while_connections_wait_it_accepts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def accepted(sock: socket.socket) -> NoReturn:
        tries.append(1)
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))

    tries: list[int] = []
    monkeypatch.setattr(stream, "_PAUSE", 0.0)
    async with listening(Desk().responder) as listener:
        monkeypatch.setattr(socket.socket, "accept", accepted)
        with socket.create_connection(listener.address):
            await until(lambda: len(tries) > 1)
    tries.clear()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not tries


# The beginning and the end of the listener.


async def test_a_port_in_use_is_an_error() -> None:
    loop = asyncio.get_running_loop()
    async with listening(Desk().responder) as first:
        second = StreamListener(Desk().responder, *first.address, metrics=Metrics(), loop=loop)
        with pytest.raises(StartError, match=r"in use: stop what listens there \(TCP\)"):
            await second.open()
        second.close()


async def test_draining_answers_those_connected_and_lets_in_no_more() -> None:
    gates = Gates()
    async with (
        listening(Desk(gates).responder) as listener,
        StreamClient(listener.address) as idle,
        StreamClient(listener.address) as busy,
    ):
        busy.send(query("slow.example.", 5))
        await gates.until("slow")
        busy.send(query("quick.example.", 6))
        draining = asyncio.create_task(listener.drain(PATIENCE))
        assert await idle.rest() == []
        with pytest.raises(ConnectionRefusedError):
            await StreamClient(listener.address).__aenter__()
        assert not draining.done()
        gates.open("slow")
        assert ids(await busy.rest()) == [6, 5]
        busy.writer.close()
        await draining


async def test_draining_answers_a_question_that_nobody_had_read_yet() -> None:
    async with listening(Desk().responder) as listener, StreamClient(listener.address) as client:
        client.send(query("a.example.", 8))
        draining = asyncio.create_task(listener.drain(PATIENCE))
        assert ids(await client.rest()) == [8]
        client.writer.close()
        await draining


async def test_draining_waits_a_moment_for_the_first_question_of_a_connection() -> None:
    async with (
        listening(Desk().responder) as listener,
        StreamClient(listener.address) as late,
        StreamClient(listener.address) as halfway,
        StreamClient(listener.address) as dumb,
        StreamClient(listener.address) as had_one,
    ):
        had_one.send(query("a.example.", 1))
        await had_one.receive()
        whole = frame(query("b.example.", 9))
        halfway.writer.write(whole[:5])
        draining = asyncio.create_task(listener.drain(PATIENCE))
        assert await had_one.rest() == []
        late.send(query("a.example.", 8))
        halfway.writer.write(whole[5:])
        assert ids(await late.rest()) == [8]
        assert ids(await halfway.rest()) == [9]
        late.writer.close()
        halfway.writer.close()
        assert await dumb.rest() == []
        await draining


async def test_whoever_connects_until_the_port_is_closed_is_answered() -> None:
    """However few turns of the loop before."""
    loop, clients = asyncio.get_running_loop(), list[socket.socket]()

    def connect() -> None:
        try:
            client = socket.create_connection(listener.address)
        except ConnectionRefusedError:
            return
        client.sendall(frame(query("a.example.", 8)))
        clients.append(client)
        loop.call_soon(connect)

    async with listening(Desk().responder) as listener:
        loop.call_soon(connect)
        await listener.drain(0.5)
    assert clients
    for client in clients:
        reader, writer = await asyncio.open_connection(sock=client)
        assert ids(Framer().feed(await reader.read())) == [8]
        writer.close()


async def test_draining_ends_when_its_time_is_over_and_closing_ends_the_rest() -> None:
    gates, metrics = Gates(), Metrics()
    async with (
        listening(Desk(gates).responder, metrics=metrics) as listener,
        StreamClient(listener.address) as client,
    ):
        client.send(query("slow.example."))
        await gates.until("slow")
        await listener.drain(0.0)
        assert metrics.registry.get_sample_value("kdns_tcp_connections") == 1
        listener.close()
        await until(lambda: metrics.registry.get_sample_value("kdns_tcp_connections") == 0)
        assert await client.rest() == []


async def test_closing_gives_the_address_back() -> None:
    loop = asyncio.get_running_loop()
    async with listening(Desk().responder) as first:
        address = first.address
    second = StreamListener(Desk().responder, *address, metrics=Metrics(), loop=loop)
    await second.open()
    second.close()


# Anything at all.


class Mirror:
    """Sends back what it is sent."""

    def look(self, *_: object) -> None:
        return None

    def lying(self, *_: object) -> None:
        return None

    def gave(self, *_: object) -> None:
        raise AssertionError("nothing lies ready")

    async def respond(self, wire: bytes, *_: object) -> bytes | None:
        return wire


@settings(max_examples=30)
@given(
    st.lists(st.binary(min_size=12, max_size=400).map(lambda wire: wire[:2] + b"\0" + wire[3:]), max_size=20),
    st.lists(st.integers(1, 300), min_size=1),
)
async def test_messages_cross_whole_however_the_stream_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(frame, messages))
    async with listening(Mirror()) as listener, StreamClient(listener.address) as client:
        while stream:
            size = cuts[len(stream) % len(cuts)]
            client.writer.write(stream[:size])
            stream = stream[size:]
            await asyncio.sleep(0)
        client.writer.write_eof()
        assert await client.rest() == messages


@settings(max_examples=30)
@given(st.binary(max_size=600))
async def test_any_bytes_end_the_connection_at_the_latest_with_the_client(stream: bytes) -> None:
    desk = Desk(zones=(".",))
    async with (
        listening(desk.responder, metrics=desk.metrics) as listener,
        StreamClient(listener.address) as client,
    ):
        client.writer.write(stream)
        client.writer.write_eof()
        replies = await client.rest()
    assert len(replies) <= len(Framer().feed(stream))
    assert all(reply[2] & 0x80 for reply in replies)
