from __future__ import annotations

from pathlib import Path

import dns.flags
import pytest

from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.site import Build, Site
from tests.asking import serving


def payload_of(lines: str) -> int:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    site = Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))
    (directive,) = block.directives
    assert find(directive)(directive, site) is None
    return site.payload


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        ("bufsize", 1232),
        ("bufsize 512", 512),
        ("bufsize 1220", 1220),
        ("bufsize 4096", 4096),
        ("bufsize 600\nbufsize 700", 600),
        ("bufsize\nbufsize 700", 1232),
    ],
)
def test_a_line_says_how_large_replies_may_be(lines: str, size: int) -> None:
    assert payload_of(lines) == size


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("bufsize 511", "Corefile:2: 'bufsize' takes a whole number from 512 to 4096, not '511'"),
        ("bufsize 4097", "Corefile:2: 'bufsize' takes a whole number from 512 to 4096, not '4097'"),
        ("bufsize -1", "Corefile:2: 'bufsize' takes a whole number from 512 to 4096, not '-1'"),
        ("bufsize 1k", "Corefile:2: 'bufsize' takes a whole number from 512 to 4096, not '1k'"),
        ("bufsize 512 600", "Corefile:2: 'bufsize' takes 1 argument, not 2"),
        ("bufsize {\n512\n}", "Corefile:2: 'bufsize' takes no block: remove its '{' and '}'"),
        ("bufsize\nbufsize x", "Corefile:3: 'bufsize' takes a whole number from 512 to 4096, not 'x'"),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        payload_of(lines)
    assert str(caught.value) == error


LARGE = 3200
"""Bytes of 200 A records; their reply has more."""


def a_large_service(folder: Path) -> str:
    """A Service with so many, and a Corefile that answers with them."""
    addresses = "\n".join(f"  - addresses: [10.1.0.{last}]\n    conditions: {{ready: true}}" for last in range(1, 201))
    manifest = f"""
apiVersion: v1
kind: Service
metadata: {{name: web, namespace: shop}}
spec: {{clusterIP: None, ports: [{{port: 80}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: web-1, namespace: shop, labels: {{kubernetes.io/service-name: web}}}}
addressType: IPv4
endpoints:
{addresses}
"""
    (folder / "web.yaml").write_text(manifest)
    return "cluster.local {{\n{}\nkubernetes {{\nmanifests web.yaml\ncontrollers off\n}}\n}}"


@pytest.mark.parametrize(
    ("line", "client", "fits"),
    [
        ("", 4096, 1232),
        ("bufsize", 4096, 1232),
        ("bufsize 512", 4096, 512),
        ("bufsize 600", 1232, 600),
        ("bufsize 4096", 2000, 2000),
        ("bufsize 4096", 65535, 4096),
        ("bufsize 4096", 100, 512),
        ("bufsize 4096", None, 512),
    ],
)
async def test_replies_over_udp_fill_no_more_than_the_smaller_of_both(
    tmp_path: Path, line: str, client: int | None, fits: int
) -> None:
    corefile = a_large_service(tmp_path).format(line)
    async with serving(corefile, tmp_path) as asked:
        name = "web.shop.svc.cluster.local."
        for _ in range(2):
            reply = await asked.ask(name, edns=client is not None, payload=client or 512)
            whole = fits > LARGE
            assert (len(reply.answer[0]) == 200) is whole
            assert (LARGE if whole else fits - 16) < len(reply.to_wire(max_size=65535)) <= fits
            assert bool(reply.flags & dns.flags.TC) is not whole
        assert len((await asked.ask(name, tcp=True)).answer[0]) == 200


async def test_opt_says_what_our_buffer_holds() -> None:
    async with serving(". {\nbufsize 700\nwhoami\n}") as asked:
        assert (await asked.ask("example.")).payload == 700
