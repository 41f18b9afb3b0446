from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import ClassVar

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.chain import Keep, Query, Response, Transport
from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.serve import batch, udp
from kdns.serve.asked import Rest, Send
from kdns.serve.datagram import Datagram
from kdns.serve.entry import Lying
from kdns.serve.listen import Address, Beginner, More
from kdns.serve.udp import UdpListener
from tests.serve.answering import Desk, addressed, by_reason
from tests.serve.sockets import LOOPBACKS, PATIENCE, UdpClient, needs_ipv6, until

Reply = Callable[[bytes], Awaitable[bytes | None]]


@dataclass
class Echo:
    """Answers with what was asked, and remembers how it was asked. `ready` are those that hit, `given` what hit."""

    ready: frozenset[bytes] = frozenset()
    reply: Reply | None = None
    asked: list[tuple[bytes, Address, Address, Transport]] = field(default_factory=list)
    given: list[tuple[bytes, Transport, int]] = field(default_factory=list)

    def look(self, queries: Sequence[bytes], transport: Transport) -> list[Lying] | None:
        found = [self.lying(query, transport) for query in queries]
        return None if None in found else [each for each in found if each]

    def lying(self, query: bytes, transport: Transport) -> Lying | None:
        assert transport is Transport.udp
        if query == b"oken hit":
            raise ZeroDivisionError
        ready = {wire[2:] for wire in self.ready}
        return Lying(Keep(), len(query) + 2, query) if query in ready else None

    def gave(self, given: list[Lying], transport: Transport, family: int, seconds: float) -> None:  # noqa: ARG002
        self.given += [(lying.body, transport, family) for lying in given]

    def begin(self, wire: bytes, client: Address, local: Address, send: Send) -> Rest | None:  # noqa: ARG002
        return partial(self.respond, wire, client, local, Transport.udp)

    async def respond(
        self,
        wire: bytes,
        client: Address,
        local: Address,
        transport: Transport,
        more: More | None = None,  # noqa: ARG002
    ) -> bytes | None:
        self.asked.append((wire, client, local, transport))
        return wire if self.reply is None else await self.reply(wire)


@asynccontextmanager
async def listening(
    responder: Beginner, host: str = "127.0.0.1", *, metrics: Metrics | None = None, in_flight: int = 4096
) -> AsyncIterator[UdpListener]:
    loop = asyncio.get_running_loop()
    listener = UdpListener(responder, host, 0, metrics=metrics or Metrics(), loop=loop, in_flight=in_flight)
    listener.open()
    try:
        yield listener
    finally:
        listener.close()


def query(name: str = "a.example.") -> bytes:
    return dns.message.make_query(name, "A").to_wire()


@pytest.fixture(
    autouse=True,
    params=[
        pytest.param(True, id="batched", marks=pytest.mark.skipif(not batch.AVAILABLE, reason="no recvmmsg here")),
        pytest.param(False, id="one at a time"),
    ],
)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here holds for both kinds of ports."""
    monkeypatch.setattr(batch, "AVAILABLE", request.param)


# There and back.


@pytest.mark.parametrize("ready", [frozenset(), frozenset({b"question"})], ids=["miss", "hit"])
@pytest.mark.parametrize("host", LOOPBACKS)
async def test_a_datagram_is_answered_to_who_sent_it(host: str, ready: frozenset[bytes]) -> None:
    echo = Echo(ready)
    async with listening(echo, host) as listener:
        with UdpClient(host) as client:
            assert await client.ask(b"question", listener.address) == (b"question", *listener.address)
            if ready:
                assert echo.given == [(b"estion", Transport.udp, 2 if ":" in host else 1)]
                return
            ((wire, sender, local, transport),) = echo.asked
            assert (wire, transport) == (b"question", Transport.udp)
            assert (sender[:2], local) == (client.sock.getsockname()[:2], listener.address)


@pytest.mark.parametrize("ready", [frozenset(), frozenset({b"question"})], ids=["miss", "hit"])
@pytest.mark.parametrize(
    ("client", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.2"),
        pytest.param("::1", "::1", marks=needs_ipv6),
    ],
)
async def test_on_every_address_the_one_that_was_asked_is_known_and_answers(
    client: str, asked: str, ready: frozenset[bytes]
) -> None:
    echo = Echo(ready)
    async with listening(echo, "") as listener:
        port = listener.address[1]
        with UdpClient(client) as sock:
            assert await sock.ask(b"question", (asked, port)) == (b"question", asked, port)
    assert [local for _, _, local, _ in echo.asked] == ([] if ready else [(asked, port)])


async def test_dnspython_is_answered_first_by_the_chain_then_from_the_memo() -> None:
    desk = Desk()
    async with listening(desk.responder, metrics=desk.metrics) as listener:
        ip, port = listener.address
        for hits in (0, 1, 2):
            reply = await dns.asyncquery.udp(dns.message.make_query("a.example.", "A"), ip, PATIENCE, port)
            assert [rdata.to_text() for rdata in reply.answer[0]] == ["10.0.0.1"]
            assert desk.counted("kdns_memo_hits_total") == hits
        reply = await dns.asyncquery.udp(dns.message.make_query("example.org.", "A"), ip, PATIENCE, port)
        assert reply.rcode() == dns.rcode.REFUSED


async def test_a_truncated_reply_makes_dnspython_ask_for_more_room() -> None:
    async def handler(query: Query) -> Response:
        return addressed(query, *(f"10.0.0.{number}" for number in range(100)))

    async with listening(Desk(handler).responder) as listener:
        ip, port = listener.address
        small = dns.message.make_query("a.example.", "A", use_edns=False)
        reply = await dns.asyncquery.udp(small, ip, PATIENCE, port)
        assert reply.flags & dns.flags.TC
        large = dns.message.make_query("a.example.", "A", payload=1232)
        assert len((await dns.asyncquery.udp(large, ip, PATIENCE, port)).to_wire()) > 512


async def test_replies_come_as_they_are_ready_not_as_they_were_asked() -> None:
    gate = asyncio.Event()

    async def slow_first(wire: bytes) -> bytes:
        if wire == b"slow":
            await gate.wait()
        return wire

    async with listening(Echo(frozenset({b"hit"}), slow_first)) as listener:
        with UdpClient() as client:
            client.send(b"slow", listener.address)
            client.send(b"quick", listener.address)
            client.send(b"hit", listener.address)
            assert {(await client.receive())[0] for _ in range(2)} == {b"quick", b"hit"}
            gate.set()
            assert (await client.receive())[0] == b"slow"


async def test_silence_is_silence() -> None:
    async def only_some(wire: bytes) -> bytes | None:
        return None if wire == b"hush" else wire

    async with listening(Echo(reply=only_some)) as listener:
        with UdpClient() as client:
            client.send(b"hush", listener.address)
            assert (await client.ask(b"speak", listener.address))[0] == b"speak"
            assert client.empty()


# What goes wrong.


async def test_beyond_the_limit_of_replies_in_flight_questions_are_dropped_and_counted() -> None:
    gate, metrics = asyncio.Event(), Metrics()

    async def later(wire: bytes) -> bytes:
        await gate.wait()
        return wire

    async with listening(Echo(frozenset({b"hit"}), later), metrics=metrics, in_flight=3) as listener:
        with UdpClient() as client:
            for number in range(5):
                client.send(b"%d" % number, listener.address)
            assert (await client.ask(b"hit", listener.address))[0] == b"hit"
            assert by_reason(metrics, "kdns_refused_early_total") == {"overload": 2}
            gate.set()
            assert sorted([(await client.receive())[0] for _ in range(3)]) == [b"0", b"1", b"2"]
            assert (await client.ask(b"room again", listener.address))[0] == b"room again"
            assert client.empty()


@pytest.mark.parametrize("ready", [False, True], ids=["miss", "hit"])
async def test_a_reply_that_cannot_be_sent_is_counted_and_the_next_one_is(ready: bool) -> None:
    metrics = Metrics()

    async def too_large(wire: bytes) -> bytes:
        return bytes(65536) if wire == b"large" else wire

    class Oversized(Echo):
        def lying(self, query: bytes, transport: Transport) -> Lying | None:  # noqa: ARG002
            return Lying(Keep(), 5, bytes(65536)) if ready and query == b"rge" else None

    async with listening(Oversized(reply=too_large), metrics=metrics) as listener:
        with UdpClient() as client:
            client.send(b"large", listener.address)
            assert (await client.ask(b"small", listener.address))[0] == b"small"
    assert by_reason(metrics, "kdns_refused_early_total") == {"unsent": 1}


@pytest.mark.parametrize("wire", [b"broken hit", b"broken response"])
async def test_an_exception_ends_one_message_is_counted_and_logged_once(
    wire: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(wire: bytes) -> bytes:
        if wire == b"broken response":
            raise ZeroDivisionError
        return wire

    metrics = Metrics()
    async with listening(Echo(reply=broken), metrics=metrics) as listener:
        with UdpClient() as client:
            for _ in range(3):
                client.send(wire, listener.address)
            assert (await client.ask(b"fine", listener.address))[0] == b"fine"
            assert client.empty()
    assert metrics.registry.get_sample_value("coredns_panics_total") == 3
    assert [record.name for record in caplog.records] == ["kdns.serve"]


class Scripted:
    """A port whose batches and errors a test writes down; the loop sees it readable while there are any."""

    family = 1

    def __init__(self, script: list[list[bytes] | OSError]) -> None:
        self.address = ("127.0.0.1", 53)
        self.script = script
        self.sent: list[bytes] = []
        self.taken: list[bytes] = []
        self._ours, self._theirs = socket.socketpair()
        self._theirs.send(b"!")

    def fileno(self) -> int:
        return self._ours.fileno()

    def receive(self) -> list[bytes]:
        if not self.script:
            self._ours.recv(1)
            raise BlockingIOError
        step = self.script.pop(0)
        if isinstance(step, OSError):
            raise step
        self.taken = step
        return [wire[2:] for wire in step]

    def datagram(self, place: int) -> Datagram:
        return Datagram(self.taken[place], ("127.0.0.1", 40000), self.address, ())

    def answer(self, replies: list[Lying], places: list[int] | None = None) -> int:
        chosen = range(len(replies)) if places is None else places
        self.sent += [self.taken[place][:2] + reply.body for place, reply in zip(chosen, replies, strict=True)]
        return 0

    def send(self, reply: bytes, _: Datagram) -> None:
        self.sent.append(reply)

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


async def test_an_icmp_error_about_an_earlier_reply_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [OSError(number, "ICMP") for number in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)]
    port = Scripted([[b"one"] * 64, *errors, [b"two"]])
    monkeypatch.setattr(udp, "ports", lambda *_: [port])
    async with listening(Echo()):
        await until(lambda: len(port.sent) == 65)
    assert sorted(port.sent) == [b"one"] * 64 + [b"two"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("ready", "most"), [(frozenset({b"hit"}), 256), (frozenset[bytes](), 64)], ids=["hits", "misses"]
)
async def test_a_flood_leaves_the_others_their_turn(
    monkeypatch: pytest.MonkeyPatch, ready: frozenset[bytes], most: int
) -> None:
    port = Scripted([[b"hit"] * 64 for _ in range(40)])
    monkeypatch.setattr(udp, "ports", lambda *_: [port])
    seen: list[int] = []
    async with listening(Echo(ready)):
        while port.script:
            seen.append(len(port.sent))
            await asyncio.sleep(0)
    assert max(after - before for before, after in pairwise(seen)) == most
    assert len(seen) >= 40 * 64 // most


async def test_of_a_batch_what_lies_ready_does_not_wait_for_the_rest() -> None:
    gate = asyncio.Event()

    async def later(wire: bytes) -> bytes:
        await gate.wait()
        return wire

    echo = Echo(frozenset({b"hit"}), later)
    async with listening(echo) as listener:
        with UdpClient() as client:
            for wire in (b"late1", b"hit", b"late2", b"hit", b"late3"):
                client.send(wire, listener.address)
            assert [(await client.receive())[0] for _ in range(2)] == [b"hit", b"hit"]
            await until(lambda: len(echo.asked) == 3)
            gate.set()
            assert sorted([(await client.receive())[0] for _ in range(3)]) == [b"late1", b"late2", b"late3"]
            assert [body for body, _, _ in echo.given] == [b"t", b"t"]


async def test_questions_that_wait_for_nothing_share_a_task() -> None:
    tasks: set[asyncio.Task[None] | None] = set()

    async def at_once(wire: bytes) -> bytes:
        tasks.add(asyncio.current_task())
        return wire

    async with listening(Echo(reply=at_once)) as listener:
        with UdpClient() as client:
            for number in range(50):
                client.send(b"%d" % number, listener.address)
            assert [(await client.receive())[0] for _ in range(50)] == [b"%d" % number for number in range(50)]
    assert len(tasks) == 1


# The beginning and the end.


async def test_a_port_in_use_is_noticed_by_the_second_listener() -> None:
    async with listening(Echo()) as first:
        second = UdpListener(Echo(), *first.address, metrics=Metrics(), loop=asyncio.get_running_loop())
        with pytest.raises(StartError, match="in use"):
            second.open()
        second.close()


async def test_draining_answers_what_has_come_and_waits_for_replies_in_flight() -> None:
    gate = asyncio.Event()

    async def later(wire: bytes) -> bytes:
        await gate.wait()
        return wire

    echo = Echo(frozenset({b"hit"}), later)
    async with listening(echo) as listener:
        with UdpClient() as client:
            for _ in range(200):
                client.send(b"hit", listener.address)
            client.send(b"late", listener.address)
            draining = asyncio.create_task(listener.drain(PATIENCE))
            for _ in range(200):
                assert (await client.receive())[0] == b"hit"
            assert not draining.done()
            gate.set()
            assert (await client.receive())[0] == b"late"
            await draining
            client.send(b"hit", listener.address)
            await asyncio.sleep(0)
            assert (len(echo.asked), len(echo.given)) == (1, 200)


async def test_draining_ends_when_its_time_is_over() -> None:
    async def never(wire: bytes) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    echo = Echo(reply=never)
    async with listening(echo) as listener:
        with UdpClient() as client:
            client.send(b"question", listener.address)
            await until(lambda: bool(echo.asked))
            await listener.drain(0.0)
            assert client.empty()


async def test_draining_reads_for_half_of_its_time_where_questions_keep_coming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Flood(Scripted):
        def receive(self) -> list[bytes]:
            clock.now += 0.02
            self.taken = [b"hit"] * 64
            return [b"t"] * 64

    class Slow:
        now = 0.0

        def time(self) -> float:
            return self.now

        def __getattr__(self, name: str) -> object:
            return getattr(asyncio.get_running_loop(), name)

    clock, port = Slow(), Flood([])
    monkeypatch.setattr(udp, "ports", lambda *_: [port])
    listener = UdpListener(
        Echo(frozenset({b"hit"})),
        "",
        0,
        metrics=Metrics(),
        loop=clock,  # type: ignore[arg-type]
    )
    listener.open()
    await listener.drain(4.0)
    assert 2.0 <= clock.now <= 2.1
    listener.close()


async def test_closing_gives_the_address_back_and_ends_what_was_in_flight() -> None:
    ended: list[bytes] = []

    async def never(wire: bytes) -> bytes:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(wire)
        return wire

    echo = Echo(reply=never)
    async with listening(echo) as listener:
        address = listener.address
        with UdpClient() as client:
            client.send(b"question", address)
            await until(lambda: bool(echo.asked))
    await until(lambda: bool(ended))
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(address)


# Anything at all.


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=60) | st.binary(max_size=50).map(lambda tail: query()[:12] + tail), max_size=30))
async def test_any_datagrams_are_survived_and_only_queries_are_answered(wires: list[bytes]) -> None:
    desk = Desk(zones=(".",))
    last = b"\xff\xff" + query("sentinel.example.")[2:]
    deserving = [wire[:2] for wire in wires if len(wire) >= 12 and not wire[2] & 0x80]
    async with listening(desk.responder, metrics=desk.metrics) as listener:
        with UdpClient() as client:
            for wire in [*wires, last]:
                client.send(wire, listener.address)
            replies = [(await client.receive())[0] for _ in range(len(deserving) + 1)]
            assert client.empty()
    assert sorted(reply[:2] for reply in replies) == sorted([*deserving, last[:2]])
    assert all(reply[2] & 0x80 for reply in replies)
    assert desk.counted("coredns_panics_total") == 0


# Without a task.


class Straight(Echo):
    """Takes all questions without a task, and answers when it is let."""

    waiting: ClassVar[list[tuple[bytes, Send]]]

    def begin(self, wire: bytes, client: Address, local: Address, send: Send) -> Rest | None:  # noqa: ARG002
        self.waiting.append((wire, send))
        return None

    def answer(self) -> None:
        while self.waiting:
            wire, send = self.waiting.pop(0)
            send(None if wire == b"silence" else wire)


@pytest.fixture
def straight() -> Straight:
    Straight.waiting = []
    return Straight()


async def test_who_answers_without_a_task_needs_none(straight: Straight) -> None:
    async with listening(straight) as listener:
        with UdpClient() as client:
            before = len(asyncio.all_tasks())
            for wire in (b"one", b"silence", b"two"):
                client.send(wire, listener.address)
            await until(lambda: len(straight.waiting) == 3)
            assert len(asyncio.all_tasks()) == before
            straight.answer()
            assert [(await client.receive())[0] for _ in range(2)] == [b"one", b"two"]
            await listener.drain(PATIENCE)
            assert client.empty()


async def test_those_who_wait_without_a_task_count_as_under_way(straight: Straight) -> None:
    metrics = Metrics()
    async with listening(straight, metrics=metrics, in_flight=2) as listener:
        with UdpClient() as client:
            for _ in range(3):
                client.send(b"one", listener.address)
            await until(lambda: by_reason(metrics, "kdns_refused_early_total").get("overload") == 1)
            straight.answer()
            assert (await client.receive())[0] == b"one"
            assert (await client.receive())[0] == b"one"
            client.send(b"room again", listener.address)
            await until(lambda: len(straight.waiting) == 1)


async def test_draining_waits_for_those_who_wait_without_a_task(straight: Straight) -> None:
    async with listening(straight) as listener:
        with UdpClient() as client:
            client.send(b"one", listener.address)
            await until(lambda: len(straight.waiting) == 1)
            draining = asyncio.create_task(listener.drain(PATIENCE))
            await asyncio.sleep(0)
            assert not draining.done()
            straight.answer()
            await draining
            listener.close()
            assert (await client.receive())[0] == b"one"


async def test_what_is_answered_in_the_last_moment_goes_out(straight: Straight) -> None:
    async with listening(straight) as listener:
        with UdpClient() as client:
            client.send(b"one", listener.address)
            await until(lambda: len(straight.waiting) == 1)
            straight.answer()
            listener.close()
            assert (await client.receive())[0] == b"one"


async def test_who_answers_after_the_end_does_no_harm(straight: Straight) -> None:
    metrics = Metrics()
    async with listening(straight, metrics=metrics) as listener:
        with UdpClient() as client:
            client.send(b"one", listener.address)
            await until(lambda: len(straight.waiting) == 1)
            listener.close()
            straight.answer()
            await asyncio.sleep(0)
            assert client.empty()
    assert by_reason(metrics, "kdns_refused_early_total").get("unsent", 0) == 0
