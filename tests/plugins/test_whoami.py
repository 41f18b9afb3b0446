from __future__ import annotations

import dns.message
import pytest

from kdns.chain import Peer, Query, Response, Scope, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.proto.decode import decode
from kdns.proto.encode import LARGEST, encode
from kdns.site import Build, Site

LONGEST = ".".join(["a" * 61] * 3 + ["a" * 62]) + "."
"""250 octets on the wire."""


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


async def answer(name: str, ip: str, transport: Transport, lines: str = "whoami") -> tuple[Response, str]:
    site = site_of(lines)
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    wire = dns.message.make_query(name, "A", id=7).to_wire()
    query = Query(decode(wire), Peer(ip, 40212), Peer("10.0.0.1", 53), transport, 0.0)
    response = await compose([plugin])(query)
    body = encode(query.message, response, LARGEST).body(0)
    return response, dns.message.from_wire(wire[:2] + body).to_text()


@pytest.mark.parametrize(
    ("name", "ip", "transport", "records"),
    [
        pytest.param(
            "example.org.",
            "10.240.0.9",
            Transport.udp,
            ["example.org. 0 IN A 10.240.0.9", "_udp.example.org. 0 IN SRV 0 0 40212 ."],
            id="ipv4 over udp",
        ),
        pytest.param(
            "example.org.",
            "2001:db8::9",
            Transport.tcp,
            ["example.org. 0 IN AAAA 2001:db8::9", "_tcp.example.org. 0 IN SRV 0 0 40212 ."],
            id="ipv6 over tcp",
        ),
        pytest.param(
            "Example.ORG.",
            "10.240.0.9",
            Transport.udp,
            ["Example.ORG. 0 IN A 10.240.0.9", "_udp.Example.ORG. 0 IN SRV 0 0 40212 ."],
            id="letters as asked",
        ),
        pytest.param(
            "x.",
            "::ffff:10.240.0.9",
            Transport.udp,
            ["x. 0 IN A 10.240.0.9", "_udp.x. 0 IN SRV 0 0 40212 ."],
            id="ipv4 on a socket for both families",
        ),
        pytest.param(
            "x.",
            "fe80::9%eth0",
            Transport.udp,
            ["x. 0 IN AAAA fe80::9", "_udp.x. 0 IN SRV 0 0 40212 ."],
            id="link-local",
        ),
        pytest.param(
            ".", "10.1.2.3", Transport.udp, [". 0 IN A 10.1.2.3", "_udp. 0 IN SRV 0 0 40212 ."], id="the root"
        ),
        pytest.param(
            ".".join(["a" * 49] * 5) + ".",
            "10.1.2.3",
            Transport.udp,
            [".".join(["a" * 49] * 5) + ". 0 IN A 10.1.2.3"],
            id="a name without room for a label more",
        ),
        pytest.param(
            LONGEST,
            "10.1.2.3",
            Transport.udp,
            [f"{LONGEST} 0 IN A 10.1.2.3", f"_udp.{LONGEST} 0 IN SRV 0 0 40212 ."],
            id="the longest name with room",
        ),
    ],
)
async def test_the_client_reads_its_own_address_and_port(
    name: str, ip: str, transport: Transport, records: list[str]
) -> None:
    response, text = await answer(name, ip, transport)
    assert text.partition(";ADDITIONAL\n")[2].splitlines() == records
    assert ";ANSWER\n;AUTHORITY\n" in text
    assert "flags QR AA RD" in text
    assert response.by == "whoami"


async def test_nobody_keeps_a_reply_that_is_for_one_client() -> None:
    response, _ = await answer("example.org.", "10.0.0.9", Transport.udp)
    assert response.keep.scope is Scope.NOBODY


async def test_a_second_line_changes_nothing() -> None:
    assert await answer("x.", "10.0.0.9", Transport.udp, "whoami\nwhoami") == await answer(
        "x.", "10.0.0.9", Transport.udp
    )


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(
            "whoami example.org",
            "Corefile:2: 'whoami' takes no arguments: remove 'example.org'",
            id="an argument",
        ),
        pytest.param("whoami {\n}", "Corefile:2: 'whoami' takes no block: remove its '{' and '}'", id="a block"),
        pytest.param(
            "whoami\nwhoami me", "Corefile:3: 'whoami' takes no arguments: remove 'me'", id="on a second line"
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error
