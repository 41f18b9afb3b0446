"""kdns as a process of its own: what it prints, its signals, its exit code. Nothing here sleeps."""

from __future__ import annotations

import os
import queue
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, Protocol

import dns.message
import dns.query

ROOT = Path(__file__).parent.parent
KDNS = (sys.executable, "-m", "kdns")
PATIENCE = 20.0
"""Seconds after which a test that waits for something has failed."""
_LASTING = range(20000, 30000)


class Ended(NamedTuple):
    """What a process left behind."""

    code: int
    out: str
    err: str


class Kdns(Protocol):
    """The command line inside this process (the fixture `kdns`)."""

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Ended:
        """Run a command that ends by itself."""


def environment(**variables: str) -> dict[str, str]:
    """Ours, with this checkout's kdns to be found from every folder, and as if no make had started the tests."""
    ours = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    return {**ours, "PYTHONPATH": str(ROOT), **variables}


def run(*arguments: str, cwd: Path = ROOT, stdin: bytes = b"", through: Sequence[str] = ()) -> Ended:
    """A command that ends by itself; see `serving`."""
    whole, env = [*through, *KDNS, *arguments], environment()
    ran = subprocess.run(whole, cwd=cwd, env=env, input=stdin, capture_output=True, timeout=PATIENCE, check=False)
    return Ended(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


class Server:
    """A kdns that runs. Its lines are read by threads, so that it never waits for us."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._coming: queue.Queue[str | None] = queue.Queue()
        self._is_over = False
        self._err: list[str] = []
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            self._coming.put(line.decode().rstrip("\n"))
        self._coming.put(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        self._err += [line.decode() for line in stream]

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line on standard output; those that have come already count."""
        for line in self.lines:
            if found := re.search(pattern, line):
                return found
        while (coming := self._next()) is not None:
            if found := re.search(pattern, coming):
                return found
        raise AssertionError(f"no line {pattern!r} in {self.lines} {self._err}")

    def _next(self) -> str | None:
        line = None if self._is_over else self._coming.get(timeout=PATIENCE)
        if line is None:
            self._is_over = True
        else:
            self.lines.append(line)
        return line

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self) -> Ended:
        """Wait for its end."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        while self._next() is not None:
            pass
        return Ended(code, "\n".join(self.lines), "".join(self._err))

    def address(self) -> tuple[str, int]:
        """The first address that it says it listens on, for clients on this machine."""
        found = self.until(r"listening on (every address|\S+), port (\d+)")
        return (found[1] if "." in found[1] else "127.0.0.1"), int(found[2])

    def url(self, path: str) -> tuple[str, int]:
        """Where a page is."""
        found = self.until(rf"https?://(\S+):(\d+)/{path}$")
        return found[1], int(found[2])

    def ask(self, name: str, type: str = "A", *, tcp: bool = False) -> dns.message.Message:
        """Its reply to a question, read by dnspython."""
        ip, port = self.address()
        query = dns.message.make_query(name, type, use_edns=0, payload=1232)
        how = dns.query.tcp if tcp else dns.query.udp
        return how(query, ip, timeout=PATIENCE, port=port)

    def status(self, path: str) -> int:
        """The HTTP status of a page; 0 where nobody answers."""
        host, port = self.url(path)
        try:
            with socket.create_connection((host, port), PATIENCE) as client:
                client.sendall(f"GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                return int(client.makefile("rb").readline().split()[1])
        except ConnectionError:
            return 0


@contextmanager
def serving(
    *arguments: str, cwd: Path = ROOT, stdin: bytes = b"", through: Sequence[str] = (), **variables: str
) -> Iterator[Server]:
    """A kdns that is killed at the end, if it runs by then; run `through` another command, if that is given;
    `variables` are of its environment.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*through, *KDNS, *arguments], cwd=cwd, env=environment(**variables), stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        server = Server(process)
        try:
            yield server
        finally:
            process.kill()
            server.ended()


@contextmanager
def taken(type: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[int]:
    """A port of 127.0.0.1 that somebody listens on."""
    with socket.socket(type=type) as sock:
        sock.bind(("127.0.0.1", 0))
        if type == socket.SOCK_STREAM:
            sock.listen()
        yield sock.getsockname()[1]


def free_port() -> int:
    """A port of every address that nobody listens on, over neither UDP nor TCP."""
    for _ in range(100):
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind(("", 0))
            port = int(udp.getsockname()[1])
        if _is_free(port):
            return port
    raise AssertionError("no port is free")


def lasting_port() -> int:
    """The same, and one that the kernel lends to no client while its server is away."""
    for port in random.sample(_LASTING, len(_LASTING)):
        if _is_free(port):
            return port
    raise AssertionError("no port is free")


def _is_free(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        try:
            udp.bind(("", port))
            tcp.bind(("", port))
        except OSError:
            return False
    return True
