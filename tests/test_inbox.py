"""Both kinds of inbox, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from weakref import ref

import pytest

from kdns.inbox import Apart, Inbox, Together, inbox

KINDS = [
    pytest.param(Apart, id="apart"),
    pytest.param(Together, id="together", marks=pytest.mark.skipif(sys.platform != "linux", reason="it is of epoll")),
]
Kind = Callable[[asyncio.AbstractEventLoop], Inbox]


class Reader:
    """A socket that keeps what comes, and tells once it has so much."""

    def __init__(self, most: int = 1) -> None:
        self.sock = socket.socket(type=socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.read: list[bytes] = []
        self.done = asyncio.Event()
        self._most = most

    def __call__(self) -> None:
        self.read.append(self.sock.recv(100))
        if len(self.read) >= self._most:
            self.done.set()

    def send(self, data: bytes) -> None:
        self.sock.sendto(data, self.sock.getsockname())


@pytest.mark.parametrize("kind", KINDS)
async def test_each_socket_hears_its_own_again_and_again(kind: Kind) -> None:
    mail = kind(asyncio.get_running_loop())
    readers = [Reader(2) for _ in range(300)]
    for number, reader in enumerate(readers):
        mail.watch(reader.sock.fileno(), reader)
        reader.send(b"%d" % number)
        reader.send(b"%d again" % number)
    for reader in readers:
        await reader.done.wait()
        mail.forget(reader.sock.fileno())
        reader.sock.close()
    assert [reader.read for reader in readers] == [[b"%d" % number, b"%d again" % number] for number in range(300)]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_forgotten_hears_nothing_and_its_number_may_be_used_again(kind: Kind) -> None:
    mail = kind(asyncio.get_running_loop())
    gone = Reader()
    number = gone.sock.fileno()
    mail.watch(number, gone)
    gone.send(b"not read")
    mail.forget(number)
    gone.sock.close()
    new = Reader()
    assert new.sock.fileno() == number
    mail.watch(number, new)
    new.send(b"read")
    await new.done.wait()
    mail.forget(number)
    new.sock.close()
    assert (gone.read, new.read) == ([], [b"read"])


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_of_a_socket_is_something_to_read(kind: Kind) -> None:
    mail = kind(asyncio.get_running_loop())
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        nobody = Reader().sock
        sock.connect(nobody.getsockname())
        nobody.close()
        heard = asyncio.Event()
        mail.watch(sock.fileno(), heard.set)
        sock.send(b"anybody?")
        await heard.wait()
        mail.forget(sock.fileno())


async def test_a_loop_has_one() -> None:
    assert inbox() is inbox()


def test_a_loop_that_is_gone_leaves_none() -> None:
    async def of() -> ref[Inbox]:
        return ref(inbox())

    loop = asyncio.new_event_loop()
    found = loop.run_until_complete(of())
    loop.close()
    del loop
    gc.collect()
    assert found() is None


@pytest.mark.parametrize("kind", KINDS)
async def test_one_that_rests_hears_nothing_until_it_is_watched_again(kind: Kind) -> None:
    mail = kind(asyncio.get_running_loop())
    rests, wakes = Reader(), Reader()
    for reader in (rests, wakes):
        mail.watch(reader.sock.fileno(), reader)
        mail.rest(reader.sock.fileno())
        mail.rest(reader.sock.fileno())
        reader.send(b"for later")
    mail.watch(wakes.sock.fileno(), wakes)
    await wakes.done.wait()
    assert (wakes.read, rests.read) == ([b"for later"], [])
    for reader in (rests, wakes):
        mail.forget(reader.sock.fileno())
        reader.sock.close()
