"""Keeps the cluster's state in a file, so that a server that starts while the API server is away can answer.

The file is written once everything is known, then at most every 30 seconds if something changed, and at the end; so
it is always of a moment at which all was known. What it says is believed until everything was heard from the API
server once. Only a process that serves writes or moves files: one that just looks leaves them alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from kdns.kube import saved, statefile
from kdns.kube.calm import calm
from kdns.kube.live.resources import Resource
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Kind, Ref
from kdns.kube.store import Store
from kdns.log import logger
from kdns.metrics import Metrics

EVERY = 30.0
"""Seconds between two writings."""
_NOT_YET = 1.0
"""Seconds between two looks whether this process serves, with this store: after a reload it soon does."""
_AT_THE_END = 5.0
"""Seconds that the end of the process waits for a disk."""
_log = logger("kubernetes")


class Keeper:
    """One file, of a store; with no file's name it does nothing.

    `settings` tells states apart that hold other things; it may block. `serving` says whether this process serves,
    and the file is this store's. `age` gives the seconds since the API server's last word.
    """

    def __init__(
        self,
        file: str,
        settings: Callable[[], str],
        store: Store,
        metrics: Metrics,
        timing: Timing,
        *,
        serving: Callable[[], bool],
        age: Callable[[], float | None],
    ) -> None:
        self._file = file
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._timing = timing
        self._serving = serving
        self._age = age
        self._saved_at: float | None = None
        self._refs: dict[tuple[Kind, str], list[Ref]] = {}
        self._loaded = 0
        self._written: int | None = None
        self._writing: asyncio.Future[bool] | None = None
        self._told = ""
        self._forget = metrics.add_state(self.age)

    @property
    def answering(self) -> bool:
        """Whether answers may be from the file."""
        return self._saved_at is not None

    def age(self) -> float:
        """Seconds since the state was right that answers are from; 0 when they are the API server's."""
        return 0.0 if self._saved_at is None else max(0.0, self._timing.wall() - self._saved_at)

    def describe(self) -> str:
        """Which state answers are from, for people; empty if none."""
        if self._saved_at is None:
            return ""
        return f"the state saved at {datetime.fromtimestamp(self._saved_at, UTC):%Y-%m-%dT%H:%M:%SZ}"

    async def load(self) -> None:
        """Feed the store with what the file says. One that cannot be used is set aside."""
        if not self._file:
            return
        try:
            data = await asyncio.to_thread(statefile.read, self._file)
            if data is not None:
                with calm():
                    await self._feed(await asyncio.to_thread(self._checked, data))
        except saved.Unusable as error:
            await self._set_aside(str(error))
        except OSError as error:
            await self._set_aside(f"it cannot be read: {_why(error)}")
        if self._serving():
            await asyncio.to_thread(statefile.sweep, self._file, self._timing.wall())

    def _checked(self, data: bytes) -> saved.Checked:
        return saved.checked(data, self._settings())

    async def _feed(self, state: saved.Checked) -> None:
        refs: defaultdict[tuple[Kind, str], list[Ref]] = defaultdict(list)
        for piece in saved.pieces(await saved.unpacked_objects(state.body)):
            self._store.update(piece)
            for each in piece:
                ref = each.ref
                refs[ref.kind, ref.namespace].append(ref)
            await asyncio.sleep(0)
        self._refs = dict(refs)
        self._loaded = self._store.changes
        self._saved_at = state.at

    def stale(self) -> str:
        """That answers are from the file, for people; empty if they are not."""
        return f"answers are from {self.describe()}" if self.answering else ""

    def refs(self, resource: Resource) -> Iterator[Ref]:
        """The objects of a resource that are from the file."""
        for (kind, namespace), refs in self._refs.items():
            if kind is resource.kind and resource.namespace in {"", namespace}:
                yield from (ref for ref in refs if covers(resource, ref))

    def settle(self, followed: Iterable[Resource]) -> None:
        """Everything is known from the API server now: what nobody follows any more goes, and nothing is stale."""
        if not self.answering:
            return
        resources = list(followed)
        for refs in self._refs.values():  # of one kind in one namespace each
            if refs[0].kind is not Kind.NAMESPACE and not any(covers(each, refs[0]) for each in resources):
                self._store.update((), refs)
        changed = self._store.changes - self._loaded
        _log.info("answers are the API server's now, %d objects differ from %s", changed, self.describe())
        self._saved_at, self._refs = None, {}
        self._store.end_all()

    async def run(self) -> None:
        """Write once it serves, and whenever something has changed. To be started when everything is known."""
        while self._file:
            changes = self._store.changes
            if self._written != changes and self._serving() and await asyncio.shield(await self._begun()):
                self._written = changes
            await self._timing.sleep(EVERY if self._serving() else _NOT_YET)

    async def close(self, *, known: bool) -> None:
        """Write for the last time, if everything is known; `run` must have been cancelled."""
        self._forget()
        if self._writing is not None and not await self._ended(self._writing):
            return
        if self._file and known and self._serving():
            await self._ended(await self._begun())

    async def _begun(self) -> asyncio.Future[bool]:
        """What is held now on its way to the disk, in a thread: whether it came there."""
        at = self._timing.wall() - (self._age() or 0.0)
        body = await saved.packed_objects(tuple(self._store.objects))
        self._writing = asyncio.ensure_future(self._write(body, at))
        return self._writing

    async def _ended(self, writing: asyncio.Future[bool]) -> bool:
        done, _ = await asyncio.wait([writing], timeout=_AT_THE_END)
        if not done:
            _log.warning("%s: the disk does not answer; the state is not saved", self._file)
        return bool(done)

    async def _write(self, body: list[bytes], at: float) -> bool:
        try:
            await asyncio.to_thread(self._write_down, body, at)
        except Exception as error:  # names are answered all the same
            self._metrics.state_failures.inc()
            self._tell(f"{self._file}: the state cannot be saved: {_why(error)}; trying again")
            return False
        self._tell("")
        return True

    def _write_down(self, body: list[bytes], at: float) -> None:
        statefile.write(self._file, saved.sealed(body, self._settings(), at))

    def _tell(self, trouble: str) -> None:
        """Once for the same trouble, and when it is over."""
        if trouble != self._told:
            _log.log(logging.WARNING if trouble else logging.INFO, "%s", trouble or f"{self._file}: saved again")
        self._told = trouble

    async def _set_aside(self, why: str) -> None:
        aside = await asyncio.to_thread(statefile.set_aside, self._file) if self._serving() else ""
        kept = f"; it is called {aside} now" if aside else ""
        _log.warning("%s: no saved state to start from: %s%s", self._file, why, kept)


def covers(resource: Resource, ref: Ref) -> bool:
    """Whether an object is one of a resource's. A Namespace may be followed by its name alone."""
    if resource.kind is not ref.kind or resource.namespace not in {"", ref.namespace}:
        return False
    named = resource.query.get("fieldSelector", "") if resource.kind is Kind.NAMESPACE else ""
    return not named or named == f"metadata.name={ref.name}"


def _why(error: Exception) -> str:
    return getattr(error, "strerror", "") or str(error) or type(error).__name__
