"""Full garbage collections come seldom: nobody is answered while one goes on.

One looks at every object there is, 60 to 120 ms of CPU while a thousand questions wait for servers that do not
answer (150,000 objects, CPython 3.11), and finds nothing: answering, and failing to, makes no cycles. The young
are collected as often as ever, which takes a few milliseconds at most.
"""

from __future__ import annotations

import gc

_TIMES_RARER = 10


def rare() -> None:
    """Let full collections come only after ten times as many of the lesser ones as Python has it."""
    young, middle, full = gc.get_threshold()
    gc.set_threshold(young, middle, full * _TIMES_RARER)
