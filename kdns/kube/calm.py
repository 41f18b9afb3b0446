"""No garbage collection while much is taken in, and none of it looked through ever after.

Objects of a cluster come by the hundred thousand, stay, and have no cycles: looking for cycles among them
again and again as they come is two fifths of what taking them in costs, and later each full
collection stops everything for a tenth of a second (150,000 endpoints, CPython 3.11).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_deep = 0


@contextmanager
def calm() -> Iterator[None]:
    """Collect nothing inside; what is alive at the end, of all that go on at once, is left out of collections."""
    global _deep
    if not _deep and not gc.isenabled():  # somebody else's decision
        yield
        return
    _deep += 1
    gc.disable()
    try:
        yield
    finally:
        _deep -= 1
        if not _deep:
            gc.freeze()
            gc.enable()
