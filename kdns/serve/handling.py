"""A handler asked, such that whatever it does wrong is an Exception."""

from __future__ import annotations

import asyncio

from kdns.chain import Handler, Query, Response


class CancelledInside(Exception):
    """A plugin let out that something it waited for was cancelled; the question itself was not."""


async def handled(handler: Handler, query: Query) -> Response:
    """What the handler returns. A cancellation that is not ours is its failure: who asked gets an answer."""
    try:
        return await handler(query)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise CancelledInside("what a plugin waited for was cancelled") from error
