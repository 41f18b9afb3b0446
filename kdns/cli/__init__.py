"""The command line: `kdns` runs a Corefile as CoreDNS does; its first word may be a command of ours."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from kdns.corefile.near import near
from kdns.errors import CorefileErrors, KdnsError

COMMANDS = ("serve", "check", "explain", "query", "help")
"""Each is a module here with a `main`; without one of them it is `run`."""

_USAGE = 2
_INTERRUPTED = 130
"""What a shell says of a command that SIGINT ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. What the user can mend is said in a line, never in a traceback."""
    _let_any_file_name_pass()
    try:
        try:
            return _run(list(sys.argv[1:] if arguments is None else arguments))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more. Python flushes once again at its end: to where nothing breaks.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _let_any_file_name_pass() -> None:
    """A name that is no UTF-8 is printed as it is, instead of ending in a UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape")


def _run(given: list[str]) -> int:
    command = given.pop(0) if given and given[0] in COMMANDS else "run"
    if command == "run" and given and not given[0].startswith("-"):
        known = ", ".join(COMMANDS)
        print(f"kdns: '{given[0]}' is no command{near(given[0], COMMANDS)} (there are {known})", file=sys.stderr)
        return _USAGE
    try:
        return int(import_module(f"kdns.cli.{command}").main(given))
    except CorefileErrors as errors:
        print(errors, file=sys.stderr)
    except KdnsError as error:
        print(f"kdns: {error}", file=sys.stderr)
    return 1
