from __future__ import annotations

import dns.message
import pytest

from kdns.chain import Keep, Peer, Query, Response, Scope, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.proto.decode import decode
from kdns.proto.encode import PAYLOAD, encode
from kdns.proto.name import from_text
from kdns.proto.record import RRset, Soa, addresses, rrset, soa
from kdns.proto.reverse import pack
from kdns.proto.types import RCode, RRType
from kdns.site import Build, Site

NAME = from_text("example.org.")
A = addresses(NAME, 30, [pack("10.0.0.7"), pack("10.0.0.8")])
NS = rrset(NAME, RRType.NS, 30, [from_text("ns1.example.org.")])
SOA = rrset(NAME, RRType.SOA, 30, [soa(Soa(NAME, NAME, 1, 7200, 1800, 86400, 30))])
GLUE = addresses(from_text("ns1.example.org."), 30, [pack("10.0.0.1")])
ANSWER, AUTHORITY, ADDITIONAL = (A,), (NS,), (GLUE,)


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


async def through(response: Response, type: str = "A") -> tuple[Response, dns.message.Message]:
    async def below(query: Query) -> Response:
        return response

    site = site_of("minimal")
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    wire = dns.message.make_query("example.org.", type, id=7, use_edns=0).to_wire()
    query = Query(decode(wire), Peer("10.0.0.9", 40212), Peer("10.0.0.1", 53), Transport.udp, 0.0)
    after = await compose([plugin], below)(query)
    body = encode(query.message, after, PAYLOAD).body(0)
    return after, dns.message.from_wire(wire[:2] + body)


@pytest.mark.parametrize(
    ("answer", "authority", "additional"),
    [
        pytest.param(ANSWER, AUTHORITY, ADDITIONAL, id="an answer with name servers and their addresses"),
        pytest.param(ANSWER, (SOA,), (), id="an answer with a SOA"),
        pytest.param((), (), ADDITIONAL, id="all of it in the additional section (whoami)"),
    ],
)
async def test_a_positive_reply_goes_out_with_its_answer_only(
    answer: tuple[RRset, ...], authority: tuple[RRset, ...], additional: tuple[RRset, ...]
) -> None:
    keep = Keep(scope=Scope.EVERYBODY, depends_on=frozenset({"a service"}))
    made = Response(answer=answer, authority=authority, additional=additional, turn=0, by="below", keep=keep)
    after, reply = await through(made)
    assert after == Response(answer=answer, turn=0, by="below", keep=keep)
    assert [len(section) for section in reply.sections[1:]] == [len(answer), 0, 0]
    assert reply.edns == 0


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(Response(rcode=RCode.NXDOMAIN, authority=(SOA,), additional=ADDITIONAL), id="no such name"),
        pytest.param(Response(authority=(SOA,), additional=ADDITIONAL), id="no data"),
        pytest.param(Response(authority=AUTHORITY, additional=ADDITIONAL), id="referral"),
        pytest.param(
            Response(rcode=RCode.SERVFAIL, answer=ANSWER, authority=AUTHORITY, additional=ADDITIONAL),
            id="failure",
        ),
        pytest.param(Response(answer=ANSWER), id="nothing to leave out"),
    ],
)
async def test_what_means_something_stays(response: Response) -> None:
    after, reply = await through(response)
    assert after is response
    sections = (response.answer, response.authority, response.additional)
    assert [len(section) for section in reply.sections[1:]] == [len(section) for section in sections]


@pytest.mark.parametrize("type", ["AXFR", "IXFR"])
async def test_a_transfer_is_left_alone(type: str) -> None:
    response = Response(answer=ANSWER, authority=AUTHORITY, additional=ADDITIONAL)
    after, _ = await through(response, type)
    assert after is response


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param("minimal answers", "Corefile:2: 'minimal' takes no arguments: remove 'answers'", id="an argument"),
        pytest.param("minimal {\n}", "Corefile:2: 'minimal' takes no block: remove its '{' and '}'", id="a block"),
        pytest.param("minimal\nminimal x", "Corefile:3: 'minimal' takes no arguments: remove 'x'", id="a second line"),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error
