"""A process under questions without a pause, whose Corefile changes meanwhile: every question has its answer."""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype

from tests.processes import Server, free_port, serving
from tests.serve.sockets import PATIENCE, StreamClient

NAMES = [f"n{number}.test." for number in range(20)]


def corefile(port: int, version: int, metrics: int, *, more: str = "", bind: str = "127.0.0.1") -> str:
    """Names that have the version as their address."""
    names = " ".join(NAMES)
    return f"""\
.:{port} {{
    bind {bind}
    prometheus 127.0.0.1:{metrics}
    {more}
    hosts /dev/null {{
        10.0.0.{version} {names}
        fallthrough
    }}
    whoami
}}
"""


@dataclass
class Load:
    """Clients that ask on and on; what went wrong, and how many were answered with which version."""

    server: tuple[str, int]
    wrong: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    over: bool = False
    _clients: list[asyncio.Task[None]] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def question(self) -> dns.message.Message:
        number = next(self._ids)
        query = dns.message.make_query(NAMES[number % len(NAMES)], "A")
        query.id = number & 0xFFFF
        return query

    def check(self, how: str, query: dns.message.Message, wire: bytes) -> None:
        reply = dns.message.from_wire(wire)
        if not query.is_response(reply) or reply.rcode() != dns.rcode.NOERROR or not reply.answer:
            self.wrong.append(f"{how}: {reply}")
            return
        version = reply.answer[0][0].to_text()
        self.seen[version] = self.seen.get(version, 0) + 1
        self.answered[how] = self.answered.get(how, 0) + 1

    async def by_udp(self) -> None:
        """Several at once, from one socket."""
        loop = asyncio.get_running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self.server)
            while not self.over:
                asked = {query.id: query for query in (self.question() for _ in range(8))}
                for query in asked.values():
                    await loop.sock_sendall(sock, query.to_wire())
                async with asyncio.timeout(PATIENCE):
                    while asked:
                        wire = await loop.sock_recv(sock, 4096)
                        self.check("UDP", asked.pop(int.from_bytes(wire[:2])), wire)

    async def by_one_connection(self) -> None:
        """The same one from begin to end, several questions at once on it."""
        async with StreamClient(self.server) as client:
            while not self.over:
                asked = {query.id: query for query in (self.question() for _ in range(8))}
                client.send(*(query.to_wire() for query in asked.values()))
                while asked:
                    wire = await client.receive()
                    self.check("TCP", asked.pop(int.from_bytes(wire[:2])), wire)

    async def by_connections(self) -> None:
        """A new one for each question."""
        while not self.over:
            async with StreamClient(self.server) as client:
                query = self.question()
                client.send(query.to_wire())
                self.check("new TCP", query, await client.receive())
                client.reset()  # or thousands of ports stay in TIME_WAIT, where others look for a free one

    async def until(self, version: str) -> None:
        """Wait until answers show it, and many more have come after that."""
        async with asyncio.timeout(PATIENCE):
            while self.seen.get(version, 0) < 100:
                await self._turn()

    async def _turn(self) -> None:
        for client in self._clients:
            if client.done():
                client.result()
        await asyncio.sleep(0)

    @asynccontextmanager
    async def going_on(self, *ways: Callable[[Load], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        """While this lasts; at the end nothing may be without its answer."""
        self._clients = [asyncio.create_task(way(self)) for way in ways]
        try:
            yield
            self.over = True
            await asyncio.gather(*self._clients)
        finally:
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
        assert self.wrong == []


class Reloaded:
    """A server whose Corefile is exchanged as a whole, as editors and kubelets do it."""

    def __init__(self, folder: Path, server: Server) -> None:
        self._folder = folder
        self._server = server

    def write(self, text: str) -> None:
        fresh = self._folder / "Corefile.fresh"
        fresh.write_text(text)
        fresh.rename(self._folder / "Corefile")
        self._server.tell(signal.SIGUSR1)


async def go_over(
    folder: Path, port: int, texts: Sequence[str], *ways: Callable[[Load], Coroutine[Any, Any, None]]
) -> Load:
    """Serve each in turn under load; version N + 1 is the N-th."""
    (folder / "Corefile").write_text(texts[0])
    with serving(cwd=folder) as server:
        await asyncio.to_thread(server.until, "listening")
        load, files = Load(("127.0.0.1", port)), Reloaded(folder, server)
        async with load.going_on(*ways):
            await load.until("10.0.0.1")
            for version, text in enumerate(texts[1:], start=2):
                files.write(text)
                await load.until(f"10.0.0.{version}")
        server.tell(signal.SIGTERM)
        code, out, err = await asyncio.to_thread(server.ended)
    assert (code, err) == (0, "")
    assert "[ERROR]" not in out
    assert out.count("[INFO] Reloading complete") == len(texts) - 1
    return load


async def test_no_question_is_lost_while_plugins_and_other_ports_change(tmp_path: Path) -> None:
    port, other, *metrics = (free_port() for _ in range(4))
    elsewhere = f".:{other} {{\n bind 127.0.0.1\n whoami\n}}\n"
    load = await go_over(
        tmp_path,
        port,
        [
            corefile(port, 1, metrics[0]),
            corefile(port, 2, metrics[0], more="loadbalance\nminimal"),
            corefile(port, 3, metrics[1]) + elsewhere,
            corefile(port, 4, metrics[1], more="errors\ncache 30\nreload"),
            corefile(port, 5, metrics[0], more="any") + elsewhere,
            corefile(port, 6, metrics[0]),
        ],
        Load.by_udp, Load.by_udp, Load.by_one_connection, Load.by_connections,
    )  # fmt: skip
    assert len(load.seen) == 6
    assert set(load.answered) == {"UDP", "TCP", "new TCP"}


async def test_no_datagram_is_lost_while_the_port_goes_from_one_address_to_all_and_back(tmp_path: Path) -> None:
    port, metrics = free_port(), free_port()
    binds = ["127.0.0.1", "0.0.0.0", "127.0.0.1 127.0.0.2", "0.0.0.0", "127.0.0.1"]
    texts = [corefile(port, number, metrics, bind=bind) for number, bind in enumerate(binds, start=1)]
    load = await go_over(tmp_path, port, texts, Load.by_udp, Load.by_udp, Load.by_udp)
    assert len(load.seen) == 5
