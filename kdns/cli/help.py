"""`kdns help [PLUGIN]`: a plugin's page, or what there is."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from kdns.corefile.near import near
from kdns.plugins import COREDNS, ORDER, page

_OVERVIEW = """\
kdns - the DNS server of a Kubernetes cluster

  kdns [-conf FILE]                  serve a Corefile (flags: kdns -help)
  kdns serve PATH...                 serve manifests, no Corefile needed
  kdns check [-conf FILE]            everything that is wrong with a Corefile
  kdns explain NAME [TYPE] [PATH...] what a name resolves to, and why
  kdns query NAME [TYPE]             ask a running server
  kdns help PLUGIN                   a plugin's page

Plugins, in the order that a question meets them:
"""


def main(arguments: Sequence[str]) -> int:
    """Print a page; 2 when there is none of that name."""
    if not arguments:
        print(_OVERVIEW + "\n".join(f"  {_title(name)}" for name in ORDER))
        return 0
    name = arguments[0]
    if name in ORDER:
        print(page(name).strip())
        return 0
    known = "exists in CoreDNS but not in kdns yet" if name in COREDNS else f"is no plugin{near(name, ORDER)}"
    print(f"kdns help: '{name}' {known}", file=sys.stderr)
    return 2


def _title(name: str) -> str:
    return page(name).strip().splitlines()[0].replace("*", "")
