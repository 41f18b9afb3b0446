"""A server as a process: signals, the pid file, what is said at start."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kdns import __version__
from kdns.app import App
from kdns.corefile.parser import Corefile
from kdns.errors import StartError
from kdns.log import set_up
from kdns.plan import plan

_log = logging.getLogger("kdns.app")
_FORCED = 2


async def serve(
    corefile: Corefile, *, quiet: bool = False, pidfile: str | None = None, show_tries: bool = False
) -> int:
    """Serve until SIGTERM or SIGINT; the exit code: 0 after a clean stop, 2 when a second signal cut it short.

    Raises StartError and CorefileErrors.
    """
    set_up()
    planned = plan(corefile, asyncio.get_running_loop().time, time.time)
    for warning in (*corefile.warnings, *planned.build.warnings):
        _log.warning("%s", warning)
    with _pidfile(pidfile):
        app = App(planned)
        stop = _Signals()
        await app.start()
        if not quiet:
            print("\n".join([*greeting(app), *(tries(app) if show_tries else ())]), flush=True)
        await stop.first.wait()
        return await _stop(app, stop)


async def _stop(app: App, signals: _Signals) -> int:
    stopping = asyncio.create_task(app.stop())
    forced = asyncio.create_task(signals.second.wait())
    await asyncio.wait({stopping, forced}, return_when=asyncio.FIRST_COMPLETED)
    forced.cancel()
    if stopping.done():
        stopping.result()
        return 0
    stopping.cancel()
    return _FORCED


class _Signals:
    """SIGTERM and SIGINT stop, another of them at once; SIGHUP and SIGUSR1 end many programs, not this one."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told, signal.Signals(number).name)
        for number in (signal.SIGHUP, signal.SIGUSR1):
            loop.add_signal_handler(number, lambda: None)

    def _told(self, name: str) -> None:
        _log.info("%s: %s", name, "stopping at once" if self.first.is_set() else "stopping")
        (self.second if self.first.is_set() else self.first).set()


@contextmanager
def _pidfile(path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    file = Path(path)
    try:
        file.write_text(f"{os.getpid()}\n")
    except OSError as error:
        raise StartError(f"the pid file {path} cannot be written: {error.strerror}") from None
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def greeting(app: App) -> Iterator[str]:
    """What is served, from what, where its metrics are; a line each."""
    yield f"kdns {__version__}"
    for place, (host, port) in app.addresses.items():
        shown = host if place.host else "every address"
        yield f"  listening on {shown}, port {port}, UDP and TCP"
    yield from (f"  {line()}" for line in app.plan.build.report)
    for page, (host, port) in app.pages.items():
        for path in app.plan.build.pages[page]:
            yield f"  http://{_url_host(host)}:{port}{path}"


def tries(app: App) -> Iterator[str]:
    """Commands that show what it can do, for names that it has; at most three."""
    (host, port), *_ = app.addresses.values()
    server = f"@{'127.0.0.1' if host == '0.0.0.0' else host} -p {port}"
    samples = [sample for samples in app.plan.build.samples for sample in samples()]
    yield "try, from another terminal:"
    for name, type in samples[:3]:
        yield f"  dig {server} {name.removesuffix('.')} {type}".removesuffix(" A")


def _url_host(host: str) -> str:
    if host in {"0.0.0.0", "::"}:
        return "localhost"
    return f"[{host}]" if ":" in host else host
