from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_escapes_into_the_loop(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An exception in a callback ends in asyncio's log, where no test would notice it."""
    yield
    escaped = [record.getMessage() for record in caplog.get_records("call") if record.name == "asyncio"]
    assert escaped == []
