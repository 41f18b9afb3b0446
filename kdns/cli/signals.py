"""What signals mean to a server, as to CoreDNS (caddy: sigtrap.go, sigtrap_posix.go)."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger("kdns.app")
_FORCED = 2
_TIDY = 1.0
"""Seconds that work has to end in once it is cancelled."""


class Signals:
    """SIGTERM and SIGINT stop it, a second one at once, and so does SIGQUIT.

    SIGUSR1 sets `reload`. SIGHUP, which ends most programs, does nothing. To be made inside the loop that runs.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.at_once = asyncio.Event()
        self.reload = asyncio.Event()
        self.code = 0
        """What to exit with when it was at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told, number)
        loop.add_signal_handler(signal.SIGQUIT, self._quit)
        loop.add_signal_handler(signal.SIGUSR1, self.reload.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def _told(self, number: signal.Signals) -> None:
        again = self.stop.is_set()
        _log.info("%s: %s", number.name, "stopping at once" if again else "stopping")
        if again and not self.at_once.is_set():
            self.code = _FORCED
            self.at_once.set()
        self.stop.set()

    def _quit(self) -> None:
        _log.info("SIGQUIT: stopping at once")
        self.at_once.set()
        self.stop.set()


async def either(*events: asyncio.Event) -> None:
    """Return when one of them is set."""
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, unless the event comes first, which cancels it; whether it was done."""
    doing, hearing = asyncio.create_task(work), asyncio.create_task(event.wait())
    await asyncio.wait({doing, hearing}, return_when=asyncio.FIRST_COMPLETED)
    hearing.cancel()
    if doing.done():
        await doing
        return True
    doing.cancel()
    await asyncio.wait({doing}, timeout=_TIDY)
    return False
