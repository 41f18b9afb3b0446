from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from kdns import app as app_module
from kdns.app import App, responder_at
from kdns.chain import Keep, Query, Response, Scope, Transport
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.plan import Place, Plan, plan
from kdns.proto.name import from_text
from kdns.serve.router import Router, Served
from kdns.serve.udp import UdpListener
from kdns.site import Build
from tests.hits import hit
from tests.processes import free_port, taken
from tests.serve.sockets import PATIENCE, StreamClient, UdpClient

HERE = "127.0.0.1"
WHOAMI = ".:0 {\n bind 127.0.0.1\n whoami\n}"
PAGES = """\
.:0 {
    bind 127.0.0.1
    whoami
    health 127.0.0.1:0 {
        lameduck 1h
    }
}
a.test:0 {
    bind 127.0.0.1
    ready localhost:0
}
"""


def planned(text: str) -> Plan:
    corefile = parse(text, "Corefile", environ={}, disk=Memory())
    return plan(corefile, asyncio.get_running_loop().time, lambda: 0.0)


def handled(handler: Callable[[Query], Awaitable[Response]]) -> Plan:
    """A handler for every name on a port that the kernel picks."""
    build = Build(Metrics(), asyncio.get_running_loop().time, lambda: 0.0)
    root = from_text(".")
    return Plan(build, {Place(HERE, 0): Router({root: Served(root, "dns://:53", handler, 1232)})})


@dataclass
class Part:
    """Notes in `story` when it starts and stops; may fail at either."""

    name: str
    story: list[str]
    at_start: BaseException | None = None
    at_stop: BaseException | None = None

    async def start(self) -> None:
        self.story.append(f"{self.name} starts")
        if self.at_start:
            raise self.at_start

    async def stop(self) -> None:
        self.story.append(f"{self.name} stops")
        if self.at_stop:
            raise self.at_stop


@dataclass
class Pause:
    """A sleep that lasts until the test says so."""

    asked: list[float] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.begun.set()
        await self.over.wait()


@asynccontextmanager
async def started(made: Plan, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> AsyncIterator[App]:
    app = App(made, sleep=sleep)
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


async def ask(address: tuple[str, int], name: str = "x.test", *, tcp: bool = False) -> str:
    """The rcode's name."""
    query = dns.message.make_query(name, "A")
    how = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    reply = await how(query, address[0], port=address[1], timeout=PATIENCE)
    return dns.rcode.to_text(reply.rcode())


async def page(address: tuple[str, int], path: str) -> int:
    """The HTTP status."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        status = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1])


def only(found: dict[Place, tuple[str, int]]) -> tuple[str, int]:
    (address,) = found.values()
    return address


def is_free(port: int) -> bool:
    for type in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(type=type) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(type == socket.SOCK_STREAM))
            try:
                sock.bind((HERE, port))
            except OSError:
                return False
    return True


async def test_it_answers_over_udp_and_tcp_on_one_port() -> None:
    async with started(planned(WHOAMI)) as app:
        address = only(app.addresses)
        assert address[0] == HERE
        assert [await ask(address), await ask(address, tcp=True)] == ["NOERROR", "NOERROR"]


async def test_every_place_of_the_plan_is_listened_on() -> None:
    text = "a.test:0 {\n bind 127.0.0.1 127.0.0.2\n whoami\n}"
    async with started(planned(text)) as app:
        assert [place.host for place in app.addresses] == ["127.0.0.1", "127.0.0.2"]
        for address in app.addresses.values():
            assert await ask(address, "a.test") == "NOERROR"
            assert await ask(address, "b.test") == "REFUSED"


async def test_pages_of_all_blocks_are_shown() -> None:
    async with started(planned(PAGES)) as app:
        addresses = {path: app.pages[key] for key, paths in app.plan.build.pages.items() for path in paths}
        assert {path: await page(address, path) for path, address in addresses.items()} == {
            "/health": 200,
            "/ready": 200,
        }


async def test_parts_start_before_anybody_can_ask_and_stop_the_other_way_round() -> None:
    made, story = planned(WHOAMI), list[str]()
    made.build.parts += [Part("first", story), Part("second", story)]
    app = App(made)
    await app.start()
    assert story == ["first starts", "second starts"]
    port = only(app.addresses)[1]
    await app.stop()
    assert story[2:] == ["second stops", "first stops"]
    assert is_free(port)


async def test_an_address_in_use_leaves_nothing_behind() -> None:
    with taken(socket.SOCK_STREAM) as port:
        made, story = planned(WHOAMI.replace(":0", f":{port}")), list[str]()
        made.build.parts.append(Part("it", story))
        with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port} is in use"):
            await App(made).start()
        assert story == ["it starts", "it stops"]
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind((HERE, port))


async def test_a_page_s_address_in_use_leaves_nothing_behind() -> None:
    own = free_port()
    with taken() as port:
        text = f".:{own} {{\n bind 127.0.0.1\n whoami\n prometheus 127.0.0.1:{port}\n}}"
        with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port} \(prometheus\) is in use"):
            await App(planned(text)).start()
    assert is_free(own)


async def test_a_start_that_is_cancelled_leaves_nothing_behind() -> None:
    made, story = planned(WHOAMI), list[str]()
    made.build.parts += [Part("first", story), Part("second", story, at_start=asyncio.CancelledError())]
    with pytest.raises(asyncio.CancelledError):
        await App(made).start()
    assert story == ["first starts", "second starts", "second stops", "first stops"]


async def test_a_part_that_cannot_start_keeps_everything_from_starting() -> None:
    made, story = planned(WHOAMI), list[str]()
    made.build.parts += [Part("bad", story, StartError("there is no cluster")), Part("good", story)]
    app = App(made)
    with pytest.raises(StartError, match="there is no cluster"):
        await app.start()
    assert app.addresses == {}
    assert sorted(story) == ["bad starts", "bad stops", "good starts", "good stops"]


async def test_loading_starts_what_can_be_started_and_tells_the_rest() -> None:
    made, story = planned(WHOAMI), list[str]()
    made.build.parts += [Part("a", story, StartError("one")), Part("b", story), Part("c", story, StartError("two"))]
    app = App(made)
    assert [str(error) for error in await app.load_what_can()] == ["one", "two"]
    assert app.addresses == {}
    await app.unload()
    await app.unload()
    assert story == ["a starts", "b starts", "c starts", "c stops", "b stops", "a stops"]


async def test_a_part_that_cannot_stop_does_not_keep_the_others_from_it(caplog: pytest.LogCaptureFixture) -> None:
    made, story = planned(WHOAMI), list[str]()
    made.build.parts += [Part("first", story), Part("second", story, at_stop=ValueError("a defect"))]
    app = App(made)
    await app.start()
    with caplog.at_level(logging.ERROR, "kdns"):
        await app.stop()
    assert story[2:] == ["second stops", "first stops"]
    assert caplog.messages == ["a part did not stop as it should"]


async def test_through_lameduck_it_answers_and_is_not_ready() -> None:
    pause = Pause()
    app = App(planned(PAGES), sleep=pause)
    await app.start()
    address = app.addresses[Place(HERE, 0)]
    health, ready = app.pages[HERE, 0], app.pages["localhost", 0]
    assert await page(ready, "/ready") == 200
    stopping = asyncio.create_task(app.stop())
    async with asyncio.timeout(PATIENCE):
        await pause.begun.wait()
    assert pause.asked == [3600.0]
    assert [await page(ready, "/ready"), await page(health, "/health")] == [503, 200]
    assert [await ask(address), await ask(address, tcp=True)] == ["NOERROR", "NOERROR"]
    pause.over.set()
    await stopping
    assert is_free(address[1])
    with pytest.raises(OSError, match="onnect"):
        await page(health, "/health")


async def test_without_lameduck_it_does_not_wait() -> None:
    pause = Pause()
    async with started(planned(WHOAMI), sleep=pause) as app:
        await app.stop()
    assert pause.asked == []


async def test_what_has_come_when_it_stops_is_answered() -> None:
    """Datagrams in the socket's queue, and questions that one client has pipelined."""
    gate, seen = asyncio.Event(), list[str]()

    async def slow(query: Query) -> Response:
        seen.append(query.transport.name)
        await gate.wait()
        return Response(authoritative=True)

    app = App(handled(slow))
    await app.start()
    address = only(app.addresses)
    wires = [dns.message.make_query(f"n{number}.test", "A").to_wire() for number in range(40)]
    with UdpClient() as datagrams:
        async with StreamClient(address) as stream:
            stream.send(*wires)
            await stream.writer.drain()
            async with asyncio.timeout(PATIENCE):
                while seen.count("tcp") < len(wires):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            for wire in wires:
                datagrams.send(wire, address)
            stopping = asyncio.create_task(app.stop())
            async with asyncio.timeout(PATIENCE):
                while seen.count("udp") < len(wires):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            gate.set()
            replies = await stream.rest()
        by_udp = [(await datagrams.receive())[0] for _ in wires]
    await stopping
    ids = sorted(wire[:2] for wire in wires)
    assert sorted(reply[:2] for reply in replies) == ids
    assert sorted(reply[:2] for reply in by_udp) == ids


async def test_every_address_and_a_single_one_share_a_port() -> None:
    port = free_port()
    text = f"other.test:{port} {{\n bind 127.0.0.2\n whoami\n}}\n.:{port} {{\n whoami\n}}"
    async with started(planned(text)):
        for tcp in (False, True):
            assert await ask(("127.0.0.2", port), "other.test", tcp=tcp) == "NOERROR"
            assert await ask(("127.0.0.2", port), "x.test", tcp=tcp) == "REFUSED"
            assert await ask((HERE, port), "x.test", tcp=tcp) == "NOERROR"


async def test_a_port_that_is_shared_is_in_use_for_everybody_else() -> None:
    port = free_port()
    text = f"other.test:{port} {{\n bind 127.0.0.2\n whoami\n}}\n.:{port} {{\n whoami\n}}"
    async with started(planned(text)):
        with pytest.raises(StartError, match=f":{port} is in use"):
            await App(planned(text)).start()
        assert await ask((HERE, port)) == "NOERROR"


async def test_a_port_that_is_taken_for_tcp_is_not_kept_for_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel picks for UDP, and knows nothing of TCP."""
    with taken(socket.SOCK_STREAM) as port:
        picks = [port, 0]

        def listener(responder: object, host: str, _: int, **rest: object) -> UdpListener:
            return UdpListener(responder, host, picks.pop(0) if picks else 0, **rest)  # type: ignore[arg-type]

        monkeypatch.setattr(app_module, "UdpListener", listener)
        async with started(planned(WHOAMI)) as app:
            address = only(app.addresses)
            assert picks == []
            assert address[1] != port
            assert await ask(address, tcp=True) == "NOERROR"


async def test_a_memo_hears_of_changes() -> None:
    made_for: list[str] = []

    async def counting(query: Query) -> Response:
        made_for.append(query.transport.name)
        keep = Keep(scope=Scope.EVERYBODY, depends_on=frozenset({"web"}))
        return Response(authoritative=True, keep=keep)

    made = handled(counting)
    responder = responder_at(made, Place(HERE, 0))
    wire = dns.message.make_query("web.test", "A").to_wire()

    async def answered() -> bytes | None:
        kept = hit(responder, wire)
        return kept or await responder.respond(wire, (HERE, 1), (HERE, 53), Transport.udp)

    metrics = made.build.metrics.registry.get_sample_value
    assert await answered() == await answered()
    assert (len(made_for), metrics("kdns_memo_entries")) == (1, 1)
    made.build.changes.publish(["db"])
    await answered()
    assert (len(made_for), metrics("kdns_memo_forgotten_total")) == (1, 0)
    made.build.changes.publish(["web"])
    assert (metrics("kdns_memo_entries"), metrics("kdns_memo_forgotten_total")) == (0, 1)
    await answered()
    assert len(made_for) == 2
