from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from kdns import __version__
from kdns.app import App
from kdns.cli.greeting import greeting, tries
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.plan import plan
from tests.serve.sockets import needs_ipv6

MANIFESTS = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web}}
"""
CLUSTER = """\
cluster.local:0 10.96.0.0/16:0 {
    bind 127.0.0.1
    kubernetes {
        manifests web.yaml
    }
}
"""


@asynccontextmanager
async def started(text: str, folder: Path) -> AsyncIterator[App]:
    """A Corefile of this folder, being served."""
    (folder / "web.yaml").write_text(MANIFESTS)
    corefile = parse(text, str(folder / "Corefile"), environ={}, disk=Local())
    app = App(plan(corefile, asyncio.get_running_loop().time, lambda: 0.0))
    await app.start()
    try:
        yield app
    finally:
        await app.unload()


async def greeted(text: str, folder: Path) -> list[str]:
    """The greeting, with `P` for the ports of places and `W` for those of pages."""
    async with started(text, folder) as app:
        lines = list(greeting(app))
        ports = {str(port): "P" for _, port in app.addresses.values()} | {
            str(port): "W" for _, port in app.pages.values()
        }
    for port, letter in ports.items():
        lines = [line.replace(port, letter) for line in lines]
    return lines


async def test_it_tells_what_is_served_from_what_and_where_metrics_are(tmp_path: Path) -> None:
    text = CLUSTER.replace("    kubernetes", "    prometheus 127.0.0.1:0\n    kubernetes")
    assert await greeted(text, tmp_path) == [
        f"kdns {__version__}",
        "  listening on 127.0.0.1, port P, UDP and TCP",
        f"  cluster.local. 96.10.in-addr.arpa.: 2 Services, 1 endpoints from 1 files in {tmp_path}/web.yaml",
        "  http://127.0.0.1:W/metrics",
    ]


async def test_zones_that_no_report_speaks_of_are_told_too(tmp_path: Path) -> None:
    blocks = CLUSTER + "local:0 b.test:0 {\n bind 127.0.0.1\n whoami\n}\n"
    lines = await greeted(blocks, tmp_path)
    assert lines[3:] == ["  local. b.test. on 127.0.0.1, port P"]


async def test_a_zone_is_told_for_each_place_where_nothing_else_tells_of_it(tmp_path: Path) -> None:
    """Of three blocks with one zone, on addresses of their own, only the first has a report of its own."""
    zone = "a.test:0 {{\n bind {}\n {}\n}}\n"
    cluster = "kubernetes a.test {\n  manifests web.yaml\n }"
    blocks = zone.format("127.0.0.1", cluster) + zone.format("127.0.0.2", "whoami") + zone.format("127.0.0.3", cluster)
    assert (await greeted(blocks, tmp_path))[4:] == [
        f"  a.test.: 2 Services, 1 endpoints from 1 files in {tmp_path}/web.yaml",
        "  a.test. on 127.0.0.2, port P",
        "  a.test. on 127.0.0.3, port P",
    ]


async def test_every_address_is_called_that(tmp_path: Path) -> None:
    assert (await greeted(".:0 {\n whoami\n}", tmp_path))[1:] == [
        "  listening on every address, port P, UDP and TCP",
        "  . on every address, port P",
    ]


async def test_of_many_zones_some_are_told(tmp_path: Path) -> None:
    keys = " ".join(f"z{number}.test:0" for number in range(20))
    lines = await greeted(f"{keys} {{\n bind 127.0.0.1\n whoami\n}}", tmp_path)
    told = " ".join(f"z{number}.test." for number in range(8))
    assert lines[2:] == [f"  {told} and 12 more on 127.0.0.1, port P"]


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("127.0.0.1:0", "http://127.0.0.1:W/ready"),
        (":0", "http://localhost:W/ready"),
        pytest.param("[::1]:0", "http://[::1]:W/ready", marks=needs_ipv6),
    ],
)
async def test_pages_are_told_as_urls(tmp_path: Path, address: str, url: str) -> None:
    lines = await greeted(f".:0 {{\n bind 127.0.0.1\n ready {address}\n}}", tmp_path)
    assert lines[-1] == f"  {url}"


async def test_pages_over_tls_are_told_as_such(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "pem"))
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: pem, key_file: pem}\n")
    text = f".:0 {{\n bind 127.0.0.1\n prometheus 127.0.0.1:0 {{\n  tls {tmp_path}/web.yml\n }}\n}}"
    assert (await greeted(text, tmp_path))[-1] == "  https://127.0.0.1:W/metrics"


@pytest.fixture
def with_dig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


@pytest.mark.usefixtures("with_dig")
async def test_commands_to_try_name_what_there_is(tmp_path: Path) -> None:
    async with started(CLUSTER, tmp_path) as app:
        ((_, port),) = app.addresses.values()
        assert list(tries(app)) == [
            "try, from another terminal:",
            f"  dig @127.0.0.1 -p {port} web.shop.svc.cluster.local",
            f"  dig @127.0.0.1 -p {port} 10.0.96.10.in-addr.arpa PTR",
        ]


@pytest.mark.usefixtures("with_dig")
async def test_where_there_is_nothing_to_ask_nothing_is_to_try(tmp_path: Path) -> None:
    async with started(".:0 {\n bind 127.0.0.1\n whoami\n}", tmp_path) as app:
        assert list(tries(app)) == []


@pytest.mark.usefixtures("with_dig")
@pytest.mark.parametrize(
    ("bind", "asked"),
    [("", "127.0.0.1"), ("bind 0.0.0.0", "127.0.0.1"), pytest.param("bind ::1", "::1", marks=needs_ipv6)],
)
async def test_commands_to_try_ask_an_address_of_this_machine(tmp_path: Path, bind: str, asked: str) -> None:
    async with started(CLUSTER.replace("bind 127.0.0.1", bind), tmp_path) as app:
        assert f"dig @{asked} -p " in list(tries(app))[1]


@pytest.mark.parametrize(
    ("called", "installed", "command"),
    [
        pytest.param("/opt/bin/kdns", "/opt/bin/kdns", "kdns", id="found by its name"),
        pytest.param(".venv/bin/kdns", None, ".venv/bin/kdns", id="by its path"),
        pytest.param(".venv/bin/kdns", "/opt/bin/kdns", ".venv/bin/kdns", id="by its path, beside another"),
        pytest.param("/src/kdns/__main__.py", None, f"{sys.executable} -m kdns", id="as a module"),
    ],
)
async def test_without_dig_there_is_our_own_client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, called: str, installed: str | None, command: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: installed if name == "kdns" else None)
    monkeypatch.setattr(sys, "argv", [called, "serve", "x"])
    async with started(CLUSTER, tmp_path) as app:
        ((_, port),) = app.addresses.values()
        last = list(tries(app))[-1]
    assert last == f"  without dig: {command} query web.shop.svc.cluster.local A --server 127.0.0.1:{port}"
