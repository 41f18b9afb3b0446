"""The HTTP server over real loopback sockets."""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
import trustme

from kdns.errors import StartError
from kdns.serve import http
from kdns.serve.http import HttpServer
from kdns.site import Page, Path


async def fine() -> Page:
    return Page(200, b"OK")


async def busy() -> Page:
    return Page(503, b"kubernetes: not synced\n", "text/x-test")


async def broken() -> Page:
    raise ZeroDivisionError("a defect of the page")


PAGES: Mapping[str, Path] = {"/health": fine, "/busy": busy, "/broken": broken}


@asynccontextmanager
async def serving(
    host: str = "127.0.0.1",
    port: int = 0,
    pages: Mapping[str, Path] = PAGES,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[HttpServer]:
    server = HttpServer(host, port, pages, tls=tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def asked(server: HttpServer, path: str, method: str = "GET") -> AsyncIterator[aiohttp.ClientResponse]:
    host, port = server.address
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://{host}:{port}{path}") as reply,
    ):
        yield reply


@pytest.mark.parametrize(
    ("method", "path", "status", "type", "body"),
    [
        pytest.param("GET", "/health", 200, "text/plain; charset=utf-8", b"OK", id="a page"),
        pytest.param("GET", "/health?verbose=1", 200, "text/plain; charset=utf-8", b"OK", id="a query"),
        pytest.param("HEAD", "/health", 200, "text/plain; charset=utf-8", b"", id="HEAD has no body"),
        pytest.param("GET", "/busy", 503, "text/x-test", b"kubernetes: not synced\n", id="status and type"),
        pytest.param(
            "GET",
            "/nothing",
            404,
            "text/plain; charset=utf-8",
            b"404: nothing is at this path; there is /broken, /busy, /health\n",
            id="no such page",
        ),
        pytest.param("GET", "/health/", 404, "text/plain; charset=utf-8", None, id="paths are exact"),
        pytest.param("POST", "/nothing", 404, "text/plain; charset=utf-8", None, id="POST to no page"),
        pytest.param("POST", "/health", 405, "text/plain; charset=utf-8", b"405: only GET and HEAD\n", id="POST"),
        pytest.param("DELETE", "/health", 405, "text/plain; charset=utf-8", None, id="DELETE"),
        pytest.param(
            "GET",
            "/broken",
            500,
            "text/plain; charset=utf-8",
            b"500: the page failed; the log says more\n",
            id="a page that raises",
        ),
    ],
)
async def test_a_request_is_answered(method: str, path: str, status: int, type: str, body: bytes | None) -> None:
    async with serving() as server, asked(server, path, method) as reply:
        assert (reply.status, reply.headers["Content-Type"]) == (status, type)
        assert reply.headers["Server"] == "kdns"
        if body is not None:
            assert await reply.read() == body


async def test_head_tells_the_length_that_get_would_have() -> None:
    async with serving() as server, asked(server, "/health", "HEAD") as reply:
        assert reply.headers["Content-Length"] == "2"


async def test_a_405_says_what_is_allowed() -> None:
    async with serving() as server, asked(server, "/health", "PUT") as reply:
        assert reply.headers["Allow"] == "GET, HEAD"


async def test_a_page_that_raises_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server, asked(server, "/broken"):
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("kdns.serve", logging.ERROR)
        assert record.getMessage() == "the page /broken failed"
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError


async def test_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kdns")
    caplog.set_level(logging.DEBUG, "aiohttp")
    async with serving() as server, asked(server, "/health"):
        assert caplog.records == []


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http\r\n\r\n", id="TLS"),
        pytest.param(b"GET /health HTTP/9.9\r\n\r\n", id="a version that is none"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", id="a line of 9,000 bytes"),
        pytest.param(b"GET /health HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", id="a header as long"),
        pytest.param(b"GET /health HTTP/1.1\r\n" + b"X: 1\r\n" * 1000 + b"\r\n", id="a thousand headers"),
    ],
)
async def test_garbage_is_answered_400_and_logged_nowhere(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(sent)
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
        async with asked(server, "/health") as reply:
            assert reply.status == 200
    assert caplog.records == []


async def test_a_connection_serves_several_requests() -> None:
    async with serving() as server:
        reader, writer = await asyncio.open_connection(*server.address)
        for _ in range(3):
            writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await reader.readexactly(2) == b"OK"
        writer.close()
        await writer.wait_closed()


async def test_past_the_most_connections_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_CONNECTIONS", 3)
    async with serving() as server:
        idle = [await asyncio.open_connection(*server.address) for _ in range(3)]
        async with asked(server, "/health") as reply:
            assert reply.status == 200
        reader, _ = idle[0]
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        _, second = idle[1]
        second.write(b"GET /health HTTP/1.0\r\n\r\n")
        assert (await idle[1][0].read()).endswith(b"OK")
        for _, writer in idle:
            writer.close()


async def test_stop_closes_idle_connections_and_frees_the_address() -> None:
    server = HttpServer("127.0.0.1", 0, PAGES)
    await server.start()
    address = server.address
    reader, writer = await asyncio.open_connection(*address)
    await server.stop()
    assert await reader.read() == b""
    writer.close()
    async with serving(*address) as again:
        assert again.address == address


async def test_stop_is_harmless_before_start_and_twice() -> None:
    server = HttpServer("127.0.0.1", 0, PAGES)
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()


async def test_no_host_is_every_address_on_one_port() -> None:
    async with serving(host="") as server:
        _, port = server.address
        for host in ("127.0.0.1", "127.0.0.2", *(["::1"] if has_ipv6() else [])):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()


async def test_ipv6_that_is_switched_off_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker's default: localhost has an IPv6 address in /etc/hosts, the kernel has none."""
    real = http._socket  # noqa: SLF001

    def without_ipv6(family: int, address: tuple[object, ...]) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return real(family, address)

    monkeypatch.setattr(http, "_socket", without_ipv6)
    async with serving(host="") as server, asked(server, "/health") as reply:
        assert server.address[0] == "0.0.0.0"
        assert reply.status == 200


async def test_an_address_in_use_is_one_line_that_says_what_to_do() -> None:
    async with serving() as server:
        host, port = server.address
        with pytest.raises(StartError) as failed:
            await HttpServer(host, port, {"/health": fine}).start()
    assert str(failed.value) == (
        f"HTTP address 127.0.0.1:{port} (health) is in use: stop what listens there, "
        f"or give it another one, as in 'health 127.0.0.1:{port + 1}'"
    )


async def test_of_two_sockets_bound_to_one_address_the_second_may_not_listen() -> None:
    """Linux lets both bind as long as neither listens (SO_REUSEADDR)."""
    other = socket.socket()
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    other.bind(("127.0.0.1", 0))
    server = HttpServer("127.0.0.1", other.getsockname()[1], {"/ready": fine})
    bind = http._bind  # noqa: SLF001
    try:
        with pytest.MonkeyPatch.context() as patch:

            def bind_then_lose(addresses: list[tuple[int, tuple[object, ...]]]) -> list[socket.socket]:
                bound = bind(addresses)
                other.listen()
                return bound

            patch.setattr(http, "_bind", bind_then_lose)
            with pytest.raises(StartError, match=r"\(ready\) is in use"):
                await server.start()
    finally:
        other.close()


@pytest.mark.parametrize(
    ("host", "code", "text"),
    [
        pytest.param(
            "",
            errno.EACCES,
            "HTTP address :80 (health, ready) is not permitted: ports under 1024 need NET_BIND_SERVICE; "
            "or give it another one, as in 'health :8080'",
            id="not permitted",
        ),
        pytest.param(
            "192.0.2.1",
            errno.EADDRNOTAVAIL,
            "HTTP address 192.0.2.1:80 (health, ready) is no address of this machine: "
            "write 'health :80' for all it has",
            id="not ours",
        ),
        pytest.param(
            "2001:db8::1",
            errno.EADDRINUSE,
            "HTTP address [2001:db8::1]:80 (health, ready) is in use: stop what listens there, "
            "or give it another one, as in 'health [2001:db8::1]:8080'",
            id="in use",
        ),
        pytest.param(
            "",
            errno.EMFILE,
            "HTTP address :80 (health, ready) cannot be listened on: too many open files",
            id="anything else",
        ),
    ],
)
async def test_why_an_address_cannot_be_had(host: str, code: int, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(family: int, address: tuple[object, ...]) -> socket.socket:
        raise OSError(code, {errno.EMFILE: "Too many open files"}.get(code, "no"))

    monkeypatch.setattr(http, "_socket", refuse)
    with pytest.raises(StartError) as failed:
        await HttpServer(host, 80, {"/ready": fine, "/health": fine}).start()
    assert str(failed.value) == text


@pytest.mark.parametrize(("port", "another"), [(80, 8080), (1023, 9023), (1024, 1025), (9153, 9154), (65535, 65534)])
async def test_the_port_that_is_advised_is_one_that_anybody_may_have(
    port: int, another: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(family: int, address: tuple[object, ...]) -> socket.socket:
        raise OSError(errno.EADDRINUSE, "no")

    monkeypatch.setattr(http, "_socket", refuse)
    with pytest.raises(StartError, match=f"as in 'ready :{another}'$"):
        await HttpServer("", port, {"/ready": fine}).start()


async def test_a_real_address_of_another_machine_is_refused() -> None:
    with pytest.raises(StartError, match=re.escape("192.0.2.1:8080 (health) is no address of this machine")):
        await HttpServer("192.0.2.1", 8080, {"/health": fine}).start()


async def test_a_host_that_does_not_resolve_is_a_start_error() -> None:
    with pytest.raises(StartError, match=r"HTTP address nowhere\.invalid:8080 \(metrics\)"):
        await HttpServer("nowhere.invalid", 8080, {"metrics": fine}).start()


async def test_a_failed_start_leaves_no_socket_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    real = http._socket  # noqa: SLF001
    made: list[socket.socket] = []

    def second_fails(family: int, address: tuple[object, ...]) -> socket.socket:
        if made:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        made.append(real(family, address))
        return made[0]

    monkeypatch.setattr(http, "_socket", second_fails)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two_addresses)
    with pytest.raises(StartError, match="in use"):
        await HttpServer("two.test", 0, {"/health": fine}).start()
    assert made[0].fileno() == -1


async def two_addresses(*_: object, **__: object) -> list[tuple[object, ...]]:
    return [(socket.AF_INET, 0, 0, "", (f"127.0.0.{last}", 0)) for last in (1, 2)]


async def test_pages_are_served_over_tls() -> None:
    authority = trustme.CA()
    here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(here)
    there = ssl.create_default_context()
    authority.configure_trust(there)
    async with serving(tls=here) as server:
        host, port = server.address
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://{host}:{port}/health", ssl=there) as reply,
        ):
            assert (reply.status, await reply.read()) == (200, b"OK")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
    except OSError:
        return False
    return True
