"""What following a large cluster costs: first sync, change to answer, relist.

    .venv/bin/python -m bench.live [SERVICES [ENDPOINTS_EACH]]

Against `apiserver.py` on this machine, whose every answer lies ready. Printed are: the CPU that the first sync took,
less what reading the same bytes into the same fields takes alone; the longest time that a question waited while that
went on, and during a relist; how long after an event's bytes were handed to the kernel its answer was out; memory,
steady and at most. One thing runs at a time; on a busy machine the waits are its, not ours.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
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

    def __init__(self, folder: Path) -> None:
        (folder / "Corefile").write_text(COREFILE)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kdns", "-conf", str(folder / "Corefile")], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", DNS))
        self._socket.settimeout(5)

    def cpu(self) -> float:
        """Seconds, of user and kernel."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, of: str = "VmRSS") -> float:
        """Resident megabytes, now (VmRSS) or at most since `forget_peak` (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition(of + ":")[2].split()[0]) / 1024

    def forget_peak(self) -> None:
        """Count VmHWM from here."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def ask(self, name: str) -> bytes:
        """The reply to a question for A records."""
        labels = b"".join(bytes((len(label),)) + label for label in name.encode().split(b"."))
        self._socket.send(b"\0\1\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1")
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


def every(seconds: float, question: Callable[[], bool]) -> Callable[[], bool]:
    """The same question, really asked only so often."""
    last = time.monotonic()

    def asked() -> bool:
        nonlocal last
        if time.monotonic() - last < seconds:
            return False
        last = time.monotonic()
        return question()

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
    api = subprocess.Popen(
        [sys.executable, "-m", "bench.apiserver", str(API), str(services), str(each)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert api.stdout is not None
    api.stdout.readline()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            measure(server, services, each, reading)
        finally:
            server.process.kill()
            api.kill()


def measure(server: Server, services: int, each: int, reading: float) -> None:
    """One figure after the other."""
    print(f"{services} Services, {services * each} endpoints")
    server.watch(lambda: True)
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            server.ask(ALWAYS)
            break
        time.sleep(0.005)
    started = server.cpu()
    longest = server.watch(every(0.5, lambda: metric("kdns_kubernetes_relists_total{") >= 3))
    took, cpu = time.monotonic() - server.began, server.cpu() - started
    print(f"first sync: {took:.2f} s after start, {cpu:.2f} s of CPU, of which {reading:.2f} is reading the bytes")
    print(f"  beyond that {cpu - reading:.2f} s; longest wait of a question {longest:.1f} ms")
    time.sleep(2)
    found = delays(server, services)
    print(
        f"event to answer: {found[EVENTS // 2]:.2f} ms (median), {found[EVENTS * 99 // 100]:.2f} (p99), "
        f"{found[-1]:.2f} (most)"
    )
    server.forget_peak()
    steady, cpu = server.memory(), server.cpu()
    urlopen(f"http://127.0.0.1:{API}/bench/end").read()
    longest = server.watch(every(0.5, lambda: metric("kdns_kubernetes_relists_total{") >= 6))
    time.sleep(1)
    most = server.memory("VmHWM")
    print(f"relist: {server.cpu() - cpu:.2f} s of CPU, longest wait of a question {longest:.1f} ms")
    print(f"memory: steady {steady:.0f} MB, at most {most:.0f} MB during the relist ({most / steady:.2f} times)")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [10_000, 15][len(given) :]))
