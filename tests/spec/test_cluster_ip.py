"""Services with a cluster IP (specification §2.3; CoreDNS: plugin/kubernetes/handler_test.go)."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()

ADDRESSES = rows(
    PLAIN,
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    case("web.office.svc.cluster.local. A", "web.office.svc.cluster.local. 5 IN A 10.96.1.10"),
    case("dual.shop.svc.cluster.local. A", "dual.shop.svc.cluster.local. 5 IN A 10.96.0.11"),
    case("dual.shop.svc.cluster.local. AAAA", "dual.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::11"),
    case("six.shop.svc.cluster.local. AAAA", "six.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::12"),
    case("bare.shop.svc.cluster.local. A", "bare.shop.svc.cluster.local. 5 IN A 10.96.0.13"),
    case("mute.shop.svc.cluster.local. A", "mute.shop.svc.cluster.local. 5 IN A 10.96.0.14"),
    # Without endpoints, or with none that is ready, the cluster IP answers all the same.
    case("idle.shop.svc.cluster.local. A", "idle.shop.svc.cluster.local. 5 IN A 10.96.0.15"),
    case("stuck.shop.svc.cluster.local. A", "stuck.shop.svc.cluster.local. 5 IN A 10.96.0.16"),
    # The other family only.
    nodata("web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only"),
    nodata("six.shop.svc.cluster.local. A", "Service shop/six has addresses of the other family only"),
    nodata("pending.shop.svc.cluster.local. A", "Service shop/pending has no cluster IP"),
    nodata("pending.shop.svc.cluster.local. SRV", "Service shop/pending has no cluster IP"),
    nodata("_http._tcp.pending.shop.svc.cluster.local. SRV", "Service shop/pending has no cluster IP"),
)

OTHER_TYPES = rows(
    PLAIN,
    *(
        nodata(f"web.shop.svc.cluster.local. {type}", "Service shop/web exists, but has no records of this type")
        for type in ("NS", "MX", "HTTPS", "SVCB", "PTR", "ANY", "CNAME", "TXT", "SOA", "DS", "TYPE65280")
    ),
    *(
        nxdomain(f"gone.shop.svc.cluster.local. {type}", "namespace shop has no Service gone")
        for type in ("A", "AAAA", "SRV", "NS", "MX", "HTTPS", "PTR", "ANY", "CNAME", "TXT", "SOA", "TYPE65280")
    ),
)

WEB = "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"
DUAL = (
    "dual.shop.svc.cluster.local. 5 IN A 10.96.0.11",
    "dual.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::11",
)
IDLE = (
    "idle.shop.svc.cluster.local. 5 IN A 10.96.0.15",
    "idle.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::15",
)

# Priority 0; weight 100 shared by all rows of address and port, rounded down, before equal ones fall together.
SRV = rows(
    PLAIN,
    case(
        "web.shop.svc.cluster.local. SRV",
        "web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.",
        extra=[WEB],
    ),
    case(
        "_http._tcp.web.shop.svc.cluster.local. SRV",
        "_http._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.",
        extra=[WEB],
    ),
    # Two families, one port: two rows, one record.
    case(
        "idle.shop.svc.cluster.local. SRV",
        "idle.shop.svc.cluster.local. 5 IN SRV 0 50 80 idle.shop.svc.cluster.local.",
        extra=IDLE,
    ),
    # Two families, three ports: six rows.
    case(
        "dual.shop.svc.cluster.local. SRV",
        "dual.shop.svc.cluster.local. 5 IN SRV 0 16 80 dual.shop.svc.cluster.local.",
        "dual.shop.svc.cluster.local. 5 IN SRV 0 16 443 dual.shop.svc.cluster.local.",
        "dual.shop.svc.cluster.local. 5 IN SRV 0 16 53 dual.shop.svc.cluster.local.",
        extra=DUAL,
    ),
    case(
        "_https._tcp.dual.shop.svc.cluster.local. SRV",
        "_https._tcp.dual.shop.svc.cluster.local. 5 IN SRV 0 50 443 dual.shop.svc.cluster.local.",
        extra=DUAL,
    ),
    case(
        "_dns._udp.dual.shop.svc.cluster.local. SRV",
        "_dns._udp.dual.shop.svc.cluster.local. 5 IN SRV 0 50 53 dual.shop.svc.cluster.local.",
        extra=DUAL,
    ),
    # One record for each port, also for one without a name (CoreDNS; the specification asks for none).
    case(
        "bare.shop.svc.cluster.local. SRV",
        "bare.shop.svc.cluster.local. 5 IN SRV 0 100 9000 bare.shop.svc.cluster.local.",
        extra=["bare.shop.svc.cluster.local. 5 IN A 10.96.0.13"],
    ),
    nodata("mute.shop.svc.cluster.local. SRV", "Service shop/mute has no ports"),
)

PORTS = rows(
    PLAIN,
    # A port's name has the Service's addresses too.
    case("_http._tcp.web.shop.svc.cluster.local. A", "_http._tcp.web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    case(
        "_http._tcp.dual.shop.svc.cluster.local. AAAA",
        "_http._tcp.dual.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::11",
    ),
    nodata("_http._tcp.web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only"),
    nodata("_http._tcp.web.shop.svc.cluster.local. TXT", "Service shop/web exists, but has no records of this type"),
    # With or without underscores, each for itself.
    *(
        case(
            f"{labels}.web.shop.svc.cluster.local. SRV",
            f"{labels}.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.",
            extra=[WEB],
        )
        for labels in ("http.tcp", "_http.tcp", "http._tcp", "_._tcp", "_http._", "_._")
    ),
    # Any port over TCP: two of three, four rows.
    case(
        "_._tcp.dual.shop.svc.cluster.local. SRV",
        "_._tcp.dual.shop.svc.cluster.local. 5 IN SRV 0 25 80 dual.shop.svc.cluster.local.",
        "_._tcp.dual.shop.svc.cluster.local. 5 IN SRV 0 25 443 dual.shop.svc.cluster.local.",
        extra=DUAL,
    ),
    nxdomain("_http._udp.web.shop.svc.cluster.local. SRV", "Service shop/web has no port http over udp"),
    nxdomain("_https._tcp.web.shop.svc.cluster.local. SRV", "Service shop/web has no port https over tcp"),
    nxdomain("_https._tcp.web.shop.svc.cluster.local. A", "Service shop/web has no port https over tcp"),
    nxdomain("_._sctp.dual.shop.svc.cluster.local. SRV", "Service shop/dual has no port any over sctp"),
    nxdomain("_http._tcp.bare.shop.svc.cluster.local. SRV", "Service shop/bare has no port http over tcp"),
    nxdomain("_http._tcp.mute.shop.svc.cluster.local. A", "Service shop/mute has no port http over tcp"),
    nxdomain("_http._tcp.gone.shop.svc.cluster.local. SRV", "namespace shop has no Service gone"),
    nxdomain("_http._tcp.web.nowhere.svc.cluster.local. SRV", "namespace nowhere does not exist"),
    # A protocol's name is the parent of its ports' names (RFC 8020).
    *(
        nodata(f"{label}.dual.shop.svc.cluster.local. SRV", "the name has no records, it only has names below it")
        for label in ("_tcp", "_udp", "tcp", "_")
    ),
    nxdomain("_udp.web.shop.svc.cluster.local. A", "Service shop/web has no endpoint called _udp"),
    nxdomain("_tcp.mute.shop.svc.cluster.local. A", "Service shop/mute has no endpoint called _tcp"),
)

# Endpoints have names under a Service with a cluster IP too.
ENDPOINTS = rows(
    PLAIN,
    case("10-244-0-1.web.shop.svc.cluster.local. A", "10-244-0-1.web.shop.svc.cluster.local. 5 IN A 10.244.0.1"),
    case(
        "10-244-0-2.web.shop.svc.cluster.local. SRV",
        "10-244-0-2.web.shop.svc.cluster.local. 5 IN SRV 0 100 8080 10-244-0-2.web.shop.svc.cluster.local.",
        extra=["10-244-0-2.web.shop.svc.cluster.local. 5 IN A 10.244.0.2"],
    ),
    nodata("10-244-0-1.web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only"),
    nxdomain("10-244-0-3.web.shop.svc.cluster.local. A", "endpoint 10-244-0-3 of Service shop/web is not ready"),
    nxdomain("10-244-0-1.web.office.svc.cluster.local. A", "Service office/web has no endpoint called 10-244-0-1"),
)

FORMS = rows(
    PLAIN,
    *(
        nxdomain(f"{labels}.web.shop.svc.cluster.local. A", "no name of the Kubernetes DNS schema has this form")
        for labels in ("a.b.c", "_x._http._tcp", "a.b.c.d")
    ),
    # Wildcards are gone since CoreDNS 1.9.
    nxdomain("*.shop.svc.cluster.local. A", "namespace shop has no Service *"),
    nxdomain("any.shop.svc.cluster.local. A", "namespace shop has no Service any"),
    nxdomain("web.*.svc.cluster.local. A", "namespace * does not exist"),
    nxdomain("*.*.web.shop.svc.cluster.local. SRV", "Service shop/web has no port * over *"),
)


@pytest.mark.parametrize(("where", "each"), [*ADDRESSES, *OTHER_TYPES])
async def test_a_service_has_its_cluster_ips(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*SRV, *PORTS])
async def test_a_service_has_its_ports(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), ENDPOINTS)
async def test_a_service_has_its_endpoints(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), FORMS)
async def test_no_other_name_exists(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
