"""The scripted API server does what a real one does, and those who judge answers by it see what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import Etcd, namespace, service
from tests.kube.live.exchange import fails, resets
from tests.kube.live.following import Following, following, stock
from tests.warp import warp

SERVICES = "/api/v1/services"


class Client:
    """A connection, read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, target: str, token: str = "") -> tuple[int, dict[str, str]]:
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        self._writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n".encode())
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines if line)

    async def get(self, target: str, token: str = "") -> tuple[int, Any]:
        """Status and body."""
        status, headers = await self.ask(target, token)
        return status, json.loads(await self._reader.readexactly(int(headers["content-length"])))

    async def line(self) -> Any:
        """The next chunk of a stream, an event; None at its end."""
        size = int(await self._reader.readuntil(b"\r\n"), 16)
        data = await self._reader.readexactly(size + 2)
        return json.loads(data) if size else None


@asynccontextmanager
async def client(server: ApiServer) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


def names(body: Any) -> list[str]:
    return [each["metadata"]["name"] for each in body["items"]]


async def test_lists_by_page_and_by_version() -> None:
    async with api_server() as server, client(server) as who:
        server.etcd.put(*(service(f"s{number}") for number in range(5)))
        status, first = await who.get(f"{SERVICES}?limit=2")
        assert (status, names(first)) == (200, ["s0", "s1"])
        server.etcd.delete(service("s2"))
        _, second = await who.get(f"{SERVICES}?limit=2&continue={first['metadata']['continue']}")
        assert names(second) == ["s2", "s3"], "pages are of one version"
        server.etcd.compact()
        status, expired = await who.get(f"{SERVICES}?limit=2&continue={second['metadata']['continue']}")
        assert (status, expired["reason"]) == (410, "Expired")
        assert names((await who.get(f"{SERVICES}?resourceVersion=0&limit=2"))[1]) == ["s0", "s1", "s3", "s4"]


async def test_a_version_from_the_future_is_waited_for() -> None:
    async with api_server() as server, client(server) as who:
        began = warp().time()
        status, body = await who.get(f"{SERVICES}?resourceVersion=2000")
        assert status == 504
        assert body["message"] == "Too large resource version: 2000, current: 1000"
        assert warp().time() - began == pytest.approx(3)


async def test_a_watch_with_bookmarks_ends_when_it_is_told() -> None:
    async with api_server() as server, client(server) as who:
        server.etcd.put(service("x"))
        began = warp().time()
        await who.ask(f"{SERVICES}?watch=true&resourceVersion=1000&allowWatchBookmarks=true&timeoutSeconds=100")
        assert (await who.line())["type"] == "ADDED"
        server.etcd.put(namespace("other"))
        seen = []
        while (event := await who.line()) is not None:
            seen.append((warp().time() - began, event["type"], event["object"]["metadata"]["resourceVersion"]))
        assert seen == [(60, "BOOKMARK", "1002"), (98, "BOOKMARK", "1002")]
        assert warp().time() - began == pytest.approx(100)


async def test_what_leaves_a_selection_ends() -> None:
    async with api_server() as server, client(server) as who:
        await who.ask(f"{SERVICES}?watch=true&resourceVersion=1000&labelSelector=a%3Db")
        server.etcd.put(service("x"), service("x", a="b"), service("x", a="c"))
        assert [(await who.line())["type"] for _ in range(2)] == ["ADDED", "DELETED"]


async def test_tokens_and_expired_versions() -> None:
    async with api_server() as server, client(server) as who:
        server.tokens = {"good"}
        assert (await who.get(SERVICES, "bad"))[0] == 401
        assert (await who.get(SERVICES, "good"))[0] == 200
        server.etcd.put(service("x"))
        server.etcd.compact()
        assert (await who.get(f"{SERVICES}?watch=true&resourceVersion=1000", "good"))[0] == 410


async def test_scripts_come_first_and_are_used_up() -> None:
    async with api_server() as server, client(server) as who:
        server.script("services", fails(503, "ServiceUnavailable"), times=2)
        assert [(await who.get(SERVICES))[0] for _ in range(3)] == [503, 503, 200]
        server.script("*", resets)
        with pytest.raises(ConnectionResetError):
            await who.get(SERVICES)


async def test_a_dead_server_refuses_and_comes_back_at_its_port() -> None:
    async with api_server() as server:
        await server.kill()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        await server.start()
        async with client(server) as who:
            assert (await who.get(SERVICES))[0] == 200


async def test_two_may_share_an_etcd_and_one_lag() -> None:
    etcd = Etcd()
    async with api_server(etcd) as one, api_server(etcd) as two, client(one) as here, client(two) as there:
        etcd.put(service("x"))
        two.reached = 1000
        assert names((await here.get(f"{SERVICES}?resourceVersion=0"))[1]) == ["x"]
        assert names((await there.get(f"{SERVICES}?resourceVersion=0"))[1]) == []
        assert names((await there.get(SERVICES))[1]) == ["x"], "a quorum read asks etcd"


def test_what_was_restored_is_what_was_saved() -> None:
    etcd = Etcd()
    etcd.put(service("x"))
    kept = etcd.save()
    etcd.put(service("y"))
    etcd.restore(kept)
    assert [doc["metadata"]["name"] for doc in etcd.at("services")] == ["x"]
    assert etcd.version == 1001
    assert etcd.at("services", 1000) == []


async def test_a_wrong_answer_is_seen_however_short_it_is() -> None:
    async with api_server() as server:
        stock(server.etcd)
        async with following(server) as dns:
            server.etcd.put(service("web", "10.96.0.2"))
            with pytest.raises(AssertionError, match=r"web\.shop is 10\.96\.0\.2"):
                await disturbed(server, dns)


async def disturbed(server: ApiServer, dns: Following) -> None:
    with dns.steady():
        await dns.until("web.shop", "10.96.0.2")
        server.etcd.put(service("web", "10.96.0.1"))
        await dns.until("web.shop", "10.96.0.1")


async def test_what_never_comes_is_a_failure() -> None:
    async with api_server() as server:
        stock(server.etcd)
        async with following(server) as dns:
            with pytest.raises(AssertionError, match="after 5 seconds: NXDOMAIN"):
                await dns.until("never.shop", "10.96.0.2")
