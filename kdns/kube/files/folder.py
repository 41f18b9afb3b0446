"""Manifests on disk: which files there are, and their texts.

Whatever cannot be looked at is named, and tells nothing: what lay there before may still.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kdns.errors import ManifestError, StartError

SUFFIXES = (".yaml", ".yml", ".json")
"""Of the files that are read in a folder; a path that names a file is read whatever its name."""
LARGEST = 64 * 2**20
"""Bytes of the largest file that is read."""


class Stamp(NamedTuple):
    """Two texts of a file are taken to be one if these agree.

    `ctime_ns` tells of changes after which somebody has set the mtime back.
    """

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int


class Identity(NamedTuple):
    """Which folder a path names; another after it was unmounted, or made anew."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Look:
    """What there is at some paths. `missing` are those that name nothing.

    `folders` are those of the paths that are folders. `unseen` says of files and folders, at the
    paths or below, why they could not be looked at.
    """

    files: dict[str, Stamp] = field(default_factory=dict)
    folders: dict[str, Identity] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    unseen: dict[str, str] = field(default_factory=dict)


def spelled(path: str) -> str:
    """A path in the spelling in which files are named, so that one that is named twice is read once."""
    return str(Path(path))


def look(paths: Iterable[str]) -> Look:
    """Stat all files at some paths, those in folders by `SUFFIXES`; names that begin with a dot are skipped.

    So a mounted ConfigMap's files are read once, though they lie in its folder `..data` too.
    """
    found = Look()
    for path in map(spelled, paths):
        try:
            seen = Path(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            found.missing.add(path)
        except OSError as error:
            found.unseen[path] = _why(error)
        else:
            _look_at(found, path, seen)
    return found


def _look_at(found: Look, path: str, seen: os.stat_result) -> None:
    if stat.S_ISDIR(seen.st_mode):
        found.folders[path] = Identity(seen.st_dev, seen.st_ino)
        _walk(found, path)
    elif stat.S_ISREG(seen.st_mode):
        found.files[path] = _stamp(seen)
    else:
        found.unseen[path] = "it is neither a file nor a folder"


def _walk(found: Look, root: str) -> None:
    """Every folder once: links may lead in circles."""
    waiting, seen = [root], set()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as entries:
                visible = sorted(
                    (entry for entry in entries if not entry.name.startswith(".")),
                    key=lambda entry: entry.name,
                )
        except FileNotFoundError:
            continue
        except OSError as error:
            found.unseen[folder] = _why(error)
            continue
        waiting += [entry.path.removeprefix("./") for entry in visible if _is_folder(found, entry)]


def _is_folder(found: Look, entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder; a file of manifests is noted."""
    path = entry.path.removeprefix("./")
    named = path.endswith(SUFFIXES)
    try:
        if not named:
            return entry.is_dir()
        seen = entry.stat()
    except FileNotFoundError:  # gone since, or a link to nothing
        return False
    except OSError as error:
        if named:
            found.unseen[path] = _why(error)
        return False
    if stat.S_ISREG(seen.st_mode):
        found.files[path] = _stamp(seen)
    return stat.S_ISDIR(seen.st_mode)


def read(file: str, stamp: Stamp) -> str | None:
    """The text of a file that has this stamp before and after; None if it is being written.

    Raises OSError where it cannot be read now, and ManifestError for what is no text.
    """
    if stamp.size > LARGEST:
        raise ManifestError(file, 1, 1, f"larger than {LARGEST >> 20} MiB")
    data = Path(file).read_bytes()
    if _stamp(Path(file).stat()) != stamp:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(file, 1, line, f"no UTF-8: byte 0x{data[error.start]:02x}") from None


def check(paths: Iterable[str]) -> None:
    """Raise StartError for paths of which nothing can be read, with what to do about it; a line each."""
    wrong = [fault for path in map(spelled, paths) for fault in _faults(path)]
    if wrong:
        raise StartError("\n".join(wrong))


def _faults(path: str) -> Iterator[str]:
    here = look([path])
    if path in here.missing:
        yield f"manifests: there is no '{path}': name a file or a folder that exists"
        return
    why = here.unseen.get(path)
    if why is None and not os.access(path, os.R_OK):
        why = "Permission denied"
    if why is not None:
        yield f"manifests: '{path}' cannot be read ({why}): name a file or a folder that can"


def _stamp(seen: os.stat_result) -> Stamp:
    return Stamp(seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino)


def _why(error: OSError) -> str:
    return error.strerror or str(error)
