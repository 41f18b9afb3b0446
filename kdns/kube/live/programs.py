"""Exec plugins of a kubeconfig, ended with whoever waits for them.

The library starts them and leaves a program that hangs behind, one more at each try.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

_started: ContextVar[list[Process]] = ContextVar("_started")


class Watched:
    """What stands for `asyncio` where the library starts programs: the same, but it remembers them."""

    def __getattr__(self, name: str) -> object:
        return getattr(asyncio, name)

    async def create_subprocess_exec(self, *command: str, **rest: object) -> Process:
        """Start a program."""
        process = await asyncio.create_subprocess_exec(*command, **rest)  # type: ignore[arg-type]
        if (started := _started.get(None)) is not None:
            started.append(process)
        return process


@asynccontextmanager
async def ended() -> AsyncIterator[None]:
    """However this ends, no program that was started inside is left running, nor its pipes open."""
    started: list[Process] = []
    token = _started.set(started)
    try:
        yield
    finally:
        _started.reset(token)
        for process in started:
            process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # kills, and closes the pipes
            await process.wait()
