from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

import dns.message
import dns.rcode
import pytest

from kdns.app import App
from kdns.cli import process
from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, parse
from kdns.errors import StartError
from kdns.plan import plan
from kdns.proto.framing import Framer, frame
from tests.processes import KDNS, PATIENCE, ROOT, environment, free_port, serving

COREFILE = """\
.:0 {
    bind 127.0.0.1
    whoami
    ready 127.0.0.1:0
    health 127.0.0.1:0 {
        lameduck LAMEDUCK
    }
}
"""


def corefile(lameduck: str = "0") -> bytes:
    return COREFILE.replace("LAMEDUCK", lameduck).encode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "kdns.pid"
    with serving("-conf=stdin", "-pidfile", str(file), stdin=corefile()) as server:
        server.until(r"/health$")
        assert server.status("ready") == 200
        assert int(file.read_text()) == server.process.pid
        server.tell(number)
        code, out, err = server.ended()
    assert (code, err) == (0, "")
    assert f"[INFO] {number.name}: stopping" in out
    assert not file.exists()


def test_it_may_open_as_many_files_as_the_system_lets_it() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        with serving("-conf=stdin", stdin=corefile()) as server:
            server.until(r"/health$")
            assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_through_lameduck_it_answers_and_a_second_signal_ends_it() -> None:
    with serving("-conf=stdin", stdin=corefile("1h")) as server:
        assert server.status("ready") == 200
        server.tell(signal.SIGTERM)
        server.until("lameduck: answering for another 3600 seconds")
        assert [server.status("ready"), server.status("health")] == [503, 200]
        for tcp in (False, True) * 3:
            assert server.ask("x.test", tcp=tcp).rcode() == dns.rcode.NOERROR
        server.tell(signal.SIGTERM)
        code, out, err = server.ended()
    assert (code, err) == (2, "")
    assert out.endswith("[INFO] SIGTERM: stopping at once")


def test_nothing_that_was_asked_before_the_end_stays_without_a_reply() -> None:
    """One client has pipelined its questions, another sends datagrams until the end of lameduck."""
    wires = [dns.message.make_query(f"n{number}.test", "A").to_wire() for number in range(200)]
    with serving("-conf=stdin", stdin=corefile("200ms")) as server:
        address = server.address()
        server.until(r"/health$")
        with socket.create_connection(address, PATIENCE) as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.settimeout(PATIENCE)
            datagrams.connect(address)
            server.tell(signal.SIGTERM)
            server.until("lameduck")
            stream.sendall(b"".join(map(frame, wires)))
            for wire in wires[:50]:
                datagrams.send(wire)
            by_udp = [datagrams.recv(4096)[:2] for _ in wires[:50]]
            replies, framer = [], Framer()
            while received := stream.recv(65536):
                replies += framer.feed(received)
        code, _, err = server.ended()
    assert (code, err) == (0, "")
    assert sorted(by_udp) == sorted(wire[:2] for wire in wires[:50])
    assert sorted(reply[:2] for reply in replies) == sorted(wire[:2] for wire in wires)


def test_signals_that_end_most_programs_do_not_and_sigquit_does_at_once(tmp_path: Path) -> None:
    file = tmp_path / "kdns.pid"
    with serving("-conf=stdin", "-pidfile", str(file), stdin=corefile("1h")) as server:
        server.until(r"/health$")
        for number in (signal.SIGHUP, signal.SIGUSR1):
            server.tell(number)
            assert server.ask("x.test").rcode() == dns.rcode.NOERROR
        assert server.status("ready") == 200
        server.tell(signal.SIGQUIT)
        code, out, err = server.ended()
    assert (code, err) == (0, "")
    assert out.endswith("[INFO] SIGQUIT: stopping at once")
    assert not file.exists()


@contextmanager
def started(folder: Path, *, stdout: int | IO[str], stderr: int | IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A kdns with the Corefile of a folder, killed at the end if it runs by then."""
    with subprocess.Popen(KDNS, cwd=folder, env=environment(), stdout=stdout, stderr=stderr) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_goes_on_when_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    text = corefile().decode().replace("whoami", "whoami\n    log")
    (tmp_path / "Corefile").write_text(text)
    with started(tmp_path, stdout=writing, stderr=subprocess.PIPE) as running:
        os.close(writing)
        with os.fdopen(reading, "rb") as lines:
            greeting = [lines.readline().decode() for _ in range(2)]
        port = int(greeting[1].split("port ")[1].split(",")[0])
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            for number in range(3):
                wire = dns.message.make_query(f"n{number}.test", "A").to_wire()
                client.sendto(wire, ("127.0.0.1", port))
                assert client.recv(4096)[:2] == wire[:2]
        running.terminate()
        _, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (0, b"")


def test_a_reader_who_stalls_stops_neither_answers_nor_pages_nor_signals(tmp_path: Path) -> None:
    """As Control-S does, or a log shipper that hangs: a pipe that nobody reads, and more lines than it holds."""
    reading, writing = os.pipe()
    (tmp_path / "Corefile").write_text(corefile().decode().replace("whoami", "whoami\n    log"))
    with started(tmp_path, stdout=writing, stderr=subprocess.PIPE) as running:
        os.close(writing)
        said = ""
        while said.count("http://") < 2:
            said += os.read(reading, 4096).decode()
        port = int(said.split("port ")[1].split(",")[0])
        asked = [dns.message.make_query(f"n{number}.test", "A").to_wire() for number in range(1500)]
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.settimeout(PATIENCE)
            for wire in asked:
                client.sendto(wire, ("127.0.0.1", port))
                assert client.recv(4096)[:2] == wire[:2]
        for url in said.split("http://")[1:]:
            with urllib.request.urlopen(f"http://{url.split()[0]}", timeout=PATIENCE) as page:
                assert page.status == 200
        running.terminate()
        _, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (0, b"")
    with os.fdopen(reading, "rb") as lines:
        logged = lines.read().decode().splitlines()
    assert len(logged) < len(asked), "nothing stalled: the pipe held it all"
    numbers = [line.split("IN n")[1].split(".")[0] for line in logged[:-1] if " IN n" in line]
    assert numbers == [str(number) for number in range(len(numbers))]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_it_goes_on_when_the_disk_of_its_log_is_full(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "Corefile").write_text(corefile().decode().replace(".:0", f".:{port}"))
    with (
        Path("/dev/full").open("w") as full,
        started(tmp_path, stdout=full, stderr=full) as running,
    ):
        until_it_answers(port)
        running.terminate()
        assert running.wait(PATIENCE) == 0


def until_it_answers(port: int) -> None:
    """Ask again and again, since it cannot say when it listens."""
    wire, deadline = dns.message.make_query("x.test", "A").to_wire(), time.monotonic() + PATIENCE
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", port))
        while time.monotonic() < deadline:
            with suppress(ConnectionRefusedError):
                client.send(wire)
                assert client.recv(4096)[:2] == wire[:2]
                return
    raise AssertionError("it does not answer")


def parsed(text: str) -> Corefile:
    return parse(text, "Corefile", environ={}, disk=Memory())


class Stubborn:
    """A part that is never ready, and tells the process to stop."""

    def __init__(self) -> None:
        self.stopped = False

    async def start(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.stopped = True


class Over(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The codes with which the process would have ended at once."""
    codes: list[int] = []

    def end(code: int) -> NoReturn:
        codes.append(code)
        raise Over

    monkeypatch.setattr(process, "_end", end)
    return codes


async def test_a_signal_ends_a_start_that_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ends: list[int]
) -> None:
    stubborn, made = Stubborn(), plan(parsed(".:0 {\n bind 127.0.0.1\n whoami\n}"), lambda: 0.0, lambda: 0.0)
    made.build.parts.append(stubborn)
    monkeypatch.setattr(process, "plan", lambda *_: made)
    with pytest.raises(Over):
        await process.serve(parsed(""))
    assert ends == [0]
    assert stubborn.stopped
    assert capsys.readouterr().out == "[INFO] SIGTERM: stopping\n"


class Brief(App):
    """Told to stop as soon as it serves."""

    async def start(self) -> None:
        await super().start()
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "App", Brief)


@pytest.mark.usefixtures("brief")
@pytest.mark.parametrize(
    ("quiet", "expected"),
    [pytest.param(True, [], id="quiet"), pytest.param(False, ["kdns", "listening", ".", "more"], id="as usual")],
)
async def test_quiet_says_nothing_at_start(
    capsys: pytest.CaptureFixture[str], quiet: bool, expected: list[str]
) -> None:
    served = parsed(".:0 {\n bind 127.0.0.1\n whoami\n}")
    assert await process.serve(served, quiet=quiet, more=lambda _: ["more"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("[INFO]")]
    assert [line.split()[0] for line in said] == expected


@pytest.mark.usefixtures("brief")
async def test_warnings_are_logged_at_start(capsys: pytest.CaptureFixture[str]) -> None:
    served = parsed('import none/*\n.:0 {\n bind 127.0.0.1\n whoami\n log . "{odd}"\n}')
    assert await process.serve(served, quiet=True) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[WARNING]")]
    assert [line.split()[1] for line in warnings] == ["Corefile:1:", "Corefile:5:"]


async def test_a_pid_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    served = parsed(f".:{port} {{\n bind 127.0.0.1\n whoami\n}}")
    with pytest.raises(StartError, match=r"the pid file .* cannot be written"):
        await process.serve(served, pid=str(tmp_path / "no/such/folder"))
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", port))


def test_two_processes_do_not_take_one_another_s_pid_file(tmp_path: Path) -> None:
    file = tmp_path / "kdns.pid"
    with serving("-conf=stdin", "-pidfile", str(file), stdin=corefile()) as server:
        server.until(r"/health$")
        _, port = server.address()
        text = f".:{port} {{\n bind 127.0.0.1\n whoami\n}}\n"
        ran = subprocess.run(
            [*KDNS, "-conf=stdin", "-pidfile", str(file)],
            cwd=ROOT, env=environment(), input=text.encode(), capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert ran.returncode == 1
        assert b"is in use" in ran.stderr
        assert int(file.read_text()) == server.process.pid
