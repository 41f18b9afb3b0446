"""Asks the same questions on and on, in a process of its own so that nothing here holds it up."""

from __future__ import annotations

import itertools
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple, Self

import dns.message

from tests.e2e.answers import Answer, Question, answer_of
from tests.processes import PATIENCE, ROOT, environment

REPLY = 1.0
"""Seconds within which a question has its reply, unless said otherwise."""
ENOUGH = 1000
"""Wrong answers after which no more are told."""


class Told(NamedTuple):
    """What came of it: questions asked, times to a reply in seconds, what was answered wrong."""

    asked: int
    longest: float
    p99: float
    """What 99 of 100 were answered within."""
    wrong: list[tuple[float, str, str, str]]
    """When (Unix time), name, type, what was said instead."""


class Steady:
    """Asks until it is left, each question once at least; then it can be told how it went, see Told."""

    def __init__(
        self, address: tuple[str, int], expected: Mapping[Question, Answer], pace: float, within: float = REPLY
    ) -> None:
        self.asked = 0
        self.longest = self.p99 = 0.0
        self.wrong: list[tuple[float, str, str, str]] = []
        self._order = json.dumps([address, pace, within, list(expected.items())])

    def __enter__(self) -> Self:
        pipe, command = subprocess.PIPE, [sys.executable, "-m", "tests.e2e.steady"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self._order + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "asking\n"
        return self

    def __exit__(self, *error: object) -> None:
        out, _ = self._process.communicate(timeout=PATIENCE)
        self.asked, self.longest, self.p99, self.wrong = json.loads(out)


class Asking:
    """The process's part: one socket, one question after the other."""

    def __init__(self, address: tuple[str, int], within: float) -> None:
        self.asked = 0
        self._within = within
        self.times: list[float] = []
        self.wrong: list[tuple[float, str, str, str]] = []
        self._sock = socket.socket(type=socket.SOCK_DGRAM)
        self._sock.connect(address)
        self._good: dict[Question, bytes] = {}
        self._ids = itertools.cycle(range(1, 65536))

    def ask(self, question: Question, wire: bytes, expected: Answer) -> None:
        """Ask once. Bytes that were found good once need not be read again."""
        self.asked += 1
        id = next(self._ids).to_bytes(2, "big")
        began = time.monotonic()
        self._sock.send(id + wire[2:])
        raw = self._reply(id, began + self._within)
        self.times.append(time.monotonic() - began)
        if raw is None:
            self._tell(question, "nothing")
        elif raw[2:] != self._good.get(question):
            found = answer_of(dns.message.from_wire(raw))
            if found == expected:
                self._good[question] = raw[2:]
            else:
                self._tell(question, str(found))

    def _reply(self, id: bytes, end: float) -> bytes | None:
        """The reply to the question with this id; one to an earlier question comes too late."""
        while (left := end - time.monotonic()) > 0:
            self._sock.settimeout(left)
            try:
                raw = self._sock.recv(4096)
            except (TimeoutError, ConnectionRefusedError):
                continue
            if raw[:2] == id:
                return raw
        return None

    def _tell(self, question: Question, found: str) -> None:
        if len(self.wrong) < ENOUGH:
            self.wrong.append((time.time(), *question, found))


def _wire(question: Question) -> bytes:
    return dns.message.make_query(*question, use_edns=0, payload=1232).to_wire()


def main() -> None:
    """Ask what the first line of standard input says until that ends, then tell how it went."""
    address, pace, within, expected = json.loads(sys.stdin.readline())
    questions = [((name, type), Answer(said, tuple(records))) for (name, type), (said, records) in expected]
    ready = [(question, _wire(question), answer) for question, answer in questions]
    asking = Asking(tuple(address), within)
    os.nice(10)  # whoever makes the changes goes first
    sys.stdout.write("asking\n")
    sys.stdout.flush()
    for each in itertools.cycle(ready):
        asking.ask(*each)
        is_over = bool(select.select([sys.stdin], [], [], pace)[0])
        if is_over and asking.asked >= len(ready):
            break
    times = sorted(asking.times)
    json.dump(Told(asking.asked, times[-1], times[len(times) * 99 // 100], asking.wrong), sys.stdout)


if __name__ == "__main__":
    main()
