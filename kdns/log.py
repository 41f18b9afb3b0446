"""Log lines as CoreDNS writes them: `[LEVEL] plugin/name: text` on standard output.

Loggers are named `kdns.plugin.<name>` in plugins and `kdns.<room>` elsewhere.
"""

from __future__ import annotations

import io
import logging
import os
import select
import threading
import traceback
from collections.abc import Callable, Hashable
from typing import TextIO

from cachetools import TTLCache

_PLUGIN = "kdns.plugin."
_MOST = 4 * 1024 * 1024
"""Characters that wait to be written."""
_GATHER = 0.01
"""Seconds in which lines gather to be written at once: the server is not held up for each of them."""
_PATIENCE = 1.0
"""Seconds that the end waits for who reads."""
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


class _Lines(logging.Handler):
    def __init__(self, write: Callable[[str], object]) -> None:
        super().__init__()
        self.setFormatter(_Line())
        self._write_text = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write_text(self.format(record) + "\n")
        except Exception:  # as logging's own handlers do
            self.handleError(record)


def set_up(write: Callable[[str], object], level: int = logging.INFO) -> None:
    """Give what is logged from this level on to `write`, as text with its line ends."""
    root = logging.getLogger("kdns")
    root.handlers = [_Lines(write)]
    root.propagate = False
    root.setLevel(level)


class Writer:
    """Writes texts to a stream in their order, from a thread: a reader who stalls holds up nobody.

    What comes while `most` characters wait is lost, and so is what cannot be written since the disk is full or
    nobody reads any more. How many were lost is counted, and told between the texts when there is room again.
    Not the standard library's QueueListener: that ends only when all is written, however long it takes.
    """

    def __init__(self, stream: TextIO | None, most: int = _MOST) -> None:
        self._write = _past_the_buffer(stream)
        self._most = most
        self._waiting: list[str] = []
        self._size = 0
        self._untold = 0
        self._uncounted = 0
        self._count: Callable[[int], object] | None = None
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="kdns-log", daemon=True)
        self._thread.start()

    def put(self, text: str) -> None:
        """Have a text written soon, or lose it. Never waits."""
        with self._changed:
            if self._size < self._most:
                self._waiting.append(text)
                self._size += len(text)
                self._changed.notify()
            else:
                self._lose(1)

    def count_lost(self, count: Callable[[int], object]) -> None:
        """Tell `count` how many texts were lost until now, and from now on; it is called from any thread."""
        with self._changed:
            self._count = count
            self._lose(0)

    def close(self, patience: float = _PATIENCE) -> bool:
        """Wait until all is written, but not longer than `patience` seconds; whether it is. Later texts are lost."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _lose(self, texts: int) -> None:
        self._untold += texts
        self._uncounted += texts
        if self._count is not None:
            self._count(self._uncounted)
            self._uncounted = 0

    def _work(self) -> None:
        while True:
            texts, untold = self._next()
            if not texts:
                return
            notice = f"[WARNING] {untold} log lines are missing here: they could not be written\n" if untold else ""
            try:
                self._write("".join(texts) + notice)
            except (OSError, ValueError):
                with self._changed:
                    self._untold += untold
                    self._lose(len(texts))

    def _next(self) -> tuple[list[str], int]:
        """What waits, as soon as something does, and how much was lost after it; nothing once it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing.is_set())
        self._closing.wait(_GATHER)
        with self._changed:
            texts, self._waiting, self._size = self._waiting, [], 0
            untold, self._untold = self._untold, 0
        return texts, untold


def _past_the_buffer(stream: TextIO | None) -> Callable[[str], object]:
    """How to write to a stream: straight to its file, if it is one.

    A thread that hangs in a write must not hold the lock of a buffer which the end of the process flushes.
    """
    if stream is None:  # the process was started without it
        return len
    try:
        file = stream.fileno()
    except io.UnsupportedOperation:
        return stream.write
    encoding, errors = stream.encoding, stream.errors or "strict"

    def write(text: str) -> None:
        try:
            left = text.encode(encoding, errors)
        except UnicodeEncodeError:
            left = text.encode(encoding, "backslashreplace")
        while left:
            try:
                left = left[os.write(file, left) :]
            except BlockingIOError:  # somebody else made it non-blocking: a terminal is shared
                select.select([], [file], [])

    return write


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
