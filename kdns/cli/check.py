"""`kdns check`: everything up to listening, and everything that is wrong with it."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Sequence

from kdns.app import App
from kdns.cli.run import flags, read
from kdns.corefile.parser import Corefile
from kdns.errors import StartError
from kdns.plan import plan


def main(arguments: Sequence[str]) -> int:
    """Check a Corefile and what it names; 0 when all is right, else 1 and a line `file:line: …` for each mistake.

    Raises CorefileErrors and StartError.
    """
    parser = flags()
    parser.prog = "kdns check"
    given = parser.parse_args(arguments)
    corefile = read(given.conf, given.port)
    return asyncio.run(_check(corefile))


async def _check(corefile: Corefile) -> int:
    logging.getLogger("kdns").setLevel(logging.CRITICAL)  # what it would log is printed below
    app = App(plan(corefile, asyncio.get_running_loop().time, time.time))
    for warning in (*corefile.warnings, *app.plan.build.warnings):
        print(f"warning: {warning}", file=sys.stderr)
    try:
        await app.load()
    except StartError as error:
        print(error, file=sys.stderr)
        return 1
    try:
        faults = [fault for faults in app.plan.build.faults for fault in faults()]
        for fault in faults:
            print(fault, file=sys.stderr)
        if not faults:
            print(*_summary(corefile, app), sep="\n")
        return 1 if faults else 0
    finally:
        await app.unload()


def _summary(corefile: Corefile, app: App) -> list[str]:
    where = ", ".join(corefile.files)
    places = ", ".join(map(str, app.plan.routers))
    return [
        f"{where}: fine, {len(corefile.blocks)} server blocks on {places}",
        *(line() for line in app.plan.build.report),
    ]
