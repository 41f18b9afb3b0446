"""The reverse trees (specification §2.3.3 and §2.4.3; RFC 1035 §3.5, RFC 3596 §2.5, RFC 8020)."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAIN = setting()
NOBODY = "no Service and no ready endpoint has this address"
PARENT = "the name has no records, it only has names below it"
TYPE = "the address exists, but has no records of this type"
APEX = "the zone exists, but has no records of this type"


def ip6(address: str) -> str:
    """`0.0.…`: the digits of an address written out in full groups, in reverse."""
    digits = "".join(group.rjust(4, "0") for group in address.split(":"))
    assert len(digits) == 32
    return ".".join(reversed(digits))


SIX = ip6("fd00:10:96:0:0:0:0:12")
DB_0 = ip6("fd00:10:244:0:0:0:1:1")

POINTERS = rows(
    PLAIN,
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    case("11.0.96.10.in-addr.arpa. PTR", "11.0.96.10.in-addr.arpa. 5 IN PTR dual.shop.svc.cluster.local."),
    case("10.1.96.10.in-addr.arpa. PTR", "10.1.96.10.in-addr.arpa. 5 IN PTR web.office.svc.cluster.local."),
    # Without endpoints all the same.
    case("15.0.96.10.in-addr.arpa. PTR", "15.0.96.10.in-addr.arpa. 5 IN PTR idle.shop.svc.cluster.local."),
    case(f"{SIX}.ip6.arpa. PTR", f"{SIX}.ip6.arpa. 5 IN PTR six.shop.svc.cluster.local."),
    # Endpoints, by hostname or by address, in every Service that has them, of whatever kind.
    case(f"{DB_0}.ip6.arpa. PTR", f"{DB_0}.ip6.arpa. 5 IN PTR db-0.db.shop.svc.cluster.local."),
    case(
        "2.1.244.10.in-addr.arpa. PTR",
        "2.1.244.10.in-addr.arpa. 5 IN PTR db-1.db.shop.svc.cluster.local.",
        "2.1.244.10.in-addr.arpa. 5 IN PTR replica.db-read.shop.svc.cluster.local.",
    ),
    case(
        "1.0.244.10.in-addr.arpa. PTR",
        "1.0.244.10.in-addr.arpa. 5 IN PTR 10-244-0-1.web.shop.svc.cluster.local.",
        "1.0.244.10.in-addr.arpa. 5 IN PTR 10-244-0-1.db-read.shop.svc.cluster.local.",
    ),
    case(
        "1.1.244.10.in-addr.arpa. PTR",
        "1.1.244.10.in-addr.arpa. 5 IN PTR db-0.db.shop.svc.cluster.local.",
        "1.1.244.10.in-addr.arpa. 5 IN PTR spy.whisper.vault.svc.cluster.local.",
    ),
    case("1.3.244.10.in-addr.arpa. PTR", "1.3.244.10.in-addr.arpa. 5 IN PTR WEB-3.pair.shop.svc.cluster.local."),
    case(
        "20.3.244.10.in-addr.arpa. PTR", "20.3.244.10.in-addr.arpa. 5 IN PTR 10-244-3-20.lone.shop.svc.cluster.local."
    ),
    case("3.4.244.10.in-addr.arpa. PTR", "3.4.244.10.in-addr.arpa. 5 IN PTR three.manual.shop.svc.cluster.local."),
    # In two slices at once: once.
    case("2.2.244.10.in-addr.arpa. PTR", "2.2.244.10.in-addr.arpa. 5 IN PTR 10-244-2-2.cache.shop.svc.cluster.local."),
    # Not ready; terminating; an Endpoints object that is not used; endpoints of no Service; an alias's; a Pod's.
    *(
        nxdomain(f"{name}.in-addr.arpa. PTR", NOBODY)
        for name in (
            "3.0.244.10",
            "4.1.244.10",
            "11.4.244.10",
            "20.4.244.10",
            "1.9.244.10",
            "2.9.244.10",
            "3.9.244.10",
            "9.9.244.10",
            "7.2.0.192",
            "1.0.98.10",
        )
    ),
    nxdomain("9.9.9.9.in-addr.arpa. PTR", NOBODY),
    # The name exists, the type does not.
    *(
        nodata(f"10.0.96.10.in-addr.arpa. {type}", TYPE)
        for type in ("A", "AAAA", "TXT", "SOA", "NS", "CNAME", "ANY", "TYPE65280")
    ),
    nodata("2.1.244.10.in-addr.arpa. TXT", TYPE),
    *(nxdomain(f"9.9.9.9.in-addr.arpa. {type}", NOBODY) for type in ("A", "TXT", "SOA", "NS")),
)

PARENTS = rows(
    PLAIN,
    *(
        nodata(f"{name}.in-addr.arpa. {type}", PARENT)
        for name in ("10", "96.10", "0.96.10", "244.10", "53.244.10")
        for type in ("PTR", "NS", "SOA", "TXT")
    ),
    *(nodata(f"{DB_0.split('.', skip)[-1]}.ip6.arpa. PTR", PARENT) for skip in (1, 16, 30, 31)),
    *(nxdomain(f"{name}.in-addr.arpa. PTR", NOBODY) for name in ("9", "97.10", "7.96.10", "9.244.10", "192")),
    nxdomain("e.f.ip6.arpa. PTR", NOBODY),
)

# No address is written so.
FORMS = rows(
    PLAIN,
    *(
        nxdomain(f"{name}.in-addr.arpa. PTR", NOBODY)
        for name in (
            "1.10.0.96.10",
            "x.10.0.96.10",
            "010.0.96.10",
            "10.00.96.10",
            "256.0.96.10",
            "a.0.96.10",
            "-1.96.10",
            "web",
            "10-0.96.10",
            r"10\.0.96.10",
        )
    ),
    *(
        nxdomain(f"{name}.ip6.arpa. PTR", NOBODY)
        for name in (f"x.{SIX}", f"a.b.{SIX}", f"a.b.c.{SIX}", f"0.{SIX}", f"1{SIX}", SIX.replace("f", "g"), "d.0f")
    ),
)

FIRST = rows(
    setting("ptr first"),
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    case("2.1.244.10.in-addr.arpa. PTR", "2.1.244.10.in-addr.arpa. 5 IN PTR db-1.db.shop.svc.cluster.local."),
    case("1.1.244.10.in-addr.arpa. PTR", "1.1.244.10.in-addr.arpa. 5 IN PTR db-0.db.shop.svc.cluster.local."),
    nxdomain("9.9.9.9.in-addr.arpa. PTR", NOBODY),
)

HOSTNAME = rows(
    setting("ptr hostname"),
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    case(
        "2.1.244.10.in-addr.arpa. PTR",
        "2.1.244.10.in-addr.arpa. 5 IN PTR db-1.db.shop.svc.cluster.local.",
        "2.1.244.10.in-addr.arpa. 5 IN PTR replica.db-read.shop.svc.cluster.local.",
    ),
    nxdomain("1.0.244.10.in-addr.arpa. PTR", NOBODY),
    nxdomain("2.2.244.10.in-addr.arpa. TXT", NOBODY),
)

HIDDEN = [
    row
    for where in (setting("namespaces shop office"), setting("namespace_labels tier=front"))
    for row in rows(
        where,
        case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
        nxdomain("10.2.96.10.in-addr.arpa. PTR", NOBODY),
        nxdomain("10.2.96.10.in-addr.arpa. A", NOBODY),
        nxdomain("1.8.244.10.in-addr.arpa. PTR", NOBODY),
        case("1.1.244.10.in-addr.arpa. PTR", "1.1.244.10.in-addr.arpa. 5 IN PTR db-0.db.shop.svc.cluster.local."),
    )
]

CIDR = Setting(
    zones=("cluster.local", "10.96.0.0/16", "10.244.0.0/18", "fd00:10:96::/112", "10.97.0.1/32"),
    names=(
        "cluster.local",
        "96.10.in-addr.arpa",
        "0.244.10.in-addr.arpa",
        "1.244.10.in-addr.arpa",
        ip6("fd00:10:96:0:0:0:0:0")[8:] + ".ip6.arpa",
        "1.0.97.10.in-addr.arpa",
    ),
)
LAST = CIDR.names[-1]
RANGE6 = CIDR.names[-2]

CIDRS = rows(
    CIDR,
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    case(
        "2.1.244.10.in-addr.arpa. PTR",
        *(
            f"2.1.244.10.in-addr.arpa. 5 IN PTR {name}.shop.svc.cluster.local."
            for name in ("db-1.db", "replica.db-read")
        ),
    ),
    case(f"{SIX}.ip6.arpa. PTR", f"{SIX}.ip6.arpa. 5 IN PTR six.shop.svc.cluster.local."),
    nxdomain("9.0.96.10.in-addr.arpa. PTR", NOBODY),
    nodata("0.96.10.in-addr.arpa. PTR", PARENT),
    nodata("96.10.in-addr.arpa. PTR", APEX),
    nodata("0.244.10.in-addr.arpa. PTR", APEX),
    case(
        f"{RANGE6}. SOA",
        f"{RANGE6}. 5 IN SOA ns.dns.{RANGE6}. hostmaster.{RANGE6}. 1700000000 7200 1800 86400 5",
    ),
    nodata(f"{RANGE6}. PTR", APEX),
    # A range of one address is a zone with the PTR at its apex; nobody has this one.
    nodata(f"{LAST}. PTR", APEX),
    case(f"{LAST}. SOA", f"{LAST}. 5 IN SOA ns.dns.{LAST}. hostmaster.{LAST}. 1700000000 7200 1800 86400 5"),
    nxdomain(f"x.{LAST}. PTR", NOBODY),
)

ALONE = Setting(
    zones=("cluster.local", "10.96.0.10/32", "10.244.1.2/32"),
    names=("cluster.local", "10.0.96.10.in-addr.arpa", "2.1.244.10.in-addr.arpa"),
)
SINGLES = rows(
    ALONE,
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
    case(
        "10.0.96.10.in-addr.arpa. NS",
        "10.0.96.10.in-addr.arpa. 5 IN NS ns.dns.cluster.local.",
        extra=["ns.dns.cluster.local. 5 IN A 127.0.0.1"],
    ),
    nodata("10.0.96.10.in-addr.arpa. TXT", TYPE),
    case(
        "2.1.244.10.in-addr.arpa. PTR",
        *(
            f"2.1.244.10.in-addr.arpa. 5 IN PTR {name}.shop.svc.cluster.local."
            for name in ("db-1.db", "replica.db-read")
        ),
    ),
)


@pytest.mark.parametrize(("where", "each"), [*POINTERS, *HIDDEN])
async def test_an_address_points_to_the_services_that_have_it(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), PARENTS)
async def test_parents_exist_where_an_address_lies_below(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), FORMS)
async def test_what_is_no_address_does_not_exist(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*FIRST, *HOSTNAME])
async def test_ptr_chooses_among_an_endpoints_names(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*CIDRS, *SINGLES])
async def test_a_cidr_stands_for_its_reverse_zones(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
