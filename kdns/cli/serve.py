"""`kdns serve PATH...`: serve manifests, no Corefile needed. It writes one and serves that."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

from kdns.cli.flags import Parser, page_address, parser, port, zone
from kdns.cli.greeting import tries
from kdns.cli.process import serve
from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, parse
from kdns.errors import CorefileErrors, PortError, StartError
from kdns.reloading import Source

_REVERSE = ("in-addr.arpa", "ip6.arpa")
_PAGE = "(prometheus)"
"""What an error about the address of the metrics has in it."""
_TEMPLATE = """\
{keys} {{
    bind {bind}
    errors
{prometheus}    loadbalance
    kubernetes {{
        manifests {paths}
        pods insecure
    }}
}}
"""


def main(arguments: Sequence[str]) -> int:
    """Serve, or print the Corefile that would; the exit code. Raises StartError."""
    given = _flags().parse_words(arguments)
    if given.print_corefile:  # which may be saved anywhere
        given.paths = [str(Path(path).absolute()) for path in given.paths]
    text = corefile_text(given.paths, given.zone, given.port, given.bind, given.metrics)
    with without_places():
        corefile = parsed(text, given.paths)
        if given.print_corefile:
            print(text, end="")
            return 0
        try:
            return asyncio.run(serve(corefile, more=tries, source=Source(lambda _: corefile, Memory())))
        except PortError as error:
            raise StartError(f"{error} ({_another_port(given.paths)})") from None
        except StartError as error:
            flag = " (--metrics ADDR:PORT, or off)" if _PAGE in str(error) else ""
            raise StartError(f"{error}{flag}") from None


def _another_port(paths: Sequence[str]) -> str:
    """How to choose one; of our Makefile, which sets this variable for what it runs, that is its user's to say."""
    return f"make run ARGS='{' '.join(paths)} --port N'" if "MAKELEVEL" in os.environ else "--port N"


def _flags() -> Parser:
    flags = parser("kdns serve", "Answer for the cluster that files and folders of manifests describe.")
    flags.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder that is read recursively")
    flags.add_argument("--zone", type=zone, default="cluster.local", help="the cluster's domain (default: %(default)s)")
    flags.add_argument(
        "--port", "-p", "-dns.port", "--dns.port", dest="port", type=port, default=1053, help="default: %(default)s"
    )
    flags.add_argument("--bind", default="127.0.0.1", metavar="ADDR", help="default: %(default)s")
    flags.add_argument(
        "--metrics", type=page_address, default="127.0.0.1:9153", metavar="ADDR:PORT",
        help="or 'off' (default: %(default)s)",
    )  # fmt: skip
    flags.add_argument("--print-corefile", action="store_true", help="print the Corefile that does the same")
    return flags


def corefile_text(paths: Sequence[str], zone: str, port: int, bind: str, metrics: str) -> str:
    """The Corefile that serves these manifests."""
    return _TEMPLATE.format(
        keys=" ".join(f"{name}:{port}" for name in (zone, *_REVERSE)),
        bind=_word(bind),
        prometheus="" if metrics == "off" else f"    prometheus {_word(metrics)}\n",
        paths=" ".join(map(_word, paths)),
    )


def _word(text: str) -> str:
    """A word of a Corefile: quoted where it must be, its quotes escaped, its backslashes never."""
    needs_quotes = not text or text[0] in '"#' or any(letter in "{}" or letter.isspace() for letter in text)
    return '"' + text.replace('"', '\\"') + '"' if needs_quotes else text


def parsed(text: str, paths: Sequence[str]) -> Corefile:
    """That Corefile, read.

    Raises CorefileErrors for what it cannot say, and StartError for a path which no word of a Corefile
    stands for, such as one that looks like a variable.
    """
    corefile = parse(text, "(kdns serve)", environ={}, disk=Memory())
    (block,) = corefile.blocks
    manifests, *_ = block.directives[-1].body
    for path, read in zip_longest(paths, manifests.args):
        if path != read:
            said = path or paths[-1]
            raise StartError(f"the path '{said}' cannot be said in a Corefile: rename it, or name a folder above it")
    return corefile


@contextmanager
def without_places() -> Iterator[None]:
    """Mistakes in a Corefile that nobody has seen become a StartError without `file:line:`."""
    try:
        yield
    except CorefileErrors as errors:
        raise StartError("; ".join(error.text for error in errors.errors)) from None
