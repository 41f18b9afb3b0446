"""`kdns`: serve a Corefile, with CoreDNS's flags, so that the `args` of an existing Deployment stay as they are."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kdns import __version__
from kdns.cli.process import serve
from kdns.corefile.disk import Local, Memory
from kdns.corefile.parser import Corefile, load, parse
from kdns.plugins import ORDER

_WITHOUT_COREFILE = ".:{port} {{\n    whoami\n    log\n}}\n"
"""What CoreDNS does where there is no Corefile, or an empty one."""


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit code."""
    given = flags().parse_args(arguments)
    if given.version:
        print(f"kdns-{__version__}\npython-{sys.version.split()[0]}")
        return 0
    if given.plugins:
        print("\n".join(f"dns.{name}" for name in ORDER))
        return 0
    corefile = read(given.conf, given.port)
    return asyncio.run(serve(corefile, quiet=given.quiet, pidfile=given.pidfile))


def flags() -> argparse.ArgumentParser:
    """CoreDNS's flags, with one dash or two, and our long names beside them."""
    parser = argparse.ArgumentParser(
        prog="kdns",
        description="The DNS server of a Kubernetes cluster. Commands: serve, check, explain, query, help.",
        allow_abbrev=False,
    )
    parser.add_argument("-conf", "--conf", metavar="FILE", help="Corefile to load (default: ./Corefile)")
    parser.add_argument(
        "-dns.port", "--dns.port", "-p", "--port", dest="port", type=port, default=53, metavar="PORT",
        help="port of server blocks that name none (default: 53)",
    )  # fmt: skip
    parser.add_argument("-pidfile", "--pidfile", metavar="FILE", help="write the process id to this file")
    for name, text in (
        ("plugins", "list the plugins"),
        ("quiet", "say nothing at start"),
        ("version", "show the version"),
    ):
        parser.add_argument(f"-{name}", f"--{name}", nargs="?", const=True, default=False, type=_boolean, help=text)
    return parser


def port(text: str) -> int:
    """A port number of the command line."""
    if text.isdigit() and int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not '{text}'")


def _boolean(text: str) -> bool:
    """Go's flags take `-quiet=true` too."""
    words = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    if text.lower() in words:
        return words[text.lower()]
    raise argparse.ArgumentTypeError(f"true or false, not '{text}'")


def read(path: str | None, port: int) -> Corefile:
    """The Corefile that is named, or the one in the working directory, or what stands for none.

    Raises StartError for one that is named and cannot be read, CorefileErrors for mistakes.
    """
    if path is None and not Path("Corefile").exists():
        print(
            "kdns: no Corefile here, so this only tells clients who they are; "
            "'kdns -conf FILE' takes another, 'kdns serve PATH' serves manifests",
            file=sys.stderr,
        )
        return _fallback(port)
    if path == "stdin":
        return _piped(port)
    corefile = load(path or "Corefile", default_port=port)
    return corefile if corefile.blocks else _fallback(port)


def _piped(port: int) -> Corefile:
    return parse(sys.stdin.read(), "stdin", default_port=port, environ=os.environ, disk=Local())


def _fallback(port: int) -> Corefile:
    return parse(_WITHOUT_COREFILE.format(port=port), "Corefile", environ={}, disk=Memory())
