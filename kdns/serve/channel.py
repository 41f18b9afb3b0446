"""The socket of one connection, as a transport of asyncio's kind.

A connection that asks one question and goes would cost more in asyncio's own machinery than in all the rest: a task, a
future and six calls by way of the loop. Here it is accepted, told of, read from and answered in one turn; what it
waits for then is in an `inbox`. Only what a client does not take at once is left to the loop.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from kdns.inbox import Inbox

_LOW = 4
"""A writer that was paused goes on when no more than this part of the limit waits."""


class Channel(asyncio.Transport):
    """A connected, non-blocking socket of a client at `peer`; whoever makes it calls `begin` once.

    What `protocol` is told of, and when, is as asyncio says of transports.
    """

    def __init__(
        self,
        sock: socket.socket,
        peer: tuple[Any, ...],
        protocol: asyncio.BufferedProtocol,
        loop: asyncio.AbstractEventLoop,
        inbox: Inbox,
    ) -> None:
        super().__init__()
        self._sock = sock
        self._number = sock.fileno()
        self._peer = peer
        self._protocol = protocol
        self._loop = loop
        self._inbox = inbox
        self._unsent = bytearray()
        self._most = 65536
        self._reading = True
        self._full = self._no_more = self._closing = self._lost = False

    def begin(self) -> None:
        """Tell the protocol, and take what has come already."""
        self._protocol.connection_made(self)
        if not self._closing:
            self._inbox.watch(self._number, self._read)
            self._read()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`peername`, `sockname` or `socket`."""
        match name:
            case "peername":
                return self._peer
            case "sockname":
                return self._sock.getsockname()
            case "socket":
                return self._sock
        return default

    # What comes.

    def _read(self) -> None:
        if self._closing or not self._reading:
            return
        protocol = self._protocol
        try:
            count = self._sock.recv_into(protocol.get_buffer(-1))
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        try:
            if count:
                protocol.buffer_updated(count)
            else:
                self._end()
        except Exception as error:  # the others who are read from in this turn are not to blame
            told = {"message": "a connection failed", "exception": error, "transport": self, "protocol": protocol}
            self._loop.call_exception_handler(told)
            self._lose(error)

    def _end(self) -> None:
        stays = self._protocol.eof_received()
        if self._closing:
            return
        if stays:
            self.pause_reading()
        else:
            self.close()

    def is_reading(self) -> bool:
        """Whether what comes is taken."""
        return self._reading and not self._closing

    def pause_reading(self) -> None:
        """Take nothing more for now."""
        if self.is_reading():
            self._reading = False
            self._inbox.rest(self._number)

    def resume_reading(self) -> None:
        """Take what comes again."""
        if not self._reading and not self._closing:
            self._reading = True
            self._inbox.watch(self._number, self._read)

    # What goes.

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        """The writer is paused while more than `high` bytes wait."""
        if high is not None:
            self._most = high

    def get_write_buffer_size(self) -> int:
        """Bytes that wait until the client takes them."""
        return len(self._unsent)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, at once as far as the client takes it."""
        if self._lost:
            return
        if not self._unsent:
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._lose(error)
                return
            if sent == len(data):
                return
            data = memoryview(data)[sent:]
            self._loop.add_writer(self._number, self._go_on)
        self._unsent += data
        if len(self._unsent) > self._most and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def _go_on(self) -> None:
        """Send more of what waits."""
        try:
            del self._unsent[: self._sock.send(self._unsent)]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if self._full and len(self._unsent) * _LOW <= self._most:
            self._full = False
            self._protocol.resume_writing()
        if not self._unsent and not self._lost:
            self._all_sent()

    def _all_sent(self) -> None:
        self._loop.remove_writer(self._number)
        if self._closing:
            self._lose(None)
        elif self._no_more:
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._lose(error)

    def can_write_eof(self) -> bool:
        """It can."""
        return True

    def write_eof(self) -> None:
        """Send FIN behind what waits. Raises OSError where the client has gone."""
        if not self._no_more and not self._closing:
            self._no_more = True
            if not self._unsent:
                self._sock.shutdown(socket.SHUT_WR)

    # How it ends.

    def is_closing(self) -> bool:
        """Whether it is being closed, or is."""
        return self._closing

    def close(self) -> None:
        """Take nothing more, send what waits, and close."""
        if self._closing:
            return
        if self._unsent:
            self.pause_reading()
            self._closing = True
        else:
            self._lose(None)

    def abort(self) -> None:
        """Close, whatever waits."""
        self._lose(None)

    def _lose(self, error: Exception | None) -> None:
        """The protocol is told in a turn of its own, so it may be in the middle of anything."""
        if self._lost:
            return
        self._lost = self._closing = True
        if self._unsent:
            self._unsent.clear()
            self._loop.remove_writer(self._number)
        self._inbox.forget(self._number)
        self._loop.call_soon(self._gone, error)

    def _gone(self, error: Exception | None) -> None:
        try:
            self._protocol.connection_lost(error)
        finally:
            self._sock.close()
            del self._protocol  # or each would hold the other, until a full collection, which are rare, or for ever
