"""Questions worth asking of a cluster: what a newcomer is shown at start."""

from __future__ import annotations

from collections.abc import Iterator

from kdns.kube.index import Backed, Index
from kdns.kube.labels import service_name
from kdns.kube.objects import Service
from kdns.proto.name import Name, from_labels, to_text
from kdns.proto.reverse import is_reverse, reverse_name


def samples(index: Index, zones: tuple[Name, ...]) -> Iterator[tuple[str, str]]:
    """A Service with a cluster IP, a headless one's port, a pointer: (name, type) each, as far as there are such."""
    zone = next(zone for zone in zones if not is_reverse(zone))
    known = sorted(index.services.items(), key=lambda item: (-len(item[1].ready), item[0]))
    backed = [(each, each.service) for _, each in known if each.service is not None and each.ready]
    plain = next(((each, service) for each, service in backed if service.addresses), None)
    headless = next(((each, service) for each, service in backed if service.headless), None)
    if plain is not None:
        yield to_text(service_name(plain[1], zone)), "A"
    if headless is not None:
        yield to_text(_port_name(*headless, zone)), "SRV"
    if plain is not None and any(map(is_reverse, zones)):
        yield to_text(reverse_name(plain[1].addresses[0])), "PTR"


def _port_name(backed: Backed, service: Service, zone: Name) -> Name:
    named = [port for endpoint in backed.ready for port in endpoint.ports if port.name]
    owner = service_name(service, zone)
    if not named:
        return owner
    return from_labels((b"_" + named[0].name.encode(), b"_" + named[0].protocol.lower().encode()), owner)
