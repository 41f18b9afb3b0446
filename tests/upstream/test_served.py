"""Questions through the whole chain to scripted upstreams: what clients see of good and bad ones."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import dns.asyncquery
import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import pytest

from kdns.app import App
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import StartError
from kdns.plan import plan
from tests.asking import Asked, ede, lines, rcode
from tests.upstream.certificates import Authority
from tests.upstream.scripted import (
    Elsewhere,
    End,
    Half,
    Reset,
    Script,
    Scripted,
    Seen,
    Sent,
    address,
    altered,
    good,
    reply,
    rrset,
    scripted,
    silent,
)
from tests.upstream.served import counted, served
from tests.warp import warp

ANSWER = ["www.example.org. 60 IN A 192.0.2.1"]


def corefile(*upstreams: Scripted | str, options: str = "", more: str = "") -> str:
    to = " ".join(each if isinstance(each, str) else each.text for each in upstreams)
    return f". {{\n forward . {to} {{\n policy sequential\n {options}\n }}\n {more}\n}}"


async def asked_once(script: Script, name: str = "www.example.org.", type: str = "A") -> dns.message.Message:
    async with scripted(script) as upstream, served(corefile(upstream)) as kdns:
        return await kdns.ask(name, type)


def wrong_id(seen: Seen) -> list[Sent]:
    return [altered(seen, id=seen.id ^ 1)]


def wrong_question(seen: Seen) -> list[Sent]:
    return [altered(seen, question="www.example.com. 0 IN A 0.0.0.0")]


def wrong_port(seen: Seen) -> list[Sent]:
    return [] if seen.tcp else [Elsewhere(address(seen))]


def not_a_reply(seen: Seen) -> list[Sent]:
    return [seen.wire]


def cut(seen: Seen) -> list[Sent]:
    return good(seen) if seen.tcp else [reply(seen, flags="TC RA")]


def cut_then(end: Sent) -> Script:
    """TC over UDP, and over TCP something that is no reply."""
    return lambda seen: [end] if seen.tcp else [reply(seen, flags="TC RA")]


@pytest.mark.parametrize("lie", [wrong_id, wrong_question, wrong_port, not_a_reply])
async def test_a_client_gets_the_true_reply_behind_a_lie(lie: Script) -> None:
    found = await asked_once(lambda seen: [*lie(seen), *good(seen)])
    assert (rcode(found), lines(found.answer)) == ("NOERROR", ANSWER)


@pytest.mark.parametrize("lie", [wrong_id, wrong_question, wrong_port, not_a_reply, silent])
async def test_a_lie_alone_is_no_reply(lie: Script) -> None:
    began = warp().time()
    found = await asked_once(lie)
    assert warp().time() - began < 5
    assert (rcode(found), found.answer, bool(found.flags & dns.flags.RA)) == ("SERVFAIL", [], True)
    assert found.options[0].code == 22
    assert ede(found).endswith("did not answer within 2s: i/o timeout")


async def test_thousands_of_guesses_harm_nobody() -> None:
    def blast(seen: Seen) -> list[Sent]:
        if seen.tcp:
            return good(seen)
        return [altered(seen, id=guess) for guess in range(2000) if guess != seen.id]

    async with scripted(blast) as upstream, served(corefile(upstream)) as kdns:
        found = [await kdns.ask(f"n{number}.example.org.") for number in range(3)]
        assert {rcode(each) for each in found} == {"NOERROR"}
        assert {rdata.address for each in found for rdata in each.answer[0]} == {"192.0.2.1"}
        assert counted(kdns, "kdns_forward_strays_total", to=upstream.text) == 48


@pytest.mark.parametrize(
    ("script", "text"),
    [
        pytest.param(cut_then(End()), "ended the connection before the reply came", id="closed"),
        pytest.param(cut_then(Reset()), "ended the connection before the reply came", id="reset"),
        pytest.param(
            lambda seen: [Half(address(seen))] if seen.tcp else cut(seen),
            "ended the connection in the middle of a reply",
            id="half a frame",
        ),
        pytest.param(lambda seen: [reply(seen, rcode="BADVERS")], "said rcode 16", id="BADVERS whatever is asked"),
    ],
)
async def test_a_failure_says_who_it_was_and_what_happened(script: Script, text: str) -> None:
    async with scripted(script) as upstream, served(corefile(upstream)) as kdns:
        found = await kdns.ask("www.example.org.")
        assert rcode(found) == "SERVFAIL"
        assert (found.options[0].code, ede(found)) in [
            (23, f"upstream {upstream.text}{proto} {text}") for proto in ("", " (tcp)")
        ]


@pytest.mark.parametrize("tcp", [False, True])
async def test_what_is_cut_upstream_is_whole_here(tcp: bool) -> None:
    many = [f"www.example.org. 60 IN TXT {'x' * 200}{number}" for number in range(20)]

    def long(seen: Seen) -> list[Sent]:
        return [reply(seen, *many)] if seen.tcp else [reply(seen, flags="TC RA")]

    async with scripted(long) as upstream, served(corefile(upstream)) as kdns:
        found = await kdns.ask("www.example.org.", "TXT", tcp=tcp)
        assert bool(found.flags & dns.flags.TC) is not tcp
        if tcp:
            assert len(lines(found.answer)) == 20


@pytest.mark.parametrize(
    ("how", "seen_as"), [("", [False, True]), ("force_tcp", [True, True]), ("prefer_udp", [False, False])]
)
async def test_the_client_s_transport_is_used_unless_said_otherwise(how: str, seen_as: list[bool]) -> None:
    async with scripted() as upstream, served(corefile(upstream, options=how)) as kdns:
        await kdns.ask("a.test.")
        await kdns.ask("b.test.", tcp=True)
    assert [seen.tcp for seen in upstream.seen] == seen_as


@pytest.mark.parametrize(
    "code", ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "NOTAUTH", "YXDOMAIN"]
)
async def test_an_rcode_goes_on_as_it_came(code: str) -> None:
    assert rcode(await asked_once(lambda seen: [reply(seen, rcode=code)])) == code


@pytest.mark.parametrize(
    ("flags", "shown"), [("AA", "QR AA RD"), ("RA", "QR RD RA"), ("AA RA", "QR AA RD RA"), ("", "QR RD")]
)
async def test_aa_and_ra_are_the_upstream_s(flags: str, shown: str) -> None:
    found = await asked_once(lambda seen: [reply(seen, *ANSWER, flags=flags)])
    assert dns.flags.to_text(found.flags) == shown


@pytest.mark.parametrize(("ad", "do", "shown"), [(False, False, False), (True, False, True), (False, True, True)])
async def test_ad_is_shown_to_those_who_want_to_know(ad: bool, do: bool, shown: bool) -> None:
    async with (
        scripted(lambda seen: [reply(seen, *ANSWER, flags="AD RA")]) as upstream,
        served(corefile(upstream)) as kdns,
    ):
        query = dns.message.make_query("www.example.org.", "A", use_edns=0, want_dnssec=do)
        query.flags |= dns.flags.AD if ad else 0
        found = await kdns.exchange(query)
    assert bool(found.flags & dns.flags.AD) is shown
    assert upstream.seen[0].message.flags == dns.flags.RD | dns.flags.AD
    assert bool(upstream.seen[0].message.ednsflags & dns.flags.DO) is do


@pytest.mark.parametrize("flags", ["RD", "", "RD CD", "CD"])
async def test_rd_and_cd_go_up_and_come_back(flags: str) -> None:
    async with scripted() as upstream, served(corefile(upstream)) as kdns:
        query = dns.message.make_query("www.example.org.", "A", flags=dns.flags.from_text(flags))
        found = await kdns.exchange(query)
    copied = dns.flags.RD | dns.flags.CD
    assert upstream.seen[0].message.flags & copied == found.flags & copied == query.flags


async def test_options_of_a_client_do_not_travel_and_those_of_an_upstream_do_not_come() -> None:
    def with_options(seen: Seen) -> list[Sent]:
        message = dns.message.from_wire(address(seen))
        message.use_edns(0, 0, 1232, options=[dns.edns.GenericOption(dns.edns.OptionType.NSID, b"upstream")])
        return [message.to_wire()]

    subnet = dns.edns.ECSOption("192.0.2.0", 24)
    cookie = dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")
    async with scripted(with_options) as upstream, served(corefile(upstream)) as kdns:
        query = dns.message.make_query("www.example.org.", "A", use_edns=0, payload=4096, options=[subnet, cookie])
        found = await kdns.exchange(query)
        plain = await kdns.ask("other.example.org.", edns=False)
    assert [(seen.message.edns, seen.message.payload, seen.message.options) for seen in upstream.seen] == [
        (0, 1232, ())
    ] * 2
    assert (found.edns, found.options, plain.edns) == (0, (), -1)


async def test_an_upstream_s_reason_goes_on() -> None:
    def blocked(seen: Seen) -> list[Sent]:
        message = dns.message.from_wire(reply(seen, rcode="NXDOMAIN"))
        message.use_edns(0, 0, 1232, options=[dns.edns.EDEOption(dns.edns.EDECode.BLOCKED, "by policy")])
        return [message.to_wire()]

    found = await asked_once(blocked)
    assert (found.options[0].code, ede(found)) == (15, "by policy")


B = "b.test. 10 IN A 192.0.2.1"


@pytest.mark.parametrize(
    ("type", "records"),
    [
        ("A", ["www.example.org. 60 IN CNAME a.example.net.", "a.example.net. 30 IN CNAME b.test.", B]),
        ("TYPE65333", ["www.example.org. 60 IN TYPE65333 \\# 5 00ff00ff00"]),
        ("SRV", ["www.example.org. 60 IN SRV 1 2 80 WWW.Example.org."]),
        ("NAPTR", ['www.example.org. 60 IN NAPTR 1 2 "u" "x" "!a!b!" .']),
        ("HTTPS", ['www.example.org. 60 IN HTTPS 1 . alpn="h2,h3"']),
        ("TXT", ['www.example.org. 60 IN TXT "a" "b\\000c"']),
        ("CAA", ['www.example.org. 0 IN CAA 0 issue "ca.test"']),
    ],
)
async def test_records_of_any_kind_go_on_byte_for_byte(type: str, records: list[str]) -> None:
    found = await asked_once(lambda seen: [reply(seen, *records)], type=type)
    wanted = [rrset(record) for record in records]
    assert [each.to_text() for each in found.answer] == [each.to_text() for each in wanted]
    assert [each[0].to_wire() for each in found.answer] == [each[0].to_wire() for each in wanted]


async def test_a_client_s_letters_come_back() -> None:
    found = await asked_once(lambda seen: [address(seen)], name="wWw.ExAmPlE.oRg.")
    assert found.question[0].name.to_text() == found.answer[0].name.to_text() == "wWw.ExAmPlE.oRg."


async def test_what_nobody_asked_about_does_not_come() -> None:
    found = await asked_once(lambda seen: [reply(seen, *ANSWER, "bank.example.com. 60 IN A 203.0.113.66")])
    assert lines(found.answer) == ANSWER


async def test_a_server_without_edns_is_good_enough() -> None:
    def old(seen: Seen) -> list[Sent]:
        return [reply(seen, rcode="FORMERR", edns=False)] if seen.message.edns >= 0 else good(seen)

    async with scripted(old) as upstream, served(corefile(upstream)) as kdns:
        found = [await kdns.ask(f"n{number}.test.") for number in range(3)]
    assert {(rcode(each), each.edns) for each in found} == {("NOERROR", 0)}
    assert [seen.message.edns for seen in upstream.seen] == [0, -1, -1, -1]


async def test_a_server_that_drops_edns_costs_one_timeout() -> None:
    async with scripted(lambda seen: [] if seen.message.edns >= 0 else good(seen)) as upstream:
        async with served(corefile(upstream)) as kdns:
            began = warp().time()
            assert rcode(await kdns.ask("a.test.")) == "NOERROR"
            assert warp().time() - began == pytest.approx(2, abs=0.1)
            await asyncio.sleep(5)
            began = warp().time()
            assert rcode(await kdns.ask("b.test.")) == "NOERROR"
            assert warp().time() - began < 0.005
        assert {seen.message.edns for seen in upstream.seen if seen.name == "b.test."} == {-1}


async def ask_many(kdns: Asked, count: int, name: str = "www.example.org.") -> list[dns.message.Message]:
    return await asyncio.gather(*(kdns.ask(name) for _ in range(count)))


async def test_clients_that_ask_the_same_share_one_question() -> None:
    async with scripted() as upstream, served(corefile(upstream, options="max_concurrent 1")) as kdns:
        found = await ask_many(kdns, 1000)
        assert {rcode(each) for each in found} == {"NOERROR"}
        assert len(upstream.seen) == 1
        assert counted(kdns, "kdns_forward_shared_total") == 999


async def test_too_many_at_once_are_refused() -> None:
    async with scripted(silent) as upstream, served(corefile(upstream, options="max_concurrent 2")) as kdns:
        waiting = [asyncio.create_task(kdns.ask(f"n{number}.test.")) for number in range(2)]
        await asyncio.sleep(0.1)
        found = await kdns.ask("one.more.test.")
        assert (rcode(found), ede(found)) == ("REFUSED", "concurrent queries exceeded maximum 2")
        assert counted(kdns, "coredns_forward_max_concurrent_rejects_total") == 1
        upstream.script = good
        assert {rcode(each) for each in await asyncio.gather(*waiting)} == {"NOERROR"}


async def test_a_black_hole_among_two_costs_one_timeout_and_comes_back() -> None:
    async with scripted(silent) as hole, scripted() as well, served(corefile(hole, well)) as kdns:
        took = []
        for number in range(50):
            began = warp().time()
            assert rcode(await kdns.ask(f"n{number}.test.")) == "NOERROR"
            took.append(warp().time() - began)
            await asyncio.sleep(0.1)
        assert took[0] == pytest.approx(2, abs=0.1)
        assert max(took[1:]) < 0.005
        hole.script = good
        await asyncio.sleep(2)
        before = len(well.seen)
        await kdns.ask("again.test.")
        assert len(well.seen) == before


async def test_the_cluster_is_answered_at_once_while_all_upstreams_are_black_holes() -> None:
    examples = Path(__file__).parent.parent.parent / "examples"
    cluster = f"kubernetes cluster.local {{\n manifests {examples}\n controllers on\n }}"
    async with scripted(silent) as hole, served(corefile(hole, options="max_concurrent 1000", more=cluster)) as kdns:
        flood = [asyncio.create_task(kdns.ask(f"n{number}.test.")) for number in range(500)]
        await asyncio.sleep(0.5)
        began = warp().time()
        for name in ("cart.shop.svc.cluster.local.", "no.shop.svc.cluster.local."):
            assert rcode(await kdns.ask(name)) in {"NOERROR", "NXDOMAIN"}
        assert warp().time() == began
        assert {rcode(each) for each in await asyncio.gather(*flood)} == {"SERVFAIL"}
        assert warp().time() - began < 5


async def test_a_failure_is_remembered_for_a_moment() -> None:
    async with scripted(silent) as upstream, served(corefile(upstream)) as kdns:
        first = await kdns.ask("www.example.org.")
        began, asked = warp().time(), len(upstream.seen)
        again = await kdns.ask("www.example.org.")
        assert (rcode(again), ede(again)) == ("SERVFAIL", ede(first))
        assert (warp().time(), len(upstream.seen)) == (began, asked)
        upstream.script = good
        await asyncio.sleep(1)
        assert rcode(await kdns.ask("www.example.org.")) == "NOERROR"


async def test_nothing_is_kept_without_cache() -> None:
    async with scripted() as upstream, served(corefile(upstream)) as kdns:
        for _ in range(3):
            await kdns.ask("www.example.org.")
    assert len(upstream.seen) == 3


FIRST_OF_TWO = ". {{\n forward . {} {{\n {}\n }}\n forward . {}\n}}"


@pytest.mark.parametrize(
    ("options", "script", "answers"),
    [
        pytest.param("next NXDOMAIN", lambda seen: [reply(seen, rcode="NXDOMAIN")], True, id="the rcode"),
        pytest.param("next NXDOMAIN", lambda seen: [reply(seen, rcode="SERVFAIL")], False, id="another rcode"),
        pytest.param("next SERVFAIL NXDOMAIN", lambda seen: [reply(seen, rcode="SERVFAIL")], True, id="of several"),
        pytest.param("", lambda seen: [reply(seen, rcode="NXDOMAIN")], False, id="without the option"),
        pytest.param("next_on_nodata", lambda seen: [reply(seen)], True, id="nothing"),
        pytest.param("next_on_nodata", lambda seen: [reply(seen, rcode="NXDOMAIN")], False, id="no name"),
        pytest.param("next NXDOMAIN", lambda seen: [reply(seen)], False, id="nothing without the option"),
    ],
)
async def test_the_next_forward_is_asked_with_some_replies(options: str, script: Script, answers: bool) -> None:
    async with (
        scripted(script) as one,
        scripted() as other,
        served(FIRST_OF_TWO.format(one.text, options, other.text)) as kdns,
    ):
        found = await kdns.ask("www.example.org.")
    assert bool(found.answer) is answers
    assert len(other.seen) == answers


async def test_the_last_forward_answers_what_it_has() -> None:
    async with (
        scripted(lambda seen: [reply(seen, rcode="NXDOMAIN")]) as upstream,
        served(corefile(upstream, options="next NXDOMAIN", more="whoami")) as kdns,
    ):
        assert rcode(await kdns.ask("www.example.org.")) == "NXDOMAIN"


async def test_the_first_forward_that_has_the_name_answers() -> None:
    text = ". {{\n forward a.test {}\n forward test {}\n forward . {} {{\n except b.example\n }}\n whoami\n}}"
    async with (
        scripted() as one,
        scripted() as two,
        scripted() as three,
        served(text.format(one.text, two.text, three.text)) as kdns,
    ):
        for name in ("x.a.test.", "b.test.", "example.", "x.b.example."):
            assert rcode(await kdns.ask(name)) == "NOERROR"
    names = [[seen.name for seen in upstream.seen] for upstream in (one, two, three)]
    assert names == [["x.a.test."], ["b.test."], ["example."]]


async def test_a_server_that_asks_itself_does_so_twice_and_no_more() -> None:
    """What comes back waits for the same question that is under way, so nothing multiplies."""
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = f".:{port} {{\n bind 127.0.0.1\n forward . 127.0.0.1:{port}\n}}"
    app = App(plan(parse(text, "Corefile", environ={}, disk=Memory()), warp().time, lambda: 0.0))
    await app.start()
    try:
        began = warp().time()
        query = dns.message.make_query("a.test.", "A", use_edns=0)
        found = await dns.asyncquery.udp(query, "127.0.0.1", port=port, timeout=10)
        assert rcode(found) == "SERVFAIL"
        assert warp().time() - began < 5
        assert app.plan.build.metrics.registry.get_sample_value("kdns_memo_misses_total") < 20  # type: ignore[operator]
    finally:
        await app.unload()


@pytest.mark.parametrize("type", ["AXFR", "IXFR"])
async def test_transfers_are_not_forwarded(type: str) -> None:
    async with scripted() as upstream, served(corefile(upstream)) as kdns:
        query = dns.message.make_query("example.org.", type, use_edns=0)
        found = await kdns.exchange(query, tcp=True)
    assert (rcode(found), ede(found), upstream.seen) == ("NOTIMP", "zone transfers are not forwarded", [])


async def test_tls_is_spoken_by_the_name_in_the_corefile(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.pair("client.test")
    async with scripted(tls=authority.server("dns.test", clients=True)) as upstream:
        good_name = f"tls://127.0.0.1%dns.test:{upstream.port}"
        bad_name = f"tls://127.0.0.1%other.test:{upstream.port}"
        trust = f"tls {cert} {key} {authority.file}"
        async with served(corefile(good_name, options=trust)) as kdns:
            assert [rcode(await kdns.ask(name)) for name in ("a.test.", "b.test.")] == ["NOERROR"] * 2
        async with served(corefile(bad_name, options=trust)) as kdns:
            found = await kdns.ask("a.test.")
            assert rcode(found) == "SERVFAIL"
            assert ede(found).endswith("certificate is not valid for 'other.test'.")
        async with served(
            corefile(f"tls://127.0.0.1:{upstream.port}", options=f"{trust}\n tls_servername dns.test")
        ) as kdns:
            assert rcode(await kdns.ask("a.test.")) == "NOERROR"
    assert [seen.name for seen in upstream.seen] == ["a.test.", "b.test.", "a.test."]
    assert len({seen.connection for seen in upstream.seen}) == 2


async def test_a_resolv_conf_that_changes_is_followed(tmp_path: Path) -> None:
    """The port cannot be said in it, so nobody is there: the failures name who was asked."""
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 127.7.7.1\n")
    async with served(corefile(str(file), options="force_tcp")) as kdns:
        assert "127.7.7.1:53 (tcp): connection refused" in ede(await kdns.ask("a.test."))
        file.write_text("nameserver 127.7.7.2\n")
        await asyncio.sleep(5)
        assert "127.7.7.2:53 (tcp): connection refused" in ede(await kdns.ask("a.test."))


async def test_a_host_is_resolved_at_start() -> None:
    async with scripted() as upstream, served(corefile(f"localhost:{upstream.port}")) as kdns:
        assert rcode(await kdns.ask("a.test.")) == "NOERROR"


async def test_a_host_is_resolved_by_whom_the_corefile_names() -> None:
    def knows(seen: Seen) -> list[Sent]:
        ours = seen.name == "dns.example." and seen.message.question[0].rdtype == 1
        return [reply(seen, *["dns.example. 60 IN A 127.0.0.1"] * ours)]

    async with scripted(knows) as resolver, scripted() as upstream:
        options = f"resolver {resolver.text}"
        async with served(corefile(f"dns.example:{upstream.port}", options=options)) as kdns:
            assert rcode(await kdns.ask("a.test.")) == "NOERROR"
        resolver.script = silent
        with pytest.raises(StartError, match=r"^forward: the host 'dns\.example' cannot be resolved"):
            async with served(corefile(f"dns.example:{upstream.port}", options=options)):
                pass


async def test_metadata_says_who_answered(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    log = 'metadata\n log . "{name} by {/forward/upstream}"'
    async with scripted() as upstream, served(corefile(upstream, more=log)) as kdns:
        await kdns.ask("a.test.")
    assert f"a.test. by {upstream.text}" in caplog.messages


async def test_failures_are_for_the_errors_plugin_to_log(caplog: pytest.LogCaptureFixture) -> None:
    async with scripted(silent) as upstream, served(corefile(upstream, more="errors")) as kdns:
        await kdns.ask("a.test.")
    (line,) = caplog.messages
    assert line.startswith("2 a.test. A: upstream ")
    assert line.endswith("i/o timeout")


async def test_the_errors_of_many_who_share_a_question_are_each_their_own() -> None:
    async with scripted(silent) as upstream, served(corefile(upstream)) as kdns:
        found = await ask_many(kdns, 100)
        assert {(rcode(each), ede(each)) for each in found} == {("SERVFAIL", ede(found[0]))}
        assert len([seen for seen in upstream.seen if seen.name != "."]) == 2


async def test_a_part_that_is_all_there_is_comes_as_a_part_and_is_not_kept() -> None:
    async with scripted(lambda seen: [reply(seen, *ANSWER, flags="TC RA")], streams=False) as upstream:
        async with served(f". {{\n cache 30\n forward . {upstream.text}\n}}") as kdns:
            for _ in range(2):
                found = await kdns.ask("www.example.org.")
                assert (lines(found.answer), bool(found.flags & dns.flags.TC)) == (ANSWER, True)
        assert len(upstream.seen) == 2


def in_its_class(seen: Seen) -> list[Sent]:
    """A record of the class that was asked for, its data as long as no type of IN has it."""
    klass = seen.message.question[0].rdclass
    opt = b"" if seen.message.edns < 0 else b"\0\0\x29\4\xd0" + bytes(6)
    head = seen.wire[:2] + b"\x85\x80\0\1\0\1\0\0\0" + bytes((bool(opt),))
    end = len(seen.wire) - len(opt)
    return [head + seen.wire[12:end] + b"\xc0\x0c\0\1" + klass.to_bytes(2) + b"\0\0\0\x3c\0\3\xc0\x0c\1" + opt]


MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10}
"""


@pytest.mark.parametrize(
    ("klass", "name", "refused"),
    [
        pytest.param("HS", "www.example.org.", "", id="Hesiod"),
        pytest.param("CLASS65280", "www.example.org.", "", id="unknown"),
        pytest.param("CH", "version.bind.", "only class IN is answered here", id="about this server"),
        pytest.param("ANY", "www.example.org.", "only class IN is answered here", id="no class"),
        pytest.param(
            "CLASS65280",
            "web.shop.svc.cluster.local.",
            "the name is not forwarded, and only class IN is answered here",
            id="of the cluster",
        ),
    ],
)
async def test_records_of_any_class_go_on_byte_for_byte(tmp_path: Path, klass: str, name: str, refused: str) -> None:
    (tmp_path / "web.yaml").write_text(MANIFEST)
    question = dns.message.make_query(name, "A", rdclass=dns.rdataclass.from_text(klass), use_edns=0)
    async with scripted(in_its_class) as upstream:
        text = (
            f". {{\n kubernetes cluster.local {{\n  manifests web.yaml\n }}\n cache 30\n forward . {upstream.text}\n}}"
        )
        async with served(text, tmp_path) as kdns:
            for _ in range(2):
                found = await kdns.exchange(question)
                assert (rcode(found), ede(found)) == ("REFUSED" if refused else "NOERROR", refused)
                assert [rrset.to_text() for rrset in found.answer] == (
                    [] if refused else [f"{name} 60 {klass} A \\# 3 c00c01"]
                )
        assert [seen.message.question[0].to_text() for seen in upstream.seen] == (
            [] if refused else [f"{name} {klass} A"] * 2
        )
