"""`kdns check`: everything up to listening, and everything that is wrong with it."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from kdns.app import App
from kdns.cli.flags import add_corefile, parser
from kdns.cli.hushed import hushed
from kdns.cli.offline import offline
from kdns.cli.run import read
from kdns.corefile.mistakes import Mistakes
from kdns.corefile.parser import Corefile
from kdns.errors import CorefileErrors
from kdns.plan import Plan, plan


def main(arguments: Sequence[str]) -> int:
    """Check a Corefile and what it names; 0 when all is right, else 1 and a line `file:line: …` for each mistake.

    Raises StartError where there is none to be read.
    """
    flags = parser("kdns check", "Everything that is wrong with a Corefile and with the manifests that it names.")
    add_corefile(flags)
    given = flags.parse_args(arguments)
    try:
        corefile, wrong = read(given.conf or "Corefile", given.port, given.manifests), Mistakes()
    except CorefileErrors as several:
        if not isinstance(several.rest, Corefile):
            raise
        corefile, wrong = offline(several.rest, given.manifests), Mistakes()
        wrong.add(*several.errors)
    _warn(corefile.warnings)
    return asyncio.run(_check(corefile, wrong))


async def _check(corefile: Corefile, wrong: Mistakes) -> int:
    """Check what a Corefile names, however much is `wrong` with it already."""
    planned = _planned(corefile, wrong)
    _warn(planned.build.warnings)
    mistakes = list(map(str, wrong.raised(corefile.files).errors))
    app = App(planned)
    with hushed() as logged:
        try:
            mistakes += [*map(str, await app.load_what_can()), *_faults(planned)]
            told = [record.getMessage() for record in logged if record.levelno == logging.WARNING]
            _warn(text for text in told if text not in mistakes)
            print(*mistakes, sep="\n", end="\n" if mistakes else "", file=sys.stderr)
            if not mistakes:
                print(*_summary(corefile, planned), sep="\n")
            return 1 if mistakes else 0
        finally:
            await app.unload()


def _planned(corefile: Corefile, wrong: Mistakes) -> Plan:
    """What can be set up; the rest is wrong."""
    try:
        return plan(corefile, asyncio.get_running_loop().time, time.time)
    except CorefileErrors as several:
        wrong.add(*several.errors)
        if not isinstance(several.rest, Plan):
            raise
        return several.rest


def _faults(planned: Plan) -> Iterator[str]:
    for faults in planned.build.faults:
        yield from faults()


def _warn(texts: Iterable[str]) -> None:
    for text in texts:
        print(f"warning: {text}", file=sys.stderr)


def _summary(corefile: Corefile, planned: Plan) -> Iterator[str]:
    count = len(corefile.blocks)
    places = ", ".join(map(str, planned.routers))
    yield f"{', '.join(corefile.files)}: fine, {count} server block{'s' if count != 1 else ''} on {places}"
    for line in planned.build.report:
        yield line()
