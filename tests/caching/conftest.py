"""These tests run on a loop whose clock jumps; nothing may escape into it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.warp import WarpLoop


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """What pytest-asyncio makes loops with."""
    return {"warp": WarpLoop}


@pytest.fixture(autouse=True)
def nothing_escapes_into_the_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An exception in a callback, or in a task that nobody waits for, ends in asyncio's log."""
    yield
    escaped = [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"]
    assert escaped == []
