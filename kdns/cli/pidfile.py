"""The file that says which process serves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kdns.errors import StartError


@contextmanager
def pidfile(path: str | None) -> Iterator[None]:
    """While this lasts the file holds our process id; afterwards it is gone, unless it is another's by then.

    Raises StartError where it cannot be written.
    """
    if not path:
        yield
        return
    file, ours = Path(path), f"{os.getpid()}\n"
    try:
        file.write_text(ours)
    except OSError as error:
        advice = "name one in a folder that exists and that this user may write to"
        raise StartError(f"the pid file '{path}' cannot be written ({error.strerror}): {advice}") from None
    try:
        yield
    finally:
        if _text(file) == ours:
            file.unlink(missing_ok=True)


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""
