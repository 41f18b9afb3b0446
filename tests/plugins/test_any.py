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
from kdns.proto.encode import PAYLOAD, encode
from kdns.proto.types import RCode
from kdns.site import Build, Site


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


async def below(query: Query) -> Response:
    return Response(rcode=RCode.NXDOMAIN, by="below")


async def answer(name: str, type: str) -> tuple[Response, str]:
    site = site_of("any")
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    wire = dns.message.make_query(name, type, id=7, use_edns=0).to_wire()
    query = Query(decode(wire), Peer("10.0.0.9", 40212), Peer("10.0.0.1", 53), Transport.udp, 0.0)
    response = await compose([plugin], below)(query)
    body = encode(query.message, response, PAYLOAD).body(0)
    return response, dns.message.from_wire(wire[:2] + body).to_text()


async def test_any_is_answered_with_one_hinfo_record() -> None:
    response, text = await answer("Example.org.", "ANY")
    assert "rcode NOERROR" in text
    assert "flags QR AA RD" in text
    assert ';ANSWER\nExample.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"\n;AUTHORITY' in text
    assert response.by == "any"


async def test_everybody_may_be_given_the_same_reply() -> None:
    response, _ = await answer("example.org.", "ANY")
    assert response.keep.scope is Scope.EVERYBODY


@pytest.mark.parametrize("type", ["A", "HINFO", "TXT", "TYPE65280"])
async def test_other_questions_go_on(type: str) -> None:
    response, text = await answer("example.org.", type)
    assert response == Response(rcode=RCode.NXDOMAIN, by="below")
    assert "rcode NXDOMAIN" in text


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param("any example.org", "Corefile:2: 'any' takes no arguments: remove 'example.org'", id="an argument"),
        pytest.param("any {\nttl 5\n}", "Corefile:2: 'any' takes no block: remove its '{' and '}'", id="an option"),
        pytest.param("any\nany x", "Corefile:3: 'any' takes no arguments: remove 'x'", id="on a second line"),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error
