"""Pointers: order, policy, and what they depend on."""

from __future__ import annotations

import pytest

from kdns.kube.index import Prefixes, Touched
from kdns.kube.objects import Kind, Namespace, Object, Ref
from kdns.kube.options import PtrPolicy
from kdns.kube.reason import Reason
from kdns.proto.name import from_text
from kdns.proto.reverse import pack
from kdns.proto.types import RCode
from tests.kube.known import REVERSE, REVERSE6, SHOP, answer, endpoint, records, service, slice_of

IP = Touched.address(pack("10.0.0.1"))
IN_SHOP, IN_VAULT = Touched.namespace("shop"), Touched.namespace("vault")
NAME = "1.0.0.10.in-addr.arpa"
VAULT = Namespace("vault", exposed=False)
WEB = service("web", "10.0.0.1")
API = service("api", "10.0.0.1")
DB = (service("db"), slice_of(endpoint("10.0.0.1", hostname="b"), endpoint("10.0.0.1", hostname="a"), service="db"))
CACHE = (service("cache"), slice_of(endpoint("10.0.0.1"), service="cache"))
SECRET = service("secret", "10.0.0.1", namespace="vault")


def targets(name: str, *objects: Object, **options: object) -> list[str]:
    return [
        line.split()[-1].split(".svc.")[0] for line in records(answer(name, "PTR", *objects, zone=REVERSE, **options))
    ]


@pytest.mark.parametrize(
    ("objects", "policy", "names"),
    [
        pytest.param([WEB], PtrPolicy.ALL, ["web.shop"], id="a cluster IP"),
        pytest.param([WEB, API], PtrPolicy.ALL, ["api.shop"], id="two Services say they have it: the first"),
        pytest.param([WEB, *DB], PtrPolicy.ALL, ["web.shop"], id="a cluster IP goes before an endpoint"),
        pytest.param([*DB], PtrPolicy.ALL, ["b.db.shop", "a.db.shop"], id="endpoints in the order of their slice"),
        pytest.param(
            [*DB, *CACHE],
            PtrPolicy.ALL,
            ["10-0-0-1.cache.shop", "b.db.shop", "a.db.shop"],
            id="Services by name",
        ),
        pytest.param([*DB, *CACHE], PtrPolicy.FIRST, ["10-0-0-1.cache.shop"], id="the first"),
        pytest.param([*DB, *CACHE], PtrPolicy.HOSTNAME, ["b.db.shop", "a.db.shop"], id="hostnames only"),
        pytest.param([*CACHE], PtrPolicy.HOSTNAME, [], id="no hostname"),
        pytest.param([WEB], PtrPolicy.HOSTNAME, ["web.shop"], id="a cluster IP has its Service's name"),
        pytest.param([VAULT, SECRET, WEB], PtrPolicy.ALL, ["web.shop"], id="the next one that is exposed"),
        pytest.param([VAULT, SECRET, *DB], PtrPolicy.FIRST, ["b.db.shop"], id="else an endpoint"),
    ],
)
def test_an_address_has_names(objects: list[Object], policy: PtrPolicy, names: list[str]) -> None:
    assert targets(NAME, SHOP, *objects, ptr=policy) == names


@pytest.mark.parametrize(
    ("objects", "type", "keys", "looked_at"),
    [
        pytest.param([WEB], "PTR", {IP, IN_SHOP}, ["web"], id="answered"),
        pytest.param([WEB], "A", {IP, IN_SHOP}, ["web"], id="NODATA"),
        pytest.param([], "PTR", {IP}, [], id="nobody"),
        pytest.param([SECRET, VAULT], "PTR", {IP, IN_VAULT}, [], id="hidden"),
        pytest.param([SECRET], "PTR", {IP, IN_VAULT}, [], id="in a namespace that is not there"),
        pytest.param([VAULT, SECRET, *DB], "PTR", {IP, IN_VAULT, IN_SHOP}, ["db"], id="hidden, and an endpoint"),
    ],
)
def test_it_depends_on_the_address_and_on_every_namespace_that_was_asked(
    objects: list[Object], type: str, keys: set[object], looked_at: list[str]
) -> None:
    found = answer(NAME, type, SHOP, *objects, zone=REVERSE)
    assert found.depends_on == keys
    assert [seen.ref for seen in found.looked_at] == [Ref(Kind.SERVICE, "shop", name) for name in looked_at]


def test_without_endpoints_only_cluster_ips_have_names() -> None:
    assert targets(NAME, SHOP, *DB, noendpoints=True) == []
    assert targets(NAME, SHOP, WEB, noendpoints=True) == ["web.shop"]


def test_the_first_zone_that_is_no_reverse_zone_is_pointed_into() -> None:
    east = from_text("east.local")
    found = answer(NAME, "PTR", SHOP, WEB, zone=REVERSE, zones=(REVERSE, east), primary=east)
    assert records(found) == [f"{NAME}. 5 IN PTR web.shop.svc.east.local."]


@pytest.mark.parametrize(
    ("name", "zone", "reason", "key"),
    [
        ("0.0.10.in-addr.arpa", REVERSE, Reason.ONLY_PARENT, Touched.prefix(bytes([10, 0, 0]))),
        ("10.in-addr.arpa", REVERSE, Reason.ONLY_PARENT, Touched.prefix(bytes([10]))),
        ("11.in-addr.arpa", REVERSE, Reason.NO_SUCH_ADDRESS, Touched.prefix(bytes([11]))),
        ("d.f.ip6.arpa", REVERSE6, Reason.ONLY_PARENT, Touched.prefix(Prefixes.key(6, b"\x0f\x0d"))),
        ("a.ip6.arpa", REVERSE6, Reason.NO_SUCH_ADDRESS, Touched.prefix(Prefixes.key(6, b"\x0a"))),
    ],
)
def test_parents_depend_on_whether_an_address_lies_below(name: str, zone: bytes, reason: Reason, key: object) -> None:
    found = answer(name, "PTR", SHOP, service("web", "10.0.0.1", "fd00::1"), zone=zone)
    assert (found.because.reason, set(found.depends_on)) == (reason, {key})
    assert found.rcode == (RCode.NOERROR if reason is Reason.ONLY_PARENT else RCode.NXDOMAIN)


def test_a_zone_of_one_address_has_its_soa_its_ns_and_the_pointer_at_its_apex() -> None:
    alone = from_text(NAME)
    found = {type: answer(NAME, type, SHOP, WEB, zone=alone) for type in ("SOA", "NS", "PTR", "TXT")}
    assert [each.because.reason for each in found.values()] == [
        Reason.APEX,
        Reason.APEX,
        Reason.ADDRESS,
        Reason.NO_SUCH_TYPE,
    ]
    nobody = answer(NAME, "PTR", SHOP, zone=alone)
    assert (nobody.rcode, set(nobody.depends_on)) == (RCode.NOERROR, {IP})
