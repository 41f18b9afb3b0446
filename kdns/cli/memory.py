"""`kdns memory`: what the objects of a Corefile's clusters take, part by part."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence

from kdns.app import App
from kdns.cli.flags import add_corefile, parser
from kdns.cli.hushed import hushed
from kdns.cli.run import read
from kdns.cli.weight import resident, weighed
from kdns.corefile.parser import Corefile
from kdns.plan import Plan, plan

_MB = 1e6


def main(arguments: Sequence[str]) -> int:
    """Load all that a Corefile names, listening nowhere, and print a line for each part; 1 where not all was known.

    Raises CorefileErrors, and StartError where there is no Corefile to be read.
    """
    flags = parser("kdns memory", "What the objects of a Corefile's clusters take in memory, part by part.")
    add_corefile(flags)
    given = flags.parse_args(arguments)
    return asyncio.run(_measure(read(given.conf or "Corefile", given.port)))


async def _measure(corefile: Corefile) -> int:
    planned = plan(corefile, asyncio.get_running_loop().time, time.time)
    app = App(planned)
    empty = resident()
    with hushed():
        try:
            missing = [*map(str, await app.load_what_can()), *_missing(planned)]
            print(*_table(planned, empty, resident()), sep="\n")
            print(*missing, sep="\n", end="\n" if missing else "", file=sys.stderr)
            return 1 if missing else 0
        finally:
            await app.unload()


def _missing(planned: Plan) -> Iterator[str]:
    """What is not known, which then has no weight either."""
    for plugin, missing in planned.build.readiness.items():
        if text := missing():
            yield f"{plugin}: not known yet: {text}"


def _table(planned: Plan, empty: int, whole: int) -> Iterator[str]:
    parts = {name: part for held in planned.build.held for name, part in held().items()}
    weights = {"Python and modules": empty} | weighed(parts)
    if whole:
        weights["freed or uncounted"] = max(0, whole - sum(weights.values()))
        weights["resident in all"] = whole
    for name, weight in weights.items():
        yield f"{weight / _MB:9.2f} MB  {name}"
