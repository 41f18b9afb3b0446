"""One server: how it is asked, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import dns.flags
import pytest

from kdns.metrics import Metrics
from kdns.proto.name import from_text
from kdns.upstream.faults import UpstreamError
from kdns.upstream.server import Server
from kdns.upstream.settings import Settings, probe_of
from tests.upstream.certificates import Authority
from tests.upstream.questions import ask_for, seeded
from tests.upstream.scripted import Scripted, Seen, Sent, altered, good, reply, scripted, silent


@asynccontextmanager
async def serving(upstream: Scripted, metrics: Metrics | None = None, **settings: Any) -> AsyncIterator[Server]:
    server = Server(upstream.endpoint, Settings(**settings), metrics or Metrics(), seeded())
    try:
        yield server
    finally:
        await server.stop()
        assert server.open == 0


@pytest.mark.parametrize(
    ("settings", "client", "tcp"),
    [
        ({}, "udp", False),
        ({}, "tcp", True),
        ({"force_tcp": True}, "udp", True),
        ({"prefer_udp": True}, "tcp", False),
        ({"force_tcp": True, "prefer_udp": True}, "udp", True),
    ],
)
async def test_a_question_goes_as_it_came_unless_said_otherwise(
    settings: dict[str, Any], client: str, tcp: bool
) -> None:
    async with scripted() as upstream, serving(upstream, **settings) as server:
        await server.ask(ask_for(), tcp=client == "tcp")
    assert [seen.tcp for seen in upstream.seen] == [tcp]


@pytest.mark.parametrize(
    ("settings", "question", "flags", "tcp"),
    [
        ({}, ". IN NS", "RD AD", False),
        ({"force_tcp": True}, ". IN NS", "RD AD", True),
        ({"probe": probe_of(from_text("example.org."), 0)}, "example.org. IN NS", "AD", False),
    ],
)
async def test_a_probe_is_a_question_that_any_server_can_answer(
    settings: dict[str, Any], question: str, flags: str, tcp: bool
) -> None:
    async with scripted(silent) as upstream, serving(upstream, **settings) as server:
        with pytest.raises(UpstreamError):
            await server.ask(ask_for())
        upstream.script = lambda seen: [reply(seen, rcode="REFUSED")]
        await asyncio.sleep(2)
        assert not server.health.suspect
        probe = upstream.seen[-1]
    assert (probe.message.question[0].to_text(), probe.tcp) == (question, tcp)
    assert dns.flags.to_text(probe.message.flags) == flags


async def test_a_probe_without_an_answer_fails_after_a_second_and_is_counted() -> None:
    metrics = Metrics()
    async with scripted(silent) as upstream, serving(upstream, metrics) as server:
        with pytest.raises(UpstreamError):
            await server.ask(ask_for())
        await asyncio.sleep(4.4)
        labels = {"proxy_name": "forward", "to": upstream.text}
        assert metrics.registry.get_sample_value("coredns_proxy_healthcheck_failures_total", labels) == 3
        assert server.health.down


async def test_replies_are_counted_by_their_rcode() -> None:
    metrics = Metrics()
    async with scripted(lambda seen: [reply(seen, rcode="NXDOMAIN")]) as upstream, serving(upstream, metrics) as server:
        await server.ask(ask_for())
    labels = {"proxy_name": "forward", "to": upstream.text, "rcode": "NXDOMAIN"}
    assert metrics.registry.get_sample_value("coredns_proxy_request_duration_seconds_count", labels) == 1


async def test_connections_that_were_there_are_counted() -> None:
    metrics = Metrics()
    async with scripted() as upstream, serving(upstream, metrics, force_tcp=True) as server:
        for _ in range(3):
            await server.ask(ask_for())
    labels = {"proxy_name": "forward", "to": upstream.text, "proto": "tcp"}
    assert metrics.registry.get_sample_value("coredns_proxy_conn_cache_misses_total", labels) == 1
    assert metrics.registry.get_sample_value("coredns_proxy_conn_cache_hits_total", labels) == 2


async def test_strays_are_counted() -> None:
    def lie(seen: Seen) -> list[Sent]:
        return [altered(seen, id=seen.id ^ 1), *good(seen)]

    metrics = Metrics()
    async with scripted(lie) as upstream, serving(upstream, metrics) as server:
        await server.ask(ask_for())
        await server.ask(ask_for(), tcp=True)
    assert metrics.registry.get_sample_value("kdns_forward_strays_total", {"to": upstream.text}) == 2


async def test_one_name_may_be_said_for_all_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    settings: dict[str, Any] = {"context": authority.client(), "server_name": "dns.test"}
    async with scripted(tls=authority.server("dns.test")) as upstream, serving(upstream, **settings) as server:
        assert (await server.ask(ask_for())).rcode == 0
