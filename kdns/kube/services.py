"""Answers about Services: by name, by endpoint, by port, by topology zone (specification §2.3 and §2.4).

A name exists when at least one ready endpoint, port or cluster IP stands behind it; which address
family that is matters only for whether there are records (NODATA, never NXDOMAIN).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    seen,
)
from kdns.kube.index import Backed, ServiceKey, Touched
from kdns.kube.labels import endpoint_label, endpoint_name, service_name
from kdns.kube.names import Form
from kdns.kube.objects import Endpoint, Kind, Port, Ref, Service, state
from kdns.kube.reason import Reason, because
from kdns.proto.name import Name
from kdns.proto.record import rrset, srv
from kdns.proto.reverse import Address
from kdns.proto.types import RRType

_NO_PORT = Port("", -1, "")


class Row(NamedTuple):
    """One address at one port, and the name it has; `port` is -1 where none is declared."""

    target: Name
    address: Address
    port: Port


def answer(ask: Ask, follow: Callable[[Ask, Name], Answer | None]) -> Answer:
    """The answer to a name at or below a Service. `follow` resolves an alias's target inside the zone."""
    request = ask.request
    key: ServiceKey = (request.namespace, request.service)
    touched = Touched.imported(key) if ask.multicluster else Touched.service(key)
    keys = {touched} | namespace_keys(ask)
    refused = refused_namespace(ask)
    if refused is not None:
        return refused.after((), keys)
    kind = Kind.IMPORT if ask.multicluster else Kind.SERVICE
    backed = (ask.index.imports if ask.multicluster else ask.index.services).get(key)
    if backed is None:
        missing = nxdomain(Reason.NO_SUCH_SERVICE, request.namespace, request.service)
        return missing.after([Seen(Ref(kind, *key), False)], keys)
    looked_at = [seen(backed, kind, *key)]
    if backed.service is None:
        source = backed.sources[0]
        return nxdomain(Reason.SERVICE_MISSING, source).after(looked_at, keys)
    return _existing(ask, backed, backed.service, follow).after(looked_at, keys)


def _existing(ask: Ask, backed: Backed, service: Service, follow: Callable[[Ask, Name], Answer | None]) -> Answer:
    if service.external_name:
        if ask.request.form is Form.SERVICE:
            return externals.answer(ask, service, follow)
        return nxdomain(Reason.NO_SUCH_NAME)
    if _is_ignored(ask, backed, service):
        return nxdomain(Reason.EMPTY_IGNORED, service.ref)
    match ask.request.form:
        case Form.SERVICE:
            return _service(ask, backed, service)
        case Form.ENDPOINT:
            return _endpoint(ask, backed, service, ask.request.parts[0], "")
        case Form.PORT:
            return _port(ask, backed, service)
        case Form.ZONAL:
            return _zonal(ask, backed, service)
    return nxdomain(Reason.NO_SUCH_NAME)


def _is_ignored(ask: Ask, backed: Backed, service: Service) -> bool:
    """`ignore empty_service`: a ClusterIP Service without ready endpoints, asked for by name or port."""
    if not ask.options.ignore_empty or service.headless or backed.ready:
        return False
    return ask.request.form in {Form.SERVICE, Form.PORT}


def _service(ask: Ask, backed: Backed, service: Service) -> Answer:
    if service.headless and (ask.options.noendpoints or not backed.ready):
        return _unready(ask, backed, service)
    return _records(ask, service, _rows(ask, service, backed.ready), Reason.SERVICE)


def _unready(ask: Ask, backed: Backed, service: Service) -> Answer:
    """A headless Service without ready endpoints does not exist (specification §2.4.1)."""
    if ask.options.noendpoints:
        return nxdomain(Reason.ENDPOINTS_OFF)
    if not backed.endpoints:
        return nxdomain(Reason.NO_ENDPOINTS, service.ref)
    return nxdomain(Reason.NOT_READY, service.ref, unready_count(backed.endpoints))


def unready_count(endpoints: Iterable[Endpoint]) -> str:
    """`2 not ready, 1 terminating`."""
    waiting = [each for each in endpoints if not each.ready]
    leaving = sum(each.terminating for each in waiting)
    counts = ((len(waiting) - leaving, "not ready"), (leaving, "terminating"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _endpoint(ask: Ask, backed: Backed, service: Service, wanted: str, cluster: str) -> Answer:
    if ask.options.noendpoints:
        return nxdomain(Reason.ENDPOINTS_OFF)
    called = [each for each in _addresses(ask, backed) if each.is_called(wanted, cluster)]
    rows = [
        Row(ask.question.name, each.address, port)
        for each in called
        if each.endpoint.ready
        for port in each.endpoint.ports or (_NO_PORT,)
    ]
    if rows:
        return _records(ask, service, rows, Reason.ENDPOINT)
    protocol = wanted.removeprefix("_")
    if any(port.protocol.lower() == protocol for port in _declared(ask, backed, service)):
        return nodata(Reason.ONLY_PARENT)  # _tcp.SERVICE, since _http._tcp.SERVICE exists (RFC 8020)
    if called:
        return nxdomain(Reason.ENDPOINT_NOT_READY, wanted, service.ref, state(called[0].endpoint))
    return nxdomain(Reason.NO_SUCH_ENDPOINT, service.ref, wanted)


class _Called(NamedTuple):
    """An address of an endpoint, ready or not, under its label."""

    endpoint: Endpoint
    address: Address
    label: str

    def is_called(self, label: str, cluster: str) -> bool:
        return self.label.lower() == label and self.endpoint.cluster.lower() == cluster


def _addresses(ask: Ask, backed: Backed) -> Iterator[_Called]:
    for endpoint in backed.endpoints:
        for address in endpoint.addresses:
            label = endpoint_label(endpoint, address, pod_names=ask.options.endpoint_pod_names)
            yield _Called(endpoint, address, label)


def _port(ask: Ask, backed: Backed, service: Service) -> Answer:
    request = ask.request
    first, second = request.parts
    if ask.multicluster and not first.startswith("_") and not second.startswith("_"):
        return _endpoint(ask, backed, service, first, second)
    if service.headless and (ask.options.noendpoints or not backed.ready):
        return _unready(ask, backed, service)
    if not any(_is_asked(ask, port) for port in _declared(ask, backed, service)):
        return nxdomain(Reason.NO_SUCH_PORT, service.ref, request.port or "any", request.protocol or "any")
    rows = [row for row in _rows(ask, service, backed.ready) if _is_asked(ask, row.port)]
    return _records(ask, service, rows, Reason.SERVICE)


def _is_asked(ask: Ask, port: Port) -> bool:
    request = ask.request
    return request.port in {"", port.name.lower()} and request.protocol in {"", port.protocol.lower()}


def _zonal(ask: Ask, backed: Backed, service: Service) -> Answer:
    """`TZ.pin._zone` and `TZ.prefer._zone` (CoreDNS 1.14.7: plugin/kubernetes, zonal)."""
    if not ask.options.zonal or ask.multicluster:
        return nxdomain(Reason.NO_SUCH_NAME)
    if not service.headless:
        return nxdomain(Reason.NOT_HEADLESS, service.ref)
    if not backed.ready:
        return _unready(ask, backed, service)
    *zone, directive = ask.request.parts or ("",)
    if directive not in {"pin", "prefer"} and ask.request.parts:
        return nxdomain(Reason.NO_SUCH_NAME)
    if not zone:
        return nodata(Reason.ONLY_PARENT)
    wanted = ".".join(zone)
    near = [endpoint for endpoint in backed.ready if endpoint.zone.lower() == wanted]
    if not near and directive == "pin":
        return nodata(Reason.NOT_IN_ZONE, service.ref, wanted)
    return _records(ask, service, _rows(ask, service, near or backed.ready), Reason.SERVICE)


def _declared(ask: Ask, backed: Backed, service: Service) -> Iterator[Port]:
    """The ports that names of this Service can have."""
    if not service.headless:
        yield from service.ports
    elif not ask.options.noendpoints:
        for endpoint in backed.ready:
            yield from endpoint.ports


def _rows(ask: Ask, service: Service, ready: Iterable[Endpoint]) -> list[Row]:
    """Every address at every port: a cluster IP under the Service's name, an endpoint under its own."""
    if not service.headless:
        owner = service_name(service, ask.zone)
        ports = service.ports or (_NO_PORT,)
        return [Row(owner, address, port) for port in ports for address in service.addresses]
    pod_names = ask.options.endpoint_pod_names
    return [
        Row(endpoint_name(endpoint, address, service, ask.zone, pod_names=pod_names), address, port)
        for endpoint in ready
        for address in endpoint.addresses
        for port in endpoint.ports or (_NO_PORT,)
    ]


def _records(ask: Ask, service: Service, rows: Sequence[Row], reason: Reason) -> Answer:
    if not rows:
        return nodata(Reason.NO_CLUSTER_IP, service.ref)
    if ask.question.type == RRType.SRV:
        return _srv(ask, service, rows)
    return address_answer(ask, because(reason, service.ref), (row.address for row in rows), service.ref)


def _srv(ask: Ask, service: Service, rows: Sequence[Row]) -> Answer:
    """Equal shares of 100 for all rows, at least 1, counted before equal records fall together, as CoreDNS does."""
    declared = [row for row in rows if row.port is not _NO_PORT]
    if not declared:
        return nodata(Reason.NO_PORTS, service.ref)
    weight = max(1, 100 // len(rows))
    records = (srv(0, weight, row.port.port, row.target) for row in declared)
    targets = ((row.target, (row.address,)) for row in declared)
    answered = rrset(ask.question.name, RRType.SRV, ask.options.ttl, records)
    return found(because(Reason.SERVICE, service.ref), answered, additional=glue(ask, targets))
