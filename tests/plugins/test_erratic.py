from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rdatatype
import pytest

from kdns.app import App
from kdns.chain import Peer, Query, Response, Transport
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.plan import plan
from kdns.plugins.erratic import Erratic, Every, Habits
from kdns.proto.decode import decode
from kdns.proto.types import RRType
from tests.asking import CLIENT, LOCAL, Asked, ede, lines, rcode, serving
from tests.serve.sockets import StreamClient, UdpClient

NOW = "NOW"
LATE = "LATE"
CUT = "CUT"
NONE = "NONE"


class Sleeper:
    """Does not wait; remembers for how long it should have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def query_for(name: str = "example.", type: str = "A") -> Query:
    message = decode(dns.message.make_query(name, type).to_wire())
    return Query(message, Peer(*CLIENT), Peer(*LOCAL), Transport.udp, 0.0)


async def fates(habits: Habits, count: int) -> tuple[list[str], list[float]]:
    """What became of so many questions, and the delays."""
    sleeper, found = Sleeper(), []
    erratic = Erratic(habits, sleeper)
    for _ in range(count):
        before = len(sleeper.slept)
        response = await erratic(query_for())
        late = [LATE] if len(sleeper.slept) > before else []
        cut = [CUT] if response.truncated else []
        found.append("+".join([NONE] if response.silent else late + cut or [NOW]))
    return found, sleeper.slept


@pytest.mark.parametrize(
    ("habits", "expected"),
    [
        (Habits(), [NOW] * 7),
        (Habits(drop=Every(2)), [NONE, NOW, NONE, NOW, NONE, NOW, NONE]),
        (Habits(drop=Every(3)), [NONE, NOW, NOW, NONE, NOW, NOW, NONE]),
        (Habits(drop=Every(1)), [NONE] * 7),
        (Habits(truncate=Every(2)), [CUT, NOW, CUT, NOW, CUT, NOW, CUT]),
        (Habits(delay=Every(3)), [LATE, NOW, NOW, LATE, NOW, NOW, LATE]),
        (Habits(delay=Every(3), truncate=Every(2)), ["LATE+CUT", NOW, CUT, LATE, CUT, NOW, "LATE+CUT"]),
        (Habits(drop=Every(2), delay=Every(2)), [NONE, NOW, NONE, NOW, NONE, NOW, NONE]),
    ],
)
async def test_one_in_so_many_questions_is_treated_so(habits: Habits, expected: list[str]) -> None:
    assert (await fates(habits, 7))[0] == expected


async def test_a_delay_is_as_long_as_it_is_said() -> None:
    assert (await fates(Habits(delay=Every(2, 0.05)), 5))[1] == [0.05] * 3


async def response_to(name: str, type: str, habits: Habits | None = None) -> Response:
    return await Erratic(habits or Habits())(query_for(name, type))


@pytest.mark.parametrize(
    ("type", "record"), [("A", "X.example. 0 IN A 192.0.2.53"), ("AAAA", "X.example. 0 IN AAAA 2001:db8::53")]
)
async def test_addresses_are_answered_with_those_of_documentation(type: str, record: str) -> None:
    async with serving("example {\nerratic {\ndrop 0\n}\n}") as asked:
        for _ in range(2):
            reply = await asked.ask("X.example.", type)
            assert lines(reply.answer) == [record]
            assert dns.flags.to_text(reply.flags) == "QR AA RD"


async def test_a_cut_reply_has_tc_and_its_answer() -> None:
    async with serving("example {\nerratic {\ntruncate 1\n}\n}") as asked:
        for tcp in (False, True):
            reply = await asked.ask("example.", tcp=tcp)
            assert lines(reply.answer) == ["example. 0 IN A 192.0.2.53"]
            assert dns.flags.to_text(reply.flags) == "QR AA TC RD"


@pytest.mark.parametrize("type", ["TXT", "SOA", "ANY", "IXFR", "HTTPS"])
async def test_other_types_fail(type: str) -> None:
    async with serving("example {\nerratic {\ndrop 0\n}\n}") as asked:
        reply = await asked.ask("example.", type)
        assert (rcode(reply), ede(reply)) == ("SERVFAIL", "erratic answers A, AAAA and AXFR only")
        assert reply.answer == []


async def test_with_large_there_are_thirty_addresses_for_a() -> None:
    async with serving("example {\nerratic {\ndrop 0\nlarge\n}\n}") as asked:
        reply = await asked.ask("example.")
        assert len(lines(reply.answer)) == 30
        assert lines((await asked.ask("example.", "AAAA")).answer) == ["example. 0 IN AAAA 2001:db8::53"]


ZONE = [
    "example. 0 IN SOA sns.dns.icann.org. noc.dns.icann.org. 2018050825 7200 3600 1209600 3600",
    "example. 0 IN NS b.example.",
    "example. 0 IN NS a.example.",
    "a.example. 0 IN AAAA 2001:bd8::53",
    "b.example. 0 IN AAAA 2001:500::54",
]


@pytest.mark.parametrize(("option", "records"), [("drop 0", [*ZONE, ZONE[0]]), ("truncate 1", ZONE)])
async def test_a_transfer_is_a_small_zone_and_a_cut_one_does_not_end(option: str, records: list[str]) -> None:
    async with serving(f"example {{\nerratic {{\n{option}\n}}\n}}") as asked:
        wire = dns.message.make_query("example.", "AXFR", id=5).to_wire()
        raw = await asked.responder.respond(wire, CLIENT, LOCAL, Transport.tcp)
        assert raw is not None
        reply = dns.message.from_wire(raw, one_rr_per_rrset=True)
        assert [str(rrset) for rrset in reply.answer] == records
        assert not reply.flags & dns.flags.TC


async def test_a_transfer_of_the_longest_name_has_its_soa_only() -> None:
    name = ".".join(["x" * 63] * 3 + ["x" * 61]) + "."
    response = await response_to(name, "AXFR")
    assert [rrset.type for rrset in response.answer] == [RRType.SOA, RRType.SOA]


async def test_dropped_transfers_and_failures_are_dropped_as_well() -> None:
    for type in ("AXFR", "TXT"):
        assert (await response_to("example.", type, Habits(drop=Every(1)))).silent


async def test_nothing_is_kept() -> None:
    async with serving("example {\nerratic {\ntruncate 3\n}\n}") as asked:
        cut = [bool((await asked.ask("example.")).flags & dns.flags.TC) for _ in range(6)]
        assert cut == [True, False, False, True, False, False]
        assert len(asked.responder.memo) == 0


async def test_no_later_plugin_is_asked() -> None:
    async with serving("example {\nerratic {\ndrop 0\n}\nwhoami\n}") as asked:
        assert rcode(await asked.ask("example.", "TXT")) == "SERVFAIL"


# Silence.


async def answered(asked: Asked, transport: Transport) -> list[bool]:
    wire = dns.message.make_query("example.", "A").to_wire()
    return [await asked.responder.respond(wire, CLIENT, LOCAL, transport) is not None for _ in range(4)]


@pytest.mark.parametrize("transport", Transport, ids=str)
async def test_of_a_dropped_question_nothing_is_sent(transport: Transport) -> None:
    async with serving("example {\nerratic\n}") as asked:
        assert await answered(asked, transport) == [False, True, False, True]


async def test_it_is_counted_and_logged_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    async with serving("example {\nlog . {rcode}/{>rflags}/{rsize}\nprometheus\nnsid\nerrors\nerratic\n}") as asked:
        with caplog.at_level(logging.INFO):
            assert await answered(asked, Transport.udp) == [False, True, False, True]
        sample = asked.plan.build.metrics.registry.get_sample_value
        server = {"server": "dns://:53", "zone": "example.", "view": ""}
        assert sample("coredns_dns_responses_total", server | {"rcode": "NOERROR", "plugin": "erratic"}) == 4
        sizes = server | {"proto": "udp"}
        assert sample("coredns_dns_response_size_bytes_count", sizes) == 4
        assert sample("coredns_dns_response_size_bytes_sum", sizes) == 2 * 41
    assert [record.getMessage() for record in caplog.records] == ["NOERROR/-/0", "NOERROR/qr,aa,rd/41"] * 2


@asynccontextmanager
async def opened(corefile: str) -> AsyncIterator[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    app = App(plan(parse(corefile, "Corefile", environ={}, disk=Local()), loop.time, lambda: 0.0))
    await app.start()
    try:
        (address,) = app.addresses.values()
        yield address
    finally:
        await app.unload()


def question(id: int) -> bytes:
    return dns.message.make_query("example.", "A", id=id).to_wire()


async def test_over_udp_the_client_waits_for_ever() -> None:
    async with opened("example:0 {\nbind 127.0.0.1\nerratic\n}") as address:
        with UdpClient() as client:
            for id in (1, 2, 3, 4):
                client.send(question(id), address)
            assert [(await client.receive())[0][:2] for _ in range(2)] == [b"\0\2", b"\0\4"]
            assert client.empty()


async def test_over_tcp_the_connection_goes_on_without_the_reply() -> None:
    corefile = "example:0 {\nbind 127.0.0.1\nerratic {\ndrop 3\n}\n}"
    async with opened(corefile) as address, StreamClient(address) as client:
        client.send(*map(question, (1, 2, 3, 4, 5)))
        assert [(await client.receive())[:2] for _ in range(3)] == [b"\0\2", b"\0\3", b"\0\5"]


# What a Corefile says.


@pytest.mark.parametrize(
    ("options", "drop", "truncate", "delay"),
    [
        ("", 2, 0, (0, 0.1)),
        ("drop", 2, 0, (0, 0.1)),
        ("drop 3", 3, 0, (0, 0.1)),
        ("drop 0", 0, 0, (0, 0.1)),
        ("truncate", 0, 2, (0, 0.1)),
        ("truncate 5", 0, 5, (0, 0.1)),
        ("delay", 0, 0, (2, 0.1)),
        ("delay 3", 0, 0, (3, 0.1)),
        ("delay 3 50ms", 0, 0, (3, 0.05)),
        ("delay 0 50ms", 0, 0, (0, 0.05)),
        ("delay 3 5ms\ntruncate 5", 0, 5, (3, 0.005)),
        ("drop 2\ntruncate 2", 2, 2, (0, 0.1)),
        ("drop\ndelay", 2, 0, (2, 0.1)),
        ("large", 2, 0, (0, 0.1)),
        ("drop 2147483647", 2147483647, 0, (0, 0.1)),
        ("drop 3\ndrop 4", 4, 0, (0, 0.1)),
    ],
)
async def test_a_block_says_what_to_do(
    options: str, drop: int, truncate: int, delay: tuple[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Habits] = []

    def spy(habits: Habits) -> Erratic:
        made.append(habits)
        return Erratic(habits)

    monkeypatch.setattr("kdns.plugins.erratic.Erratic", spy)
    async with serving(f". {{\nerratic {{\n{options}\n}}\n}}"):
        (habits,) = made
    assert (habits.drop.amount, habits.truncate.amount, habits.delay) == (drop, truncate, Every(*delay))
    assert habits.large is (options == "large")


async def test_two_directives_add_up() -> None:
    async with serving("example {\nerratic {\ntruncate 1\n}\nerratic {\nlarge\n}\n}") as asked:
        reply = await asked.ask("example.")
        assert len(lines(reply.answer)) == 30
        assert reply.flags & dns.flags.TC


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("erratic x", "'erratic' takes no arguments: remove 'x'"),
        ("erratic {\ndrop -1\n}", "'drop' takes one in how many, as '2' or '10', not '-1'"),
        ("erratic {\ndrop x\n}", "'drop' takes one in how many, as '2' or '10', not 'x'"),
        ("erratic {\ndrop 2147483648\n}", "'drop' takes one in how many, as '2' or '10', not '2147483648'"),
        ("erratic {\ndrop 1 2\n}", "'drop' takes 0 to 1 argument, not 2"),
        ("erratic {\ntruncate 1s\n}", "'truncate' takes one in how many, as '2' or '10', not '1s'"),
        ("erratic {\ndelay 1 x\n}", "'delay' takes a duration: 'x' is none"),
        ("erratic {\ndelay 1 5\n}", "'delay' takes a duration: add a unit to '5'"),
        ("erratic {\ndelay 1 1s 2s\n}", "'delay' takes 0 to 2 arguments, not 3"),
        ("erratic {\nlarge 1\n}", "'large' takes no arguments: remove '1'"),
        ("erratic {\nlose 1\n}", "'erratic' has no option 'lose'"),
    ],
)
async def test_mistakes_are_told(text: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        async with serving(f". {{\n{text}\n}}"):
            pass
    assert error in str(caught.value)


# Readiness.


async def test_it_is_ready_while_it_has_seen_three_or_four_questions() -> None:
    async with serving("example {\nready\nerratic {\ndrop 0\n}\n}") as asked:
        missing = asked.plan.build.readiness["erratic"]
        said = []
        for _ in range(6):
            said.append(missing())
            await asked.ask("example.")
    assert said == [f"{seen} questions seen" if seen not in {3, 4} else "" for seen in range(6)]


async def test_it_says_so_only_where_its_own_block_has_ready() -> None:
    async with serving("a.test {\nready\nwhoami\n}\nb.test {\nerratic\n}") as asked:
        assert asked.plan.build.readiness == {}


async def test_two_blocks_are_asked_both() -> None:
    block = "{\nready\nerratic {\ndrop 0\n}\n}\n"
    async with serving("a.test " + block + "b.test " + block) as asked:
        for _ in range(3):
            await asked.ask("a.test.")
        assert asked.plan.build.readiness["erratic"]() == "0 questions seen"
