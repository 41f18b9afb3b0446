"""Asking on behalf of many clients: once for all who ask the same, and not again what has just failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from kdns.metrics import Metrics
from kdns.upstream.asking import Asking
from kdns.upstream.failures import Failures
from kdns.upstream.faults import UpstreamError
from kdns.upstream.flight import Flights
from kdns.upstream.forwarder import Forwarder, Told
from kdns.upstream.scrub import scrubbed

CLIENTS = 12_288
"""Who may wait at once, whatever for: fewer than a listener has room for, so that the cluster's names have some."""


class Crowded(UpstreamError):
    """Too many questions are under way; in CoreDNS's words, which logs are searched for."""

    def __init__(self, most: int) -> None:
        super().__init__(f"concurrent queries exceeded maximum {most}")


class Relay:
    """At most `most` questions are under way at once, for `CLIENTS` clients. `clock` is loop time in seconds."""

    def __init__(self, forwarder: Forwarder, metrics: Metrics, clock: Callable[[], float], most: int) -> None:
        self._forwarder = forwarder
        self._metrics = metrics
        self._most = most
        self._waiting = 0
        self._flights: Flights[Told | UpstreamError] = Flights()
        self._failures = Failures(clock)

    async def ask(self, asking: Asking, *, tcp: bool = False) -> Told | UpstreamError:
        """A reply with only what is about the question; or why there is none.

        The error is returned, not raised: many may get the same.
        """
        key = asking.key
        known = self._failures.get(key)
        if known is not None:
            return known
        is_shared = key in self._flights
        if self._waiting >= CLIENTS or (len(self._flights) >= self._most and not is_shared):
            self._metrics.forward_rejects.inc()
            return Crowded(CLIENTS if is_shared else self._most)
        if is_shared:
            self._metrics.forward_shared.inc()
        self._waiting += 1
        try:
            return await self._flights.join(key, partial(self._ask, asking, tcp=tcp))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return UpstreamError("forwarding was stopped before the reply came")
        finally:
            self._waiting -= 1

    async def stop(self) -> None:
        """End what is under way; who waits for it is told so."""
        await self._flights.stop()

    async def _ask(self, asking: Asking, *, tcp: bool) -> Told | UpstreamError:
        try:
            told = await self._forwarder.ask(asking, tcp=tcp)
        except UpstreamError as error:
            self._failures.add(asking.key, error)
            return error.with_traceback(None)  # which would keep all that was at hand
        self._failures.forget(asking.key)
        return Told(scrubbed(told.reply, asking.question, do=asking.do), told.to)
