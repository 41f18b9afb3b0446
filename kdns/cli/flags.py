"""What the commands' flags have in common: CoreDNS's one dash beside GNU's two, and what their values are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from kdns.corefile.texts import host_port_text
from kdns.errors import NameSyntaxError
from kdns.proto.name import from_text

_WORD = "\0"
"""No argument of a process has it."""
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Parser(argparse.ArgumentParser):
    """Takes flags anywhere between the words, and what stands behind `--` for words, whatever it begins with."""

    def parse_words(self, arguments: Sequence[str]) -> argparse.Namespace:
        """What is given. Ends the process with 2 where that is wrong usage."""
        at = arguments.index("--") if "--" in arguments else len(arguments)
        # argparse loses the `--` when flags may stand anywhere, so its words are made to begin like no flag.
        given = self.parse_intermixed_args([*arguments[:at], *(_WORD + word for word in arguments[at + 1 :])])
        for name, value in vars(given).items():
            setattr(given, name, _plain(value))
        return given

    def error(self, message: str) -> NoReturn:
        super().error(message.replace(_WORD, ""))


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value.removeprefix(_WORD) if isinstance(value, str) else value


def parser(command: str, description: str, *, usage: str | None = None) -> Parser:
    """A parser that knows `-h`, `-help` and `--help`, and takes no flag by its first letters."""
    made = Parser(prog=command, description=description, usage=usage, allow_abbrev=False, add_help=False)
    made.add_argument("-h", "-help", "--help", action="help", help="show this")
    return made


def add_corefile(to: argparse.ArgumentParser) -> None:
    """Add the flags that say which Corefile, and how: `conf`, `port` and `manifests`."""
    to.add_argument("-conf", "--conf", metavar="FILE", help="Corefile to load, or 'stdin' (default: ./Corefile)")
    to.add_argument(
        "-dns.port", "--dns.port", "-p", "--port", dest="port", type=port, default=53, metavar="PORT",
        help="port of server blocks that name none (default: 53)",
    )  # fmt: skip
    add_manifests(to)


def add_manifests(to: argparse.ArgumentParser) -> None:
    """Add the flag `manifests`: paths, each given with a flag of its own."""
    to.add_argument(
        "-manifests", "--manifests", action="append", default=[], metavar="PATH",
        help="a file or folder that describes the cluster, instead of an API server; may be repeated",
    )  # fmt: skip


def port(text: str) -> int:
    """A port number."""
    if text.isascii() and text.isdigit() and int(text) < 1 << 16:
        return int(text)
    raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not '{text}'")


def boolean(text: str) -> bool:
    """Go's flags take `-quiet=true` beside `-quiet`."""
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    raise argparse.ArgumentTypeError(f"true or false, not '{text}'")


def zone(text: str) -> str:
    """A domain name."""
    try:
        from_text(text)
    except NameSyntaxError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def page_address(text: str) -> str:
    """`ADDR:PORT` or `:PORT`, or `off`."""
    if text != "off":
        try:
            host_port_text(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return text
