"""All of these tests run on a loop whose clock jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from tests.warp import WarpLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What pytest-asyncio makes loops with."""
    return {"warp": WarpLoop}
