"""Which namespaces and objects are shown: `namespaces`, `namespace_labels`, `labels`, `families`."""

from __future__ import annotations

import pytest

from tests.spec.table import Case, Serve, Setting, case, hold, nodata, nxdomain, rows, setting

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARENT = "the name has no records, it only has names below it"
HIDDEN = "namespace {} exists, but is not exposed here"


def shown(*namespaces: str) -> list[Case]:
    """The cases where only these namespaces are exposed, of shop, office, vault, desert."""
    found = []
    for name in ("shop", "office", "vault", "desert"):
        if name in namespaces:
            found.append(nodata(f"{name}.svc.cluster.local. A", PARENT))
        else:
            found += [
                nxdomain(f"{name}.svc.cluster.local. A", HIDDEN.format(name)),
                nxdomain(f"web.{name}.svc.cluster.local. A", HIDDEN.format(name)),
                nxdomain(f"_http._tcp.web.{name}.svc.cluster.local. SRV", HIDDEN.format(name)),
                nxdomain(f"10-0-0-1.{name}.pod.cluster.local. A", HIDDEN.format(name)),
            ]
    return found


def namespaces(*options: str) -> Setting:
    return setting("pods insecure", *options)


NAMESPACES = [
    *rows(namespaces(), *shown("shop", "office", "vault", "desert")),
    *rows(
        namespaces("namespaces shop"),
        *shown("shop"),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
    ),
    *rows(
        namespaces("namespaces vault office nowhere"),
        *shown("vault", "office"),
        case("secret.vault.svc.cluster.local. A", "secret.vault.svc.cluster.local. 5 IN A 10.96.2.10"),
        nxdomain("web.nowhere.svc.cluster.local. A", "namespace nowhere does not exist"),
    ),
    *rows(
        namespaces("namespace_labels tier=front"),
        *shown("shop", "office", "desert"),
        case("web.office.svc.cluster.local. A", "web.office.svc.cluster.local. 5 IN A 10.96.1.10"),
    ),
    *rows(namespaces("namespace_labels tier in (front,back),team!=red"), *shown("office", "vault", "desert")),
    *rows(namespaces("namespace_labels !team"), *shown("vault", "desert")),
    *rows(namespaces("namespace_labels tier=none"), *shown()),
]

# Services, slices and Pods alike: what has not the labels is not there.
LABELS = [
    *rows(
        setting("labels app=web"),
        case("web.shop.svc.cluster.local. A", "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"),
        case("10-244-0-1.web.shop.svc.cluster.local. A", "10-244-0-1.web.shop.svc.cluster.local. 5 IN A 10.244.0.1"),
        nxdomain("db.shop.svc.cluster.local. A", "namespace shop has no Service db"),
        nxdomain("dual.shop.svc.cluster.local. A", "namespace shop has no Service dual"),
        nxdomain("11.0.96.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
        nodata("office.svc.cluster.local. A", PARENT),
        case(
            "1.0.244.10.in-addr.arpa. PTR", "1.0.244.10.in-addr.arpa. 5 IN PTR 10-244-0-1.web.shop.svc.cluster.local."
        ),
    ),
    *rows(
        setting("labels app in (web, db)", "pods verified"),
        case(
            "db.shop.svc.cluster.local. A",
            "db.shop.svc.cluster.local. 5 IN A 10.244.1.1",
            "db.shop.svc.cluster.local. 5 IN A 10.244.1.2",
        ),
        case("10-244-0-1.shop.pod.cluster.local. A", "10-244-0-1.shop.pod.cluster.local. 5 IN A 10.244.0.1"),
        nxdomain("192-0-2-7.shop.pod.cluster.local. A", "namespace shop has no Pod with address 192-0-2-7"),
    ),
]

OFF = "{} exists, but this address family is switched off here"
ONLY4 = rows(
    setting("families ipv4"),
    case("dual.shop.svc.cluster.local. A", "dual.shop.svc.cluster.local. 5 IN A 10.96.0.11"),
    nodata("dual.shop.svc.cluster.local. AAAA", OFF.format("Service shop/dual")),
    nodata("web.shop.svc.cluster.local. AAAA", OFF.format("Service shop/web")),
    nodata("six.shop.svc.cluster.local. A", "Service shop/six has addresses of the other family only"),
    nodata("six.shop.svc.cluster.local. AAAA", OFF.format("Service shop/six")),
    nodata("db-0.db.shop.svc.cluster.local. AAAA", OFF.format("Service shop/db")),
    # Names exist as before; SRV records have no target that leads nowhere.
    nodata("only6.shop.svc.cluster.local. SRV", OFF.format("Service shop/only6")),
    nodata("six.shop.svc.cluster.local. SRV", OFF.format("Service shop/six")),
    nodata("_http._tcp.only6.shop.svc.cluster.local. A", "Service shop/only6 has addresses of the other family only"),
    case(
        "_http._tcp.idle.shop.svc.cluster.local. SRV",
        "_http._tcp.idle.shop.svc.cluster.local. 5 IN SRV 0 100 80 idle.shop.svc.cluster.local.",
        extra=["idle.shop.svc.cluster.local. 5 IN A 10.96.0.15"],
    ),
    case(
        "db.shop.svc.cluster.local. SRV",
        "db.shop.svc.cluster.local. 5 IN SRV 0 50 5432 db-0.db.shop.svc.cluster.local.",
        "db.shop.svc.cluster.local. 5 IN SRV 0 50 5432 db-1.db.shop.svc.cluster.local.",
        extra=[
            "db-0.db.shop.svc.cluster.local. 5 IN A 10.244.1.1",
            "db-1.db.shop.svc.cluster.local. 5 IN A 10.244.1.2",
        ],
    ),
    nxdomain("gone.shop.svc.cluster.local. AAAA", "namespace shop has no Service gone"),
    case("10.0.96.10.in-addr.arpa. PTR", "10.0.96.10.in-addr.arpa. 5 IN PTR web.shop.svc.cluster.local."),
)
ONLY6 = rows(
    setting("families ipv6"),
    case("dual.shop.svc.cluster.local. AAAA", "dual.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::11"),
    nodata("dual.shop.svc.cluster.local. A", OFF.format("Service shop/dual")),
    nodata("web.shop.svc.cluster.local. A", OFF.format("Service shop/web")),
    case("db.shop.svc.cluster.local. AAAA", "db.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::1:1"),
    case(
        "db.shop.svc.cluster.local. SRV",
        "db.shop.svc.cluster.local. 5 IN SRV 0 100 5432 db-0.db.shop.svc.cluster.local.",
        extra=["db-0.db.shop.svc.cluster.local. 5 IN AAAA fd00:10:244::1:1"],
    ),
)


@pytest.mark.parametrize(("where", "each"), NAMESPACES)
async def test_only_exposed_namespaces_exist(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), LABELS)
async def test_only_labelled_objects_exist(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)


@pytest.mark.parametrize(("where", "each"), [*ONLY4, *ONLY6])
async def test_one_family_alone_has_records(serve: Serve, where: Setting, each: Case) -> None:
    await hold(serve, where, each)
