"""From the API's shapes to what DNS shows of them.

Each function raises ShapeError, with the field's path, for what cannot be served: an address that
is none, an object without a name. Equal strings and addresses are kept once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from sys import intern
from typing import NamedTuple

from kdns.kube import schema
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
from kdns.kube.schema import ShapeError
from kdns.proto.reverse import Address

SERVICE_NAME = "kubernetes.io/service-name"
SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror"
IMPORT_NAME = "multicluster.kubernetes.io/service-name"
SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
FINISHED = frozenset({"Succeeded", "Failed", "Unknown"})
"""Phases whose Pods have no name (CoreDNS: plugin/kubernetes/controller.go, the Pod watch's field selector)."""
DEFAULT_NAMESPACE = "default"


def address(text: str, path: str) -> Address:
    """A packed address; `path` is the field it stands in."""
    try:
        return inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except _NO_ADDRESS:
        raise ShapeError(f"'{text}' is no IP address", path) from None


_NO_ADDRESS = (OSError, ValueError)
"""What `inet_pton` raises. It takes a tenth of `ipaddress`'s time, which was most of what an endpoint cost."""


def identity(metadata: schema.Metadata) -> tuple[str, str]:
    """Namespace and name; what has no namespace is in `default`, as kubectl would put it.

    Only strings that many objects have are interned: for one of its own that would cost more than a second copy.
    """
    if not metadata.name:
        raise ShapeError("an object needs a name", "metadata.name")
    return intern(metadata.namespace or DEFAULT_NAMESPACE), metadata.name


def service(raw: schema.Service) -> Service:
    """A Service as DNS shows it."""
    spec = raw.spec or schema.ServiceSpec()
    namespace, name = identity(raw.metadata)
    name = intern(name)  # which its slices have too
    ports = _ports(spec.ports, "spec.ports")
    outside = Outside(tuple(_addresses(raw, spec)), tuple(_hostnames(raw)))
    if spec.type == "ExternalName":
        if not spec.external_name:
            raise ShapeError("an ExternalName Service needs a name to be an alias of", "spec.externalName")
        return Service(namespace, name, (), ports, False, spec.external_name, *outside)
    given = spec.cluster_ips or ([spec.cluster_ip] if spec.cluster_ip else [])
    if "None" in given:
        return Service(namespace, name, (), ports, True, "", *outside)
    field = "spec.clusterIPs" if spec.cluster_ips else "spec.clusterIP"
    return Service(namespace, name, tuple(address(ip, field) for ip in given if ip), ports, False, "", *outside)


class Outside(NamedTuple):
    """How a Service is reached from outside the cluster."""

    addresses: tuple[Address, ...]
    hostnames: tuple[str, ...]


def _addresses(raw: schema.Service, spec: schema.ServiceSpec) -> Iterator[Address]:
    for place, ip in enumerate(spec.external_ips or ()):
        yield address(ip, f"spec.externalIPs[{place}]")
    for place, ingress in enumerate(_ingress(raw)):
        if ingress.ip:
            yield address(ingress.ip, f"status.loadBalancer.ingress[{place}].ip")


def _hostnames(raw: schema.Service) -> Iterator[str]:
    """What a cloud names instead of giving its address."""
    for ingress in _ingress(raw):
        if ingress.hostname and not ingress.ip:
            yield ingress.hostname


def _ingress(raw: schema.Service) -> Sequence[schema.Ingress]:
    balancer = raw.status.load_balancer if raw.status else None
    return (balancer and balancer.ingress) or ()


def _ports(
    ports: Iterable[schema.ServicePort | schema.EndpointPort | schema.ImportPort] | None, path: str
) -> tuple[Port, ...]:
    found = tuple([_port(port, place, path) for place, port in enumerate(ports or ()) if port.port is not None])
    return _kept_once(found)


@lru_cache(maxsize=4096)
def _kept_once(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """A cluster's Services and slices have few different ones."""
    return ports


def _port(port: schema.ServicePort | schema.EndpointPort | schema.ImportPort, place: int, path: str) -> Port:
    number = port.port or 0
    if not 0 <= number < 1 << 16:
        raise ShapeError(f"a port is at most 65535, not {number}", f"{path}[{place}].port")
    return Port(intern(port.name or ""), number, intern((port.protocol or "TCP").upper()))


def endpoint_slice(raw: schema.EndpointSlice) -> Slice:
    """A slice, of the Service or ServiceImport that its labels name.

    FQDN slices, and endpoints without addresses, have nothing for DNS.
    """
    namespace, name = identity(raw.metadata)
    labels = raw.metadata.labels or {}
    imported = intern(labels.get(IMPORT_NAME, ""))
    cluster = intern(labels.get(SOURCE_CLUSTER, "")) if imported else ""
    endpoints: tuple[Endpoint, ...] = ()
    if raw.address_type != "FQDN":
        ports = _ports(raw.ports, "ports")
        try:
            endpoints = tuple([_slice_endpoint(each, ports, cluster) for each in raw.endpoints or () if each.addresses])
        except _NO_ADDRESS:
            _blame(raw.endpoints or ())
            raise
    return Slice(namespace, name, intern(labels.get(SERVICE_NAME, "")), endpoints, imported)


def _slice_endpoint(raw: schema.SliceEndpoint, ports: tuple[Port, ...], cluster: str) -> Endpoint:
    """Short of calls, and paths only where one is needed: there may be a hundred thousand of these at once."""
    conditions, target = raw.conditions or _NO_CONDITIONS, raw.target_ref
    return Endpoint(
        tuple([inet_pton(AF_INET6 if ":" in ip else AF_INET, ip) for ip in raw.addresses or ()]),
        ports,
        raw.hostname or "",
        _target(target) if target is not None else "",
        intern(raw.node_name) if raw.node_name else "",
        intern(raw.zone) if raw.zone else "",
        conditions.ready is not False,
        conditions.terminating is True,
        cluster,
    )


_NO_CONDITIONS = schema.Conditions()


def _blame(endpoints: Iterable[schema.SliceEndpoint]) -> None:
    """Raise ShapeError for the first address that is none."""
    for place, each in enumerate(endpoints):
        for at, ip in enumerate(each.addresses or ()):
            address(ip, f"endpoints[{place}].addresses[{at}]")


def _target(ref: schema.TargetRef | None) -> str:
    return (ref.name or "") if ref is not None and ref.kind in {"Pod", None} else ""


def endpoints(raw: schema.Endpoints) -> Endpoints:
    """An Endpoints object: every address of every subset, with the ports of its subset."""
    namespace, name = identity(raw.metadata)
    found: list[Endpoint] = []
    for place, subset in enumerate(raw.subsets or ()):
        path = f"subsets[{place}]"
        ports = _ports(subset.ports, f"{path}.ports")
        found += _subset(subset.addresses or (), ports, f"{path}.addresses", ready=True)
        found += _subset(subset.not_ready_addresses or (), ports, f"{path}.notReadyAddresses", ready=False)
    skip = (raw.metadata.labels or {}).get(SKIP_MIRROR) == "true"
    return Endpoints(namespace, name, tuple(found), skip)


def _subset(
    of: Sequence[schema.EndpointAddress], ports: tuple[Port, ...], path: str, *, ready: bool
) -> Iterator[Endpoint]:
    for place, each in enumerate(of):
        yield Endpoint(
            (address(each.ip, f"{path}[{place}].ip"),),
            ports,
            hostname=each.hostname or "",
            target=_target(each.target_ref),
            node=intern(each.node_name or ""),
            ready=ready,
        )


def pod(raw: schema.Pod) -> Pod | None:
    """A Pod with both families' addresses; None for one that has no name in DNS: finished, or on its way out."""
    namespace, name = identity(raw.metadata)
    status = raw.status or schema.PodStatus()
    if status.phase in FINISHED or raw.metadata.deletion_timestamp is not None:
        return None
    labels = tuple(sorted((raw.metadata.labels or {}).items()))
    shares_host = bool(raw.spec and raw.spec.host_network)
    return Pod(namespace, name, pod_addresses(status), labels, shares_host)


def pod_addresses(status: schema.PodStatus) -> tuple[Address, ...]:
    """`podIPs`, or `podIP` where there is no list."""
    if status.pod_ips:
        return tuple(address(each.ip, f"status.podIPs[{place}].ip") for place, each in enumerate(status.pod_ips))
    return (address(status.pod_ip, "status.podIP"),) if status.pod_ip else ()


def namespace(raw: schema.Namespace) -> Namespace:
    """A Namespace, exposed until a setting says otherwise."""
    if not raw.metadata.name:
        raise ShapeError("an object needs a name", "metadata.name")
    return Namespace(intern(raw.metadata.name))


def service_import(raw: schema.ServiceImport) -> ServiceImport:
    """A ServiceImport: headless by its type; another one without addresses has none yet."""
    spec = raw.spec or schema.ImportSpec()
    where, name = identity(raw.metadata)
    ips = tuple(address(ip, f"spec.ips[{place}]") for place, ip in enumerate(spec.ips or ()))
    return ServiceImport(where, name, ips, _ports(spec.ports, "spec.ports"), spec.type == "Headless")


def labels_of(raw: schema.Shaped) -> Mapping[str, str]:
    """An object's labels."""
    return raw.metadata.labels or {}


def slim(raw: schema.Shaped) -> Object | None:
    """Any shape that DNS shows, as it shows it; None for those it does not show."""
    match raw:
        case schema.Service():
            return service(raw)
        case schema.EndpointSlice():
            return endpoint_slice(raw)
        case schema.Endpoints():
            return endpoints(raw)
        case schema.Pod():
            return pod(raw)
        case schema.Namespace():
            return namespace(raw)
        case schema.ServiceImport():
            return service_import(raw)
    return None
