"""A pinned program, and what /proc says of it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from bench.process import SERVER, Process, cpu_seconds, free_port, megabytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is measured is in Linux's /proc")

STATUS = "Name:\tkdns\nVmHWM:\t  123904 kB\nVmRSS:\t   102400 kB\n"


def test_cpu_is_that_of_user_and_kernel_whatever_the_program_is_called() -> None:
    fields = " ".join(str(number) for number in range(4, 53))
    assert cpu_seconds(f"42 (a) b) c) S {fields}") == (14 + 15) / os.sysconf("SC_CLK_TCK")


def test_memory_is_told_in_megabytes() -> None:
    assert (megabytes(STATUS, "VmRSS"), megabytes(STATUS, "VmHWM")) == (100, 121)


def test_a_port_is_free() -> None:
    assert 1024 < free_port() < 65536


def test_a_program_runs_on_its_core_until_it_is_ended(tmp_path: Path) -> None:
    code = "import os, time; print(os.getpid(), os.sched_getaffinity(0), flush=True); time.sleep(60)"
    log = tmp_path / "log"
    with Process([sys.executable, "-c", code], SERVER, log) as process:
        process.wait(lambda: "\n" in log.read_text(), 20, "it runs")
        assert process.memory() > 1
        assert process.memory("VmHWM") >= process.memory()
    pid, _, affinity = log.read_text().partition(" ")
    assert affinity == f"{{{SERVER}}}\n"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def test_a_program_that_ends_by_itself_is_said_with_its_words(tmp_path: Path) -> None:
    with (
        Process([sys.executable, "-c", "print('no such zone')"], SERVER, tmp_path / "log") as process,
        pytest.raises(RuntimeError, match="the server is ready: not so; it said\nno such zone"),
    ):
        process.wait(lambda: False, 20, "the server is ready")


def test_a_program_is_told_with_signals(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "from signal import *; signal(SIGUSR2, lambda *_: print('told')); print('up', flush=True); pause()"
    with Process([sys.executable, "-c", code], SERVER, log) as process:
        process.wait(lambda: "up" in log.read_text(), 20, "it runs")
        process.tell(signal.SIGUSR2)
        with pytest.raises(RuntimeError, match="up\ntold"):
            process.wait(lambda: False, 20, "it has not ended")
