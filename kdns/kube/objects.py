"""What DNS shows of a cluster's objects: slim, frozen, comparable.

Two objects are equal exactly when no answer could tell them apart (and, for endpoints that are not
ready, no explanation), so "did anything change?" is `!=`. Addresses are packed bytes (4 or 16),
names are as the cluster writes them; comparisons without case are the index's work.

Named tuples: small and immutable. The garbage collector would look through them again and again: see `calm`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from kdns.proto.reverse import Address


class Kind(StrEnum):
    """The kinds of objects that kdns reads, by their Kubernetes names."""

    __hash__ = str.__hash__  # as equal strings have; that of enums is a function in Python, called for every `Ref`

    SERVICE = "Service"
    SLICE = "EndpointSlice"
    ENDPOINTS = "Endpoints"
    POD = "Pod"
    NAMESPACE = "Namespace"
    IMPORT = "ServiceImport"


class Ref(NamedTuple):
    """Which object: its kind and where it is. `namespace` is empty for a Namespace."""

    kind: Kind
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def folded(self) -> Ref:
        """The same without capitals; itself, and its own strings, where it has none."""
        namespace, name = folded(self.namespace), folded(self.name)
        return self if namespace is self.namespace and name is self.name else Ref(self.kind, namespace, name)


def folded(text: str) -> str:
    """A name without capitals: nearly always the very string, which is then kept once (`lower` makes a copy)."""
    lower = text.lower()
    return text if text == lower else lower


class Port(NamedTuple):
    """A port of a Service or of an endpoint. `name` may be empty; `protocol` is `TCP`, `UDP` or `SCTP`."""

    name: str
    port: int
    protocol: str = "TCP"


class Service(NamedTuple):
    """A Service. `addresses` are its cluster IPs; it is headless when `headless` says so and has none.

    `external_name` is set for type ExternalName alone. `external_addresses` are externalIPs and
    load balancers' addresses, `external_hostnames` the names of those that have no address.
    """

    namespace: str
    name: str
    addresses: tuple[Address, ...] = ()
    ports: tuple[Port, ...] = ()
    headless: bool = False
    external_name: str = ""
    external_addresses: tuple[Address, ...] = ()
    external_hostnames: tuple[str, ...] = ()

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref(Kind.SERVICE, self.namespace, self.name)


class Endpoint(NamedTuple):
    """One endpoint of a slice or of an Endpoints subset, with the ports of that slice or subset.

    `target` is the Pod behind it, by name; `zone` and `node` are empty where unknown, `cluster` is
    set for endpoints of another cluster alone.
    """

    addresses: tuple[Address, ...]
    ports: tuple[Port, ...] = ()
    hostname: str = ""
    target: str = ""
    node: str = ""
    zone: str = ""
    ready: bool = True
    terminating: bool = False
    cluster: str = ""


def state(endpoint: Endpoint) -> str:
    """`ready`, `not ready` or `terminating`."""
    if endpoint.ready:
        return "ready"
    return "terminating" if endpoint.terminating else "not ready"


class Slice(NamedTuple):
    """An EndpointSlice, of the Service and of the ServiceImport that its labels name (none: empty).

    Most have one of them; an implementation of the Multi-Cluster Services API may give both.
    """

    namespace: str
    name: str
    service: str
    endpoints: tuple[Endpoint, ...] = ()
    of_import: str = ""

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref(Kind.SLICE, self.namespace, self.name)


class Endpoints(NamedTuple):
    """An Endpoints object, its subsets flattened. `skip_mirror` is the label that takes it out of use."""

    namespace: str
    name: str
    endpoints: tuple[Endpoint, ...] = ()
    skip_mirror: bool = False

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref(Kind.ENDPOINTS, self.namespace, self.name)


class Pod(NamedTuple):
    """A Pod that has an address. `labels` are kept only where a plugin shows them.

    `shares_host` is set where the addresses are the node's (host network): they do not tell who asks.
    """

    namespace: str
    name: str
    addresses: tuple[Address, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    shares_host: bool = False

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref(Kind.POD, self.namespace, self.name)


class Namespace(NamedTuple):
    """A Namespace. `exposed` is whether the settings let its names be asked for."""

    name: str
    exposed: bool = True

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref(Kind.NAMESPACE, "", self.name)


class ServiceImport(NamedTuple):
    """A ServiceImport of the multi-cluster API (KEP-1645); its type says whether it is headless."""

    namespace: str
    name: str
    addresses: tuple[Address, ...] = ()
    ports: tuple[Port, ...] = ()
    headless: bool = False

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref(Kind.IMPORT, self.namespace, self.name)


Object = Service | Slice | Endpoints | Pod | Namespace | ServiceImport
