"""Names near one that does not exist."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kdns.kube.neighbours import neighbours
from kdns.kube.objects import Namespace, Object, Port, Service
from kdns.proto.name import from_text, to_text
from tests.kube.known import OPTIONS, REVERSE, SHOP, ZONE, endpoint, index_of, question, service, slice_of

OFFICE = Namespace("office")
VAULT = Namespace("vault", exposed=False)
WEB, WEBSITE = service("web", "10.0.0.1"), service("website", "10.0.0.2")
FAR = service("web", "10.0.0.3", namespace="office")
HIDDEN = service("web", "10.0.0.4", namespace="vault")
DB = service("db")
DB_SLICE = slice_of(endpoint("10.244.0.1", hostname="db-0"), endpoint("10.244.0.2", ready=False), service="db")
ALL = (SHOP, OFFICE, VAULT, WEB, WEBSITE, FAR, HIDDEN, DB, DB_SLICE)


def alias(target: str) -> Service:
    return Service("shop", "web", ports=(Port("http", 80),), external_name=target)


def near(name: str, *objects: Object, zone: bytes = ZONE, type: str = "A", **options: Any) -> list[str]:
    given = replace(OPTIONS, **options)
    found = neighbours(question(name, type), zone, index_of(*(objects or ALL)), given)
    return [to_text(each).removesuffix(".svc.cluster.local.") for each in found]


@pytest.mark.parametrize(
    ("name", "first"),
    [
        pytest.param("wbe.shop.svc.cluster.local", "web.shop", id="mistyped"),
        pytest.param("webb.shop.svc.cluster.local", "web.shop", id="a letter too many"),
        pytest.param("web.shop.cluster.local", "web.shop", id="without svc"),
        pytest.param("web.shop.scv.cluster.local", "web.shop", id="svc mistyped"),
        pytest.param("_http._tcp.web.shop.cluster.local", "web.shop", id="a port without svc"),
        pytest.param("web.cluster.local", "web.office", id="without a namespace"),
        pytest.param("wbe.cluster.local", "web.office", id="without a namespace and mistyped"),
        pytest.param("web.gone.svc.cluster.local", "web.office", id="another namespace"),
        pytest.param("db-9.db.shop.svc.cluster.local", "db.shop", id="no such endpoint"),
        pytest.param("_https._tcp.web.shop.svc.cluster.local", "web.shop", id="no such port"),
        pytest.param("WBE.SHOP.SVC.cluster.local", "web.shop", id="in capitals"),
        pytest.param("web.shop.pod.cluster.local", "web.shop", id="below pod"),
    ],
)
def test_the_nearest_name_comes_first(name: str, first: str) -> None:
    assert near(name)[0] == first


def test_a_services_names_are_its_own_its_ports_and_its_endpoints() -> None:
    assert near("x.db.shop.svc.cluster.local", SHOP, DB, DB_SLICE) == ["db.shop", "_http._tcp.db.shop", "db-0.db.shop"]


@pytest.mark.parametrize(
    ("name", "objects", "options"),
    [
        pytest.param("zzzz.qqqq.svc.cluster.local", ALL, {}, id="nothing is like it"),
        pytest.param("cluster.local", ALL, {}, id="the zone"),
        pytest.param("wbe.vault.svc.cluster.local", (SHOP, VAULT, HIDDEN), {}, id="not exposed"),
        pytest.param("dbb.shop.svc.cluster.local", (SHOP, DB), {}, id="a headless one that is not ready"),
        pytest.param("dbb.shop.svc.cluster.local", (SHOP, DB, DB_SLICE), {"noendpoints": True}, id="no endpoints"),
        pytest.param("orphan.shop.svc.cluster.local", (SHOP, slice_of(service="orphan")), {}, id="no Service"),
        pytest.param("wbe.shop.svc.cluster.local", ALL, {"multicluster": frozenset({ZONE})}, id="imports"),
    ],
)
def test_sometimes_nothing_is_near(name: str, objects: tuple[Object, ...], options: dict[str, Any]) -> None:
    assert near(name, *objects, **options) == []


def test_in_a_reverse_zone_nothing_is_near() -> None:
    one = service("1", "10.0.0.1", namespace="0")
    assert near("1.0.0.10.in-addr.arpa", Namespace("0"), one, zone=REVERSE) == []


def test_the_name_itself_is_not_among_them() -> None:
    assert near("web.shop.svc.cluster.local", SHOP, WEB, type="AAAA") == ["_http._tcp.web.shop"]
    assert near("WEB.shop.svc.cluster.local", SHOP, WEB, type="AAAA") == ["_http._tcp.web.shop"]


def test_there_are_at_most_eight() -> None:
    many = [service(f"web-{place}", f"10.0.0.{place}") for place in range(1, 20)]
    found = near("web.shop.svc.cluster.local", SHOP, *many)
    assert len(found) <= 8
    assert len(set(found)) == len(found)


def test_an_alias_is_near_and_a_port_that_is_no_name_is_not() -> None:
    odd = Service("shop", "web", (b"\n\0\0\1",), (Port("p" * 63, 1), Port("", 2)), external_name="")
    alias = Service("shop", "webb", external_name="example.com")
    assert near("wbe.shop.svc.cluster.local", SHOP, odd, alias) == ["web.shop", "webb.shop"]


def test_the_root_may_be_the_zone() -> None:
    found = neighbours(question("wbe.shop.svc"), from_text("."), index_of(*ALL), OPTIONS)
    assert to_text(next(found)) == "web.shop.svc."


@pytest.mark.parametrize(
    ("objects", "options", "found"),
    [
        pytest.param((alias("there.example"),), {}, ["web.shop"], id="an alias with ports"),
        pytest.param((alias("gone.shop.svc.cluster.local"),), {}, ["web.shop"], id="an alias of nothing"),
        pytest.param((alias("192.0.2.1"),), {}, [], id="an alias of an address"),
        pytest.param((alias("a..b"),), {}, [], id="an alias of no name"),
        pytest.param((WEB,), {"ignore_empty": True}, [], id="an empty one that is ignored"),
        pytest.param(
            (DB, slice_of(endpoint("10.244.0.1", cluster="east"), service="db")),
            {},
            ["db.shop", "_http._tcp.db.shop"],
            id="an endpoint of another cluster",
        ),
    ],
)
def test_only_names_that_exist_are_near(objects: tuple[Object, ...], options: dict[str, Any], found: list[str]) -> None:
    name = f"x.{objects[0].name}.shop.svc.cluster.local"
    assert near(name, SHOP, *objects, **options) == found
