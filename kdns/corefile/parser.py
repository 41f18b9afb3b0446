"""A Corefile read whole: its server blocks, its files, its warnings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from kdns.corefile.block import ServerBlock
from kdns.corefile.disk import Disk as Disk
from kdns.corefile.disk import Local
from kdns.corefile.grammar import Grammar
from kdns.corefile.imports import Imports
from kdns.corefile.mistakes import Mistakes
from kdns.corefile.sources import Sources
from kdns.errors import StartError


@dataclass(frozen=True, slots=True)
class Corefile:
    """What a Corefile says, with what it imports."""

    blocks: tuple[ServerBlock, ...]
    files: tuple[str, ...]
    """Every file read, the Corefile first."""
    warnings: tuple[str, ...]
    """`file:line: text`: an import glob that matches nothing, a variable that is not set."""
    globs: tuple[str, ...] = ()
    """Every glob imported, as a path: a file that comes to match one belongs to the Corefile."""


def parse(text: str, file: str, *, default_port: int = 53, environ: Mapping[str, str], disk: Disk) -> Corefile:
    """Parse a Corefile. Imports are relative to the path `file`; keys without a port get `default_port`.

    An empty Corefile has no blocks. Raises CorefileErrors with every mistake, sorted by place.
    """
    mistakes = Mistakes()
    sources = Sources(environ, disk, mistakes)
    tokens = Imports(sources, mistakes).follow(sources.take_in(text, file), file)
    blocks = Grammar(tokens, default_port, mistakes).server_blocks()
    corefile = Corefile(blocks, tuple(sources.read), mistakes.warnings, tuple(sources.globs))
    mistakes.raise_any(corefile.files, corefile)
    return corefile


def load(
    path: str,
    *,
    default_port: int = 53,
    environ: Mapping[str, str] | None = None,
    disk: Disk | None = None,
) -> Corefile:
    """Read and parse the Corefile at a path, with the process's environment and disk unless given.

    Raises StartError when it cannot be read, CorefileErrors when it is not right.
    """
    disk = disk or Local()
    environ = os.environ if environ is None else environ
    try:
        text = disk.read(path)
    except UnicodeDecodeError as error:
        where = f"byte {error.start}"
        raise StartError(f"{path}: the Corefile is not UTF-8 at {where}: save it as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StartError(f"{path}: the Corefile cannot be read: {reason}") from None
    return parse(text, path, default_port=default_port, environ=environ, disk=disk)
