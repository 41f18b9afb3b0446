"""The two stores of a cache, and which of them answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable

from kdns.caching.held import Held, Key
from kdns.caching.kind import Kind
from kdns.caching.settings import Settings
from kdns.caching.store import Store

_AT_ONCE = 64
"""Answers that are let go of in one turn of the loop: half a millisecond."""


class Answers:
    """What is kept for one server block. `clock` is loop time in seconds.

    A change names keys; what depends on one of them (a forwarded answer for a name that the cluster had not)
    is forgotten. `epoch` counts the changes.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.epoch = 0
        self._prefers_positive = settings.stale is not None and settings.stale.prefer_positive
        self._dependents: dict[Hashable, dict[Held, Key]] = {}
        self._stores = {
            kind: Store(limits.entries, limits.size, clock, self._unlink)
            for kind, limits in ((Kind.SUCCESS, settings.success), (Kind.DENIAL, settings.denial))
        }
        self._successes, self._denials = self._stores.values()

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """Let go of all, a few at a time.

        Who knows of them know one another, and such are left to a garbage collection that may never come for what was
        there when a cluster was taken in (`kdns.kube.calm`).
        """
        for store in self._stores.values():
            left = True
            while left:
                left = store.shed(_AT_ONCE)
                await asyncio.sleep(0)  # questions have their turn

    def count(self, kind: Kind) -> int:
        """How many are kept of this kind; failures are among the denials."""
        return len(self._stores[kind])

    def find(self, key: Key, now: float) -> Held | None:
        """What to answer with, stale if that is all there is.

        A denial comes before a success that it has outlived, a failure after any success that may still be used.
        """
        success = self._successes.get(key)
        denial = self._denials.get(key)
        if success is None or denial is None:
            return success or denial
        if denial.kind is Kind.FAILURE or self._prefers_positive:
            return success
        return denial if denial.is_fresh(now) or not success.is_fresh(now) else success

    def has(self, key: Key, held: Held) -> bool:
        """Whether this one is still kept."""
        return self._store(held.kind).get(key) is held

    def put(self, key: Key, held: Held, *, since: int) -> int | None:
        """Keep what was begun at epoch `since`; how many others went for want of room.

        None: it may not be kept, because what it depends on may have changed meanwhile.
        """
        if held.depends_on and since != self.epoch:
            return None
        if held.kind is Kind.SUCCESS:
            self._stores[Kind.DENIAL].drop(key)
        elif held.kind is Kind.DENIAL and not self._prefers_positive:
            self._stores[Kind.SUCCESS].drop(key)
        for name in held.depends_on:
            self._dependents.setdefault(name, {})[held] = key
        return self._store(held.kind).put(key, held)

    def drop(self, key: Key) -> None:
        """Forget what is kept under this key."""
        for store in self._stores.values():
            store.drop(key)

    def forget(self, keys: Iterable[Hashable]) -> None:
        """Forget all that depends on one of these."""
        self.epoch += 1
        for name in keys:
            for held, key in list(self._dependents.get(name, {}).items()):
                if self.has(key, held):
                    self._store(held.kind).drop(key)

    def _store(self, kind: Kind) -> Store:
        return self._stores[Kind.SUCCESS if kind is Kind.SUCCESS else Kind.DENIAL]

    def _unlink(self, held: Held) -> None:
        for name in held.depends_on:
            dependents = self._dependents.get(name, {})
            dependents.pop(held, None)
            if not dependents:
                self._dependents.pop(name, None)
