from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.chain import Keep, Transport
from kdns.metrics import Metrics
from kdns.proto.framing import Framer, frame
from kdns.serve.connection import Connection, Shared
from kdns.serve.crowd import Crowd, Limits
from kdns.serve.entry import Lying
from kdns.serve.listen import Address, Answerer, Mishaps, More
from tests.serve.answering import CLIENT, LOCAL, Desk, by_reason

READ, WRITE, IDLE = 3.0, 5.0, 10.0


def question(name: bytes, size: int = 0) -> bytes:
    """A message that is none but looks like a query; to be known again by its name."""
    return (bytes(12) + name).ljust(size, b".")


class Timer:
    """What call_at gives."""

    def __init__(self, when: float, call: Callable[[], object]) -> None:
        self._when, self.call, self.cancelled = when, call, False

    def when(self) -> float:
        return self._when

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """A clock that stands still until a test moves it. Tasks are the real loop's."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Timer] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., object], *args: object) -> Timer:
        timer = Timer(when, lambda: callback(*args))
        self.timers.append(timer)
        self.made += 1
        return timer

    def create_task(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(coro)

    def pass_time(self, seconds: float) -> None:
        """Let timers go off in their order on the way."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if not timer.cancelled and timer.when() <= end]:
            first = min(due, key=Timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when())
            first.call()
        self.now = end


class Wire(asyncio.Transport):
    """A transport as asyncio's are, with a client at its other end who reads unless told not to."""

    def __init__(self, peer: Address | None = CLIENT, *, half: bool = True) -> None:
        super().__init__({"peername": peer, "sockname": LOCAL})
        self.half = half
        self.writes: list[bytes] = []
        self.unread = 0
        self.client_reads = True
        self.reading = True
        self.fin = self.closing = self.aborted = self.lost = False
        self.high = 0
        self.ended = False

    def open(self, connection: Connection) -> Wire:
        self.connection = connection
        connection.connection_made(self)
        return self

    def set_write_buffer_limits(self, high: int | None = None, *_: object) -> None:
        self.high = high or 0

    def get_write_buffer_size(self) -> int:
        return self.unread

    def write(self, data: Any) -> None:
        assert not self.closing
        assert not self.fin
        self.writes.append(bytes(data))
        if not self.client_reads:
            below = self.unread <= self.high
            self.unread += len(data)
            if below and self.unread > self.high:
                self.connection.pause_writing()

    def can_write_eof(self) -> bool:
        return self.half

    def write_eof(self) -> None:
        self.fin = True

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True
        self.unread = 0

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert not self.closing
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.closing
        assert not self.ended, "asyncio would see the end of the stream again and again"
        self.reading = True

    # What the client does.

    def takes(self) -> bool:
        return self.reading and not self.closing

    def receives(self, data: bytes) -> None:
        """Bytes of the client arrive."""
        assert self.takes()
        while data and self.takes():
            buffer = self.connection.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size], data = data[:size], data[size:]
            self.connection.buffer_updated(size)

    def ends(self) -> None:
        """The client sends FIN."""
        assert self.takes()
        self.ended = True
        if not self.connection.eof_received():
            self.close()

    def reads_all(self) -> None:
        """The client takes what waits for it."""
        self.client_reads = True
        blocked, self.unread = self.unread > self.high, 0
        if blocked:
            self.connection.resume_writing()

    def goes(self) -> None:
        """The transport is done, as it is a turn after `close`."""
        self.lost = True
        self.connection.connection_lost(None)

    @property
    def replies(self) -> list[bytes]:
        return Framer().feed(b"".join(self.writes))


PARTS, BIG = 20, 20000


class Stage:
    """A responder that a test directs, and all that connections share.

    Questions that begin with `hit` are answered at once, `soon` in their task, `hush` with silence,
    `bad` with an exception, `parts` with large messages; the others when the test says so.
    """

    def __init__(self, **limits: float) -> None:
        self.loop = Loop()
        self.metrics = Metrics()
        self.limits = Limits(READ, WRITE, IDLE, **{"connections": 100, **limits})  # type: ignore[arg-type]
        self.crowd = Crowd(self.limits.connections, self.metrics)
        self.shared = self.sharing(self)
        self.open: dict[bytes, asyncio.Future[bytes]] = {}
        self.asked: list[bytes] = []
        self.given: list[int] = []
        self.sent = 0

    def sharing(self, responder: Answerer) -> Shared:
        """What connections share that ask this responder."""
        mishaps = Mishaps(self.metrics, self.loop.time)
        return Shared(responder, self.crowd, self.limits, self.loop, mishaps)  # type: ignore[arg-type]

    def connect(self, peer: Address | None = CLIENT, *, half: bool = True) -> Wire:
        return Wire(peer, half=half).open(Connection(self.shared))

    def look(self, queries: Sequence[bytes], transport: Transport) -> list[Lying] | None:
        found = [self.lying(query, transport) for query in queries]
        return None if None in found else [each for each in found if each]

    def lying(self, query: bytes, transport: Transport) -> Lying | None:
        assert transport is Transport.tcp
        name = query[10:].rstrip(b".")
        if name == b"bad hit":
            raise ZeroDivisionError
        return Lying(Keep(), len(query) + 2, query) if name.startswith(b"hit") else None

    def gave(self, given: list[Lying], transport: Transport, family: int, seconds: float) -> None:  # noqa: ARG002
        assert (transport, family) == (Transport.tcp, 1)
        self.given.append(len(given))

    async def respond(
        self, wire: bytes, client: Address, local: Address, transport: Transport, *others: object
    ) -> bytes | None:
        assert (client, local, transport) == (CLIENT, LOCAL, Transport.tcp)
        name = wire[12:].rstrip(b".")
        self.asked.append(name)
        if name.startswith(b"soon"):
            return wire
        if name == b"hush":
            return None
        if name == b"bad":
            raise ZeroDivisionError
        if name == b"parts":
            (more,) = cast("tuple[More]", others)
            for place in range(PARTS):
                self.sent = place
                await more(question(b"part", BIG))
            return wire
        self.open[name] = asyncio.get_running_loop().create_future()
        return await self.open[name]

    async def answer(self, *names: bytes, size: int = 0) -> None:
        """Replies become ready, in this order."""
        await self.turn()
        for name in names:
            self.open.pop(name).set_result(question(name, size))
            await self.turn()

    async def turn(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    def closed(self) -> dict[str, float]:
        return by_reason(self.metrics, "kdns_tcp_connections_closed_total")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    yield stage
    for future in stage.open.values():
        future.cancel()
    await stage.turn()


async def test_a_reply_of_several_messages_goes_out_as_the_client_takes_them(stage: Stage) -> None:
    wire = stage.connect()
    wire.client_reads = False
    wire.receives(frame(question(b"parts")))
    for _ in range(3 * PARTS):
        await stage.turn()
    assert (len(wire.writes), stage.sent) == (4, 3)  # the limit is passed with the fourth
    wire.reads_all()
    for _ in range(3 * PARTS):
        await stage.turn()
    assert wire.replies == [question(b"part", BIG)] * PARTS + [question(b"parts")]


async def test_others_are_answered_between_the_messages_of_one_reply(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(question(b"parts")) + frame(question(b"soon")))
    for _ in range(3 * PARTS):
        await stage.turn()
    assert wire.replies.index(question(b"soon")) < 4
    assert len(wire.replies) == PARTS + 2


async def test_a_client_that_takes_no_more_of_a_reply_is_left(stage: Stage) -> None:
    wire = stage.connect()
    wire.client_reads = False
    wire.receives(frame(question(b"parts")))
    await stage.turn()
    stage.loop.pass_time(WRITE)
    assert wire.aborted
    wire.goes()
    await stage.turn()
    assert len(wire.writes) == 4


HIT, SLOW, LATER = question(b"hit"), question(b"slow"), question(b"later")

# Questions and replies.


async def test_each_reply_is_one_write_with_its_length(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(HIT) + frame(question(b"soon")))
    await stage.turn()
    assert wire.writes == [frame(HIT), frame(question(b"soon"))]


async def test_a_byte_at_a_time_is_a_question_all_the_same(stage: Stage) -> None:
    wire = stage.connect()
    for octet in frame(HIT) + frame(question(b"hit 2")):
        wire.receives(bytes((octet,)))
    assert wire.replies == [HIT, question(b"hit 2")]


async def test_replies_leave_as_they_are_ready(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(LATER) + frame(HIT))
    await stage.answer(b"later", b"slow")
    assert wire.replies == [HIT, LATER, SLOW]


async def test_silence_and_exceptions_leave_the_connection_as_it_was(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    wire = stage.connect()
    for name in (b"hush", b"bad", b"bad hit", b"bad", b"soon"):
        wire.receives(frame(question(name)))
    await stage.turn()
    assert wire.replies == [question(b"soon")]
    assert not wire.fin
    assert stage.metrics.registry.get_sample_value("coredns_panics_total") == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


GARBAGE = {
    "nothing": b"",
    "eleven bytes": bytes(11),
    "a reply": bytes(2) + b"\x80" + bytes(20),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_ends_the_connection_once_replies_are_written(stage: Stage, garbage: bytes) -> None:
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(garbage) + frame(HIT))
    assert not wire.fin
    await stage.answer(b"slow")
    assert (wire.replies, wire.fin, wire.closing) == ([SLOW], True, False)
    wire.receives(frame(HIT) * 3 + b"more of it")
    assert wire.replies == [SLOW]
    wire.ends()
    assert wire.closing
    assert stage.closed() == {"garbage": 1}


@pytest.mark.parametrize("pipelined", [1, 100])
async def test_after_so_many_questions_in_all_a_connection_ends_once_they_are_answered(pipelined: int) -> None:
    stage = Stage(queries=3, pipelined=pipelined)
    wire = stage.connect()
    wire.receives(frame(HIT))
    assert (wire.replies, stage.closed()) == ([HIT], {})
    wire.receives(frame(SLOW) + frame(LATER) + frame(HIT) + frame(HIT)[:9])
    assert not wire.fin
    await stage.answer(b"slow")
    assert (wire.replies, wire.fin, stage.closed()) == ([HIT, SLOW], False, {"queries": 1})
    await stage.answer(b"later")
    assert (wire.replies, wire.fin, wire.closing) == ([HIT, SLOW, LATER], True, False)
    wire.receives(frame(HIT))
    assert len(wire.replies) == 3
    wire.ends()
    assert wire.closing
    assert stage.closed() == {"queries": 1}


async def test_a_client_that_asks_no_more_gets_all_its_replies_and_then_fin(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(LATER) + b"\0")
    wire.ends()
    assert not wire.closing
    await stage.answer(b"slow")
    assert not wire.closing
    await stage.answer(b"later")
    assert (wire.replies, wire.closing, wire.aborted) == ([SLOW, LATER], True, False)
    assert stage.closed() == {}


async def test_a_client_that_says_nothing_and_ends_is_closed(stage: Stage) -> None:
    wire = stage.connect()
    wire.ends()
    assert wire.closing
    assert stage.closed() == {}


@pytest.mark.parametrize("pipelined", [1, 128])
async def test_where_one_side_cannot_be_closed_alone_both_are(pipelined: int) -> None:
    stage = Stage(pipelined=pipelined)
    wire = stage.connect(half=False)
    wire.receives(frame(SLOW) + frame(b""))
    await stage.answer(b"slow")
    assert (wire.replies, wire.fin, wire.closing) == ([SLOW], False, True)


async def test_a_reset_while_closing_is_no_mishap(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def reset(self: Wire) -> None:
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(Wire, "write_eof", reset)
    wire = stage.connect()
    wire.receives(frame(b""))
    assert wire.aborted


async def test_who_is_gone_before_being_accepted_is_let_go(stage: Stage) -> None:
    wire = stage.connect(None)
    assert wire.aborted
    wire.goes()
    assert (len(stage.crowd), stage.closed()) == (0, {})


async def test_what_a_lost_connection_asked_is_given_up(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(LATER))
    await stage.turn()
    wire.goes()
    await stage.turn()
    assert all(future.cancelled() for future in stage.open.values())
    assert (wire.writes, len(stage.crowd)) == ([], 0)
    assert all(timer.cancelled for timer in stage.loop.timers)


# Limits.


async def test_beyond_the_limit_of_unanswered_questions_the_client_is_read_from_no_more() -> None:
    stage = Stage(pipelined=3)
    wire = stage.connect()
    names = [b"slow%d" % number for number in range(5)]
    wire.receives(b"".join(frame(question(name)) for name in names) + frame(HIT))
    await stage.turn()
    assert (stage.asked, wire.reading) == (names[:3], False)
    await stage.answer(b"slow1")
    assert (stage.asked, wire.reading) == (names[:4], False)
    await stage.answer(b"slow0")
    assert (stage.asked, wire.reading) == (names, False)
    await stage.answer(b"slow2")
    assert (wire.reading, wire.replies[-1]) == (True, HIT)
    await stage.answer(b"slow3", b"slow4")
    assert len(wire.replies) == 6


async def test_the_end_of_the_stream_is_seen_behind_questions_that_had_to_wait() -> None:
    stage = Stage(pipelined=1)
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(LATER))
    await stage.answer(b"slow")
    await stage.answer(b"later")
    wire.ends()
    assert (wire.replies, wire.closing) == ([SLOW, LATER], True)


async def test_what_lies_ready_for_questions_that_come_together_goes_out_together(stage: Stage) -> None:
    wire = stage.connect()
    hits = [question(b"hit%d" % number) for number in range(100)]
    wire.receives(b"".join(map(frame, hits)))
    assert wire.replies == hits
    assert (len(wire.writes), stage.given) == (1, [100])


async def test_a_client_that_does_not_read_is_read_from_no_more_and_aborted_after_the_write_time(
    stage: Stage,
) -> None:
    wire = stage.connect()
    wire.client_reads = False
    large = question(b"hit", 10_000)
    wire.receives(frame(large) * 20)
    assert (len(wire.replies), wire.reading) == (8, False)  # the limit is passed with those that came with the seventh
    stage.loop.pass_time(WRITE - 0.1)
    assert not wire.closing
    stage.loop.pass_time(0.1)
    assert wire.aborted
    assert stage.closed() == {"write": 1}


async def test_a_client_that_reads_again_in_time_gets_the_rest(stage: Stage) -> None:
    wire = stage.connect()
    wire.client_reads = False
    large = question(b"hit", 10_000)
    wire.receives(frame(large) * 8)
    stage.loop.pass_time(WRITE - 0.1)
    wire.reads_all()
    assert wire.reading
    assert wire.replies == [large] * 8
    stage.loop.pass_time(WRITE)
    assert not wire.closing


async def test_replies_that_come_while_the_client_does_not_read_block_it_too(stage: Stage) -> None:
    wire = stage.connect()
    wire.client_reads = False
    wire.receives(frame(SLOW) + frame(LATER))
    await stage.answer(b"slow", size=65535)
    assert (wire.reading, wire.unread) == (False, 65537)
    stage.loop.pass_time(WRITE)
    assert wire.aborted
    await stage.answer(b"later")
    assert (len(wire.writes), stage.loop.timers) == (1, [])


async def test_one_more_than_may_be_open_costs_the_one_at_rest_the_longest_its_place() -> None:
    stage = Stage(connections=3)
    wires = [stage.connect() for _ in range(3)]
    for wire in (wires[1], wires[0], wires[2]):
        wire.receives(frame(HIT))
    wires[1].receives(frame(HIT)[:-1])
    newest = stage.connect()
    assert [wire.aborted for wire in (*wires, newest)] == [False, True, False, False]
    assert stage.closed() == {"limit": 1}
    assert len(stage.crowd) == 3


async def test_where_all_are_being_answered_the_new_one_is_closed() -> None:
    stage = Stage(connections=2)
    wires = [stage.connect() for _ in range(2)]
    for wire in wires:
        wire.receives(frame(SLOW))
    newest = stage.connect()
    assert [wire.aborted for wire in (*wires, newest)] == [False, False, True]
    newest.goes()
    assert (stage.closed(), len(stage.crowd)) == ({"limit": 1}, 2)


# Times.


async def ended(stage: Stage, wire: Wire, within: float) -> float | None:
    """After how many seconds the server ends its side."""
    start = stage.loop.now
    while stage.loop.now < start + within:
        stage.loop.pass_time(0.25)
        await stage.turn()
        if wire.fin or wire.closing:
            return stage.loop.now - start
    return None


Act = Callable[[Stage, Wire], Awaitable[object]]


async def say_nothing(stage: Stage, wire: Wire) -> None:
    pass


async def drip_from_the_start(stage: Stage, wire: Wire) -> None:
    for octet in frame(HIT)[:8]:
        wire.receives(bytes((octet,)))
        stage.loop.pass_time(0.25)


async def begin_a_second_question(stage: Stage, wire: Wire) -> None:
    wire.receives(frame(HIT))
    stage.loop.pass_time(5.0)
    wire.receives(frame(HIT) + b"\0")
    stage.loop.pass_time(1.0)
    wire.receives(b"\x20")
    stage.loop.pass_time(1.0)
    wire.receives(b"x")


async def end_one_question_and_begin_another(stage: Stage, wire: Wire) -> None:
    wire.receives(frame(HIT) + frame(HIT)[:5])
    stage.loop.pass_time(2.0)
    wire.receives(frame(HIT)[5:] + frame(HIT)[:5])


async def ask_and_fall_silent(stage: Stage, wire: Wire) -> None:
    wire.receives(frame(HIT))


async def ask_and_wait_long_for_the_reply(stage: Stage, wire: Wire) -> None:
    wire.receives(frame(SLOW))
    assert await ended(stage, wire, 60.0) is None
    await stage.answer(b"slow")


async def ask_now_and_then(stage: Stage, wire: Wire) -> None:
    for _ in range(5):
        wire.receives(frame(HIT))
        assert await ended(stage, wire, 9.5) is None
    wire.receives(frame(HIT))


@pytest.mark.parametrize(
    ("act", "seconds", "reason"),
    [
        (say_nothing, READ, "read"),
        (drip_from_the_start, READ - 2.0, "read"),
        (begin_a_second_question, READ - 2.0, "read"),
        (end_one_question_and_begin_another, READ, "read"),
        (ask_and_fall_silent, IDLE, "idle"),
        (ask_and_wait_long_for_the_reply, IDLE, "idle"),
        (ask_now_and_then, IDLE, "idle"),
    ],
    ids=lambda act: act.__name__ if callable(act) else None,
)
async def test_a_connection_ends_when_the_client_has_kept_it_waiting(
    act: Act, seconds: float, reason: str, stage: Stage
) -> None:
    wire = stage.connect()
    await act(stage, wire)
    assert (wire.fin, wire.closing) == (False, False)
    assert await ended(stage, wire, 60.0) == seconds
    assert stage.closed() == {reason: 1}


async def test_replies_to_earlier_questions_are_written_though_a_later_one_never_ends(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(HIT)[:5])
    stage.loop.pass_time(READ)
    assert (stage.closed(), wire.fin) == ({"read": 1}, False)
    await stage.answer(b"slow")
    assert (wire.replies, wire.fin) == ([SLOW], True)


async def test_a_question_s_time_does_not_run_while_we_do_not_read() -> None:
    stage = Stage(pipelined=1)
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(LATER)[:5])
    assert not wire.takes()
    stage.loop.pass_time(60.0)
    await stage.answer(b"slow")
    assert wire.takes()
    stage.loop.pass_time(READ - 0.1)
    assert not wire.fin
    wire.receives(frame(LATER)[5:])
    await stage.answer(b"later")
    assert wire.replies == [SLOW, LATER]


@pytest.mark.parametrize("unread", [False, True])
async def test_who_does_not_close_its_side_is_aborted_after_the_write_time_and_counted_once(
    unread: bool, stage: Stage
) -> None:
    wire = stage.connect()
    wire.client_reads = not unread
    wire.receives(frame(HIT))
    stage.loop.pass_time(IDLE)
    assert (wire.fin, wire.closing) == (True, False)
    stage.loop.pass_time(WRITE)
    assert wire.aborted
    assert stage.closed() == {"idle": 1}


async def test_a_client_that_asked_no_more_and_does_not_read_is_aborted(stage: Stage) -> None:
    wire = stage.connect()
    wire.client_reads = False
    wire.receives(frame(HIT))
    wire.ends()
    assert (wire.closing, wire.aborted) == (True, False)
    stage.loop.pass_time(WRITE)
    assert wire.aborted
    assert stage.closed() == {"write": 1}


async def test_a_half_closed_client_that_reads_late_gets_its_replies(stage: Stage) -> None:
    wire = stage.connect()
    wire.client_reads = False
    wire.receives(frame(SLOW) + frame(LATER))
    wire.ends()
    await stage.answer(b"slow", size=65535)
    stage.loop.pass_time(WRITE - 0.1)
    wire.reads_all()
    await stage.answer(b"later")
    assert (wire.replies, wire.closing, wire.aborted) == ([question(b"slow", 65535), LATER], True, False)


async def test_a_thousand_questions_need_few_timers(stage: Stage) -> None:
    wire = stage.connect()
    for _ in range(1000):
        wire.receives(frame(HIT))
        stage.loop.pass_time(0.01)
    assert len(wire.replies) == 1000
    assert stage.loop.made <= 5
    assert len(stage.loop.timers) == 1


async def test_an_earlier_deadline_takes_the_place_of_a_later_one(stage: Stage) -> None:
    wire = stage.connect()
    wire.receives(frame(HIT))
    stage.loop.pass_time(READ + 1.0)
    wire.receives(frame(HIT)[:5])
    assert [timer.when() - stage.loop.now for timer in stage.loop.timers if not timer.cancelled] == [READ]


# Stopping.


async def test_told_to_stop_it_answers_what_came_and_ends(stage: Stage) -> None:
    resting, busy = stage.connect(), stage.connect()
    resting.receives(frame(HIT))
    busy.receives(frame(SLOW))
    stage.crowd.stop()
    assert (resting.closing, busy.closing, busy.fin) == (True, False, False)
    await stage.answer(b"slow")
    assert (busy.replies, busy.fin) == ([SLOW], True)
    stage.loop.pass_time(WRITE)
    assert busy.aborted
    assert stage.closed() == {}


async def test_told_to_stop_with_questions_waiting_it_answers_those_too() -> None:
    stage = Stage(pipelined=1)
    wire = stage.connect()
    wire.receives(frame(SLOW) + frame(LATER))
    stage.crowd.stop()
    await stage.answer(b"slow")
    await stage.answer(b"later")
    assert (wire.replies, wire.fin) == ([SLOW, LATER], True)


@pytest.mark.parametrize("begun", [0, 1, 5], ids="{} bytes of it".format)
async def test_told_to_stop_it_still_takes_a_question_that_is_on_its_way(stage: Stage, begun: int) -> None:
    wire, whole = stage.connect(), frame(HIT)
    wire.receives(whole[:begun])
    stage.crowd.stop()
    assert (wire.closing, wire.fin) == (False, False)
    wire.receives(whole[begun:])
    assert (wire.replies, wire.fin) == ([HIT], True)
    wire.receives(frame(HIT))
    assert wire.replies == [HIT]


async def test_told_to_stop_it_waits_half_a_second_for_a_question(stage: Stage) -> None:
    wire = stage.connect()
    stage.crowd.stop()
    shown = []
    for seconds in (0.4, 0.2):
        stage.loop.pass_time(seconds)
        shown.append(wire.closing)
    assert shown == [False, True]
    assert stage.closed() == {}


# Anything at all.

PIECES = st.lists(
    st.binary(max_size=40)
    | st.binary(max_size=60).map(frame)
    | st.sampled_from([frame(question(b"a")), frame(bytes(4) + b"\0\1" + bytes(6) + b"\1a\0\0\1\0\1")]),
    max_size=12,
)


@settings(max_examples=150)
@given(PIECES, st.booleans())
async def test_any_stream_is_survived_and_answered_up_to_its_first_garbage(pieces: list[bytes], halves: bool) -> None:
    desk, stage = Desk(zones=(".",)), Stage()
    wire = Wire(half=halves).open(Connection(stage.sharing(desk.responder)))
    for piece in pieces:
        if not wire.closing:
            wire.receives(piece)
        await stage.turn()
    deserving = []
    for message in Framer().feed(b"".join(pieces)):
        if len(message) < 12 or message[2] & 0x80:
            break
        deserving.append(message)
    assert [reply[:2] for reply in wire.replies] == [message[:2] for message in deserving]
    assert all(len(reply) >= 12 and reply[2] & 0x80 for reply in wire.replies)
    ended = len(deserving) < len(Framer().feed(b"".join(pieces)))
    assert (wire.fin or wire.closing) is ended
    assert stage.metrics.registry.get_sample_value("coredns_panics_total") == 0
