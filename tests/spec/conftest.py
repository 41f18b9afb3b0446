"""Each setting is loaded once and serves all the tables of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest_asyncio

from tests.asking import Asked, serving
from tests.spec.table import HERE, Serve, Setting


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def serve() -> AsyncIterator[Serve]:
    """`await serve(setting)`: the setting, being served."""
    async with AsyncExitStack() as stack:
        running: dict[Setting, Asked] = {}

        async def give(wanted: Setting) -> Asked:
            if wanted not in running:
                running[wanted] = await stack.enter_async_context(serving(wanted.corefile, HERE))
            return running[wanted]

        yield give
