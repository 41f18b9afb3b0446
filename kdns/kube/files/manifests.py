"""A folder of manifests as the source of a store: read at the start, looked at again every interval.

The disk is read, and what it says worked out, in a thread; the store hears of the differences on
the loop. What is believed of a file that changes is `files.belief`'s to say.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from kdns.errors import ManifestError
from kdns.kube import controllers
from kdns.kube.document import Origin, Problem
from kdns.kube.files import folder
from kdns.kube.files.aside import aside, uncollected
from kdns.kube.files.broken import Broken
from kdns.kube.files.catalogue import Catalogue, catalogue
from kdns.kube.files.changes import Change, changes
from kdns.kube.files.shelf import Shelf, next_shelf
from kdns.kube.objects import Object, Ref
from kdns.kube.selection import Selection
from kdns.log import logger, place_of
from kdns.metrics import Metrics

_MANY = 1000
"""Documents from which on garbage collections take noticeable time."""
_log = logger("kubernetes")


class Sink(Protocol):
    """What is fed."""

    def update(self, changed: Iterable[Object], gone: Iterable[Ref]) -> None:
        """Take in objects that are new or different and drop others, at once."""


class _View(NamedTuple):
    """What is known after a look."""

    shelf: Shelf
    catalogue: Catalogue


class Manifests:
    """Feeds `sink` with what the files at `paths` say; a part of the server (`kdns.site.Part`).

    `interval` is in seconds. `errors` is what cannot be read now, `problems` what is wrong with
    objects that can be, `passed_over` how many objects there are of kinds that are not read, `files`
    and `documents` count what is held.
    """

    def __init__(
        self,
        paths: Sequence[str],
        *,
        sink: Sink,
        settings: controllers.Settings,
        selection: Selection,
        metrics: Metrics,
        interval: float = 1.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.paths = tuple(paths)
        self.errors: tuple[ManifestError, ...] = ()
        self.problems: tuple[Problem, ...] = ()
        self.passed_over: Counter[str] = Counter()
        self.files = 0
        self.documents = 0
        self._sink = sink
        self._settings = settings
        self._selection = selection
        self._interval = interval
        self._sleep = sleep
        self._broken = Broken(metrics)
        self._view: _View | None = None
        self._frozen = 0
        self._turn = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when all that can be read is served. Raises StartError for a path of which nothing can."""
        await asyncio.to_thread(folder.check, self.paths)
        await self.poll()
        self._watch = asyncio.create_task(self._go_on(), name="manifests")

    async def stop(self) -> None:
        """Look no more."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch

    def parts(self) -> Mapping[str, object]:
        """The files as they were read."""
        return {"manifests": self._view}

    async def poll(self) -> None:
        """Look once: read what has changed, tell the sink what that changes, if anything."""
        async with self._turn:
            with uncollected():
                await self._poll()

    async def _poll(self) -> None:
        before = self._view
        after, found = await aside(partial(self._look, before))
        for change in found:
            self._sink.update(*change)
            await asyncio.sleep(0)  # questions have their turn
        if after is not before:
            self._show(after)

    def origin(self, ref: Ref) -> Origin | None:
        """Where an object that is served comes from."""
        return self._view.catalogue.origins.get(ref) if self._view else None

    def missing(self) -> str:
        """What is not known yet: everything, until the first look."""
        return "" if self._view else "manifests: " + ", ".join(self.paths)

    def missing_imports(self) -> str:
        """Files that can be read have them, or there are none."""
        return ""

    def stale(self) -> str:
        """Files that can be read are never out of date; those that cannot are told elsewhere."""
        return ""

    def describe(self) -> str:
        """Where objects come from, in a few words."""
        passed = sum(self.passed_over.values())
        others = f" ({passed} objects of other kinds passed over)" if passed else ""
        return f"{self.files} files in {', '.join(map(_near, self.paths))}{others}"

    def faults(self) -> Iterator[str]:
        """What is wrong with what was read, a line each, with its place; warnings are not among it."""
        yield from map(str, self.errors)
        yield from (str(problem) for problem in self.problems if not problem.warning)

    async def _go_on(self) -> None:
        last: object = None
        while True:
            await self._sleep(self._interval)
            try:
                await self.poll()
            except Exception as error:  # a defect; what is served is served on
                if place_of(error) != last:
                    _log.exception("manifests: looking at them failed")
                last = place_of(error)
            else:
                last = None

    def _look(self, before: _View | None) -> tuple[_View, list[Change]]:
        """In a thread: what is known now, and how it differs."""
        shelf = next_shelf(before.shelf if before else None, self.paths)
        former = before.catalogue if before else Catalogue()
        if before is not None and shelf is before.shelf:
            return before, []
        if before is not None and shelf.holds_as(before.shelf):
            return _View(shelf, former), []
        found = catalogue(shelf.documents, self._settings, self._selection, former, shelf.mentions)
        return _View(shelf, found), changes(former.objects, found.objects)

    def _show(self, view: _View) -> None:
        self._view = view
        self.errors = (*view.shelf.errors, *view.catalogue.errors)
        self.problems = view.catalogue.problems
        self.passed_over = view.shelf.passed_over
        self.files = len(view.shelf.files)
        self.documents = len(view.shelf.documents)
        self._broken.tell(self.errors, self.problems)
        if self.documents > max(_MANY, 2 * self._frozen):
            self._frozen = self.documents
            gc.freeze()  # it stays, for the most part: no collection has to look through it again


def _near(path: str) -> str:
    """A path as people would write it: from the working directory where it lies below that."""
    absolute, here = Path(path).absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else path
