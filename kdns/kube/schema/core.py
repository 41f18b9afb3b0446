"""core/v1: Services, Endpoints, Pods, Namespaces, Nodes."""

from __future__ import annotations

from kdns.kube.schema.meta import Metadata
from kdns.kube.schema.shape import Labels, Shape


class ServicePort(Shape):
    """`target_port` is a number, a container port's name, or absent (then it is `port`)."""

    port: int
    name: str | None = None
    protocol: str | None = None
    target_port: int | str | None = None


class ServiceSpec(Shape):
    """`cluster_ip` is an address, `None`, or empty."""

    type: str | None = None
    cluster_ip: str | None = None
    cluster_ips: list[str] | None = None
    external_name: str | None = None
    selector: Labels | None = None
    ports: list[ServicePort] | None = None
    publish_not_ready_addresses: bool | None = None
    ip_families: list[str] | None = None
    ip_family_policy: str | None = None
    external_ips: list[str] | None = None


class Ingress(Shape):
    """One address of a load balancer."""

    ip: str | None = None
    hostname: str | None = None


class LoadBalancer(Shape):
    """What a cloud gave a Service."""

    ingress: list[Ingress] | None = None


class ServiceStatus(Shape):
    """Of a Service."""

    load_balancer: LoadBalancer | None = None


class Service(Shape):
    """core/v1."""

    metadata: Metadata
    spec: ServiceSpec | None = None
    status: ServiceStatus | None = None


class TargetRef(Shape):
    """The object behind an endpoint."""

    kind: str | None = None
    name: str | None = None
    namespace: str | None = None


class EndpointPort(Shape):
    """Of a slice or a subset; without a number it stands for every port."""

    port: int | None = None
    name: str | None = None
    protocol: str | None = None


class EndpointAddress(Shape):
    """An address of an Endpoints subset."""

    ip: str
    hostname: str | None = None
    node_name: str | None = None
    target_ref: TargetRef | None = None


class Subset(Shape):
    """Addresses that share ports."""

    addresses: list[EndpointAddress] | None = None
    not_ready_addresses: list[EndpointAddress] | None = None
    ports: list[EndpointPort] | None = None


class Endpoints(Shape):
    """core/v1."""

    metadata: Metadata
    subsets: list[Subset] | None = None


class ContainerPort(Shape):
    """A port that a container names."""

    container_port: int
    name: str | None = None
    protocol: str | None = None


class Container(Shape):
    """`restart_policy` is `Always` for a sidecar among the init containers."""

    ports: list[ContainerPort] | None = None
    restart_policy: str | None = None


class PodSpec(Shape):
    """What DNS and the controllers read of a Pod's spec."""

    hostname: str | None = None
    subdomain: str | None = None
    node_name: str | None = None
    host_network: bool | None = None
    node_selector: Labels | None = None
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None


class PodIP(Shape):
    """One of a Pod's addresses."""

    ip: str


class Condition(Shape):
    """Of a Pod; `status` is `True`, `False` or `Unknown`."""

    type: str = ""
    status: str = ""


class PodStatus(Shape):
    """Of a Pod."""

    phase: str | None = None
    pod_ip: str | None = None
    pod_ips: list[PodIP] | None = None
    host_ip: str | None = None
    host_ips: list[PodIP] | None = None
    conditions: list[Condition] | None = None


class Pod(Shape):
    """core/v1."""

    metadata: Metadata
    spec: PodSpec | None = None
    status: PodStatus | None = None


class Namespace(Shape):
    """core/v1."""

    metadata: Metadata


class NodeAddress(Shape):
    """One of a Node's; `type` is `InternalIP`, `Hostname`, …."""

    type: str = ""
    address: str = ""


class NodeStatus(Shape):
    """Of a Node."""

    addresses: list[NodeAddress] | None = None


class Node(Shape):
    """core/v1; its labels tell the zone."""

    metadata: Metadata
    status: NodeStatus | None = None
