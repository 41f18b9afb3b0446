"""What questions are looked up in: dictionaries of frozen values, kept by one writer on one event loop.

A reader holds values, not the dictionaries, so nothing changes under it across an await. An update
costs time in proportion to the Service that it is about. Each update returns the keys of what it
touched: answers that name one of them have ended.

Keys are folded, since all comparisons are without case (Kubernetes DNS specification 1.1.0 §2.1).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, NamedTuple, TypeVar

from kdns.kube.objects import Endpoint, Namespace, Pod, Ref, Service
from kdns.proto.reverse import Address

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ServiceKey = tuple[str, str]
"""Namespace and name, folded."""


def service_key(namespace: str, name: str) -> ServiceKey:
    """Where a Service is found."""
    return namespace.lower(), name.lower()


class Touched:
    """The names of changes, as answers depend on them and updates report them."""

    @staticmethod
    def service(key: ServiceKey) -> Hashable:
        """A Service, its endpoints included."""
        return ("service", *key)

    @staticmethod
    def imported(key: ServiceKey) -> Hashable:
        """A ServiceImport, its endpoints included."""
        return ("import", *key)

    @staticmethod
    def namespace(name: str) -> Hashable:
        """A Namespace, by its folded name."""
        return ("namespace", name)

    @staticmethod
    def address(address: Address) -> Hashable:
        """Who has this address: Services, endpoints and Pods."""
        return ("address", address)

    @staticmethod
    def prefix(prefix: bytes) -> Hashable:
        """Whether any address begins so (see `Prefixes`)."""
        return ("prefix", prefix)


class Backed(NamedTuple):
    """A Service with its endpoints. `service` is None where only endpoints exist.

    `endpoints` are all of them, `ready` those that are answered. `sources` are the objects that the
    endpoints were taken from.
    """

    service: Service | None
    endpoints: tuple[Endpoint, ...] = ()
    ready: tuple[Endpoint, ...] = ()
    sources: tuple[Ref, ...] = ()


class Multimap(Generic[K, V]):
    """Many values for a key, each value once, as sorted tuples; a key without values is gone."""

    def __init__(self) -> None:
        self._held: dict[K, tuple[V, ...]] = {}

    def __getitem__(self, key: K) -> tuple[V, ...]:
        return self._held.get(key, ())

    def __iter__(self) -> Iterator[K]:
        return iter(self._held)

    def add(self, key: K, value: V) -> bool:
        """Whether the key is new."""
        held = self._held.get(key, ())
        if value not in held:
            self._held[key] = tuple(sorted((*held, value)))  # type: ignore[type-var]
        return not held

    def discard(self, key: K, value: V) -> bool:
        """Whether that was the key's last value."""
        held = self._held.get(key, ())
        rest = tuple(other for other in held if other != value)
        if rest:
            self._held[key] = rest
        else:
            self._held.pop(key, None)
        return bool(held) and not rest


class Prefixes:
    """How many addresses begin with each prefix, so that the names between in the reverse trees exist.

    A prefix of IPv4 is its octets; one of IPv6 is its digits as bytes 0 to 15 behind a byte 6, which
    keeps the two apart.
    """

    def __init__(self) -> None:
        self._count: dict[bytes, int] = {}

    def __contains__(self, prefix: bytes) -> bool:
        return prefix in self._count

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._count)

    def add(self, address: Address) -> Iterator[bytes]:
        """Count an address in; the prefixes that are new."""
        for prefix in self._of(address):
            self._count[prefix] = self._count.get(prefix, 0) + 1
            if self._count[prefix] == 1:
                yield prefix

    def discard(self, address: Address) -> Iterator[bytes]:
        """Count an address out; the prefixes that are gone."""
        for prefix in self._of(address):
            self._count[prefix] -= 1
            if not self._count[prefix]:
                del self._count[prefix]
                yield prefix

    @staticmethod
    def key(family: int, parts: bytes) -> bytes:
        """The prefix of `proto.reverse.prefix_of`'s family and parts."""
        return parts if family == 4 else b"\x06" + parts

    def _of(self, address: Address) -> list[bytes]:
        if len(address) == 4:
            return [address[:length] for length in range(1, 4)]
        digits = bytes(int(digit, 16) for digit in address.hex())
        return [b"\x06" + digits[:length] for length in range(1, 32)]


class Index:
    """Services by name, by cluster IP and by endpoint address; Namespaces; Pods by address."""

    def __init__(self) -> None:
        self.services: dict[ServiceKey, Backed] = {}
        self.imports: dict[ServiceKey, Backed] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.cluster_ips: Multimap[Address, ServiceKey] = Multimap()
        self.endpoint_ips: Multimap[Address, ServiceKey] = Multimap()
        self.pods: Multimap[Address, Pod] = Multimap()
        self.prefixes = Prefixes()
        self.serial = 0

    def put_service(self, key: ServiceKey, new: Backed | None) -> set[Hashable]:
        """Replace a Service with its endpoints; None removes it. The keys of what that touched."""
        old = self.services.get(key)
        if old == new:
            return set()
        if new is None:
            del self.services[key]
        else:
            self.services[key] = new
        return {Touched.service(key)} | self._move(key, old or Backed(None), new or Backed(None))

    def put_import(self, key: ServiceKey, new: Backed | None) -> set[Hashable]:
        """The same for a ServiceImport, which has no names in the reverse trees."""
        if self.imports.get(key) == new:
            return set()
        if new is None:
            del self.imports[key]
        else:
            self.imports[key] = new
        return {Touched.imported(key)}

    def put_namespace(self, name: str, new: Namespace | None) -> set[Hashable]:
        """Replace a Namespace, by its folded name; None removes it."""
        if self.namespaces.get(name) == new:
            return set()
        if new is None:
            del self.namespaces[name]
        else:
            self.namespaces[name] = new
        return {Touched.namespace(name)}

    def put_pod(self, old: Pod | None, new: Pod | None) -> set[Hashable]:
        """Replace a Pod."""
        if old == new:
            return set()
        before, after = (set(pod.addresses) if pod else set() for pod in (old, new))
        for address in before:
            if old is not None:
                self.pods.discard(address, old)
        for address in after:
            if new is not None:
                self.pods.add(address, new)
        return {Touched.address(address) for address in before | after}

    def _move(self, key: ServiceKey, old: Backed, new: Backed) -> set[Hashable]:
        """Bring the reverse tables from `old` to `new`; the keys of addresses that have another PTR now."""
        touched: set[Hashable] = set()
        for endpoint in set(old.ready) ^ set(new.ready):
            touched.update(map(Touched.address, endpoint.addresses))
        for table, before, after in (
            (self.cluster_ips, _cluster_ips(old), _cluster_ips(new)),
            (self.endpoint_ips, _endpoint_ips(old), _endpoint_ips(new)),
        ):
            touched.update(map(Touched.address, before ^ after))
            for address in before - after:
                if table.discard(address, key) and self._unknown(address):
                    touched.update(map(Touched.prefix, self.prefixes.discard(address)))
            for address in after - before:
                if table.add(address, key) and self._once(address):
                    touched.update(map(Touched.prefix, self.prefixes.add(address)))
        return touched

    def _unknown(self, address: Address) -> bool:
        return not self.cluster_ips[address] and not self.endpoint_ips[address]

    def _once(self, address: Address) -> bool:
        return bool(self.cluster_ips[address]) != bool(self.endpoint_ips[address])


def _cluster_ips(backed: Backed) -> set[Address]:
    return set(backed.service.addresses) if backed.service else set()


def _endpoint_ips(backed: Backed) -> set[Address]:
    if backed.service is None or backed.service.external_name:
        return set()
    return {address for endpoint in backed.ready for address in endpoint.addresses}
