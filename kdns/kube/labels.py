"""The names that Services and endpoints have."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from kdns.errors import NameSyntaxError
from kdns.kube.objects import Endpoint, Port, Service
from kdns.kube.options import IPV4
from kdns.proto.name import MAX_LABEL, MAX_NAME, Name, from_labels
from kdns.proto.reverse import Address, unpack

SVC = b"svc"
_SVC = (SVC,)
_SHORT = MAX_NAME - 2 * (1 + MAX_LABEL) - 4
"""Bytes of a zone in which all Services have their names."""


def dashed(address: Address) -> str:
    """An address as a label: dots or colons become dashes; a dash at the end gets a `0`, since no label
    may end in one (CoreDNS: plugin/kubernetes/kubernetes.go, endpointHostname).
    """
    if len(address) == IPV4:
        return unpack(address).replace(".", "-")
    label = unpack(address).replace(".", "-").replace(":", "-")
    return label + "0" if label.endswith("-") else label


_LENGTHS = [bytes((length,)) for length in range(1 + MAX_LABEL)]
_OCTETS = [b"%d" % octet for octet in range(256)]
_DASHED = [octet + b"-" for octet in _OCTETS]


def dashed_all(octets: bytes) -> list[bytes]:
    """The labels of many addresses of IPv4, which are given one behind the other: in a quarter of the time."""
    dashed, last = _DASHED.__getitem__, _OCTETS.__getitem__
    parts = map(dashed, octets[::4]), map(dashed, octets[1::4]), map(dashed, octets[2::4]), map(last, octets[3::4])
    return list(map(b"".join, zip(*parts, strict=True)))


def labelled(label: str) -> Address | None:
    """The address of IPv4 whose label this is. (Two of IPv6 may have the same: `::ffff:1.2.3.4`, `::ffff:1:2:3:4`.)"""
    try:
        address = socket.inet_aton(label.replace("-", "."))
    except (OSError, ValueError):
        return None
    return address if dashed(address) == label else None


def endpoint_label(endpoint: Endpoint, address: Address, *, pod_names: bool) -> str:
    """An endpoint's hostname; else, if wanted, its Pod's name; else its address. What is no label is passed over."""
    if endpoint.hostname and _is_label(endpoint.hostname):
        return endpoint.hostname
    if pod_names and _is_label(endpoint.target):
        return endpoint.target
    return dashed(address)


def _is_label(text: str) -> bool:
    """A Pod's name may be longer than a label, and have dots, which part labels."""
    return 0 < len(text) <= MAX_LABEL and text.isascii() and "." not in text


def service_name(service: Service, zone: Name, tree: tuple[bytes, ...] = (SVC,)) -> Name:
    """`SERVICE.NAMESPACE.svc.ZONE`, in the letters of the object; `tree` are the labels before the zone."""
    name, namespace = service.name.encode(), service.namespace.encode()
    if tree == _SVC and 0 < len(name) <= MAX_LABEL and 0 < len(namespace) <= MAX_LABEL and len(zone) <= _SHORT:
        return b"%c%b%c%b\3svc%b" % (len(name), name, len(namespace), namespace, zone)  # a third of the time
    return from_labels((name, namespace, *tree), zone)


def port_name(port: Port, service: Name) -> Name | None:
    """`_PORT._PROTOCOL.SERVICE`; None for a port without a name, or with one that no name can hold."""
    labels = (b"_" + port.name.encode(), b"_" + port.protocol.lower().encode())
    return _below(labels, service) if port.name else None


def endpoint_name(endpoint: Endpoint, address: Address, service: Name, *, pod_names: bool) -> Name | None:
    """`ENDPOINT.SERVICE`, for an endpoint of another cluster `ENDPOINT.CLUSTER.SERVICE`.

    Where that is too long for a name the address is its label; None where not even that fits.
    """
    label = endpoint_label(endpoint, address, pod_names=pod_names).encode()
    if not endpoint.cluster and len(label) + len(service) < MAX_NAME:  # a label it is, and there may be a thousand
        return _LENGTHS[len(label)] + label + service
    cluster = (endpoint.cluster.encode(),) if endpoint.cluster else ()
    return _below((label, *cluster), service) or _below((dashed(address).encode(), *cluster), service)


def _below(labels: Sequence[bytes], name: Name) -> Name | None:
    try:
        return from_labels(labels, name)
    except NameSyntaxError:
        return None
