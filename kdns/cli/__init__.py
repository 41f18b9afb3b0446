"""The command line: `kdns` runs a Corefile as CoreDNS does; its first word may be a command of ours.

Little is imported here: until `main` runs, a signal does what it does to any program.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from kdns.cli.early import take_signals
from kdns.cli.pauses import rare
from kdns.errors import CorefileErrors, KdnsError

COMMANDS = ("serve", "check", "explain", "query", "memory", "help")
"""Each is a module here with a `main`; without one of them it is `run`."""

_SERVERS = ("run", "serve")
_USAGE = 2
_UNWRITABLE = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What is wrong with standard output where nobody reads any more, a disk is full, or a terminal is gone."""
_INTERRUPTED = 130
"""What a shell says of a command that SIGINT ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. What the user can mend is said in a line, never in a traceback.

    Without `arguments` they are those of the process, whose signals are taken, and its collections put off, as well.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = given.pop(0) if given and given[0] in COMMANDS else "run"
    if arguments is None:
        take_signals(serves=command in _SERVERS)
        if command in _SERVERS:
            rare()
    _let_any_file_name_pass()
    try:
        try:
            return _run(command, given)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in _UNWRITABLE or error.filename is not None:
            raise
        return _unheard(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    finally:
        _drop_what_cannot_be_written()


def _let_any_file_name_pass() -> None:
    """A name that is no UTF-8 is printed as it is, instead of ending in a UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")


def _unheard(error: OSError) -> int:
    if error.errno != errno.EPIPE:  # whoever reads no more knows it
        with suppress(OSError):
            print(f"kdns: what there is to say cannot be written: {error.strerror}", file=sys.stderr)
    return 1


def _drop_what_cannot_be_written() -> None:
    """Python flushes once again at its end: to where nothing breaks."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(command: str, given: list[str]) -> int:
    if command == "run" and given and not given[0].startswith("-"):
        return _no_command(given[0])
    try:
        return int(import_module(f"kdns.cli.{command}").main(given))
    except CorefileErrors as errors:
        print(errors, file=sys.stderr)
    except KdnsError as error:
        print(*(f"kdns: {line}" for line in str(error).splitlines()), sep="\n", file=sys.stderr)
    return 1


def _no_command(word: str) -> int:
    from kdns.corefile.near import near

    known = ", ".join(COMMANDS)
    print(f"kdns: '{word}' is no command{near(word, COMMANDS)} (there are {known})", file=sys.stderr)
    return _USAGE
