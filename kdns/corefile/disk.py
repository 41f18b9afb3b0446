"""Where Corefiles and what they import are read from."""

from __future__ import annotations

from collections.abc import Mapping
from errno import ENOENT
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Protocol


class Disk(Protocol):
    """What the parser asks of a file system."""

    def read(self, path: str) -> str:
        """The text of a file. Raises OSError, or UnicodeDecodeError for what is no UTF-8."""

    def glob(self, pattern: str) -> list[str]:
        """The files that match a pattern (`*`, `?`, `[…]`), sorted; none is the empty list."""


class Local:
    """The real one."""

    def read(self, path: str) -> str:
        return Path(path).read_bytes().decode()

    def glob(self, pattern: str) -> list[str]:
        path = Path(pattern)
        found = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        # A mounted ConfigMap has folders (`..data`) beside its files: only files are meant.
        return sorted(str(file) for file in found if file.is_file())


class Memory:
    """Files in memory, by path: for tests, and for a Corefile that comes from elsewhere."""

    def __init__(self, files: Mapping[str, str] = MappingProxyType({})) -> None:
        self._files = files

    def read(self, path: str) -> str:
        if path not in self._files:
            raise FileNotFoundError(ENOENT, "No such file or directory", path)
        return self._files[path]

    def glob(self, pattern: str) -> list[str]:
        return sorted(path for path in self._files if _matches(path.split("/"), pattern.split("/")))


def _matches(path: list[str], pattern: list[str]) -> bool:
    return len(path) == len(pattern) and all(map(fnmatchcase, path, pattern))
