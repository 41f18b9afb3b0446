from __future__ import annotations

import re
from ipaddress import ip_network

import pytest

from kdns.kube import schema
from kdns.kube.controllers import Settings, names
from kdns.kube.slim import endpoint_slice
from tests.kube.controllers.folder import World, controlled

ONE_FAMILY = Settings(service_cidrs=(ip_network("10.96.0.0/16"),))
V6_FIRST = Settings(service_cidrs=(ip_network("fd00::/112"), ip_network("10.96.0.0/16")))
HTTP = "ports: [{name: http, port: 80, targetPort: 8080}]"


def service(spec: str = HTTP, *, metadata: str = "namespace: shop", selector: str = "{app: web}") -> str:
    return f"{{kind: Service, metadata: {{name: web, {metadata}}}, spec: {{selector: {selector}, {spec}}}}}"


def pod(
    name: str = "p",
    ip: str = "10.0.0.1",
    *,
    spec: str = "",
    status: str = "",
    metadata: str = "",
    where: str = "shop",
) -> str:
    return (
        f"{{kind: Pod, metadata: {{name: {name}, namespace: {where}, labels: {{app: web}}, {metadata}}}, "
        f"spec: {{{spec}}}, status: {{podIP: '{ip}', {status}}}}}"
    )


LIES = "kubernetes.io/service-name: liar, service.kubernetes.io/headless: ''"


def folder(*texts: str) -> str:
    return "\n---\n".join(texts)


def families(world: World) -> str:
    return "".join((each.address_type or "")[-1] for each in world.slices("shop/web"))


def test_a_service_with_a_selector_gets_a_slice_of_its_pods() -> None:
    world = controlled(
        folder(
            service(metadata="namespace: shop, labels: {team: a, " + LIES + "}"),
            pod("one", "10.0.0.1"),
            pod("two", "10.0.0.2"),
            pod("elsewhere", "10.0.0.3", where="other"),
            "{kind: Pod, metadata: {name: api, namespace: shop, labels: {app: api}}}",
        )
    )
    (found,) = world.slices("shop/web")
    name = found.metadata.name
    assert re.fullmatch(r"web-[bcdfghjklmnpqrstvwxz2456789]{5}", name)
    assert found == schema.EndpointSlice(
        metadata=schema.Metadata(
            name=name,
            namespace="shop",
            labels={
                "team": "a",
                "kubernetes.io/service-name": "web",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
            owner_references=[schema.OwnerReference(kind="Service", name="web", controller=True)],
        ),
        address_type="IPv4",
        endpoints=[
            schema.SliceEndpoint(
                addresses=[ip],
                conditions=schema.Conditions(ready=True, serving=True, terminating=False),
                target_ref=schema.TargetRef(kind="Pod", name=pod_name, namespace="shop"),
            )
            for pod_name, ip in (("one", "10.0.0.1"), ("two", "10.0.0.2"))
        ],
        ports=[schema.EndpointPort(port=8080, name="http", protocol="TCP")],
    )
    origin = world.document("EndpointSlice", f"shop/{name}").origin
    assert str(origin) == "made from Service shop/web, shop.yaml, document 1 (line 1)"


def test_a_made_slice_is_one_that_dns_can_show() -> None:
    world = controlled(folder(service(), pod()))
    shown = endpoint_slice(world.slices("shop/web")[0])
    assert shown.service == "web"
    assert [each.target for each in shown.endpoints] == ["p"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            "{kind: EndpointSlice, metadata: {name: x, namespace: shop, "
            "labels: {kubernetes.io/service-name: web}}, addressType: IPv6}",
            id="a slice, of whatever family",
        ),
        pytest.param("{kind: Endpoints, metadata: {name: web, namespace: shop}}", id="an Endpoints object"),
    ],
)
def test_a_service_whose_endpoints_are_given_gets_none(other: str) -> None:
    world = controlled(folder(service(), pod(), other))
    assert all(not each.origin.made_from for each in world.documents if each.kind == "EndpointSlice")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("{kind: EndpointSlice, metadata: {name: web-1, namespace: shop}}", id="a slice without the label"),
        pytest.param(
            "{kind: EndpointSlice, metadata: {name: x, labels: {kubernetes.io/service-name: web}}}",
            id="a slice in another namespace",
        ),
        pytest.param("{kind: Endpoints, metadata: {name: web}}", id="an Endpoints object in another"),
    ],
)
def test_other_services_endpoints_do_not_count(other: str) -> None:
    assert len(controlled(folder(service(), pod(), other)).slices("shop/web")) == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(service(selector="{}"), id="an empty selector"),
        pytest.param(service(selector="null"), id="no selector"),
        pytest.param(service("type: ExternalName, externalName: example.org"), id="ExternalName"),
        pytest.param("{kind: Service, metadata: {name: web, namespace: shop}}", id="no spec"),
    ],
)
def test_a_service_that_finds_no_pods_itself_gets_no_slices(text: str) -> None:
    assert controlled(folder(text, pod())).slices("shop/web") == []


@pytest.mark.parametrize(
    ("spec", "settings", "expected"),
    [
        pytest.param("", Settings(), "4", id="of the address that it got"),
        pytest.param("clusterIP: 'fd00:10:96::7'", Settings(), "6", id="of its own address"),
        pytest.param("clusterIPs: [10.96.7.7, 'fd00:10:96::7']", Settings(), "46", id="of both"),
        pytest.param("ipFamilyPolicy: PreferDualStack", Settings(), "46", id="of both that it got"),
        pytest.param("clusterIP: None", Settings(), "4", id="headless: the first range's"),
        pytest.param("clusterIP: None", V6_FIRST, "6", id="headless: the first range's, IPv6"),
        pytest.param("clusterIP: None, ipFamilies: [IPv6]", Settings(), "6", id="headless: named"),
        pytest.param("clusterIP: None, ipFamilies: [IPv6]", ONE_FAMILY, "6", id="headless: named, no range"),
        pytest.param("clusterIP: None, ipFamilyPolicy: PreferDualStack", Settings(), "46", id="headless: both"),
        pytest.param("clusterIP: None, ipFamilyPolicy: PreferDualStack", ONE_FAMILY, "4", id="headless: preferred"),
        pytest.param("clusterIP: None, ipFamilyPolicy: RequireDualStack", ONE_FAMILY, "46", id="headless: required"),
        pytest.param("clusterIP: None", Settings(service_cidrs=()), "4", id="headless: no ranges at all"),
    ],
)
def test_a_service_has_a_slice_of_each_of_its_families(spec: str, settings: Settings, expected: str) -> None:
    world = controlled(folder(service(spec), pod(status="podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]")), settings)
    assert sorted(families(world)) == sorted(expected)
    assert len(world.endpoints("shop/web")) == len(expected)
    for each in world.slices("shop/web"):
        for endpoint in each.endpoints or []:
            assert endpoint.addresses == [{"IPv4": "10.0.0.1", "IPv6": "fd00::1"}[each.address_type or ""]]


def test_a_service_without_pods_has_an_empty_slice() -> None:
    (found,) = controlled(service()).slices("shop/web")
    assert found.endpoints == []
    assert found.ports == []


def test_a_pod_without_an_address_of_the_family_is_not_in_its_slice() -> None:
    world = controlled(folder(service("ipFamilyPolicy: RequireDualStack"), pod()))
    counts = {each.address_type: len(each.endpoints or []) for each in world.slices("shop/web")}
    assert counts == {"IPv4": 1, "IPv6": 0}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(pod(status="phase: Succeeded"), id="it has ended"),
        pytest.param(pod(status="phase: Failed"), id="it has failed"),
        pytest.param(pod(ip="nonsense"), id="its address is none"),
    ],
)
def test_a_pod_that_nobody_can_reach_is_no_endpoint(text: str) -> None:
    assert controlled(folder(service(), text)).endpoints("shop/web") == {}


def test_a_pod_without_an_address_gets_one_and_is_an_endpoint() -> None:
    (address,) = controlled(folder(service(), pod(ip=""))).endpoints("shop/web")
    assert address.startswith("10.244.")


def test_a_pod_of_the_hosts_network_with_an_address_is_an_endpoint() -> None:
    world = controlled(folder(service(), pod(ip="192.0.2.1", spec="hostNetwork: true")))
    assert list(world.endpoints("shop/web")) == ["192.0.2.1"]


GOING = "deletionTimestamp: '2026-01-01T00:00:00Z'"
UNREADY = "conditions: [{type: Ready, status: 'False'}]"


@pytest.mark.parametrize(
    ("spec", "text", "conditions"),
    [
        pytest.param(HTTP, pod(), (True, True, False), id="ready"),
        pytest.param(HTTP, pod(status=UNREADY), (False, False, False), id="not ready"),
        pytest.param(HTTP, pod(metadata=GOING), (False, True, True), id="terminating"),
        pytest.param(HTTP, pod(metadata=GOING, status=UNREADY), (False, False, True), id="terminating, unready"),
        pytest.param(
            "publishNotReadyAddresses: true",
            pod(status=UNREADY),
            (True, False, False),
            id="published, unready",
        ),
        pytest.param(
            "publishNotReadyAddresses: true",
            pod(metadata=GOING),
            (True, True, True),
            id="published, terminating",
        ),
    ],
)
def test_conditions_are_those_of_the_slice_controller(
    spec: str, text: str, conditions: tuple[bool, bool, bool]
) -> None:
    found = controlled(folder(service(spec), text)).endpoints("shop/web")["10.0.0.1"].conditions
    assert found is not None
    assert (found.ready, found.serving, found.terminating) == conditions


@pytest.mark.parametrize(
    ("spec", "hostname"),
    [
        pytest.param("hostname: h, subdomain: web", "h", id="both"),
        pytest.param("hostname: h", None, id="no subdomain"),
        pytest.param("hostname: h, subdomain: other", None, id="another Service's"),
        pytest.param("subdomain: web", None, id="no hostname"),
        pytest.param("hostname: '', subdomain: web", None, id="an empty hostname"),
    ],
)
def test_a_hostname_is_set_where_the_subdomain_is_the_service(spec: str, hostname: str | None) -> None:
    assert controlled(folder(service(), pod(spec=spec))).endpoints("shop/web")["10.0.0.1"].hostname == hostname


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        pytest.param("nodeName: one", ("one", "z1"), id="a node with a zone"),
        pytest.param("nodeName: two", ("two", None), id="a node without"),
        pytest.param("nodeName: three", ("three", None), id="a node that is not among the documents"),
        pytest.param("", (None, None), id="no node"),
    ],
)
def test_an_endpoint_tells_its_node_and_zone(spec: str, place: tuple[str | None, str | None]) -> None:
    nodes = [
        "{kind: Node, metadata: {name: one, labels: {topology.kubernetes.io/zone: z1}}}",
        "{kind: Node, metadata: {name: two}}",
    ]
    found = controlled(folder(service(), pod(spec=spec), *nodes)).endpoints("shop/web")["10.0.0.1"]
    assert (found.node_name, found.zone) == place


HTTP_81 = "containers: [{ports: [{name: http, containerPort: 81}]}]"


def test_pods_with_other_ports_are_in_another_slice() -> None:
    ports = "ports: [{name: http, port: 80, targetPort: http}, {name: dns, port: 53, protocol: UDP}]"
    texts = [
        pod("one", "10.0.0.1", spec=HTTP_81),
        pod("two", "10.0.0.2", spec=HTTP_81.replace("81", "82")),
        pod("three", "10.0.0.3", spec=HTTP_81),
        pod("four", "10.0.0.4"),
    ]
    found = {
        tuple(address for endpoint in each.endpoints or [] for address in endpoint.addresses or []): [
            (port.name, port.port, port.protocol) for port in each.ports or []
        ]
        for each in controlled(folder(service(ports), *texts)).slices("shop/web")
    }
    assert found == {
        ("10.0.0.1", "10.0.0.3"): [("http", 81, "TCP"), ("dns", 53, "UDP")],
        ("10.0.0.2",): [("http", 82, "TCP"), ("dns", 53, "UDP")],
        ("10.0.0.4",): [("dns", 53, "UDP")],
    }


def test_a_headless_service_without_ports_has_endpoints_without_ports() -> None:
    (found,) = controlled(folder(service("clusterIP: None"), pod())).slices("shop/web")
    assert found.ports == []
    assert len(found.endpoints or []) == 1
    assert (found.metadata.labels or {})["service.kubernetes.io/headless"] == ""


def test_the_pods_of_a_stateful_set_have_names_below_its_service() -> None:
    text = (
        "{kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 2, serviceName: web, "
        "selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}}"
    )
    world = controlled(folder(service("clusterIP: None"), text))
    assert [each.hostname for each in world.endpoints("shop/web").values()] == ["db-0", "db-1"]


def test_a_service_can_select_one_pod_of_a_stateful_set() -> None:
    text = (
        "{kind: StatefulSet, metadata: {name: db, namespace: shop}, spec: {replicas: 2, serviceName: x, "
        "selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}}}}"
    )
    world = controlled(folder(service(selector="{statefulset.kubernetes.io/pod-name: db-1}"), text))
    (found,) = world.endpoints("shop/web").values()
    assert found.target_ref is not None
    assert found.target_ref.name == "db-1"


def test_more_than_a_hundred_endpoints_are_one_slice() -> None:
    texts = [pod(f"p{number}", f"10.0.1.{number}") for number in range(150)]
    (found,) = controlled(folder(service(), *texts)).slices("shop/web")
    assert len(found.endpoints or []) == 150


def test_slices_whose_names_would_be_equal_have_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "code", lambda length, *parts: str(parts[-1]) * length)
    found = controlled(service("ipFamilyPolicy: RequireDualStack")).slices("shop/web")
    assert [each.metadata.name for each in found] == ["web-00000", "web-11111"]


def test_a_slices_name_is_not_one_that_the_documents_use() -> None:
    (first,) = controlled(service()).slices("shop/web")
    used = f"{{kind: EndpointSlice, metadata: {{name: {first.metadata.name}, namespace: shop}}}}"
    (second,) = controlled(folder(service(), used)).slices("shop/web")
    assert second.metadata.name != first.metadata.name
    assert len(second.metadata.name) == len(first.metadata.name)
