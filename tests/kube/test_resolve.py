"""From a question to who answers it; what the answers are: tests/spec."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from kdns.kube.names import Form
from kdns.kube.objects import Service
from kdns.kube.reason import Reason
from kdns.kube.resolve import form_of, resolve
from kdns.proto.name import Name, from_text
from kdns.proto.types import RCode
from tests.kube.known import (
    OPTIONS,
    REVERSE,
    SHOP,
    ZONE,
    answer,
    endpoint,
    index_of,
    question,
    records,
    service,
    slice_of,
)

EAST = from_text("east.cluster.local")
OBJECTS = (SHOP, service("web", "10.96.0.10"), service("db"), slice_of(endpoint("10.244.0.1"), service="db"))


@pytest.mark.parametrize(
    ("name", "zone", "form"),
    [
        ("cluster.local", ZONE, Form.APEX),
        ("svc.cluster.local", ZONE, Form.PARENT),
        ("web.shop.svc.cluster.local", ZONE, Form.SERVICE),
        ("foo.cluster.local", ZONE, Form.NONE),
        ("in-addr.arpa", REVERSE, Form.APEX),
        ("svc.in-addr.arpa", REVERSE, Form.NONE),
        ("1.0.0.10.in-addr.arpa", REVERSE, Form.NONE),
        ("web.shop.svc", from_text("."), Form.SERVICE),
    ],
)
def test_a_name_has_a_form(name: str, zone: Name, form: Form) -> None:
    assert form_of(from_text(name), zone) is form


@pytest.mark.parametrize(
    ("name", "type", "zone", "reason"),
    [
        ("cluster.local", "SOA", ZONE, Reason.APEX),
        ("dns-version.cluster.local", "TXT", ZONE, Reason.VERSION),
        ("ns.dns.cluster.local", "A", ZONE, Reason.NAME_SERVER),
        ("dns.cluster.local", "A", ZONE, Reason.ONLY_PARENT),
        ("shop.svc.cluster.local", "A", ZONE, Reason.ONLY_PARENT),
        ("Web.Shop.svc.cluster.local", "A", ZONE, Reason.SERVICE),
        ("10-244-0-1.db.shop.svc.cluster.local", "A", ZONE, Reason.ENDPOINT),
        ("_http._tcp.web.shop.svc.cluster.local", "SRV", ZONE, Reason.SERVICE),
        ("a._zone.db.shop.svc.cluster.local", "A", ZONE, Reason.NO_SUCH_NAME),
        ("shop.pod.cluster.local", "A", ZONE, Reason.PODS_OFF),
        ("foo.cluster.local", "A", ZONE, Reason.NO_SUCH_NAME),
        ("1.0.244.10.in-addr.arpa", "PTR", REVERSE, Reason.ADDRESS),
        ("web.shop.svc.in-addr.arpa", "A", REVERSE, Reason.NO_SUCH_ADDRESS),
    ],
)
def test_a_form_has_an_answer(name: str, type: str, zone: Name, reason: Reason) -> None:
    assert answer(name, type, *OBJECTS, zone=zone).because.reason == reason


def test_nothing_is_changed_by_asking() -> None:
    index = index_of(*OBJECTS)
    before = copy.deepcopy(vars(index))
    for name in ("web.shop.svc.cluster.local", "gone.shop.svc.cluster.local", "x.y.svc.cluster.local"):
        first = resolve(question(name), ZONE, index, OPTIONS)
        assert resolve(question(name), ZONE, index, OPTIONS) == first
    after = vars(index)
    assert {key: after[key] for key in ("services", "imports", "namespaces", "serial")} == {
        key: before[key] for key in ("services", "imports", "namespaces", "serial")
    }


def alias(name: str, target: str) -> Service:
    return Service("shop", name, external_name=target)


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        pytest.param("web.shop.svc.cluster.local", True, id="in the zone"),
        pytest.param("WEB.shop.svc.CLUSTER.local.", True, id="in other letters"),
        pytest.param("web.shop.svc.east.cluster.local", True, id="in a zone below it"),
        pytest.param("10.0.96.10.in-addr.arpa", False, id="in a reverse zone"),
        pytest.param("web.shop.svc.cluster.local.example.com", False, id="elsewhere"),
        pytest.param("notcluster.local", False, id="in a zone that ends alike"),
    ],
)
def test_a_target_in_the_zones_is_followed(target: str, followed: bool) -> None:
    options = replace(OPTIONS, zones=(*OPTIONS.zones, EAST))
    index = index_of(*OBJECTS, alias("a", target))
    found = resolve(question("a.shop.svc.cluster.local"), ZONE, index, options)
    assert [line.split()[3] for line in records(found)] == (["CNAME", "A"] if followed else ["CNAME"])


def test_a_denial_behind_an_alias_is_that_of_the_zone_it_leads_to() -> None:
    options = replace(OPTIONS, zones=(*OPTIONS.zones, EAST))
    index = index_of(*OBJECTS, alias("a", "b.shop.svc.cluster.local"), alias("b", "gone.shop.svc.east.cluster.local"))
    found = resolve(question("a.shop.svc.cluster.local"), ZONE, index, options)
    assert (found.rcode, found.zone) == (RCode.NXDOMAIN, EAST)


@pytest.mark.parametrize(("names", "rcode"), [(2, RCode.NOERROR), (11, RCode.NOERROR), (12, RCode.SERVFAIL)])
def test_ten_aliases_are_followed_and_the_first_is_blamed(names: int, rcode: RCode) -> None:
    aliases = [alias(f"a-{place}", f"a-{place + 1}.shop.svc.cluster.local") for place in range(1, names)]
    found = answer("A-1.shop.svc.cluster.local", "A", SHOP, *aliases, service(f"a-{names}", "10.96.0.1"))
    assert found.rcode == rcode
    assert len(found.answer) == (names if rcode == RCode.NOERROR else 0)
    assert found.because.about[0] == (
        "a-1.shop.svc.cluster.local." if found.rcode else aliases[0].ref._replace(name=f"a-{names}")
    )
