"""Keeps what we hold of one resource equal to what an API server has, through all that may happen between.

The rules are client-go's (tools/cache/reflector.go): list once, then watch from the list's version for
ever; a watch that ends is taken up where it ended; only a version that is not kept any more, or a
stream that says it is broken, leads to another list; and a list replaces by difference, so nothing that
still exists is ever missing.

Five rules are our own. A watch that is silent for 25 seconds is opened anew, since a connection that died
without a word looks the same; from then on, until something happens, it is asked for in turns that end before
that, each with a bookmark. After a failure the server is asked where it is: one that is behind us was restored
from a backup, and a watch from a version that it has not reached would wait for ever. While the server does not
answer at all, one small question every second or two finds out when it does, whatever the back-off. Now and
then everything is compared with a list, for gaps that nothing shows (`audit`). And an object that cannot be read
is passed over: the stream goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from enum import StrEnum
from typing import Protocol

from kdns.kube.calm import calm
from kdns.kube.live.access import AccessFault
from kdns.kube.live.backoff import Backoff
from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.live.holding import STEP, Holding
from kdns.kube.live.listwatch import SILENT, Event, Listing
from kdns.kube.live.timing import Timing
from kdns.kube.live.version import newer
from kdns.kube.objects import Ref

_SHORTEST_TIMEOUT = 300.0
"""Seconds; a watch is asked for from this long to twice as long, by chance, so that they do not all end at once."""
_TURN = SILENT - 2.0
"""Seconds that a watch is asked for where nothing happens: it ends with a bookmark, which the server sends just
before it ends one by itself. So a quiet resource stays at a version that is kept, and nothing looks dead."""
_SHORT = 1.0
"""A watch that ends sooner than this many seconds, with no event, is an error."""
_CATCH_UP = 90
"""Seconds that a watch has to reach a list that it is compared with; a bookmark comes every minute."""
_CHANGES = frozenset({"ADDED", "MODIFIED", "DELETED"})


class Cause(StrEnum):
    """Why a list was taken."""

    FIRST = "first"
    EXPIRED = "expired"
    BROKEN = "broken"
    BACKWARDS = "backwards"
    AUDIT = "audit"


class Source(Protocol):
    """Lists and watches of one resource (`listwatch.ListWatch`)."""

    async def head(self) -> str:
        """The version that the server is at."""

    async def listing(self, version: str) -> Listing:
        """All objects."""

    def watch(self, version: str, seconds: float, *, initial: bool = False) -> AsyncGenerator[Event]:
        """Events after a version."""

    async def recovered(self) -> None:
        """Return when the server answers anything at all."""


class Told(Protocol):
    """Hears how it goes, for the log and metrics."""

    def contact(self) -> None:
        """The server has said something just now."""

    def listed(self, cause: Cause, differed: int) -> None:
        """A list was taken in; so many objects differed from what was held."""

    def undecodable(self, error: str) -> None:
        """An object was passed over."""

    def event(self, type: str) -> None:
        """An event was taken in."""

    def failed(self, error: Exception) -> None:
        """Something failed; it will be tried again."""


class Reflector:
    """Follows one resource. `version` is that of the last word that was taken in, empty before the first."""

    def __init__(self, source: Source, holding: Holding, told: Told, timing: Timing) -> None:
        self.version = ""
        self.synced = asyncio.Event()
        self._source = source
        self._holding = holding
        self._told = told
        self._timing = timing
        self._backoff = Backoff(timing.random, timing.clock)
        self._cause: Cause | None = Cause.FIRST
        self._awaited = True
        self._doubt = False
        self._behind = False
        self._streams = True
        self._quiet = False
        self._touched: set[Ref] | None = None

    async def run(self) -> None:
        """Follow until cancelled. Whatever fails is told, waited for and tried again."""
        while True:
            before = self.version
            try:
                if self._cause is not None:
                    await self._begin(self._cause)
                else:
                    await self._go_on()
            except Silent:
                self._doubt = self._quiet = True
            except (Unreachable, AccessFault) as fault:
                self._doubt = True
                if self.version != before:  # it got on: what cuts it short is no reason to wait ever longer
                    self._backoff.reset()
                await self._wait_for_answer(fault)
            except ApiFault as fault:
                await self._wait(fault)
            except Exception as defect:  # ours; but nobody would notice that a resource is not followed any more
                self._cause = self._cause or Cause.BROKEN
                delay = self._backoff.next()
                self._told.failed(defect)
                await self._timing.sleep(delay)

    async def _wait(self, fault: ApiFault) -> None:
        """Wait as the server asks, or as long as it takes. That a version expires is nothing to tell.

        It is something to wait for all the same: all replicas may have to list, and it may be so time after time.
        """
        if fault.refused:
            self._awaited = False  # others may go on without
        if fault.expired and self._cause is None:
            self._cause = Cause.EXPIRED
            await self._timing.sleep(self._backoff.next())
            return
        if self._cause is None and fault.in_stream and fault.status != 429:
            self._cause = Cause.BROKEN
        delay = self._backoff.next(fault.retry_after or 0.0)
        self._told.failed(fault)
        await self._timing.sleep(delay)

    async def _wait_for_answer(self, fault: Unreachable | AccessFault) -> None:
        """Wait for the next try, or until a server that was away answers again if that is sooner."""
        delay = self._backoff.next()
        self._told.failed(fault)
        if isinstance(fault, Unreachable) and not fault.away:
            await self._timing.sleep(delay)
            return
        _, answered = waits = [
            asyncio.ensure_future(each) for each in (self._timing.sleep(delay), self._source.recovered())
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                self._backoff.reset()  # it may refuse for a moment while it starts: that is another matter
        finally:
            for wait in waits:
                wait.cancel()
                with suppress(asyncio.CancelledError):
                    await wait

    async def _begin(self, cause: Cause) -> None:
        """Take in everything: as a stream if the server has that, else as a list."""
        if self._streams and cause is not Cause.BACKWARDS:
            try:
                await self._stream(cause)
            except (ApiFault, Unreachable) as fault:
                if self._cause is None or _is_final(fault):  # it was past its list: what failed is the watch
                    raise
                self._doubt_streams(fault)
            else:
                return
        with calm():
            await self._take(await self._list(cause), cause)

    def _doubt_streams(self, fault: ApiFault | Unreachable) -> None:
        """Any failure leads to a list; one that says that streams are not known leads there for good."""
        refused = isinstance(fault, ApiFault) and fault.status in {400, 422}
        if refused or isinstance(fault, Silent):
            self._streams = False

    async def _stream(self, cause: Cause) -> None:
        """A streamed list (KEP-3157), and the watch that goes on behind it.

        The first one, before which nobody is answered, is taken in as it comes: what waits for the rest takes memory
        that stays taken. One that breaks has then given a part, which the next list is compared with.
        """
        listing = Listing([], "", [])
        fresh = cause is Cause.FIRST and self._awaited and not self._holding
        with ExitStack() as listing_only:
            listing_only.enter_context(calm())
            async with aclosing(self._watch(self.version, initial=True)) as events:
                async for event in events:
                    if self._cause is None:
                        self._apply(event)
                    elif event.initial_end:
                        await self._take(listing._replace(version=event.version), cause, is_rest=fresh)
                        listing.items.clear()
                        listing_only.close()
                    else:
                        self._gather(listing, event)
                        if fresh and len(listing.items) == STEP:
                            self._holding.add(listing.items)
                            listing.items.clear()
        if self._cause is not None:
            raise Unreachable("the stream ended before its list did")

    async def _list(self, cause: Cause) -> Listing:
        """The list that this cause wants: first what the server has at hand, later nothing older than we know."""
        version = "" if cause is Cause.BACKWARDS else self.version or "0"
        try:
            return await self._source.listing(version)
        except ApiFault as fault:
            if not version or not (fault.expired or fault.too_large):
                raise
            return await self._source.listing("")

    async def _take(self, listing: Listing, cause: Cause, *, is_rest: bool = False) -> None:
        """Take in a list, or the rest of one that was taken in as it came."""
        for error in listing.errors:
            self._told.undecodable(error)
        self._touched = None
        differed = 0
        if is_rest:
            self._holding.add(listing.items)
            differed = len(self._holding)
        else:
            for step in self._holding.replace(listing.items, anew=cause is Cause.BACKWARDS):
                differed += step
                await asyncio.sleep(0)
        self.version = listing.version
        self._cause = None
        self._doubt = self._behind = False
        self._told.contact()
        self._told.listed(cause, differed)
        self.synced.set()

    async def _go_on(self) -> None:
        """Watch from where we are; after a failure only if the server is there too."""
        if self._doubt:
            if newer(self.version, await self._source.head()):
                self._cause = Cause.BACKWARDS
                return
            self._doubt = False
            self._told.contact()
        began, seen, quiet = self._timing.clock(), False, True
        async with aclosing(self._watch(self.version)) as events:
            async for event in events:
                seen = True
                quiet = quiet and event.type == "BOOKMARK"
                self._apply(event)
                if self._behind:
                    break
        self._doubt = self._behind
        self._quiet = self._quiet and quiet
        self._told.contact()
        if not seen and self._timing.clock() - began < _SHORT:
            raise Unreachable("the watch ended at once, with no event")

    def _watch(self, version: str, *, initial: bool = False) -> AsyncGenerator[Event]:
        is_turn = self._quiet and not initial
        seconds = _TURN if is_turn else _SHORTEST_TIMEOUT * (1.0 + self._timing.random.random())
        return self._source.watch(version, seconds, initial=initial)

    def _apply(self, event: Event) -> None:
        """Take in an event; only then is its version ours."""
        self._told.contact()
        self._told.event(event.type)
        if event.error:
            self._told.undecodable(event.error)
        if event.item is not None and event.type in _CHANGES:
            self._holding.apply(event.type, event.item)
            if self._touched is not None:
                self._touched.add(event.item.ref)
        if newer(self.version, event.version):
            # An event that is late changes no more than its object. A bookmark is not late: the server is behind us.
            self._behind |= event.type == "BOOKMARK"
        elif event.version:
            self.version = event.version

    async def audit(self) -> int:
        """Compare with a list, repair what is wrong: how many objects that was. Raises as a list does.

        The watch goes on meanwhile and is given time to reach the list's version; what it speaks of while
        this runs is its own affair. Before the first list there is nothing to compare; a list that is taken in
        meanwhile is a later word than the one that was asked for.
        """
        if self._cause is not None:
            return 0
        touched = self._touched = set()
        try:
            listing = await self._listed_aside()
            for _ in range(_CATCH_UP):
                if not newer(listing.version, self.version):
                    break
                await self._timing.sleep(1.0)
            if self._touched is not touched or self._cause is not None:
                return 0
            repaired = self._holding.repair(listing.items, listing.version, touched)
        finally:
            self._touched = None
        self._told.listed(Cause.AUDIT, repaired)
        return repaired

    async def _listed_aside(self) -> Listing:
        """Everything, out of the server's cache, object by object where it can do that.

        Nothing older than what we know: that would bring back what has ended since.
        """
        if not self._streams:
            return await self._source.listing(self.version)
        listing = Listing([], "", [])
        async with aclosing(self._watch(self.version, initial=True)) as events:
            async for event in events:
                if event.initial_end:
                    return listing._replace(version=event.version)
                self._gather(listing, event)
        raise Unreachable("the stream ended before its list did")

    def _gather(self, listing: Listing, event: Event) -> None:
        """Note an object of a streamed list, without what is known of it: so a list takes little memory."""
        if event.error:
            listing.errors.append(event.error)
        if event.item is not None:
            known = self._holding.has(event.item)
            listing.items.append(event.item._replace(object=None) if known else event.item)


def _is_final(fault: ApiFault | Unreachable) -> bool:
    """Whether a list would be answered in the same way."""
    if isinstance(fault, ApiFault):
        return fault.refused or fault.status in {401, 429}
    return fault.away and not isinstance(fault, Silent)
