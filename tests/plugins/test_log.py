from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import dns.flags
import dns.message
import pytest

from kdns.chain import Handler, Keep, Peer, Query, Response, Scope, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.log import set_up
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.proto.decode import decode
from kdns.proto.encode import LARGEST, encode
from kdns.proto.name import ROOT, from_text
from kdns.proto.record import Soa, addresses, rrset, soa
from kdns.proto.reverse import pack
from kdns.proto.types import RCode, RRType
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from kdns.serve.router import Router, Served
from kdns.site import Build, Site
from kdns.why import Exhibit
from tests.hits import hit

Lines = Callable[[], list[str]]

NAME = from_text("Web.example.org.")
A = addresses(NAME, 30, [pack("10.0.0.7"), pack("10.0.0.8")])
NS = rrset(from_text("example.org."), RRType.NS, 30, [from_text("ns1.example.org.")])
ALIAS = rrset(NAME, RRType.CNAME, 30, [from_text("gone.example.org.")])
SOA = rrset(from_text("example.org."), RRType.SOA, 30, [soa(Soa(NAME, NAME, 1, 7200, 1800, 86400, 30))])
KEPT = Keep(scope=Scope.EVERYBODY)


@pytest.fixture
def log() -> Iterator[Lines]:
    """The lines written to standard output since they were read last."""
    root = logging.getLogger("kdns")
    handlers, propagate, level = root.handlers, root.propagate, root.level
    written = io.StringIO()
    set_up(written.write)

    def read() -> list[str]:
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        return text.splitlines()

    yield read
    root.handlers, root.propagate = handlers, propagate
    root.setLevel(level)


@dataclass
class Clock:
    """Loop time in seconds, moved by the test."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Found:
    """A reason, as *kubernetes* gives them."""

    word: str = "service-found"
    sentence: str = "the service is there"

    def exhibits(self) -> tuple[Exhibit, ...]:
        return ()

    def neighbours(self) -> tuple[bytes, ...]:
        return ()


def site_of(lines: str, clock: Callable[[], float] = lambda: 100.5) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=clock, wall=lambda: 0.0))


def handler_of(lines: str, last: Handler, clock: Callable[[], float] = lambda: 100.5) -> Handler:
    site = site_of(lines, clock)
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    return compose([plugin], last)


def answering(response: Response) -> Handler:
    async def last(query: Query) -> Response:
        return response

    return last


def query_for(
    name: str = "Web.Example.org.",
    type: str = "A",
    *,
    client: str = "10.0.0.9",
    transport: Transport = Transport.udp,
    **more: Any,
) -> Query:
    message = decode(dns.message.make_query(name, type, id=4660, **more).to_wire())
    return Query(message, Peer(client, 40212), Peer("10.0.0.1", 53), transport, 100.0)


async def line_for(lines: str, response: Response, query: Query, log: Lines) -> str:
    await handler_of(lines, answering(response))(query)
    (line,) = log()
    return line


async def test_the_common_format_is_core_dns_s(log: Lines) -> None:
    response = Response(answer=(A,), authoritative=True)
    assert (
        await line_for("log", response, query_for(use_edns=0, payload=1232), log)
        == '[INFO] 10.0.0.9:40212 - 4660 "A IN web.example.org. udp 44 false 1232" '
        "NOERROR qr,aa,rd 76 0.500000000s"
    )


@pytest.mark.parametrize(
    ("format", "query", "text"),
    [
        pytest.param("{type} {class}", query_for(type="AAAA"), "AAAA IN", id="type, class"),
        pytest.param("{type}", query_for(type="TYPE65280"), "TYPE65280", id="unknown type"),
        pytest.param("{name}", query_for("A\\.b.Test."), "a\\.b.test.", id="name"),
        pytest.param("{name}", query_for("."), ".", id="the root"),
        pytest.param("{proto} {size}", query_for(), "udp 33", id="proto, size"),
        pytest.param("{proto}", query_for(transport=Transport.tcp), "tcp", id="tcp"),
        pytest.param("{remote}:{port}", query_for(), "10.0.0.9:40212", id="remote, port"),
        pytest.param("{remote}", query_for(client="2001:db8::9"), "[2001:db8::9]", id="an IPv6 client"),
        pytest.param("{local}", query_for(), "10.0.0.1", id="local"),
        pytest.param("{>id} {>opcode}", query_for(), "4660 0", id="id, opcode"),
        pytest.param("{>do} {>bufsize}", query_for(), "false 512", id="without EDNS"),
        pytest.param(
            "{>do} {>bufsize}",
            query_for(want_dnssec=True, payload=4096),
            "true 4096",
            id="with DO and a size",
        ),
        pytest.param("{>bufsize}", query_for(use_edns=0, payload=100), "512", id="a size that is none"),
        pytest.param("{>bufsize}", query_for(transport=Transport.tcp), "65535", id="size over tcp"),
        pytest.param("{rcode} {rsize}", query_for(), "NOERROR 65", id="rcode, rsize"),
        pytest.param("{>rflags}", query_for(), "qr,aa,rd", id="rflags"),
        pytest.param("{>rflags}", query_for(flags=dns.flags.CD), "qr,aa,cd", id="rflags without RD"),
        pytest.param("{duration}", query_for(), "0.500000000s", id="duration"),
        pytest.param("{reason}", query_for(), "service-found", id="reason"),
        pytest.param("{/log/class} {/log/type}", query_for(), "success NOERROR", id="class and kind"),
        pytest.param("{combined}", query_for(), None, id="combined"),
        pytest.param(
            '{\\"q\\":\\"{name}\\",\\"n\\":{}}',
            query_for("x."),
            '{"q":"x.","n":{}}',
            id="braces around words",
        ),
        pytest.param("100% {name}} {", query_for("x."), "100% x.} {", id="braces alone"),
    ],
)
async def test_a_format_has_these_words(format: str, query: Query, text: str | None, log: Lines) -> None:
    response = Response(answer=(A,), authoritative=True, why=Found())
    common = '10.0.0.9:40212 - 4660 "A IN web.example.org. udp 33 false 512" NOERROR qr,aa,rd 65 0.500000000s'
    line = await line_for(f'log . "{format}"', response, query, log)
    assert line == "[INFO] " + (common + ' "0"' if text is None else text)


async def test_the_size_and_flags_are_those_of_the_bytes_that_are_sent(log: Lines) -> None:
    many = addresses(NAME, 30, [bytes((10, 0, 0, last)) for last in range(100)])
    response = Response(answer=(many,), recursion=True)
    for transport in Transport:
        query = query_for(transport=transport)
        line = await line_for('log . "{rsize} {>rflags}"', response, query, log)
        limit = 512 if transport is Transport.udp else LARGEST
        sent = dns.message.from_wire(b"\x12\x34" + encode(query.message, response, limit).body(0))
        size, flags = line.removeprefix("[INFO] ").split()
        assert flags == dns.flags.to_text(sent.flags).lower().replace(" ", ",")
        assert int(size) == 2 + len(encode(query.message, response, limit).body(0))
        assert ("tc" in flags) == (transport is Transport.udp)


async def test_the_block_s_cap_on_replies_counts(log: Lines) -> None:
    many = addresses(NAME, 30, [bytes((10, 0, 0, last)) for last in range(100)])
    site = site_of('log . "{rsize}"')
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    site.payload = 600  # said by a plugin that is set up later
    await compose([plugin], answering(Response(answer=(many,))))(query_for(use_edns=0, payload=4096))
    (line,) = log()
    assert 512 < int(line.removeprefix("[INFO] ")) <= 600


async def test_no_reason_and_no_label_is_a_dash(log: Lines) -> None:
    response = Response(answer=(A,))
    line = await line_for('log . "{reason} {/kubernetes/service} {/other}"', response, query_for(), log)
    assert line == "[INFO] - - -"


async def test_labels_are_read_from_the_metadata_of_the_question(log: Lines) -> None:
    query = query_for()
    query.metadata.update({"kubernetes/service": lambda: "web", "kubernetes/endpoint": lambda: ""})
    format = "{/kubernetes/service} {/kubernetes/endpoint}"
    assert await line_for(f'log . "{format}"', Response(), query, log) == "[INFO] web -"


@pytest.mark.parametrize(
    ("response", "type", "classification", "kind"),
    [
        pytest.param(Response(answer=(A,)), "A", "success", "NOERROR", id="an answer"),
        pytest.param(Response(answer=(ALIAS,), authority=(SOA,)), "A", "success", "NOERROR", id="an alias"),
        pytest.param(Response(), "A", "success", "NOERROR", id="empty"),
        pytest.param(Response(authority=(NS,)), "A", "success", "DELEGATION", id="referral"),
        pytest.param(Response(authority=(SOA,)), "A", "denial", "NODATA", id="no data"),
        pytest.param(Response(authority=(NS, SOA)), "A", "denial", "NODATA", id="no data, with name servers"),
        pytest.param(Response(rcode=RCode.NXDOMAIN, authority=(SOA,)), "A", "denial", "NXDOMAIN", id="nxdomain"),
        pytest.param(Response(rcode=RCode.NXDOMAIN), "A", "denial", "NXDOMAIN", id="nxdomain without SOA"),
        pytest.param(
            Response(rcode=RCode.NXDOMAIN, answer=(ALIAS,)), "A", "error", "OTHERERROR", id="alias to nothing"
        ),
        pytest.param(Response(rcode=RCode.SERVFAIL), "A", "error", "SERVERERROR", id="servfail"),
        pytest.param(Response(rcode=RCode.NOTIMP), "A", "error", "SERVERERROR", id="notimp"),
        pytest.param(Response(rcode=RCode.REFUSED), "A", "error", "OTHERERROR", id="refused"),
        pytest.param(Response(answer=(SOA,)), "AXFR", "error", "META", id="transfer"),
    ],
)
async def test_replies_have_the_classes_of_core_dns(
    response: Response, type: str, classification: str, kind: str, log: Lines
) -> None:
    line = await line_for('log . "{/log/class} {/log/type}"', response, query_for(type=type), log)
    assert line == f"[INFO] {classification} {kind}"


SUCCESS, DENIAL, ERROR = Response(answer=(A,)), Response(authority=(SOA,)), Response(rcode=RCode.SERVFAIL)


@pytest.mark.parametrize(
    ("lines", "logged"),
    [
        pytest.param("log", "success denial error", id="bare"),
        pytest.param("log {\n}", "success denial error", id="an empty block"),
        pytest.param("log {\nclass all\n}", "success denial error", id="all"),
        pytest.param("log {\nclass error\n}", "error", id="one"),
        pytest.param("log . {\nclass denial success\n}", "success denial", id="two on a line"),
        pytest.param("log . {\nclass denial\nclass error\n}", "denial error", id="two on two lines"),
        pytest.param("log . {\nclass denial all\n}", "success denial error", id="all and another"),
        pytest.param(
            "log example.org {\nclass denial\n}\nlog . {\nclass error\n}",
            "denial",
            id="the first whose name fits",
        ),
        pytest.param(
            "log other.test {\nclass denial\n}\nlog . {\nclass error\n}", "error", id="the first does not fit"
        ),
    ],
)
async def test_only_the_classes_that_are_said_are_logged(lines: str, logged: str, log: Lines) -> None:
    seen = []
    for name, response in [("success", SUCCESS), ("denial", DENIAL), ("error", ERROR)]:
        await handler_of(lines, answering(response))(query_for())
        seen += [name for _ in log()]
    assert " ".join(seen) == logged


@pytest.mark.parametrize(
    ("lines", "name", "logged"),
    [
        pytest.param("log", "x.test.", True, id="no name"),
        pytest.param("log .", "x.test.", True, id="the root"),
        pytest.param("log Example.ORG", "www.eXample.org.", True, id="in any letters"),
        pytest.param("log example.org", "example.org.", True, id="the name itself"),
        pytest.param("log example.org", "x.test.", False, id="another name"),
        pytest.param("log ample.org", "example.org.", False, id="not at a label's border"),
        pytest.param("log a.test b.test", "x.b.test.", True, id="one of two names"),
        pytest.param("log stdout", "x.test.", False, id="stdout is a name"),
        pytest.param("log /var/log/queries", "x.test.", False, id="so is a path"),
        pytest.param("log {$NOT_SET}", "x.test.", True, id="a variable that is not set"),
        pytest.param("log example.org {combined}", "x.test.", False, id="a name and a format"),
        pytest.param('log "{name}"', "x.test.", True, id="a format only"),
    ],
)
async def test_only_the_names_that_are_said_are_logged(lines: str, name: str, logged: bool, log: Lines) -> None:
    response = Response(answer=(A,))
    assert (await handler_of(lines, answering(response))(query_for(name))).answer == response.answer
    assert bool(log()) == logged


async def test_a_failure_below_is_logged_and_travels_on(log: Lines) -> None:
    error = KdnsError("timeout")

    async def failing(query: Query) -> Response:
        raise error

    response = await handler_of('log . "{rcode} {/log/class}"', failing)(query_for())
    assert response.error is error
    assert response.rcode == RCode.SERVFAIL
    assert log() == ["[INFO] SERVFAIL error"]


async def test_a_failure_outside_its_names_is_not_its_business() -> None:
    async def failing(query: Query) -> Response:
        raise KdnsError("timeout")

    with pytest.raises(KdnsError):
        await handler_of("log example.org", failing)(query_for("x.test."))


def serving(lines: str, response: Response, clock: Clock) -> Callable[..., Any]:
    """Asks a whole responder with its memo; gives the reply, and how often the chain has answered."""
    made: list[Query] = []

    async def last(query: Query) -> Response:
        made.append(query)
        return response

    served = Served(ROOT, "dns://:53", handler_of(lines, last, clock), 1232)
    responder = Responder(Router({ROOT: served}), Memo(1 << 20, clock), Metrics(), clock)

    async def ask(name: str, port: int) -> tuple[bytes, int]:
        wire = dns.message.make_query(name, "A", id=port).to_wire()
        sides = ("10.0.0.9", port), ("10.0.0.1", 53), Transport.udp
        reply = hit(responder, wire) or await responder.respond(wire, *sides)
        assert reply is not None
        return reply, len(made)

    return ask


async def test_replies_that_are_given_again_are_logged_each_with_its_client(log: Lines) -> None:
    clock = Clock()
    response = Response(answer=(A,), authoritative=True, why=Found(), keep=KEPT, turn=0)
    lines = 'log . "{remote}:{port} {>id} {name} {rcode} {>rflags} {rsize} {reason} {/log/type} {duration}"'
    ask = serving(lines, response, clock)
    for port in (1, 2, 3):
        reply, made = await ask("web.EXAMPLE.org.", port)
        assert made == 1
        assert dns.message.from_wire(reply).question[0].name.to_text() == "web.EXAMPLE.org."
        start = f"[INFO] 10.0.0.9:{port} {port} web.example.org. NOERROR qr,aa,rd"
        assert log() == [f"{start} {len(reply)} service-found NOERROR 0.000000000s"]


async def test_a_reply_with_labels_is_made_anew_each_time(log: Lines) -> None:
    ask = serving('log . "{name} {/kubernetes/client-namespace}"', Response(answer=(A,), keep=KEPT), Clock())
    assert [(await ask("x.test.", port))[1] for port in (1, 2, 3)] == [1, 2, 3]
    assert log() == ["[INFO] x.test. -"] * 3


async def test_a_reply_of_another_class_costs_nothing_again(log: Lines) -> None:
    lines = 'log . "{/kubernetes/service}" {\nclass error\n}'
    response = Response(answer=(A,), keep=KEPT)
    assert await handler_of(lines, answering(response))(query_for()) is response
    assert log() == []


async def test_an_extended_rcode_is_logged_again_as_it_was(log: Lines) -> None:
    ask = serving('log . "{rcode}"', Response(rcode=RCode.BADVERS, keep=KEPT), Clock())
    assert [(await ask("x.test.", port))[1] for port in (1, 2)] == [1, 1]
    assert log() == ["[INFO] BADVERS"] * 2


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        pytest.param(
            'log . "{nmae} {type}"',
            "Corefile:2: a log format has no word '{nmae}'; did you mean '{name}'? It is written as it stands",
            id="a slip",
        ),
        pytest.param(
            'log example.org "{id}"',
            "Corefile:2: a log format has no word '{id}'; did you mean '{>id}'? It is written as it stands",
            id="the mark is missing",
        ),
        pytest.param(
            "log . {when}",
            "Corefile:2: a log format has no word '{when}': it is written as it stands",
            id="nothing near",
        ),
    ],
)
def test_a_word_that_no_format_has_is_a_warning_and_stands_for_itself(lines: str, warning: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    find(directive)(directive, site)
    assert site.build.warnings == [warning]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(
            "log {\nclass errors\n}",
            "Corefile:3: there is no class 'errors'; did you mean 'error'? (it is one of success, denial, error, all)",
            id="no class of this name",
        ),
        pytest.param(
            "log {\nclass\n}",
            "Corefile:3: 'class' takes at least 1 argument, not 0: class CLASSES...",
            id="no class at all",
        ),
        pytest.param(
            "log {\nclasses error\n}",
            "Corefile:3: 'log' has no option 'classes'; did you mean 'class'? (it has class)",
            id="no such option",
        ),
        pytest.param(
            "log a..b",
            "Corefile:2: 'log' takes names: 'a..b' is no domain name: a label has 1 to 63 octets, not 0",
            id="no name",
        ),
        pytest.param(
            "log .\nlog {\nclass x\n}",
            "Corefile:4: there is no class 'x' (it is one of success, denial, error, all)",
            id="on a second line",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error
