"""Asking anew for what is kept, in the background: one question at a time for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from kdns.caching.held import Key
from kdns.chain import Query, Response, failure
from kdns.errors import KdnsError
from kdns.log import Sparing, place_of
from kdns.proto.name import to_text
from kdns.proto.text import type_text

Ask = Callable[[Query], Awaitable[Response]]
Take = Callable[[Response], Response | None]
"""Is given what came; what to answer with, None where it is of no use."""


class Refreshing:
    """What is being asked anew. A Part of the build: what is under way at the end is given up. `clock` in seconds."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._sparing = Sparing(clock)
        self._tasks: dict[Key, asyncio.Task[Response | None]] = {}
        self._stopped = False

    def __contains__(self, key: Key) -> bool:
        return key in self._tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def begin(self, key: Key, ask: Ask, query: Query, take: Take) -> asyncio.Task[Response | None] | None:
        """What asks for this key; begun now unless it is under way. None once stopped."""
        if key not in self._tasks and not self._stopped:
            task = asyncio.get_running_loop().create_task(self._run(ask, query, take))
            self._tasks[key] = task
            task.add_done_callback(lambda _: self._tasks.pop(key))
        return self._tasks.get(key)

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """End what is under way, and begin nothing more."""
        self._stopped = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, ask: Ask, query: Query, take: Take) -> Response | None:
        try:
            response = await ask(query)
        except Exception as error:  # nobody else sees it
            response = failure(error)
        if response.error is not None:
            self._note(query, response.error)
        return take(response)

    def _note(self, query: Query, error: Exception) -> None:
        """Once a minute: the answers that clients get do not show it."""
        if self._sparing.first(place_of(error)):
            known = isinstance(error, KdnsError)
            name, type = to_text(query.question.folded), type_text(query.question.type)
            text = str(error) if known else "a plugin failed"
            self._log.warning("%s %s cannot be asked anew: %s", name, type, text, exc_info=None if known else error)


async def outcome(task: asyncio.Task[Response | None] | None, timeout: float) -> Response | None:  # noqa: ASYNC109
    """What comes of it within so many seconds (0: however long it takes); it goes on in any case."""
    if task is None:
        return None
    await asyncio.wait([task], timeout=timeout or None)
    return task.result() if task.done() and not task.cancelled() else None
