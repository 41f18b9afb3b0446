from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.message
import pytest

from kdns.app import App
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plan import Plan, plan
from kdns.plugins import find
from kdns.serve.crowd import Limits
from kdns.site import Build, Site, Timeouts
from tests.serve.answering import by_reason
from tests.serve.sockets import PATIENCE, StreamClient
from tests.warp import WarpLoop


def timeouts_of(lines: str) -> Timeouts:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    site = Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))
    (directive,) = block.directives
    assert find(directive)(directive, site) is None
    return site.timeouts


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("timeouts {\nread 30s\n}", {"read": 30}),
        ("timeouts {\nread 1m\nwrite 2m\n}", {"read": 60, "write": 120}),
        ("timeouts {\nidle 1h\n}", {"idle": 3600}),
        ("timeouts {\nread 10\nwrite 20\nidle 60\n}", {"read": 10, "write": 20, "idle": 60}),
        ("timeouts {\nread 1s\nidle 24h\n}", {"read": 1, "idle": 86400}),
        ("timeouts {\nmaxtcpqueries 128\n}", {"queries": 128}),
        ("timeouts {\nmaxtcpqueries 1\n}", {"queries": 1}),
        ("timeouts {\nmaxtcpqueries -1\n}", {"queries": None}),
        ("timeouts {\nread 5s\nread 6s\n}", {"read": 6}),
        ("timeouts {\nread 5s\nidle 9s\n}\ntimeouts {\nread 6s\n}", {"read": 6, "idle": 9}),
    ],
)
def test_a_block_says_what_it_says(lines: str, said: Timeouts) -> None:
    assert timeouts_of(lines) == said


NOTHING = "'timeouts' takes at least one of read, write, idle, maxtcpqueries in its block"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("timeouts", f"Corefile:2: {NOTHING}"),
        ("timeouts {\n}", f"Corefile:2: {NOTHING}"),
        ("timeouts 5s", "Corefile:2: 'timeouts' takes no arguments: remove '5s'"),
        (
            "timeouts {\ngiraffe 30s\n}",
            "Corefile:3: 'timeouts' has no option 'giraffe' (it has read, write, idle, maxtcpqueries)",
        ),
        ("timeouts {\nread 10s 20s\n}", "Corefile:3: 'read' takes 1 argument, not 2"),
        ("timeouts {\nwrite\n}", "Corefile:3: 'write' takes 1 argument, not 0"),
        (
            "timeouts {\nwrite snake\n}",
            "Corefile:3: 'write' takes a duration: 'snake' is none, '5s' or '1m30s' is (units: ns, us, ms, s, m, h)",
        ),
        ("timeouts {\nidle 0s\n}", "Corefile:3: 'idle' takes from 1s to 24h, not '0s'"),
        ("timeouts {\nidle 0\n}", "Corefile:3: 'idle' takes from 1s to 24h, not '0'"),
        ("timeouts {\nidle 999ms\n}", "Corefile:3: 'idle' takes from 1s to 24h, not '999ms'"),
        ("timeouts {\nread 48h\n}", "Corefile:3: 'read' takes from 1s to 24h, not '48h'"),
        ("timeouts {\nread 90000\n}", "Corefile:3: 'read' takes from 1s to 24h, not '90000'"),
        *(
            (
                f"timeouts {{\nmaxtcpqueries {text}\n}}",
                f"Corefile:3: 'maxtcpqueries' takes a whole number of at least 1, or -1 for any number, not '{text}'",
            )
            for text in ("0", "-2", "many", "1.5", "12345678901")
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        timeouts_of(lines)
    assert str(caught.value) == error


def planned(text: str) -> Plan:
    return plan(parse(text, "Corefile", environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)


def limits(text: str) -> dict[str, Limits]:
    """By place."""
    return {str(place): each for place, each in planned(text).limits.items()}


def test_without_it_connections_have_coredns_s_limits() -> None:
    (usual,) = limits(". {\nwhoami\n}").values()
    assert (usual.read, usual.write, usual.idle, usual.queries) == (3, 5, 10, None)


def test_what_is_not_said_stays_as_it_is() -> None:
    (each,) = limits(". {\nwhoami\ntimeouts {\nwrite 7s\nmaxtcpqueries 9\n}\n}").values()
    assert (each.read, each.write, each.idle, each.queries) == (3, 7, 10, 9)


def test_of_the_blocks_of_one_address_the_last_to_say_something_counts() -> None:
    text = """
    a.test {
        timeouts {
            read 4s
            idle 4s
            maxtcpqueries 4
        }
    }
    b.test {
        timeouts {
            read 9s
            maxtcpqueries -1
        }
    }
    c.test:1053 d.test {
        whoami
    }
    """
    found = limits(text)
    assert [(place, each.read, each.idle, each.queries) for place, each in found.items()] == [
        (":53", 9, 4, None),
        (":1053", 3, 10, None),
    ]


@asynccontextmanager
async def served(option: str) -> AsyncIterator[App]:
    loop = asyncio.get_running_loop()
    text = f".:0 {{\nbind 127.0.0.1\ntimeouts {{\n{option}\n}}\nwhoami\n}}"
    app = App(plan(parse(text, "Corefile", environ={}, disk=Local()), loop.time, lambda: 0.0))
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


def question(id: int) -> bytes:
    return dns.message.make_query("example.", "A", id=id).to_wire()


def closed(app: App) -> dict[str, float]:
    return by_reason(app.plan.build.metrics, "kdns_tcp_connections_closed_total")


async def test_a_connection_is_closed_after_its_last_question() -> None:
    async with served("maxtcpqueries 3") as app:
        (address,) = app.addresses.values()
        async with StreamClient(address) as client:
            for id in (1, 2):
                client.send(question(id))
                assert dns.message.from_wire(await client.receive()).id == id
            assert closed(app) == {}
            client.send(question(3), question(4), question(5))
            assert [dns.message.from_wire(each).id for each in await client.rest()] == [3]
        assert closed(app) == {"queries": 1}


async def test_another_connection_begins_to_count_anew() -> None:
    async with served("maxtcpqueries 1") as app:
        (address,) = app.addresses.values()
        for id in (1, 2):
            async with StreamClient(address) as client:
                client.send(question(id))
                assert [dns.message.from_wire(each).id for each in await client.rest()] == [id]


async def test_without_a_limit_a_connection_stays() -> None:
    async with served("maxtcpqueries -1") as app:
        (address,) = app.addresses.values()
        async with StreamClient(address) as client:
            client.send(*map(question, range(500)))
            async with asyncio.timeout(PATIENCE):
                got = {dns.message.from_wire(await client.receive()).id for _ in range(500)}
            assert got == set(range(500))
        assert closed(app) == {}


async def sent_away(option: str) -> tuple[float, dict[str, float]]:
    """After how many seconds of silence, and why."""
    loop = asyncio.get_running_loop()
    async with served(f"{option} 7s") as app:
        (address,) = app.addresses.values()
        async with StreamClient(address) as client:
            if option == "idle":
                client.send(question(1))
                await client.receive()
            since = loop.time()
            assert await client.rest() == []
        return loop.time() - since, closed(app)


@pytest.mark.parametrize("option", ["read", "idle"])
def test_a_silent_client_is_sent_away_when_the_block_says_so(option: str) -> None:
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        seconds, reasons = runner.run(sent_away(option))
    assert seconds == pytest.approx(7, abs=0.1)
    assert reasons == {option: 1}
