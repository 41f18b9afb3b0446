"""Before the cluster is known: what is certain is answered, the rest fails, nothing falls through."""

from __future__ import annotations

import pytest

from tests.spec.table import WAITING, Case, Serve, Setting, case, failed, hold, nodata, rows

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOT_READY = 14
WHY = f"the cluster is not known yet: waiting for {WAITING}"
PARENT = "the name has no records, it only has names below it"
APEX = "the zone exists, but has no records of this type"

SETTINGS = [
    Setting(manifests="", serial=0),
    Setting(("fallthrough",), manifests="", serial=0, beside=("whoami",)),
    Setting(("pods insecure", "zonal"), manifests="", serial=0),
]

CERTAIN = (
    case(
        "cluster.local. SOA",
        "cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 5",
    ),
    case(
        "in-addr.arpa. SOA",
        "in-addr.arpa. 5 IN SOA ns.dns.in-addr.arpa. hostmaster.in-addr.arpa. 0 7200 1800 86400 5",
    ),
    case(
        "cluster.local. NS",
        "cluster.local. 5 IN NS ns.dns.cluster.local.",
        extra=["ns.dns.cluster.local. 5 IN A 127.0.0.1"],
    ),
    nodata("cluster.local. A", APEX),
    nodata("svc.cluster.local. A", PARENT),
    nodata("pod.cluster.local. TXT", PARENT),
    nodata("dns.cluster.local. A", PARENT),
    case("dns-version.cluster.local. TXT", 'dns-version.cluster.local. 28800 IN TXT "1.1.0"'),
)

UNCERTAIN = tuple(
    failed(question, "SERVFAIL", WHY, NOT_READY)
    for question in (
        "web.shop.svc.cluster.local. A",
        "gone.shop.svc.cluster.local. AAAA",
        "shop.svc.cluster.local. A",
        "_http._tcp.web.shop.svc.cluster.local. SRV",
        "10-244-0-1.shop.pod.cluster.local. A",
        "shop.pod.cluster.local. A",
        "ns.dns.cluster.local. A",
        "foo.cluster.local. A",
        "eu-1.pin._zone.db.shop.svc.cluster.local. A",
        "10.0.96.10.in-addr.arpa. PTR",
        "96.10.in-addr.arpa. PTR",
        "x.in-addr.arpa. PTR",
        "web.shop.svc.cluster.local. SOA",
    )
)


@pytest.mark.parametrize(("where", "each"), [row for where in SETTINGS for row in rows(where, *CERTAIN)])
async def test_what_is_certain_is_answered(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [row for where in SETTINGS for row in rows(where, *UNCERTAIN)])
async def test_the_rest_fails_and_says_that_it_will_not_be_so_for_ever(
    serve: Serve, where: Setting, each: Case
) -> None:
    await hold(serve, where, each)


async def test_transfers_are_refused_all_the_same(serve: Serve) -> None:
    await hold(serve, SETTINGS[0], failed("cluster.local. AXFR", "REFUSED", "zone transfers are not allowed here", 18))
