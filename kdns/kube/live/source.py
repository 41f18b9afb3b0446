"""A live cluster as a source: which resources are followed, when all are known, how old the last word is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from kdns.kube.document import Origin
from kdns.kube.live.access import Access
from kdns.kube.live.api import Api
from kdns.kube.live.follower import Follower
from kdns.kube.live.keeper import Keeper, covers
from kdns.kube.live.latency import Latency
from kdns.kube.live.limiter import DEFAULT_BURST, DEFAULT_QPS, Limiter
from kdns.kube.live.resources import UNFINISHED, Resource, resource
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Kind, Namespace, Ref
from kdns.kube.saved import settings_of
from kdns.kube.store import Store
from kdns.kube.wanted import Server
from kdns.log import logger
from kdns.metrics import Metrics

_log = logger("kubernetes")


_LOOK = 1.0
_WITH_STATE = 1.0
"""Seconds that start waits for the cluster if there are answers already."""


class Live:
    """Feeds a store from an API server; a part of the server."""

    def __init__(
        self,
        wanted: Server,
        access: Access,
        store: Store,
        metrics: Metrics,
        timing: Timing,
        *,
        serving: Callable[[], bool],
    ) -> None:
        self._wanted = wanted
        self._access = access
        self._store = store
        self._metrics = metrics
        self._timing = timing
        self._latency = Latency(store.index, metrics, timing.wall)
        self._api = Api(access, _limiter(wanted, timing), metrics, timing)
        self._followed: dict[Follower, asyncio.Task[None]] = {}
        self._forget: dict[Follower, Callable[[], None]] = {}
        self._refusals: dict[Follower, asyncio.Task[None]] = {}
        self._stale = ""
        self._watching: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        settings = partial(_settings, wanted)
        self._keeper = Keeper(wanted.state, settings, store, metrics, timing, serving=serving, age=self.age)

    async def start(self) -> None:
        """Follow everything; return once all is known, or after `startup_timeout`.

        With a saved state there are answers at once: it waits for a second at most, and no longer than the
        API server may be there.
        """
        await self._keeper.load()
        for each in _resources(self._wanted):
            self._follow(each)
        await self._wait_for_all()
        if not self._unknown():
            self._settle()
        self._keeping = asyncio.create_task(self._keep())
        if self._wanted.stale_after:
            self._watching = asyncio.create_task(self._watch_age())
        if waiting := self._waiting():
            saved = self._keeper.answering
            what = f"serving from {self._keeper.describe()}" if saved else "the cluster is not known yet"
            _log.warning("%s; waiting for %s", what, waiting)

    async def stop(self) -> None:
        """Follow no more."""
        tasks = [*self._followed.values(), *self._refusals.values(), *filter(None, (self._watching, self._keeping))]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for forget in self._forget.values():
            forget()
        await self._keeper.close(known=bool(self._followed) and not self._unknown())
        await self._api.close()

    def missing(self) -> str:
        """The kinds that are not known yet, not even from a saved state: all of them, until start."""
        return "" if self._keeper.answering else self._waiting()

    def _waiting(self) -> str:
        unknown = [each.resource for each in self._unknown()] if self._followed else _resources(self._wanted)
        kinds = dict.fromkeys(each.plural for each in unknown)
        return f"{', '.join(kinds)} from {self.describe()}" if kinds else ""

    def missing_imports(self) -> str:
        """ServiceImports, where the API server refuses them."""
        refused = any(each.resource.kind is Kind.IMPORT for each in self._refusals)
        return f"serviceimports from {self.describe()}, which refuses them" if refused else ""

    def describe(self) -> str:
        """Where objects come from, in a few words."""
        return self._access.describe()

    def parts(self) -> Mapping[str, object]:
        """The versions of objects."""
        return {"versions": [follower.versions for follower in self._followed]}

    def faults(self) -> Iterable[str]:
        """Nothing that `kdns check` could know."""
        return ()

    def origin(self, ref: Ref) -> Origin | None:
        """The API server, or the saved state until it was heard."""
        heard = any(follower.known.is_set() and covers(follower.resource, ref) for follower in self._followed)
        saved = self._keeper.answering and not heard
        return Origin("", 0, 0, self._keeper.describe() if saved else self.describe())

    def stale(self) -> str:
        """That answers are from a saved state, or the API server silent for longer than it may, if that is so."""
        return self._keeper.stale() if self._keeper.answering else self._stale

    def age(self) -> float | None:
        """Seconds since the last word about the resource that has been silent longest; None before all were known."""
        times = [follower.contacted for follower in self._followed if follower not in self._refusals]
        if not times or None in times:
            return None
        return self._timing.clock() - min(time for time in times if time is not None)

    async def _watch_age(self) -> None:
        while True:
            await self._timing.sleep(_LOOK)
            age = self.age()
            stale = ""
            if age is not None and age > self._wanted.stale_after:
                stale = f"nothing was heard from {self.describe()} for {age:.0f} seconds"
            if bool(stale) != bool(self._stale):
                _log.log(logging.WARNING if stale else logging.INFO, "%s", stale or "answers are up to date again")
                self._stale = stale
                self._store.end_all()

    async def _wait_for_all(self) -> None:
        """Wait until all is known, or waiting longer has no sense."""
        timeout, waits = self._wanted.startup_timeout, [asyncio.create_task(self._all_known())]
        if self._keeper.answering:
            timeout = min(timeout, _WITH_STATE)
            waits += [asyncio.create_task(follower.cut_off()) for follower in self._followed]
        try:
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _all_known(self) -> None:
        while unknown := self._unknown():
            await unknown[0].settled.wait()

    async def _keep(self) -> None:
        await self._all_known()
        self._settle()
        await self._keeper.run()

    def _settle(self) -> None:
        self._keeper.settle(each.resource for each in self._followed if each not in self._refusals)

    def _unknown(self) -> list[Follower]:
        return [follower for follower in self._followed if not follower.settled.is_set()]

    def _follow(self, each: Resource) -> Follower:
        follower = Follower(
            self._api,
            each,
            self._store,
            self._metrics,
            self._timing,
            applied=self._latency.applied,
            refused=self._refused,
        )
        follower.prime(self._keeper.refs(each))
        contact = self._metrics.add_contact(str(each.kind), lambda: follower.contacted, self._timing.clock)
        self._forget[follower] = contact
        self._followed[follower] = asyncio.create_task(follower.run(self._wanted.resync), name=str(each))
        return follower

    def _refused(self, follower: Follower, fault: Exception) -> bool:
        """Do without, where that can be done, until the server thinks better of it: it is asked again."""
        each = follower.resource
        if follower in self._refusals:
            return True
        if each.kind is Kind.SLICE:
            _log.warning("%s: %s; following endpoints until they can be followed", each, fault)
            again = self._go_back(follower, self._follow(resource(Kind.ENDPOINTS, each.namespace, **each.query)))
        elif each.kind is Kind.IMPORT:
            _log.warning("%s: %s; all is served but the multicluster zones until they can be followed", each, fault)
            again = self._go_back(follower)
        elif each.kind is Kind.NAMESPACE and self._wanted.selection.namespaces is not None:
            _log.info("%s: %s; namespace %s is taken to exist until it can be followed", each, fault, _named(each))
            assumed = Namespace(_named(each))
            self._store.update([assumed])
            follower.prime([assumed.ref])
            again = self._go_back(follower)
        else:
            return False
        self._refusals[follower] = asyncio.create_task(again)
        follower.settled.set()
        return True

    async def _go_back(self, follower: Follower, instead: Follower | None = None) -> None:
        """Once the server gives what it refused, take that, and no longer what was followed instead."""
        await follower.known.wait()
        del self._refusals[follower]
        _log.info("%s: the API server refuses them no more", follower.resource)
        if instead is not None:
            self._followed.pop(instead).cancel()
            self._forget.pop(instead)()
            self._store.update((), [each.ref for each in self._store.objects if covers(instead.resource, each.ref)])
        self._store.end_all()


def _limiter(wanted: Server, timing: Timing) -> Limiter:
    """With the limits that are wanted, else those that let every watch begin at once and be renewed in time."""
    watches = sum(1 for _ in _resources(wanted))
    qps = wanted.qps or max(DEFAULT_QPS, watches / 2)
    burst = wanted.burst or max(DEFAULT_BURST, 2 * watches)
    return Limiter(qps, burst, wanted.inflight, clock=timing.clock, sleep=timing.sleep)


def _settings(wanted: Server) -> str:
    """What a saved state must have been saved with."""
    if not wanted.kubeconfig:
        return settings_of(wanted)
    from kdns.kube.live.kubeconfig import server_of  # with a YAML reader, which nothing else here needs

    return settings_of(wanted, server_of(*wanted.kubeconfig))


def _resources(wanted: Server) -> Iterator[Resource]:
    """Every kind in every namespace that is wanted, or in all at once."""
    selection = wanted.selection
    labels = str(selection.labels or "")
    for namespace in sorted(selection.namespaces) if selection.namespaces is not None else [""]:
        yield resource(Kind.SERVICE, namespace, labelSelector=labels)
        if wanted.endpoints:
            yield resource(Kind.SLICE, namespace, labelSelector=labels)
        if wanted.pods:
            yield resource(Kind.POD, namespace, labelSelector=labels, fieldSelector=UNFINISHED)
        if wanted.imports:
            yield resource(Kind.IMPORT, namespace)
        if namespace:
            yield resource(Kind.NAMESPACE, fieldSelector=f"metadata.name={namespace}")
    if selection.namespaces is None:
        yield resource(Kind.NAMESPACE, labelSelector=str(selection.namespace_labels or ""))


def _named(each: Resource) -> str:
    return each.query["fieldSelector"].partition("=")[2]
