"""A server as a process: from the first line that it prints to its exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NoReturn

from kdns.app import App
from kdns.cli.greeting import greeting
from kdns.cli.pidfile import pidfile
from kdns.cli.signals import Signals, unless
from kdns.corefile.parser import Corefile
from kdns.log import Writer, set_up
from kdns.plan import plan

_log = logging.getLogger("kdns.app")

Words = Callable[[App], Iterable[str]]
"""Lines about a server that answers."""


async def serve(corefile: Corefile, *, quiet: bool = False, pid: str | None = None, more: Words | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code, 0 after a clean stop.

    Says at start what it serves, and `more`. Ends the process itself where there may be no waiting: at a
    signal before it serves (0), a second one (2), SIGQUIT (0). Raises StartError and CorefileErrors.
    """
    writer = Writer(sys.stdout)
    set_up(writer.put)
    logging.raiseExceptions = False
    try:
        planned = plan(corefile, asyncio.get_running_loop().time, time.time)
        writer.count_lost(planned.build.metrics.log_lost.inc)
        for warning in (*corefile.warnings, *planned.build.warnings):
            _log.warning("%s", warning)

        def greet(app: App) -> None:
            if not quiet:
                lines = [*greeting(app), *(more(app) if more else ())]
                writer.put("\n".join(lines) + "\n")

        clean, code = await _until_told(App(planned), pid, greet)
    finally:
        writer.close()
    return code if clean else _end(code)


async def _until_told(app: App, pid: str | None, greet: Callable[[App], None]) -> tuple[bool, int]:
    """Whether all was tidied up, and the exit code."""
    signals = Signals()
    if not await unless(signals.stop, app.start()):
        return False, 0
    try:
        with pidfile(pid):
            greet(app)
            await signals.stop.wait()
            clean = not signals.at_once.is_set() and await unless(signals.at_once, app.stop())
    except BaseException:
        await app.unload()
        raise
    return clean, 0 if clean else signals.code


def _end(code: int) -> NoReturn:
    """End whatever still runs, such as a thread that waits for a dead file system."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
