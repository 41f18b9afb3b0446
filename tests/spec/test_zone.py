"""The zones themselves: SOA, NS, the name server, the schema's version, the parents of all names
(specification §2.2; RFC 1034 §4.2.1; CoreDNS: plugin/kubernetes/ns.go and kubernetes_apex_test.go)."""

from __future__ import annotations

import pytest

from tests.asking import lines
from tests.spec.table import (
    SERIAL,
    Case,
    Serve,
    Setting,
    case,
    hold,
    nodata,
    nxdomain,
    rows,
    setting,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
PARENT = "the name has no records, it only has names below it"
APEX = "the zone exists, but has no records of this type"
NO_FORM = "no name of the Kubernetes DNS schema has this form"
TYPES = ("A", "AAAA", "SRV", "TXT", "MX", "HTTPS", "CNAME", "PTR", "ANY", "TYPE65280")


def soa(zone: str, *, ttl: int = 5, minimum: int = 5) -> str:
    return f"{zone} {ttl} IN SOA ns.dns.{zone} hostmaster.{zone} {SERIAL} 7200 1800 86400 {minimum}"


OF_ZONE = rows(
    PLAIN,
    case("cluster.local. SOA", soa("cluster.local.")),
    case("in-addr.arpa. SOA", soa("in-addr.arpa.")),
    case("ip6.arpa. SOA", soa("ip6.arpa.")),
    *(nodata(f"cluster.local. {type}", APEX) for type in (*TYPES, "DS")),
    *(nodata(f"in-addr.arpa. {type}", APEX) for type in ("A", "PTR", "TXT")),
)

VERSION = rows(
    PLAIN,
    case("dns-version.cluster.local. TXT", 'dns-version.cluster.local. 28800 IN TXT "1.1.0"'),
    *(
        nodata(f"dns-version.cluster.local. {type}", "the schema's version exists, but has no records of this type")
        for type in ("A", "AAAA", "SOA", "NS", "ANY")
    ),
    nxdomain("x.dns-version.cluster.local. TXT", NO_FORM),
)

PARENTS = rows(
    PLAIN,
    *(
        nodata(f"{name}.cluster.local. {type}", PARENT)
        for name in ("svc", "pod", "dns", "shop.svc", "desert.svc")
        for type in ("A", "TXT", "NS", "SOA", "ANY")
    ),
    nxdomain("gone.svc.cluster.local. A", "namespace gone does not exist"),
    nxdomain("gone.svc.cluster.local. SOA", "namespace gone does not exist"),
    nxdomain("web.gone.svc.cluster.local. A", "namespace gone does not exist"),
    nxdomain("web.desert.svc.cluster.local. A", "namespace desert has no Service web"),
    *(
        nxdomain(f"{name}.cluster.local. {type}", NO_FORM)
        for name in ("foo", "web.shop", "web.shop.scv", "x.dns", "x.ns.dns", "kubernetes")
        for type in ("A", "TXT", "NS", "SOA")
    ),
    # The schema is in the forward zone only.
    *(
        nxdomain(f"{name}.in-addr.arpa. TXT", "no Service and no ready endpoint has this address")
        for name in ("svc", "pod", "dns", "ns.dns", "dns-version", "shop.svc")
    ),
)

ASKED_AT = "127.0.0.1"
NS = [
    # No Service has an endpoint with the server's address.
    *rows(
        PLAIN,
        case(
            "cluster.local. NS",
            "cluster.local. 5 IN NS ns.dns.cluster.local.",
            extra=[f"ns.dns.cluster.local. 5 IN A {ASKED_AT}"],
        ),
        case(
            "in-addr.arpa. NS",
            "in-addr.arpa. 5 IN NS ns.dns.cluster.local.",
            extra=[f"ns.dns.cluster.local. 5 IN A {ASKED_AT}"],
        ),
        case("ns.dns.cluster.local. A", f"ns.dns.cluster.local. 5 IN A {ASKED_AT}"),
        nodata("ns.dns.cluster.local. AAAA", "the name server has addresses of the other family only"),
        nodata("ns.dns.cluster.local. TXT", "the name server exists, but has no records of this type"),
    ),
    *rows(
        Setting(beside=("bind 192.0.2.1 2001:db8::1",)),
        case(
            "cluster.local. NS",
            "cluster.local. 5 IN NS ns.dns.cluster.local.",
            extra=["ns.dns.cluster.local. 5 IN A 192.0.2.1", "ns.dns.cluster.local. 5 IN AAAA 2001:db8::1"],
        ),
        case("ns.dns.cluster.local. AAAA", "ns.dns.cluster.local. 5 IN AAAA 2001:db8::1"),
    ),
    *rows(
        Setting(beside=("bind 0.0.0.0",)),
        case("ns.dns.cluster.local. A", f"ns.dns.cluster.local. 5 IN A {ASKED_AT}"),
    ),
    # The Service that has this server among its endpoints.
    *rows(
        Setting(beside=("bind 10.244.53.1",)),
        *(
            case(
                f"{zone} NS",
                f"{zone} 5 IN NS kube-dns.kube-system.svc.cluster.local.",
                extra=[
                    "kube-dns.kube-system.svc.cluster.local. 5 IN A 10.96.0.53",
                    "kube-dns.kube-system.svc.cluster.local. 5 IN AAAA fd00:10:96::53",
                ],
            )
            for zone in ("cluster.local.", "ip6.arpa.")
        ),
        case("ns.dns.cluster.local. A", "ns.dns.cluster.local. 5 IN A 10.96.0.53"),
        case("ns.dns.cluster.local. AAAA", "ns.dns.cluster.local. 5 IN AAAA fd00:10:96::53"),
    ),
    # Two of them: a headless one under its endpoint's name.
    *rows(
        Setting(beside=("bind 10.244.53.2",)),
        case(
            "cluster.local. NS",
            "cluster.local. 5 IN NS kube-dns.kube-system.svc.cluster.local.",
            "cluster.local. 5 IN NS second.dns-peers.kube-system.svc.cluster.local.",
            extra=[
                "kube-dns.kube-system.svc.cluster.local. 5 IN A 10.96.0.53",
                "kube-dns.kube-system.svc.cluster.local. 5 IN AAAA fd00:10:96::53",
                "second.dns-peers.kube-system.svc.cluster.local. 5 IN A 10.244.53.2",
            ],
        ),
        case(
            "ns.dns.cluster.local. A",
            "ns.dns.cluster.local. 5 IN A 10.96.0.53",
            "ns.dns.cluster.local. 5 IN A 10.244.53.2",
        ),
    ),
    # What cannot be asked for is no name for a server.
    *rows(
        Setting(("namespaces shop",), beside=("bind 10.244.53.1",)),
        case(
            "cluster.local. NS",
            "cluster.local. 5 IN NS ns.dns.cluster.local.",
            extra=["ns.dns.cluster.local. 5 IN A 10.244.53.1"],
        ),
    ),
    *rows(
        Setting(("noendpoints",), beside=("bind 10.244.53.3",)),
        case(
            "cluster.local. NS",
            "cluster.local. 5 IN NS ns.dns.cluster.local.",
            extra=["ns.dns.cluster.local. 5 IN A 10.244.53.3"],
        ),
    ),
    *rows(
        Setting(("families ipv6",), beside=("bind 10.244.53.1",)),
        case(
            "cluster.local. NS",
            "cluster.local. 5 IN NS kube-dns.kube-system.svc.cluster.local.",
            extra=["kube-dns.kube-system.svc.cluster.local. 5 IN AAAA fd00:10:96::53"],
        ),
        nodata("ns.dns.cluster.local. A", "the name server exists, but this address family is switched off here"),
    ),
]

TTLS = [
    *rows(
        Setting(("ttl 30",), negative_ttl=30),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 30 IN A 10.96.0.10"),
        case(
            "web.shop.svc.cluster.local. SRV",
            "web.shop.svc.cluster.local. 30 IN SRV 0 100 80 web.shop.svc.cluster.local.",
            extra=["web.shop.svc.cluster.local. 30 IN A 10.96.0.10"],
        ),
        case("outside.shop.svc.cluster.local. CNAME", "outside.shop.svc.cluster.local. 30 IN CNAME www.Example.com."),
        case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 30 IN PTR web.shop.svc.cluster.local."),
        case("dns-version.cluster.local. TXT", 'dns-version.cluster.local. 28800 IN TXT "1.1.0"'),
        case("cluster.local. SOA", soa("cluster.local.", ttl=30, minimum=30)),
        nxdomain("gone.shop.svc.cluster.local. A", "namespace shop has no Service gone"),
    ),
    # The SOA's own TTL has a ceiling, its MINIMUM has none.
    *rows(
        Setting(("ttl 3600",), negative_ttl=3600, soa_ttl=300),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 3600 IN A 10.96.0.10"),
        nodata("web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only"),
    ),
    *rows(
        Setting(("ttl 0",), negative_ttl=0),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 0 IN A 10.96.0.10"),
        nxdomain("gone.shop.svc.cluster.local. A", "namespace shop has no Service gone"),
    ),
    *rows(
        Setting(("ttl 60", "negative_ttl 2"), negative_ttl=2),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 60 IN A 10.96.0.10"),
        case("cluster.local. SOA", soa("cluster.local.", ttl=2, minimum=2)),
        nodata("web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only"),
        nxdomain("foo.cluster.local. A", NO_FORM),
        nxdomain("9.9.9.9.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    ),
]

SEVERAL = setting(zones=("cluster.local", "east.example.org", "in-addr.arpa"))
INNER = Setting(zones=("cluster.local", "inner.cluster.local", "in-addr.arpa"))

ZONES = [
    *rows(
        SEVERAL,
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
        case("web.shop.svc.east.example.org. A", "web.shop.svc.east.example.org. 5 IN A 10.96.0.10"),
        case(
            "_sql._tcp.db-read.shop.svc.east.example.org. SRV",
            "_sql._tcp.db-read.shop.svc.east.example.org. 5 IN SRV 0 50 5433 "
            "replica.db-read.shop.svc.east.example.org.",
            "_sql._tcp.db-read.shop.svc.east.example.org. 5 IN SRV 0 50 5433 "
            "10-244-0-1.db-read.shop.svc.east.example.org.",
            extra=[
                "replica.db-read.shop.svc.east.example.org. 5 IN A 10.244.1.2",
                "10-244-0-1.db-read.shop.svc.east.example.org. 5 IN A 10.244.0.1",
            ],
        ),
        case(
            "east.example.org. NS",
            "east.example.org. 5 IN NS ns.dns.east.example.org.",
            extra=[f"ns.dns.east.example.org. 5 IN A {ASKED_AT}"],
        ),
        case("dns-version.east.example.org. TXT", 'dns-version.east.example.org. 28800 IN TXT "1.1.0"'),
        nxdomain("gone.shop.svc.east.example.org. A", "namespace shop has no Service gone"),
        # Pointers lead into the first zone that is not a reverse zone.
        case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
        # An alias's target in another zone of the directive is followed all the same.
        case(
            "to-web.shop.svc.east.example.org. A",
            "to-web.shop.svc.east.example.org. 5 IN CNAME web.shop.svc.cluster.local.",
            "web.shop.svc.cluster.local. 5 IN A 10.96.0.10",
        ),
    ),
    # A zone below a zone: the longest counts.
    *rows(
        INNER,
        case("web.shop.svc.inner.cluster.local. A", "web.shop.svc.inner.cluster.local. 5 IN A 10.96.0.10"),
        nxdomain("gone.shop.svc.inner.cluster.local. A", "namespace shop has no Service gone"),
        nxdomain("gone.shop.svc.cluster.local. A", "namespace shop has no Service gone"),
    ),
    *rows(
        Setting(zones=("in-addr.arpa", "east.example.org", "cluster.local")),
        case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.east.example.org."),
    ),
    # The zones of the server block, when the directive names none.
    *rows(
        Setting(zones=(), keys=("cluster.local", "in-addr.arpa"), names=("cluster.local", "in-addr.arpa")),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
        case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    ),
]


@pytest.mark.parametrize(("where", "each"), OF_ZONE)
async def test_a_zone_has_its_soa_and_says_so_in_every_denial(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), VERSION)
async def test_the_schema_has_a_version(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), PARENTS)
async def test_parents_exist_for_every_type_and_nothing_beside_them(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), NS)
async def test_the_name_server_is_known_by_a_name_that_resolves(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
    asked = await serve(where)
    reply = await asked.ask(each.name, "NS")
    servers = [line.split()[-1] for line in lines(reply.answer)] if each.type == "NS" else []
    found = [await asked.ask(server, type) for server in servers for type in ("A", "AAAA")]
    assert not servers or sorted(line for one in found for line in lines(one.answer)) == lines(reply.additional)


@pytest.mark.parametrize(("where", "each"), TTLS)
async def test_ttls_are_as_set(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), ZONES)
async def test_every_zone_shows_the_cluster(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


async def test_the_root_can_be_the_zone(serve: Serve) -> None:
    asked = await serve(Setting(zones=(".",)))
    assert lines((await asked.ask("web.shop.svc.", "A")).answer) == ["web.shop.svc. 5 IN A 10.96.0.10"]
    reply = await asked.ask("gone.shop.svc.", "A")
    assert lines(reply.authority) == [f". 5 IN SOA ns.dns. hostmaster. {SERIAL} 7200 1800 86400 5"]
