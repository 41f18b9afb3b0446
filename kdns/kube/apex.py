"""The zone itself: SOA, NS, the name server's addresses, the schema's version (specification §2.2).

The name server is the Service whose endpoints have one of this server's addresses; where no Service
has, it is `ns.dns.ZONE` with those addresses (CoreDNS: plugin/kubernetes/ns.go).
"""

from __future__ import annotations

from collections.abc import Iterator

from kdns.kube.answer import Answer, Ask, address_answer, found, glue, nodata
from kdns.kube.index import Backed, ServiceKey
from kdns.kube.labels import endpoint_name, service_name
from kdns.kube.names import Form
from kdns.kube.options import Options
from kdns.kube.reason import Reason, because
from kdns.proto.name import Name, from_labels
from kdns.proto.record import RRset, Soa, rrset, soa, txt
from kdns.proto.reverse import Address, is_reverse
from kdns.proto.types import RRType

SCHEMA_VERSION = b"1.1.0"
_VERSION_TTL = 28800
_SOA_TTL = 300
_REFRESH, _RETRY, _EXPIRE = 7200, 1800, 86400


def answer(ask: Ask) -> Answer:
    """The answer to the zone's own names."""
    match ask.request.form:
        case Form.VERSION:
            return _version(ask)
        case Form.NAME_SERVER:
            return _name_server(ask)
    return zone_itself(ask)


def soa_record(zone: Name, options: Options, serial: int) -> RRset:
    """The zone's SOA. Its TTL and MINIMUM are how long negative answers may be kept (RFC 2308 §5)."""
    fields = Soa(
        from_labels((b"ns", b"dns"), zone),
        from_labels((b"hostmaster",), zone),
        serial,
        _REFRESH,
        _RETRY,
        _EXPIRE,
        options.negative_ttl,
    )
    return RRset(zone, RRType.SOA, min(options.negative_ttl, _SOA_TTL), (soa(fields),))


def zone_itself(ask: Ask) -> Answer:
    """SOA and NS at the apex of a zone, reverse zones included; NODATA for the rest."""
    reason = because(Reason.APEX)
    match ask.question.type:
        case RRType.SOA:
            return found(reason, soa_record(ask.zone, ask.options, ask.index.serial))
        case RRType.NS:
            servers = _servers(ask)
            names = rrset(ask.question.name, RRType.NS, ask.options.ttl, (name for name, _ in servers))
            extra = glue(ask, servers)
            return found(reason, names, additional=extra)._replace(for_everyone=False)
    return nodata(Reason.NO_SUCH_TYPE, "the zone")


def _version(ask: Ask) -> Answer:
    if ask.question.type != RRType.TXT:
        return nodata(Reason.NO_SUCH_TYPE, "the schema's version")
    version = RRset(ask.question.name, RRType.TXT, _VERSION_TTL, (txt(SCHEMA_VERSION),))
    return found(because(Reason.VERSION), version)


def _name_server(ask: Ask) -> Answer:
    addresses = [address for _, known in _servers(ask) for address in known]
    named = because(Reason.NAME_SERVER)
    return address_answer(ask, named, addresses, "the name server")._replace(for_everyone=False)


def _servers(ask: Ask) -> list[tuple[Name, tuple[Address, ...]]]:
    """The names of this server, each with its addresses: those that can be asked for, else `ns.dns.ZONE`."""
    keys = {key for address in ask.server for key in ask.index.endpoint_ips.owners[address] if _is_exposed(ask, key)}
    known = [each for key in sorted(keys) for each in _service_names(ask, ask.index.services[key])]
    return known or [(from_labels((b"ns", b"dns"), _names_zone(ask)), ask.server)]


def _is_exposed(ask: Ask, key: ServiceKey) -> bool:
    namespace = ask.index.namespaces.get(key[0])
    return namespace is not None and namespace.exposed


def _service_names(ask: Ask, backed: Backed) -> Iterator[tuple[Name, tuple[Address, ...]]]:
    service = backed.service
    if service is None:
        return
    owner = service_name(service, _names_zone(ask))
    if service.addresses:
        yield owner, service.addresses
    elif service.headless and not ask.options.noendpoints:
        yield from _endpoint_names(ask, backed, owner)


def _endpoint_names(ask: Ask, backed: Backed, service: Name) -> Iterator[tuple[Name, tuple[Address, ...]]]:
    for endpoint in backed.ready:
        for address in endpoint.addresses:
            name = endpoint_name(endpoint, address, service, pod_names=ask.options.endpoint_pod_names)
            if name is not None and address in ask.server:
                yield name, (address,)


def _names_zone(ask: Ask) -> Name:
    """Where the names are that a zone's NS records point to: a reverse zone has none of its own."""
    return ask.options.primary if is_reverse(ask.zone) else ask.zone
