"""The grammar of names below a cluster's zone (Kubernetes DNS specification 1.1.0 §2).

dns-version                               the schema's version
dns, ns.dns                               the name server
svc, NAMESPACE.svc                        parents
SERVICE.NAMESPACE.svc                     a Service
ENDPOINT.SERVICE.NAMESPACE.svc            one of its endpoints
_PORT._PROTOCOL.SERVICE.NAMESPACE.svc     one of its ports; the underscores may be missing
TZ.pin|prefer._zone.SERVICE.NAMESPACE.svc its endpoints of a topology zone (CoreDNS: zonal)
ENDPOINT.CLUSTER.SERVICE.NAMESPACE.svc    an endpoint elsewhere (KEP-1645)
pod, NAMESPACE.pod                        parents
A-B-C-D.NAMESPACE.pod                     a Pod's address; up to two labels before it are ignored
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import NamedTuple


class Form(Enum):
    """Which of the forms above a name has."""

    APEX = auto()
    VERSION = auto()
    NAME_SERVER = auto()
    PARENT = auto()
    NAMESPACE = auto()
    SERVICE = auto()
    ENDPOINT = auto()
    PORT = auto()
    ZONAL = auto()
    POD_NAMESPACE = auto()
    POD = auto()
    NONE = auto()


class Request(NamedTuple):
    """What a name asks for; every part folded, empty where the form has none.

    `port` and `protocol` are without underscores; an empty one stands for any. `parts` are the labels
    left of the Service for forms that are read further: the endpoint's, or the topology zone's.
    """

    form: Form
    namespace: str = ""
    service: str = ""
    port: str = ""
    protocol: str = ""
    parts: tuple[str, ...] = ()

    @property
    def may_name_cluster(self) -> bool:
        """Whether it may be ENDPOINT.CLUSTER as well: it is read as a port, but has no underscores."""
        return self.form is Form.PORT and not any(part.startswith("_") for part in self.parts)


_MOST_POD_LABELS = 2


def parse(labels: tuple[bytes, ...]) -> Request:
    """The folded labels left of the zone, from left to right, as a request."""
    if not labels:
        return Request(Form.APEX)
    # Latin-1 keeps every octet apart; what is not ASCII equals nothing in a cluster.
    *left, tree = (label.decode("latin-1") for label in labels)
    read = _TREES.get(tree)
    return read(tuple(left)) if read else Request(Form.NONE)


def _version(left: tuple[str, ...]) -> Request:
    return Request(Form.NONE if left else Form.VERSION)


def _dns(left: tuple[str, ...]) -> Request:
    if not left:
        return Request(Form.PARENT)
    return Request(Form.NAME_SERVER if left == ("ns",) else Form.NONE)


def _svc(left: tuple[str, ...]) -> Request:
    if not left:
        return Request(Form.PARENT)
    *rest, namespace = left
    if not rest:
        return Request(Form.NAMESPACE, namespace)
    *parts, service = rest
    return _below_service(namespace, service, tuple(parts))


def _below_service(namespace: str, service: str, parts: tuple[str, ...]) -> Request:
    if not parts:
        return Request(Form.SERVICE, namespace, service)
    if parts[-1] == "_zone":
        return Request(Form.ZONAL, namespace, service, parts=parts[:-1])
    if len(parts) == 1:
        return Request(Form.ENDPOINT, namespace, service, parts=parts)
    if len(parts) == 2:
        port, protocol = (part.removeprefix("_") for part in parts)
        return Request(Form.PORT, namespace, service, port, protocol, parts)
    return Request(Form.NONE, namespace, service)


def _pod(left: tuple[str, ...]) -> Request:
    if not left:
        return Request(Form.PARENT)
    *rest, namespace = left
    if not rest:
        return Request(Form.POD_NAMESPACE, namespace)
    if len(rest) > 1 + _MOST_POD_LABELS:
        return Request(Form.NONE, namespace)
    return Request(Form.POD, namespace, parts=(rest[-1],))


def is_tree(label: bytes) -> bool:
    """Whether the zone has names at or below this folded label."""
    return label in _TREE_LABELS


_TREES: dict[str, Callable[[tuple[str, ...]], Request]] = {
    "dns-version": _version,
    "dns": _dns,
    "svc": _svc,
    "pod": _pod,
}
_TREE_LABELS = frozenset(tree.encode() for tree in _TREES)
