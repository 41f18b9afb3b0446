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
from kdns.cli.run import read
from kdns.corefile.mistakes import Mistakes
from kdns.corefile.parser import Corefile
from kdns.errors import CorefileErrors
from kdns.plan import Plan, plan


def main(arguments: Sequence[str]) -> int:
    """Check a Corefile and what it names; 0 when all is right, else 1 and a line `file:line: …` for each mistake.

    Raises CorefileErrors and StartError.
    """
    flags = parser("kdns check", "Everything that is wrong with a Corefile and with the manifests that it names.")
    add_corefile(flags)
    given = flags.parse_args(arguments)
    try:
        corefile = read(given.conf or "Corefile", given.port)
    except CorefileErrors as mistakes:
        raise _with_plugins(mistakes) from None
    _warn(corefile.warnings)
    return asyncio.run(_check(corefile))


def _with_plugins(mistakes: CorefileErrors) -> CorefileErrors:
    """The mistakes of a Corefile that does not parse, and those that plugins find in the rest of it."""
    if not isinstance(mistakes.rest, Corefile):
        return mistakes
    told = Mistakes()
    told.add(*mistakes.errors)
    try:
        plan(mistakes.rest, time.monotonic, time.time)
    except CorefileErrors as more:
        told.add(*more.errors)
    return told.raised(mistakes.rest.files)


async def _check(corefile: Corefile) -> int:
    planned = plan(corefile, asyncio.get_running_loop().time, time.time)
    _warn(planned.build.warnings)
    app = App(planned)
    with hushed() as logged:
        try:
            mistakes = [*map(str, await app.load_what_can()), *_faults(planned)]
            told = [record.getMessage() for record in logged if record.levelno == logging.WARNING]
            _warn(text for text in told if text not in mistakes)
            print(*mistakes, sep="\n", end="\n" if mistakes else "", file=sys.stderr)
            if not mistakes:
                print(*_summary(corefile, planned), sep="\n")
            return 1 if mistakes else 0
        finally:
            await app.unload()


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
