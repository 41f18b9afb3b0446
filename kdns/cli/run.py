"""`kdns`: serve a Corefile, with CoreDNS's flags, so that the `args` of an existing Deployment stay as they are."""

from __future__ import annotations

import argparse
import asyncio
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kdns import __version__
from kdns.cli.flags import add_corefile, boolean, parser
from kdns.cli.offline import offline, refuse_unused
from kdns.cli.process import serve
from kdns.corefile.disk import Disk, Local, Memory
from kdns.corefile.parser import Corefile, load, parse
from kdns.errors import PortError, StartError
from kdns.plugins import ORDER
from kdns.reloading import Noted, Source

_HERE = "Corefile"
_PIPED = "stdin"
_WITHOUT_COREFILE = ". {\n    whoami\n    log\n}\n"
"""What CoreDNS does where there is no Corefile, or an empty one."""


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit code. Raises CorefileErrors and StartError."""
    given = _flags().parse_args(arguments)
    if given.version:
        print(f"kdns-{__version__}\npython-{sys.version.split()[0]}")
        return 0
    if given.plugins:
        print("\n".join(f"dns.{name}" for name in ORDER))
        return 0
    noted = Noted(Local())
    corefile = read(given.conf, given.port, given.manifests, noted)
    source = _source(given.conf, given.port, given.manifests)
    try:
        return asyncio.run(serve(corefile, quiet=given.quiet, pid=given.pidfile, source=source, served=noted.sum()))
    except PortError as error:
        raise StartError(f"{error} ({_choice_of(error.port, corefile)})") from None


def _choice_of(port: int, corefile: Corefile) -> str:
    """What chose a port: the key of a server block, or the flag."""
    for key in (key for block in corefile.blocks for key in block.keys):
        if key.text.endswith(f":{port}"):
            return f"'{key.text}' at {key.file}:{key.line}"
    return "-dns.port"


def _flags() -> argparse.ArgumentParser:
    flags = parser("kdns", "The DNS server of a Kubernetes cluster. Commands: serve, check, explain, query, help.")
    add_corefile(flags)
    flags.add_argument("-pidfile", "--pidfile", metavar="FILE", help="write the process id to this file")
    for name, text in (
        ("plugins", "list the plugins"),
        ("quiet", "say nothing at start"),
        ("version", "show the version"),
    ):
        flags.add_argument(
            f"-{name}", f"--{name}", nargs="?", const=True, default=False, type=boolean, help=text, metavar="BOOL"
        )
    return flags


def _source(path: str | None, port: int, manifests: Sequence[str]) -> Source | None:
    """Where the Corefile is read again from; standard input is not there twice."""
    if path == _PIPED:
        return None
    return Source(lambda disk: offline(_loaded(path or _HERE, port, disk), manifests), Local())


def read(path: str | None, port: int, manifests: Sequence[str] = (), disk: Disk | None = None) -> Corefile:
    """The Corefile that is named, or the one in the working directory, or what stands for none.

    With `manifests` its clusters are out of these files. Raises StartError for one that is named and cannot be
    read, and where nothing would answer from them; CorefileErrors for mistakes.
    """
    corefile = _named(path, port, disk)
    refuse_unused(corefile, manifests)
    return offline(corefile, manifests)


def _named(path: str | None, port: int, disk: Disk | None) -> Corefile:
    if not path and not Path(_HERE).exists():
        return _whoami("no Corefile here", port)
    path = path or _HERE
    corefile = _piped(port) if path == _PIPED else _loaded(path, port, disk)
    return corefile if corefile.blocks else _whoami(f"{path}: no server block in it", port)


def _loaded(path: str, port: int, disk: Disk | None = None) -> Corefile:
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise StartError(f"there is no '{path}': name a Corefile that exists, as in -conf FILE") from None
    except OSError as error:
        raise _unreadable(path, error.strerror) from None
    if stat.S_ISDIR(mode):
        advice = f"name the file in it, or serve its manifests with 'kdns serve {path}'"
        raise StartError(f"'{path}' is a folder, not a Corefile: {advice}")
    if not os.access(path, os.R_OK):
        raise _unreadable(path, "Permission denied")
    return load(path, default_port=port, disk=disk)


def _unreadable(path: str, why: str | None) -> StartError:
    return StartError(f"the Corefile '{path}' cannot be read ({why}): name one that can")


def _piped(port: int) -> Corefile:
    """Relative paths in it begin in the working directory."""
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise StartError(f"the Corefile on standard input is not UTF-8 at byte {error.start}") from None
    return parse(text, _PIPED, default_port=port, environ=os.environ, disk=Local())


def _whoami(why: str, port: int) -> Corefile:
    advice = "'kdns -conf FILE' takes another, 'kdns serve PATH' serves manifests"
    with suppress(OSError):  # a server goes on when it cannot say so
        print(f"kdns: {why}, so clients are only told who they are, on port {port}; {advice}", file=sys.stderr)
    return parse(_WITHOUT_COREFILE, _HERE, default_port=port, environ={}, disk=Memory())
