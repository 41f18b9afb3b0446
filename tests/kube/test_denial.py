"""What the answer to a missing name tells of others; that the replies are the same: tests/test_memo_property.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.kube.denial import Missing, missing_like
from kdns.kube.index import Touched
from kdns.kube.objects import Namespace, Service, ServiceImport
from kdns.kube.options import PodMode
from kdns.kube.resolve import resolve
from kdns.proto.name import Name, from_text
from tests.kube.known import OPTIONS, REVERSE, SHOP, ZONE, index_of, question, service

SET = from_text("set.local")
OPTIONS_HERE = replace(OPTIONS, zones=(*OPTIONS.zones, SET), multicluster=frozenset({SET}), pods=PodMode.VERIFIED)
INDEX = index_of(
    SHOP,
    Namespace("hidden", exposed=False),
    service("web", "10.96.0.10"),
    Service("shop", "to", external_name="example.com"),
    ServiceImport("shop", "far", (), ()),
)


def missing(name: str, type: str = "A", zone: Name = ZONE) -> Missing | None:
    asked = question(name, type)
    answer = resolve(asked, zone, INDEX, OPTIONS_HERE)
    return missing_like(asked.folded, zone, answer, INDEX, OPTIONS_HERE)


@pytest.mark.parametrize(
    ("name", "zone", "encloser"),
    [
        pytest.param("example.com.cluster.local", ZONE, "cluster.local", id="no tree"),
        pytest.param("com.cluster.local", ZONE, "cluster.local", id="no tree, nothing below"),
        pytest.param("example.com.svc.cluster.local", ZONE, "svc.cluster.local", id="no namespace"),
        pytest.param("com.svc.cluster.local", ZONE, "svc.cluster.local", id="no namespace, nothing below"),
        pytest.param("a.b.c.d.com.svc.cluster.local", ZONE, "svc.cluster.local", id="no namespace, far below"),
        pytest.param("com.shop.svc.cluster.local", ZONE, "shop.svc.cluster.local", id="no Service"),
        pytest.param("_http._tcp.x.SHOP.svc.cluster.local", ZONE, "shop.svc.cluster.local", id="no Service for a port"),
        pytest.param("a.b.c.d.x.shop.svc.cluster.local", ZONE, "shop.svc.cluster.local", id="no Service, far below"),
        pytest.param("a.pin._zone.x.shop.svc.cluster.local", ZONE, "shop.svc.cluster.local", id="no Service, zonal"),
        pytest.param("web.hidden.svc.cluster.local", ZONE, "hidden.svc.cluster.local", id="hidden namespace"),
        pytest.param("web.shop.svc.set.local", SET, "shop.svc.set.local", id="no ServiceImport"),
    ],
)
def test_what_is_missing_in_the_same_way_is_below_the_closest_encloser(name: str, zone: Name, encloser: str) -> None:
    told = missing(name, zone=zone)
    assert told is not None
    assert told.encloser == from_text(encloser)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        pytest.param("web.shop.svc.cluster.local", ZONE, id="a Service"),
        pytest.param("shop.svc.cluster.local", ZONE, id="a parent"),
        pytest.param("x.web.shop.svc.cluster.local", ZONE, id="no endpoint"),
        pytest.param("x.to.shop.svc.cluster.local", ZONE, id="below an alias"),
        pytest.param("x.dns.cluster.local", ZONE, id="no name server"),
        pytest.param("hidden.svc.cluster.local", ZONE, id="a hidden namespace itself"),
        pytest.param("10-0-0-1.com.pod.cluster.local", ZONE, id="no namespace of Pods"),
        pytest.param("10-0-0-1.shop.pod.cluster.local", ZONE, id="no Pod"),
        pytest.param("a.b.c.d.shop.pod.cluster.local", ZONE, id="too many labels before a Pod"),
        pytest.param("1.0.0.10.in-addr.arpa", REVERSE, id="no address"),
    ],
)
def test_other_answers_tell_of_their_own_name_only(name: str, zone: Name) -> None:
    assert missing(name, zone=zone) is None


@pytest.mark.parametrize(
    ("name", "zone", "absent", "present"),
    [
        pytest.param("x.cluster.local", ZONE, [b"com", b"\xff"], [b"svc", b"pod", b"dns", b"dns-version"], id="trees"),
        pytest.param("x.svc.cluster.local", ZONE, [b"com", b"\xff"], [b"shop", b"hidden"], id="namespaces"),
        pytest.param("x.shop.svc.cluster.local", ZONE, [b"x", b"far", b"\xff"], [b"web", b"to"], id="Services"),
        pytest.param("x.shop.svc.set.local", SET, [b"x", b"web"], [b"far"], id="ServiceImports"),
        pytest.param("x.hidden.svc.cluster.local", ZONE, [b"x", b"web"], [], id="nothing is shown"),
    ],
)
def test_whether_a_label_is_absent_is_looked_up(
    name: str, zone: Name, absent: list[bytes], present: list[bytes]
) -> None:
    told = missing(name, zone=zone)
    assert told is not None
    assert list(map(told.children.absent, absent)) == [True] * len(absent)
    assert list(map(told.children.absent, present)) == [False] * len(present)


def test_a_name_that_the_soa_has_is_left_alone() -> None:
    told = missing("x.cluster.local")
    assert told is not None
    assert not told.children.absent(b"hostmaster")


@pytest.mark.parametrize(
    ("name", "zone", "keys"),
    [
        ("x.cluster.local", ZONE, set()),
        ("x.y.svc.cluster.local", ZONE, {Touched.namespace("y")}),
        ("x.y.shop.svc.cluster.local", ZONE, {Touched.service(("shop", "y"))}),
        ("x.y.shop.svc.set.local", SET, {Touched.imported(("shop", "y"))}),
        ("y.hidden.svc.cluster.local", ZONE, set()),
    ],
)
def test_an_absent_label_comes_to_exist_by_a_change_that_is_told(name: str, zone: Name, keys: set[object]) -> None:
    told = missing(name, zone=zone)
    assert told is not None
    assert set(told.children.ended_by(b"y")) == keys


def test_what_comes_to_exist_is_seen_at_once() -> None:
    index = index_of(SHOP)
    asked = question("new.shop.svc.cluster.local")
    told = missing_like(asked.folded, ZONE, resolve(asked, ZONE, index, OPTIONS), index, OPTIONS)
    assert told is not None
    assert told.children.absent(b"new")
    index.services["shop", "new"] = INDEX.services["shop", "web"]
    assert not told.children.absent(b"new")


@pytest.mark.parametrize(
    ("name", "around", "depends_on"),
    [
        ("x.cluster.local", None, set()),
        ("x.svc.cluster.local", ("namespace ", " does not exist"), set()),
        ("x.shop.svc.cluster.local", ("namespace shop has no Service ", ""), {Touched.namespace("shop")}),
        ("x.hidden.svc.cluster.local", None, {Touched.namespace("hidden")}),
    ],
)
def test_the_sentence_speaks_of_the_label_and_a_change_of_the_encloser_ends_it(
    name: str, around: tuple[str, str] | None, depends_on: set[object]
) -> None:
    told = missing(name)
    assert told is not None
    assert (told.around, set(told.depends_on)) == (around, depends_on)
