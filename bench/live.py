"""What following a large cluster costs: first sync, change to answer, relist.

    .venv/bin/python -m bench.live [SERVICES [ENDPOINTS_EACH]]

Against `apiserver.py` on this machine, whose every answer lies ready. Printed are: the CPU that the first sync took,
less what reading the same bytes into the same fields takes alone; the longest time that a question waited while that
went on, and during a relist; how long after an event's bytes were handed to the kernel its answer was out; memory,
steady and at most. One thing runs at a time; on a busy machine the waits are its, not ours.
"""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from bench.asking import question
from bench.process import LOAD, ROOT, SERVER, Process, end_whole

API, DNS, PAGES = 28080, 28053, 28153
COREFILE = f"""\
cluster.local:{DNS} in-addr.arpa:{DNS} {{
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:{PAGES}
    kubernetes {{
        endpoint http://127.0.0.1:{API}
        startup_timeout 1ms
    }}
}}
"""
EVENTS = 1000
_START = 60.0
"""Seconds."""
ALWAYS = "dns-version.cluster.local"
"""A name that is answered whatever is known: its wait is the event loop's."""
_DECODE = """
import sys, time
sys.path.insert(0, {root!r})
from bench.apiserver import Bench
from kdns.kube.live.resources import resource
from kdns.kube.objects import Kind
from kdns.kube.schema.answers import read_event
bench = Bench({services}, {each})
kinds = (Kind.SERVICE, Kind.SLICE, Kind.NAMESPACE)
lines = [(resource(kind), [*bench.initial(path)][:-1]) for kind, path in zip(kinds, bench.objects)]
began = time.process_time()
for each, of_kind in lines:
    for line in of_kind:
        each.read(read_event(line).object)
print(time.process_time() - began)
"""


class Server:
    """kdns, seen from outside."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", DNS))
        self._socket.settimeout(5)

    def ask(self, name: str) -> bytes:
        """The reply to a question for A records."""
        self._socket.send(question(name))
        return self._socket.recv(65535)

    def watch(self, until: Callable[[], bool]) -> float:
        """Ask five hundred times a second until something is so; the longest wait in milliseconds."""
        longest = 0.0
        while not until():
            began = time.monotonic()
            try:
                self.ask(ALWAYS)
            except ConnectionRefusedError:
                time.sleep(0.01)
                continue
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.002)
        return 1000 * longest


def metric(name: str) -> float:
    """The sum of a metric's samples."""
    with contextlib.suppress(OSError):
        lines = urlopen(f"http://127.0.0.1:{PAGES}/metrics").read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
    return 0.0


def every(seconds: float, look: Callable[[], bool]) -> Callable[[], bool]:
    """The same look, really taken only so often."""
    last = time.monotonic()

    def asked() -> bool:
        nonlocal last
        if time.monotonic() - last < seconds:
            return False
        last = time.monotonic()
        return look()

    return asked


def delays(server: Server, services: int) -> list[float]:
    """Milliseconds from an event to its answer, sorted."""
    found = []
    dice = random.Random(1)
    for _ in range(EVENTS):
        number = dice.randrange(services // 5) * 5  # every fifth is headless
        name = f"svc-{number}.ns-{number % 20}.svc.cluster.local"
        before = sorted(addresses(server.ask(name)))
        sent = float(urlopen(f"http://127.0.0.1:{API}/bench/touch?{number}").read())
        while sorted(addresses(server.ask(name))) == before:
            pass
        found.append(1000 * (time.monotonic() - sent))
    return sorted(found)


def addresses(reply: bytes) -> Iterator[bytes]:
    """Those of the answers, which all have a compressed owner."""
    at = reply.index(b"\0", 12) + 5
    for _ in range(int.from_bytes(reply[6:8])):
        yield reply[at + 12 : at + 16]
        at += 16


def main(services: int, each: int) -> None:
    """Measure, and print a line for each figure."""
    decode = _DECODE.format(root=str(ROOT), services=services, each=each)
    reading = float(subprocess.run([sys.executable, "-c", decode], capture_output=True, check=True).stdout)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "Corefile").write_text(COREFILE)
        log = folder / "api.log"
        standin = [sys.executable, "-m", "bench.apiserver", str(API), str(services), str(each)]
        api = stack.enter_context(Process(standin, LOAD, log))
        api.wait(lambda: log.stat().st_size > 0, _START, "the API server is there")
        kdns = [sys.executable, "-m", "kdns", "-conf", str(folder / "Corefile")]
        server = Server(stack.enter_context(Process(kdns, SERVER, folder / "kdns.log")))
        measure(server, services, each, reading)


def measure(server: Server, services: int, each: int, reading: float) -> None:
    """One figure after the other."""
    print(f"{services} Services, {services * each} endpoints")
    server.watch(lambda: True)
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            server.ask(ALWAYS)
            break
        time.sleep(0.005)
    started = server.process.cpu()
    longest = server.watch(every(0.5, lambda: metric("kdns_kubernetes_relists_total{") >= 3))
    took, cpu = time.monotonic() - server.process.began, server.process.cpu() - started
    print(f"first sync: {took:.2f} s after start, {cpu:.2f} s of CPU, of which {reading:.2f} is reading the bytes")
    print(f"  beyond that {cpu - reading:.2f} s; longest wait of a question {longest:.1f} ms")
    time.sleep(2)
    found = delays(server, services)
    print(
        f"event to answer: {found[EVENTS // 2]:.2f} ms (median), {found[EVENTS * 99 // 100]:.2f} (p99), "
        f"{found[-1]:.2f} (most)"
    )
    server.process.forget_peak()
    steady, cpu = server.process.memory(), server.process.cpu()
    urlopen(f"http://127.0.0.1:{API}/bench/end").read()
    longest = server.watch(every(0.5, lambda: metric("kdns_kubernetes_relists_total{") >= 6))
    time.sleep(1)
    most = server.process.memory("VmHWM")
    print(f"relist: {server.process.cpu() - cpu:.2f} s of CPU, longest wait of a question {longest:.1f} ms")
    print(f"memory: steady {steady:.0f} MB, at most {most:.0f} MB during the relist ({most / steady:.2f} times)")


if __name__ == "__main__":
    end_whole()
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [10_000, 15][len(given) :]))
