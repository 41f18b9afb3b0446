"""Lists and watches: what is asked for, and what is made of the answers. Pages as client-go's tests name them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from random import Random

import pytest

from kdns.kube.live.access import Address
from kdns.kube.live.api import Api
from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.live.limiter import Limiter
from kdns.kube.live.listwatch import SILENT, Event, ListWatch
from kdns.kube.live.resources import resource
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Kind
from kdns.metrics import Metrics
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import namespace, service
from tests.kube.live.exchange import Action, Exchange, encoded, event, fails, says, status_of
from tests.warp import warp


@asynccontextmanager
async def services(**query: str) -> AsyncIterator[tuple[ApiServer, ListWatch]]:
    """A server, and its Services to be listed and watched."""
    loop = warp()
    async with api_server() as server:
        limiter = Limiter(1000.0, 1000, 0, clock=loop.time, sleep=asyncio.sleep)
        timing = Timing(loop.time, loop.wall, asyncio.sleep, Random(1))
        api = Api(Address(server.url), limiter, Metrics(), timing)
        try:
            yield server, ListWatch(api, resource(Kind.SERVICE, **query))
        finally:
            await api.close()


def fill(server: ApiServer, count: int) -> None:
    server.etcd.put(*(service(f"s{number:04}", "10.96.0.1") for number in range(count)))


def queries(server: ApiServer) -> list[dict[str, str]]:
    return [dict(request.query) for request in server.requests]


async def heard(listwatch: ListWatch, count: int, version: str = "1", *, initial: bool = False) -> list[Event]:
    """The first events of a watch."""
    found: list[Event] = []
    async with aclosing(listwatch.watch(version, 300, initial=initial)) as events:
        async for each in events:
            found.append(each)
            if len(found) == count:
                break
    return found


async def test_watch_list_page_size() -> None:
    """500 at a time, each page without a version but the first's."""
    async with services() as (server, listwatch):
        fill(server, 1234)
        found = await listwatch.listing("")
        assert len(found.items) == 1234
        assert found.version == str(server.version)
        assert [each.get("limit") for each in queries(server)] == ["500"] * 3
        assert [sorted(each) for each in queries(server)] == [["limit"], ["continue", "limit"], ["continue", "limit"]]


@pytest.mark.parametrize("version", ["0", "900"], ids=["0", "not older than"])
async def test_not_paginating_not_consistent_reads(version: str) -> None:
    """A cache gives all at once."""
    async with services() as (server, listwatch):
        fill(server, 1234)
        found = await listwatch.listing(version)
        assert len(found.items) == 1234
        assert len(server.requests) == 1
        assert queries(server)[0].get("limit") == ("500" if version == "0" else None)


async def test_paginating_non_consistent_reads_if_watch_cache_disabled() -> None:
    async with services() as (server, listwatch):
        fill(server, 700)

        async def paged(exchange: Exchange) -> None:
            docs = server.etcd.at("services")
            begin = int(exchange.request.query.get("continue", "0"))
            metadata = {"resourceVersion": "1700", **({"continue": "500"} if not begin else {})}
            await exchange.answer(200, encoded({"metadata": metadata, "items": docs[begin : begin + 500]}))

        server.script("services", paged, times=2)
        found = await listwatch.listing("0")
        assert len(found.items) == 700
        assert [sorted(each) for each in queries(server)] == [["limit", "resourceVersion"], ["continue", "limit"]]


async def test_a_page_that_expires_is_an_expired_version() -> None:
    async with services() as (server, listwatch):
        fill(server, 1234)
        expired = fails(410, "Expired")
        server.script("services", expired, when=lambda request: "continue" in request.query)
        with pytest.raises(ApiFault, match="410") as raised:
            await listwatch.listing("")
        assert raised.value.expired


async def test_selectors_are_sent_with_every_list_and_watch() -> None:
    async with services(labelSelector="a=b", fieldSelector="metadata.name=x") as (server, listwatch):
        server.etcd.put(service("x", a="b"), service("y", a="b"), service("z"))
        assert [each.ref.name for each in (await listwatch.listing("0")).items] == ["x"]
        assert [each.item.ref.name for each in await heard(listwatch, 1, "1") if each.item] == ["x"]
        assert all(
            (each["labelSelector"], each["fieldSelector"]) == ("a=b", "metadata.name=x") for each in queries(server)
        )


async def test_the_head_is_what_etcd_says_not_a_cache() -> None:
    async with services() as (server, listwatch):
        server.etcd.put(service("x"))
        behind = server.version
        server.etcd.put(namespace("y"))
        server.reached = behind
        assert await listwatch.head() == str(behind + 1)
        assert queries(server) == [{"limit": "1", "labelSelector": ""}]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        pytest.param(b'{"metadata":{"resourceVersion":"7"},"items":null}', [], id="items are null"),
        pytest.param(b'{"metadata":{"resourceVersion":"7"}}', [], id="no items"),
        pytest.param(
            b'{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","extra":1},"new":[{}]}]}',
            ["a"],
            id="fields that nobody knows",
        ),
    ],
)
async def test_lists_of_every_form(body: bytes, names: list[str]) -> None:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    async with services() as (server, listwatch):
        server.script("services", act)
        found = await listwatch.listing("0")
        assert [each.ref.name for each in found.items] == names
        assert found.version == "7"


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"items":7}'], ids=repr)
async def test_a_list_that_cannot_be_read(body: bytes) -> None:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    async with services() as (server, listwatch):
        server.script("services", act)
        with pytest.raises(Unreachable, match="the list of services cannot be read"):
            await listwatch.listing("0")


async def test_an_object_that_cannot_be_read_is_told_of() -> None:
    async with services() as (server, listwatch):
        server.etcd.put(service("good", "10.96.0.1"), {**service("bad"), "spec": {"clusterIP": 7}})
        found = await listwatch.listing("0")
        assert [(each.ref.name, each.object is None) for each in found.items] == [("bad", True), ("good", False)]
        assert len(found.errors) == 1
        assert "bad" in found.errors[0]
        _, broken = sorted(await heard(listwatch, 2), key=lambda each: each.error)
        assert broken.item is not None
        assert broken.item.object is None
        assert "bad" in broken.error
        assert broken.version == str(server.version)


async def test_a_watch_asks_for_bookmarks_and_a_time() -> None:
    async with services() as (server, listwatch):
        server.etcd.put(service("x"))
        await heard(listwatch, 1, "1000")
        assert queries(server) == [
            {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "300", "resourceVersion": "1000"}
        ]


async def test_a_streamed_list_ends_with_its_bookmark() -> None:
    async with services() as (server, listwatch):
        server.etcd.put(service("x"))
        first, end = await heard(listwatch, 2, "", initial=True)
        assert (first.type, first.initial_end) == ("ADDED", False)
        assert (end.type, end.version, end.initial_end) == ("BOOKMARK", str(server.version), True)
        (query,) = queries(server)
        assert query["sendInitialEvents"] == "true"
        assert query["resourceVersionMatch"] == "NotOlderThan"


EXPIRED = status_of(410, "Expired")


async def plain(exchange: Exchange) -> None:
    await exchange.answer(200, encoded(EXPIRED))


@pytest.mark.parametrize(
    "action",
    [
        fails(410, "Expired"),
        says(event("ERROR", EXPIRED)),
        says(event("ERROR", EXPIRED).rstrip()),
        says(encoded(EXPIRED)),
        plain,
    ],
    ids=["status", "event", "event without line end", "a Status in the stream", "a Status for a body"],
)
async def test_every_form_of_an_error(action: Action) -> None:
    async with services() as (server, listwatch):
        server.script("services", action)
        with pytest.raises(ApiFault) as raised:
            await heard(listwatch, 1)
        assert raised.value.expired


async def test_silence_is_told_apart_from_an_end() -> None:
    async with services() as (server, listwatch):
        began = warp().time()
        with pytest.raises(Silent):
            await heard(listwatch, 1, str(server.version))
        assert warp().time() - began == pytest.approx(SILENT)
        server.longest = 10
        server.bookmarks = False
        assert await heard(listwatch, 1, str(server.version)) == []


@pytest.mark.parametrize("ends", ["fin", "reset", "cut"])
async def test_an_event_that_is_cut_is_none(ends: str) -> None:
    async with services() as (server, listwatch):
        whole = event("ADDED", server.etcd.at("services", server.etcd.put(service("x")))[0])
        server.script("services", says(whole + whole[:50], ends=ends))
        events = listwatch.watch("1", 300)
        assert (await anext(events)).type == "ADDED"
        with pytest.raises(Unreachable):
            await anext(events)


async def test_others_get_their_turn_while_a_large_list_is_decoded() -> None:
    async with services() as (server, listwatch):
        fill(server, 2000)
        listing = asyncio.create_task(listwatch.listing("0"))
        passes = [0]
        warp().between.append(lambda: passes.__setitem__(0, passes[0] + 1))
        await listing
        warp().between.clear()
        assert passes[0] > 2000 / 50
