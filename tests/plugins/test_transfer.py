"""Zone transfers: who gets them, what is in them, in how many messages, while the cluster changes.

What a zone holds: tests/kube/test_contents.py.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rrset
import dns.xfr
import dns.zone
import pytest

from kdns.app import App
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Kind, Namespace, Object, Ref, Service
from kdns.plan import Plan, plan
from kdns.proto.framing import frame
from kdns.proto.reverse import pack
from tests.asking import ede, lines, rcode, serving
from tests.serve.sockets import PATIENCE, until

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
SERIAL = 1_700_000_000
SOA = f"cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. {SERIAL} 7200 1800 86400 5"


def planned(corefile: str) -> Plan:
    return plan(parse(corefile, "Corefile", environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)


@pytest.mark.parametrize(
    "lines",
    [
        ["transfer {", "to *", "}"],
        ["transfer a.test {", "to 10.0.0.1 10.0.0.2", "to fd00::1", "}"],
        ["transfer a.test 10.0.0.0/8 {", "to 10.0.0.1:5353 [fd00::1]:53", "}"],
        ["transfer {", "to * 10.0.0.1", "source 10.0.0.9", "}"],
        ["transfer a.test {", "to *", "}", "transfer b.test {", "to 10.0.0.1", "}"],
    ],
    ids=" ".join,
)
def test_what_coredns_takes_is_taken(lines: list[str]) -> None:
    assert planned("\n".join(["a.test {", *lines, "}"])).build.warnings == []


@pytest.mark.parametrize(
    ("lines", "mistakes"),
    [
        (["transfer"], ["2: 'transfer' needs 'to ADDRESS...': who may have the zones, '*' for everybody"]),
        (["transfer {", "}"], ["2: 'transfer' needs 'to ADDRESS...': who may have the zones, '*' for everybody"]),
        (["transfer {", "to", "}"], ["3: 'to' takes at least 1 argument, not 0"]),
        (
            ["transfer {", "to 10.0.0.0/8", "}"],
            ["3: 'to' takes addresses, as 10.0.0.1 or [fd00::1]:53, or '*', not '10.0.0.0/8'"],
        ),
        (
            ["transfer {", "to ns.test", "}"],
            ["3: 'to' takes addresses, as 10.0.0.1 or [fd00::1]:53, or '*', not 'ns.test'"],
        ),
        (["transfer {", "to *", "source x", "}"], ["4: 'source' takes an address, as 10.0.0.1, not 'x'"]),
        (["transfer {", "to *", "source", "}"], ["4: 'source' takes 1 argument, not 0: source ADDRESS"]),
        (
            ["transfer {", "from *", "}", "transfer a..b {", "to *", "}"],
            [
                "3: 'transfer' has no option 'from' (it has to, source)",
                "5: 'transfer' takes zones: 'a..b' is no domain name: a label has 1 to 63 octets, not 0",
            ],
        ),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("transfer") else "",
)
def test_a_mistake_is_told_with_its_line(lines: list[str], mistakes: list[str]) -> None:
    with pytest.raises(CorefileErrors) as raised:
        planned("\n".join(["a.test {", *lines, "}"]))
    assert [str(error) for error in raised.value.errors] == [f"Corefile:{mistake}" for mistake in mistakes]


def corefile(to: str = "*", zones: str = "", more: str = "", keys: str = "cluster.local in-addr.arpa") -> str:
    return (
        f"{keys} {{\n{more}\ntransfer {zones} {{\nto {to}\n}}\n"
        f"kubernetes cluster.local in-addr.arpa {{\nmanifests {EXAMPLES}\n}}\n}}\n"
    )


# Through the chain; a client of `asked` is 192.0.2.53. Without a stream a reply is its first message.


@pytest.mark.parametrize(
    ("zone", "to", "zones", "why"),
    [
        pytest.param("cluster.local.", "10.0.0.1", "", "zone transfers are not for 192.0.2.53", id="not named"),
        pytest.param("cluster.local.", "*", "in-addr.arpa", "zone transfers are not allowed here", id="other zone"),
        pytest.param("svc.cluster.local.", "*", "", "zone transfers are not allowed here", id="no zone"),
        pytest.param("web.shop.svc.cluster.local.", "*", "", "zone transfers are not allowed here", id="a Service"),
    ],
)
@pytest.mark.parametrize("type", ["AXFR", "IXFR"])
async def test_others_and_other_zones_are_refused(zone: str, to: str, zones: str, why: str, type: str) -> None:
    async with serving(corefile(to, zones)) as asked:
        reply = await asked.exchange(query(zone, type, 1), tcp=True)
        assert (rcode(reply), ede(reply), reply.answer) == ("REFUSED", why, [])


@pytest.mark.parametrize("type", ["AXFR", "IXFR"])
@pytest.mark.parametrize("zone", ["cluster.local.", "gone.cluster.local."])
async def test_over_udp_it_is_refused(zone: str, type: str) -> None:
    async with serving(corefile()) as asked:
        reply = await asked.exchange(query(zone, type, 1))
        assert (rcode(reply), ede(reply)) == ("REFUSED", "zone transfers are over TCP only")


@pytest.mark.parametrize("to", ["192.0.2.53", "10.0.0.1 192.0.2.53:5353", "10.0.0.1 *"])
async def test_who_is_named_gets_it(to: str) -> None:
    async with serving(corefile(to)) as asked:
        reply = await asked.ask("cluster.local.", "AXFR", tcp=True)
        assert (rcode(reply), lines(reply.answer[:1])) == ("NOERROR", [SOA])


async def test_of_two_directives_that_of_the_longer_zone_counts() -> None:
    longer = "transfer cluster.local {\nto 10.0.0.1\n}"
    async with serving(corefile(zones=".", more=longer)) as asked:
        assert rcode(await asked.ask("cluster.local.", "AXFR", tcp=True)) == "REFUSED"
        assert rcode(await asked.ask("in-addr.arpa.", "AXFR", tcp=True)) == "NOERROR"


async def test_other_questions_are_for_the_next_plugin() -> None:
    async with serving(corefile("10.0.0.1")) as asked:
        for tcp in (False, True):
            assert rcode(await asked.ask("cart.shop.svc.cluster.local.", "A", tcp=tcp)) == "NOERROR"


@pytest.mark.parametrize(
    ("serial", "whole"),
    [
        pytest.param(SERIAL, False, id="the same"),
        pytest.param(SERIAL + 1, False, id="a newer one"),
        pytest.param(SERIAL - 1, True, id="an older one"),
        pytest.param((SERIAL + (1 << 31) + 1) % (1 << 32), True, id="half round the circle"),
        pytest.param(0, True, id="none yet"),
    ],
)
async def test_ixfr_is_the_soa_alone_where_nothing_is_newer(serial: int, whole: bool) -> None:
    async with serving(corefile()) as asked:
        reply = await asked.exchange(query("cluster.local.", "IXFR", serial), tcp=True)
        assert (len(lines(reply.answer)) > 100) is whole
        assert lines(reply.answer[:1]) == [SOA]


async def test_ixfr_without_a_serial_is_malformed() -> None:
    async with serving(corefile()) as asked:
        assert rcode(await asked.ask("cluster.local.", "IXFR", tcp=True)) == "FORMERR"


async def test_a_cluster_that_is_not_known_yet_is_not_given_away() -> None:
    away = "cluster.local {\ntransfer {\nto *\n}\nkubernetes {\nendpoint http://127.0.0.1:1\nstartup_timeout 1ms\n}\n}"
    async with serving(away) as asked:
        reply = await asked.ask("cluster.local.", "AXFR", tcp=True)
        assert (rcode(reply), reply.answer) == ("SERVFAIL", [])
        assert ede(reply).startswith("the cluster is not known yet")


@pytest.mark.parametrize("first", [True, False], ids=["TCP first", "UDP first"])
async def test_what_the_next_plugin_says_over_tcp_is_not_for_udp(first: bool) -> None:
    async with serving(corefile(keys="test cluster.local")) as asked:
        for tcp in (first, not first, first, not first):
            reply = await asked.ask("elsewhere.test.", "AXFR", tcp=tcp)
            assert rcode(reply) == ("SERVFAIL" if tcp else "REFUSED")


async def test_nothing_of_it_is_kept() -> None:
    async with serving(corefile()) as asked:
        await asked.ask("cluster.local.", "AXFR", tcp=True)
        assert len(asked.responder.memo) == 0


# Over TCP.


class Running:
    """A Corefile with one address, listening; `cluster` is its cluster."""

    def __init__(self, text: str) -> None:
        parsed = parse(text, "Corefile", environ={}, disk=Local())
        self._app = App(plan(parsed, asyncio.get_running_loop().time, lambda: float(SERIAL)))

    async def __aenter__(self) -> Running:
        await self._app.start()
        ((_, self.port),) = self._app.addresses.values()
        (self.cluster,) = [part for part in self._app.plan.build.parts if isinstance(part, Cluster)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._app.unload()

    def change(self, *objects: Object, gone: tuple[Ref, ...] = ()) -> None:
        self.cluster.store.update(objects, gone)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with Running(corefile(more="bind 127.0.0.1", keys="cluster.local:0 in-addr.arpa:0")) as kdns:
        yield kdns


def query(zone: str, type: str, serial: int = 0) -> dns.message.Message:
    made = dns.message.make_query(zone, type, use_edns=0)
    if type == "IXFR":
        made.authority.append(dns.rrset.from_text(zone, 0, "IN", "SOA", f". . {serial} 0 0 0 0"))
    return made


class Stream:
    """A TCP connection that carries DNS messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Stream:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, message: dns.message.Message) -> None:
        self.writer.write(frame(message.to_wire()))

    async def receive(self) -> tuple[int, dns.message.Message]:
        """The next message, and its bytes."""
        async with asyncio.timeout(PATIENCE):
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            wire = await self.reader.readexactly(size)
        return size, dns.message.from_wire(wire, xfr=True, one_rr_per_rrset=True)

    async def zone(self) -> list[list[str]]:
        """A whole zone: the records of each message."""
        found: list[list[str]] = []
        while sum(" SOA " in line for part in found for line in part) < 2:
            size, reply = await self.receive()
            assert size < 65536
            assert (rcode(reply), bool(reply.flags & dns.flags.AA)) == ("NOERROR", True)
            found.append([" ".join(str(rrset).split()) for rrset in reply.answer])
        return found

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def transferred(kdns: Running, zone: str, **more: object) -> dns.zone.Zone:
    """The zone, by dnspython's client."""

    def take() -> dns.zone.Zone:
        messages = dns.query.xfr("127.0.0.1", zone, port=kdns.port, relativize=False, lifetime=PATIENCE, **more)  # type: ignore[arg-type]
        return dns.zone.from_xfr(messages, relativize=False)

    return await asyncio.to_thread(take)


@pytest.mark.parametrize("zone", ["cluster.local.", "in-addr.arpa."])
async def test_every_record_that_dnspython_gets_is_what_a_question_gets(running: Running, zone: str) -> None:
    found = await transferred(running, zone)
    asked = 0
    for name, rdataset in found.iterate_rdatasets():
        question = dns.message.make_query(name, rdataset.rdtype, use_edns=0)
        reply = await asyncio.to_thread(dns.query.tcp, question, "127.0.0.1", port=running.port, timeout=PATIENCE)
        first = reply.find_rrset(reply.answer, name, rdataset.rdclass, rdataset.rdtype)
        assert (set(first), first.ttl) == (set(rdataset), rdataset.ttl)
        asked += 1
    assert asked > 20


async def test_dnspython_takes_the_whole_zone_for_ixfr(running: Running) -> None:
    zone = dns.zone.Zone("cluster.local.", relativize=False)
    made, _ = dns.xfr.make_query(zone, serial=SERIAL - 10)

    def take() -> None:
        dns.query.inbound_xfr("127.0.0.1", zone, made, port=running.port, lifetime=PATIENCE)

    await asyncio.to_thread(take)
    assert zone.get_soa().serial == SERIAL
    assert zone.get_rrset("cart.shop.svc.cluster.local.", "A") is not None


@pytest.mark.parametrize("type", ["AXFR", "IXFR=1"])
async def test_dig_reads_it(running: Running, type: str) -> None:
    dig = shutil.which("dig")
    if dig is None:
        pytest.skip("dig is not installed (Debian: bind9-dnsutils)")
    command = [dig, "@127.0.0.1", "-p", str(running.port), "cluster.local", type, "+noall", "+answer", "+stats"]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    records = [" ".join(line.split()) for line in ran.stdout.splitlines() if line and not line.startswith(";")]
    assert records[0] == records[-1] == SOA
    assert "cart.shop.svc.cluster.local. 5 IN A 10.96.20.20" in records
    assert "XFR size:" in ran.stdout


MANY = 3000


def many() -> list[Object]:
    return [
        Namespace("many"),
        *(Service("many", f"s-{place}", (bytes((10, 200, place >> 8, place & 255)),)) for place in range(MANY)),
    ]


async def test_a_large_zone_comes_in_several_messages(running: Running) -> None:
    running.change(*many())
    client = await Stream.to(running.port)
    client.send(query("cluster.local.", "AXFR"))
    parts = await client.zone()
    await client.close()
    assert len(parts) > 5
    records = [line for part in parts for line in part]
    assert records[0] == records[-1] == SOA
    names = {line.split()[0] for line in records}
    assert {f"s-{place}.many.svc.cluster.local." for place in range(MANY)} <= names


async def test_an_rrset_that_no_message_holds_is_parted(running: Running) -> None:
    addresses = tuple(bytes((10, 201, place >> 8, place & 255)) for place in range(MANY))
    running.change(Namespace("many"), Service("many", "wide", addresses))
    client = await Stream.to(running.port)
    client.send(query("cluster.local.", "AXFR"))
    parts = await client.zone()
    await client.close()
    holding = [part for part in parts if any(line.startswith("wide.") for line in part)]
    assert len(holding) > 5
    assert sum(line.startswith("wide.many.svc.cluster.local. 5 IN A ") for part in holding for line in part) == MANY


async def test_changes_while_it_goes_on_are_not_in_it(running: Running) -> None:
    """The client reads the first message, then everything changes; what it gets is the zone of before."""
    running.change(*many())
    client = await Stream.to(running.port)
    client.writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.send(query("cluster.local.", "AXFR"))
    _, first = await client.receive()
    running.cluster.index.serial += 77
    running.change(
        *(Service("many", f"s-{place}", (pack("10.0.0.9"),)) for place in range(0, MANY, 2)),
        gone=tuple(Ref(Kind.SERVICE, "many", f"s-{place}") for place in range(1, MANY, 2)),
    )
    records = [" ".join(str(rrset).split()) for rrset in first.answer]
    while records[-1] != SOA or len(records) < 2:
        _, reply = await client.receive()
        records += [" ".join(str(rrset).split()) for rrset in reply.answer]
    await client.close()
    assert records[0] == records[-1] == SOA
    assert sum(".many.svc." in line and " IN A 10.200." in line for line in records) == MANY
    later = await transferred(running, "cluster.local.")
    assert later.get_soa().serial == SERIAL + 77
    assert later.get_node("s-1.many.svc.cluster.local.") is None


async def test_others_are_answered_while_it_goes_on(running: Running) -> None:
    """On the same connection, whose client does not read, as well as on another."""
    running.change(*many())
    client, other = await Stream.to(running.port), await Stream.to(running.port)
    client.send(query("cluster.local.", "AXFR"))
    small = dns.message.make_query("cart.shop.svc.cluster.local.", "A")
    client.send(small)
    other.send(small)
    _, reply = await other.receive()
    assert lines(reply.answer) == ["cart.shop.svc.cluster.local. 5 IN A 10.96.20.20"]
    ids: list[int] = []
    while small.id not in ids or ids.count(small.id) == len(ids):
        ids.append((await client.receive())[1].id)
    await client.close()
    await other.close()


async def test_a_client_that_leaves_ends_it(running: Running) -> None:
    running.change(*many())
    before = len(asyncio.all_tasks())
    client = await Stream.to(running.port)
    client.send(query("cluster.local.", "AXFR"))
    await client.receive()
    client.writer.transport.abort()
    await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_ten_are_given_at_a_time_and_one_more_when_one_is_done(running: Running) -> None:
    running.change(*many())
    clients = [await Stream.to(running.port) for _ in range(10)]
    for client in clients:
        client.send(query("cluster.local.", "AXFR"))
    for client in clients:
        await client.receive()
    clients.append(await Stream.to(running.port))
    clients[10].send(query("cluster.local.", "AXFR"))
    _, refused = await clients[10].receive()
    assert (rcode(refused), ede(refused)) == ("REFUSED", "10 zone transfers are under way already")
    clients[0].writer.transport.abort()
    while rcode(refused) == "REFUSED":
        clients[10].send(query("cluster.local.", "AXFR"))
        _, refused = await clients[10].receive()
    assert rcode(refused) == "NOERROR"
    for client in clients[1:]:
        client.writer.transport.abort()


async def test_what_was_given_to_whom_is_logged(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "kdns.plugin.transfer"):
        zone = await transferred(running, "cluster.local.")
    count = sum(len(rdataset) for _, rdataset in zone.iterate_rdatasets()) + 1
    assert [record.getMessage() for record in caplog.records if "records to" in record.getMessage()] == [
        f"zone cluster.local., serial {SERIAL}: {count} records to 127.0.0.1"
    ]
