"""The cluster as it is seen from outside: `SERVICE.NAMESPACE.ZONE` at its external addresses.

Those are externalIPs and what a load balancer was given; with `headless`, also the endpoints of Services
that have none. The zone's own names are at and below its apex label (CoreDNS: plugin/k8s_external).

    ns1.APEX                                  the name server
    NAMESPACE                                 a parent
    SERVICE.NAMESPACE                         a Service
    ENDPOINT.SERVICE.NAMESPACE                one of its endpoints
    _PORT._PROTOCOL.SERVICE.NAMESPACE         one of its ports; the underscores may be missing
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import NamedTuple

from kdns.kube import externals
from kdns.kube.answer import (
    Answer,
    Ask,
    Seen,
    address_answer,
    found,
    glue,
    namespace_keys,
    nodata,
    nxdomain,
    refused_namespace,
)
from kdns.kube.index import Backed, Index, Prefixes, ServiceKey, Touched
from kdns.kube.labels import service_name
from kdns.kube.names import Form, Request
from kdns.kube.objects import Kind, Ref, Service
from kdns.kube.options import Options
from kdns.kube.reason import Reason, because
from kdns.kube.services import NO_PORT, Row, by_form, is_asked, srv_answer, where_it_exists
from kdns.proto.message import Question
from kdns.proto.name import ROOT, Name, from_labels, from_text, labels
from kdns.proto.record import RRset, Soa, rrset, soa, srv
from kdns.proto.reverse import Address, address_of, is_reverse, prefix_of
from kdns.proto.types import RRType

_NAME_SERVER = b"ns1"
_REFRESH, _RETRY, _EXPIRE = 7200, 1800, 86400


class Settings(NamedTuple):
    """`apex` is the label of the zone's own names, folded; `headless` shows endpoints too.

    Of `options` the zones and TTLs are those of the zone outside, the rest is the cluster's.
    """

    options: Options
    apex: bytes = b"dns"
    headless: bool = False


def resolve(
    question: Question, zone: Name, index: Index, settings: Settings, server: tuple[Address, ...] = ()
) -> Answer:
    """The answer to a question at or below `zone` (folded). `server` are the server's own addresses."""
    request = request_of(question.folded, zone, settings)
    ask = Ask(question, zone, request, index, settings.options, server, tree=())
    match request.form:
        case Form.APEX:
            return _apex(ask, settings)
        case Form.NAME_SERVER:
            named = because(Reason.NAME_SERVER)
            return address_answer(ask, named, _servers(ask, settings), "the name server")._replace(for_everyone=False)
        case Form.PARENT:
            return nodata(Reason.ONLY_PARENT)
        case Form.NAMESPACE:
            return (refused_namespace(ask) or nodata(Reason.ONLY_PARENT)).after((), namespace_keys(ask))
        case Form.NONE if is_reverse(zone):
            return _reverse(ask, settings)
        case Form.NONE:
            return nxdomain(Reason.NO_SUCH_NAME)
    return where_it_exists(ask, lambda backed, service: _existing(ask, settings, backed, service))


def soa_record(zone: Name, settings: Settings, serial: int) -> RRset:
    """The zone's SOA; its TTL and MINIMUM are how long negative answers may be kept."""
    ttl = settings.options.ttl
    names = _names_zone(zone, settings)
    master = from_labels((_NAME_SERVER, settings.apex), names)
    mailbox = from_labels((b"hostmaster", settings.apex), names)
    return RRset(zone, RRType.SOA, ttl, (soa(Soa(master, mailbox, serial, _REFRESH, _RETRY, _EXPIRE, ttl)),))


def request_of(name: Name, zone: Name, settings: Settings) -> Request:
    """What a folded name at or below `zone` asks for."""
    left = tuple(label.decode("latin-1") for label in labels(name[: len(name) - len(zone)] + ROOT))
    if not left:
        return Request(Form.APEX if not is_reverse(zone) or address_of(zone) is None else Form.NONE)
    if is_reverse(zone):
        return Request(Form.NONE)
    if left[-1] == settings.apex.decode("latin-1"):
        return Request(_OWN.get(left[:-1], Form.NONE))
    match left:
        case (namespace,):
            return Request(Form.NAMESPACE, namespace)
        case (service, namespace):
            return Request(Form.SERVICE, namespace, service)
        case (endpoint, service, namespace):
            return Request(Form.ENDPOINT, namespace, service, parts=(endpoint,))
        case (port, protocol, service, namespace):
            bare = (port.removeprefix("_"), protocol.removeprefix("_"))
            return Request(Form.PORT, namespace, service, *bare, (port, protocol))
    return Request(Form.NONE)


_OWN: dict[tuple[str, ...], Form] = {(): Form.PARENT, (_NAME_SERVER.decode(),): Form.NAME_SERVER}


def _names_zone(zone: Name, settings: Settings) -> Name:
    """Where the zone's own names are: a reverse zone has none."""
    return settings.options.primary if is_reverse(zone) else zone


def _apex(ask: Ask, settings: Settings) -> Answer:
    reason = because(Reason.APEX)
    match ask.question.type:
        case RRType.SOA:
            return found(reason, soa_record(ask.zone, settings, ask.index.serial))
        case RRType.NS:
            name = from_labels((_NAME_SERVER, settings.apex), _names_zone(ask.zone, settings))
            names = rrset(ask.question.name, RRType.NS, ask.options.ttl, [name])
            extra = glue(ask, [(name, _servers(ask, settings))])
            return found(reason, names, additional=extra)._replace(for_everyone=False)
    return nodata(Reason.NO_SUCH_TYPE, "the zone")


def _servers(ask: Ask, settings: Settings) -> tuple[Address, ...]:
    """How this server is reached from outside: by the external addresses of the Services that it is an endpoint of.

    Where it is an endpoint of none, by the address that it was asked at.
    """
    keys = sorted({key for address in ask.server for key in ask.index.endpoint_ips.owners[address]})
    if not keys:
        return ask.server
    addresses = (address for key in keys for address in _reached_at(ask.index.services[key], settings))
    return tuple(dict.fromkeys(addresses))


def _reached_at(backed: Backed, settings: Settings) -> Iterator[Address]:
    service = backed.service
    if service is None:
        return
    if settings.headless and service.headless:
        yield from (address for endpoint in backed.ready for address in endpoint.addresses)
    else:
        yield from service.external_addresses


def _existing(ask: Ask, settings: Settings, backed: Backed, service: Service) -> Answer:
    if service.external_addresses or service.external_hostnames:
        return _outside(ask, service)
    if settings.headless and not service.external_name:
        if service.headless or ask.request.form is Form.ENDPOINT:
            return by_form(ask, backed, service)
        if ask.request.form is Form.SERVICE and backed.ready and not ask.options.noendpoints:
            return nodata(Reason.ONLY_PARENT)
    return nxdomain(Reason.NOT_OUTSIDE, service.ref)


def _outside(ask: Ask, service: Service) -> Answer:
    """The Service, or its ports, where it is reached from outside."""
    if ask.request.form is Form.ENDPOINT:
        label = ask.request.parts[0]
        if any(label.removeprefix("_") in {"", port.protocol.lower()} for port in service.ports):
            return nodata(Reason.ONLY_PARENT)
        return nxdomain(Reason.NO_SUCH_ENDPOINT, service.ref, label)
    ports = [port for port in service.ports or (NO_PORT,) if is_asked(ask, port)]
    if ask.request.form is Form.PORT and (not ports or ports == [NO_PORT]):
        return nxdomain(Reason.NO_SUCH_PORT, service.ref, ask.request.port or "any", ask.request.protocol or "any")
    if not service.external_addresses:
        return _at_hostname(ask, service)
    reason = because(Reason.SERVICE, service.ref)
    rows = [Row(None, address, port) for port in ports for address in service.external_addresses]
    if ask.question.type == RRType.SRV:
        return srv_answer(ask, ask.owner(service), rows, reason)
    return address_answer(ask, reason, service.external_addresses, service.ref)


def _at_hostname(ask: Ask, service: Service) -> Answer:
    """Of a load balancer that has a name and no address: the Service is an alias of it, its ports are there.

    A name is an alias of one other (RFC 1034 §3.6.2): the first, where there are several. Nevertheless a question
    for SRV gets the ports, as in CoreDNS: who asks for them has no use for the alias.
    """
    hostname = service.external_hostnames[0]
    if ask.request.form is Form.SERVICE and not (ask.question.type == RRType.SRV and service.ports):
        return externals.alias(ask, service, hostname)
    if ask.question.type != RRType.SRV:
        return nodata(Reason.NO_SUCH_TYPE, service.ref)
    problem = externals.problem(service, hostname)
    if problem is not None:
        return problem
    ports = [port for port in service.ports if is_asked(ask, port)]
    weight = max(1, 100 // len(ports))
    records = (srv(0, weight, port.port, from_text(hostname)) for port in ports)
    return found(because(Reason.SERVICE, service.ref), rrset(ask.question.name, RRType.SRV, ask.options.ttl, records))


def _reverse(ask: Ask, settings: Settings) -> Answer:
    """Who has an external address, by its name in the first zone that is no reverse zone."""
    address = address_of(ask.question.folded)
    if address is not None:
        return _pointer(ask, settings, address)
    prefix = prefix_of(ask.question.folded)
    if prefix is None:
        return nxdomain(Reason.NO_SUCH_ADDRESS)
    key = Prefixes.key(*prefix)
    known = key in ask.index.external_ips.prefixes
    return (nodata(Reason.ONLY_PARENT) if known else nxdomain(Reason.NO_SUCH_ADDRESS)).after((), [Touched.prefix(key)])


def _pointer(ask: Ask, settings: Settings, address: Address) -> Answer:
    keys: set[Hashable] = {Touched.address(address)}
    owners = list(_exposed(ask, ask.index.external_ips.owners[address], keys))
    looked_at = [Seen(Ref(Kind.SERVICE, *key)) for key, _ in owners]
    at_apex = ask.question.folded == ask.zone
    if at_apex and (not owners or ask.question.type in {RRType.SOA, RRType.NS}):
        return _apex(ask, settings).after(looked_at, keys)
    if not owners:
        return nxdomain(Reason.NO_SUCH_ADDRESS).after((), keys)
    if ask.question.type != RRType.PTR:
        return nodata(Reason.NO_SUCH_TYPE, "the address").after(looked_at, keys)
    targets = [service_name(service, ask.options.primary, ()) for _, service in owners]
    records = rrset(ask.question.name, RRType.PTR, ask.options.ttl, targets)
    return found(because(Reason.ADDRESS, looked_at[0].ref), records).after(looked_at, keys)


def _exposed(ask: Ask, owners: Iterable[ServiceKey], keys: set[Hashable]) -> Iterator[tuple[ServiceKey, Service]]:
    """The Services among them that can be asked for."""
    for key in owners:
        keys.add(Touched.namespace(key[0]))
        namespace, service = ask.index.namespaces.get(key[0]), ask.index.services[key].service
        if namespace is not None and namespace.exposed and service is not None:
            yield key, service
