"""A load over TCP where dnsperf cannot be used: `python -m bench.stream PORT FILE SECONDS [QUESTIONS]`.

It does not hold replies of 48 kB, nor does it open connections fast enough. A few clients, each with a question as
soon as the reply to the last is whole, and a new connection after so many QUESTIONS. Says at its end what
`load.Report` holds, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

from bench.asking import question

CLIENTS = 8
_RCODES = {0: "NOERROR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
_PATIENCE = 2.0
"""Seconds that a reply may take."""


class Tally:
    """What came back so far."""

    def __init__(self) -> None:
        self.sent = 0
        self.bytes = 0
        self.waited = 0.0
        self.rcodes: Counter[str] = Counter()

    def report(self, seconds: float, request: int) -> dict[str, object]:
        """The fields of a `load.Report`."""
        completed = self.rcodes.total()
        return {
            "sent": self.sent,
            "completed": completed,
            "seconds": seconds,
            "latency": self.waited / max(completed, 1),
            "request": request,
            "response": self.bytes // max(completed, 1),
            "rcodes": dict(self.rcodes),
        }


async def load(port: int, questions: list[bytes], seconds: float, each: int) -> dict[str, object]:
    """Ask for so long, so many on each connection; what came back."""
    tally, began = Tally(), time.monotonic()
    asked = [_client(port, questions, began + seconds, each, tally) for _ in range(CLIENTS)]
    await asyncio.gather(*asked)
    return tally.report(time.monotonic() - began, len(questions[0]))


async def _client(port: int, questions: list[bytes], end: float, each: int, tally: Tally) -> None:
    turns = cycle(questions)
    while time.monotonic() < end:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        try:
            for _ in range(each):
                if time.monotonic() > end:
                    break
                await _ask(reader, writer, next(turns), tally)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            continue
        finally:
            writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes, tally: Tally) -> None:
    began = time.monotonic()
    writer.write(len(question).to_bytes(2, "big") + question)
    tally.sent += 1
    async with asyncio.timeout(_PATIENCE):
        size = int.from_bytes(await reader.readexactly(2), "big")
        reply = await reader.readexactly(size)
    tally.waited += time.monotonic() - began
    tally.bytes += size
    tally.rcodes[_RCODES.get(reply[3] & 15, "OTHER")] += 1


def main() -> None:
    """Load the server that the arguments name."""
    port, path, seconds, *each = sys.argv[1:]
    questions = [question(*line.split()) for line in Path(path).read_text().splitlines()]
    print(json.dumps(asyncio.run(load(int(port), questions, float(seconds), int(each[0]) if each else sys.maxsize))))


if __name__ == "__main__":
    main()
