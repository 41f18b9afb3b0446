"""Services: what answers depend on and what was looked at, weights, and objects that no API server gives out."""

from __future__ import annotations

from typing import Any

import pytest

from kdns.kube.index import Touched
from kdns.kube.objects import Endpoints, Kind, Namespace, Object, Port, Ref, Service, ServiceImport
from kdns.kube.reason import Reason
from kdns.kube.services import unready_count
from kdns.proto.name import from_text
from kdns.proto.reverse import pack
from kdns.proto.types import RCode
from tests.kube.known import HTTP, SHOP, ZONE, answer, endpoint, records, service, slice_of

WEB = Touched.service(("shop", "web"))
WEB_ITSELF = Touched.itself(("shop", "web"))
IN_SHOP = Touched.namespace("shop")
NAME = "web.shop.svc.cluster.local"
MANUAL = Endpoints("shop", "web", (endpoint("10.244.0.1"),))


@pytest.mark.parametrize(
    ("name", "objects", "reason"),
    [
        pytest.param(NAME, [SHOP, service("web", "10.96.0.1")], Reason.SERVICE, id="found"),
        pytest.param(NAME, [SHOP], Reason.NO_SUCH_SERVICE, id="missing"),
        pytest.param(NAME, [SHOP, MANUAL], Reason.SERVICE_MISSING, id="endpoints alone"),
        pytest.param(NAME, [], Reason.NO_SUCH_NAMESPACE, id="no namespace"),
        pytest.param(NAME, [Namespace("shop", exposed=False)], Reason.NOT_EXPOSED, id="not exposed"),
        pytest.param(NAME, [SHOP, service()], Reason.NO_ENDPOINTS, id="no endpoints"),
        pytest.param(f"x.{NAME}", [SHOP, service("web", "10.96.0.1")], Reason.NO_SUCH_ENDPOINT, id="no endpoint"),
        pytest.param(f"_x._tcp.{NAME}", [SHOP, service("web", "10.96.0.1")], Reason.NO_SUCH_PORT, id="no port"),
    ],
)
def test_an_answer_depends_on_its_service_and_namespace(name: str, objects: list[Object], reason: Reason) -> None:
    found = answer(name.upper(), "A", *objects)
    assert found.because.reason == reason
    alone = reason in {Reason.SERVICE, Reason.NO_SUCH_PORT}
    assert found.depends_on == {WEB_ITSELF if alone else WEB, IN_SHOP}


@pytest.mark.parametrize(
    ("asked", "objects", "options", "alone"),
    [
        pytest.param(f"{NAME} A", [service("web", "10.96.0.1")], {}, True, id="cluster IP"),
        pytest.param(f"{NAME} SRV", [service("web", "10.96.0.1")], {}, True, id="SRV of a cluster IP"),
        pytest.param(f"_http._tcp.{NAME} SRV", [service("web", "10.96.0.1")], {}, True, id="a port of it"),
        pytest.param(f"x.{NAME} A", [service("web", "10.96.0.1"), MANUAL], {}, False, id="an endpoint of it"),
        pytest.param(f"{NAME} A", [service(), MANUAL], {}, False, id="headless"),
        pytest.param(f"_http._tcp.{NAME} SRV", [service(), MANUAL], {}, False, id="a port of a headless one"),
        pytest.param(
            f"{NAME} A", [service("web", "10.96.0.1")], {"ignore_empty": True}, False, id="ignored while it is empty"
        ),
    ],
)
def test_only_what_shows_endpoints_ends_with_them(
    asked: str,
    objects: list[Object],
    options: dict[str, Any],
    alone: bool,
) -> None:
    name, type = asked.split()
    found = answer(name, type, SHOP, *objects, **options)
    assert found.depends_on == {WEB_ITSELF if alone else WEB, IN_SHOP}


def test_an_answer_about_an_import_depends_on_that() -> None:
    imported = ServiceImport("shop", "web", (pack("10.98.0.1"),), HTTP)
    found = answer(NAME, "A", SHOP, imported, multicluster=frozenset({ZONE}))
    assert records(found) == [f"{NAME}. 5 IN A 10.98.0.1"]
    assert found.depends_on == {Touched.imported(("shop", "web")), IN_SHOP}
    assert [each.ref for each in found.looked_at] == [Ref(Kind.IMPORT, "shop", "web")]


def test_a_service_is_shown_with_its_endpoints_and_their_source() -> None:
    waiting = endpoint("10.244.0.2", ready=False)
    found = answer(NAME, "A", SHOP, service(), slice_of(endpoint("10.244.0.1"), waiting))
    (seen,) = found.looked_at
    assert (seen.found, seen.endpoints) == (True, (endpoint("10.244.0.1"), waiting))
    assert seen.sources == (Ref(Kind.SLICE, "shop", "web-1"),)


@pytest.mark.parametrize(
    ("endpoints", "text"),
    [
        ([endpoint("10.0.0.1")], ""),
        ([endpoint("10.0.0.1", ready=False)], "1 not ready"),
        ([endpoint("10.0.0.1", ready=False, terminating=True)], "1 terminating"),
        (
            [endpoint("10.0.0.1", ready=False, terminating=leaving) for leaving in (True, False, False)],
            "2 not ready, 1 terminating",
        ),
        # Ready although it is terminating (publishNotReadyAddresses).
        ([endpoint("10.0.0.1", terminating=True), endpoint("10.0.0.2", ready=False)], "1 not ready"),
    ],
)
def test_the_unready_are_counted(endpoints: list[object], text: str) -> None:
    assert unready_count(endpoints) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "weight"), [(1, 100), (2, 50), (3, 33), (7, 14), (99, 1), (100, 1), (101, 1), (250, 1)]
)
def test_weights_are_shares_of_a_hundred_and_never_nothing(count: int, weight: int) -> None:
    many = [endpoint(f"10.244.{place // 250}.{place % 250 + 1}") for place in range(count)]
    found = answer(NAME, "SRV", SHOP, service(), slice_of(*many))
    assert {line.split()[5] for line in records(found)} == {str(weight)}
    assert len(records(found)) == count


def test_rows_without_a_port_count_for_the_weight_and_give_no_record() -> None:
    slices = slice_of(endpoint("10.244.0.1"), endpoint("10.244.0.2", ports=()))
    found = answer(NAME, "SRV", SHOP, service(), slices)
    assert records(found) == [f"{NAME}. 5 IN SRV 0 50 80 10-244-0-1.{NAME}."]


def test_an_endpoint_of_several_addresses_has_them_all_under_its_hostname() -> None:
    objects = (SHOP, service(), slice_of(endpoint("10.244.0.1", "10.244.0.2", hostname="a")))
    assert records(answer(f"a.{NAME}", "A", *objects)) == [
        f"a.{NAME}. 5 IN A 10.244.0.1",
        f"a.{NAME}. 5 IN A 10.244.0.2",
    ]
    assert records(answer(NAME, "SRV", *objects)) == [f"{NAME}. 5 IN SRV 0 50 80 a.{NAME}."]


def test_without_hostname_each_of_its_addresses_is_a_name() -> None:
    objects = (SHOP, service(), slice_of(endpoint("10.244.0.1", "10.244.0.2")))
    assert records(answer(f"10-244-0-2.{NAME}", "A", *objects)) == [f"10-244-0-2.{NAME}. 5 IN A 10.244.0.2"]


def test_one_port_of_one_target_in_two_slices_is_one_record() -> None:
    one = slice_of(endpoint("10.244.0.1", hostname="a"))
    other = one._replace(name="web-2", endpoints=(endpoint("fd00::1", hostname="a"),))
    found = answer(NAME, "SRV", SHOP, service(), one, other)
    assert records(found) == [f"{NAME}. 5 IN SRV 0 50 80 a.{NAME}."]
    assert [len(rrset.rdatas) for rrset in found.additional] == [1, 1]


def test_the_same_number_over_two_protocols_is_one_record() -> None:
    ports = (Port("dns", 53, "UDP"), Port("dns-tcp", 53))
    found = answer(NAME, "SRV", SHOP, service("web", "10.96.0.1", ports=ports))
    assert records(found) == [f"{NAME}. 5 IN SRV 0 50 53 {NAME}."]


def test_a_service_that_was_headless_and_has_a_cluster_ip_again_is_answered_by_that() -> None:
    found = answer(NAME, "A", SHOP, service("web", "10.96.0.1"), slice_of(endpoint("10.244.0.1")))
    assert records(found) == [f"{NAME}. 5 IN A 10.96.0.1"]


@pytest.mark.parametrize(
    ("label", "reason"),
    [("_tcp", Reason.ONLY_PARENT), ("_udp", Reason.NO_SUCH_ENDPOINT), ("_", Reason.ONLY_PARENT)],
)
def test_a_protocol_is_a_parent_where_a_port_of_it_is_declared(label: str, reason: Reason) -> None:
    found = answer(f"{label}.{NAME}", "A", SHOP, service("web", "10.96.0.1"))
    assert found.because.reason == reason


def test_a_hostname_that_is_a_protocols_name_is_an_endpoint_first() -> None:
    found = answer(f"tcp.{NAME}", "A", SHOP, service(), slice_of(endpoint("10.244.0.1", hostname="tcp")))
    assert found.because.reason == Reason.ENDPOINT


def test_an_alias_has_no_names_below_it() -> None:
    alias = Service("shop", "web", ports=HTTP, external_name="example.com")
    found = answer(f"_http._tcp.{NAME}", "SRV", SHOP, alias)
    assert (found.rcode, found.because.reason) == (RCode.NXDOMAIN, Reason.NO_SUCH_NAME)


def test_owners_are_in_the_letters_of_the_question_and_targets_in_those_of_the_object() -> None:
    found = answer("_HTTP._tcp.WEB.shop.svc.cluster.local", "SRV", SHOP, service("web", "10.96.0.1"))
    (rrset,) = found.answer
    assert rrset.owner == from_text("_HTTP._tcp.WEB.shop.svc.cluster.local")
    assert rrset.rdatas[0].endswith(from_text(NAME))
