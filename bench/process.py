"""A program on one core, and what it used: CPU of all its threads, memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]
SERVER, LOAD = CORES[0], CORES[-1]
"""The core that is measured, and that of everything else; the same where there is only one."""
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A program that is pinned to a core and ends with us, however we end. A context manager."""

    def __init__(self, command: Sequence[str], core: int, log: Path, where: Path = ROOT) -> None:
        self._log = log
        pinned = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(core), *command]
        with log.open("wb") as file:
            self._process = subprocess.Popen(pinned, cwd=where, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        self.began = time.monotonic()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End it at once: nothing that it could still write is wanted, and a lameduck would be waited for."""
        self._process.kill()
        self._process.wait()

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def cpu(self) -> float:
        """Seconds that all its threads have used, of user and kernel."""
        return cpu_seconds(Path(f"/proc/{self._process.pid}/stat").read_text())

    def memory(self, of: str = "VmRSS") -> float:
        """Resident megabytes (2**20 bytes), now (VmRSS) or at most so far (VmHWM)."""
        return megabytes(Path(f"/proc/{self._process.pid}/status").read_text(), of)

    def forget_peak(self) -> None:
        """Count VmHWM from here."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5")

    def wait(self, look: Callable[[], bool], within: float, what: str) -> float:
        """Wait until something is so; seconds since the program was started. Raises RuntimeError with its words."""
        while not look():
            if self._process.poll() is not None or time.monotonic() - self.began > within:
                raise RuntimeError(f"{what}: not so; it said\n{self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.002)
        return time.monotonic() - self.began


def end_whole() -> None:
    """Let SIGTERM end this program as Control-C does: what runs is ended, what was written aside is removed."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, end)


def cpu_seconds(stat: str) -> float:
    """User and system time out of /proc/PID/stat (proc_pid_stat(5), fields 14 and 15)."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def megabytes(status: str, of: str) -> float:
    """A size out of /proc/PID/status."""
    return int(status.partition(of + ":")[2].split()[0]) / 1024


def free_port() -> int:
    """A port that nobody listens on just now, neither over UDP nor over TCP."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("", 0))
            port: int = stream.getsockname()[1]
            try:
                datagram.bind(("", port))
            except OSError:
                continue
            return port
