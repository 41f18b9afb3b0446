"""Lists and watches of one resource: requests in the API's words, answers as items."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import NamedTuple

from kdns.kube.live.api import Api, fault_of
from kdns.kube.live.faults import Unreachable
from kdns.kube.live.lines import Lines
from kdns.kube.live.resources import Item, Resource, Undecodable
from kdns.kube.schema.answers import (
    ListMetadata,
    ListPage,
    Status,
    WatchEvent,
    read_bare,
    read_event,
    read_page,
    read_status,
)
from kdns.kube.schema.shape import Raw

PAGE = 500
"""Objects a page (client-go: tools/pager)."""
SILENT = 25.0
"""Seconds after which a silent watch is opened anew: a connection that died without a word looks the same."""
_INITIAL_END = "k8s.io/initial-events-end"
_SOON = 10.0
_LATE = 65.0
"""Seconds until a list must begin: a server gives up its own requests after 60 (kube-apiserver: --request-timeout)."""
_BREATH = 50
"""Objects that are decoded before others get their turn: some 2 ms."""


class Event(NamedTuple):
    """A line of a watch: ADDED, MODIFIED, DELETED with an item; BOOKMARK with a version alone.

    `initial_end` marks the bookmark that ends the initial events of a streamed list. An object that
    cannot be decoded comes with its `error`, and an item if its name could be read.
    """

    type: str
    version: str
    item: Item | None = None
    initial_end: bool = False
    error: str = ""


class Listing(NamedTuple):
    """A list, whole. `errors` tell of objects that could not be decoded."""

    items: list[Item]
    version: str
    errors: list[str]


class ListWatch:
    """One resource of an API server."""

    def __init__(self, api: Api, resource: Resource) -> None:
        self._api = api
        self.resource = resource

    async def head(self) -> str:
        """The version that the server is at: one small list, not from a cache that may lag, of whichever objects:
        with a selector that little matches it would look through all there are.
        """
        page = await self._page({"limit": "1", "labelSelector": ""}, begin=_SOON)
        return _metadata(page).resource_version

    async def recovered(self) -> None:
        """Return when the server answers anything at all."""
        await self._api.recovered()

    async def listing(self, version: str) -> Listing:
        """All objects, at `version` or later; `0` takes what the server's cache has, empty the latest there is.

        Only the latest comes in pages: a cache gives all at once. An expired token for the next page is an
        expired version (ApiFault 410). Raises as `Api.page` does.
        """
        query = {"resourceVersion": version} if version else {}
        query |= {"limit": str(PAGE)} if version in {"", "0"} else {}
        items: list[Item] = []
        errors: list[str] = []
        while True:
            page = await self._page(query)
            await self._decode(page, items, errors)
            if not _metadata(page).continue_:
                return Listing(items, _metadata(page).resource_version, errors)
            query = {"limit": str(PAGE), "continue": _metadata(page).continue_ or ""}

    async def watch(self, version: str, seconds: float, *, initial: bool = False) -> AsyncGenerator[Event]:
        """Events after `version`, until the server ends the watch, some `seconds` later at the latest.

        With `initial`, first all objects as ADDED, then a bookmark (KEP-3157). Raises ApiFault for an error
        among the events too, Unreachable also for silence.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(int(seconds))}
        if initial:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        if version or not initial:
            query["resourceVersion"] = version
        lines, seen = Lines(), 0
        asked = {**self.resource.query, **query}
        async with self._api.stream(self.resource.path, asked, begin=_SOON, within=SILENT) as chunks:
            async for chunk in chunks:
                for line in _cut(lines, chunk):
                    yield self._event(line)
                    seen += 1
                    if not seen % _BREATH:
                        await asyncio.sleep(0)
        if rest := lines.rest().strip():
            _raise_status(rest)  # an error that is no stream; an event that was cut short is asked for again

    async def _page(self, query: dict[str, str], begin: float = _LATE) -> ListPage:
        data = await self._api.page(self.resource.path, {**self.resource.query, **query}, begin=begin)
        try:
            return read_page(data)
        except ValueError as error:
            raise Unreachable(f"the list of {self.resource} cannot be read: {error}") from None

    async def _decode(self, page: ListPage, items: list[Item], errors: list[str]) -> None:
        for place, raw in enumerate(page.items or (), 1):
            try:
                items.append(self.resource.item(raw))
            except Undecodable as error:
                errors.append(_named(error))
                if error.item is not None:
                    items.append(error.item)
            if not place % _BREATH:
                await asyncio.sleep(0)

    def _event(self, line: bytes) -> Event:
        try:
            event = read_event(line)
        except ValueError as error:
            raise Unreachable(f"an event of {self.resource} cannot be read: {error}") from None
        if event.type == "ERROR":
            raise fault_of(_status(event.object), in_stream=True)
        if not event.type:
            _raise_status(line)
        if event.type == "BOOKMARK":
            return _bookmark(event)
        try:
            item = self.resource.item(event.object)
        except Undecodable as error:
            version = error.item.version if error.item else ""
            return Event(event.type, version, error.item, error=_named(error))
        return Event(event.type, item.version, item)


def _metadata(page: ListPage) -> ListMetadata:
    return page.metadata or ListMetadata()


def _cut(lines: Lines, chunk: bytes) -> list[bytes]:
    try:
        return lines.feed(chunk)
    except ValueError as error:
        raise Unreachable(str(error)) from None


def _bookmark(event: WatchEvent) -> Event:
    try:
        metadata = read_bare(event.object).metadata
    except ValueError:
        return Event("BOOKMARK", "")
    if metadata is None:
        return Event("BOOKMARK", "")
    ends = (metadata.annotations or {}).get(_INITIAL_END) == "true"
    return Event("BOOKMARK", metadata.resource_version, initial_end=ends)


def _status(data: bytes | Raw) -> Status:
    try:
        return read_status(data)
    except ValueError:
        return Status()


def _raise_status(rest: bytes) -> None:
    """An answer that is a Status, or an ERROR event without its line's end, is raised; anything else is nothing."""
    status = _status(rest)
    if status.kind == "Status":
        raise fault_of(status, in_stream=True)
    try:
        event = read_event(rest)
    except ValueError:
        return
    if event.type == "ERROR":
        raise fault_of(_status(event.object), in_stream=True)


def _named(error: Undecodable) -> str:
    return f"{error.item.ref}: {error}" if error.item else str(error)
