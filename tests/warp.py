"""An event loop whose clock jumps ahead when nothing else can happen: minutes of waiting pass in milliseconds.

Sockets work as ever, client and server in one process on one loop. Time stands still while there is anything to
do, while a thread of the default executor works and while a subprocess runs; only when all are waiting for
the clock does it jump to the next moment that somebody waits for.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, cast

WALL = 1_700_000_000.0
"""Unix time when a loop begins."""
_BEGIN = 1000.0
_GRACE = 0.001
_LOOK = 0.02
_PATIENCE = 20.0
"""Real seconds after which a loop that nothing will ever wake is an error."""


class _Selector(selectors.DefaultSelector):
    """Waits for sockets; where it would wait for time, it lets time jump."""

    def __init__(self, jump: Callable[[float], None], held: Callable[[], bool], grace: float) -> None:
        super().__init__()
        self._jump = jump
        self._grace = grace
        self._held = held

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now, or nothing and it is later."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if self._held():
            return super().select(_LOOK)
        ready = super().select(self._grace if timeout is not None else _PATIENCE)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("everybody waits, and nobody for a time")
        self._jump(timeout)
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """`between` are called after every pass of the loop, before anybody else: to look without a pause.

    `shift` seconds are added to Unix time, for clocks that are put right. `grace` is how many seconds, real ones, bytes
    on the way have to arrive in before the clock jumps.
    """

    def __init__(self, grace: float = _GRACE) -> None:
        self._now = _BEGIN
        self._holds = 0
        self.shift = 0.0
        self.between: list[Callable[[], None]] = []
        super().__init__(_Selector(self._jump, lambda: self._holds > 0, grace))

    def time(self) -> float:
        """Seconds that have passed, most of them without anybody waiting."""
        return self._now

    def wall(self) -> float:
        """Unix time in seconds."""
        return WALL + self._now - _BEGIN + self.shift

    def skip(self, seconds: float) -> None:
        """Let time pass in which this process does not run at all."""
        self._now += seconds

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """As ever; time stands still until it is done."""
        return self._hold(super().run_in_executor(executor, func, *args))

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """As ever, for as long as it takes: threads do not end sooner for a clock that jumps."""
        await super().shutdown_default_executor()

    async def subprocess_exec(self, *args: Any, **kwargs: Any) -> Any:
        """As ever; time stands still until the process has ended."""
        transport, protocol = await super().subprocess_exec(*args, **kwargs)
        self._hold(self.create_task(transport._wait()))  # type: ignore[attr-defined]  # noqa: SLF001
        return transport, protocol

    async def subprocess_shell(self, *args: Any, **kwargs: Any) -> Any:
        """As ever; time stands still until the process has ended."""
        transport, protocol = await super().subprocess_shell(*args, **kwargs)
        self._hold(self.create_task(transport._wait()))  # type: ignore[attr-defined]  # noqa: SLF001
        return transport, protocol

    def _hold(self, work: asyncio.Future[Any]) -> asyncio.Future[Any]:
        self._holds += 1
        work.add_done_callback(self._release)
        return work

    def _release(self, _: object) -> None:
        self._holds -= 1

    def _jump(self, seconds: float) -> None:
        self._now += seconds

    def _run_once(self) -> None:
        super()._run_once()  # type: ignore[misc]
        for look in self.between:
            look()


def warp() -> WarpLoop:
    """The loop that a test runs on."""
    return cast(WarpLoop, asyncio.get_running_loop())
