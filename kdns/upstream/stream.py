"""One connection to another server, TCP or TLS: many questions at a time, told apart by their ids (RFC 7766 §6.2.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from kdns.proto.framing import Framer, frame
from kdns.proto.reply import Received
from kdns.upstream.asking import Asking
from kdns.upstream.faults import Cut

PIPELINED = 32
"""Questions that may be open on one connection."""
_SLOW = 0.25
"""Seconds after which a question that is still open holds back others: some servers answer one after the other."""


class _Open(NamedTuple):
    asking: Asking
    reply: asyncio.Future[Received]
    since: float


class Stream(asyncio.Protocol):
    """`rested` is called when nothing is open on it any more, `stray` for messages that belong to no question.

    `where` is what errors call the server.
    """

    def __init__(
        self, where: str, random: Random, *, rested: Callable[[Stream], None], stray: Callable[[], None]
    ) -> None:
        self._where = where
        self._random = random
        self._rested = rested
        self._stray = stray
        self._loop = asyncio.get_running_loop()
        self._framer = Framer()
        self._open: dict[int, _Open] = {}
        self._transport: asyncio.Transport | None = None
        self._timed_out = False
        self.since = self._loop.time()
        self.idle: asyncio.TimerHandle | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()

    @property
    def busy(self) -> int:
        """How many questions are open."""
        return len(self._open)

    @property
    def usable(self) -> bool:
        """Whether it is there, as far as is known, and keeps up."""
        if self._transport is None or self._transport.is_closing() or self._timed_out:
            return False
        oldest = next(iter(self._open.values()), None)
        return len(self._open) < PIPELINED and (oldest is None or self._loop.time() - oldest.since < _SLOW)

    async def ask(self, asking: Asking, *, edns: bool) -> Received:
        """The reply. Waits for ever. Raises Cut when the connection ends first."""
        if self._transport is None or self._transport.is_closing():
            raise Cut(f"{self._where} has closed the connection")
        if self.idle is not None:
            self.idle.cancel()
        identity = self._new_id()
        mine = _Open(asking, self._loop.create_future(), self._loop.time())
        self._open[identity] = mine
        self._transport.write(frame(identity.to_bytes(2) + asking.body(edns=edns)))
        try:
            return await mine.reply
        except asyncio.CancelledError:
            self._timed_out = True  # whatever it waits for, others should not
            raise
        finally:
            self._open.pop(identity, None)
            if not self._open:
                self._rest()

    def close(self) -> None:
        """End it at once."""
        if self.idle is not None:
            self.idle.cancel()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's: it is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio's: bytes have come."""
        for wire in self._framer.feed(data):
            found = self._open.get(int.from_bytes(wire[:2]))
            reply = found.asking.reply_in(wire, int.from_bytes(wire[:2])) if found else None
            if found is None or reply is None:
                self._stray()
            elif not found.reply.done():
                found.reply.set_result(reply)

    def connection_lost(self, _error: Exception | None) -> None:
        """asyncio's: it has ended, for whatever reason."""
        what = "in the middle of a reply" if self._framer.partial else "before the reply came"
        for each in self._open.values():
            if not each.reply.done():
                each.reply.set_exception(Cut(f"{self._where} ended the connection {what}"))
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)
        if not self._open:
            self._rested(self)

    def _rest(self) -> None:
        if self._timed_out:
            self.close()
        self._rested(self)

    def _new_id(self) -> int:
        while (identity := self._random.getrandbits(16)) in self._open:
            pass
        return identity
