"""A Corefile served without listeners, on the loop's own clock, and its questions forwarded over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kdns.app import App
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.plan import plan
from tests.asking import Asked, Clock
from tests.warp import warp


@asynccontextmanager
async def served(corefile: str, folder: Path | None = None) -> AsyncIterator[Asked]:
    """A Corefile, as if it lay in `folder`."""
    parsed = parse(corefile, str((folder or Path.cwd()) / "Corefile"), environ={}, disk=Local())
    wall = Clock()
    planned = plan(parsed, warp().time, wall)
    app = App(planned)
    await app.load()
    try:
        yield Asked(planned, wall)
    finally:
        await app.unload()


def counted(asked: Asked, name: str, **labels: str) -> float:
    """The value of a metric, 0 where there is none."""
    return asked.plan.build.metrics.registry.get_sample_value(name, labels) or 0.0
