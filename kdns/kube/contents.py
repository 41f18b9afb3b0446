"""All that a zone holds, for those who take a copy (AXFR, RFC 5936).

Every name that has records is in it by the one spelling that the schema gives it, with every record that a
question for it gets; of an alias that is the CNAME. Left out is what stands for such a name: ports without
underscores or as `_`, further labels before a Pod's name, topology zones that no endpoint is in, and
addresses that are Pods' only because `pods insecure` believes so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kdns.errors import NameSyntaxError
from kdns.kube import outside
from kdns.kube.answer import Answer
from kdns.kube.index import Backed, Index, ServiceKey
from kdns.kube.labels import dashed, endpoint_name, port_name, service_name
from kdns.kube.objects import Endpoint, Port, Service
from kdns.kube.options import Options, PodMode
from kdns.kube.resolve import resolve
from kdns.proto.message import Question
from kdns.proto.name import Name, from_labels
from kdns.proto.record import RRset
from kdns.proto.reverse import Address, is_reverse, prefix_of, reverse_name
from kdns.proto.types import Class, RRType

_AT_APEX = (RRType.SOA, RRType.NS)
_AT_SERVICES = (RRType.A, RRType.AAAA, RRType.SRV)

Resolve = Callable[[Question, Index], Answer]


def of_cluster(zone: Name, index: Index, options: Options, server: tuple[Address, ...]) -> Iterator[RRset]:
    """The records of a zone of *kubernetes*, its SOA first and once.

    `zone` is folded; `index` must not change meanwhile (see `Index.still`); `server` are the server's own addresses.
    """
    asked = Asked(lambda question, of: resolve(question, zone, of, options, server), index)
    yield from asked(zone, *_AT_APEX)
    if is_reverse(zone):
        addresses = (*index.cluster_ips.owners, *index.endpoint_ips.owners)
        yield from _pointers(asked, zone, addresses)
        return
    yield from asked(from_labels((b"dns-version",), zone), RRType.TXT)
    yield from asked(from_labels((b"ns", b"dns"), zone), RRType.A, RRType.AAAA)
    imported = zone in options.multicluster
    for key, backed, service in _shown(index.imports if imported else index.services, index):
        owner = service_name(service, zone)
        yield from asked(owner, *((RRType.CNAME,) if service.external_name else _AT_SERVICES))
        for name in (*_port_names(owner, _ports(service, backed)), *_zonal_names(owner, backed)):
            yield from asked(name, *_AT_SERVICES)
        yield from _endpoints(asked, options, owner, key, backed, imported=imported)
    if options.pods is PodMode.VERIFIED:
        yield from _pods(asked, zone)


def of_outside(zone: Name, index: Index, settings: outside.Settings, server: tuple[Address, ...]) -> Iterator[RRset]:
    """The records of a zone of *k8s_external*, in the same way."""
    asked = Asked(lambda question, of: outside.resolve(question, zone, of, settings, server), index)
    yield from asked(zone, *_AT_APEX)
    if is_reverse(zone):
        yield from _pointers(asked, zone, index.external_ips.owners)
        return
    yield from asked(from_labels((b"ns1", settings.apex), zone), RRType.A, RRType.AAAA)
    for key, backed, service in _shown(index.services, index):
        owner = service_name(service, zone, ())
        is_alias = service.external_hostnames and not service.external_addresses
        yield from asked(owner, *((RRType.CNAME,) if is_alias else _AT_SERVICES))
        for name in _port_names(owner, _ports(service, backed)):
            yield from asked(name, *_AT_SERVICES)
        if settings.headless:
            yield from _endpoints(asked, settings.options, owner, key, backed, imported=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """Gives the records that questions for a name get, by a way to answer them out of an index."""

    resolve: Resolve
    index: Index

    def __call__(self, name: Name, *types: int) -> Iterator[RRset]:
        """Those of these types at a name; nothing where there are none."""
        for type in types:
            answer = self.resolve(Question(name, name.lower(), type, Class.IN), self.index)
            if answer.because.answered:
                yield from answer.answer


def _shown(services: dict[ServiceKey, Backed], index: Index) -> Iterator[tuple[ServiceKey, Backed, Service]]:
    for key, backed in services.items():
        namespace = index.namespaces.get(key[0])
        if backed.service is not None and namespace is not None and namespace.exposed:
            yield key, backed, backed.service


def _ports(service: Service, backed: Backed) -> Iterator[Port]:
    """Those of the Service and of its endpoints: which of them have records is not decided here."""
    yield from service.ports
    for endpoint in backed.ready:
        yield from endpoint.ports


def _port_names(owner: Name, ports: Iterable[Port]) -> Iterable[Name]:
    """Each once: ports that differ in letters only have one name."""
    names = (port_name(port, owner) for port in dict.fromkeys(ports))
    return {name.lower(): name for name in names if name is not None}.values()


def _zonal_names(owner: Name, backed: Backed) -> Iterator[Name]:
    for zone in {endpoint.zone.lower(): endpoint.zone for endpoint in backed.ready if endpoint.zone}.values():
        for directive in (b"pin", b"prefer"):
            try:
                yield from_labels((*zone.encode().split(b"."), directive, b"_zone"), owner)
            except NameSyntaxError:
                continue


def _endpoints(
    asked: Asked, options: Options, owner: Name, key: ServiceKey, backed: Backed, *, imported: bool
) -> Iterator[RRset]:
    """Each name is asked for where the Service has only its endpoints: else every one would be looked at each time."""
    named: dict[Name, tuple[Name, dict[Endpoint, None]]] = {}
    for endpoint in backed.ready:
        for address in endpoint.addresses:
            name = endpoint_name(endpoint, address, owner, pod_names=options.endpoint_pod_names)
            if name is not None:
                named.setdefault(name.lower(), (name, {}))[1][endpoint] = None
    alone = Index()
    alone.namespaces = asked.index.namespaces
    for name, endpoints in named.values():
        only = backed._replace(endpoints=tuple(endpoints), ready=tuple(endpoints))
        if imported:
            alone.imports = {key: only}
        else:
            alone.services = {key: only}
        yield from Asked(asked.resolve, alone)(name, *_AT_SERVICES)


def _pods(asked: Asked, zone: Name) -> Iterator[RRset]:
    for address in asked.index.pods:
        for namespace in dict.fromkeys(pod.namespace for pod in asked.index.pods[address]):
            name = from_labels((dashed(address).encode(), namespace.encode(), b"pod"), zone)
            yield from asked(name, *_AT_SERVICES)


def _pointers(asked: Asked, zone: Name, addresses: Iterable[Address]) -> Iterator[RRset]:
    for address in _within(zone, addresses):
        yield from asked(reverse_name(address), RRType.PTR)


def _within(zone: Name, addresses: Iterable[Address]) -> Iterable[Address]:
    """Those whose names are at or below a reverse zone, each once."""
    prefix = prefix_of(zone)
    if prefix is None:
        return ()
    family, parts = prefix
    if family == 4:
        return dict.fromkeys(each for each in addresses if len(each) == 4 and each.startswith(parts))
    digits = "".join(f"{part:x}" for part in parts)
    return dict.fromkeys(each for each in addresses if len(each) == 16 and each.hex().startswith(digits))
