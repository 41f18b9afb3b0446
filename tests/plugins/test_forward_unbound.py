"""Unbound as the upstream, over UDP, TCP and TLS: a server that does everything right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.asking import Asked, lines, rcode, serving
from tests.installed import installed
from tests.serve.sockets import PATIENCE
from tests.upstream.certificates import Authority
from tests.upstream.scripted import pair

MANY = "\n".join(f"    local-data: 'many.example.org. 60 IN TXT \"{'x' * 200}{number}\"'" for number in range(20))
CONFIGURATION = """
server:
    verbosity: 0
    interface: 127.0.0.1@{plain}
    interface: 127.0.0.1@{encrypted}
    tls-port: {encrypted}
    tls-service-pem: {cert}
    tls-service-key: {key}
    directory: {folder}
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    logfile: ""
    do-daemonize: no
    module-config: "iterator"
    access-control: 127.0.0.0/8 allow
    local-zone: "example.org." static
    local-data: "example.org. 60 IN SOA ns.example.org. root.example.org. 1 2 3 4 5"
    local-data: "www.example.org. 60 IN A 192.0.2.1"
    local-data: "www.example.org. 60 IN A 192.0.2.2"
    local-data: "odd.example.org. 60 IN TYPE65333 \\# 3 010203"
{many}
"""


class Unbound(NamedTuple):
    """Where it listens."""

    plain: int
    encrypted: int
    authority: Authority


def free_port() -> int:
    """Free for UDP and TCP."""
    udp, tcp = pair()
    with udp, tcp:
        return int(udp.getsockname()[1])


@asynccontextmanager
async def unbound(folder: Path) -> AsyncIterator[Unbound]:
    program = installed("unbound")
    authority = Authority(folder)
    cert, key = authority.pair("dns.test")
    found = Unbound(free_port(), free_port(), authority)
    file = folder / "unbound.conf"
    file.write_text(
        CONFIGURATION.format(plain=found.plain, encrypted=found.encrypted, cert=cert, key=key, folder=folder, many=MANY)
    )
    process = await asyncio.create_subprocess_exec(program, "-d", "-c", str(file))
    try:
        await listening(found.encrypted)
        yield found
    finally:
        process.terminate()
        await process.wait()


async def listening(port: int) -> None:
    """Return when somebody does."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return


async def check(kdns: Asked) -> None:
    """All kinds of replies, over UDP and TCP."""
    for tcp in (False, True):
        found = await kdns.ask("www.example.org.", tcp=tcp)
        assert lines(found.answer) == [f"www.example.org. 60 IN A 192.0.2.{n}" for n in (1, 2)]
        found = await kdns.ask("odd.example.org.", "TYPE65333", tcp=tcp)
        assert lines(found.answer) == ["odd.example.org. 60 IN TYPE65333 \\# 3 010203"]
        found = await kdns.ask("www.example.org.", "AAAA", tcp=tcp)
        assert (rcode(found), found.answer, len(found.authority)) == ("NOERROR", [], 1)
        found = await kdns.ask("no.example.org.", tcp=tcp)
        assert (rcode(found), len(found.authority)) == ("NXDOMAIN", 1)
    assert len(lines((await kdns.ask("many.example.org.", "TXT", tcp=True)).answer)) == 20


@pytest.mark.parametrize("options", ["", "force_tcp", "prefer_udp"])
async def test_unbound_answers_through_kdns(tmp_path: Path, options: str) -> None:
    async with unbound(tmp_path) as upstream:
        text = f". {{\nforward . 127.0.0.1:{upstream.plain} {{\n{options}\n}}\n}}"
        async with serving(text) as kdns:
            await check(kdns)


async def test_unbound_answers_over_tls(tmp_path: Path) -> None:
    async with unbound(tmp_path) as upstream:
        to = f"tls://127.0.0.1%dns.test:{upstream.encrypted}"
        async with serving(f". {{\nforward . {to} {{\ntls {upstream.authority.file}\n}}\n}}") as kdns:
            await check(kdns)


async def test_a_hundred_questions_at_a_time_are_answered_over_a_few_connections(tmp_path: Path) -> None:
    async with unbound(tmp_path) as upstream:
        text = f". {{\nforward . 127.0.0.1:{upstream.plain} {{\nforce_tcp\n}}\n}}"
        async with serving(text) as kdns:
            names = [f"n{number}.example.org." for number in range(100)]
            found = await asyncio.gather(*map(kdns.ask, names))
            assert {rcode(each) for each in found} == {"NXDOMAIN"}
            registry = kdns.plan.build.metrics.registry
            labels = {"proxy_name": "forward", "to": f"127.0.0.1:{upstream.plain}", "proto": "tcp"}
            hits = registry.get_sample_value("coredns_proxy_conn_cache_hits_total", labels) or 0.0
            await kdns.ask("www.example.org.")
            assert registry.get_sample_value("coredns_proxy_conn_cache_hits_total", labels) == hits + 1
