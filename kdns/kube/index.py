"""What questions are looked up in: dictionaries of frozen values, kept by one writer on one event loop.

A reader holds values, not the dictionaries, so nothing changes under it across an await. An update
costs time in proportion to the Service that it is about. Each update returns the keys of what it
touched: answers that name one of them have ended.

Keys are folded, since all comparisons are without case (Kubernetes DNS specification 1.1.0 §2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from kdns.kube.objects import Endpoint, Endpoints, Namespace, Pod, Ref, Service, Slice, folded
from kdns.proto.reverse import Address

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ServiceKey = tuple[str, str]
"""Namespace and name, folded."""


def service_key(namespace: str, name: str) -> ServiceKey:
    """Where a Service is found."""
    return folded(namespace), folded(name)


class Touched:
    """The names of changes, as answers depend on them and updates report them."""

    @staticmethod
    def service(key: ServiceKey) -> Hashable:
        """A Service, its endpoints included."""
        return ("service", *key)

    @staticmethod
    def itself(key: ServiceKey) -> Hashable:
        """A Service without its endpoints, which change much more often than it does."""
        return ("itself", *key)

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
        """Who has this address: Services, endpoints and Pods. The bytes themselves: there are many of them."""
        return address

    @staticmethod
    def prefix(prefix: bytes) -> Hashable:
        """Whether any address begins so (see `Prefixes`)."""
        return ("prefix", prefix)


class Backed(NamedTuple):
    """A Service with its endpoints. `service` is None where only endpoints exist.

    `endpoints` are all of them, `ready` those that are answered. They were taken from the objects `held`.
    """

    service: Service | None
    endpoints: tuple[Endpoint, ...] = ()
    ready: tuple[Endpoint, ...] = ()
    held: tuple[Slice | Endpoints, ...] = ()

    @property
    def sources(self) -> tuple[Ref, ...]:
        """Which objects the endpoints were taken from."""
        return tuple([each.ref for each in self.held])


class Multimap(Generic[K, V]):
    """Many values for a key, each value once, as sorted tuples; a key without values is gone."""

    def __init__(self) -> None:
        self._held: dict[K, tuple[V, ...]] = {}

    def __getitem__(self, key: K) -> tuple[V, ...]:
        return self._held.get(key, ())

    def __iter__(self) -> Iterator[K]:
        return iter(self._held)

    def __contains__(self, key: K) -> bool:
        return key in self._held

    def copy(self) -> Multimap[K, V]:
        """The same values, which later changes do not reach."""
        twin: Multimap[K, V] = Multimap()
        twin._held = self._held.copy()
        return twin

    def add(self, key: K, values: tuple[V]) -> bool:
        """Add a value, given as a tuple of one: the keys that have it alone share that. Whether the key is new."""
        held = self._held.setdefault(key, values)
        if held is values:
            return True
        if values[0] not in held:
            self._held[key] = tuple(sorted((*held, *values)))  # type: ignore[type-var]
        return False

    def add_all(self, keys: Iterable[K], values: tuple[V]) -> tuple[list[K], list[K]]:
        """The same for many keys: those that are new, and those that had a value already."""
        new: list[K] = []
        held: list[K] = []
        for key in keys:
            known = self._held.setdefault(key, values)
            if known is values:
                new.append(key)
            else:
                held.append(key)
                self.add(key, values)
        return new, held

    def discard(self, key: K, value: V) -> bool:
        """Whether that was the key's last value."""
        held = self._held.get(key, ())
        rest = tuple(other for other in held if other != value)
        if rest:
            self._held[key] = rest
        else:
            self._held.pop(key, None)
        return bool(held) and not rest


_IP6 = b"ip6"


class Prefixes:
    """How many addresses or longer prefixes are next below each prefix, so that the names between in the
    reverse trees exist.

    A prefix of IPv4 is its octets, three at most; one of IPv6 is its digits as bytes 0 to 15 behind three
    further bytes, which keeps the two apart.
    """

    def __init__(self) -> None:
        self._count: dict[bytes, int] = {}

    def __contains__(self, prefix: bytes) -> bool:
        return prefix in self._count

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._count)

    def add_all(self, addresses: Iterable[Address]) -> list[bytes]:
        """Count addresses in; the prefixes that are new."""
        new: list[bytes] = []
        count = self._count
        for address in addresses:
            above = address[:3]
            if len(address) == 4 and above in count:  # nearly always so
                count[above] += 1
            else:
                new += self.add(address)
        return new

    def add(self, address: Address) -> list[bytes]:
        """Count an address in; the prefixes that are new."""
        new: list[bytes] = []
        for prefix in self._of(address):
            known = self._count.get(prefix, 0)
            self._count[prefix] = known + 1
            if known:
                break
            new.append(prefix)
        return new

    def discard(self, address: Address) -> list[bytes]:
        """Count an address out; the prefixes that are gone."""
        gone: list[bytes] = []
        for prefix in self._of(address):
            self._count[prefix] -= 1
            if self._count[prefix]:
                break
            del self._count[prefix]
            gone.append(prefix)
        return gone

    @staticmethod
    def key(family: int, parts: bytes) -> bytes:
        """The prefix of `proto.reverse.prefix_of`'s family and parts."""
        return parts if family == 4 else _IP6 + parts

    def _of(self, address: Address) -> Iterable[bytes]:
        """The prefixes of an address, the longest first."""
        if len(address) == 4:
            return address[:3], address[:2], address[:1]
        digits = _IP6 + bytes.fromhex("".join(f"0{digit}" for digit in address.hex()))
        return (digits[:length] for length in range(len(digits) - 1, len(_IP6), -1))


class Addresses:
    """Which Services have an address, and the prefixes of those that can be asked for.

    An address counts for its prefixes while any Service that has it is in an exposed namespace: names between
    in the reverse trees must not tell of addresses that nobody is shown (RFC 8020).
    """

    def __init__(self, exposed: Callable[[str], bool]) -> None:
        self.owners: Multimap[Address, ServiceKey] = Multimap()
        self.prefixes = Prefixes()
        self._exposed = exposed

    def move(self, owner: tuple[ServiceKey], before: set[Address], after: set[Address]) -> list[bytes]:
        """Give a Service other addresses; the prefixes that are new or gone. All its addresses share `owner`."""
        changed: list[bytes] = []
        (key,) = owner
        counts = self._exposed(key[0])
        for address in before - after:
            is_last = self.owners.discard(address, key)
            if counts and (is_last or not self._shown(address)):
                changed += self.prefixes.discard(address)
        new, held = self.owners.add_all(after - before, owner)
        if counts:
            changed += self.prefixes.add_all(new)
            changed += self.prefixes.add_all(address for address in held if not self._shown(address, besides=key))
        return changed

    def expose(self, namespace: str, addresses: Iterable[Address], *, now: bool) -> list[bytes]:
        """The addresses of a namespace, each once, are shown from now on, or not any more."""
        mine = [address for address in addresses if not self._elsewhere(address, namespace)]
        if now:
            return self.prefixes.add_all(mine)
        return [prefix for address in mine for prefix in self.prefixes.discard(address)]

    def _shown(self, address: Address, besides: ServiceKey | None = None) -> bool:
        """Whether a Service that can be asked for has it, besides this one."""
        return any(key != besides and self._exposed(key[0]) for key in self.owners[address])

    def _elsewhere(self, address: Address, namespace: str) -> bool:
        """Whether a Service that can be asked for has it, outside this namespace."""
        return any(space != namespace and self._exposed(space) for space, _ in self.owners[address])


class Index:
    """Services by name, by cluster IP, by endpoint address and by external address; Namespaces; Pods by address."""

    def __init__(self) -> None:
        self.services: dict[ServiceKey, Backed] = {}
        self.imports: dict[ServiceKey, Backed] = {}
        self.namespaces: dict[str, Namespace] = {}
        self.cluster_ips = Addresses(self._exposed)
        self.endpoint_ips = Addresses(self._exposed)
        self.external_ips = Addresses(self._exposed)
        self.pods: Multimap[Address, Pod] = Multimap()
        self.serial = 0
        self._owners: dict[str, dict[str, tuple[ServiceKey]]] = {}

    def parts(self) -> Mapping[str, object]:
        """What is held, by names for people."""
        tables = (self.cluster_ips, self.endpoint_ips, self.external_ips)
        return {
            "index of names": (self.services, self.imports, self.namespaces, self._owners),
            "index of addresses": ([(table.owners, table.prefixes) for table in tables], self.pods),
        }

    def still(self) -> Index:
        """What is known now, to be read over many turns of the loop: changes do not reach it.

        It has no names between in the reverse trees. It takes some 10 ms for 100,000 endpoints.
        """
        twin = Index()
        twin.services, twin.imports = self.services.copy(), self.imports.copy()
        twin.namespaces, twin.pods, twin.serial = self.namespaces.copy(), self.pods.copy(), self.serial
        twin.cluster_ips.owners = self.cluster_ips.owners.copy()
        twin.endpoint_ips.owners = self.endpoint_ips.owners.copy()
        twin.external_ips.owners = self.external_ips.owners.copy()
        return twin

    def put_service(self, key: ServiceKey, new: Backed | None) -> set[Hashable]:
        """Replace a Service with its endpoints; None removes it. The keys of what that touched."""
        old = self.services.get(key)
        if old == new:
            return set()
        space, name = key
        known = self._owners.setdefault(space, {})
        owner = known.setdefault(name, (key,))
        if new is None:
            del self.services[key], known[name]
        else:
            self.services[owner[0]] = new
        was, now = old or Backed(None), new or Backed(None)
        touched = {Touched.service(key)} | self._move(owner, was, now)
        return touched if was.service == now.service else touched | {Touched.itself(key)}

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
        was = self._exposed(name)
        if new is None:
            del self.namespaces[name]
        else:
            self.namespaces[name] = new
        now = self._exposed(name)
        prefixes = self._expose(name, now=now) if was != now else []
        return {Touched.namespace(name), *map(Touched.prefix, prefixes)}

    def _exposed(self, name: str) -> bool:
        namespace = self.namespaces.get(name)
        return namespace is not None and namespace.exposed

    def _expose(self, name: str, *, now: bool) -> list[bytes]:
        """Count the addresses of a namespace in or out; the prefixes that changed."""
        here = [self.services[key] for (key,) in self._owners.get(name, {}).values()]
        return [
            *self.cluster_ips.expose(name, {ip for each in here for ip in _cluster_ips(each)}, now=now),
            *self.endpoint_ips.expose(name, {ip for each in here for ip in _endpoint_ips(each)}, now=now),
            *self.external_ips.expose(name, {ip for each in here for ip in _external_ips(each)}, now=now),
        ]

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
                self.pods.add(address, (new,))
        return {Touched.address(address) for address in before | after}

    def _move(self, owner: tuple[ServiceKey], old: Backed, new: Backed) -> set[Hashable]:
        """Bring the reverse tables from `old` to `new`; the keys of addresses that have another PTR now."""
        # Those that are new as a whole are told below, by their tables.
        changed = set(old.ready) ^ set(new.ready) if old.ready or new.service is None else ()
        addresses: set[Hashable] = {address for endpoint in changed for address in endpoint.addresses}
        prefixes: list[bytes] = []
        for table, before, after in (
            (self.cluster_ips, _cluster_ips(old), _cluster_ips(new)),
            (self.endpoint_ips, _endpoint_ips(old), _endpoint_ips(new)),
            (self.external_ips, _external_ips(old), _external_ips(new)),
        ):
            if before != after:
                addresses |= before ^ after
                prefixes += table.move(owner, before, after)
        return {*addresses, *map(Touched.prefix, prefixes)} if prefixes else addresses


def _cluster_ips(backed: Backed) -> set[Address]:
    return set(backed.service.addresses) if backed.service else set()


def _external_ips(backed: Backed) -> set[Address]:
    return set(backed.service.external_addresses) if backed.service else set()


def _endpoint_ips(backed: Backed) -> set[Address]:
    if backed.service is None or backed.service.external_name:
        return set()
    return {address for endpoint in backed.ready for address in endpoint.addresses}
