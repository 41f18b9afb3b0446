"""One connection of a stream: questions in as they come, replies out as they are ready (RFC 7766 §6.2.1.1).

What it waits for, and so what ends it, is one of four, each with its limit:

    read    a question: the first since it was opened, any later one since its first byte
    idle    a question that has not begun, nothing being answered
    write   the client to take replies: too many bytes wait to be sent
    write   the client to close its side, once ours is closed

A connection that has had as many questions as one may have is ended once they are answered.

While answers are being made, and none of the above holds, it waits for those as long as it takes.
One deadline follows from that state, and one timer looks after it.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

from kdns.chain import Transport
from kdns.proto.decode import Verdict, accept
from kdns.proto.framing import Framer, frame
from kdns.serve.crowd import Crowd, Limits
from kdns.serve.entry import Lying
from kdns.serve.listen import Address, Answerer, Mishaps

_AT_ONCE = 16384
"""Bytes read per wake-up of the loop: some hundred questions."""
_UNSENT = 65536
"""Bytes that may wait to be sent before the client is read from no more."""
_TOGETHER = 65536
"""Bytes of replies that are sent together at most."""
_LAST_WORD = 0.5
"""Seconds for a question that is on its way when we want to close: nobody opens a connection to say nothing."""


@dataclass(slots=True)
class Shared:
    """What the connections of one listener share. `buffer` is filled and emptied in one turn of the loop.

    `responder` and `limits` may be exchanged at any time. `welcome` is told of each new one.
    """

    responder: Answerer
    crowd: Crowd
    limits: Limits
    loop: asyncio.AbstractEventLoop
    mishaps: Mishaps
    welcome: Callable[[Connection], None] = lambda _: None
    buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(_AT_ONCE)))


class Connection(asyncio.BufferedProtocol):
    """A protocol for asyncio, made per connection. Times are loop time in seconds, None where not waiting.

    `_pieces` are what replies of `_given` consist of that are to be sent together, `_gathered` bytes.

    `_owed` is since when the client owes us a question, `_blocked` since when it takes no replies,
    `_left` since when we have nothing more to say, `_quiet` when it was last heard or answered.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._framer = Framer()
        self._waiting: deque[bytes] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._quiet = shared.loop.time()
        self._owed: float | None = self._quiet
        self._blocked: float | None = None
        self._left: float | None = None
        self._room: asyncio.Event | None = None
        self._deaf = self._heard_all = self._paused = self._lost = self._stopping = False
        self._reason = ""
        self._taken = 0
        self._pieces: list[bytes] = []
        self._given: list[Lying] = []
        self._gathered = 0

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, if there is room."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=_UNSENT)
        client = transport.get_extra_info("peername")
        self._client: Address = client
        self._family = 2 if client is not None and ":" in client[0] else 1
        if not self._shared.crowd.admit(self):
            self.abort("limit")
        elif client is None:  # gone before it was accepted
            self.abort()
        else:
            self._settle()
            self._shared.welcome(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        """Where to receive into."""
        return self._shared.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take bytes as they come, in whatever pieces."""
        if self._deaf:
            return
        messages = self._framer.feed(bytes(self._shared.buffer[:nbytes]))
        now = self._shared.loop.time()
        if messages:
            self._waiting.extend(messages)
            self._shared.crowd.busy(self)
            self._quiet = now
            self._owed = now if self._framer.partial else None
            self._deaf = self._stopping
            self._answer_what_lies_ready(now)
        elif self._owed is None:
            self._owed = now
        self._proceed()

    def eof_received(self) -> bool:
        """The client asks no more; it still gets what it asked for, then FIN (RFC 7766 §6.2.4)."""
        self._deaf = self._heard_all = True
        self._proceed()
        return self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """The client is not reading. This comes from within a write, and the writer sees to the rest."""
        self._blocked = self._shared.loop.time()
        self._room = asyncio.Event()

    def resume_writing(self) -> None:
        """It reads again."""
        self._blocked = None
        if self._room is not None:
            self._room.set()
            self._room = None
        self._proceed()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Over, for whatever reason. Nobody waits for the answers that are still being made."""
        self._lost = self._deaf = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        self._shared.crowd.leave(self)

    # What the listener wants.

    def stop(self) -> None:
        """Take no more questions but one that is on its way; answer those that came, then close."""
        if self._owed is not None and not self._deaf and not self._stopping:
            self._stopping = True
            self._shared.loop.call_at(self._shared.loop.time() + _LAST_WORD, self._hush)
            return
        if self._resting:
            self._transport.close()
        self._deaf = True
        self._proceed()

    @property
    def local(self) -> str:
        """The address that the client asks at, in presentation format."""
        return self._asked[0]

    @cached_property
    def _asked(self) -> Address:
        """A system call, which a connection whose answers lie ready does without."""
        address: Address = self._transport.get_extra_info("sockname")
        return address

    def move(self, to: Shared) -> None:
        """Go on as a connection of another listener, which answers from now on."""
        self._shared.crowd.leave(self)
        self._shared = to
        if not to.crowd.admit(self):
            self.abort("limit")
        elif self._resting:
            to.crowd.rest(self)

    def _hush(self) -> None:
        """It did not come."""
        if not self._deaf:
            self.stop()

    def abort(self, reason: str = "") -> None:
        """Close at once, whatever is still to be sent; `reason` is what it is counted under."""
        self._count(reason)
        self._transport.abort()

    # How it goes on.

    @property
    def _full(self) -> bool:
        return self._blocked is not None or len(self._tasks) >= self._shared.limits.pipelined

    @property
    def _resting(self) -> bool:
        return not self._tasks and not self._waiting and self._blocked is None

    def _answer_what_lies_ready(self, now: float) -> None:
        """All that waits, where it is that simple."""
        waiting = self._waiting
        if self._full or self._shared.limits.queries is not None:
            return
        try:
            given = self._shared.responder.look([message[2:] for message in waiting], Transport.tcp)
        except Exception:  # one of them is to blame: it is found as they are taken one by one
            return
        if given is not None and sum([reply.size for reply in given]) <= _TOGETHER:
            for message, reply in zip(waiting, given, strict=True):
                self._pieces += (reply.size.to_bytes(2), message[:2], reply.body)
            self._given = given
            self._taken += len(given)
            waiting.clear()
            self._flush(now)

    def _proceed(self) -> None:
        """Answer what waits, as far as the limits go."""
        if not self._waiting:
            self._settle()
            return
        started = self._shared.loop.time()
        while self._waiting and not self._full:
            self._take(self._waiting.popleft())
            self._taken += 1
            if self._gathered > _TOGETHER:
                self._flush(started)
            most = self._shared.limits.queries
            if most is not None and self._taken >= most:  # a reload may have lowered it
                self._end("queries")
        self._flush(started)
        self._settle()

    def _take(self, message: bytes) -> None:
        try:
            reply = self._shared.responder.lying(message[2:], Transport.tcp)
        except Exception as error:
            self._shared.mishaps.tell(error)
            return
        if reply is not None:
            self._given.append(reply.counts_as or reply)
            self._pieces += (reply.size.to_bytes(2), message[:2], reply.body)
            self._gathered += reply.size
        elif accept(message) is Verdict.IGNORE:
            self._end("garbage")
        else:
            self._begin(message)

    def _flush(self, started: float) -> None:
        """Send what lay ready, in one piece: a system call for all that came together."""
        if self._pieces:
            pieces, given = self._pieces, self._given
            self._pieces, self._given, self._gathered = [], [], 0
            seconds = self._shared.loop.time() - started
            if not self._transport.is_closing():
                self._transport.write(b"".join(pieces))
            self._shared.responder.gave(given, Transport.tcp, self._family, seconds)

    def _begin(self, message: bytes) -> None:
        task = self._shared.loop.create_task(self._answer(message, self._asked))
        self._tasks.add(task)
        task.add_done_callback(self._answered)

    async def _answer(self, message: bytes, local: Address) -> None:
        try:
            reply = await self._shared.responder.respond(message, self._client, local, Transport.tcp, self._send)
        except Exception as error:
            self._shared.mishaps.tell(error)
            return
        if reply is not None:
            self._write(reply)

    async def _send(self, reply: bytes) -> None:
        """One of several messages: the client takes them as it can, and others have their turn."""
        self._write(reply)
        await asyncio.sleep(0)
        if self._room is not None:
            await self._room.wait()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._quiet = self._shared.loop.time()
        self._proceed()

    def _write(self, reply: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(frame(reply))

    def _end(self, reason: str) -> None:
        """Take nothing more from this client; what was taken before is still answered."""
        self._count(reason)
        self._deaf = True
        self._waiting.clear()

    def _count(self, reason: str) -> None:
        if reason and not self._reason:
            self._reason = reason
            self._shared.crowd.closed(reason)

    def _settle(self) -> None:
        """Bring reading, the crowd and the timer in line with the state."""
        if self._lost or self._transport.is_closing():
            return
        resting = self._resting
        if self._deaf and resting:
            self._leave()
            if self._transport.is_closing():
                return
        self._pace()
        if resting:
            self._shared.crowd.rest(self)
        self._arm(self._due()[0])

    def _leave(self) -> None:
        """Send FIN behind the last reply.

        Bytes that come nevertheless are read and dropped until the client has closed as well: to
        close with bytes unread is to reset (RFC 1122 §4.2.2.13), which can cost it the replies.
        """
        first = self._left is None
        if first:
            self._left = self._shared.loop.time()
        if self._heard_all or not self._transport.can_write_eof():
            self._transport.close()
        elif first:
            try:
                self._transport.write_eof()
            except OSError:  # the client has reset it meanwhile
                self._transport.abort()

    def _pace(self) -> None:
        """Read only what can be dealt with. Behind the end of the stream there is nothing to resume."""
        pause = self._full
        if pause == self._paused or self._heard_all or self._transport.is_closing():
            return
        self._paused = pause
        if pause:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            if self._owed is not None:
                self._owed = self._shared.loop.time()

    # What it waits for.

    def _due(self) -> tuple[float, str]:
        limits = self._shared.limits
        if self._left is not None:
            return self._left + limits.write, "write"
        if self._blocked is not None:
            return self._blocked + limits.write, "write"
        if self._owed is not None and not self._paused and not self._deaf:
            return self._owed + limits.read, "read"
        if not self._resting:
            return math.inf, ""
        return self._quiet + limits.idle, "idle"

    def _arm(self, due: float) -> None:
        """Let the timer go off at `due` at the latest; too early does no harm, so it is seldom touched."""
        if due == math.inf:
            return
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._shared.loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        due, reason = self._due()
        if self._shared.loop.time() < due:
            self._arm(due)
        elif reason == "write":
            self.abort("write" if self._transport.get_write_buffer_size() else "")
        else:
            self._end(reason)
            self._settle()
