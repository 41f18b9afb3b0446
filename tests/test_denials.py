"""Names that do not exist, under whole Corefiles: what is known of them without asking, and when it is not."""

from __future__ import annotations

import dns.message
import pytest

from kdns.chain import Transport
from kdns.kube.objects import Namespace, Service
from kdns.proto.reverse import pack
from tests.asking import CLIENT, LOCAL, ede, rcode
from tests.desk import Desk, Waiting, corefile

WRONG = [
    pytest.param("a{}.shop.svc.cluster.local", id="no Service"),
    pytest.param("example{}.com.shop.svc.cluster.local", id="no Service, names below"),
    pytest.param("web.shop.svc.cluster.lo{}.shop.svc.cluster.local", id="a search path tried on a whole name"),
    pytest.param("example.c{}.svc.cluster.local", id="no namespace"),
    pytest.param("www.example.c{}.cluster.local", id="no tree"),
]


@pytest.mark.parametrize("name", WRONG)
async def test_names_like_one_that_does_not_exist_are_known_not_to(name: str) -> None:
    desk = Desk()
    first = await desk.ask(name.format("x"))
    assert rcode(first) == "NXDOMAIN"
    for number in range(3):
        asked = name.format("y" * number)
        known = desk.hit(asked)
        assert known is not None
        assert known.authority == first.authority
        assert (rcode(known), known.flags, known.additional) == ("NXDOMAIN", first.flags, [])


@pytest.mark.parametrize("name", WRONG)
async def test_a_flood_of_wrong_names_leaves_nothing_behind(name: str) -> None:
    desk = Desk()
    for number in range(500):
        assert rcode(await desk.ask(name.format(number))) == "NXDOMAIN"
    assert (len(desk.memo), desk.memo.size, len(desk.memo.denials)) == (0, 0, 1)
    assert desk.counted("kdns_memo_misses_total") == 1


@pytest.mark.parametrize("name", WRONG)
async def test_a_name_that_comes_again_has_an_answer_ready_until_it_comes_to_exist(name: str) -> None:
    desk = Desk()
    await desk.ask(name.format("x"))
    asked = name.format("Y")
    replies = [desk.hit(asked, use_edns=False) for _ in range(4)]
    assert {rcode(reply) for reply in replies if reply} == {"NXDOMAIN"}
    assert len({reply.to_wire()[2:] for reply in replies if reply}) == 1
    assert len(desk.memo) == 1
    desk.store.update([Namespace("cy"), Service("shop", "loy", (pack("10.96.0.9"),)), Service("shop", "com")])
    desk.store.update([Service("shop", "ay", (pack("10.96.0.8"),))])
    assert len(desk.memo) == (1 if name == "www.example.c{}.cluster.local" else 0)


async def test_each_is_counted_as_any_reply() -> None:
    desk = Desk()
    for number in range(5):
        await desk.ask(f"a{number}.shop.svc.cluster.local")
    assert desk.counted("kdns_kubernetes_answers_total", reason="no_such_service") == 5
    where = {"server": "dns://:53", "zone": ".", "view": ""}
    assert desk.counted("coredns_dns_responses_total", **where, rcode="NXDOMAIN", plugin="kubernetes") == 5
    assert desk.counted("coredns_dns_requests_total", **where, proto="udp", family="1", type="A") == 5


async def test_what_was_given_before_a_change_is_counted_at_its_size_after_it() -> None:
    desk = Desk()
    wire = dns.message.make_query("svc.cluster.local", "A", use_edns=False).to_wire()
    reply = await desk.responder.respond(wire, CLIENT, LOCAL, Transport.udp)
    assert reply is not None
    for number in range(3):
        lying = desk.responder.lying(wire[2:], Transport.udp)
        assert lying is not None
        desk.responder.gave(10 * [lying], Transport.udp, 1, 0.0)
        desk.store.update([Namespace(f"new-{number}")])
    desk.responder.settle()
    where = {"server": "dns://:53", "zone": ".", "view": "", "proto": "udp"}
    assert desk.counted("coredns_dns_response_size_bytes_count", **where) == 31
    assert desk.counted("coredns_dns_response_size_bytes_sum", **where) == 31 * len(reply)


async def test_ways_of_asking_without_end_are_counted_one_by_one_and_told_of_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kdns.serve.entry._KINDS", 4)
    desk = Desk()
    for type in range(1000, 1010):
        for size in range(1, 20):
            await desk.ask(f"{size * 'x'}.shop.svc.cluster.local", f"TYPE{type}")
    assert len(desk.memo.denials) == 10
    assert desk.counted("kdns_kubernetes_answers_total", reason="no_such_service") == 190


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("{}.shop.svc.cluster.local", "namespace shop has no Service {}"),
        ("a.b.{}.svc.cluster.local", "namespace {} does not exist"),
        ("a.{}.cluster.local", "no name of the Kubernetes DNS schema has this form"),
    ],
)
async def test_the_sentence_speaks_of_the_name_that_was_asked_for(name: str, sentence: str) -> None:
    desk = Desk()
    await desk.ask(name.format("first"), use_edns=0)
    for label in ("second", "Third", "x" * 60):
        known = desk.hit(name.format(label), use_edns=0)
        assert known is not None
        assert ede(known) == sentence.format(label.lower())


async def test_a_name_that_comes_to_exist_is_answered_at_once() -> None:
    desk = Desk()
    await desk.ask("a.shop.svc.cluster.local")
    assert desk.hit("new.shop.svc.cluster.local") is not None
    desk.store.update([Service("shop", "new", (pack("10.96.0.2"),))])
    assert desk.hit("new.shop.svc.cluster.local") is None
    assert rcode(await desk.ask("new.shop.svc.cluster.local")) == "NOERROR"
    assert desk.hit("a.shop.svc.cluster.local") is not None


async def test_a_change_shows_in_the_serial() -> None:
    desk = Desk()
    await desk.ask("a.shop.svc.cluster.local")
    desk.wall.now += 60
    desk.store.update([Service("shop", "new", (pack("10.96.0.2"),))])
    known = desk.hit("b.shop.svc.cluster.local")
    assert known is not None
    assert known.authority[0][0].serial == 1_700_000_060


async def test_it_ends_with_its_namespace() -> None:
    desk = Desk()
    await desk.ask("a.shop.svc.cluster.local", use_edns=0)
    desk.store.update([], [Namespace("shop").ref])
    assert desk.hit("b.shop.svc.cluster.local", use_edns=0) is None
    assert ede(await desk.ask("b.shop.svc.cluster.local", use_edns=0)) == "namespace shop does not exist"


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"type": "AAAA"}, id="another type"),
        pytest.param({"use_edns": 0}, id="with EDNS"),
        pytest.param({"want_dnssec": True}, id="with DO"),
        pytest.param({"flags": 0}, id="without RD"),
    ],
)
async def test_who_asks_in_another_way_is_answered_in_that_way(asked: dict[str, object]) -> None:
    desk = Desk()
    await desk.ask("a.shop.svc.cluster.local")
    assert desk.hit("b.shop.svc.cluster.local", **asked) is None  # type: ignore[arg-type]
    first = await desk.ask("a.shop.svc.cluster.local", **asked)  # type: ignore[arg-type]
    known = desk.hit("b.shop.svc.cluster.local", **asked)  # type: ignore[arg-type]
    assert known is not None
    assert (known.flags, known.edns, known.ednsflags) == (first.flags, first.edns, first.ednsflags)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(corefile("hosts {\n 192.0.2.1 b.shop.svc.cluster.local\n fallthrough\n}"), id="hosts"),
        pytest.param(corefile("autopath @kubernetes", inside="pods verified"), id="autopath"),
        pytest.param(corefile("header {\n response set aa\n}"), id="header"),
        pytest.param(corefile("minimal"), id="minimal"),
        pytest.param(corefile("log"), id="log"),
        pytest.param(corefile("nsid"), id="nsid"),
        pytest.param(corefile("whoami", inside="fallthrough"), id="falls through"),
        pytest.param(corefile("whoami", inside="fallthrough b.shop.svc.cluster.local"), id="falls through below"),
        pytest.param(corefile() + "\nb.shop.svc.cluster.local:53 {\n whoami\n}", id="a block below"),
        pytest.param(
            ".:53 {\nkubernetes cluster.local b.shop.svc.cluster.local {\n manifests none\n}\n}", id="a zone below"
        ),
    ],
)
async def test_where_others_may_say_something_else_about_a_name_they_are_asked(text: str) -> None:
    desk = Desk(text)
    await desk.ask("a.shop.svc.cluster.local")
    assert desk.hit("b.shop.svc.cluster.local") is None


async def test_what_is_in_the_hosts_file_is_answered_from_there() -> None:
    desk = Desk(corefile("hosts {\n 192.0.2.1 b.shop.svc.cluster.local\n fallthrough\n}"))
    assert rcode(await desk.ask("a.shop.svc.cluster.local")) == "NXDOMAIN"
    assert str((await desk.ask("b.shop.svc.cluster.local")).answer[0][0]) == "192.0.2.1"


async def test_nothing_is_known_before_the_cluster_is() -> None:
    desk = Desk()
    desk.cluster.source = Waiting()
    assert rcode(await desk.ask("a.shop.svc.cluster.local")) == "SERVFAIL"
    assert len(desk.memo.denials) == 0


OCTET = r"\255"


async def test_a_sentence_that_might_not_fit_is_left_to_those_who_can_cut_it() -> None:
    desk = Desk()
    namespace = "n" * 63
    desk.store.update([Namespace(namespace)])
    await desk.ask(f"a.{namespace}.svc.cluster.local", use_edns=0, payload=512)
    long = f"{'l' * 63}.{'l' * 42}.{OCTET * 63}.{namespace}.svc.cluster.local"
    assert desk.hit(long, use_edns=0, payload=512) is None
    assert len((await desk.ask(long, use_edns=0, payload=512)).to_wire()) <= 512
