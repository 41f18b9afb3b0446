"""Log lines as CoreDNS writes them: `[LEVEL] plugin/name: text` on standard output.

Loggers are named `kdns.plugin.<name>` in plugins and `kdns.<room>` elsewhere.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Hashable

from cachetools import TTLCache

_PLUGIN = "kdns.plugin."
_MINUTE = 60.0
_KINDS = 1000


def logger(plugin: str) -> logging.Logger:
    """The logger of a plugin."""
    return logging.getLogger(_PLUGIN + plugin)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        plugin = record.name.removeprefix(_PLUGIN)
        place = f"plugin/{plugin}: " if plugin != record.name else ""
        text = f"[{record.levelname}] {place}{record.getMessage()}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def set_up(level: int = logging.INFO) -> None:
    """Write what is logged to standard output, from this level on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Line())
    root = logging.getLogger("kdns")
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(level)


class Sparing:
    """Lets one thing of a kind through per minute, and remembers at most a thousand kinds.

    `clock` is in seconds. cachetools' TTLCache does the forgetting.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._seen: TTLCache[Hashable, int] = TTLCache(_KINDS, _MINUTE, clock)

    def first(self, kind: Hashable) -> bool:
        """Whether this is the first of its kind in this minute."""
        if kind in self._seen:
            return False
        self._seen[kind] = 1
        return True


def place_of(error: BaseException) -> tuple[str, str, int]:
    """What makes two exceptions one kind: the type, and the file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return type(error).__name__, last.filename if last else "", (last.lineno or 0) if last else 0
