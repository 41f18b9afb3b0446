"""From the API's shapes to what DNS shows."""

from __future__ import annotations

from typing import Any

import pytest

from kdns.kube.objects import (
    Endpoint,
    Endpoints,
    Namespace,
    Object,
    Pod,
    Port,
    Service,
    ServiceImport,
    Slice,
)
from kdns.kube.schema import SHAPES, ShapeError, shaped
from kdns.kube.slim import labels_of, slim
from kdns.proto.reverse import pack

HTTP = {"name": "http", "port": 80}
PORTS = (Port("http", 80),)


def made(
    kind: str, *, name: str = "web", labels: dict[str, str] | None = None, meta: Any = None, **body: Any
) -> Object | None:
    """What is shown of an object in namespace shop."""
    metadata = {"name": name, "namespace": "shop", "labels": labels, **(meta or {})}
    return slim(shaped({"metadata": metadata, **body}, SHAPES[kind][1]))


def addresses(*ips: str) -> tuple[bytes, ...]:
    return tuple(map(pack, ips))


SERVICES = [
    ("no spec", None, Service("shop", "web")),
    ("no cluster IP", {"ports": [HTTP]}, Service("shop", "web", (), PORTS)),
    ("an empty cluster IP", {"clusterIP": "", "clusterIPs": [""]}, Service("shop", "web")),
    ("clusterIP", {"clusterIP": "10.0.0.1"}, Service("shop", "web", addresses("10.0.0.1"))),
    (
        "clusterIPs before clusterIP",
        {"clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.1", "fd00::1"]},
        Service("shop", "web", addresses("10.0.0.1", "fd00::1")),
    ),
    (
        "null lists",
        {"clusterIP": "10.0.0.1", "clusterIPs": None, "ports": None},
        Service("shop", "web", addresses("10.0.0.1")),
    ),
    ("clusterIP None", {"clusterIP": "None"}, Service("shop", "web", headless=True)),
    ("clusterIPs None", {"clusterIPs": ["None"]}, Service("shop", "web", headless=True)),
    (
        "ports",
        {"ports": [HTTP, {"port": 53, "protocol": "udp"}, {"name": None, "port": 1, "protocol": None}]},
        Service("shop", "web", (), (*PORTS, Port("", 53, "UDP"), Port("", 1))),
    ),
    (
        "ExternalName",
        {"type": "ExternalName", "externalName": "example.com", "clusterIP": "10.0.0.1", "ports": [HTTP]},
        Service("shop", "web", (), PORTS, external_name="example.com"),
    ),
    (
        "externalName of another type",
        {"type": "ClusterIP", "externalName": "example.com", "clusterIP": "10.0.0.1"},
        Service("shop", "web", addresses("10.0.0.1")),
    ),
    (
        "externalIPs",
        {"clusterIP": "10.0.0.1", "externalIPs": ["192.0.2.1"]},
        Service("shop", "web", addresses("10.0.0.1"), external_addresses=addresses("192.0.2.1")),
    ),
]


@pytest.mark.parametrize(("spec", "service"), [pytest.param(*row[1:], id=row[0]) for row in SERVICES])
def test_a_service_has_cluster_ips_or_is_headless_or_an_alias(spec: Any, service: Service) -> None:
    assert made("Service", spec=spec) == service


def test_a_load_balancer_s_hostname_counts_where_it_has_no_address() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9", "hostname": "a.example"}, {"hostname": ""}, {}]}}
    found = made("Service", spec={"clusterIP": "10.0.0.1", "externalIPs": ["192.0.2.1"]}, status=status)
    assert isinstance(found, Service)
    assert (found.external_addresses, found.external_hostnames) == (addresses("192.0.2.1", "192.0.2.9"), ())


@pytest.mark.parametrize("spec", [{"clusterIP": "None"}, {"type": "ExternalName", "externalName": "example.com"}])
def test_any_service_may_be_reached_from_outside(spec: Any) -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"hostname": "lb.example"}]}}
    found = made("Service", spec=spec, status=status)
    assert isinstance(found, Service)
    assert (found.external_addresses, found.external_hostnames) == (addresses("192.0.2.9"), ("lb.example",))


def test_a_load_balancers_addresses_are_external() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"hostname": "lb.example"}]}}
    found = made("Service", spec={"clusterIP": "10.0.0.1"}, status=status)
    assert isinstance(found, Service)
    assert found.external_addresses == addresses("192.0.2.9")
    assert found.external_hostnames == ("lb.example",)
    assert made("Service", status={"loadBalancer": None}) == Service("shop", "web")


OWN = {"kubernetes.io/service-name": "web"}
FAR = {
    "multicluster.kubernetes.io/service-name": "web",
    "multicluster.kubernetes.io/source-cluster": "east",
    "kubernetes.io/service-name": "derived-web",
}


def slice_made(
    *endpoints: Any, labels: dict[str, str] | None = None, type: str = "IPv4", ports: Any = (HTTP,)
) -> Slice:
    found = made(
        "EndpointSlice",
        name="web-1",
        labels=OWN if labels is None else labels,
        addressType=type,
        endpoints=list(endpoints),
        ports=ports and list(ports),
    )
    assert isinstance(found, Slice)
    return found


def at(**fields: Any) -> Any:
    return {"addresses": ["10.0.0.1"], **fields}


@pytest.mark.parametrize(
    ("raw", "endpoint"),
    [
        (at(), {}),
        (at(conditions=None), {}),
        (at(conditions={}), {}),
        (at(conditions={"ready": None}), {}),
        (at(conditions={"ready": True}), {}),
        (at(conditions={"ready": False}), {"ready": False}),
        (at(conditions={"ready": False, "serving": True, "terminating": True}), {"ready": False, "terminating": True}),
        (at(conditions={"ready": True, "terminating": True}), {"terminating": True}),
        (at(hostname="a", zone="eu-1", nodeName="n"), {"hostname": "a", "zone": "eu-1", "node": "n"}),
        (at(hostname=None, zone=None, nodeName=None), {}),
        (at(targetRef={"kind": "Pod", "name": "p"}), {"target": "p"}),
        (at(targetRef={"name": "p"}), {"target": "p"}),
        (at(targetRef={"kind": "Node", "name": "n"}), {}),
        (at(targetRef={"kind": "Pod"}), {}),
    ],
)
def test_an_endpoint_is_ready_unless_it_says_no(raw: Any, endpoint: dict[str, Any]) -> None:
    assert slice_made(raw).endpoints == (Endpoint(addresses("10.0.0.1"), PORTS, **endpoint),)


def test_a_slice_is_of_the_service_that_its_label_names() -> None:
    assert (slice_made().service, slice_made().of_import) == ("web", "")
    assert slice_made(labels={}).service == ""
    far = slice_made(at(), labels=FAR)
    assert (far.service, far.of_import, far.endpoints[0].cluster) == ("derived-web", "web", "east")
    both = slice_made(at(), labels={**FAR, **OWN})
    assert (both.service, both.of_import) == ("web", "web")


def test_what_has_no_address_is_no_endpoint() -> None:
    assert slice_made({"addresses": []}, {"addresses": None}, at()).endpoints == (
        Endpoint(addresses("10.0.0.1"), PORTS),
    )
    assert slice_made({"addresses": ["host.example"]}, type="FQDN").endpoints == ()
    assert made("EndpointSlice", name="web-1", labels=OWN, endpoints=None, ports=None) == Slice("shop", "web-1", "web")


def test_a_port_without_a_number_is_any_port_and_none_for_dns() -> None:
    (endpoint,) = slice_made(at(), ports=({"name": "any"}, HTTP)).endpoints
    assert endpoint.ports == PORTS


def test_every_subset_has_its_own_ports() -> None:
    subsets = [
        {"addresses": [{"ip": "10.0.0.1", "hostname": "a", "nodeName": "n"}], "ports": [HTTP]},
        {
            "addresses": [{"ip": "10.0.0.2", "targetRef": {"kind": "Pod", "name": "p"}}],
            "notReadyAddresses": [{"ip": "10.0.0.3"}],
            "ports": [{"port": 53, "protocol": "UDP"}],
        },
        {"addresses": None, "notReadyAddresses": None, "ports": None},
    ]
    dns = (Port("", 53, "UDP"),)
    assert made("Endpoints", subsets=subsets) == Endpoints(
        "shop",
        "web",
        (
            Endpoint(addresses("10.0.0.1"), PORTS, hostname="a", node="n"),
            Endpoint(addresses("10.0.0.2"), dns, target="p"),
            Endpoint(addresses("10.0.0.3"), dns, ready=False),
        ),
    )
    assert made("Endpoints", subsets=None) == Endpoints("shop", "web")


@pytest.mark.parametrize(("value", "skipped"), [("true", True), ("false", False), ("", False)])
def test_skip_mirror_takes_endpoints_out_of_use(value: str, skipped: bool) -> None:
    found = made("Endpoints", labels={"endpointslice.kubernetes.io/skip-mirror": value})
    assert found == Endpoints("shop", "web", (), skipped)


@pytest.mark.parametrize(
    ("status", "ips"),
    [
        ({"phase": "Running", "podIP": "10.0.0.1"}, ["10.0.0.1"]),
        ({"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, ["10.0.0.1", "fd00::1"]),
        ({"phase": "Pending"}, []),
        (None, []),
    ],
)
def test_a_pod_has_the_addresses_of_both_families(status: Any, ips: list[str]) -> None:
    assert made("Pod", status=status, labels={"b": "2", "a": "1"}) == Pod(
        "shop", "web", addresses(*ips), (("a", "1"), ("b", "2"))
    )


@pytest.mark.parametrize(
    ("spec", "shares"), [(None, False), ({"hostNetwork": False}, False), ({"hostNetwork": True}, True)]
)
def test_a_pod_of_the_host_network_has_its_node_s_addresses(spec: Any, shares: bool) -> None:
    found = made("Pod", spec=spec, status={"podIP": "10.0.0.1"})
    assert isinstance(found, Pod)
    assert found.shares_host is shares


@pytest.mark.parametrize(
    ("phase", "meta"),
    [("Succeeded", {}), ("Failed", {}), ("Unknown", {}), ("Running", {"deletionTimestamp": "2026-01-01T00:00:00Z"})],
)
def test_a_pod_that_is_over_is_not_shown(phase: str, meta: dict[str, str]) -> None:
    assert made("Pod", meta=meta, status={"phase": phase, "podIP": "10.0.0.1"}) is None


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        (
            {"type": "ClusterSetIP", "ips": ["10.0.0.1"], "ports": [HTTP]},
            ServiceImport("shop", "web", addresses("10.0.0.1"), PORTS),
        ),
        ({"type": "ClusterSetIP", "ips": None}, ServiceImport("shop", "web")),
        ({"type": "Headless", "ports": [HTTP]}, ServiceImport("shop", "web", (), PORTS, headless=True)),
        (None, ServiceImport("shop", "web")),
    ],
)
def test_an_import_is_headless_by_its_type(spec: Any, shown: ServiceImport) -> None:
    assert made("ServiceImport", spec=spec) == shown


def test_namespaces_are_exposed_until_somebody_says_no() -> None:
    assert made("Namespace", name="shop") == Namespace("shop")


@pytest.mark.parametrize("kind", ["Node", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"])
def test_the_rest_is_not_shown(kind: str) -> None:
    assert made(kind) is None


def test_what_has_no_namespace_is_in_default() -> None:
    assert made("Service", meta={"namespace": None}) == Service("default", "web")
    assert made("Service", meta={"namespace": ""}) == Service("default", "web")


def test_labels_are_at_hand() -> None:
    assert labels_of(shaped({"metadata": {"name": "a", "labels": {"x": "y"}}}, SHAPES["Service"][1])) == {"x": "y"}
    assert labels_of(shaped({"metadata": {"name": "a"}}, SHAPES["Service"][1])) == {}


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("Service", {"spec": {"clusterIP": "x"}}, "spec.clusterIP: 'x' is no IP address"),
        ("Service", {"spec": {"clusterIPs": ["10.0.0.1", "10.0.0"]}}, "spec.clusterIPs: '10.0.0' is no IP address"),
        ("Service", {"spec": {"externalIPs": ["10.0.0.1", "y"]}}, "spec.externalIPs[1]: 'y' is no IP address"),
        (
            "Service",
            {"status": {"loadBalancer": {"ingress": [{"ip": "z"}]}}},
            "status.loadBalancer.ingress[0].ip: 'z' is no IP address",
        ),
        (
            "Service",
            {"spec": {"type": "ExternalName"}},
            "spec.externalName: an ExternalName Service needs a name to be an alias of",
        ),
        (
            "EndpointSlice",
            {"endpoints": [at(), at(addresses=["10.0.0.1", "q"])]},
            "endpoints[1].addresses[1]: 'q' is no IP address",
        ),
        ("Endpoints", {"subsets": [{"addresses": [{"ip": "q"}]}]}, "subsets[0].addresses[0].ip: 'q' is no IP address"),
        (
            "Endpoints",
            {"subsets": [{"notReadyAddresses": [{"ip": "q"}]}]},
            "subsets[0].notReadyAddresses[0].ip: 'q' is no IP address",
        ),
        ("Pod", {"status": {"podIP": "q"}}, "status.podIP: 'q' is no IP address"),
        ("Pod", {"status": {"podIPs": [{"ip": "q"}]}}, "status.podIPs[0].ip: 'q' is no IP address"),
        ("ServiceImport", {"spec": {"ips": ["q"]}}, "spec.ips[0]: 'q' is no IP address"),
        (
            "Service",
            {"spec": {"ports": [HTTP, {"port": 65536}]}},
            "spec.ports[1].port: a port is at most 65535, not 65536",
        ),
        ("EndpointSlice", {"ports": [{"port": -1}]}, "ports[0].port: a port is at most 65535, not -1"),
        (
            "Endpoints",
            {"subsets": [{"ports": [{"port": 70000}]}]},
            "subsets[0].ports[0].port: a port is at most 65535, not 70000",
        ),
        (
            "ServiceImport",
            {"spec": {"ports": [{"port": 70000}]}},
            "spec.ports[0].port: a port is at most 65535, not 70000",
        ),
        ("Service", {"name": ""}, "metadata.name: an object needs a name"),
        ("Namespace", {"name": ""}, "metadata.name: an object needs a name"),
    ],
)
def test_what_cannot_be_served_is_an_error_with_its_path(kind: str, body: dict[str, Any], error: str) -> None:
    with pytest.raises(ShapeError) as raised:
        made(kind, **body)
    assert str(raised.value) == error
