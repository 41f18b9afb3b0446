"""`kdns serve PATH...`: serve manifests, no Corefile needed. It writes one and serves that."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from kdns.cli.process import serve
from kdns.cli.run import port
from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, parse

_REVERSE = ("in-addr.arpa", "ip6.arpa")
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
    """Serve, or print the Corefile that would; the exit code."""
    given = _flags().parse_args(arguments)
    if given.print_corefile:  # which may be saved anywhere
        given.paths = [str(Path(path).absolute()) for path in given.paths]
    text = corefile_text(given.paths, given.zone, given.port, given.bind, given.metrics)
    if given.print_corefile:
        print(text, end="")
        return 0
    return asyncio.run(serve(parsed(text), show_tries=True))


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kdns serve", description="Answer for the cluster that files and folders of manifests describe."
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder that is read recursively")
    parser.add_argument("--zone", default="cluster.local", help="the cluster's domain (default: cluster.local)")
    parser.add_argument("--port", "-p", type=port, default=1053, help="default: 1053")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDR", help="default: 127.0.0.1")
    parser.add_argument(
        "--metrics", default="127.0.0.1:9153", metavar="ADDR:PORT", help="or 'off' (default: 127.0.0.1:9153)"
    )
    parser.add_argument("--print-corefile", action="store_true", help="print the Corefile that does the same")
    return parser


def corefile_text(paths: Sequence[str], zone: str, port: int, bind: str, metrics: str) -> str:
    """The Corefile that serves these manifests."""
    return _TEMPLATE.format(
        keys=" ".join(f"{name}:{port}" for name in (zone, *_REVERSE)),
        bind=_quoted(bind),
        prometheus="" if metrics == "off" else f"    prometheus {_quoted(metrics)}\n",
        paths=" ".join(_quoted(path) for path in paths),
    )


def _quoted(text: str) -> str:
    plain = text and not any(character in '"\\{}#' or character.isspace() for character in text)
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parsed(text: str) -> Corefile:
    """That Corefile, read. Raises CorefileErrors, for instance for a zone that is none."""
    return parse(text, "(kdns serve)", environ={}, disk=Memory())
