"""Whether a server is well: asked only after it has failed, over and over until it answers.

CoreDNS's rule (plugin/pkg/proxy/health.go): more than `max_fails` probes without an answer in a row and a
server is down. Ours on top: from the first failure until the next answer it is asked last, so that a
server which has died costs each question at most one timeout.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kdns.upstream.faults import UpstreamError

EVERY = 0.5
MAX_FAILS = 2


class Health:
    """Of one server. `probe` raises UpstreamError where there is no answer; `every` in seconds, between probes.

    `max_fails` of 0: it is always well. `missed` is called for each probe without an answer.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[object]],
        *,
        max_fails: int = MAX_FAILS,
        every: float = EVERY,
        missed: Callable[[], None],
    ) -> None:
        self._probe = probe
        self._max_fails = max_fails
        self._every = every
        self._missed = missed
        self._task: asyncio.Task[None] | None = None
        self.fails = 0
        self.suspect = False

    @property
    def down(self) -> bool:
        """Whether too many probes have failed."""
        return self.fails > self._max_fails > 0

    def answered(self) -> None:
        """It has answered."""
        self.fails = 0
        self.suspect = False

    def failed(self) -> None:
        """A question to it has failed: find out."""
        if not self._max_fails:
            return
        self.suspect = True
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="health of an upstream")

    async def stop(self) -> None:
        """Find out no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _watch(self) -> None:
        try:
            while self.suspect:
                await self._once()
                if self.suspect:
                    await asyncio.sleep(self._every)
        finally:
            self._task = None

    async def _once(self) -> None:
        try:
            await self._probe()
        except UpstreamError:
            if self.suspect:
                self.fails += 1
                self._missed()
        else:
            self.answered()
