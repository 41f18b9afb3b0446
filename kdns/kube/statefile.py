"""The file that a saved state lies in: whole at any moment, whoever is cut off in the middle of writing it.

A state is written to a new file beside it, forced to the disk, and given the name: at no time is there half of one
under it. Of two processes that write the same file the later one wins. What cannot be used is set aside under
another name, for people to look at. Everything here blocks, and is to be called in a thread.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

ASIDE = ".aside"
"""Ends the name of what was set aside; there is one at most."""
_LONGEST = 1 << 30
"""Bytes; a state of 100,000 endpoints has 7 MB."""
_UNFINISHED = 600.0
"""Seconds after which a file that was not finished is nobody's any more."""


def read(path: str) -> bytes | None:
    """The whole file; None if there is none. Raises OSError, for a folder or a device too."""
    file = Path(path)
    with suppress(FileNotFoundError):
        if _regular(file) > _LONGEST:
            raise OSError("it is too long to be a state")
        return file.read_bytes()
    return None


def write(path: str, pieces: Iterable[bytes]) -> None:
    """Replace the file, readable by its owner alone. Raises OSError, and leaves things as they were."""
    file = Path(os.path.realpath(path))  # a link goes on pointing to it
    with suppress(FileNotFoundError):
        _regular(file)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=_prefix(file))
    try:
        with os.fdopen(descriptor, "wb") as opened:
            os.fchmod(descriptor, 0o600)
            opened.writelines(pieces)
            opened.flush()
            os.fsync(descriptor)
        Path(name).replace(file)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    _settle(file.parent)


def set_aside(path: str) -> str:
    """Give the file another name, which is returned; empty if that cannot be."""
    file = Path(os.path.realpath(path))
    try:
        _regular(file)
        return str(file.replace(f"{file}{ASIDE}"))
    except OSError:
        return ""


def sweep(path: str, now: float) -> None:
    """Delete what somebody began to write and never finished. `now` is Unix time in seconds."""
    file = Path(os.path.realpath(path))
    with suppress(OSError), os.scandir(file.parent) as entries:
        for entry in entries:
            if entry.name.startswith(_prefix(file)) and now - entry.stat().st_mtime > _UNFINISHED:
                Path(entry.path).unlink()


def obstacle(path: str) -> str:
    """Why the file could not be written, as far as that can be known without trying; empty if it could."""
    file = Path(os.path.realpath(path))
    if file.is_dir():
        return f"'{path}' is a folder: name a file in it"
    if not file.parent.is_dir():
        return f"there is no folder '{file.parent}'"
    return "" if os.access(file.parent, os.W_OK | os.X_OK) else f"folder '{file.parent}' cannot be written to"


def _regular(file: Path) -> int:
    """A file's size. Raises OSError for what is there and is no file: none of that is read, replaced or renamed."""
    found = file.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(found.st_mode):
        raise OSError("it is no file")
    return found.st_size


def _prefix(file: Path) -> str:
    return f".{file.name}."


def _settle(folder: Path) -> None:
    """Force the new name to the disk too. Some file systems cannot: the contents are safe all the same."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
