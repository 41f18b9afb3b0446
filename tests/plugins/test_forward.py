"""The directive in its server block: what it warns of, what it refuses, how several stand together.

What is said to upstreams and what clients get of it: tests/upstream/test_served.py. Option lines:
tests/test_forwarding.py.
"""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import dns.asyncquery
import dns.message
import pytest

from kdns.app import App
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.plan import Plan, plan
from tests.asking import ede, lines, rcode, serving
from tests.serve.sockets import PATIENCE


def planned(corefile: str) -> Plan:
    return plan(parse(corefile, "Corefile", environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)


STUB = "is systemd-resolved's, which may ask kdns in turn; its servers are in /run/systemd/resolve/resolv.conf"
LOOP = "is where this server block listens: it would ask itself, over and over"


@pytest.mark.parametrize(
    ("corefile", "warnings"),
    [
        (".:53 {\nforward . 127.0.0.53\n}", [f"127.0.0.53:53 {LOOP}"]),
        (".:1053 {\nforward . 127.0.0.53\n}", [f"127.0.0.53 {STUB}"]),
        (".:53 {\nbind 169.254.20.10\nforward . 127.0.0.53 127.0.0.54\n}", [f"127.0.0.5{n} {STUB}" for n in (3, 4)]),
        (".:53 {\nforward . 127.0.0.1\n}", [f"127.0.0.1:53 {LOOP}"]),
        (".:53 {\nforward . 0.0.0.0\n}", [f"0.0.0.0:53 {LOOP}"]),
        (".:53 {\nbind 127.0.0.1\nforward . 127.0.0.1\n}", [f"127.0.0.1:53 {LOOP}"]),
        (".:53 {\nbind 0.0.0.0\nforward . 127.0.0.1\n}", [f"127.0.0.1:53 {LOOP}"]),
        (".:53 {\nbind 127.0.0.2\nforward . 127.0.0.1\n}", []),
        (".:1053 {\nforward . 127.0.0.1:53\n}", []),
        (".:1053 {\nforward . 127.0.0.1:1053\n}", [f"127.0.0.1:1053 {LOOP}"]),
        (".:53 {\nforward . 192.0.2.1\n}", []),
        ("a.test:53 {\nforward b.test 127.0.0.1\n}", []),
        ("a.test:53 {\nforward x.a.test 127.0.0.1\n}", [f"127.0.0.1:53 {LOOP}"]),
        ("a.test:53 {\nforward . 127.0.0.1\n}", [f"127.0.0.1:53 {LOOP}"]),
        (".:853 {\nforward . tls://127.0.0.1\n}", []),
        (".:53 {\nforward . 127.0.0.1:5301\n}\n.:5301 {\nforward . 192.0.2.1\n}", []),
    ],
)
def test_a_server_that_may_lead_back_is_warned_of(corefile: str, warnings: list[str]) -> None:
    found = planned(corefile).build.warnings
    assert [warning.split(": ", 1)[1] for warning in found] == warnings
    assert all(warning.startswith(("Corefile:2: ", "Corefile:3: ")) for warning in found)


def test_servers_of_a_file_are_looked_at_too(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 192.0.2.1\nnameserver 127.0.0.53\n")
    found = planned(f".:1053 {{\nforward . {file}\n}}")
    assert found.build.warnings == [f"Corefile:2: 127.0.0.53 {STUB}"]


EMPTY = "names no server: it has no line such as 'nameserver 10.0.0.1'"


@pytest.mark.parametrize(
    ("others", "content", "text"),
    [
        ("192.0.2.1", None, "cannot be read: No such file or directory"),
        ("", "options ndots:5\n", EMPTY),
    ],
    ids=["none there", "none in it"],
)
def test_a_file_without_servers_is_a_mistake(tmp_path: Path, others: str, content: str | None, text: str) -> None:
    file = tmp_path / "resolv.conf"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CorefileErrors, match=rf"^Corefile:2: '{file}' {text}"):
        planned(f". {{\nforward . {others} {file}\n}}")


@pytest.mark.parametrize("other", ["192.0.2.1", "dns.example.org"])
def test_a_file_without_servers_is_warned_of_beside_another_server(tmp_path: Path, other: str) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("options ndots:5\n")
    found = planned(f".:1053 {{\nforward . {file} {other}\n}}")
    assert found.build.warnings == [f"Corefile:2: '{file}' {EMPTY}"]


def test_the_mistakes_of_all_directives_are_told() -> None:
    with pytest.raises(CorefileErrors) as failed:
        planned(". {\nforward .\nforward . 10.0.0.1 {\npolicy best\n}\nforward . 10.0.0.1/8\n}")
    assert [error.line for error in failed.value.errors] == [2, 4, 6]


async def test_names_that_are_not_forwarded_are_the_next_plugin_s() -> None:
    async with serving("a.test {\nforward x.a.test 192.0.2.1 {\nexcept y.x.a.test\n}\nwhoami\n}") as kdns:
        for name in ("b.a.test.", "y.x.a.test.", "z.y.x.a.test."):
            found = await kdns.ask(name)
            assert (rcode(found), len(found.additional)) == ("NOERROR", 2)


async def test_a_block_that_only_forwards_has_no_other_answer() -> None:
    async with serving("a.test {\nforward x.a.test 192.0.2.1\n}") as kdns:
        assert ede(await kdns.ask("b.a.test.")) == "no plugin of the server block answers this question"


@pytest.fixture
def closed() -> str:
    """An address where nobody listens."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    return f"127.0.0.1:{port}"


async def test_where_nobody_listens_the_client_is_told_at_once(closed: str) -> None:
    async with serving(f". {{\nforward . {closed}\n}}") as kdns:
        found = await kdns.ask("a.test.")
    assert (rcode(found), ede(found)) == ("SERVFAIL", f"upstream {closed} (udp): connection refused")


async def test_one_kdns_forwards_to_another_over_udp_and_tcp() -> None:
    """Over real listeners: the upstream is kdns itself, with the examples."""
    examples = Path(__file__).parent.parent.parent / "examples"
    cluster = f"cluster.local:0 {{\nbind 127.0.0.1\nkubernetes {{\nmanifests {examples}\ncontrollers on\n}}\n}}"
    async with (
        Running(cluster) as upstream,
        Running(f".:0 {{\nbind 127.0.0.1\nforward . 127.0.0.1:{upstream.port}\n}}") as front,
    ):
        for ask in (dns.asyncquery.udp, dns.asyncquery.tcp):
            query = dns.message.make_query("cart.shop.svc.cluster.local.", "A", use_edns=0)
            found = await ask(query, "127.0.0.1", port=front.port, timeout=PATIENCE)
            assert lines(found.answer) == ["cart.shop.svc.cluster.local. 5 IN A 10.96.20.20"]
            query = dns.message.make_query("gone.shop.svc.cluster.local.", "A", use_edns=0)
            found = await ask(query, "127.0.0.1", port=front.port, timeout=PATIENCE)
            assert (rcode(found), len(found.authority)) == ("NXDOMAIN", 1)


class Running:
    """A Corefile with one address, listening."""

    def __init__(self, corefile: str) -> None:
        loop = asyncio.get_running_loop()
        self._app = App(plan(parse(corefile, "Corefile", environ={}, disk=Local()), loop.time, lambda: 0.0))

    async def __aenter__(self) -> Running:
        await self._app.start()
        ((_, self.port),) = self._app.addresses.values()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._app.unload()
