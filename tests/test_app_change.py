"""Another plan in place of the one that is served."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import ssl
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rcode
import pytest

from kdns.app import App
from kdns.chain import Handler, Keep, Query, Response, Scope
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import StartError
from kdns.metrics import Metrics
from kdns.plan import Place, Plan, plan, plan_after
from kdns.proto.name import from_text
from kdns.proto.record import RRset
from kdns.serve.router import Router, Served
from kdns.site import Build, Page
from tests.processes import free_port, taken
from tests.serve.sockets import PATIENCE, StreamClient, UdpClient, until
from tests.upstream.certificates import Authority
from tests.upstream.scripted import Scripted, Seen, address, scripted

HERE = "127.0.0.1"
ROOT = from_text(".")


def answering(number: int) -> Handler:
    """Everything has the address 10.0.0.number, and that may be kept for ever."""

    async def answer(query: Query) -> Response:
        record = RRset(query.question.name, 1, 5, (bytes((10, 0, 0, number)),))
        return Response(answer=(record,), keep=Keep(Scope.EVERYBODY, depends_on=frozenset({"all"})))

    return answer


def planned(handler: Handler, *places: Place, before: Plan | None = None) -> Plan:
    """A handler for every name, on a port that the kernel picks unless given."""
    if before is None:
        build = Build(Metrics(), asyncio.get_running_loop().time, lambda: 0.0)
    else:
        build = Build.after(before.build)
    served = Served(ROOT, "dns://:53", handler, 1232)
    return Plan(build, {place: Router({ROOT: served}) for place in places or (Place(HERE, 0),)})


@dataclass
class Part:
    """Notes in `story` when it starts and stops."""

    name: str
    story: list[str]
    at_start: BaseException | None = None

    async def start(self) -> None:
        self.story.append(f"{self.name} starts")
        if self.at_start:
            raise self.at_start

    async def stop(self) -> None:
        self.story.append(f"{self.name} stops")


@asynccontextmanager
async def started(made: Plan) -> AsyncIterator[App]:
    app = App(made)
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


def only(app: App) -> tuple[str, int]:
    (address,) = app.addresses.values()
    return address


def number_in(wire: bytes) -> int:
    reply = dns.message.from_wire(wire)
    assert reply.rcode() == dns.rcode.NOERROR
    return int(reply.answer[0][0].to_text().split(".")[-1])


async def ask(address: tuple[str, int], *, tcp: bool = False, name: str = "x.test") -> int:
    """The last number of the address."""
    how = dns.asyncquery.tcp if tcp else dns.asyncquery.udp
    reply = await how(dns.message.make_query(name, "A"), address[0], port=address[1], timeout=PATIENCE)
    return number_in(reply.to_wire())


def question(number: int) -> bytes:
    query = dns.message.make_query("x.test", "A")
    query.id = number
    return query.to_wire()


async def left(app: App) -> None:
    """Return when what was served before is gone."""
    await until(lambda: not app._leaving)  # noqa: SLF001


async def test_the_same_sockets_answer_with_the_new_plan_from_one_question_to_the_next() -> None:
    first = planned(answering(1))
    async with started(first) as app:
        address = only(app)
        async with StreamClient(address) as client:
            with UdpClient() as datagrams:
                client.send(question(1))
                assert number_in(await client.receive()) == 1
                assert number_in((await datagrams.ask(question(1), address))[0]) == 1
                for number in (2, 3):
                    await app.change(planned(answering(number), before=app.plan))
                    assert only(app) == address
                    client.send(question(number))
                    assert number_in(await client.receive()) == number
                    assert number_in((await datagrams.ask(question(number), address))[0]) == number


async def test_a_question_that_was_begun_is_finished_before_its_parts_stop() -> None:
    gate, story = asyncio.Event(), list[str]()

    async def slow(query: Query) -> Response:
        story.append(query.transport.name)
        await gate.wait()
        return await answering(1)(query)

    first = planned(slow)
    first.build.parts.append(Part("old", story))
    async with started(first) as app, StreamClient(only(app)) as client:
        with UdpClient() as datagrams:
            datagrams.send(question(1), only(app))
            client.send(question(1))
            await until(lambda: {"udp", "tcp"} <= set(story))
            await app.change(planned(answering(2), before=first))
            assert await ask(only(app)) == 2
            assert "old stops" not in story
            gate.set()
            assert number_in((await datagrams.receive())[0]) == 1
            assert number_in(await client.receive()) == 1
            await left(app)
        assert story[-1] == "old stops"


async def test_a_question_that_never_ends_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kdns.app._GRACE", 0.01)
    story: list[str] = []

    async def never(query: Query) -> Response:
        story.append(query.transport.name)
        return await asyncio.Future()

    first = planned(never)
    first.build.parts.append(Part("old", story))
    async with started(first) as app:
        with UdpClient() as datagrams:
            datagrams.send(question(1), only(app))
            await until(lambda: "udp" in story)
            await app.change(planned(answering(2), before=first))
            await left(app)
            assert story[-1] == "old stops"


async def test_what_both_plans_have_is_neither_started_nor_stopped_again() -> None:
    story: list[str] = []
    first = planned(answering(1))
    kept = first.build.part("key", lambda: Part("kept", story))
    first.build.parts.append(Part("old", story))
    async with started(first) as app:
        second = planned(answering(2), before=first)
        assert second.build.part("key", lambda: Part("another", story)) is kept
        second.build.parts.append(Part("new", story))
        await app.change(second)
        await left(app)
        assert story == ["kept starts", "old starts", "new starts", "old stops"]
    assert sorted(story[4:]) == ["kept stops", "new stops"]


@pytest.mark.parametrize("error", [StartError("no cluster"), ValueError("a defect"), asyncio.CancelledError()])
async def test_a_part_that_cannot_start_changes_nothing(error: BaseException) -> None:
    story: list[str] = []
    first = planned(answering(1))
    first.build.part("key", lambda: Part("kept", story))
    async with started(first) as app:
        story.clear()
        second = planned(answering(2), Place(HERE, 0), Place("127.0.0.2", 0), before=first)
        second.build.part("key", lambda: Part("another", story))
        second.build.parts += [Part("good", story), Part("bad", story, error), Part("third", story)]
        with pytest.raises(type(error)):
            await app.change(second)
        assert story == ["good starts", "bad starts", "bad stops", "good stops"]
        assert list(app.addresses) == [Place(HERE, 0)]
        assert await ask(only(app)) == 1
        await app.change(planned(answering(3), before=app.plan))
        assert await ask(only(app)) == 3


@pytest.mark.parametrize("type", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
async def test_an_address_in_use_changes_nothing(type: socket.SocketKind) -> None:
    first, own, story = planned(answering(1)), free_port(), list[str]()
    async with started(first) as app:
        with taken(type) as port:
            second = planned(answering(2), Place(HERE, 0), Place(HERE, own), Place(HERE, port), before=first)
            second.build.parts.append(Part("new", story))
            with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port} is in use"):
                await app.change(second)
        assert story == ["new starts", "new stops"]
        assert [await ask(only(app)), await ask(only(app), tcp=True)] == [1, 1]
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((HERE, own))
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((HERE, own))


async def test_another_port_is_opened_before_the_former_is_given_back() -> None:
    one, other = free_port(), free_port()
    first = planned(answering(1), Place(HERE, one))
    async with started(first) as app:
        await app.change(planned(answering(2), Place(HERE, other), before=first))
        assert app.addresses == {Place(HERE, other): (HERE, other)}
        assert [await ask((HERE, other)), await ask((HERE, other), tcp=True)] == [2, 2]
        await left(app)
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind((HERE, one))
        await app.change(planned(answering(3), Place(HERE, one), before=app.plan))
        assert await ask((HERE, one)) == 3


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([HERE], [""], id="one to every"),
        pytest.param([""], [HERE], id="every to one"),
        pytest.param([""], ["0.0.0.0", "::"], id="every to both families'"),
        pytest.param(["0.0.0.0", "::"], [""], id="both families' to every"),
        pytest.param([HERE, "127.0.0.2"], ["", "127.0.0.2"], id="two to every beside one"),
        pytest.param(["", "127.0.0.2"], [HERE], id="every beside one to another"),
    ],
)
async def test_a_port_can_go_from_some_of_its_addresses_to_others(before: list[str], after: list[str]) -> None:
    port = free_port()
    first = planned(answering(1), *(Place(host, port) for host in before))
    async with started(first) as app:
        assert [await ask((HERE, port)), await ask((HERE, port), tcp=True)] == [1, 1]
        await app.change(planned(answering(2), *(Place(host, port) for host in after), before=first))
        for tcp in (False, True) * 5:
            assert await ask((HERE, port), tcp=tcp) == 2
        await app.change(planned(answering(3), *(Place(host, port) for host in before), before=app.plan))
        for tcp in (False, True) * 5:
            assert await ask((HERE, port), tcp=tcp) == 3


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param([[HERE], [""], [HERE]], id="one, all and back"),
        pytest.param([[HERE], ["0.0.0.0"], ["0.0.0.0", HERE], ["0.0.0.0"]], id="all beside one"),
        pytest.param([[HERE], [HERE, "127.0.0.2"], [HERE]], id="another beside it"),
    ],
)
async def test_connections_go_on_while_somebody_listens_on_their_address(hosts: list[list[str]]) -> None:
    port = free_port()
    first, *others = [[Place(host, port) for host in each] for each in hosts]
    async with started(planned(answering(0), *first)) as app, StreamClient((HERE, port)) as client:
        for number, places in enumerate(others, start=1):
            client.send(question(number))
            assert number_in(await client.receive()) == number - 1
            await app.change(planned(answering(number), *places, before=app.plan))
        client.send(question(9))
        assert number_in(await client.receive()) == len(others)
        await app.change(planned(answering(8), Place("127.0.0.2", port), before=app.plan))
        assert await client.rest() == []


async def test_a_question_that_was_begun_is_answered_on_a_connection_that_goes_on() -> None:
    begun, go = asyncio.Event(), asyncio.Event()
    before = answering(1)

    async def slow(query: Query) -> Response:
        begun.set()
        await go.wait()
        return await before(query)

    port = free_port()
    async with started(planned(slow, Place(HERE, port))) as app, StreamClient((HERE, port)) as client:
        client.send(question(1))
        await begun.wait()
        await app.change(planned(answering(2), Place("", port), before=app.plan))
        client.send(question(2))
        assert number_in(await client.receive()) == 2
        go.set()
        assert number_in(await client.receive()) == 1
        assert app.plan.build.metrics.registry.get_sample_value("kdns_tcp_connections") == 1


async def test_datagrams_that_wait_in_a_socket_that_goes_are_answered() -> None:
    """The loop has not read them when the plan changes."""
    port = free_port()
    first = planned(answering(1), Place(HERE, port))
    async with started(first) as app:
        second = planned(answering(2), Place("", port), before=first)
        with UdpClient() as datagrams:

            class Sends:
                async def start(self) -> None:
                    for number in range(100):
                        datagrams.send(question(number), (HERE, port))

                async def stop(self) -> None:
                    """Nothing to let go of."""

            second.build.parts.append(Sends())
            await app.change(second)
            for number in range(100, 200):
                datagrams.send(question(number), (HERE, port))
            replies = [(await datagrams.receive())[0] for _ in range(200)]
        assert sorted(int.from_bytes(reply[:2]) for reply in replies) == list(range(200))


async def test_every_change_is_heard_by_the_memo_that_answers_and_by_no_other() -> None:
    """Whoever publishes: what was handed on knows the Build that it was made by."""
    first = planned(answering(1))
    metrics = first.build.metrics.registry.get_sample_value
    async with started(first) as app:
        assert await ask(only(app)) == 1
        assert metrics("kdns_memo_entries") == 1
        second = planned(answering(2), before=first)
        await app.change(second)
        await left(app)
        assert metrics("kdns_memo_entries") == 0
        assert await ask(only(app)) == 2
        assert metrics("kdns_memo_entries") == 1
        first.build.changes.publish(["all"])
        assert metrics("kdns_memo_entries") == 0
        assert metrics("kdns_memo_forgotten_total") == 1
    assert metrics("kdns_memo_entries") == 0


def shown(build: Build, address: tuple[str, int], text: str, tls: ssl.SSLContext | None = None) -> None:
    async def page() -> Page:
        return Page(200, text.encode())

    build.page(address, "/page", page)
    if tls is not None:
        build.tls[address] = tls


async def fetch(address: tuple[str, int], tls: ssl.SSLContext | None = None) -> str:
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(*address, ssl=tls, server_hostname="localhost" if tls else None)
        writer.write(b"GET /page HTTP/1.0\r\nHost: localhost\r\n\r\n")
        body = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    return body.split("\r\n\r\n")[1]


async def test_a_page_s_address_goes_on_and_so_do_its_connections() -> None:
    first = planned(answering(1))
    shown(first.build, (HERE, 0), "old")
    async with started(first) as app:
        address = app.pages[HERE, 0]
        reader, writer = await asyncio.open_connection(*address)
        for text in ("old", "new"):
            if text == "new":
                second = planned(answering(2), before=first)
                shown(second.build, (HERE, 0), "new")
                await app.change(second)
                await left(app)
            writer.write(b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                await reader.readuntil(b"\r\n\r\n")
                assert await reader.readexactly(3) == text.encode()
        writer.close()
        await writer.wait_closed()
        assert app.pages[HERE, 0] == address
        assert await fetch(address) == "new"


async def test_pages_come_go_and_move() -> None:
    one, other = free_port(), free_port()
    first = planned(answering(1))
    shown(first.build, (HERE, one), "one")
    async with started(first) as app:
        for at, text in (((HERE, other), "other"), (("", other), "every"), ((HERE, other), "one again")):
            made = planned(answering(2), before=app.plan)
            shown(made.build, at, text)
            await app.change(made)
            await left(app)
            assert await fetch((HERE, other)) == text
        with pytest.raises(OSError, match="onnect"):
            await fetch((HERE, one))
        await app.change(planned(answering(3), before=app.plan))
        await left(app)
        assert app.pages == {}
        with pytest.raises(OSError, match="onnect"):
            await fetch((HERE, other))


async def test_a_page_goes_over_to_tls_and_to_another_certificate_on_its_sockets(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first = planned(answering(1))
    shown(first.build, (HERE, 0), "plain")
    async with started(first) as app:
        address = app.pages[HERE, 0]
        for text in ("one", "other"):
            made = planned(answering(2), before=app.plan)
            shown(made.build, (HERE, 0), text, authority.server("localhost"))
            await app.change(made)
            await left(app)
            assert app.pages[HERE, 0] == address
            assert await fetch(address, authority.client()) == text


async def test_a_page_that_cannot_be_had_changes_nothing() -> None:
    first = planned(answering(1))
    shown(first.build, (HERE, 0), "old")
    async with started(first) as app:
        with taken() as port:
            second = planned(answering(2), before=first)
            shown(second.build, (HERE, 0), "new")
            shown(second.build, (HERE, port), "new")
            with pytest.raises(StartError, match=f"{port}.* is in use"):
                await app.change(second)
        assert await ask(only(app)) == 1
        assert await fetch(app.pages[HERE, 0]) == "old"


async def test_stopping_waits_for_what_was_begun_before_a_change() -> None:
    gate, begun = asyncio.Event(), asyncio.Event()

    async def slow(query: Query) -> Response:
        begun.set()
        await gate.wait()
        return await answering(1)(query)

    app = App(planned(slow))
    await app.start()
    with UdpClient() as datagrams:
        datagrams.send(question(1), only(app))
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        await app.change(planned(answering(2), before=app.plan))
        stopping = asyncio.create_task(app.stop())
        await asyncio.sleep(0)
        gate.set()
        await stopping
        assert number_in((await datagrams.receive())[0]) == 1


async def test_many_changes_leave_nothing_behind() -> None:
    gone = []
    async with started(of(f".:0 {{\nbind {HERE}\nhosts /dev/null\ncache\nwhoami\n}}")) as app:
        for number in range(10):
            gone.append(weakref.ref(app.plan.build.changes))
            assert app.plan.build.handed == {}
            await app.change(of(f".:0 {{\nbind {HERE}\nhosts /dev/null\ncache {number + 1}\nwhoami\n}}", app.plan))
            await left(app)
        gc.collect()
        assert len(app.plan.build.changes._together) == 1  # noqa: SLF001
        # The first made what has been handed on ever since.
        assert [each() is None for each in gone] == [False] + [True] * 9


async def test_what_was_kept_before_a_change_is_let_go_of() -> None:
    async with started(planned(answering(1))) as app:
        former = next(iter(app._open.places.values())).responder  # noqa: SLF001
        with UdpClient() as datagrams:
            for number in range(300):
                await datagrams.ask(dns.message.make_query(f"x{number}.test", "A").to_wire(), only(app))
            assert len(former.memo) == 300
            await app.change(planned(answering(2), before=app.plan))
            await left(app)
            assert len(former.memo) == 0
            assert number_in((await datagrams.ask(question(1), only(app)))[0]) == 2


async def test_letting_go_right_after_a_change_leaves_nothing_behind() -> None:
    story: list[str] = []
    one, other = free_port(), free_port()
    first = planned(answering(1), Place(HERE, one))
    first.build.parts.append(Part("old", story))
    shown(first.build, (HERE, 0), "old")
    app = App(first)
    await app.start()
    page = app.pages[HERE, 0]
    second = planned(answering(2), Place(HERE, other), before=first)
    second.build.parts.append(Part("new", story))
    await app.change(second)
    await app.unload()
    assert sorted(story) == ["new starts", "new stops", "old starts", "old stops"]
    with pytest.raises(OSError, match="onnect"):
        await fetch(page)
    for port in (one, other):
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind((HERE, port))


async def test_a_plugin_of_any_plan_can_have_the_process_end() -> None:
    async with started(planned(answering(1))) as app:
        await app.change(planned(answering(2), before=app.plan))
        assert not app.halted.is_set()
        app.plan.build.halt("it loops")
        app.plan.build.halt("again")
        assert app.halted.is_set()
        assert app.why == "it loops"


async def test_plugins_hear_where_listeners_really_are() -> None:
    async with started(planned(answering(1))) as app:
        second = planned(answering(2), before=app.plan)
        assert not second.build.opened.is_set()
        await app.change(second)
        assert second.build.opened.is_set()
        assert second.build.bound == {(HERE, 0): only(app)}


COREFILE = """\
.:0 {
    bind 127.0.0.1
    prometheus 127.0.0.1:0
    MORE
}
"""


def of(text: str, before: Plan | None = None) -> Plan:
    corefile = parse(text, "Corefile", environ={}, disk=Memory())
    if before is not None:
        return plan_after(corefile, before)
    return plan(corefile, asyncio.get_running_loop().time, lambda: 0.0)


def enabled(app: App) -> set[str]:
    (family,) = app.plan.build.metrics.plugin_enabled.collect()
    return {sample.labels["name"] for sample in family.samples}


async def test_the_plugins_that_metrics_show_are_those_that_are_in_force() -> None:
    async with started(of(COREFILE.replace("MORE", "whoami"))) as app:
        assert enabled(app) == {"bind", "prometheus", "whoami"}
        failing = of(COREFILE.replace("MORE", "any"), app.plan)
        failing.build.parts.append(Part("bad", [], StartError("no")))
        with pytest.raises(StartError):
            await app.change(failing)
        assert enabled(app) == {"bind", "prometheus", "whoami"}
        await app.change(of(COREFILE.replace("MORE", "any"), app.plan))
        assert enabled(app) == {"bind", "prometheus", "any"}


async def test_metrics_go_on_counting() -> None:
    async with started(of(COREFILE.replace("MORE", "whoami"))) as app:
        value = app.plan.build.metrics.registry.get_sample_value
        labels = {"server": "dns://127.0.0.1:0", "zone": ".", "view": "", "proto": "udp", "family": "1", "type": "A"}
        for asked in (1, 2, 3):
            await dns.asyncquery.udp(dns.message.make_query("x.test", "A"), HERE, port=only(app)[1], timeout=PATIENCE)
            assert value("coredns_dns_requests_total", labels) == asked
            await app.change(of(COREFILE.replace("MORE", "whoami\n any"), app.plan))


async def test_debug_is_on_as_long_as_the_corefile_says_so() -> None:
    root = logging.getLogger("kdns")
    before = root.level
    async with started(of(COREFILE.replace("MORE", "whoami\n debug"))) as app:
        for more, level in (("whoami\n debug", logging.DEBUG), ("whoami", before), ("any\n debug", logging.DEBUG)):
            await app.change(of(COREFILE.replace("MORE", more), app.plan))
            await left(app)
            assert root.level == level
    assert root.level == before


def forwarding(upstream: Scripted, more: str = "") -> str:
    return f".:0 {{\nbind {HERE}\nforward . {upstream.text} {{\nforce_tcp\n{more}\n}}\n}}"


async def test_connections_to_upstreams_are_kept_while_their_settings_are() -> None:
    async with scripted() as upstream, started(of(forwarding(upstream))) as app:
        for name, more, connections in (
            ("a.test", "", 1),
            ("b.test", "# nothing new", 1),
            ("c.test", "max_fails 5", 2),
            ("d.test", "max_fails 5", 2),
        ):
            await app.change(of(forwarding(upstream, more), app.plan))
            assert await ask(only(app), name=name) == 1
            assert upstream.connections == connections


async def test_a_cache_is_kept_while_its_block_says_the_same() -> None:
    async with scripted() as upstream, started(of(forwarding(upstream, "}\ncache {"))) as app:
        for more, questions in (("", 1), ("# why", 1), ("success 5000", 2), ("success 5000", 2), ("", 3)):
            await app.change(of(forwarding(upstream, "}\ncache {\n" + more), app.plan))
            assert [await ask(only(app)), await ask(only(app))] == [1, 1]
            assert len(upstream.seen) == questions


async def test_a_question_that_waits_for_an_upstream_gets_its_answer_after_a_change() -> None:
    """The servers are not wanted any more, but those who wait for them are served by them."""
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as upstream:
        upstream.setblocking(False)
        upstream.bind((HERE, 0))
        text = f".:0 {{\nbind {HERE}\nforward . {HERE}:{upstream.getsockname()[1]}\n}}"
        async with started(of(text)) as app, asyncio.timeout(PATIENCE):
            asking = asyncio.create_task(ask(only(app)))
            wire, kdns = await loop.sock_recvfrom(upstream, 4096)
            await app.change(of(f".:0 {{\nbind {HERE}\nwhoami\n}}", app.plan))
            upstream.sendto(good_reply(wire), kdns)
            assert await asking == 1
            await left(app)


def good_reply(wire: bytes) -> bytes:
    return address(Seen(wire, dns.message.from_wire(wire), 0))


MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
"""


async def test_the_cluster_is_kept_while_its_settings_are(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(MANIFEST)
    cluster = f"kubernetes cluster.local {{\nmanifests {tmp_path}\nttl TTL\nSET\n}}"
    text = f".:0 {{\nbind {HERE}\nready {HERE}:0\n{cluster}\n}}"
    async with started(of(text.replace("TTL", "5").replace("SET", ""))) as app:

        async def ttl() -> int:
            query = dns.message.make_query("web.default.svc.cluster.local", "A")
            reply = await dns.asyncquery.udp(query, HERE, port=only(app)[1], timeout=PATIENCE)
            return reply.answer[0].ttl

        assert await ttl() == 5
        parts = app.plan.build.parts
        await app.change(of(text.replace("TTL", "7").replace("SET", ""), app.plan))
        assert await ttl() == 7
        assert [part is other for part, other in zip(parts, app.plan.build.parts, strict=True)] == [True]
        assert len(app.plan.build.report) == 1
        assert app.plan.build.readiness["kubernetes"]() == ""
        await app.change(of(text.replace("TTL", "9").replace("SET", "namespaces default"), app.plan))
        assert await ttl() == 9
        assert app.plan.build.parts[0] is not parts[0]
