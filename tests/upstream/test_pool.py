from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.upstream.address import Endpoint, Host, Target
from kdns.upstream.forwarder import Forwarder
from kdns.upstream.listing import Listing
from kdns.upstream.pool import Pool
from kdns.upstream.relay import Relay
from kdns.upstream.settings import Settings
from tests.upstream.questions import ask_for, seeded
from tests.upstream.scripted import scripted, silent
from tests.warp import warp

ONE = Endpoint("10.0.0.1")


async def resolve(host: Host) -> Sequence[str]:
    if host.host == "none":
        raise StartError("no such host")
    return ["10.0.0.7"]


def doubts(endpoints: Sequence[Endpoint]) -> Iterable[str]:
    return (f"{to} is dubious" for to in endpoints if to.ip == "127.0.0.53")


@asynccontextmanager
async def pooled(*targets: Target) -> AsyncIterator[tuple[Pool, Forwarder, Relay]]:
    metrics = Metrics()
    forwarder = Forwarder(Settings(), metrics, seeded())
    relay = Relay(forwarder, metrics, warp().time, 10)
    listing = Listing(targets, resolve)
    for file in listing.files:
        listing.read(file)
    pool = Pool(relay, forwarder, listing, doubts)
    try:
        yield pool, forwarder, relay
    finally:
        await pool.stop()


def asked(forwarder: Forwarder) -> list[str]:
    return [str(server.to) for server in forwarder.servers]


async def test_addresses_can_be_asked_before_it_starts() -> None:
    async with pooled(ONE, Host("dns")) as (pool, forwarder, _):
        assert asked(forwarder) == ["10.0.0.1:53"]
        await pool.start()
        assert asked(forwarder) == ["10.0.0.1:53", "10.0.0.7:53"]


async def test_a_host_without_addresses_keeps_it_from_starting() -> None:
    async with pooled(Host("none")) as (pool, _, _):
        with pytest.raises(StartError, match="no such host"):
            await pool.start()


async def test_a_file_that_changes_is_followed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 10.0.0.1\n")
    async with pooled(file) as (pool, forwarder, _):
        await pool.start()
        (kept,) = forwarder.servers
        await asyncio.sleep(6)
        file.write_text("nameserver 127.0.0.53\nnameserver 10.0.0.1\n")
        await asyncio.sleep(3)
        assert asked(forwarder) == ["10.0.0.1:53"]
        await asyncio.sleep(2)
        assert asked(forwarder) == ["127.0.0.53:53", "10.0.0.1:53"]
        assert forwarder.servers[1] is kept
    assert caplog.messages == ["upstreams are now 127.0.0.53:53, 10.0.0.1:53", "127.0.0.53:53 is dubious"]


async def test_at_the_end_nothing_is_left() -> None:
    before = asyncio.all_tasks()
    async with scripted(silent) as upstream, pooled(upstream.endpoint) as (pool, _, relay):
        await pool.start()
        waiting = asyncio.create_task(relay.ask(ask_for(), tcp=True))
        await asyncio.sleep(3)
        await pool.stop()
        assert asyncio.all_tasks() - before <= {waiting}
        assert str(await waiting) == "forwarding was stopped before the reply came"
