"""A server as a process: from the first line that it prints to its exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import NoReturn

from kdns.app import App
from kdns.cli.greeting import greeting
from kdns.cli.pidfile import pidfile
from kdns.cli.signals import Signals, either, unless
from kdns.corefile.parser import Corefile
from kdns.log import Writer, set_up
from kdns.plan import plan
from kdns.reloading import Reloader, Source

_log = logging.getLogger("kdns.app")
_HALTED = 3
_TIDY = 1.0
"""Seconds that a change which is given up has to end in."""

Words = Callable[[App], Iterable[str]]
"""Lines about a server that answers."""


async def serve(
    corefile: Corefile,
    *,
    quiet: bool = False,
    pid: str | None = None,
    more: Words | None = None,
    source: Source | None = None,
    served: str = "",
) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 after a clean stop, 3 where a plugin wanted the end (*loop*).

    Says at start what it serves, and `more`. The Corefile is read again from `source`; `served` is the sum of
    what it was read from. Ends the process itself where there may be no waiting: at a signal before it
    serves (0), a second one (2), SIGQUIT (0). Raises StartError and CorefileErrors.
    """
    _take_files()
    writer = Writer(sys.stdout)
    set_up(writer.put)
    logging.raiseExceptions = False
    try:
        planned = plan(corefile, time.monotonic, time.time)  # the loop's time, without its call
        writer.count_lost(planned.build.metrics.log_lost.inc)
        for warning in (*corefile.warnings, *planned.build.warnings):
            _log.warning("%s", warning)

        def greet(app: App) -> None:
            if not quiet:
                lines = [*greeting(app), *(more(app) if more else ())]
                writer.put("\n".join(lines) + "\n")

        app = App(planned)
        clean, code = await _until_told(app, pid, greet, partial(Reloader, app, source, served))
    finally:
        writer.close()
    return code if clean else _end(code)


def _take_files() -> None:
    """Let the process open as many files as it may: limits on clients and questions go by that.

    Systems begin with 1024, for the sake of programs that use select(2), which we do not.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _until_told(
    app: App, pid: str | None, greet: Callable[[App], None], reloader: Callable[[asyncio.Event], Reloader]
) -> tuple[bool, int]:
    """Whether all was tidied up, and the exit code. `reloader` is given what SIGUSR1 sets."""
    signals = Signals()
    if not await unless(signals.stop, app.start()):
        return False, 0
    try:
        with pidfile(pid):
            greet(app)
            async with _reloading(reloader(signals.reload)):
                await either(signals.stop, app.halted)
            if app.halted.is_set():
                return True, await _halted(app)
            clean = not signals.at_once.is_set() and await unless(signals.at_once, app.stop())
    except BaseException:
        await app.unload()
        raise
    return clean, 0 if clean else signals.code


@asynccontextmanager
async def _reloading(reloader: Reloader) -> AsyncIterator[None]:
    """While it goes on the Corefile is read again; a change that is under way at the end is given up."""
    task = asyncio.create_task(reloader.run(), name="reload")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=_TIDY)


async def _halted(app: App) -> int:
    _log.critical("%s", app.why)
    await app.unload()
    return _HALTED


def _end(code: int) -> NoReturn:
    """End whatever still runs, such as a thread that waits for a dead file system."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
