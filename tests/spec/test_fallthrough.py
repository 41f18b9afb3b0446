"""`fallthrough`: which denials go on to the next plugin. *whoami* is next here, whose reply cannot be mistaken."""

from __future__ import annotations

import dns.message
import pytest

from tests.asking import lines, rcode
from tests.spec.table import (
    ZONES,
    Case,
    Serve,
    Setting,
    alternating,
    case,
    failed,
    hold,
    nodata,
    nxdomain,
    rows,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARENT = "the name has no records, it only has names below it"
NOBODY = "no Service and no ready endpoint has this address"
GONE = "namespace shop has no Service gone"
KEYS = (*ZONES, "example.org")


def falling(*options: str) -> Setting:
    """With *whoami* behind; the server block has more zones than the directive."""
    return Setting(options, beside=("whoami",), keys=KEYS)


# What exists never falls through, whatever the type.
STAYS = (
    case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    nodata("web.shop.svc.cluster.local. AAAA", "Service shop/web has addresses of the other family only"),
    nodata("web.shop.svc.cluster.local. TXT", "Service shop/web exists, but has no records of this type"),
    nodata("shop.svc.cluster.local. A", PARENT),
    nodata("svc.cluster.local. A", PARENT),
    nodata("_tcp.web.shop.svc.cluster.local. A", PARENT),
    nodata("cluster.local. A", "the zone exists, but has no records of this type"),
    case("outside.shop.svc.cluster.local. A", "outside.shop.svc.cluster.local. 5 IN CNAME www.Example.com."),
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    nodata("10.0.96.10.in-addr.arpa. TXT", "the address exists, but has no records of this type"),
    nodata("in-addr.arpa. PTR", "the zone exists, but has no records of this type"),
    failed("cluster.local. AXFR", "REFUSED", "zone transfers are not allowed here", 18),
)

FORWARD = (
    "gone.shop.svc.cluster.local.",
    "web.gone.svc.cluster.local.",
    "_http._udp.web.shop.svc.cluster.local.",
    "waiting.shop.svc.cluster.local.",
    "10-0-0-1.shop.pod.cluster.local.",
    "foo.cluster.local.",
    "x.outside.shop.svc.cluster.local.",
    "to-ip.shop.svc.cluster.local.",
)
# A parent in a reverse tree is rarely ours alone, so it falls too.
REVERSE = ("9.9.9.9.in-addr.arpa.", "96.10.in-addr.arpa.", "9.in-addr.arpa.", "x.in-addr.arpa.", "d.f.ip6.arpa.")
ELSEWHERE = ("example.org.", "www.example.org.")

BARE = falling("fallthrough")
ROOT = falling("fallthrough .")
REVERSES = falling("fallthrough in-addr.arpa ip6.arpa")
BELOW = falling("fallthrough shop.svc.cluster.local 10.96.0.0/16")
NONE = falling()

KEPT = [
    *rows(BARE, *STAYS),
    *rows(
        REVERSES,
        *STAYS,
        nxdomain("gone.shop.svc.cluster.local. A", GONE),
        nxdomain("foo.cluster.local. A", "no name of the Kubernetes DNS schema has this form"),
        nxdomain("10-0-0-1.shop.pod.cluster.local. A", "names of Pods are switched off ('pods disabled')"),
    ),
    *rows(
        BELOW,
        *STAYS,
        nxdomain("gone.office.svc.cluster.local. A", "namespace office has no Service gone"),
        nxdomain("9.9.9.9.in-addr.arpa. PTR", NOBODY),
        nodata("244.10.in-addr.arpa. PTR", PARENT),
    ),
    *rows(
        NONE,
        *STAYS,
        nxdomain("gone.shop.svc.cluster.local. A", GONE),
        nxdomain("9.9.9.9.in-addr.arpa. PTR", NOBODY),
        nodata("96.10.in-addr.arpa. PTR", PARENT),
    ),
]

FALLEN = [
    *((where, name) for where in (BARE, ROOT) for name in (*FORWARD, *REVERSE)),
    *((REVERSES, name) for name in REVERSE),
    *((BELOW, name) for name in ("gone.shop.svc.cluster.local.", "9.9.96.10.in-addr.arpa.", "0.96.10.in-addr.arpa.")),
    # Outside the directive's zones the next plugin answers anyway.
    *((where, name) for where in (BARE, REVERSES, NONE) for name in ELSEWHERE),
]


def is_from_whoami(reply: dns.message.Message) -> bool:
    name = str(reply.question[0].name)
    told = [f"_udp.{name} 0 IN SRV 0 0 40000 .", f"{name} 0 IN A 192.0.2.53"]
    return (rcode(reply), lines(reply.answer), lines(reply.authority)) == ("NOERROR", [], []) and lines(
        reply.additional
    ) == sorted(told)


@pytest.mark.parametrize(("where", "each"), KEPT)
async def test_what_exists_or_is_not_asked_to_fall_is_answered(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(
    ("where", "name"),
    [pytest.param(where, name, id=f"{name} | {' '.join(where.options)}") for where, name in FALLEN],
)
async def test_a_name_that_does_not_exist_goes_to_the_next_plugin(serve: Serve, where: Setting, name: str) -> None:
    asked = await serve(where)
    for letters in (name, alternating(name)):
        for type in ("A", "TXT", "SOA"):
            assert is_from_whoami(await asked.ask(letters, type)), (letters, type)


async def test_without_a_next_plugin_what_falls_through_fails(serve: Serve) -> None:
    asked = await serve(Setting(("fallthrough",)))
    reply = await asked.ask("gone.shop.svc.cluster.local.", "A")
    assert (rcode(reply), reply.answer, reply.authority) == ("SERVFAIL", [], [])


async def test_an_alias_exists_whatever_its_target_does(serve: Serve) -> None:
    alias = "to-nowhere.shop.svc.cluster.local. 5 IN CNAME gone.shop.svc.cluster.local."
    await hold(serve, BARE, nxdomain("to-nowhere.shop.svc.cluster.local. A", GONE, alias))
