"""The names that Services and endpoints have."""

from __future__ import annotations

from kdns.errors import NameSyntaxError
from kdns.kube.objects import Endpoint, Service
from kdns.proto.name import MAX_LABEL, Name, from_labels
from kdns.proto.reverse import Address, unpack

_SVC = b"svc"


def dashed(address: Address) -> str:
    """An address as a label: dots or colons become dashes; a dash at the end gets a `0`, since no label
    may end in one (CoreDNS: plugin/kubernetes/kubernetes.go, endpointHostname).
    """
    label = unpack(address).replace(".", "-").replace(":", "-")
    return label + "0" if label.endswith("-") else label


def endpoint_label(endpoint: Endpoint, address: Address, *, pod_names: bool) -> str:
    """An endpoint's hostname; else, if wanted, its Pod's name where that can be a label; else its address."""
    if endpoint.hostname:
        return endpoint.hostname
    if pod_names and 0 < len(endpoint.target) <= MAX_LABEL:
        return endpoint.target
    return dashed(address)


def service_name(service: Service, zone: Name) -> Name:
    """`SERVICE.NAMESPACE.svc.ZONE`, in the letters of the object."""
    return from_labels((service.name.encode(), service.namespace.encode(), _SVC), zone)


def endpoint_name(
    endpoint: Endpoint, address: Address, service: Service, zone: Name, *, pod_names: bool
) -> Name:
    """`ENDPOINT.SERVICE.NAMESPACE.svc.ZONE`, or with the cluster's label for an endpoint of another cluster."""
    labels = [endpoint_label(endpoint, address, pod_names=pod_names).encode()]
    if endpoint.cluster:
        labels.append(endpoint.cluster.encode())
    base = service_name(service, zone)
    try:
        return from_labels(labels, base)
    except NameSyntaxError:  # a hostname that no name can hold: the address still does
        return from_labels([dashed(address).encode(), *labels[1:]], base)
