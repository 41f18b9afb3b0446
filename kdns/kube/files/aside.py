"""Long work in a thread beside the loop, which goes on answering meanwhile.

Threads of one interpreter take turns. What keeps the loop waiting for its turn is that a thread may
go on for 5 ms each time, and that the garbage collector, which makes everybody wait, looks through
all that the thread has made; hardly any of that is garbage.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

TURN = 0.0005
"""Seconds that a thread goes on while another one waits."""


class _Turns:
    """Has the interpreter change threads more often while anybody is at work."""

    def __init__(self) -> None:
        self._at_work = 0
        self._usual = TURN

    def __enter__(self) -> None:
        if not self._at_work:
            self._usual = sys.getswitchinterval()
            sys.setswitchinterval(min(self._usual, TURN))
        self._at_work += 1

    def __exit__(self, *_: object) -> None:
        self._at_work -= 1
        if not self._at_work:
            sys.setswitchinterval(self._usual)


_turns = _Turns()


async def aside(work: Callable[[], T]) -> T:
    """What `work` returns or raises; it runs in a thread."""
    with _turns:
        return await asyncio.to_thread(work)


@contextmanager
def uncollected() -> Iterator[None]:
    """No garbage is collected meanwhile, unless somebody else has it collected.

    Unlike `kube.calm` it leaves nothing out of later collections: it may go on every second.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
