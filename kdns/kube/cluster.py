"""A cluster as plugins see it: an index that is kept current by a source, and what is still missing.

Several server blocks with equal settings share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from kdns.errors import StartError
from kdns.kube.document import Origin
from kdns.kube.index import Index
from kdns.kube.objects import Ref
from kdns.kube.store import Store


class Source(Protocol):
    """Feeds a store: files now, an API server or a saved state elsewhere."""

    async def start(self) -> None:
        """Return when the store holds what there is, or when waiting longer would keep questions waiting."""

    async def stop(self) -> None:
        """Let go of files, tasks and connections."""

    def origin(self, ref: Ref) -> Origin | None:
        """Where an object comes from."""

    def missing(self) -> str:
        """What is not known yet, for people; empty once everything was."""

    def missing_imports(self) -> str:
        """What only multicluster zones wait for, for people; empty if nothing."""

    def stale(self) -> str:
        """Why answers may be out of date, for people; empty while they are not known to be."""

    def describe(self) -> str:
        """Where objects come from, in a few words."""

    def parts(self) -> Mapping[str, object]:
        """What it holds besides the store, by names for people: for whoever weighs it."""

    def faults(self) -> Iterable[str]:
        """What is wrong with what was read, a line each, with its place."""


class Cluster:
    """A store and the source that feeds it: a part that is started before anybody asks.

    `place` is `file:line` of what names the source, empty where nobody wrote that.
    """

    def __init__(self, store: Store, source: Source, place: str = "") -> None:
        self.store = store
        self.source = source
        self._place = place

    @property
    def index(self) -> Index:
        """What questions are looked up in."""
        return self.store.index

    async def start(self) -> None:
        """Start the source. Raises StartError, a line for each thing that is in the way."""
        try:
            await self.source.start()
        except StartError as error:
            if not self._place:
                raise
            raise StartError("\n".join(f"{self._place}: {line}" for line in str(error).splitlines())) from None

    async def stop(self) -> None:
        """Stop the source."""
        await self.source.stop()

    def missing(self) -> str:
        """What is not known yet, for people; empty once everything was."""
        return self.source.missing()

    def missing_imports(self) -> str:
        """What only multicluster zones wait for, for people; empty if nothing."""
        return self.source.missing_imports()

    def stale(self) -> str:
        """Why answers may be out of date, for people; empty while they are not known to be."""
        return self.source.stale()

    def parts(self) -> Mapping[str, object]:
        """What is held, by names for people: for whoever weighs it."""
        return {"objects": self.store.objects, **self.index.parts(), **self.source.parts()}

    def origin(self, ref: Ref) -> str:
        """Where an object comes from, for people; empty if nobody knows."""
        found = self.source.origin(ref)
        return str(found) if found else ""
