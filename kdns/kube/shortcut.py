"""The answers that are asked for most, found without the ceremony of `resolve`: in a third of its time.

What is found is what `resolve` would answer. It finds nothing where anything is out of the ordinary, which is most of
what there is to know; then `resolve` knows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from kdns.kube.answer import FAMILY_OF
from kdns.kube.index import Backed, Index, ServiceKey, Touched
from kdns.kube.labels import SVC, endpoint_label, endpoint_name, service_name
from kdns.kube.objects import Endpoint, Service
from kdns.kube.options import IPV4, IPV6, Options, PtrPolicy
from kdns.kube.reason import Because, Reason
from kdns.proto.message import Question
from kdns.proto.name import ROOT, Name, labels
from kdns.proto.record import RRset, addresses, rrset, srv
from kdns.proto.reverse import Address, address_of
from kdns.proto.types import RRType

_TYPES = {IPV4: RRType.A, IPV6: RRType.AAAA}
_ZONAL = b"_zone"
_LONGEST = 150
"""Bytes of a name below which an endpoint's label always fits."""


class Short(NamedTuple):
    """An answer of NOERROR: `answer` is None where there is no data."""

    because: Because
    answer: RRset | None
    additional: tuple[RRset, ...]
    depends_on: frozenset[Hashable]


def service(question: Question, zone: Name, index: Index, options: Options) -> Short | None:
    """The answer to a question below a zone that is no reverse zone: for a Service, a port or an endpoint."""
    name, type = question.folded, question.type
    left = labels(name[: len(name) - len(zone)] + ROOT)
    if not 3 <= len(left) <= 5 or left[-1] != SVC or _ZONAL in left or len(name) > _LONGEST:
        return None
    key = left[-2].decode("latin-1"), left[-3].decode("latin-1")
    backed, namespace = index.services.get(key), index.namespaces.get(key[0])
    if backed is None or backed.service is None or namespace is None or not namespace.exposed:
        return None
    if backed.service.external_name or options.ignore_empty or zone in options.multicluster:
        return None
    if len(left) == 3 and type in FAMILY_OF:
        return _itself(question, backed, backed.service, key, options)
    if len(left) == 4 and type in FAMILY_OF:
        return _endpoint(question, backed, key, left[0].decode("latin-1"), options)
    if len(left) == 5 and type == RRType.SRV:
        return _port(question, backed, backed.service, key, left, options)
    return None


def pointer(question: Question, index: Index, options: Options) -> Short | None:
    """The answer to PTR in a reverse zone, for an address that one Service has."""
    address = address_of(question.folded) if question.type == RRType.PTR else None
    if address is None:
        return None
    owners = index.cluster_ips.owners[address]
    is_endpoint = not owners and not options.noendpoints
    if is_endpoint:
        owners = index.endpoint_ips.owners[address]
    if len(owners) != 1:
        return None
    (key,) = owners
    backed, namespace = index.services[key], index.namespaces.get(key[0])
    if backed.service is None or namespace is None or not namespace.exposed:
        return None
    target = service_name(backed.service, options.primary)
    if is_endpoint:
        endpoint = _with(address, backed.ready, options)
        below = endpoint and endpoint_name(endpoint, address, target, pod_names=options.endpoint_pod_names)
        if not below:
            return None
        target = below
    depends_on = frozenset((Touched.address(address), Touched.namespace(key[0])))
    return Short(_ADDRESS, RRset(question.name, RRType.PTR, options.ttl, (target,)), (), depends_on)


_ADDRESS = Because(Reason.ADDRESS)
_SERVICE = Because(Reason.SERVICE)
_ENDPOINT = Because(Reason.ENDPOINT)
"""What is not said, since there are records: which Service it is."""


def _with(address: Address, ready: Sequence[Endpoint], options: Options) -> Endpoint | None:
    """The endpoint with an address if there is one, and that may be pointed to."""
    found = [endpoint for endpoint in ready if address in endpoint.addresses]
    if len(found) != 1 or options.ptr is PtrPolicy.HOSTNAME:
        return None
    return found[0]


def _itself(question: Question, backed: Backed, service: Service, key: ServiceKey, options: Options) -> Short | None:
    family = FAMILY_OF[question.type]  # type: ignore[index]
    if family not in options.families:
        return None
    namespace = Touched.namespace(key[0])
    if not service.headless:
        known: Sequence[Address] = service.addresses
        depends_on = frozenset((Touched.itself(key), namespace))
    elif options.noendpoints:
        return None
    else:
        known = [address for endpoint in backed.ready for address in endpoint.addresses]
        depends_on = frozenset((Touched.service(key), namespace))
    asked = [address for address in known if len(address) == family]
    if len(asked) == 1:
        return Short(_SERVICE, RRset(question.name, question.type, options.ttl, (asked[0],)), (), depends_on)
    if asked:
        return Short(_SERVICE, addresses(question.name, options.ttl, asked), (), depends_on)
    return Short(Because(Reason.OTHER_FAMILY, (service.ref,)), None, (), depends_on) if known else None


def _endpoint(question: Question, backed: Backed, key: ServiceKey, label: str, options: Options) -> Short | None:
    if options.noendpoints:
        return None
    asked: list[Address] = []
    for endpoint in backed.ready:
        if endpoint.cluster:
            return None
        asked += [address for address in endpoint.addresses if _is_called(endpoint, address, label, options)]
    family = FAMILY_OF[question.type]  # type: ignore[index]
    if not asked or family not in options.families or any(len(address) != family for address in asked):
        return None
    depends_on = frozenset((Touched.service(key), Touched.namespace(key[0])))
    return Short(_ENDPOINT, addresses(question.name, options.ttl, asked), (), depends_on)


def _is_called(endpoint: Endpoint, address: Address, label: str, options: Options) -> bool:
    return endpoint_label(endpoint, address, pod_names=options.endpoint_pod_names).lower() == label


def _port(
    question: Question, backed: Backed, service: Service, key: ServiceKey, left: tuple[bytes, ...], options: Options
) -> Short | None:
    """SRV where one port of each has the name, and no two records of a family lead to the same target."""
    asked = tuple([label.removeprefix(b"_").decode("latin-1") for label in left[:2]])
    owner = service_name(service, question.folded[_size(left) :])
    rows = _rows_of_endpoints(backed, asked, owner, options) if service.headless else _rows(service, asked, owner)
    families = {len(address) for _, _, address in rows}
    if "" in asked or not rows or not families <= options.families:
        return None
    if len({(target, len(address)) for target, _, address in rows}) < len(rows):
        return None
    weight, ttl = max(1, 100 // len(rows)), options.ttl
    records = rrset(question.name, RRType.SRV, ttl, [srv(0, weight, port, target) for target, port, _ in rows])
    glue = tuple([RRset(target, _TYPES[len(address)], ttl, (address,)) for target, _, address in rows])
    touched = Touched.service(key) if service.headless else Touched.itself(key)
    return Short(_SERVICE, records, glue, frozenset((touched, Touched.namespace(key[0]))))


_Row = tuple[Name, int, Address]
"""Where an SRV record points: a target, its port and its address."""


def _rows(service: Service, asked: tuple[str, ...], owner: Name) -> list[_Row]:
    ports = [port.port for port in service.ports if (port.name.lower(), port.protocol.lower()) == asked]
    return [(owner, ports[0], address) for address in service.addresses] if len(ports) == 1 else []


def _rows_of_endpoints(backed: Backed, asked: tuple[str, ...], owner: Name, options: Options) -> list[_Row]:
    """None of these if any is not as usual."""
    rows: list[_Row] = []
    for endpoint in () if options.noendpoints else backed.ready:
        ports = [port.port for port in endpoint.ports if (port.name.lower(), port.protocol.lower()) == asked]
        if len(ports) != 1:
            return []
        for address in endpoint.addresses:
            target = endpoint_name(endpoint, address, owner, pod_names=options.endpoint_pod_names)
            if target is None:
                return []
            rows.append((target, ports[0], address))
    return rows


def _size(left: tuple[bytes, ...]) -> int:
    return sum(map(len, left)) + len(left)
