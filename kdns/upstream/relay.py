"""Asking on behalf of many clients: once for all who ask the same, and not again what has just failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial

from kdns.metrics import Metrics
from kdns.upstream.asking import Asking
from kdns.upstream.failures import Failures
from kdns.upstream.faults import UpstreamError
from kdns.upstream.flight import Flight, Flights
from kdns.upstream.forwarder import Errand, Forwarder, Told
from kdns.upstream.scrub import scrubbed

CLIENTS = 12_288
"""Who may wait at once, whatever for: fewer than a listener has room for, so that the cluster's names have some."""


class Crowded(UpstreamError):
    """Too many questions are under way; in CoreDNS's words, which logs are searched for."""

    def __init__(self, most: int) -> None:
        super().__init__(f"concurrent queries exceeded maximum {most}")


class _Asked(Flight[Told | UpstreamError]):
    """A question that no task waits for, as long as its errand is not over."""

    __slots__ = ("errand",)

    def __init__(self, key: Hashable) -> None:
        super().__init__(key)
        self.errand: Errand | None = None

    def give_up(self) -> None:
        """See Flight."""
        errand, self.errand = self.errand, None
        if errand is not None:
            errand.attempt.give_up()


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
            return _stopped()
        finally:
            self._waiting -= 1

    def begin(self, asking: Asking, land: Callable[[Told | Exception], None]) -> bool:
        """The same without a task, for most questions; `land` is given what comes of it, never before this returns.

        False where it takes more, and nothing was done.
        """
        key, flights = asking.key, self._flights
        if self._waiting >= CLIENTS or self._failures.get(key) is not None:
            return False
        flight = flights.get(key)
        if flight is not None:
            self._metrics.forward_shared.inc()
        elif len(flights) < self._most:
            flight = _Asked(key)
            flight.errand = self._forwarder.begin(asking, partial(self._came, flight))
            if flight.errand is None:
                return False
            flights.add(flight)
        else:
            return False
        self._waiting += 1
        flight.waiters.append(partial(self._landed, land))
        return True

    async def stop(self) -> None:
        """End what is under way; who waits for it is told so."""
        await self._flights.stop()

    def _came(self, flight: _Asked) -> None:
        """The first server has answered, or not."""
        errand, flight.errand = flight.errand, None
        if errand is None:
            return
        try:
            told = self._forwarder.took(errand)
            told = told and self._told(errand.attempt.asking, told)
        except Exception as error:
            self._flights.land(flight, None, error)
            return
        if told is None:
            self._flights.go_on(flight, partial(self._go_on, errand))
        else:
            self._flights.land(flight, told)

    def _landed(
        self, land: Callable[[Told | Exception], None], told: Told | UpstreamError | None, error: BaseException | None
    ) -> None:
        self._waiting -= 1
        if told is not None:
            land(told)
        else:
            land(error if isinstance(error, Exception) else _stopped())

    async def _ask(self, asking: Asking, *, tcp: bool) -> Told | UpstreamError:
        return await self._outcome(asking, self._forwarder.ask(asking, tcp=tcp))

    async def _go_on(self, errand: Errand) -> Told | UpstreamError:
        return await self._outcome(errand.attempt.asking, self._forwarder.go_on(errand))

    async def _outcome(self, asking: Asking, telling: Awaitable[Told]) -> Told | UpstreamError:
        try:
            told = await telling
        except UpstreamError as error:
            self._failures.add(asking.key, error)
            return error.with_traceback(None)  # which would keep all that was at hand
        return self._told(asking, told)

    def _told(self, asking: Asking, told: Told) -> Told:
        self._failures.forget(asking.key)
        reply = scrubbed(told.reply, asking.question, do=asking.do)
        return told if reply is told.reply else Told(reply, told.to)


def _stopped() -> UpstreamError:
    return UpstreamError("forwarding was stopped before the reply came")
