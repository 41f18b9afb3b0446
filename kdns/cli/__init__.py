"""The command line: `kdns` runs a Corefile as CoreDNS does; its first word may be a command of ours."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from kdns.errors import CorefileErrors, KdnsError

COMMANDS = ("serve", "check", "explain", "query", "help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. What the user can mend is said in a line, never in a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = given.pop(0) if given and given[0] in COMMANDS else "run"
    try:
        return int(import_module(f"kdns.cli.{command}").main(given))
    except CorefileErrors as errors:
        for error in errors.errors:
            print(error, file=sys.stderr)
        return 1
    except KdnsError as error:
        print(f"kdns: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
