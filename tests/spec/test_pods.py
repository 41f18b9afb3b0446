"""Names of Pods by address (specification §2.6; CoreDNS: plugin/kubernetes/handler_pod_*_test.go)."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

OFF = "names of Pods are switched off ('pods disabled')"
PARENT = "the name has no records, it only has names below it"
NO_FORM = "no name of the Kubernetes DNS schema has this form"

DISABLED = [
    rows(
        where,
        nodata("pod.cluster.local. A", PARENT),
        nxdomain("shop.pod.cluster.local. A", OFF),
        nxdomain("gone.pod.cluster.local. A", OFF),
        nxdomain("10-244-0-1.shop.pod.cluster.local. A", OFF),
        nxdomain("nonsense.shop.pod.cluster.local. TXT", OFF),
    )
    for where in (setting(), setting("pods disabled"))
]

IPV6 = "fd00-10-244--a.shop.pod.cluster.local."
ADDRESS = "Pod address 10-244-0-1 exists, but has no records of this type"


def every_address() -> list[Case]:
    """What both other modes have in common."""
    return [
        nodata("pod.cluster.local. AAAA", PARENT),
        nodata("shop.pod.cluster.local. A", PARENT),
        nodata("desert.pod.cluster.local. TXT", PARENT),
        nxdomain("gone.pod.cluster.local. A", "namespace gone does not exist"),
        nxdomain("10-244-0-1.gone.pod.cluster.local. A", "namespace gone does not exist"),
        case("10-244-0-1.shop.pod.cluster.local. A", "10-244-0-1.shop.pod.cluster.local. 5 IN A 10.244.0.1"),
        nodata(
            "10-244-0-1.shop.pod.cluster.local. AAAA", "Pod address 10-244-0-1 has addresses of the other family only"
        ),
        nodata("10-244-0-1.shop.pod.cluster.local. TXT", ADDRESS),
        nodata("10-244-0-1.shop.pod.cluster.local. SOA", ADDRESS),
        case(
            "10-244-0-1.shop.pod.cluster.local. SRV",
            "10-244-0-1.shop.pod.cluster.local. 5 IN SRV 0 100 0 10-244-0-1.shop.pod.cluster.local.",
            extra=["10-244-0-1.shop.pod.cluster.local. 5 IN A 10.244.0.1"],
        ),
        # The second address of a Pod is as good as the first.
        case(f"{IPV6} AAAA", f"{IPV6} 5 IN AAAA fd00:10:244::a"),
        nodata(f"{IPV6} A", "Pod address fd00-10-244--a has addresses of the other family only"),
        case(f"{IPV6} SRV", f"{IPV6} 5 IN SRV 0 100 0 {IPV6}", extra=[f"{IPV6} 5 IN AAAA fd00:10:244::a"]),
        case(
            "fd00-10-244-0-0-0-0-a.shop.pod.cluster.local. AAAA",
            "fd00-10-244-0-0-0-0-a.shop.pod.cluster.local. 5 IN AAAA fd00:10:244::a",
        ),
        # Up to two labels in front are not looked at (CoreDNS).
        *(
            case(
                f"{labels}.10-244-0-1.shop.pod.cluster.local. A",
                f"{labels}.10-244-0-1.shop.pod.cluster.local. 5 IN A 10.244.0.1",
            )
            for labels in ("x", "x.y", "_http._tcp")
        ),
        nxdomain("x.y.z.10-244-0-1.shop.pod.cluster.local. A", NO_FORM),
        # What is no address.
        *(
            nxdomain(f"{label}.shop.pod.cluster.local. A", NO_FORM)
            for label in (
                "web-a",
                "10-244-0",
                "10-244-0-256",
                "10-244-0-01",
                "fd00-10-244",
                "1-2-3-4-5-6-7-8-9",
                "g--1",
                "*",
            )
        ),
        nxdomain("nonsense.shop.pod.cluster.local. HINFO", NO_FORM),
        # The label is read, not the octets it might stand for.
        nxdomain(r"10\.244\.0\.1.shop.pod.cluster.local. A", NO_FORM),
        nxdomain("fd00:10:244::a.shop.pod.cluster.local. AAAA", NO_FORM),
        nxdomain("fe80--1%eth0.shop.pod.cluster.local. AAAA", NO_FORM),
    ]


INSECURE = rows(
    setting("pods insecure"),
    *every_address(),
    # Any address, in any namespace that exists.
    case("1-2-3-4.shop.pod.cluster.local. A", "1-2-3-4.shop.pod.cluster.local. 5 IN A 1.2.3.4"),
    case("10-244-0-1.desert.pod.cluster.local. A", "10-244-0-1.desert.pod.cluster.local. 5 IN A 10.244.0.1"),
    case("--1.shop.pod.cluster.local. AAAA", "--1.shop.pod.cluster.local. 5 IN AAAA ::1"),
    case("2001-db8--0.shop.pod.cluster.local. AAAA", "2001-db8--0.shop.pod.cluster.local. 5 IN AAAA 2001:db8::"),
)

VERIFIED = rows(
    setting("pods verified"),
    *every_address(),
    # Two Pods on the host's network have one address.
    case("192-0-2-7.office.pod.cluster.local. A", "192-0-2-7.office.pod.cluster.local. 5 IN A 192.0.2.7"),
    case("192-0-2-7.shop.pod.cluster.local. A", "192-0-2-7.shop.pod.cluster.local. 5 IN A 192.0.2.7"),
    # Only where it is.
    nxdomain("10-244-0-1.office.pod.cluster.local. A", "namespace office has no Pod with address 10-244-0-1"),
    nxdomain("10-244-0-1.desert.pod.cluster.local. SRV", "namespace desert has no Pod with address 10-244-0-1"),
    nxdomain("1-2-3-4.shop.pod.cluster.local. A", "namespace shop has no Pod with address 1-2-3-4"),
    # Finished, failed, being deleted.
    *(
        nxdomain(
            f"10-244-0-{last}.shop.pod.cluster.local. A", f"namespace shop has no Pod with address 10-244-0-{last}"
        )
        for last in (80, 81, 82)
    ),
    # An endpoint that no Pod stands behind.
    nxdomain("10-244-1-1.shop.pod.cluster.local. A", "namespace shop has no Pod with address 10-244-1-1"),
)

HIDDEN = rows(
    setting("pods insecure", "namespaces shop"),
    nodata("shop.pod.cluster.local. A", PARENT),
    nxdomain("vault.pod.cluster.local. A", "namespace vault exists, but is not exposed here"),
    nxdomain("1-2-3-4.vault.pod.cluster.local. A", "namespace vault exists, but is not exposed here"),
)

ONE_FAMILY = rows(
    setting("pods insecure", "families ipv4"),
    case("10-244-0-1.shop.pod.cluster.local. A", "10-244-0-1.shop.pod.cluster.local. 5 IN A 10.244.0.1"),
    *(
        nodata(f"{IPV6} {type}", "Pod address fd00-10-244--a exists, but this address family is switched off here")
        for type in ("AAAA", "SRV")
    ),
)


@pytest.mark.parametrize(("where", "each"), [row for table in DISABLED for row in table])
async def test_without_pods_no_name_exists_below_pod(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*INSECURE, *HIDDEN, *ONE_FAMILY])
async def test_insecure_gives_back_what_was_asked(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), VERIFIED)
async def test_verified_wants_a_pod_with_the_address(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
