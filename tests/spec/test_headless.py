"""Headless Services and which endpoints they show (specification §2.4; Kubernetes: EndpointSlices)."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
OTHER = "Service shop/{} has addresses of the other family only"

ADDRESSES = rows(
    PLAIN,
    case(
        "db.shop.svc.cluster.local. A",
        "db.shop.svc.cluster.local. 5 IN A 10.244.1.1",
        "db.shop.svc.cluster.local. 5 IN A 10.244.1.2",
    ),
    case("db.shop.svc.cluster.local. AAAA", "db.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::1:1"),
    case("db-0.db.shop.svc.cluster.local. A", "db-0.db.shop.svc.cluster.local. 5 IN A 10.244.1.1"),
    case("db-0.db.shop.svc.cluster.local. AAAA", "db-0.db.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::1:1"),
    nodata("db-1.db.shop.svc.cluster.local. AAAA", OTHER.format("db")),
    nodata("db-1.db.shop.svc.cluster.local. TXT", "Service shop/db exists, but has no records of this type"),
    nodata("db.shop.svc.cluster.local. MX", "Service shop/db exists, but has no records of this type"),
    # Not ready; terminating, though serving.
    nxdomain("db-2.db.shop.svc.cluster.local. A", "endpoint db-2 of Service shop/db is not ready"),
    nxdomain("db-3.db.shop.svc.cluster.local. A", "endpoint db-3 of Service shop/db is terminating"),
    nxdomain("db-9.db.shop.svc.cluster.local. A", "Service shop/db has no endpoint called db-9"),
    # An endpoint with a hostname has no name by its address.
    nxdomain("10-244-1-1.db.shop.svc.cluster.local. A", "Service shop/db has no endpoint called 10-244-1-1"),
    # Ready unsaid is ready; in two slices at once is once, ready where any says so.
    case(
        "cache.shop.svc.cluster.local. A",
        "cache.shop.svc.cluster.local. 5 IN A 10.244.2.1",
        "cache.shop.svc.cluster.local. 5 IN A 10.244.2.2",
        "cache.shop.svc.cluster.local. 5 IN A 10.244.2.3",
    ),
    case(
        "cache.shop.svc.cluster.local. AAAA",
        "cache.shop.svc.cluster.local. 5 IN AAAA fd00:10:244:2::",
        "cache.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::2:1",
    ),
    # An endpoint's label: dashes for dots and colons, a 0 behind a dash at the end.
    case("10-244-2-2.cache.shop.svc.cluster.local. A", "10-244-2-2.cache.shop.svc.cluster.local. 5 IN A 10.244.2.2"),
    case(
        "fd00-10-244-2--0.cache.shop.svc.cluster.local. AAAA",
        "fd00-10-244-2--0.cache.shop.svc.cluster.local. 5 IN AAAA fd00:10:244:2::",
    ),
    case(
        "fd00-10-244--2-1.cache.shop.svc.cluster.local. AAAA",
        "fd00-10-244--2-1.cache.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::2:1",
    ),
    nodata("fd00-10-244--2-1.cache.shop.svc.cluster.local. A", OTHER.format("cache")),
    nxdomain(
        "fd00-10-244-2--.cache.shop.svc.cluster.local. AAAA",
        "Service shop/cache has no endpoint called fd00-10-244-2--",
    ),
    # Several addresses share a hostname.
    case(
        "web-3.pair.shop.svc.cluster.local. A",
        "web-3.pair.shop.svc.cluster.local. 5 IN A 10.244.3.1",
        "web-3.pair.shop.svc.cluster.local. 5 IN A 10.244.3.2",
    ),
    case("lone.shop.svc.cluster.local. A", "lone.shop.svc.cluster.local. 5 IN A 10.244.3.20"),
    case("10-244-3-20.lone.shop.svc.cluster.local. A", "10-244-3-20.lone.shop.svc.cluster.local. 5 IN A 10.244.3.20"),
    # Ready in one family only: the name exists.
    case("only6.shop.svc.cluster.local. AAAA", "only6.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::6:1"),
    nodata("only6.shop.svc.cluster.local. A", OTHER.format("only6")),
    nxdomain("10-244-6-1.only6.shop.svc.cluster.local. A", "endpoint 10-244-6-1 of Service shop/only6 is not ready"),
)

# "If there are no ready endpoints for the headless Service, the answer should be NXDOMAIN."
UNREADY = rows(
    PLAIN,
    *(
        nxdomain(f"{name}.shop.svc.cluster.local. {type}", f"Service shop/{name} {why}")
        for name, why in (
            ("nothing", "is headless and has no endpoints"),
            ("hollow", "is headless and has no endpoints"),
            ("named", "is headless and has no endpoints"),
            ("waiting", "has no ready endpoints (2 not ready, 1 terminating)"),
            ("leaving", "has no ready endpoints (1 terminating)"),
        )
        for type in ("A", "AAAA", "SRV", "TXT")
    ),
    nxdomain(
        "_http._tcp.waiting.shop.svc.cluster.local. SRV",
        "Service shop/waiting has no ready endpoints (2 not ready, 1 terminating)",
    ),
    nxdomain("_http._tcp.nothing.shop.svc.cluster.local. A", "Service shop/nothing is headless and has no endpoints"),
    nxdomain("_tcp.waiting.shop.svc.cluster.local. A", "Service shop/waiting has no endpoint called _tcp"),
    nxdomain("w-0.waiting.shop.svc.cluster.local. A", "endpoint w-0 of Service shop/waiting is not ready"),
)

DB_GLUE = (
    "db-0.db.shop.svc.cluster.local. 5 IN A 10.244.1.1",
    "db-0.db.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::1:1",
    "db-1.db.shop.svc.cluster.local. 5 IN A 10.244.1.2",
)

SRV = rows(
    PLAIN,
    *(
        case(
            f"{name}. SRV",
            f"{name}. 5 IN SRV 0 33 5432 db-0.db.shop.svc.cluster.local.",
            f"{name}. 5 IN SRV 0 33 5432 db-1.db.shop.svc.cluster.local.",
            extra=DB_GLUE,
        )
        for name in (
            "db.shop.svc.cluster.local",
            "_sql._tcp.db.shop.svc.cluster.local",
            "sql.tcp.db.shop.svc.cluster.local",
        )
    ),
    # Only those of the endpoint: two families, two rows, one record.
    case(
        "db-0.db.shop.svc.cluster.local. SRV",
        "db-0.db.shop.svc.cluster.local. 5 IN SRV 0 50 5432 db-0.db.shop.svc.cluster.local.",
        extra=DB_GLUE[:2],
    ),
    case(
        "_sql._tcp.db.shop.svc.cluster.local. A",
        "_sql._tcp.db.shop.svc.cluster.local. 5 IN A 10.244.1.1",
        "_sql._tcp.db.shop.svc.cluster.local. 5 IN A 10.244.1.2",
    ),
    # Five rows, each its own target.
    case(
        "_mem._tcp.cache.shop.svc.cluster.local. SRV",
        *(
            f"_mem._tcp.cache.shop.svc.cluster.local. 5 IN SRV 0 20 11211 {label}.cache.shop.svc.cluster.local."
            for label in ("10-244-2-1", "10-244-2-2", "10-244-2-3", "fd00-10-244-2--0", "fd00-10-244--2-1")
        ),
        extra=[
            "10-244-2-1.cache.shop.svc.cluster.local. 5 IN A 10.244.2.1",
            "10-244-2-2.cache.shop.svc.cluster.local. 5 IN A 10.244.2.2",
            "10-244-2-3.cache.shop.svc.cluster.local. 5 IN A 10.244.2.3",
            "fd00-10-244-2--0.cache.shop.svc.cluster.local. 5 IN AAAA fd00:10:244:2::",
            "fd00-10-244--2-1.cache.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::2:1",
        ],
    ),
    # Two addresses of one name: one record, in the letters of the object.
    case(
        "_http._tcp.pair.shop.svc.cluster.local. SRV",
        "_http._tcp.pair.shop.svc.cluster.local. 5 IN SRV 0 50 80 WEB-3.pair.shop.svc.cluster.local.",
        extra=[
            "WEB-3.pair.shop.svc.cluster.local. 5 IN A 10.244.3.1",
            "WEB-3.pair.shop.svc.cluster.local. 5 IN A 10.244.3.2",
        ],
    ),
    case(
        "mixed.shop.svc.cluster.local. SRV",
        "mixed.shop.svc.cluster.local. 5 IN SRV 0 50 5060 m.mixed.shop.svc.cluster.local.",
        "mixed.shop.svc.cluster.local. 5 IN SRV 0 50 9 m.mixed.shop.svc.cluster.local.",
        extra=["m.mixed.shop.svc.cluster.local. 5 IN A 10.244.3.30"],
    ),
    case(
        "_sip._udp.mixed.shop.svc.cluster.local. SRV",
        "_sip._udp.mixed.shop.svc.cluster.local. 5 IN SRV 0 100 5060 m.mixed.shop.svc.cluster.local.",
        extra=["m.mixed.shop.svc.cluster.local. 5 IN A 10.244.3.30"],
    ),
    case(
        "_._tcp.mixed.shop.svc.cluster.local. SRV",
        "_._tcp.mixed.shop.svc.cluster.local. 5 IN SRV 0 100 9 m.mixed.shop.svc.cluster.local.",
        extra=["m.mixed.shop.svc.cluster.local. 5 IN A 10.244.3.30"],
    ),
    nodata("lone.shop.svc.cluster.local. SRV", "Service shop/lone has no ports"),
    nodata("10-244-3-20.lone.shop.svc.cluster.local. SRV", "Service shop/lone has no ports"),
    nodata("_udp.mixed.shop.svc.cluster.local. SRV", "the name has no records, it only has names below it"),
    nxdomain("_sip._tcp.mixed.shop.svc.cluster.local. SRV", "Service shop/mixed has no port sip over tcp"),
    nxdomain("_sctp.mixed.shop.svc.cluster.local. SRV", "Service shop/mixed has no endpoint called _sctp"),
)

# Slices if there are any, else the Endpoints object with all its subsets.
ENDPOINTS_OBJECTS = rows(
    PLAIN,
    case(
        "manual.shop.svc.cluster.local. A",
        "manual.shop.svc.cluster.local. 5 IN A 10.244.4.1",
        "manual.shop.svc.cluster.local. 5 IN A 10.244.4.3",
    ),
    case(
        "_b._udp.manual.shop.svc.cluster.local. SRV",
        "_b._udp.manual.shop.svc.cluster.local. 5 IN SRV 0 100 2 three.manual.shop.svc.cluster.local.",
        extra=["three.manual.shop.svc.cluster.local. 5 IN A 10.244.4.3"],
    ),
    case("_a._tcp.manual.shop.svc.cluster.local. A", "_a._tcp.manual.shop.svc.cluster.local. 5 IN A 10.244.4.1"),
    nxdomain("10-244-4-2.manual.shop.svc.cluster.local. A", "endpoint 10-244-4-2 of Service shop/manual is not ready"),
    case("mirrored.shop.svc.cluster.local. A", "mirrored.shop.svc.cluster.local. 5 IN A 10.244.4.10"),
    nxdomain("skipped.shop.svc.cluster.local. A", "Service shop/skipped is headless and has no endpoints"),
)

ORPHANS = rows(
    PLAIN,
    nxdomain(
        "orphan.shop.svc.cluster.local. A", "EndpointSlice shop/orphan-1 exists, but there is no Service of that name"
    ),
    nxdomain(
        "lost.orphan.shop.svc.cluster.local. A",
        "EndpointSlice shop/orphan-1 exists, but there is no Service of that name",
    ),
    nxdomain("widow.shop.svc.cluster.local. A", "Endpoints shop/widow exists, but there is no Service of that name"),
    nxdomain("unlabelled.shop.svc.cluster.local. A", "namespace shop has no Service unlabelled"),
)

PODS_NAMES = rows(
    setting("endpoint_pod_names"),
    case("web-a.web.shop.svc.cluster.local. A", "web-a.web.shop.svc.cluster.local. 5 IN A 10.244.0.1"),
    nxdomain("10-244-0-1.web.shop.svc.cluster.local. A", "Service shop/web has no endpoint called 10-244-0-1"),
    case("cache-x.cache.shop.svc.cluster.local. A", "cache-x.cache.shop.svc.cluster.local. 5 IN A 10.244.2.1"),
    # A hostname goes first; what is no Pod, or unknown, is called as its address.
    case("db-0.db.shop.svc.cluster.local. A", "db-0.db.shop.svc.cluster.local. 5 IN A 10.244.1.1"),
    case("10-244-2-3.cache.shop.svc.cluster.local. A", "10-244-2-3.cache.shop.svc.cluster.local. 5 IN A 10.244.2.3"),
    case(
        "1.0.244.10.in-addr.arpa. PTR",
        "1.0.244.10.in-addr.arpa. 5 IN PTR web-a.web.shop.svc.cluster.local.",
        "1.0.244.10.in-addr.arpa. 5 IN PTR 10-244-0-1.db-read.shop.svc.cluster.local.",
    ),
)

ENDPOINTS_OFF = "endpoints are not known here ('noendpoints' is set)"
NO_ENDPOINTS = rows(
    setting("noendpoints"),
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    case(
        "_http._tcp.web.shop.svc.cluster.local. SRV",
        "_http._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.",
        extra=["web.shop.svc.cluster.local. 5 IN A 10.96.0.10"],
    ),
    nodata("_tcp.web.shop.svc.cluster.local. SRV", "the name has no records, it only has names below it"),
    nxdomain("db.shop.svc.cluster.local. A", ENDPOINTS_OFF),
    nxdomain("_sql._tcp.db.shop.svc.cluster.local. SRV", ENDPOINTS_OFF),
    nxdomain("db-0.db.shop.svc.cluster.local. A", ENDPOINTS_OFF),
    nxdomain("_tcp.db.shop.svc.cluster.local. A", ENDPOINTS_OFF),
    nxdomain("10-244-0-1.web.shop.svc.cluster.local. A", ENDPOINTS_OFF),
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    nxdomain("1.1.244.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
)

IGNORED = "Service shop/{} has no ready endpoints and 'ignore empty_service' is set"
IGNORE_EMPTY = rows(
    setting("ignore empty_service"),
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    nxdomain("idle.shop.svc.cluster.local. A", IGNORED.format("idle")),
    nxdomain("idle.shop.svc.cluster.local. AAAA", IGNORED.format("idle")),
    nxdomain("stuck.shop.svc.cluster.local. SRV", IGNORED.format("stuck")),
    nxdomain("_http._tcp.idle.shop.svc.cluster.local. SRV", IGNORED.format("idle")),
    nxdomain("_tcp.idle.shop.svc.cluster.local. SRV", IGNORED.format("idle")),
    nxdomain("10-244-0-16.stuck.shop.svc.cluster.local. A", IGNORED.format("stuck")),
    # Headless Services have a rule of their own, aliases have no endpoints, the address keeps its name.
    nxdomain("nothing.shop.svc.cluster.local. A", "Service shop/nothing is headless and has no endpoints"),
    case("outside.shop.svc.cluster.local. CNAME", "outside.shop.svc.cluster.local. 5 IN CNAME www.Example.com."),
    case("15.0.96.10.in-addr.arpa. PTR", "15.0.96.10.in-addr.arpa. 5 IN PTR idle.shop.svc.cluster.local."),
)

IGNORED_WITHOUT_ENDPOINTS = rows(
    setting("ignore empty_service", "noendpoints"),
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    case("idle.shop.svc.cluster.local. A", "idle.shop.svc.cluster.local. 5 IN A 10.96.0.15"),
)


@pytest.mark.parametrize(("where", "each"), [*ADDRESSES, *ENDPOINTS_OBJECTS])
async def test_a_headless_service_has_its_ready_endpoints(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), UNREADY)
async def test_without_ready_endpoints_a_headless_service_does_not_exist(
    serve: Serve, where: Setting, each: Case
) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), SRV)
async def test_its_ports_are_those_of_its_endpoints(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), ORPHANS)
async def test_endpoints_of_no_service_have_no_names(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), PODS_NAMES)
async def test_endpoints_may_be_called_as_their_pods(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), NO_ENDPOINTS)
async def test_noendpoints_leaves_the_cluster_ips(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*IGNORE_EMPTY, *IGNORED_WITHOUT_ENDPOINTS])
async def test_ignore_empty_service_takes_out_services_that_nobody_serves(
    serve: Serve, where: Setting, each: Case
) -> None:
    await hold(serve, where, each)
