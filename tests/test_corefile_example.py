"""Corefile.example has everything, builds, and does what its comments say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import dns.asyncquery
import dns.message
import dns.rrset
import pytest
import pytest_asyncio

from kdns.app import App
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.plan import plan
from kdns.plugins import ORDER, page
from tests.asking import ede, lines, rcode
from tests.serve.sockets import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parent.parent
FILE = ROOT / "Corefile.example"
TEXT = FILE.read_text()
ELSEWHERE = {"endpoint", "tls", "kubeconfig", "apiserver_qps", "apiserver_burst", "apiserver_max_inflight"}
"""Options for an API server, which is not followed yet."""


@asynccontextmanager
async def started() -> AsyncIterator[App]:
    """The example on ports that the kernel picks."""
    text = re.sub(r":(1053|8080|8181|9153)\b", ":0", TEXT)
    parsed = parse(text, str(FILE), environ={}, disk=Local())
    assert parsed.warnings == ()
    app = App(plan(parsed, asyncio.get_running_loop().time, lambda: 0.0))
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def app() -> AsyncIterator[App]:
    async with started() as running:
        yield running


async def ask(app: App, name: str, type: str) -> dns.message.Message:
    ((ip, port),) = app.addresses.values()
    query = dns.message.make_query(name, type, use_edns=0)
    return await dns.asyncquery.udp(query, ip, port=port, timeout=PATIENCE)


async def test_every_plugin_is_in_it() -> None:
    blocks = parse(TEXT, str(FILE), environ={}, disk=Local()).blocks
    assert {directive.name for block in blocks for directive in block.directives} == set(ORDER)


async def test_every_option_of_kubernetes_is_in_it() -> None:
    """Those that its page lists, or in a comment."""
    (syntax,) = re.findall(
        r"^ *kubernetes \[ZONES\.\.\.\] \{\n(.*?)^ *\}$", page("kubernetes"), re.MULTILINE | re.DOTALL
    )
    options = set(re.findall(r"^ +([a-z_]+)", syntax, re.MULTILINE)) - ELSEWHERE
    assert len(options) > 15
    assert {option for option in options if not re.search(rf"\b{option}\b", TEXT)} == set()


@pytest.mark.parametrize(
    ("question", "code", "answer"),
    [
        ("cart.shop.svc.cluster.local. A", "NOERROR", ["cart.shop.svc.cluster.local. 5 IN A 10.96.20.20"]),
        (
            "20.20.96.10.in-addr.arpa. PTR",
            "NOERROR",
            ["20.20.96.10.in-addr.arpa. 5 IN PTR cart.shop.svc.cluster.local."],
        ),
        (
            "10-244-20-10.shop.pod.cluster.local. A",
            "NOERROR",
            ["10-244-20-10.shop.pod.cluster.local. 5 IN A 10.244.20.10"],
        ),
        ("10-9-9-9.shop.pod.cluster.local. A", "NXDOMAIN", []),
        (
            "eu-1a.pin._zone.search.shop.svc.cluster.local. A",
            "NOERROR",
            ["eu-1a.pin._zone.search.shop.svc.cluster.local. 5 IN A 10.244.30.1"],
        ),
        (
            "cart.shop.svc.cluster.local. ANY",
            "NOERROR",
            ['cart.shop.svc.cluster.local. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"'],
        ),
        ("cart.shop.svc.team.test. A", "NOERROR", ["cart.shop.svc.team.test. 5 IN A 10.96.20.20"]),
        ("cart.shop.svc.team.test. AAAA", "NOERROR", []),
        ("stock-a.stock.shop.svc.team.test. A", "NOERROR", ["stock-a.stock.shop.svc.team.test. 5 IN A 10.244.61.1"]),
        ("gone.shop.svc.team.test. A", "NOERROR", []),
        ("cart.shop.svc.lean.test. A", "NOERROR", ["cart.shop.svc.lean.test. 5 IN A 10.96.20.20"]),
        ("search.shop.svc.lean.test. A", "NXDOMAIN", []),
        ("cart.shop.svc.clusterset.test. A", "NXDOMAIN", []),
        (
            "search.shop.outside.test. A",
            "NOERROR",
            [f"search.shop.outside.test. 30 IN A 10.244.30.{n}" for n in (1, 2)],
        ),
        ("cart.shop.outside.test. A", "NOERROR", []),
        ("7.113.0.203.in-addr.arpa. PTR", "NOERROR", []),
        ("x.whoami.test. A", "NOERROR", []),
        ("localhost. AAAA", "NOERROR", ["localhost. 604800 IN AAAA ::1"]),
        ("1.0.0.127.in-addr.arpa. PTR", "NOERROR", ["1.0.0.127.in-addr.arpa. 604800 IN PTR localhost."]),
        ("x.erratic.test. A", "NOERROR", ["x.erratic.test. 0 IN A 192.0.2.53"]),
        ("wiki.hosts.test. A", "NOERROR", ["wiki.hosts.test. 60 IN A 198.51.100.10"]),
        ("x.apps.hosts.test. A", "NOERROR", ["x.apps.hosts.test. 60 IN A 198.51.100.20"]),
        ("gone.hosts.test. A", "NOERROR", []),
        (
            "10.100.51.198.in-addr.arpa. PTR",
            "NOERROR",
            [f"10.100.51.198.in-addr.arpa. 60 IN PTR {name}.hosts.test." for name in ("wiki", "www")],
        ),
        ("x.forwarded.test. A", "SERVFAIL", []),
        ("whoami.forwarded.test. A", "NOERROR", []),
        ("elsewhere.test. A", "REFUSED", []),
    ],
)
async def test_it_answers_as_its_comments_say(app: App, question: str, code: str, answer: list[str]) -> None:
    reply = await ask(app, *question.split())
    assert (rcode(reply), lines(reply.answer)) == (code, answer)


async def test_it_says_why(app: App) -> None:
    reply = await ask(app, "queue.shop.svc.cluster.local.", "A")
    assert ede(reply) == "Service shop/queue has no ready endpoints (1 not ready)"


async def test_negative_answers_may_be_kept_for_two_seconds(app: App) -> None:
    (soa,) = lines((await ask(app, "gone.shop.svc.cluster.local.", "A")).authority)
    assert soa.split()[1] == soa.split()[-1] == "2"


async def test_its_pages_are_there(app: App) -> None:
    pages = {path: app.pages[key] for key, paths in app.plan.build.pages.items() for path in paths}
    assert set(pages) == {"/health", "/ready", "/metrics"}
    for path, (host, port) in pages.items():
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        async with asyncio.timeout(PATIENCE):
            assert (await reader.readline()).split()[1] == b"200"
        writer.close()
        await writer.wait_closed()
