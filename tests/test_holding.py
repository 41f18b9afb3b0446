"""First questions for names that exist, under whole Corefiles: what is answered without the chain, and what is not."""

from __future__ import annotations

import dns.message
import pytest

from kdns.chain import Transport
from kdns.kube.objects import Endpoint, Namespace, Object, Port, Service, Slice
from kdns.proto.decode import decode
from kdns.proto.encode import LARGEST, PAYLOAD, SMALLEST
from kdns.proto.glance import glance
from kdns.proto.reverse import pack
from kdns.serve.holdings import Holdings
from tests.asking import CLIENT, LOCAL, Told, ede, rcode
from tests.desk import KUBEADM, Desk, Waiting, corefile
from tests.hits import hit

HTTP = (Port("http", 80),)
OBJECTS: list[Object] = [
    Namespace("shop"),
    *[Service("shop", f"web-{n}", (pack(f"10.96.0.{n}"),), HTTP) for n in range(1, 6)],
    *[Service("shop", f"db-{n}", (), HTTP, headless=True) for n in range(1, 6)],
    *[
        Slice("shop", f"s-{n}", f"db-{n}", tuple(Endpoint((pack(f"10.0.{n}.{m}"),), HTTP) for m in (1, 2)))
        for n in range(1, 6)
    ],
    Service("shop", "out-1", external_name="web-2.shop.svc.cluster.local"),
    Service("shop", "out-2", external_name="web-2.shop.svc.cluster.local"),
]
QUERIES = [
    dns.message.make_query("web-2.shop.svc.cluster.local", "A", use_edns=0, payload=payload).to_wire()
    for payload in (512, 1219)
]
KINDS = [
    pytest.param("web-{}.shop.svc.cluster.local", "A", id="an address"),
    pytest.param("web-{}.shop.svc.cluster.local", "AAAA", id="no data"),
    pytest.param("_http._tcp.web-{}.shop.svc.cluster.local", "SRV", id="a port"),
    pytest.param("{}.0.96.10.in-addr.arpa", "PTR", id="a cluster IP"),
    pytest.param("db-{}.shop.svc.cluster.local", "A", id="several addresses"),
    pytest.param("_http._tcp.db-{}.shop.svc.cluster.local", "SRV", id="several targets"),
    pytest.param("10-0-{0}-1.db-{0}.shop.svc.cluster.local", "A", id="an endpoint"),
    pytest.param("1.{}.0.10.in-addr.arpa", "PTR", id="an endpoint's address"),
    pytest.param("10-9-9-{}.shop.pod.cluster.local", "A", id="a Pod"),
]


def desk(text: str = KUBEADM) -> Desk:
    made = Desk(text)
    made.store.update(OBJECTS)
    return made


@pytest.mark.parametrize("edns", [{"use_edns": False}, {"use_edns": 0}, {"want_dnssec": True}], ids=["-", "EDNS", "DO"])
@pytest.mark.parametrize(("name", "type"), KINDS)
async def test_the_second_name_of_a_kind_is_answered_as_the_chain_would(
    name: str, type: str, edns: dict[str, object]
) -> None:
    taught, without = desk(), desk()
    without.memo.holdings = Holdings(0)
    for number in (1, 2, 3):
        asked = name.format(number).replace("s", "S")
        known = taught.hit(asked, type, **edns)
        assert (known is None) == (number == 1)
        known = known or await taught.ask(asked, type, **edns)
        made = await without.ask(asked, type, **edns)
        assert (known.flags, known.edns, known.ednsflags) == (made.flags, made.edns, made.ednsflags)
        assert [known.answer, known.authority, known.additional] == [made.answer, made.authority, made.additional]
        assert known.options == made.options
    assert len(without.memo.holdings) == 0


async def test_the_reason_is_that_of_the_name_that_was_asked_for() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local", "AAAA", use_edns=0)
    known = own.hit("web-2.shop.svc.cluster.local", "AAAA", use_edns=0)
    assert known is not None
    assert ede(known) == "Service shop/web-2 has addresses of the other family only"


async def test_each_is_counted_as_the_chain_counts_it() -> None:
    taught, without = desk(), desk()
    without.memo.holdings = Holdings(0)
    for name, type in [kind.values for kind in KINDS]:
        for number in (1, 2, 3, 2, 2):
            for each in (taught, without):
                await each.ask(str(name).format(number), str(type), use_edns=0)
    assert shown(taught) == shown(without)
    assert taught.counted("kdns_memo_misses_total") < without.counted("kdns_memo_misses_total")


def shown(own: Desk) -> list[str]:
    """All metrics, but for those of the memo and of the process."""
    lines = own.plan.build.metrics.render().decode().splitlines()
    return [
        line for line in lines if not line.startswith(("kdns_memo", "process", "python")) and "_created" not in line
    ]


async def test_a_first_question_leaves_nothing_behind_and_the_second_an_answer_ready() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local")
    assert len(own.memo) == 1
    for number, held in [(2, 1), (3, 1), (2, 2), (2, 2), (3, 3)]:
        await own.ask(f"web-{number}.shop.svc.cluster.local")
        assert len(own.memo) == held


async def test_what_is_kept_answers_whoever_asks_in_another_way() -> None:
    own = desk()
    for payload in (512, *range(1200, 1220)):  # more of them than an entry has aliases
        for _ in range(3):
            await own.ask("web-2.shop.svc.cluster.local", use_edns=0, payload=payload)
            await own.ask("WEB-2.shop.svc.cluster.local", use_edns=0, payload=payload)
            assert len(own.memo) == 1
    (entry,) = {id(own.memo.seen(seen, Transport.udp)) for seen in map(glance, QUERIES) if seen}
    await own.ask("web-2.shop.svc.cluster.local", use_edns=0, payload=1219)
    assert {id(own.memo.seen(seen, Transport.udp)) for seen in map(glance, QUERIES) if seen} == {entry}


async def test_names_in_one_another_s_way_are_kept_all_the_same() -> None:
    own = desk()
    own.store.update([Service("shop", f"n-{n}", (pack(f"10.97.{n >> 8}.{n & 255}"),), HTTP) for n in range(2000)])
    for _ in range(3):
        for number in range(2000):
            await own.ask(f"n-{number}.shop.svc.cluster.local", use_edns=False)
    assert len(own.memo) > 1990


async def test_records_take_turns_from_the_first_question_on() -> None:
    own = desk()
    firsts = [str((await own.ask(f"db-{n}.shop.svc.cluster.local")).answer[0][0]) for n in (1, 2, 2, 2, 2, 2)]
    assert set(firsts[1:]) == {"10.0.2.1", "10.0.2.2"}


async def test_what_changes_is_answered_as_it_is_then() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local")
    for octet in (7, 8):
        own.store.update([Service("shop", "web-2", (pack(f"10.96.1.{octet}"),), HTTP)])
        for _ in range(3):
            reply = own.hit("web-2.shop.svc.cluster.local")
            assert reply is not None
            assert str(reply.answer[0][0]) == f"10.96.1.{octet}"
    own.store.update([], [Service("shop", "web-2").ref])
    assert own.hit("web-2.shop.svc.cluster.local") is None
    assert rcode(await own.ask("web-2.shop.svc.cluster.local")) == "NXDOMAIN"


async def test_the_serial_is_that_of_now() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local", "AAAA")
    own.wall.now += 60
    own.store.update([Namespace("new")])
    for _ in range(3):
        reply = own.hit("web-2.shop.svc.cluster.local", "AAAA")
        assert reply is not None
        assert reply.authority[0][0].serial == 1_700_000_060


@pytest.mark.parametrize(
    ("taught", "asked"),
    [
        pytest.param("web-1", {"type": "AAAA"}, id="another type"),
        pytest.param("web-1", {"use_edns": 0}, id="with EDNS"),
        pytest.param("web-1", {"want_dnssec": True}, id="with DO"),
        pytest.param("web-1", {"flags": 0}, id="without RD"),
        pytest.param("db-1", {}, id="several addresses before"),
        pytest.param("out-1", {}, id="an alias before"),
    ],
)
async def test_another_kind_is_learned_by_itself(taught: str, asked: dict[str, object]) -> None:
    own = desk()
    await own.ask(f"{taught}.shop.svc.cluster.local")
    assert own.hit("web-2.shop.svc.cluster.local", **asked) is None  # type: ignore[arg-type]


async def test_what_cannot_be_learned_from_keeps_nobody_from_learning() -> None:
    own = desk()
    own.store.update([Service("shop", f"to-{n}", external_name="web-1.shop.svc.cluster.local") for n in range(100)])
    for number in range(100):
        await own.ask(f"to-{number}.shop.svc.cluster.local")
    await own.ask("web-1.shop.svc.cluster.local")
    assert own.hit("web-2.shop.svc.cluster.local") is not None


async def test_nothing_is_learned_of_other_names_before_the_cluster_is_known() -> None:
    own = desk()
    known, own.cluster.source = own.cluster.source, Waiting()
    for name in ("svc.cluster.local", "pod.cluster.local"):
        assert rcode(await own.ask(name, "AAAA")) == "NOERROR"  # it is there, whatever the cluster has
    assert own.hit("web-1.shop.svc.cluster.local", "AAAA") is None
    assert own.hit("shop.svc.cluster.local", "AAAA") is None
    assert rcode(await own.ask("web-1.shop.svc.cluster.local", "AAAA")) == "SERVFAIL"
    own.cluster.source = known
    await own.ask("web-1.shop.svc.cluster.local", "AAAA")
    assert own.hit("web-2.shop.svc.cluster.local", "AAAA") is not None


async def test_an_alias_is_left_to_the_chain() -> None:
    own = desk()
    for number in (1, 2):
        assert own.hit(f"out-{number}.shop.svc.cluster.local") is None
        assert len((await own.ask(f"out-{number}.shop.svc.cluster.local")).answer) == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(corefile("hosts {\n 192.0.2.1 web-2.shop.svc.cluster.local\n fallthrough\n}"), id="hosts"),
        pytest.param(corefile("autopath @kubernetes", inside="pods verified"), id="autopath"),
        pytest.param(corefile("header {\n response set aa\n}"), id="header"),
        pytest.param(corefile("minimal"), id="minimal"),
        pytest.param(corefile("log"), id="log"),
        pytest.param(corefile("nsid"), id="nsid"),
        pytest.param(corefile("loadbalance round_robin {\n prefer 10.0.2.2/32\n}"), id="addresses that are preferred"),
        pytest.param(corefile("cache {\n cache_own\n}"), id="a cache for the cluster's answers, too"),
        pytest.param(corefile() + "\nweb-2.shop.svc.cluster.local:53 {\n whoami\n}", id="a block below"),
        pytest.param(
            ".:53 {\nkubernetes cluster.local web-2.shop.svc.cluster.local {\n manifests none\n}\n}", id="a zone below"
        ),
    ],
)
async def test_where_others_may_have_a_say_they_are_asked(text: str) -> None:
    own = desk(text)
    await own.ask("web-1.shop.svc.cluster.local")
    await own.ask("db-1.shop.svc.cluster.local")
    for name in ("web-2", "db-2"):
        assert own.hit(f"{name}.shop.svc.cluster.local") is None


class Stale(Told):
    """A source that may be out of date."""

    def stale(self) -> str:
        return "the API server is silent"


async def test_what_may_be_out_of_date_is_told_by_the_chain() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local", use_edns=0)
    own.cluster.source = Stale()
    assert own.hit("web-2.shop.svc.cluster.local", use_edns=0) is None
    assert ede(await own.ask("web-2.shop.svc.cluster.local", use_edns=0)) == "the API server is silent"
    own.cluster.source = Told()
    assert own.hit("web-3.shop.svc.cluster.local", use_edns=0) is not None


async def test_what_was_learned_ends_with_the_cluster_s_own_key() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local")
    own.plan.build.changes.publish([own.store.key])
    assert len(own.memo.holdings) == 0
    assert own.hit("web-2.shop.svc.cluster.local") is None


@pytest.mark.parametrize("asked", [{}, {"use_edns": 0, "payload": 700}, {"use_edns": 0, "payload": 65535}], ids=str)
async def test_no_reply_is_larger_than_its_client_can_take(asked: dict[str, object]) -> None:
    taught, without = desk(), desk()
    without.memo.holdings = Holdings(0)
    many = tuple(Endpoint((pack(f"10.1.0.{n}"),), HTTP) for n in range(1, 100))
    for own in (taught, without):
        own.store.update([Slice("shop", "s-2", "db-2", many), Slice("shop", "s-3", "db-3", many)])
    await taught.ask("db-1.shop.svc.cluster.local", "A", **asked)
    for name in ("db-2", "db-2", "db-2", "db-3"):
        known = taught.hit(f"{name}.shop.svc.cluster.local", "A", **asked)
        made = await without.ask(f"{name}.shop.svc.cluster.local", "A", **asked)
        assert known is not None
        assert (len(known.to_wire()), known.flags) == (len(made.to_wire()), made.flags)


@pytest.mark.parametrize("transport", Transport, ids=lambda transport: transport.name)
@pytest.mark.parametrize("payload", [None, 700, 1232], ids=["-", "EDNS 700", "EDNS 1232"])
@pytest.mark.parametrize("text", [KUBEADM, corefile()], ids=["in turns", "in order"])
@pytest.mark.parametrize("hostname", ["", "host-{}", "Host-{}" + 30 * "x"], ids=["dashed", "called", "long"])
@pytest.mark.parametrize(
    ("name", "type", "count"),
    [
        pytest.param("big.shop.svc.cluster.local", "A", 12, id="addresses that fit"),
        pytest.param("big.shop.svc.cluster.local", "A", 99, id="addresses that do not"),
        pytest.param("_http._tcp.big.shop.svc.cluster.local", "SRV", 3, id="targets that fit"),
        pytest.param("_http._tcp.big.shop.svc.cluster.local", "SRV", 7, id="targets whose addresses do not"),
        pytest.param("_http._tcp.big.shop.svc.cluster.local", "SRV", 40, id="targets that do not"),
    ],
)
async def test_a_first_reply_is_one_of_those_that_the_chain_gives_in_turns(
    name: str, type: str, count: int, hostname: str, text: str, payload: int | None, transport: Transport
) -> None:
    edns = {"use_edns": False} if payload is None else {"use_edns": 0, "payload": payload}
    wire = dns.message.make_query(name, type, id=7, **edns).to_wire()
    taught, without = desk(text), desk(text)
    without.memo.holdings = Holdings(0)
    for own in (taught, without):
        ends = tuple(Endpoint((pack(f"10.1.0.{n}"),), HTTP, hostname.format(n)) for n in range(200, 200 - count, -1))
        own.store.update([Service("shop", "big", (), HTTP, headless=True), Slice("shop", "s-9", "big", ends)])
    await taught.responder.respond(wire.replace(b"\3big", b"\4db-1"), CLIENT, LOCAL, transport)
    every = {await without.responder.respond(wire, CLIENT, LOCAL, transport) for _ in range(count)}
    first = hit(taught.responder, wire, transport)
    assert first is not None
    assert first in every
    assert len(taught.memo) == 1
    assert hit(taught.responder, wire, transport) in every
    message, limit = decode(wire), LARGEST if transport else min(payload or SMALLEST, PAYLOAD)
    kept, made = taught.memo.find(message, limit), without.memo.find(message, limit)
    assert kept is not None
    assert made is not None
    assert (kept.ready, kept.key) == (made.ready, made.key)
    assert kept.keep.depends_on - {taught.store.key} == made.keep.depends_on - {without.store.key}


@pytest.mark.parametrize(("name", "type"), KINDS)
async def test_what_is_kept_of_the_second_question_is_what_the_chain_has_of_it_kept(name: str, type: str) -> None:
    taught, without = desk(), desk()
    without.memo.holdings = Holdings(0)
    wire = dns.message.make_query(name.format(2), type, use_edns=0, id=7).to_wire()
    await taught.ask(name.format(1), type, use_edns=0)
    for own in (taught, without):
        for _ in range(2):
            hit(own.responder, wire) or await own.responder.respond(wire, CLIENT, LOCAL, Transport.udp)
    kept, made = taught.memo.find(decode(wire), PAYLOAD), without.memo.find(decode(wire), PAYLOAD)
    assert kept is not None
    assert made is not None
    assert (kept.ready, kept.key, kept.payload) == (made.ready, made.key, made.payload)
    assert kept.keep.depends_on - {taught.store.key} == made.keep.depends_on - {without.store.key}
    assert taught.store.key in kept.keep.depends_on
    assert len(kept.keep.tallies) == len(made.keep.tallies)


async def test_over_tcp_it_is_the_same() -> None:
    own = desk()
    await own.ask("web-1.shop.svc.cluster.local")
    wire = b"\0\1\1\0\0\1\0\0\0\0\0\0\5web-2\4shop\3svc\7cluster\5local\0\0\1\0\1"
    found = {hit(own.responder, wire, transport) for transport in Transport}
    assert len(found) == 1
    assert None not in found
