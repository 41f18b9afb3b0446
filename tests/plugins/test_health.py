"""*health*: a page that is always fine, and a server that asks itself for it."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError, CorefileErrors
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.plugins.health import Probe, healthy
from kdns.serve.http import HttpServer
from kdns.site import Build, Page, Site


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def built() -> Build:
    return Build(metrics=Metrics(), clock=Clock(), wall=Clock())


def set_up(corefile: str) -> Build:
    """Every directive of a Corefile set up, as the process would."""
    build = built()
    for block in parse(corefile, "Corefile", default_port=53, environ={}, disk=Memory()).blocks:
        site = Site(block, build)
        for directive in block.directives:
            assert find(directive)(directive, site) is None
    return build


@pytest.mark.parametrize(
    ("line", "address", "lameduck"),
    [
        pytest.param("health", ("", 8080), 0.0, id="the default"),
        pytest.param("health :8091", ("", 8091), 0.0, id="a port"),
        pytest.param("health localhost:8091", ("localhost", 8091), 0.0, id="host and port"),
        pytest.param("health [::1]:8091", ("::1", 8091), 0.0, id="IPv6"),
        pytest.param("health {\n lameduck 5s\n }", ("", 8080), 5.0, id="lameduck"),
        pytest.param("health { lameduck 1m30s }", ("", 8080), 90.0, id="on one line"),
        pytest.param("health :8091 {\n }", ("", 8091), 0.0, id="nothing in braces"),
    ],
)
async def test_a_line_gives_the_page_its_address(line: str, address: tuple[str, int], lameduck: float) -> None:
    build = set_up(f".:53 {{\n {line}\n}}")
    assert build.pages == {address: {"/health": healthy}}
    assert build.lameduck == lameduck
    assert await build.pages[address]["/health"]() == Page(200, b"OK")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        pytest.param(
            "health 8080",
            "Corefile:2: 'health' takes an address: put a colon before the port: ':8080'",
            id="no colon",
        ),
        pytest.param(
            "health localhost",
            "Corefile:2: 'health' takes an address: 'localhost' has no port, 'localhost:8080' has",
            id="no port",
        ),
        pytest.param("health :8080 :8081", "Corefile:2: 'health' takes 1 argument, not 2", id="two addresses"),
        pytest.param(
            "health {\n  lameduck 5\n }",
            "Corefile:3: 'lameduck' takes a duration: add a unit to '5', for instance '5s'",
            id="no unit",
        ),
        pytest.param("health {\n  lameduck\n }", "Corefile:3: 'lameduck' takes 1 argument, not 0", id="no duration"),
        pytest.param(
            "health {\n  lameduk 5s\n }",
            "Corefile:3: 'health' has no option 'lameduk'; did you mean 'lameduck'? (it has lameduck)",
            id="misspelt",
        ),
        pytest.param(
            "health\n health :8081",
            "Corefile:3: health can stand only once in a server block; it is already at Corefile:2",
            id="twice in a block",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_would_be_right(line: str, text: str) -> None:
    with pytest.raises((CorefileError, CorefileErrors)) as failed:
        set_up(f".:53 {{\n {line}\n}}")
    assert str(failed.value) == text


def test_the_longest_lameduck_of_all_blocks_counts() -> None:
    build = set_up("a. {\nhealth :1 { lameduck 2s }\n}\nb. {\nhealth :2 { lameduck 7s }\n}\nc. {\nhealth\n}")
    assert build.lameduck == 7.0


@pytest.mark.parametrize(
    ("second", "pages", "probes"), [("health", 1, 1), ("health :8080", 1, 1), ("health :8081", 2, 2)]
)
def test_blocks_with_the_same_address_share_the_page_and_its_probe(second: str, pages: int, probes: int) -> None:
    build = set_up(f"a. {{\nhealth\n}}\nb. {{\n{second}\n}}")
    assert (len(build.pages), len(build.parts)) == (pages, probes)


async def test_the_page_is_fine_during_lameduck_too() -> None:
    build = set_up(". {\nhealth { lameduck 5s }\n}")
    build.stopping = True
    build.readiness["kubernetes"] = lambda: "everything"
    assert (await build.pages["", 8080]["/health"]()).status == 200


@asynccontextmanager
async def serving(page: Callable[[], Awaitable[Page]] = healthy) -> AsyncIterator[tuple[str, int]]:
    server = HttpServer("127.0.0.1", 0, {"/health": page})
    await server.start()
    try:
        yield server.address
    finally:
        await server.stop()


def counted(metrics: Metrics) -> tuple[float, float, float]:
    """Requests, their seconds in all, and failures."""
    samples = {
        sample.name: sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }
    name = "coredns_health_request"
    return (
        samples[f"{name}_duration_seconds_count"],
        samples[f"{name}_duration_seconds_sum"],
        samples[f"{name}_failures_total"],
    )


async def test_a_probe_times_a_real_request() -> None:
    metrics, clock = Metrics(), Clock()

    async def page() -> Page:
        clock.now += 0.25
        return Page(200, b"OK")

    async with serving(page) as address:
        probe = Probe(address, metrics, clock)
        await probe.once()
        await probe.once()
    assert counted(metrics) == (2, 0.5, 0)


@pytest.mark.parametrize(
    ("listening", "asked"),
    [("", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("localhost", "localhost")],
)
async def test_a_server_on_every_address_is_asked_over_the_loopback(
    listening: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = []
    connect = asyncio.open_connection

    async def noted(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        hosts.append(host)
        return await connect(host, port)

    monkeypatch.setattr(asyncio, "open_connection", noted)
    metrics = Metrics()
    async with serving() as (_, port):
        await Probe((listening, port), metrics, Clock()).once()
    assert hosts == [asked]
    assert counted(metrics)[0] == 1


@pytest.mark.parametrize(
    ("seconds", "logged"),
    [
        pytest.param(1.0, [], id="a second"),
        pytest.param(1.5, ["the server's own request for /health took 1.5s: the process is overloaded"], id="more"),
    ],
)
async def test_a_slow_answer_is_a_warning(seconds: float, logged: list[str], caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()

    async def page() -> Page:
        clock.now += seconds
        return Page(200, b"OK")

    async with serving(page) as address:
        probe = Probe(address, Metrics(), clock)
        await probe.once()
        await probe.once()
    assert [record.getMessage() for record in caplog.records] == logged
    assert {(record.name, record.levelno) for record in caplog.records} <= {("kdns.plugin.health", logging.WARNING)}


async def fails() -> Page:
    return Page(500, b"")


async def test_a_failure_is_counted_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    metrics, clock = Metrics(), Clock()
    answers = [healthy, fails, fails, fails]

    async def page() -> Page:
        return await answers.pop(0)()

    async with serving(page) as address:
        probe = Probe(address, metrics, clock)
        for clock.now in (1000.0, 1001.0, 1002.0, 1061.5):
            await probe.once()
    assert counted(metrics) == (4, 0.0, 3)
    line = r"the answer is b'HTTP/1.0 500 Internal Server Error\r\n'"
    assert caplog.messages == [f"the server's own request for /health failed: {line}"] * 2


async def test_a_server_that_has_gone_is_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    async with serving() as address:
        probe = Probe(address, metrics, Clock())
        await probe.once()
    await probe.once()
    assert counted(metrics)[2] == 1
    assert "failed: " in caplog.text


async def test_failures_before_the_first_answer_do_not_count(caplog: pytest.LogCaptureFixture) -> None:
    """Parts start before the listeners open, and that may wait for the cluster."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        metrics = Metrics()
        await Probe(closed.getsockname(), metrics, Clock()).once()
    assert counted(metrics) == (0, 0, 0)
    assert caplog.records == []


async def test_no_answer_in_time_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    metrics, answered = Metrics(), asyncio.Event()
    timeouts: list[asyncio.Timeout] = []
    timeout = asyncio.timeout

    def noted(seconds: float | None) -> asyncio.Timeout:
        timeouts.append(timeout(seconds))
        return timeouts[-1]

    async def page() -> Page:
        if len(timeouts) == 2:
            timeouts[1].reschedule(0.0)  # the three seconds are over
            await answered.wait()
        return Page(200, b"OK")

    async with serving(page) as address:
        probe = Probe(address, metrics, Clock())
        monkeypatch.setattr(asyncio, "timeout", noted)
        await probe.once()
        await probe.once()
        monkeypatch.undo()
        answered.set()
    assert (counted(metrics)[0], counted(metrics)[2]) == (2, 1)
    assert caplog.messages == ["the server's own request for /health failed: no answer within 3s"]


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[tuple[str, int]]:
    """A server that sends the next of these to each connection and waits for its end."""
    remaining, ended = list(replies), asyncio.Semaphore(0)

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(remaining.pop(0))
        with suppress(ConnectionError):
            await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()
        for _ in replies:
            await ended.acquire()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"a" * 200_000, id="without end"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", id="not of HTTP"),
        pytest.param(b"HTTP/1.0 2000 OK\r\n", id="almost"),
    ],
)
async def test_an_answer_that_is_none_is_a_failure(reply: bytes) -> None:
    metrics = Metrics()
    async with answering(b"HTTP/1.0 200 OK\r\n", reply) as address:
        probe = Probe(address, metrics, Clock())
        await probe.once()
        await probe.once()
    assert (counted(metrics)[0], counted(metrics)[2]) == (2, 1)


async def test_the_part_asks_each_second_until_it_is_stopped() -> None:
    metrics, slept = Metrics(), []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            enough.set()
            await asyncio.Event().wait()

    async with serving() as address:
        probe = Probe(address, metrics, Clock(), sleep)
        await probe.start()
        await enough.wait()
        await probe.stop()
    assert slept == [1.0, 1.0, 1.0, 1.0]
    assert counted(metrics)[0] == 3


async def test_stopping_ends_a_request_that_hangs() -> None:
    metrics, asked, answered = Metrics(), asyncio.Event(), asyncio.Event()

    async def page() -> Page:
        asked.set()
        await answered.wait()
        return Page(200, b"OK")

    async def at_once(seconds: float) -> None:
        pass

    async with serving(page) as address:
        probe = Probe(address, metrics, Clock(), at_once)
        await probe.start()
        await asked.wait()
        await probe.stop()
        answered.set()
    assert counted(metrics) == (0, 0, 0)


async def test_a_part_that_never_started_can_be_stopped() -> None:
    await Probe(("", 8080), Metrics(), Clock()).stop()
