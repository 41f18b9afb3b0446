"""A program that runs beside the tests: started, frozen, killed, with its words in a file."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PACE = 0.005
"""Seconds between two looks at something that is waited for."""


def wait(look: Callable[[], T | None], within: float, what: str) -> T:
    """What `look` finds as soon as it finds anything. Raises AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < end, f"{what}: not within {within:g} seconds"
        time.sleep(PACE)
    return found


def outlast(seconds: float) -> None:
    """Let time pass: what is tested is what a fault does that lasts so long."""
    time.sleep(seconds)


class Process:
    """A program with its arguments. It does not outlive the tests, nor does it write among their words."""

    def __init__(self, program: Path, arguments: Sequence[str], log: Path) -> None:
        self._command = [str(program), *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Control-C at the terminal is ours alone to act on."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, start_new_session=True)

    @property
    def running(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once, if it runs: an API server that lost its etcd heeds nothing but SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def check(self) -> None:
        """Raise AssertionError with its last words if it has ended by itself."""
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"{self._command[0]} ended with {code}:\n{self._log.read_text()[-2000:]}"
