"""The API's shapes, cut down to the fields that kdns reads (Kubernetes API reference: core/v1,
discovery.k8s.io/v1, apps/v1, multicluster.x-k8s.io/v1alpha1).

The only module that speaks to msgspec: typed decoding reads just these fields and says, with a
path such as `$.spec.ports[0].port`, what is of the wrong type. Any list or map may be null, as the
API server writes empty ones.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
Labels = dict[str, str]


class Shape(msgspec.Struct, rename="camel", gc=False):
    """Fields are written in camel case; others than these are skipped unread."""


S = TypeVar("S", bound=Shape)


class OwnerReference(Shape):
    """Which controller made an object."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Shape):
    """`deletion_timestamp` is not None when the object is on its way out."""

    name: str = ""
    namespace: str | None = None
    labels: Labels | None = None
    annotations: Labels | None = None
    deletion_timestamp: Any = None
    owner_references: list[OwnerReference] | None = None


class ServicePort(Shape):
    """`target_port` is a number, a container port's name, or absent (then it is `port`)."""

    port: int
    name: str | None = None
    protocol: str | None = None
    target_port: int | str | None = None


class ServiceSpec(Shape):
    """`cluster_ip` is an address, `None`, or empty."""

    type: str | None = None
    cluster_ip: str | None = msgspec.field(default=None, name="clusterIP")
    cluster_ips: list[str] | None = msgspec.field(default=None, name="clusterIPs")
    external_name: str | None = None
    selector: Labels | None = None
    ports: list[ServicePort] | None = None
    publish_not_ready_addresses: bool | None = None
    ip_families: list[str] | None = None
    ip_family_policy: str | None = None
    external_ips: list[str] | None = msgspec.field(default=None, name="externalIPs")


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


class Conditions(Shape):
    """Of an endpoint; `ready` absent means ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Shape):
    """An endpoint of a slice."""

    addresses: list[str] | None = None
    conditions: Conditions | None = None
    hostname: str | None = None
    target_ref: TargetRef | None = None
    node_name: str | None = None
    zone: str | None = None


class EndpointPort(Shape):
    """Of a slice or a subset; without a number it stands for every port."""

    port: int | None = None
    name: str | None = None
    protocol: str | None = None


class EndpointSlice(Shape):
    """discovery.k8s.io/v1."""

    metadata: Metadata
    address_type: str | None = None
    endpoints: list[SliceEndpoint] | None = None
    ports: list[EndpointPort] | None = None


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
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    pod_ips: list[PodIP] | None = msgspec.field(default=None, name="podIPs")
    conditions: list[Condition] | None = None


class Pod(Shape):
    """core/v1."""

    metadata: Metadata
    spec: PodSpec | None = None
    status: PodStatus | None = None


class Namespace(Shape):
    """core/v1."""

    metadata: Metadata


class Node(Shape):
    """core/v1; its labels tell the zone."""

    metadata: Metadata


class Expression(Shape):
    """A line of a set-based selector."""

    key: str
    operator: str
    values: list[str] | None = None


class LabelSelector(Shape):
    """All of both parts must hold."""

    match_labels: Labels | None = None
    match_expressions: list[Expression] | None = None


class TemplateMetadata(Shape):
    """Of the Pods that a controller makes."""

    labels: Labels | None = None


class PodTemplate(Shape):
    """What a controller makes Pods from."""

    metadata: TemplateMetadata | None = None
    spec: PodSpec | None = None


class Ordinals(Shape):
    """Where a StatefulSet begins to count."""

    start: int | None = None


class WorkloadSpec(Shape):
    """Of a Deployment, ReplicaSet, StatefulSet or DaemonSet."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplate | None = None
    service_name: str | None = None
    ordinals: Ordinals | None = None


class Workload(Shape):
    """apps/v1: Deployment, ReplicaSet, StatefulSet or DaemonSet."""

    metadata: Metadata
    spec: WorkloadSpec | None = None


class ImportPort(Shape):
    """A port of a ServiceImport."""

    port: int
    name: str | None = None
    protocol: str | None = None


class ImportSpec(Shape):
    """`type` is `ClusterSetIP` or `Headless`."""

    type: str | None = None
    ips: list[str] | None = None
    ports: list[ImportPort] | None = None


class ServiceImport(Shape):
    """multicluster.x-k8s.io/v1alpha1."""

    metadata: Metadata
    spec: ImportSpec | None = None


Shaped = Service | EndpointSlice | Endpoints | Pod | Namespace | ServiceImport | Node | Workload

SHAPES: dict[str, tuple[str, type[Shaped]]] = {
    "Service": ("v1", Service),
    "Endpoints": ("v1", Endpoints),
    "Pod": ("v1", Pod),
    "Namespace": ("v1", Namespace),
    "Node": ("v1", Node),
    "EndpointSlice": ("discovery.k8s.io/v1", EndpointSlice),
    "ServiceImport": ("multicluster.x-k8s.io/v1alpha1", ServiceImport),
    "Deployment": ("apps/v1", Workload),
    "ReplicaSet": ("apps/v1", Workload),
    "StatefulSet": ("apps/v1", Workload),
    "DaemonSet": ("apps/v1", Workload),
}
"""The kinds that are read, each with its group and version."""


class ShapeError(ValueError):
    """A field that is missing or of the wrong type. `path` is `spec.ports[0].port`, empty for the whole."""

    def __init__(self, text: str, path: str) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path


def _shape_error(error: msgspec.ValidationError) -> ShapeError:
    text, _, path = str(error).partition(" - at `")
    return ShapeError(text, path.rstrip("`").removeprefix("$").removeprefix("."))


def shaped(value: object, shape: type[T]) -> T:
    """A document that was read (dicts, lists, strings, numbers) as a shape. Raises ShapeError."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise _shape_error(error) from None


def replaced(shape: S, **fields: Any) -> S:
    """The same shape with these fields (by their Python names) changed."""
    return msgspec.structs.replace(shape, **fields)


def read_json(data: bytes) -> Any:
    """A JSON text as dicts and lists. Raises ValueError with the byte where it went wrong."""
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def write_json(value: object) -> bytes:
    """Shapes, dicts and lists as JSON."""
    return msgspec.json.encode(value)
