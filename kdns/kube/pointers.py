"""Answers in the reverse trees (specification §2.3.3 and §2.4.3).

A cluster IP names its Service; an endpoint's address names the endpoint in every Service that has
it. Names between (`0.10.in-addr.arpa`) exist when an address lies below them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from kdns.kube import apex
from kdns.kube.answer import Answer, Ask, Seen, found, nodata, nxdomain
from kdns.kube.index import Backed, Prefixes, ServiceKey, Touched
from kdns.kube.labels import endpoint_name, service_name
from kdns.kube.objects import Kind, Ref
from kdns.kube.options import PtrPolicy
from kdns.kube.reason import Reason, because
from kdns.proto.name import Name
from kdns.proto.record import rrset
from kdns.proto.reverse import Address, address_of, prefix_of
from kdns.proto.types import RRType

_OF_ZONE = frozenset({RRType.SOA, RRType.NS})


def answer(ask: Ask) -> Answer:
    """The answer to a name in a reverse zone."""
    address = address_of(ask.question.folded)
    # The zone of one address alone (10.0.0.1/32) has its PTR at the apex.
    if ask.question.folded == ask.zone and (address is None or ask.question.type in _OF_ZONE):
        return apex.zone_itself(ask)
    if address is not None:
        return _pointer(ask, address)
    prefix = prefix_of(ask.question.folded)
    if prefix is None:
        return nxdomain(Reason.NO_SUCH_ADDRESS)
    key = Prefixes.key(*prefix)
    endpoints = not ask.options.noendpoints and key in ask.index.endpoint_ips.prefixes
    known = endpoints or key in ask.index.cluster_ips.prefixes
    return (nodata(Reason.ONLY_PARENT) if known else nxdomain(Reason.NO_SUCH_ADDRESS)).after((), [Touched.prefix(key)])


def _pointer(ask: Ask, address: Address) -> Answer:
    keys: set[Hashable] = {Touched.address(address)}
    owners = list(_owners(ask, address, keys))
    looked_at = [Seen(Ref(Kind.SERVICE, *key)) for key, _ in owners]
    targets = [target for _, names in owners for target in names]
    if not targets:
        missing = nxdomain(Reason.NO_SUCH_ADDRESS) if ask.question.folded != ask.zone else apex.zone_itself(ask)
        return missing.after(looked_at, keys)
    if ask.question.type != RRType.PTR:
        return nodata(Reason.NO_SUCH_TYPE, "the address").after(looked_at, keys)
    if ask.options.ptr is PtrPolicy.FIRST:
        del targets[1:]
    records = rrset(ask.question.name, RRType.PTR, ask.options.ttl, targets)
    return found(because(Reason.ADDRESS, looked_at[0].ref), records).after(looked_at, keys)


def _owners(ask: Ask, address: Address, keys: set[Hashable]) -> Iterator[tuple[ServiceKey, list[Name]]]:
    """The Services that have the address, with the names it has in each; a cluster IP has one name only."""
    for key in _exposed(ask, ask.index.cluster_ips.owners[address], keys):
        service = ask.index.services[key].service
        if service is not None:
            yield key, [service_name(service, ask.options.primary)]
            return
    if ask.options.noendpoints:
        return
    for key in _exposed(ask, ask.index.endpoint_ips.owners[address], keys):
        if names := _names(ask, ask.index.services[key], address):
            yield key, names


def _exposed(ask: Ask, owners: tuple[ServiceKey, ...], keys: set[Hashable]) -> Iterator[ServiceKey]:
    for key in owners:
        keys.add(Touched.namespace(key[0]))
        namespace = ask.index.namespaces.get(key[0])
        if namespace is not None and namespace.exposed:
            yield key


def _names(ask: Ask, backed: Backed, address: Address) -> list[Name]:
    service, options = backed.service, ask.options
    if service is None:
        return []
    owner = service_name(service, options.primary)
    names = (
        endpoint_name(endpoint, address, owner, pod_names=options.endpoint_pod_names)
        for endpoint in backed.ready
        if address in endpoint.addresses and (endpoint.hostname or options.ptr is not PtrPolicy.HOSTNAME)
    )
    return [name for name in names if name is not None]
