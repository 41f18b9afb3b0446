"""Signals in the first moments of a process: importing what a command needs takes some tenths of a second."""

from __future__ import annotations

import os
import signal
from types import FrameType


def take_signals(*, serves: bool) -> None:
    """Heed signals as the command will later, from now on.

    A server takes SIGHUP and SIGUSR1 for nothing and ends at SIGTERM and SIGINT with 0; those two would do
    nothing to the first process of a container by themselves. Any other command has nothing to tidy up: SIGINT ends
    it at once.
    """
    if not serves:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)
