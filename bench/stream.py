"""A load over TCP for replies that dnsperf cannot hold: `python -m bench.stream PORT FILE SECONDS`.

A few connections, on each a question as soon as the reply to the last is whole. Says at its end what `load.Report`
holds, as JSON.
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

CONNECTIONS = 8
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


async def load(port: int, questions: list[bytes], seconds: float) -> dict[str, object]:
    """Ask for so long; what came back."""
    tally, began = Tally(), time.monotonic()
    asked = [_ask(port, questions, began + seconds, tally) for _ in range(CONNECTIONS)]
    await asyncio.gather(*asked)
    return tally.report(time.monotonic() - began, len(questions[0]))


async def _ask(port: int, questions: list[bytes], end: float, tally: Tally) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    for each in cycle(questions):
        began = time.monotonic()
        if began > end:
            break
        writer.write(len(each).to_bytes(2, "big") + each)
        tally.sent += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                size = int.from_bytes(await reader.readexactly(2), "big")
                reply = await reader.readexactly(size)
        except (TimeoutError, OSError, asyncio.IncompleteReadError):
            break
        tally.waited += time.monotonic() - began
        tally.bytes += size
        tally.rcodes[_RCODES.get(reply[3] & 15, "OTHER")] += 1
    writer.close()


def main() -> None:
    """Load the server that the arguments name."""
    port, path, seconds = sys.argv[1:]
    questions = [question(*line.split()) for line in Path(path).read_text().splitlines()]
    print(json.dumps(asyncio.run(load(int(port), questions, float(seconds)))))


if __name__ == "__main__":
    main()
