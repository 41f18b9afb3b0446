"""A live cluster as a source: which resources are followed, when all are known, how old the last word is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress

from kdns.kube.document import Origin
from kdns.kube.live.access import Access
from kdns.kube.live.api import Api
from kdns.kube.live.faults import ApiFault
from kdns.kube.live.follower import Follower
from kdns.kube.live.latency import Latency
from kdns.kube.live.limiter import Limiter
from kdns.kube.live.resources import UNFINISHED, Resource, resource
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Kind, Namespace, Ref
from kdns.kube.store import Store
from kdns.kube.wanted import Server
from kdns.log import logger
from kdns.metrics import Metrics

_log = logger("kubernetes")


_LOOK = 1.0


class Live:
    """Feeds a store from an API server; a part of the server."""

    def __init__(self, wanted: Server, access: Access, store: Store, metrics: Metrics, timing: Timing) -> None:
        self._wanted = wanted
        self._access = access
        self._store = store
        self._metrics = metrics
        self._timing = timing
        self._latency = Latency(store.index, metrics, timing.wall)
        self._api = Api(access, _limiter(wanted, metrics, timing), metrics, timing)
        self._followed: dict[Follower, asyncio.Task[None]] = {}
        self._stale = ""
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Follow everything; return once all is known, or after `startup_timeout`."""
        for each in _resources(self._wanted):
            self._follow(each)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._wanted.startup_timeout):
                while unknown := self._unknown():
                    await unknown[0].known.wait()
        if self._wanted.stale_after:
            self._watching = asyncio.create_task(self._watch_age())
        if missing := self.missing():
            _log.warning("serving before the cluster is known; waiting for %s", missing)

    async def stop(self) -> None:
        """Follow no more."""
        tasks = [*self._followed.values(), *([self._watching] if self._watching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._api.close()

    def missing(self) -> str:
        """The kinds that are not known yet: all of them, until start."""
        unknown = [each.resource for each in self._unknown()] if self._followed else _resources(self._wanted)
        kinds = dict.fromkeys(each.plural for each in unknown)
        return f"{', '.join(kinds)} from {self.describe()}" if kinds else ""

    def describe(self) -> str:
        """Where objects come from, in a few words."""
        return self._access.describe()

    def faults(self) -> Iterable[str]:
        """Nothing that `kdns check` could know."""
        return ()

    def origin(self, ref: Ref) -> Origin | None:  # noqa: ARG002
        """The API server, of every object."""
        return Origin("", 0, 0, self.describe())

    def stale(self) -> str:
        """That the API server has been silent for longer than it may, if it has."""
        return self._stale

    def age(self) -> float | None:
        """Seconds since the last word about the resource that has been silent longest; None before all were known."""
        times = [follower.contacted for follower in self._followed]
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

    def _unknown(self) -> list[Follower]:
        return [follower for follower in self._followed if not follower.known.is_set()]

    def _follow(self, each: Resource) -> None:
        follower = Follower(
            self._api,
            each,
            self._store,
            self._metrics,
            self._timing,
            applied=self._latency.applied,
            refused=self._refused,
        )
        self._metrics.add_contact(str(each.kind), lambda: follower.contacted, self._timing.clock)
        self._followed[follower] = asyncio.create_task(follower.run(self._wanted.resync), name=str(each))

    def _refused(self, follower: Follower, fault: ApiFault) -> None:
        """Where there is another way than asking again, take it."""
        each = follower.resource
        if each.kind is Kind.SLICE:
            _log.warning("%s: %s; following endpoints instead", each, fault)
            self._leave(follower)
            self._follow(resource(Kind.ENDPOINTS, each.namespace, **each.query))
        elif each.kind is Kind.NAMESPACE and self._wanted.selection.namespaces is not None:
            _log.info("%s: %s; the namespaces that are named are taken to exist", each, fault)
            self._leave(follower)
            self._store.update([Namespace(_named(each))], ())

    def _leave(self, follower: Follower) -> None:
        self._followed.pop(follower).cancel()
        follower.known.set()


def _limiter(wanted: Server, metrics: Metrics, timing: Timing) -> Limiter:
    waited = metrics.rest_waited.labels("GET", "").observe
    return Limiter(wanted.qps, wanted.burst, wanted.inflight, clock=timing.clock, sleep=timing.sleep, waited=waited)


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
