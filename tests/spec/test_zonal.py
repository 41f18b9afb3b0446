"""Names by topology zone: `zonal` (CoreDNS 1.14.7)."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_FORM = "no name of the Kubernetes DNS schema has this form"
PARENT = "the name has no records, it only has names below it"
ALL = ("10.244.5.1", "10.244.5.2", "10.244.5.3", "10.244.5.4")


def zoned(labels: str, *addresses: str, type: str = "A") -> Case:
    name = f"{labels}._zone.zoned.shop.svc.cluster.local."
    return case(f"{name} {type}", *(f"{name} 5 IN {type} {address}" for address in addresses))


def only(labels: str, type: str = "A", *, family: bool = False) -> Case:
    why = (
        "Service shop/zoned has addresses of the other family only"
        if family
        else f"no ready endpoint of Service shop/zoned is in topology zone {labels.removesuffix('.pin')}"
    )
    return nodata(f"{labels}._zone.zoned.shop.svc.cluster.local. {type}", why)


PIN = rows(
    setting("zonal"),
    zoned("eu-1a.pin", "10.244.5.1"),
    zoned("eu-1b.pin", "10.244.5.2", "10.244.5.3"),
    # A zone may have dots, and is compared without case.
    zoned("rack.7.pin", "10.244.5.4"),
    zoned("eu-6.pin", "fd00:10:244::5:6", type="AAAA"),
    only("eu-6.pin", "A", family=True),
    only("eu-1a.pin", "AAAA", family=True),
    # No ready endpoint there.
    only("eu-1c.pin"),
    only("eu-1c.pin", "SRV"),
    only("mars.pin"),
    only("7.pin"),
    case(
        "eu-1b.pin._zone.zoned.shop.svc.cluster.local. SRV",
        *(
            "eu-1b.pin._zone.zoned.shop.svc.cluster.local. 5 IN SRV 0 50 80 "
            f"10-244-5-{last}.zoned.shop.svc.cluster.local."
            for last in (2, 3)
        ),
        extra=[f"10-244-5-{last}.zoned.shop.svc.cluster.local. 5 IN A 10.244.5.{last}" for last in (2, 3)],
    ),
)

PREFER = rows(
    setting("zonal"),
    zoned("eu-1a.prefer", "10.244.5.1"),
    zoned("rack.7.prefer", "10.244.5.4"),
    # Nobody there: all of them.
    zoned("eu-1c.prefer", *ALL),
    zoned("mars.prefer", *ALL),
    zoned("mars.prefer", "fd00:10:244::5:6", type="AAAA"),
    # Somebody there, though of the other family only.
    only("eu-6.prefer", "A", family=True),
)

NONE = [
    *rows(
        setting("zonal"),
        # The parents of names that exist.
        *(nodata(f"{labels}_zone.zoned.shop.svc.cluster.local. A", PARENT) for labels in ("", "pin.", "prefer.")),
        nxdomain("eu-1a._zone.zoned.shop.svc.cluster.local. A", NO_FORM),
        nxdomain("eu-1a.spread._zone.zoned.shop.svc.cluster.local. A", NO_FORM),
        nxdomain("eu-1a.pin.zoned.shop.svc.cluster.local. A", "Service shop/zoned has no port eu-1a over pin"),
        # Headless Services only.
        *(
            nxdomain(
                f"{labels}_zone.web.shop.svc.cluster.local. A",
                "Service shop/web is not headless, so it has no names by topology zone",
            )
            for labels in ("", "pin.", "eu-1a.pin.", "eu-1a.prefer.")
        ),
        nxdomain("eu-1a.pin._zone.gone.shop.svc.cluster.local. A", "namespace shop has no Service gone"),
        nxdomain("eu-1a.pin._zone.zoned.gone.svc.cluster.local. A", "namespace gone does not exist"),
        nxdomain("eu-1a.pin._zone.outside.shop.svc.cluster.local. A", NO_FORM),
        nxdomain(
            "eu-1a.prefer._zone.waiting.shop.svc.cluster.local. A",
            "Service shop/waiting has no ready endpoints (2 not ready, 1 terminating)",
        ),
    ),
    *rows(
        setting(),
        *(
            nxdomain(f"{labels}_zone.zoned.shop.svc.cluster.local. A", NO_FORM)
            for labels in ("", "pin.", "eu-1a.", "eu-1a.pin.", "eu-1a.prefer.")
        ),
    ),
]


@pytest.mark.parametrize(("where", "each"), PIN)
async def test_pin_keeps_to_a_zone(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), PREFER)
async def test_prefer_takes_all_where_a_zone_has_none(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), NONE)
async def test_other_names_by_zone_do_not_exist(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
