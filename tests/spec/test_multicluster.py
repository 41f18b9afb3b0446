"""ServiceImports (KEP-1645 and its DNS specification; CoreDNS 1.12.2: `multicluster`)."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = setting("multicluster clusterset.local", zones=("cluster.local", "clusterset.local", "in-addr.arpa"))
PARENT = "the name has no records, it only has names below it"
NO_FORM = "no name of the Kubernetes DNS schema has this form"

QUEUE = (
    "q-0.east.queue.shop.svc.clusterset.local. 5 IN A 10.98.2.1",
    "q-0.West.queue.shop.svc.clusterset.local. 5 IN A 10.98.2.3",
    "10-98-2-4.West.queue.shop.svc.clusterset.local. 5 IN A 10.98.2.4",
)

IMPORTS = rows(
    BOTH,
    case("search.shop.svc.clusterset.local. A", "search.shop.svc.clusterset.local. 5 IN A 10.98.0.1"),
    nodata(
        "search.shop.svc.clusterset.local. AAAA", "ServiceImport shop/search has addresses of the other family only"
    ),
    nodata(
        "search.shop.svc.clusterset.local. TXT", "ServiceImport shop/search exists, but has no records of this type"
    ),
    case(
        "_http._tcp.search.shop.svc.clusterset.local. SRV",
        "_http._tcp.search.shop.svc.clusterset.local. 5 IN SRV 0 100 80 search.shop.svc.clusterset.local.",
        extra=["search.shop.svc.clusterset.local. 5 IN A 10.98.0.1"],
    ),
    # Headless: the endpoints of all clusters.
    case(
        "queue.shop.svc.clusterset.local. A",
        *(f"queue.shop.svc.clusterset.local. 5 IN A 10.98.2.{last}" for last in (1, 3, 4)),
    ),
    case(
        "_amqp._tcp.queue.shop.svc.clusterset.local. SRV",
        *(
            f"_amqp._tcp.queue.shop.svc.clusterset.local. 5 IN SRV 0 33 5672 {label}.queue.shop.svc.clusterset.local."
            for label in ("q-0.east", "q-0.West", "10-98-2-4.West")
        ),
        extra=QUEUE,
    ),
    # Not what the cluster itself has of that name, and the other way round.
    case("web.shop.svc.clusterset.local. A", "web.shop.svc.clusterset.local. 5 IN A 10.98.0.2"),
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    nxdomain("search.shop.svc.cluster.local. A", "namespace shop has no Service search"),
    nxdomain("db.shop.svc.clusterset.local. A", "namespace shop has no ServiceImport db"),
    nxdomain("gone.shop.svc.clusterset.local. A", "namespace shop has no ServiceImport gone"),
    nxdomain("search.gone.svc.clusterset.local. A", "namespace gone does not exist"),
    nxdomain(
        "_https._tcp.search.shop.svc.clusterset.local. SRV", "ServiceImport shop/search has no port https over tcp"
    ),
    nodata("_tcp.search.shop.svc.clusterset.local. SRV", PARENT),
    # No pointers.
    nxdomain("1.0.98.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    nxdomain("1.2.98.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
)

ENDPOINTS = rows(
    BOTH,
    case("q-0.east.queue.shop.svc.clusterset.local. A", "q-0.east.queue.shop.svc.clusterset.local. 5 IN A 10.98.2.1"),
    case("q-0.west.queue.shop.svc.clusterset.local. A", "q-0.west.queue.shop.svc.clusterset.local. 5 IN A 10.98.2.3"),
    case(
        "10-98-2-4.west.queue.shop.svc.clusterset.local. A",
        "10-98-2-4.west.queue.shop.svc.clusterset.local. 5 IN A 10.98.2.4",
    ),
    # A ClusterSetIP's too.
    case(
        "10-98-1-1.east.search.shop.svc.clusterset.local. A",
        "10-98-1-1.east.search.shop.svc.clusterset.local. 5 IN A 10.98.1.1",
    ),
    case(
        "10-98-1-1.east.search.shop.svc.clusterset.local. SRV",
        "10-98-1-1.east.search.shop.svc.clusterset.local. 5 IN SRV 0 100 8080 "
        "10-98-1-1.east.search.shop.svc.clusterset.local.",
        extra=["10-98-1-1.east.search.shop.svc.clusterset.local. 5 IN A 10.98.1.1"],
    ),
    # Without its cluster an endpoint has no name; its cluster has one, as the parent of others.
    nxdomain("q-0.queue.shop.svc.clusterset.local. A", "ServiceImport shop/queue has no endpoint called q-0"),
    nodata("east.queue.shop.svc.clusterset.local. A", PARENT),
    nodata("west.queue.shop.svc.clusterset.local. SRV", PARENT),
    nxdomain("north.queue.shop.svc.clusterset.local. A", "ServiceImport shop/queue has no endpoint called north"),
    nxdomain("west.search.shop.svc.clusterset.local. A", "ServiceImport shop/search has no endpoint called west"),
    nxdomain(
        "q-0.north.queue.shop.svc.clusterset.local. A", "ServiceImport shop/queue has no endpoint called q-0.north"
    ),
    nxdomain(
        "q-1.east.queue.shop.svc.clusterset.local. A", "endpoint q-1.east of ServiceImport shop/queue is not ready"
    ),
    # With an underscore it is a port.
    nxdomain("_q-0.east.queue.shop.svc.clusterset.local. A", "ServiceImport shop/queue has no port q-0 over east"),
    nxdomain("a.q-0.east.queue.shop.svc.clusterset.local. A", NO_FORM),
)

ZONE = rows(
    BOTH,
    case(
        "clusterset.local. SOA",
        "clusterset.local. 5 IN SOA ns.dns.clusterset.local. hostmaster.clusterset.local. 1700000000 7200 1800 86400 5",
    ),
    case("dns-version.clusterset.local. TXT", 'dns-version.clusterset.local. 28800 IN TXT "1.1.0"'),
    nodata("svc.clusterset.local. A", PARENT),
    nodata("shop.svc.clusterset.local. A", PARENT),
    nodata("pod.clusterset.local. A", PARENT),
)

NOT_THERE = [
    *rows(
        setting("multicluster clusterset.local", "pods insecure", "zonal", zones=("cluster.local", "clusterset.local")),
        case("10-0-0-1.shop.pod.cluster.local. A", "10-0-0-1.shop.pod.cluster.local. 5 IN A 10.0.0.1"),
        nxdomain("10-0-0-1.shop.pod.clusterset.local. A", NO_FORM),
        nxdomain("shop.pod.clusterset.local. A", NO_FORM),
        nxdomain("eu-1a.pin._zone.queue.shop.svc.clusterset.local. A", NO_FORM),
    ),
    *rows(
        setting("multicluster clusterset.local", "noendpoints", zones=("cluster.local", "clusterset.local")),
        case("search.shop.svc.clusterset.local. A", "search.shop.svc.clusterset.local. 5 IN A 10.98.0.1"),
        *(
            nxdomain(
                f"{labels}queue.shop.svc.clusterset.local. A", "endpoints are not known here ('noendpoints' is set)"
            )
            for labels in ("", "east.", "q-0.east.", "_amqp._tcp.")
        ),
    ),
    *rows(
        setting("multicluster clusterset.local", "ignore empty_service", zones=("cluster.local", "clusterset.local")),
        case("search.shop.svc.clusterset.local. A", "search.shop.svc.clusterset.local. 5 IN A 10.98.0.1"),
        nxdomain(
            "web.shop.svc.clusterset.local. A",
            "ServiceImport shop/web has no ready endpoints and 'ignore empty_service' is set",
        ),
    ),
    # A zone that is not said to be one of many clusters shows Services.
    *rows(
        setting(zones=("cluster.local", "clusterset.local")),
        case("web.shop.svc.clusterset.local. A", "web.shop.svc.clusterset.local. 5 IN A 10.96.0.10"),
        nxdomain("search.shop.svc.clusterset.local. A", "namespace shop has no Service search"),
    ),
]


@pytest.mark.parametrize(("where", "each"), IMPORTS)
async def test_a_zone_of_many_clusters_shows_imports(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), ENDPOINTS)
async def test_endpoints_are_called_with_their_cluster(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), ZONE)
async def test_it_is_a_zone_as_any_other(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), NOT_THERE)
async def test_what_other_options_mean_there(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
