"""`kdns help [PLUGIN]`: a plugin's page, or what there is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from kdns.cli import COMMANDS
from kdns.cli.flags import parser
from kdns.corefile.near import near
from kdns.plugins import COREDNS, ORDER, page

_OVERVIEW = """\
kdns - the DNS server of a Kubernetes cluster

  kdns [-conf FILE]                  serve a Corefile (flags: kdns -help)
  kdns serve PATH...                 serve manifests, no Corefile needed
  kdns check [-conf FILE]            everything that is wrong with a Corefile
  kdns explain NAME [TYPE] [PATH...] what a name resolves to, and why
  kdns query NAME [TYPE]             ask a running server
  kdns memory [-conf FILE]           what the objects take in memory, part by part
  kdns help PLUGIN                   a plugin's page

Plugins, in the order that a question meets them:
"""
_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Print a page, or a command's flags; 2 when there is none of that name."""
    flags = parser("kdns help", "A plugin's page, a command's flags, or what there is.")
    flags.add_argument("name", nargs="?", metavar="PLUGIN|COMMAND")
    name = flags.parse_args(arguments).name
    if name is None:
        print(_OVERVIEW + "\n".join(f"  {_title(name)}" for name in ORDER))
        return 0
    if name in ORDER:
        print(page(name).strip())
        return 0
    if name in COMMANDS:
        return int(import_module(f"kdns.cli.{name}").main(["-help"]))
    known = "exists in CoreDNS but not in kdns yet" if name in COREDNS else f"is no plugin{near(name, ORDER)}"
    print(f"kdns help: '{name}' {known}", file=sys.stderr)
    return _USAGE


def _title(name: str) -> str:
    return page(name).strip().splitlines()[0].replace("*", "")
