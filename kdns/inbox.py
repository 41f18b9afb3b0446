"""Watching very many sockets that wait for a message or two each.

To have the event loop watch a socket and let go of it costs as much as to open, connect and close it. So where the
system has epoll the sockets are in one of our own, and the loop watches that: one system call for each, none at its
end, since who closes a socket takes it out. Elsewhere the loop watches each.
"""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

AT_ONCE = 256
"""Sockets that are read in one go: then others have their turn."""


class Inbox(Protocol):
    """Of one event loop."""

    def watch(self, sock: int, read: Callable[[], None], /) -> object:
        """Call `read`, which must not raise, whenever there is something to read on a socket, or an error."""

    def forget(self, sock: int, /) -> object:
        """Call no more; who says so closes the socket at once."""

    def rest(self, sock: int, /) -> object:
        """Call no more, though the socket stays open; it may be watched again."""


class Apart:
    """An Inbox on any system: each socket is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.watch = loop.add_reader
        self.forget = self.rest = loop.remove_reader


if sys.platform == "linux":

    class Together:
        """An Inbox of one epoll."""

        def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
            self._epoll = select.epoll()
            self._calls: dict[int, Callable[[], None]] = {}
            loop.add_reader(self._epoll.fileno(), self._read)

        def watch(self, sock: int, read: Callable[[], None]) -> None:
            """See Inbox."""
            self._epoll.register(sock, select.EPOLLIN)
            self._calls[sock] = read

        def forget(self, sock: int) -> None:
            """See Inbox."""
            self._calls.pop(sock, None)

        def rest(self, sock: int) -> None:
            """See Inbox."""
            if self._calls.pop(sock, None) is not None:
                self._epoll.unregister(sock)

        def _read(self) -> None:
            calls = self._calls
            for sock, _ in self._epoll.poll(0, AT_ONCE):
                if (read := calls.get(sock)) is not None:
                    read()

else:
    Together = Apart


_inboxes: WeakKeyDictionary[asyncio.AbstractEventLoop, Inbox] = WeakKeyDictionary()


def inbox() -> Inbox:
    """That of the running loop, for as long as that is there."""
    loop = asyncio.get_running_loop()
    found = _inboxes.get(loop)
    if found is None:
        found = _inboxes[loop] = Together(loop)
    return found
