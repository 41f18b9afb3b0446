from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.chain import Handler, Keep, Peer, Plugin, Query, Response, Scope, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors, KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.plugins.loadbalance import LoadBalance, Weights, parse_weights, preferred
from kdns.proto.decode import decode
from kdns.proto.name import ROOT, from_text
from kdns.proto.record import RRset, addresses, rrset, srv
from kdns.proto.reverse import pack
from kdns.proto.types import RCode, RRType
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from kdns.serve.router import Router, Served
from kdns.site import Build, Site
from tests.hits import hit

NAME = from_text("web.example.org.")
OTHER = from_text("other.example.org.")
KEPT = Keep(scope=Scope.EVERYBODY)


def a(*ips: str, owner: bytes = NAME) -> RRset:
    return addresses(owner, 30, [pack(ip) for ip in ips])


def srvs(*priorities: int) -> RRset:
    return rrset(NAME, RRType.SRV, 30, [srv(p, 10, 80 + place, OTHER) for place, p in enumerate(priorities)])


ALIAS = rrset(NAME, RRType.CNAME, 30, [OTHER])
ONE, FOUR = a("10.0.0.1"), a("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
SIX = a("fd00::1", "fd00::2")
MX = rrset(NAME, RRType.MX, 30, [b"\0\5" + NAME, b"\0\5" + OTHER])
TXT = rrset(NAME, RRType.TXT, 30, [b"\1x", b"\1y"])


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


def plugin_of(lines: str) -> Plugin:
    return plugin_at(site_of(lines))


def plugin_at(site: Site) -> Plugin:
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    return plugin


def answering(response: Response) -> Handler:
    async def last(query: Query) -> Response:
        return response

    return last


async def through(plugin: Plugin, response: Response, type: str = "A") -> Response:
    message = decode(dns.message.make_query("web.example.org.", type).to_wire())
    query = Query(message, Peer("10.0.0.9", 40212), Peer("10.0.0.1", 53), Transport.udp, 0.0)
    return await compose([plugin], answering(response))(query)


class Server:
    """A whole responder with its memo over one answer, read by dnspython."""

    def __init__(self, plugin: Plugin, response: Response, build: Build) -> None:
        self.made = 0
        self._heard: list[int] = []

        async def last(query: Query) -> Response:
            self.made += 1
            return response

        served = Served(ROOT, "dns://:53", compose([plugin], last), 1232)
        memo = Memo(1 << 20, build.clock)
        build.changes.subscribe(lambda keys: self._heard.append(memo.forget(keys)))
        self._responder = Responder(Router({ROOT: served}), memo, build.metrics, build.clock)

    async def answer(self, type: str = "A") -> list[str]:
        """The rdata of the answer, record by record."""
        wire = dns.message.make_query("web.example.org.", type).to_wire()
        sides = ("10.0.0.9", 40212), ("10.0.0.1", 53), Transport.tcp
        reply = hit(self._responder, wire, Transport.tcp) or await self._responder.respond(wire, *sides)
        assert reply is not None
        return [rdata.to_text() for records in dns.message.from_wire(reply).answer for rdata in records]


def serving(lines: str, *answer: RRset) -> Server:
    site = site_of(lines)
    return Server(plugin_at(site), Response(answer=answer, keep=KEPT), site.build)


@pytest.mark.parametrize(
    ("answer", "turn"),
    [
        pytest.param((FOUR,), 0, id="addresses"),
        pytest.param((SIX,), 0, id="IPv6 addresses"),
        pytest.param((MX,), 0, id="mail exchangers"),
        pytest.param((srvs(0, 0, 0),), 0, id="SRV of one priority"),
        pytest.param((srvs(0, 10),), None, id="SRV of two priorities"),
        pytest.param((ALIAS, FOUR), 1, id="behind an alias"),
        pytest.param((ALIAS, TXT, FOUR), 2, id="behind an alias and others"),
        pytest.param((FOUR, SIX), 1, id="the last of two"),
        pytest.param((FOUR, ONE), 0, id="the last with more than one record"),
        pytest.param((ONE,), None, id="one address"),
        pytest.param((TXT,), None, id="texts"),
        pytest.param((ALIAS,), None, id="an alias alone"),
    ],
)
async def test_the_last_rrset_that_can_takes_turns(answer: tuple[RRset, ...], turn: int | None) -> None:
    response = Response(answer=answer, keep=KEPT, by="below")
    after = await through(plugin_of("loadbalance"), response)
    assert after == Response(answer=answer, turn=turn, keep=KEPT, by="below")


async def test_an_alias_goes_before_the_addresses_it_leads_to() -> None:
    after = await through(plugin_of("loadbalance"), Response(answer=(FOUR, TXT, ALIAS)))
    assert after.answer == (TXT, ALIAS, FOUR)
    assert after.turn == 2


@pytest.mark.parametrize(
    ("response", "type"),
    [
        pytest.param(Response(rcode=RCode.NXDOMAIN, answer=(FOUR,)), "A", id="nxdomain"),
        pytest.param(Response(rcode=RCode.SERVFAIL), "A", id="failure"),
        pytest.param(Response(additional=(FOUR,)), "A", id="no answer"),
        pytest.param(Response(answer=(FOUR,)), "AXFR", id="transfer"),
        pytest.param(Response(answer=(FOUR,)), "IXFR", id="incremental transfer"),
    ],
)
async def test_other_replies_are_left_alone(response: Response, type: str) -> None:
    assert await through(plugin_of("loadbalance"), response, type) is response


@pytest.mark.parametrize(
    ("answer", "firsts"),
    [
        pytest.param((FOUR,), ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"], id="addresses"),
        pytest.param((ALIAS, FOUR), ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"], id="behind an alias"),
        pytest.param((MX,), ["5 other.example.org.", "5 web.example.org."], id="mail exchangers"),
    ],
)
async def test_kept_replies_begin_with_each_record_in_turn(answer: tuple[RRset, ...], firsts: list[str]) -> None:
    server = serving("loadbalance", *answer)
    replies = [(await server.answer())[len(answer) - 1 :] for _ in range(3 * len(firsts))]
    assert server.made == 1
    assert Counter(reply[0] for reply in replies) == dict.fromkeys(firsts, 3)
    for reply in replies:  # the same circle, begun elsewhere
        begin = firsts.index(reply[0])
        assert reply == firsts[begin:] + firsts[:begin]


PREFER = "loadbalance round_robin {\nprefer 10.1.0.0/16 10.2.0.0/16\n}"
MIXED = a("10.2.0.1", "10.3.0.1", "10.1.0.1", "10.3.0.2", "10.1.0.2", "10.2.0.2")


async def test_addresses_of_preferred_networks_come_first_in_a_drawn_order() -> None:
    server = serving(PREFER, MIXED)
    replies = [await server.answer() for _ in range(64)]
    assert server.made == 64
    groups = [["10.1.0.1", "10.1.0.2"], ["10.2.0.1", "10.2.0.2"], ["10.3.0.1", "10.3.0.2"]]
    for place, group in zip((0, 2, 4), groups, strict=True):
        seen = {tuple(reply[place : place + 2]) for reply in replies}
        assert seen == {tuple(group), tuple(group[::-1])}


async def test_addresses_that_are_all_alike_to_prefer_take_turns() -> None:
    server = serving(PREFER, FOUR)
    replies = [await server.answer() for _ in range(8)]
    assert server.made == 1
    assert set(Counter(reply[0] for reply in replies).values()) == {2}


async def test_prefer_orders_the_addresses_in_the_additional_section_too() -> None:
    response = Response(answer=(srvs(0),), additional=(MIXED,), keep=KEPT)
    after = await through(plugin_of(PREFER), response, "SRV")
    (drawn,) = after.additional
    assert [rdata[1] for rdata in drawn.rdatas] == [1, 1, 2, 2, 3, 3]
    assert after.keep.scope is Scope.NOBODY


ips = st.one_of(
    st.lists(st.ip_addresses(v=4), min_size=2, max_size=12, unique=True),
    st.lists(st.ip_addresses(v=6), min_size=2, max_size=12, unique=True),
)
networks = st.builds(
    lambda ip, bits: ipaddress.ip_network((ip, bits), strict=False), st.ip_addresses(), st.integers(0, 32)
)


@given(ips, st.lists(networks, max_size=4), st.integers())
def test_prefer_only_ever_reorders(
    of: list[ipaddress.IPv4Address] | list[ipaddress.IPv6Address],
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
    seed: int,
) -> None:
    before = addresses(NAME, 30, [ip.packed for ip in of])
    after = preferred(networks, Random(seed), before)
    assert sorted(after.rdatas) == sorted(before.rdatas)
    assert after._replace(rdatas=()) == before._replace(rdatas=())
    found = [ipaddress.ip_address(rdata) for rdata in after.rdatas]
    first = [min((n for n, net in enumerate(networks) if ip in net), default=99) for ip in found]
    assert first == sorted(first)


WEIGHTS = """
# Lines that begin with # mean nothing.
  # Blanks before it neither.
WEB.example.org
10.0.0.1 3
10.0.0.2\t 1

fd00::1 255
other.example.org.
10.0.0.3 2
web.example.org.
10.0.0.3 7
"""


def test_a_weight_file_has_names_and_below_them_addresses() -> None:
    assert parse_weights(WEIGHTS.encode(), "weights") == {
        NAME: {pack("10.0.0.1"): 3, pack("10.0.0.2"): 1, pack("fd00::1"): 255, pack("10.0.0.3"): 7},
        OTHER: {pack("10.0.0.3"): 2},
    }


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(
            b"10.0.0.1 3\n",
            "weights:1: '10.0.0.1' has no name above it: a name stands on a line of its own",
            id="no name",
        ),
        pytest.param(
            b"a.test\n\n10.0.0.1\n",
            "weights:3: the weight of '10.0.0.1' is missing: '10.0.0.1 1'",
            id="no weight",
        ),
        pytest.param(b"a.test\nx 3\n", "weights:2: 'x' is no address", id="no address"),
        pytest.param(b"a.test\n10.0.0.1 0\n", "weights:2: a weight is a number from 1 to 255, not '0'", id="weight 0"),
        pytest.param(
            b"a.test\n10.0.0.1 256\n",
            "weights:2: a weight is a number from 1 to 255, not '256'",
            id="weight 256",
        ),
        pytest.param(
            b"a.test\n10.0.0.1 1.5\n",
            "weights:2: a weight is a number from 1 to 255, not '1.5'",
            id="a fraction",
        ),
        pytest.param(
            b"a.test\n10.0.0.1 3 # heavy\n",
            "weights:2: a line has an address and its weight, not 4 words",
            id="a comment behind",
        ),
        pytest.param(
            b"a..test\n10.0.0.1 3\n10.0.0.2 x\n",
            "weights:1: 'a..test' is no domain name: a label has 1 to 63 octets, not 0\n"
            "weights:3: a weight is a number from 1 to 255, not 'x'",
            id="two mistakes",
        ),
        pytest.param(b"a.test\n\xff\xfe 3\n", "weights:2: '\ufffd\ufffd' is no address", id="no text"),
    ],
)
def test_mistakes_in_a_weight_file_are_told_with_its_line(content: bytes, error: str) -> None:
    with pytest.raises(CorefileErrors) as caught:
        parse_weights(content, "weights")
    assert str(caught.value) == error


def nothing(keys: object) -> None:
    """Nobody listens."""


def weights_of(
    file: Path,
    content: str,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    publish: Callable[[object], None] = nothing,
) -> Weights:
    file.write_text(content)
    weights = Weights(str(file), Random(7), 30.0, publish, sleep)
    assert weights.read()
    return weights


async def test_the_first_address_is_drawn_by_weight(tmp_path: Path) -> None:
    weights = weights_of(tmp_path / "weights", "web.example.org\n10.0.0.1 3\n10.0.0.3 2\n10.0.0.4 4\n")
    firsts: Counter[bytes] = Counter()
    for _ in range(10000):
        drawn = weights.draw(FOUR)
        assert sorted(drawn.rdatas) == sorted(FOUR.rdatas)
        firsts[drawn.rdatas[0]] += 1
    shares = [firsts[rdata] / 10000 for rdata in FOUR.rdatas]
    assert shares == pytest.approx([0.3, 0.1, 0.2, 0.4], abs=0.02)  # 10.0.0.2 is not listed: weight 1


async def test_names_are_found_in_any_letters(tmp_path: Path) -> None:
    weights = weights_of(tmp_path / "weights", "WEB.example.org\n10.0.0.2 255\n")
    asked = a("10.0.0.1", "10.0.0.2", owner=from_text("Web.Example.ORG."))
    assert weights.draw(asked) is not asked


async def test_replies_of_a_listed_name_are_drawn_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("web.example.org\n10.0.0.1 255\n")
    server = serving(f"loadbalance weighted {tmp_path}/weights", ALIAS, FOUR)
    replies = [await server.answer() for _ in range(40)]
    assert server.made == 40
    assert {reply[0] for reply in replies} == {"other.example.org."}
    assert Counter(reply[1] for reply in replies)["10.0.0.1"] > 30


async def test_names_that_are_not_listed_take_turns_until_the_file_lists_them(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("other.example.org\n10.0.0.1 255\n")
    site = site_of(f"loadbalance weighted {file}")
    server = Server(plugin_at(site), Response(answer=(FOUR,), keep=KEPT), site.build)
    assert len({(await server.answer())[0] for _ in range(4)}) == 4
    assert server.made == 1
    file.write_text("web.example.org\n10.0.0.1 255\n")
    (weights,) = site.build.parts
    assert isinstance(weights, Weights)
    weights.look()
    for made in (2, 3):
        await server.answer()
        assert server.made == made


async def test_one_address_and_other_records_have_nothing_to_draw(tmp_path: Path) -> None:
    weights = weights_of(tmp_path / "weights", "web.example.org\n10.0.0.1 3\n")
    plugin = partial(LoadBalance, draw=weights.draw)
    for answer in ((ONE,), (MX,), (TXT,)):
        assert (await through(plugin, Response(answer=answer, keep=KEPT))).keep == KEPT


class Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.levelname} {record.getMessage()}")


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What the plugin logs, level first."""
    logger, records = logging.getLogger("kdns.plugin.loadbalance"), Records()
    level = logger.level
    logger.addHandler(records)
    logger.setLevel(logging.INFO)
    yield records.lines
    logger.removeHandler(records)
    logger.setLevel(level)


async def test_a_change_of_the_file_is_seen_while_the_server_runs(tmp_path: Path, log: list[str]) -> None:
    file = tmp_path / "weights"
    published: list[object] = []
    asked: list[float] = []
    second = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asked.append(seconds)
        if len(asked) == 1:
            file.write_text("web.example.org\n10.0.0.2 255\nother.example.org\n10.0.0.2 1\n")
            return
        second.set()
        await asyncio.Event().wait()

    weights = weights_of(file, "web.example.org\n10.0.0.1 255\n", sleep, published.append)
    await weights.start()
    await second.wait()
    await weights.stop()
    assert asked == [30.0, 30.0]
    assert log == [f"INFO read the weights of 2 names in {file}"]
    assert published == [[weights.key]]
    assert Counter(weights.draw(FOUR).rdatas[0] for _ in range(100))[pack("10.0.0.2")] > 90


async def test_what_is_wrong_later_is_logged_once_and_the_weights_stay(tmp_path: Path, log: list[str]) -> None:
    file = tmp_path / "weights"
    weights = weights_of(file, "web.example.org\n10.0.0.1 255\n")
    file.write_text("web.example.org\n10.0.0.1 many\n")
    weights.look()
    weights.look()
    file.unlink()
    weights.look()
    weights.look()
    file.write_text("web.example.org\n10.0.0.1 255\n")
    weights.look()
    assert log == [
        f"ERROR {file}:2: a weight is a number from 1 to 255, not 'many'; the weights stay as they were",
        f"ERROR the weights in '{file}' cannot be read: No such file or directory; the weights stay as they were",
        f"INFO read the weights of 1 names in {file}",
    ]
    assert Counter(weights.draw(FOUR).rdatas[0] for _ in range(100))[pack("10.0.0.1")] > 90


async def test_a_file_that_has_not_changed_changes_nothing(tmp_path: Path, log: list[str]) -> None:
    published: list[object] = []
    weights = weights_of(tmp_path / "weights", "web.example.org\n10.0.0.1 9\n", publish=published.append)
    weights.look()
    assert log == []
    assert published == []


async def test_a_file_that_comes_later_is_waited_for(tmp_path: Path, log: list[str]) -> None:
    file = tmp_path / "weights"
    site = site_of(f"loadbalance weighted {file} {{\nreload 10s\n}}")
    plugin_at(site)
    (weights,) = site.build.parts
    assert isinstance(weights, Weights)
    assert weights.every == 10.0
    file.write_text("web.example.org\n10.0.0.1 9\n")
    weights.look()
    assert log == [
        f"WARNING the weights in '{file}' cannot be read: No such file or directory; will try again in 10s",
        f"INFO read the weights of 1 names in {file}",
    ]


async def test_a_reload_of_zero_never_looks_again(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("web.example.org\n10.0.0.1 9\n")
    site = site_of(f"loadbalance weighted {file} {{\nreload 0s\n}}")
    plugin_at(site)
    (part,) = site.build.parts
    before = asyncio.all_tasks()
    await part.start()
    assert asyncio.all_tasks() == before
    await part.stop()


async def test_stopping_ends_the_looking(tmp_path: Path) -> None:
    weights = weights_of(tmp_path / "weights", "")
    before = asyncio.all_tasks()
    await weights.start()
    assert len(asyncio.all_tasks() - before) == 1
    await weights.stop()
    assert asyncio.all_tasks() == before


async def test_the_last_of_several_lines_counts(tmp_path: Path) -> None:
    site = site_of(f"{PREFER}\nloadbalance weighted {tmp_path}/none\nloadbalance")
    plugin = plugin_at(site)
    assert site.build.parts == []
    after = await through(plugin, Response(answer=(MIXED,), keep=KEPT))
    assert (after.answer, after.turn) == ((MIXED,), 0)


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param("loadbalance", id="bare"),
        pytest.param("loadbalance round_robin", id="named"),
        pytest.param("loadbalance {\n}", id="an empty block"),
        pytest.param("loadbalance {\nprefer 10.0.0.0/8\nprefer fd00::/8 192.168.7.7/24\n}", id="prefer"),
    ],
)
async def test_good_lines(lines: str) -> None:
    assert isinstance(plugin_of(lines)(answering(Response())), LoadBalance)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(
            "loadbalance round-robin",
            "Corefile:2: 'loadbalance' takes round_robin or weighted, not 'round-robin'; did you mean 'round_robin'?",
            id="a slip",
        ),
        pytest.param(
            "loadbalance round_robin x",
            "Corefile:2: 'loadbalance' takes 0 to 1 argument, not 2: loadbalance round_robin",
            id="a word too many",
        ),
        pytest.param(
            "loadbalance weighted",
            "Corefile:2: 'loadbalance' takes 2 arguments, not 1: loadbalance weighted FILE",
            id="no file",
        ),
        pytest.param(
            "loadbalance {\nprefer 10.0.0.0/33\n}",
            "Corefile:3: 'prefer' takes networks, as '10.0.0.0/8': '10.0.0.0/33' does not appear to be "
            "an IPv4 or IPv6 network",
            id="no network",
        ),
        pytest.param(
            "loadbalance {\nprefer\n}",
            "Corefile:3: 'prefer' takes at least 1 argument, not 0",
            id="no networks",
        ),
        pytest.param(
            "loadbalance {\nreload 10s\n}",
            "Corefile:3: 'reload' goes with 'loadbalance weighted FILE'",
            id="reload without a file",
        ),
        pytest.param(
            "loadbalance weighted FILE {\nprefer 10.0.0.0/8\n}",
            "Corefile:3: 'prefer' goes with 'loadbalance round_robin'",
            id="prefer with weights",
        ),
        pytest.param(
            "loadbalance weighted FILE {\nreload 10\n}",
            "Corefile:3: 'reload' takes a duration: add a unit to '10', for instance '10s'",
            id="no unit",
        ),
        pytest.param(
            "loadbalance weighted FILE {\nreload 0s\n}",
            "Corefile:2: the weights in 'FILE' cannot be read: No such file or directory",
            id="no file, and none to come",
        ),
        pytest.param(
            "loadbalance {\nshuffle\n}",
            "Corefile:3: 'loadbalance' has no option 'shuffle' (it has prefer, reload)",
            id="no such option",
        ),
        pytest.param(
            "loadbalance\nloadbalance random",
            "Corefile:3: 'loadbalance' takes round_robin or weighted, not 'random'",
            id="on a second line",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        plugin_of(lines)
    assert str(caught.value) == error


def test_mistakes_in_the_weight_file_stop_the_start(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_text("web.example.org\n10.0.0.1\n")
    with pytest.raises(KdnsError) as caught:
        plugin_of(f"loadbalance weighted {file}")
    assert str(caught.value) == f"{file}:2: the weight of '10.0.0.1' is missing: '10.0.0.1 1'"
