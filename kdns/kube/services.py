"""Answers about Services: by name, by endpoint, by port, by topology zone (specification §2.3 and §2.4).

A name exists when at least one ready endpoint, port or cluster IP stands behind it; which address
family that is matters only for whether there are records (NODATA, never NXDOMAIN).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from kdns.kube import externals
from kdns.kube.answer import (
    TYPE_OF,
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
from kdns.kube.labels import dashed, endpoint_name
from kdns.kube.names import Form
from kdns.kube.objects import Endpoint, Kind, Port, Ref, Service, state
from kdns.kube.reason import Because, Reason, because
from kdns.kube.targets import Targets, targets
from kdns.proto.name import Name
from kdns.proto.record import RRset, rrset, srv
from kdns.proto.reverse import Address
from kdns.proto.types import RRType

NO_PORT = Port("", -1, "")
_ALL = 100
"""Of weights: what the targets share."""


class Row(NamedTuple):
    """One address at one port: of an endpoint, or of the Service itself. `port` is -1 where none is declared."""

    endpoint: Endpoint | None
    address: Address
    port: Port


def answer(ask: Ask, follow: Callable[[Ask, Name], Answer | None]) -> Answer:
    """The answer to a name at or below a Service. `follow` resolves an alias's target inside the zone."""
    return where_it_exists(ask, lambda backed, service: existing(ask, backed, service, follow))


def where_it_exists(ask: Ask, of: Callable[[Backed, Service], Answer]) -> Answer:
    """What `of` says of the Service that is asked for; why not, where there is none to be asked for."""
    request = ask.request
    key: ServiceKey = (request.namespace, request.service)
    keys = {Touched.imported(key) if ask.multicluster else Touched.service(key)} | namespace_keys(ask)
    refused = refused_namespace(ask)
    if refused is not None:
        return refused.after((), keys)
    kind = Kind.IMPORT if ask.multicluster else Kind.SERVICE
    backed = (ask.index.imports if ask.multicluster else ask.index.services).get(key)
    if backed is None:
        missing = nxdomain(Reason.NO_SUCH_SERVICE, request.namespace, kind, request.service)
        return missing.after([Seen(Ref(kind, *key), False)], keys)
    looked_at = [seen(backed, kind, *key)]
    if backed.service is None:
        source = backed.sources[0]
        return nxdomain(Reason.SERVICE_MISSING, source).after(looked_at, keys)
    if not ask.multicluster and _stands_alone(ask, backed.service):
        keys = {Touched.itself(key)} | namespace_keys(ask)
    return of(backed, backed.service).after(looked_at, keys)


def _stands_alone(ask: Ask, service: Service) -> bool:
    """Whether endpoints do not matter: for the names of a Service with cluster IPs, and of its ports.

    So the answers that are given most outlive all changes of the Pods behind them.
    """
    if service.headless or service.external_name or ask.options.ignore_empty:
        return False
    return ask.request.form in {Form.SERVICE, Form.PORT}


def existing(ask: Ask, backed: Backed, service: Service, follow: Callable[[Ask, Name], Answer | None]) -> Answer:
    """The answer to a name at or below a Service that exists."""
    if service.external_name:
        if ask.request.form is Form.SERVICE:
            return externals.answer(ask, service, follow)
        return nxdomain(Reason.NO_SUCH_NAME)
    if _is_ignored(ask, backed, service):
        return nxdomain(Reason.EMPTY_IGNORED, _ref(ask, service))
    return by_form(ask, backed, service)


def by_form(ask: Ask, backed: Backed, service: Service) -> Answer:
    """The answer out of its cluster IPs or its endpoints, whichever the name asks for."""
    match ask.request.form:
        case Form.SERVICE:
            return _service(ask, backed, service)
        case Form.ENDPOINT:
            return _endpoint(ask, backed, service)
        case Form.PORT:
            return _port(ask, backed, service)
        case Form.ZONAL:
            return _zonal(ask, backed, service)
    return nxdomain(Reason.NO_SUCH_NAME)


def _is_ignored(ask: Ask, backed: Backed, service: Service) -> bool:
    """`ignore empty_service`: a ClusterIP Service without ready endpoints, and all names below it."""
    return ask.options.ignore_empty and not service.headless and not backed.ready


def _ref(ask: Ask, service: Service) -> Ref:
    """Which object it is: a ServiceImport is answered from as a Service is."""
    return service.ref._replace(kind=Kind.IMPORT) if ask.multicluster else service.ref


def _service(ask: Ask, backed: Backed, service: Service) -> Answer:
    if service.headless and (ask.options.noendpoints or not backed.ready):
        return _unready(ask, backed, service)
    if ask.question.type == RRType.SRV:
        return _records(ask, service, _rows(service, backed.ready), Reason.SERVICE)
    return _addresses(ask, service, _known(service, backed.ready), Reason.SERVICE)


def _unready(ask: Ask, backed: Backed, service: Service) -> Answer:
    """A headless Service without ready endpoints does not exist (specification §2.4.1)."""
    if ask.options.noendpoints:
        return nxdomain(Reason.ENDPOINTS_OFF)
    if not backed.endpoints:
        return nxdomain(Reason.NO_ENDPOINTS, _ref(ask, service))
    return nxdomain(Reason.NOT_READY, _ref(ask, service), unready_count(backed.endpoints))


def unready_count(endpoints: Iterable[Endpoint]) -> str:
    """`2 not ready, 1 terminating`."""
    counts = Counter(map(state, endpoints))
    return ", ".join(f"{counts[word]} {word}" for word in ("not ready", "terminating") if counts[word])


def _endpoint(ask: Ask, backed: Backed, service: Service) -> Answer:
    ref, label = _ref(ask, service), ".".join(ask.request.parts)
    called = [] if ask.options.noendpoints else list(_called(ask, service, backed.endpoints))
    ready = [(endpoint, address) for endpoint, address in called if endpoint.ready]
    if ready:
        rows = [Row(each, address, port) for each, address in ready for port in each.ports or (NO_PORT,)]
        return _records(ask, service, rows, Reason.ENDPOINT)
    if _is_parent(ask, backed, service, label):
        return nodata(Reason.ONLY_PARENT)
    if ask.options.noendpoints:
        return nxdomain(Reason.ENDPOINTS_OFF)
    if called:
        return nxdomain(Reason.ENDPOINT_NOT_READY, label, ref, state(called[0][0]))
    return nxdomain(Reason.NO_SUCH_ENDPOINT, ref, label)


def _called(ask: Ask, service: Service, endpoints: Iterable[Endpoint]) -> Iterator[tuple[Endpoint, Address]]:
    """The endpoints, each with its address, whose name is asked for.

    A look at the label comes first: making the name of each endpoint of many takes its time.
    """
    owner, label = ask.owner(service), ask.request.parts[0]
    for each in endpoints:
        for address in each.addresses:
            if label in {each.hostname.lower(), each.target.lower(), dashed(address)}:
                name = endpoint_name(each, address, owner, pod_names=ask.options.endpoint_pod_names)
                if name is not None and name.lower() == ask.question.folded:
                    yield each, address


def _is_parent(ask: Ask, backed: Backed, service: Service, label: str) -> bool:
    """Whether `label` has names below it (RFC 8020): those of a protocol's ports, or of a cluster's endpoints."""
    protocol = label.removeprefix("_")
    if any(protocol in {"", port.protocol.lower()} for port in declared(ask, backed, service)):
        return True
    return not ask.options.noendpoints and any(each.cluster.lower() == label for each in backed.ready)


def _port(ask: Ask, backed: Backed, service: Service) -> Answer:
    request = ask.request
    if ask.multicluster and request.may_name_cluster:
        return _endpoint(ask, backed, service)
    if service.headless and (ask.options.noendpoints or not backed.ready):
        return _unready(ask, backed, service)
    if service.headless and ask.question.type == RRType.SRV:
        owner = ask.owner(service)
        if usual := targets(backed.ready, request.port, request.protocol, owner, ask.options):
            return _usual(ask, service, owner, usual)
    if not any(is_asked(ask, port) for port in declared(ask, backed, service)):
        return nxdomain(Reason.NO_SUCH_PORT, _ref(ask, service), request.port or "any", request.protocol or "any")
    rows = [row for row in _rows(service, backed.ready) if is_asked(ask, row.port)]
    return _records(ask, service, rows, Reason.SERVICE)


def _usual(ask: Ask, service: Service, owner: Name, found: Targets) -> Answer:
    """What `srv_answer` says of the same, in a third of the time."""
    names = [head + owner for head in found.heads]
    start, ttl = srv(0, max(1, _ALL // len(names)), found.port, b""), ask.options.ttl
    records = RRset(ask.question.name, RRType.SRV, ttl, tuple([start + name for name in names]))
    known = zip(names, found.addresses, strict=True)
    glued = tuple([RRset(name, TYPE_OF[len(address)], ttl, (address,)) for name, address in known])
    return Answer(because(Reason.SERVICE, _ref(ask, service)), answer=(records,), additional=glued)


def is_asked(ask: Ask, port: Port) -> bool:
    """Whether a port is one of those that the name stands for."""
    request = ask.request
    return request.port in {"", port.name.lower()} and request.protocol in {"", port.protocol.lower()}


def _zonal(ask: Ask, backed: Backed, service: Service) -> Answer:
    """`TZ.pin._zone` and `TZ.prefer._zone` (CoreDNS 1.14.7: plugin/kubernetes, zonal)."""
    if not ask.options.zonal or ask.multicluster:
        return nxdomain(Reason.NO_SUCH_NAME)
    if not service.headless:
        return nxdomain(Reason.NOT_HEADLESS, _ref(ask, service))
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
        return nodata(Reason.NOT_IN_ZONE, _ref(ask, service), wanted)
    return _records(ask, service, _rows(service, near or backed.ready), Reason.SERVICE)


def declared(ask: Ask, backed: Backed, service: Service) -> Iterator[Port]:
    """The ports that names of this Service can have."""
    if not service.headless:
        yield from service.ports
    elif not ask.options.noendpoints:
        for endpoint in backed.ready:
            yield from endpoint.ports


def _rows(service: Service, ready: Iterable[Endpoint]) -> list[Row]:
    """Every cluster IP, or every endpoint's address, at every port."""
    if not service.headless:
        ports = service.ports or (NO_PORT,)
        return [Row(None, address, port) for port in ports for address in service.addresses]
    return [
        Row(endpoint, address, port)
        for endpoint in ready
        for address in endpoint.addresses
        for port in endpoint.ports or (NO_PORT,)
    ]


def _known(service: Service, ready: Iterable[Endpoint]) -> Sequence[Address]:
    """The addresses of those rows: there may be a thousand endpoints, and their ports tell nothing here."""
    return [ip for endpoint in ready for ip in endpoint.addresses] if service.headless else service.addresses


def _records(ask: Ask, service: Service, rows: Sequence[Row], reason: Reason) -> Answer:
    if ask.question.type != RRType.SRV or not rows:
        return _addresses(ask, service, [row.address for row in rows], reason)
    return srv_answer(ask, ask.owner(service), rows, because(reason, _ref(ask, service)))


def _addresses(ask: Ask, service: Service, known: Sequence[Address], reason: Reason) -> Answer:
    ref = _ref(ask, service)
    return address_answer(ask, because(reason, ref), known, ref) if known else nodata(Reason.NO_CLUSTER_IP, ref)


def srv_answer(ask: Ask, service: Name, rows: Sequence[Row], reason: Because) -> Answer:
    """Equal shares of 100 for all rows, at least 1, counted before equal records fall together, as CoreDNS does.

    A target that has no address of a family that is shown here would lead nowhere.
    """
    shown = [row for row in rows if len(row.address) in ask.options.families]
    if not shown:
        return nodata(Reason.FAMILY_OFF, *reason.about)
    declared = [row for row in shown if row.port is not NO_PORT]
    if not declared:
        return nodata(Reason.NO_PORTS, *reason.about)
    named = [(target, row) for row in declared if (target := _target(ask, service, row)) is not None]
    if not named:
        return nodata(Reason.NO_SUCH_TYPE, *reason.about)
    weight = max(1, _ALL // len(shown))
    records = (srv(0, weight, row.port.port, target) for target, row in named)
    answered = rrset(ask.question.name, RRType.SRV, ask.options.ttl, records)
    return found(reason, answered, additional=glue(ask, [(target, (row.address,)) for target, row in named]))


def _target(ask: Ask, service: Name, row: Row) -> Name | None:
    """Where a row's SRV record points, in the letters of the object; None where the name would be too long."""
    if row.endpoint is None:
        return service
    return endpoint_name(row.endpoint, row.address, service, pod_names=ask.options.endpoint_pod_names)
