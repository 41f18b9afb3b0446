"""The answers that are asked for most, found without the ceremony of `resolve`: in a fifth of its time.

What is found is what `resolve` would answer. Nothing is found where anything is out of
the ordinary, which is most of what there is to know; then `resolve` knows. What a zone's settings make extraordinary
as a whole is for `is_short` to say.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from struct import Struct

from kdns.kube.index import Backed, Index, Touched
from kdns.kube.labels import SVC, endpoint_label, endpoint_name, labelled, service_name
from kdns.kube.objects import Endpoint, Service
from kdns.kube.options import IPV4, IPV6, Options, PtrPolicy
from kdns.kube.reason import Because, Reason
from kdns.kube.targets import number_of, targets
from kdns.proto.brief import Brief
from kdns.proto.name import MAX_LABEL, MAX_NAME, Name
from kdns.proto.reverse import Address
from kdns.proto.types import RRType

_ZONAL = b"_zone"
_LABELS_OF_SERVICE, _LABELS_OF_ENDPOINT, _LABELS_OF_PORT = 3, 4, 5
_LONGEST = MAX_NAME - 1 - MAX_LABEL
"""Bytes of a Service's name below which every endpoint's label fits."""
_SRV = Struct("!HHH").pack
_FAMILY_OF = {int(RRType.A): IPV4, int(RRType.AAAA): IPV6}
_SRV_TYPE = int(RRType.SRV)
_ALL = 100
"""Of weights: what the targets share."""


def is_short(zone: Name, options: Options) -> bool:
    """Whether the answers below a zone can be found here."""
    return not options.ignore_empty and zone not in options.multicluster


def service(
    name: Name, left: Sequence[bytes], type: int, zone: Name, index: Index, options: Options, *, told: bool
) -> Brief | None:
    """The answer to a name below a zone that is no reverse zone: for a Service, a port or an endpoint.

    All is folded. `left` are the name's labels before the zone; `told` is whether to say why there is no data.
    """
    count = len(left)
    if not _LABELS_OF_SERVICE <= count <= _LABELS_OF_PORT or left[-1] != SVC:
        return None
    space = left[-2].decode("latin-1")
    key = space, left[-3].decode("latin-1")
    backed, namespace = index.services.get(key), index.namespaces.get(space)
    if backed is None or namespace is None or not namespace.exposed:
        return None
    found = backed.service
    if found is None or found.external_name:
        return None
    if count == _LABELS_OF_PORT:
        if type != _SRV_TYPE or left[1] == _ZONAL:
            return None
        cut = 2 + len(left[0]) + len(left[1])
        owner = name[cut:] if key == (found.namespace, found.name) else service_name(found, zone)
        return _port(left, owner, cut, backed, found, options)
    family = _FAMILY_OF.get(type)
    if family is None or family not in options.families:
        return None
    if count == _LABELS_OF_SERVICE:
        return _itself(family, backed, found, options, told=told)
    if left[0] == _ZONAL or len(name) > _LONGEST:
        return None
    return _endpoint(left[0].decode("latin-1"), family, backed, options)


def keys_of(left: Sequence[bytes], index: Index) -> frozenset[Hashable]:
    """What an answer that `service` finds depends on."""
    key = left[-2].decode("latin-1"), left[-3].decode("latin-1")
    service = index.services[key].service
    alone = service is not None and not service.headless and len(left) != _LABELS_OF_ENDPOINT
    return frozenset((Touched.itself(key) if alone else Touched.service(key), Touched.namespace(key[0])))


def _itself(family: int, backed: Backed, service: Service, options: Options, *, told: bool) -> Brief | None:
    known: Sequence[Address] = service.addresses
    if service.headless:
        known = [address for endpoint in backed.ready for address in endpoint.addresses]
    if not known or (service.headless and options.noendpoints):
        return None
    if len(known) == 1:
        asked = known if len(known[0]) == family else ()
    else:
        asked = tuple(dict.fromkeys([address for address in known if len(address) == family]))
    if asked:
        return Brief(Reason.SERVICE, asked)
    reason = Reason.OTHER_FAMILY
    return Brief(reason, (), ede=Because(reason, (service.ref,)).ede if told and options.ede else None)


def _endpoint(label: str, family: int, backed: Backed, options: Options) -> Brief | None:
    """The addresses of those that are called so; of one family."""
    if options.noendpoints:
        return None
    asked: list[Address] = []
    address = labelled(label)
    for endpoint in backed.ready:
        if endpoint.cluster:
            return None
        if endpoint.hostname or options.endpoint_pod_names or address is None:
            asked += [each for each in endpoint.addresses if _is_called(endpoint, each, label, options)]
        elif address in endpoint.addresses:
            asked.append(address)
    if set(map(len, asked)) != {family}:
        return None
    return Brief(Reason.ENDPOINT, asked if len(asked) == 1 else tuple(dict.fromkeys(asked)))


def _is_called(endpoint: Endpoint, address: Address, label: str, options: Options) -> bool:
    return endpoint_label(endpoint, address, pod_names=options.endpoint_pod_names).lower() == label


def _port(
    left: Sequence[bytes], owner: Name, cut: int, backed: Backed, service: Service, options: Options
) -> Brief | None:
    """SRV where one port of each has the name."""
    port, protocol = left[0].removeprefix(b"_").decode("latin-1"), left[1].removeprefix(b"_").decode("latin-1")
    if not port or not protocol:
        return None
    if service.headless:
        return _targets(port, protocol, left, owner, cut, backed, options)
    known, number = service.addresses, number_of(service.ports, port, protocol)
    families = set(map(len, known))
    if number is None or not known or len(families) < len(known) or not families <= options.families:
        return None
    glue = [(b"", address) for address in known]
    return Brief(Reason.SERVICE, (_SRV(0, _ALL // len(known), number) + owner,), glue, cut)


def _targets(
    port: str, protocol: str, left: Sequence[bytes], owner: Name, cut: int, backed: Backed, options: Options
) -> Brief | None:
    found = targets(backed.ready, port, protocol, owner, options) if not options.noendpoints else None
    if found is None or left[1] in found.labels:  # one that is above the question's name is compressed as a whole
        return None
    start = _SRV(0, max(1, _ALL // len(found.heads)), found.port)
    rdatas = [start + head + owner for head in found.heads]
    return Brief(Reason.SERVICE, rdatas, list(zip(found.heads, found.addresses, strict=True)), cut)


def pointer(address: Address, index: Index, options: Options) -> Brief | None:
    """The answer to PTR at the name of an address that one Service has."""
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
    target: Name | None = service_name(backed.service, options.primary)
    if is_endpoint and target is not None:
        endpoint = _with(address, backed.ready, options)
        target = endpoint and endpoint_name(endpoint, address, target, pod_names=options.endpoint_pod_names)
    return Brief(Reason.ADDRESS, (target,)) if target else None


def pointer_keys(address: Address, index: Index) -> frozenset[Hashable]:
    """What an answer that `pointer` finds depends on."""
    ((space, _),) = index.cluster_ips.owners[address] or index.endpoint_ips.owners[address]
    return frozenset((Touched.address(address), Touched.namespace(space)))


def _with(address: Address, ready: Sequence[Endpoint], options: Options) -> Endpoint | None:
    """The endpoint with an address if there is one, and that may be pointed to."""
    found = [endpoint for endpoint in ready if address in endpoint.addresses]
    if len(found) != 1 or options.ptr is PtrPolicy.HOSTNAME:
        return None
    return found[0]
