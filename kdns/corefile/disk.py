"""Where Corefiles and what they import are read from."""

from __future__ import annotations

import glob
import re
from collections.abc import Mapping
from errno import ENOENT
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

_SET = re.compile(r"\[[!^]?+.[^\]]*\]", re.DOTALL)
"""Its first letter may be a `]`."""


class Disk(Protocol):
    """What the parser asks of a file system."""

    def read(self, path: str) -> str:
        """The text of a file. Raises OSError, or UnicodeDecodeError for what is no UTF-8."""

    def glob(self, pattern: str) -> list[str]:
        """The files that match a pattern, sorted; none is the empty list.

        `*`, `?` and `[…]` stand for letters of one name, dots at its beginning too; `**` means no more than `*`
        (as in Go's path/filepath). Raises ValueError for a `[` that is not closed.
        """


class Local:
    """The real one."""

    def read(self, path: str) -> str:
        return Path(path).read_bytes().decode()

    def glob(self, pattern: str) -> list[str]:
        # Not pathlib's glob, to which `**` means something else, and another thing in each version of Python.
        found = glob.iglob(_checked(pattern), include_hidden=True)  # noqa: PTH207
        # A mounted ConfigMap has folders (`..data`) beside its files: only files are meant.
        return sorted(file for file in found if Path(file).is_file())


class Memory:
    """Files in memory, by path: for tests, and for a Corefile that comes from elsewhere."""

    def __init__(self, files: Mapping[str, str] = MappingProxyType({})) -> None:
        self._files = files

    def read(self, path: str) -> str:
        if path not in self._files:
            raise FileNotFoundError(ENOENT, "No such file or directory", path)
        return self._files[path]

    def glob(self, pattern: str) -> list[str]:
        parts = _checked(pattern).split("/")
        return sorted(path for path in self._files if _matches(path.split("/"), parts))


def _checked(pattern: str) -> str:
    for part in pattern.split("/"):
        if "[" in _SET.sub("", part):
            raise ValueError(f"close the '[' in '{part}' with a ']'")
    return pattern.replace("[^", "[!")


def _matches(path: list[str], pattern: list[str]) -> bool:
    return len(path) == len(pattern) and all(map(fnmatchcase, path, pattern))
