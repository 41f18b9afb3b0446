"""How often and how many at once the API server may be asked (`apiserver_qps`, `_burst`, `_max_inflight`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

DEFAULT_QPS = 5.0
DEFAULT_BURST = 10
"""client-go's, where the Corefile names none (rest/config.go)."""


class Limiter:
    """A token bucket, and a bound on requests that are on their way. Zero in flight means no bound.

    `clock` in seconds.
    """

    def __init__(
        self,
        qps: float,
        burst: int,
        inflight: int,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._qps = qps or DEFAULT_QPS
        self._burst = burst or DEFAULT_BURST
        self._tokens = float(self._burst)
        self._clock, self._sleep = clock, sleep
        self._at = clock()
        self._room = asyncio.Semaphore(inflight) if inflight else None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Hold a place while a request is on its way: the seconds that it was held back."""
        began = self._clock()
        await self.token()
        if self._room is None:
            yield self._clock() - began
            return
        async with self._room:
            yield self._clock() - began

    async def token(self) -> float:
        """Wait for leave to ask once more, in a place that is held: the seconds that it took."""
        delay = self._take()
        if delay > 0:
            await self._sleep(delay)
        return delay

    def _take(self) -> float:
        """Take a token, perhaps one that is still to come: the seconds until then."""
        now = self._clock()
        self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._qps)
        self._at = now
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._qps)
