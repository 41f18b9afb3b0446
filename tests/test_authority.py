"""Aliases that lead out of the cluster: what is looked up, what of it is shown, and how long that is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import dns.flags
import dns.message
import pytest

from kdns.app import App
from kdns.authority import Authority, addresses
from kdns.chain import Hit, Keep, Peer, Query, Response, Scope, Sent, Transport, failure
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.kube.apex import soa_record
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Namespace, Service
from kdns.kube.resolve import resolve
from kdns.metrics import Metrics
from kdns.plan import plan
from kdns.proto.message import Ede, Message
from kdns.proto.name import Name, from_text, to_text
from kdns.proto.record import RRset, Soa, soa
from kdns.proto.reverse import pack
from kdns.proto.types import EDE, RCode, RRType
from kdns.site import Copy
from tests.asking import Asked, Clock, Told, ede, lines, rcode, serving
from tests.kube.known import OPTIONS, ZONE, question, store_of

CNAME = "out.shop.svc.cluster.local. 5 IN CNAME www.example.com."
WWW = from_text("www.example.com")
ADDRESS = RRset(WWW, RRType.A, 300, (pack("192.0.2.80"),))
BEYOND = RRset(from_text("example.com"), RRType.SOA, 300, (soa(Soa(WWW, WWW, 7, 1, 2, 3, 4)),))
KEPT = Keep(Scope.EVERYBODY)
NOW = 1000.0


class Asking:
    """A cluster with an alias, and what the rest of the server says when it is asked."""

    def __init__(self, told: Response) -> None:
        self.told = told
        self.asked: list[tuple[str, int]] = []
        store = store_of(Namespace("shop"), Service("shop", "out", external_name="www.example.com"))
        self.index = store.index
        cluster = Cluster(store, Told())
        soa = lambda zone, serial: soa_record(zone, OPTIONS, serial)  # noqa: E731
        self.authority = Authority("kubernetes", cluster, OPTIONS, soa, Metrics())

    async def lookup(self, query: Query, name: Name, type: int) -> Response:
        assert query.question.name != name
        self.asked.append((to_text(name), type))
        return self.told

    async def respond(self, type: str = "A", name: str = "out.shop.svc.cluster.local") -> Response:
        asked = question(name, type)
        peer = Peer("192.0.2.1", 5353)
        query = Query(
            Message(1, 0, asked, None, 50), peer, Peer("127.0.0.1", 53), Transport.udp, NOW, lookup=self.lookup
        )
        return await self.authority.respond(query, ZONE, resolve(asked, ZONE, self.index, OPTIONS))


def names(response: Response) -> list[str]:
    return [to_text(rrset.owner) for rrset in response.answer]


@pytest.mark.parametrize(("type", "number"), [("A", 1), ("AAAA", 28)])
async def test_addresses_are_looked_up(type: str, number: int) -> None:
    asking = Asking(Response(answer=(ADDRESS._replace(type=number),), keep=KEPT))
    response = await asking.respond(type)
    assert names(response) == ["out.shop.svc.cluster.local.", "www.example.com."]
    assert asking.asked == [("www.example.com.", number)]
    assert (response.rcode, response.authoritative, response.by) == (RCode.NOERROR, True, "kubernetes")


@pytest.mark.parametrize("type", ["CNAME", "SRV", "TXT", "MX", "ANY", "HTTPS"])
async def test_other_types_are_left_to_the_client(type: str) -> None:
    asking = Asking(Response(answer=(ADDRESS,), keep=KEPT))
    assert names(await asking.respond(type)) == ["out.shop.svc.cluster.local."]
    assert asking.asked == []


async def test_a_name_that_is_none_or_no_alias_is_not_looked_up() -> None:
    asking = Asking(Response(answer=(ADDRESS,), keep=KEPT))
    assert (await asking.respond(name="gone.shop.svc.cluster.local")).rcode == RCode.NXDOMAIN
    assert asking.asked == []


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(failure(KdnsError("it broke")), id="SERVFAIL"),
        pytest.param(Response(rcode=RCode.REFUSED, ede=Ede(EDE.PROHIBITED, "not for you")), id="REFUSED"),
        pytest.param(Response(rcode=RCode.NOTIMP), id="NOTIMP"),
    ],
)
async def test_where_that_fails_the_alias_is_all_and_nothing_is_kept(told: Response) -> None:
    response = await Asking(told).respond()
    assert names(response) == ["out.shop.svc.cluster.local."]
    assert (response.rcode, response.authority, response.ede) == (RCode.NOERROR, (), told.ede)
    assert response.keep.scope is Scope.NOBODY


async def test_where_nobody_here_has_the_target_the_alias_is_all_and_kept() -> None:
    told = Response(rcode=RCode.REFUSED, ede=Ede(EDE.NOT_AUTHORITATIVE, "in none of the zones"), keep=KEPT)
    response = await Asking(told).respond()
    assert (response.rcode, response.ede, response.keep.scope) == (RCode.NOERROR, None, Scope.EVERYBODY)


@pytest.mark.parametrize("rcode", [RCode.NOERROR, RCode.NXDOMAIN])
async def test_that_there_is_nothing_is_told_with_the_soa_of_where_there_is_nothing(rcode: RCode) -> None:
    """RFC 6604 §3, RFC 2308 §2. The SOA is another's: its serial is not ours to keep current."""
    response = await Asking(Response(rcode=rcode, authority=(BEYOND,), keep=KEPT)).respond()
    assert names(response) == ["out.shop.svc.cluster.local."]
    assert (response.rcode, response.authority) == (rcode, (BEYOND,))
    assert response.keep.serial is None


async def test_further_aliases_are_shown_and_authority_only_where_there_is_no_address() -> None:
    further = RRset(WWW, RRType.CNAME, 60, (from_text("edge.example.net"),))
    told = Response(
        answer=(further, ADDRESS._replace(owner=from_text("edge.example.net"))), authority=(BEYOND,), keep=KEPT
    )
    response = await Asking(told).respond()
    assert names(response) == ["out.shop.svc.cluster.local.", "www.example.com.", "edge.example.net."]
    assert response.authority == ()
    nothing = await Asking(replace(told, answer=(further,))).respond()
    assert (names(nothing)[1:], nothing.authority) == (["www.example.com."], (BEYOND,))


@pytest.mark.parametrize(
    ("told", "scope", "until", "aging"),
    [
        pytest.param(Keep(), Scope.NOBODY, None, None, id="nobody's"),
        pytest.param(KEPT, Scope.EVERYBODY, None, None, id="without end"),
        pytest.param(replace(KEPT, until=NOW + 3), Scope.EVERYBODY, NOW + 3, None, id="to its end"),
        pytest.param(replace(KEPT, until=NOW + 300, aging=NOW), Scope.EVERYBODY, NOW + 5, NOW, id="as the alias's TTL"),
        pytest.param(replace(KEPT, until=NOW + 2, aging=NOW), Scope.EVERYBODY, NOW + 2, NOW, id="or less"),
    ],
)
async def test_it_is_kept_as_both_allow(told: Keep, scope: Scope, until: float | None, aging: float | None) -> None:
    keep = (
        await Asking(Response(answer=(ADDRESS,), keep=replace(told, depends_on=frozenset({"a file"})))).respond()
    ).keep
    assert (keep.scope, keep.until, keep.aging) == (scope, until, aging)
    assert {"a file", ("service", "shop", "out"), ("namespace", "shop")} < keep.depends_on


async def test_who_counts_hits_of_what_was_looked_up_is_told_of_these() -> None:
    tallies = (list[Sent]().append,)
    response = await Asking(Response(answer=(ADDRESS,), keep=replace(KEPT, tallies=tallies))).respond()
    assert response.keep.tallies[-1:] == tallies
    assert len(response.keep.tallies) == 2


async def test_where_each_look_is_logged_each_is_looked_up() -> None:
    told = KEPT.shown(list[Hit]().append)
    assert (await Asking(Response(answer=(ADDRESS,), keep=told)).respond()).keep.scope is Scope.NOBODY


@pytest.mark.parametrize(
    ("binds", "found"),
    [
        ([], ()),
        (["0.0.0.0"], ()),
        (["10.0.0.1", "fe80::1%eth0"], (pack("10.0.0.1"), pack("fe80::1"))),
        (["::", "10.0.0.1"], ()),
    ],
)
def test_where_it_listens_on_every_address_none_is_the_server_s(binds: list[str], found: tuple[bytes, ...]) -> None:
    assert addresses(binds) == found


async def test_a_copy_has_the_serial_of_now_and_its_contents() -> None:
    asking = Asking(Response())
    query = Query(
        Message(1, 0, question("cluster.local", "AXFR"), None, 50),
        Peer("192.0.2.1", 1),
        Peer("127.0.0.1", 53),
        Transport.tcp,
        NOW,
    )
    copy = asking.authority.copy(query, ZONE, lambda index, server: iter([RRset(ZONE, index.serial, 0, server)]))
    assert isinstance(copy, Copy)
    assert (copy.serial, copy.soa.type) == (asking.index.serial, RRType.SOA)
    assert list(copy.records()) == [RRset(ZONE, asking.index.serial, 0, (pack("127.0.0.1"),))]


# In a whole server: the target is another plugin's, another server block's, an upstream's through the cache.

MANIFESTS = (
    "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: out, namespace: shop}\n"
    "spec: {type: ExternalName, externalName: www.example.com}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: gone, namespace: shop}\n"
    "spec: {type: ExternalName, externalName: gone.other.test}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
    "spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: over, namespace: shop}\n"
    "spec: {type: ExternalName, externalName: web.shop.svc.other.test}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: round, namespace: shop}\n"
    "spec: {type: ExternalName, externalName: back.shop.svc.other.test}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: back, namespace: shop}\n"
    "spec: {type: ExternalName, externalName: round.shop.svc.cluster.local}\n"
)
COREFILE = """\
cluster.local {
    kubernetes {
        manifests cluster.yaml
        controllers off
    }
}
other.test {
    kubernetes {
        manifests cluster.yaml
        controllers off
        ttl 2
    }
}
example.com {
    hosts none {
        192.0.2.80 www.example.com
        ttl 60
    }
}
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Asked]:
    (tmp_path / "cluster.yaml").write_text(MANIFESTS)
    async with serving(COREFILE, tmp_path) as asked:
        yield asked


async def test_another_server_block_has_the_target(server: Asked) -> None:
    for _ in range(2):
        reply = await server.ask("out.shop.svc.cluster.local.")
        assert lines(reply.answer) == [CNAME, "www.example.com. 60 IN A 192.0.2.80"]
        assert reply.flags & dns.flags.AA
    assert lines((await server.ask("over.shop.svc.cluster.local.")).answer) == [
        "over.shop.svc.cluster.local. 5 IN CNAME web.shop.svc.other.test.",
        "web.shop.svc.other.test. 2 IN A 10.96.0.10",
    ]


async def test_nothing_there_either_is_told_with_its_zone(server: Asked) -> None:
    for name, code in (("gone.shop.svc.cluster.local.", "NXDOMAIN"),):
        for _ in range(2):
            reply = await server.ask(name)
            assert (rcode(reply), lines(reply.authority)[0].split()[0]) == (code, "other.test.")
            assert ede(reply) == "no name of the Kubernetes DNS schema has this form"


async def test_aliases_from_zone_to_zone_and_back_end(server: Asked) -> None:
    reply = await server.ask("round.shop.svc.cluster.local.", edns=False)
    assert rcode(reply) == "NOERROR"
    assert 2 <= sum(map(len, reply.answer)) <= 12


async def test_a_change_of_the_target_is_seen_at_once(server: Asked) -> None:
    name = "over.shop.svc.cluster.local."
    for _ in range(2):
        assert "10.96.0.10" in lines((await server.ask(name)).answer)[1]
    clusters = [part for part in server.plan.build.parts if isinstance(part, Cluster)]
    for cluster in clusters:
        cluster.store.update([Service("shop", "web", (pack("10.96.0.11"),))])
    assert "10.96.0.11" in lines((await server.ask(name)).answer)[1]


# Through an upstream and the cache, over real sockets to the upstream.


class Upstream:
    """kdns itself, with one name and a TTL of a minute."""

    def __init__(self, options: str = "") -> None:
        text = (
            f"example.com:0 {{\nbind 127.0.0.1\nhosts none {{\n192.0.2.80 www.example.com\nttl 60\n{options}\n}}\n}}\n"
        )
        parsed = parse(text, "Corefile", environ={}, disk=Local())
        self.app = App(plan(parsed, asyncio.get_running_loop().time, lambda: 0.0))

    async def __aenter__(self) -> str:
        await self.app.start()
        ((ip, port),) = self.app.addresses.values()
        return f"{ip}:{port}"

    async def __aexit__(self, *_: object) -> None:
        await self.app.unload()


def front(upstream: str) -> str:
    own = "kubernetes cluster.local {\nmanifests cluster.yaml\ncontrollers off\n}"
    return f". {{\n{own}\ncache\nforward . {upstream}\nprometheus :0\n}}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cluster.yaml").write_text(MANIFESTS)
    return tmp_path


async def test_an_upstream_is_asked_once_and_the_ttl_counts_down(folder: Path) -> None:
    async with Upstream() as upstream, serving(front(upstream), folder) as asked:
        clock = cast(Clock, asked.plan.build.clock)
        name = "out.shop.svc.cluster.local."
        count = asked.plan.build.metrics.registry.get_sample_value
        seen = []
        for _ in range(12):
            reply = await asked.ask(name)
            seen.append([(rrset.rdtype.name, rrset.ttl) for rrset in reply.answer])
            clock.now += 1.0
        ttls = [dict(each) for each in seen]
        assert [each["A"] for each in ttls] == list(range(60, 48, -1))
        assert all(0 <= each["CNAME"] <= 5 for each in ttls)
        assert {each["CNAME"] for each in ttls} >= {5, 1}
        exchanged = {"proxy_name": "forward", "to": upstream, "rcode": "NOERROR"}
        assert count("coredns_proxy_request_duration_seconds_count", exchanged) == 1


async def test_an_upstream_that_is_away_leaves_the_alias_and_says_so(folder: Path) -> None:
    async with Upstream() as upstream:
        pass
    async with serving(front(upstream), folder) as asked:
        for _ in range(2):
            reply = await asked.ask("out.shop.svc.cluster.local.")
            assert (rcode(reply), lines(reply.answer)) == ("NOERROR", [CNAME])
            assert "connection refused" in ede(reply)
        assert lines((await asked.ask("web.shop.svc.cluster.local.")).answer) != []


async def test_a_service_that_leads_elsewhere_now_is_seen_at_once(folder: Path) -> None:
    async with Upstream() as upstream, serving(front(upstream), folder) as asked:
        name = "out.shop.svc.cluster.local."
        for _ in range(3):
            assert len((await asked.ask(name)).answer) == 2
        (cluster,) = [part for part in asked.plan.build.parts if isinstance(part, Cluster)]
        cluster.store.update([Service("shop", "out", (pack("10.96.0.99"),))])
        assert lines((await asked.ask(name)).answer) == [f"{name} 5 IN A 10.96.0.99"]
