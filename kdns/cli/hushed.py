"""For commands that load a Corefile and do not serve it: their own words are what counts, not the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Kept(logging.Handler):
    """Keeps what it is told, from warnings on."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)


@contextmanager
def hushed() -> Iterator[list[logging.LogRecord]]:
    """Nothing is logged meanwhile; the warnings and errors that would have been gather in the list."""
    root = logging.getLogger("kdns")
    before = root.handlers, root.propagate
    kept = _Kept()
    root.handlers, root.propagate = [kept], False
    try:
        yield kept.records
    finally:
        root.handlers, root.propagate = before
