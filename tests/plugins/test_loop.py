"""The plugin with *forward* over real sockets: to itself, to a peer that sends questions back, to good ones."""

from __future__ import annotations

import asyncio
import functools
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import ParamSpec

import dns.asyncquery
import dns.message
import pytest

from kdns.app import App
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.plan import plan
from kdns.plugins.loop import Probe
from kdns.proto.name import from_text, to_text
from tests import processes
from tests.asking import ede, lines, rcode
from tests.processes import free_port
from tests.upstream.scripted import Script, Seen, Sent, good, reply, scripted, silent
from tests.warp import WarpLoop, warp

P = ParamSpec("P")
PROBE = re.compile(r"[0-9]+\.[0-9]+\.")


def warped(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run it on a loop whose clock jumps."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=WarpLoop) as runner:
            runner.run(whole())

    return run


def set_up(text: str) -> list[str]:
    """What is wrong with a Corefile."""
    try:
        plan(parse(text, "Corefile", environ={}, disk=Memory()), lambda: 0.0, lambda: 0.0)
    except CorefileErrors as errors:
        return [str(error) for error in errors.errors]
    return []


@pytest.mark.parametrize(
    "text",
    [
        ". {\n loop\n}",
        "a.test b.test:54 {\n loop\n}",
        ". {\n loop {\n }\n}",
        ". {\n loop {\n  when_found exit\n }\n}",
        ". {\n loop {\n  when_found servfail\n }\n}",
        ". {\n bind 127.0.0.1 ::1\n loop\n}",
        ". {\n loop\n}\na.test {\n loop\n}",
    ],
)
def test_good_lines_are_taken(text: str) -> None:
    assert set_up(text) == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (". {\n loop 30s\n}", "Corefile:2: 'loop' takes no arguments: remove '30s'"),
        (". {\n loop {\n  action exit\n }\n}", "Corefile:3: 'loop' has no option 'action' (it has when_found)"),
        (
            ". {\n loop {\n  when_found stop\n }\n}",
            "Corefile:3: 'when_found' takes exit or servfail, not 'stop'",
        ),
        (". {\n loop {\n  when_found\n }\n}", "Corefile:3: 'when_found' takes 1 argument, not 0"),
        (
            ". {\n loop\n loop\n}",
            "Corefile:3: loop can stand only once in a server block; it is already at Corefile:2",
        ),
        (
            f"{'.'.join(['x' * 60] * 4)} {{\n loop\n}}",
            f"Corefile:2: '{'.'.join(['x' * 60] * 4)}' is too long for names below it, which 'loop' needs",
        ),
    ],
)
def test_bad_lines_are_told(text: str, mistake: str) -> None:
    assert set_up(text) == [mistake]


def test_no_name_is_like_the_one_before() -> None:
    probe = Probe(from_text("a.test."), Random(7), stays=False)
    names = {to_text(probe.draw()) for _ in range(100)}
    assert len(names) == 100
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.a\.test\.", name) for name in names)


@asynccontextmanager
async def running(
    to: str, *, port: int = 0, options: str = "", more: str = "", forward: str = ""
) -> AsyncIterator[App]:
    """A server that forwards there."""
    text = f".:{port} {{\nbind 127.0.0.1\nloop {{\n{options}\n}}\n{more}\nforward . {to} {{\n{forward}\n}}\n}}\n"
    made = plan(parse(text, "Corefile", environ={}, disk=Memory()), warp().time, lambda: 0.0)
    app = App(made)
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


def address(app: App) -> tuple[str, int]:
    (found,) = app.addresses.values()
    return found


async def halted(app: App) -> str:
    async with asyncio.timeout(60):
        await app.halted.wait()
    return app.why


async def ask(app: App, name: str, type: str = "A") -> dns.message.Message:
    query = dns.message.make_query(name, type, use_edns=0)
    host, port = address(app)
    return await dns.asyncquery.udp(query, host, port=port, timeout=60)


SEEN = (
    r'plugin/loop: Loop \(127\.0\.0\.1:[0-9]+ -> 127\.0\.0\.1:[0-9]+\) detected for zone "\.": '
    r'"HINFO IN [0-9]+\.[0-9]+\." came more than twice, so what is forwarded '
)


@pytest.mark.parametrize(
    "forward",
    [
        pytest.param("", id="as it is"),
        pytest.param("max_connect_attempts 1", id="one attempt"),
        pytest.param("max_fails 0", id="never down"),
    ],
)
@warped
async def test_a_server_that_asks_itself_ends(forward: str) -> None:
    port = free_port()
    async with running(f"127.0.0.1:{port}", port=port, forward=forward) as app:
        assert re.match(SEEN, await halted(app))
        assert "/run/systemd/resolve/resolv.conf" in app.why


class Back:
    """A script that sends each question back to a server, under an id of its own, and says nothing, or `then`."""

    def __init__(self, then: Script = silent) -> None:
        self.to: tuple[str, int] | None = None
        self._then = then

    def __call__(self, seen: Seen) -> list[Sent]:
        if self.to is not None:
            with socket.socket(type=socket.SOCK_DGRAM) as sock:
                sock.sendto(b"\1\2" + seen.wire[2:], self.to)
        return [*self._then(seen)]


def servfail(seen: Seen) -> list[Sent]:
    return [reply(seen, rcode="SERVFAIL")]


@warped
async def test_a_peer_that_sends_questions_back_is_found_out() -> None:
    back = Back()
    async with scripted(back) as peer, running(peer.text) as app:
        back.to = address(app)
        assert re.match(SEEN, await halted(app))
        name = re.findall(r"IN (\S+)\"", app.why)[0]
        assert {seen.name for seen in peer.seen} == {name}


@warped
async def test_the_question_is_below_the_first_zone_of_the_block() -> None:
    async with scripted(good) as upstream:
        text = f"a.test:0 b.test:0 {{\nbind 127.0.0.1\nloop\nforward . {upstream.text}\n}}"
        app = App(plan(parse(text, "Corefile", environ={}, disk=Memory()), warp().time, lambda: 0.0))
        await app.start()
        await asyncio.sleep(5)
        await app.unload()
    assert len(upstream.seen) == 1
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.a\.test\.", upstream.seen[0].name)
    assert upstream.seen[0].message.question[0].rdtype == 13


@pytest.mark.parametrize(
    ("script", "names"),
    [
        pytest.param(good, range(1, 2), id="a good one"),
        pytest.param(servfail, range(1, 2), id="one that fails"),
        pytest.param(silent, range(1, 8), id="a silent one"),
    ],
)
@warped
async def test_other_servers_are_no_loop(script: Script, names: range) -> None:
    """Within 30 seconds, nor later; then even the question itself may come as often as it likes."""
    async with scripted(script) as upstream, running(upstream.text) as app:
        await asyncio.sleep(60)
        assert not app.halted.is_set()
        asked = [seen.name for seen in upstream.seen if PROBE.fullmatch(seen.name)]
        assert len(set(asked)) in names
        for _ in range(4):
            await ask(app, asked[-1], "HINFO")
        assert not app.halted.is_set()


@warped
async def test_the_same_name_of_another_type_does_not_count() -> None:
    async with scripted(silent) as upstream, running(upstream.text) as app:
        while not upstream.seen:  # noqa: ASYNC110
            await asyncio.sleep(0)
        upstream.script = good
        for _ in range(5):
            await ask(app, upstream.seen[0].name, "TXT")
        assert not app.halted.is_set()


async def until_found(app: App, name: str) -> dns.message.Message:
    """Ask until the loop is noticed."""
    for _ in range(100):
        answer = await ask(app, name)
        if ede(answer) == "questions that are forwarded come back to this server":
            return answer
        await asyncio.sleep(0.5)
    raise AssertionError("nothing was noticed")


@warped
async def test_it_stays_and_fails_what_loops_until_it_does_so_no_more() -> None:
    back = Back()
    more = "hosts none {\n 192.0.2.7 own.test\n fallthrough\n}"
    async with scripted(back) as peer, running(peer.text, options="when_found servfail", more=more) as app:
        back.to = address(app)
        assert rcode(await until_found(app, "www.example.org.")) == "SERVFAIL"
        before = len(peer.seen)
        for number in range(10):
            assert rcode(await ask(app, f"n{number}.example.org.")) == "SERVFAIL"
        assert len(peer.seen) == before
        assert lines((await ask(app, "own.test.")).answer) == ["own.test. 3600 IN A 192.0.2.7"]
        await asyncio.sleep(100)
        assert ede(await ask(app, "www.example.org.")) == "questions that are forwarded come back to this server"
        back.to, peer.script = None, good
        await asyncio.sleep(45)
        assert lines((await ask(app, "www.example.org.")).answer) == ["www.example.org. 60 IN A 192.0.2.1"]
        assert not app.halted.is_set()


def test_the_process_ends_with_the_reason_and_a_code_of_its_own(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "Corefile").write_text(f".:{port} {{\n bind 127.0.0.1\n loop\n forward . 127.0.0.1:{port}\n}}\n")
    with processes.serving(cwd=tmp_path) as server:
        server.until(r"Loop \(.*\) detected")
        code, out, _ = server.ended()
    assert code == 3
    assert re.search(rf"\[CRITICAL\] {SEEN}.*$", out.splitlines()[-1])
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", port))
