"""Questions worth asking of a cluster: what a newcomer is shown at start."""

from __future__ import annotations

from collections.abc import Iterator

from kdns.kube.index import Backed, Index
from kdns.kube.labels import port_name, service_name
from kdns.kube.objects import Service
from kdns.proto.name import Name, is_at_or_below, to_text
from kdns.proto.reverse import Address, is_reverse, reverse_name

Found = tuple[Backed, Service]


def samples(index: Index, zones: tuple[Name, ...]) -> Iterator[tuple[str, str]]:
    """A Service with a cluster IP, a headless one's port, a pointer: (name, type) each, as far as there are such."""
    zone = next(zone for zone in zones if not is_reverse(zone))
    backed = list(_asked_for(index))
    plain = next((service for _, service in backed if service.addresses), None)
    headless = next((found for found in backed if found[1].headless), None)
    if plain is not None:
        yield to_text(service_name(plain, zone)), "A" if len(plain.addresses[0]) == 4 else "AAAA"
    if headless is not None:
        yield to_text(_port_name(*headless, zone)), "SRV"
    if plain is not None and _is_covered(plain.addresses[0], zones):
        yield to_text(reverse_name(plain.addresses[0])), "PTR"


def _asked_for(index: Index) -> Iterator[Found]:
    """The Services that have ready endpoints and can be asked for, those with most endpoints first."""
    for key, backed in sorted(index.services.items(), key=lambda item: (-len(item[1].ready), item[0])):
        namespace = index.namespaces.get(key[0])
        if backed.service is not None and backed.ready and namespace is not None and namespace.exposed:
            yield backed, backed.service


def _is_covered(address: Address, zones: tuple[Name, ...]) -> bool:
    return any(is_at_or_below(reverse_name(address), zone) for zone in zones)


def _port_name(backed: Backed, service: Service, zone: Name) -> Name:
    """The name of the first port that has one, else the Service's."""
    owner = service_name(service, zone)
    names = (port_name(port, owner) for endpoint in backed.ready for port in endpoint.ports)
    return next(filter(None, names), owner)
