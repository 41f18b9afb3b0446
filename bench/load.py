"""dnsperf's load on one server, and what the server used for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.process import LOAD, ROOT, Process
from bench.programs import program

CLIENTS, OUTSTANDING = 8, 100
"""Sockets that dnsperf asks from, and questions that may wait for an answer, of all of them."""
STREAM = "stream"
"""The first of the flags where the load is `stream.py`; the rest are its own arguments."""
_LIMIT = 60.0
"""Seconds beyond its own time after which dnsperf is given up."""


class Report(NamedTuple):
    """What dnsperf says at its end. Sizes in bytes, times in seconds."""

    sent: int
    completed: int
    seconds: float
    latency: float
    request: int
    response: int
    rcodes: dict[str, int]


class Run(NamedTuple):
    """One round: what came back, and the CPU that the server used, in microseconds for each query."""

    cpu: float
    rate: float
    """Queries a second: of a server that shares a machine with its load, so no measure of a server by itself."""
    latency: float
    """Milliseconds, on average."""
    queries: int
    lost: int
    response: int
    """Bytes, on average."""
    rcodes: dict[str, int]


def report(text: str) -> Report:
    """Read what dnsperf printed. Raises ValueError where it is not a whole report."""
    sizes = re.search(r"Average packet size: +request (\d+), response (\d+)", text)
    if sizes is None:
        raise ValueError(f"no report of dnsperf: {text[-500:]!r}")
    rcodes = re.search(r"Response codes: +(.*)", text)
    return Report(
        int(_figure(text, "Queries sent")),
        int(_figure(text, "Queries completed")),
        _figure(text, r"Run time \(s\)"),
        _figure(text, r"Average Latency \(s\)"),
        int(sizes[1]),
        int(sizes[2]),
        {code: int(count) for code, count in re.findall(r"(\w+) (\d+) \(", rcodes[1])} if rcodes else {},
    )


def run(process: Process, port: int, questions: Path, seconds: float, flags: tuple[str, ...]) -> Run:
    """Load a server. Raises RuntimeError where nothing came back."""
    before = process.cpu()
    load = _stream if flags[:1] == (STREAM,) else _dnsperf
    found = load(port, questions, seconds, flags)
    used = process.cpu() - before
    if not found.completed:
        raise RuntimeError(f"none of {found.sent} questions was answered")
    return Run(
        round(1e6 * used / found.completed, 3),
        round(found.completed / found.seconds, 1),
        round(1000 * found.latency, 3),
        found.completed,
        found.sent - found.completed,
        found.response,
        found.rcodes,
    )


def settle(process: Process, within: float = 5.0) -> None:
    """Wait until a server has nothing left to do: its CPU stands still."""
    end = time.monotonic() + within
    before = process.cpu()
    while time.monotonic() < end:
        time.sleep(0.2)
        now = process.cpu()
        if now - before < 0.02:
            return
        before = now


def _stream(port: int, questions: Path, seconds: float, flags: Sequence[str]) -> Report:
    command = [sys.executable, "-m", "bench.stream", str(port), str(questions), f"{seconds:g}", *flags[1:]]
    return Report(**json.loads(_loaded(command, seconds)))


def _dnsperf(port: int, questions: Path, seconds: float, flags: Sequence[str]) -> Report:
    command = [str(program("dnsperf")), "-s", "127.0.0.1", "-p", str(port), "-d", str(questions)]
    command += ["-l", f"{seconds:g}", "-c", str(CLIENTS), "-q", str(OUTSTANDING), "-t", "2", *flags]
    return report(_loaded(command, seconds))


def _loaded(command: Sequence[str], seconds: float) -> str:
    """What a load says that runs so long. Raises RuntimeError with its words where it fails."""
    pinned = ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(LOAD), *command]
    limit = seconds + _LIMIT
    try:
        ran = subprocess.run(pinned, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{command[0]} did not end within {limit:g} seconds") from None
    if ran.returncode:
        raise RuntimeError(f"{command[0]} failed: {ran.stderr.strip() or ran.stdout[-500:]}")
    return ran.stdout


def _figure(text: str, label: str) -> float:
    found = re.search(rf"{label}: +([\d.]+)", text)
    if found is None:
        raise ValueError(f"dnsperf does not say '{label}'")
    return float(found[1])
