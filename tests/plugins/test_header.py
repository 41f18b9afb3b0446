from __future__ import annotations

from dataclasses import dataclass, field

import dns.flags
import dns.message
import pytest

from kdns.chain import Keep, Query, Response, Scope, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.proto.types import Flag, RCode
from kdns.site import Build, Site
from tests.asking import serving
from tests.serve.answering import CLIENT, LOCAL, Desk


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


@dataclass
class Below:
    """The next plugin: remembers the flags that it saw."""

    rcode: int = RCode.NOERROR
    authoritative: bool = True
    seen: list[int] = field(default_factory=list)

    async def __call__(self, query: Query) -> Response:
        self.seen.append(query.message.flags)
        keep = Keep(scope=Scope.EVERYBODY)
        return Response(rcode=self.rcode, authoritative=self.authoritative, recursion=False, keep=keep)


async def flags(rules: str, below: Below, *, rd: bool = True) -> str:
    """The flags of two replies to the same question, which must agree."""
    site = site_of(f"header {{\n{rules}\n}}")
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    desk = Desk(handler=compose([plugin], below))
    query = dns.message.make_query("www.example.", "A", id=7, flags=dns.flags.RD if rd else 0)
    raw = [await desk.responder.respond(query.to_wire(), CLIENT, LOCAL, transport) for transport in (0, 1)]  # type: ignore[arg-type]
    replies = [dns.message.from_wire(each or b"") for each in raw]
    assert replies[0].flags == replies[1].flags
    return dns.flags.to_text(replies[0].flags)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("response set ra", "QR AA RD RA"),
        ("set ra", "QR AA RD RA"),
        ("SET RA", "QR AA RD RA"),
        ("Response Set Ra", "QR AA RD RA"),
        ("response clear aa", "QR RD"),
        ("response clear rd", "QR AA"),
        ("set ra aa\nclear rd", "QR AA RA"),
        ("response set ra rd\nclear ra", "QR AA RD"),
        ("clear ra\nset ra", "QR AA RD RA"),
        ("query clear rd", "QR AA RD"),
        ("query clear rd\nresponse clear rd", "QR AA"),
    ],
)
async def test_replies_have_the_flags_that_are_said(rules: str, expected: str) -> None:
    assert await flags(rules, Below()) == expected


async def test_rd_can_be_set_in_replies_to_those_who_did_not_set_it() -> None:
    assert await flags("set rd", Below(), rd=False) == "QR AA RD"


async def test_denials_and_failures_have_them_too() -> None:
    assert await flags("set ra", Below(RCode.SERVFAIL, authoritative=False)) == "QR RD RA"


@pytest.mark.parametrize(
    ("rules", "rd", "seen"),
    [
        ("query clear rd", True, 0),
        ("query set rd", False, Flag.RD),
        ("query set rd aa ra", False, Flag.RD | Flag.AA | Flag.RA),
        ("query set rd\nquery clear rd", False, 0),
        ("response clear rd", True, Flag.RD),
    ],
)
async def test_the_next_plugin_sees_the_flags_that_are_said(rules: str, rd: bool, seen: int) -> None:
    below = Below()
    await flags(rules, below, rd=rd)
    assert below.seen == [seen]


async def test_of_two_directives_the_first_that_says_something_counts() -> None:
    async with serving(". {\nheader {\n}\nheader {\nset ra\n}\nheader {\nclear aa\n}\nwhoami\n}") as asked:
        assert dns.flags.to_text((await asked.ask("example.")).flags) == "QR AA RD RA"


USAGE = "[query|response] set|clear aa|ra|rd..."


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("header", f"Corefile:2: 'header' takes at least one line in its block: {USAGE}"),
        ("header {\n}", f"Corefile:2: 'header' takes at least one line in its block: {USAGE}"),
        ("header x {\nset ra\n}", "Corefile:2: 'header' takes no arguments: remove 'x'"),
        ("header {\nrequest set ra\n}", f"Corefile:3: 'header' has no option 'request': {USAGE}"),
        ("header {\nqeury set rd\n}", f"Corefile:3: 'header' has no option 'qeury'; did you mean 'query'?: {USAGE}"),
        ("header {\nresponse\n}", f"Corefile:3: 'response' takes set or clear, and flags: {USAGE}"),
        ("header {\nresponse put ra\n}", "Corefile:3: 'response' takes set or clear, not 'put'"),
        ("header {\nquery set\n}", "Corefile:3: 'set' takes at least one of aa, ra, rd"),
        ("header {\nclear\n}", "Corefile:3: 'clear' takes at least one of aa, ra, rd"),
        ("header {\nset ra tc\n}", "Corefile:3: 'tc' is none of the flags aa, ra, rd"),
        (
            "header {\nset ad\nclear xx\n}",
            "Corefile:3: 'ad' is none of the flags aa, ra, rd\nCorefile:4: 'xx' is none of the flags aa, ra, rd",
        ),
        ("header {\nset ra {\n}\n}", "Corefile:3: 'set' takes no block: remove its '{' and '}'"),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error
