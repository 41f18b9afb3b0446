"""One resource being followed: its reflector, and what is told of it in the log and in metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from kdns.kube.live.access import AccessFault
from kdns.kube.live.api import Api
from kdns.kube.live.faults import ApiFault, Unreachable
from kdns.kube.live.holding import Holding, Sink
from kdns.kube.live.listwatch import ListWatch
from kdns.kube.live.reflector import Cause, Reflector
from kdns.kube.live.resources import Item, Resource
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Ref
from kdns.log import logger
from kdns.metrics import Metrics

_log = logger("kubernetes")
_SPREAD = 0.2
"""Audits of several replicas and kinds must not meet: each waits up to this part longer, by chance."""


class Follower:
    """Follows a resource into `sink`. `applied` hears of objects that changed, `refused` of a no before the first
    list; it says whether it saw to that.

    `contacted` is the clock's time of the server's last word, in seconds; None before the first. `settled` is set
    once nobody has to wait for it: everything is known, or it will do without for now.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        sink: Sink,
        metrics: Metrics,
        timing: Timing,
        *,
        applied: Callable[[Item], None],
        refused: Callable[[Follower, Exception], bool],
    ) -> None:
        self.resource = resource
        self.contacted: float | None = None
        self.settled = asyncio.Event()
        self._cut_off = asyncio.Event()
        self._metrics = metrics
        self._timing = timing
        self._refused = refused
        self._told = ""
        self._events = {each: metrics.events.labels(str(resource.kind), each) for each in (*_TYPES, "other")}
        self._holding = Holding(sink, applied)
        self._reflector = Reflector(ListWatch(api, resource), self._holding, self, timing)

    @property
    def known(self) -> asyncio.Event:
        """Set once everything was taken in for the first time."""
        return self._reflector.synced

    @property
    def versions(self) -> Mapping[Ref, bytes]:
        """What is known of each object besides the object itself."""
        return self._holding.versions

    async def cut_off(self) -> None:
        """Return once the server could not be reached."""
        await self._cut_off.wait()

    def prime(self, refs: Iterable[Ref]) -> None:
        """Begin with objects that a saved state gave to the store."""
        self._holding.prime(refs)

    async def run(self, resync: float) -> None:
        """Follow until cancelled; compare with a list every `resync` seconds, 0 for never."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._reflector.run())
            if resync:
                group.create_task(self._audit(resync))

    async def _audit(self, every: float) -> None:
        while True:
            await self._timing.sleep(every * (1.0 + _SPREAD * self._timing.random.random()))
            try:
                repaired = await self._reflector.audit()
            except Exception as error:  # what it would have found, the next one finds
                _log.info("%s: could not be compared with a list: %s", self.resource, error)
                continue
            if repaired:
                self._metrics.repaired.labels(str(self.resource.kind)).inc(repaired)
                _log.warning("%s: %d objects were wrong and are repaired: events were lost", self.resource, repaired)

    def contact(self) -> None:
        """The server has said something just now."""
        self.contacted = self._timing.clock()
        if self._told:
            self._told = ""
            _log.info("%s: followed again", self.resource)

    def listed(self, cause: Cause, differed: int) -> None:
        """A list was taken in."""
        self.settled.set()
        self._metrics.relists.labels(str(self.resource.kind), str(cause)).inc()
        if cause in {Cause.BACKWARDS, Cause.BROKEN}:
            _log.warning("%s: listed anew (%s), %d objects differed", self.resource, cause, differed)

    def undecodable(self, error: str) -> None:
        """An object was passed over."""
        self._metrics.decode_errors.labels(str(self.resource.kind)).inc()
        _log.error("%s: an object is passed over: %s", self.resource, error)

    def event(self, type: str) -> None:
        """An event was taken in."""
        self._events[type if type in _TYPES else "other"].inc()

    def failed(self, error: Exception) -> None:
        """Something failed. The same is told once until it goes on."""
        if not isinstance(error, ApiFault):
            self._cut_off.set()
        refused = isinstance(error, ApiFault) and error.refused and not self.known.is_set()
        if refused and self._refused(self, error):
            return
        if str(error) != self._told and not isinstance(error, AccessFault):  # that is told once, not by each kind
            self._told = str(error)
            _log.warning("%s: %s; trying again", self.resource, error, exc_info=_defect(error))


def _defect(error: Exception) -> Exception | None:
    """What is a fault of ours, for the log to show where."""
    return None if isinstance(error, ApiFault | Unreachable) else error


_TYPES = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK"})
