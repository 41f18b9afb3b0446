"""What the controllers ask about a Pod, and addresses for Pods that have none."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kdns.kube import schema
from kdns.kube.control import Settings
from kdns.kube.controllers.addresses import Address, Family, Range, family_of, parsed, placed
from kdns.kube.controllers.given import given, pod_ips
from kdns.kube.controllers.identity import Identity, identity
from kdns.kube.document import Document, Origin, Problem
from kdns.kube.schema import replaced


def pods_of(documents: Iterable[Document]) -> Iterator[tuple[Document, schema.Pod]]:
    """The Pods among the documents that have a name."""
    for document in documents:
        if isinstance(document.shape, schema.Pod) and document.name:
            yield document, document.shape


def finished(pod: schema.Pod) -> bool:
    """Whether it has ended for good."""
    return pod.status is not None and pod.status.phase in {"Succeeded", "Failed"}


def terminating(pod: schema.Pod) -> bool:
    """Whether it is on its way out."""
    return pod.metadata.deletion_timestamp is not None


def active(pod: schema.Pod) -> bool:
    """Whether it counts as a replica (kubernetes: pkg/controller/controller_utils.go, IsPodActive)."""
    return not finished(pod) and not terminating(pod)


def ready(pod: schema.Pod) -> bool:
    """Its Ready condition; without one, whether it runs, which a Pod whose status says nothing does."""
    status = pod.status or schema.PodStatus()
    for condition in status.conditions or ():
        if condition.type == "Ready":
            return condition.status == "True"
    return status.phase in {None, "", "Running"}


def controller_of(metadata: schema.Metadata) -> tuple[str, str] | None:
    """Kind and name of what controls an object; None if it is nobody's."""
    for owner in metadata.owner_references or ():
        if owner.controller:
            return owner.kind, owner.name
    return None


def give_pod_ips(documents: Sequence[Document], settings: Settings) -> tuple[list[Document], list[Problem]]:
    """The documents, in which each Pod that needs addresses has one of each family of the Pods' ranges.

    Those with any address of their own and those that have ended are left as they are. Those of the host's
    network have its addresses where the documents tell them. A full range is one problem for all the
    Pods of one origin.
    """
    nodes = {each.name: each.shape for each in documents if isinstance(each.shape, schema.Node)}
    waiting = {identity(each): (each, pod) for each, pod in pods_of(documents) if _needs_addresses(pod)}
    shared = {key: theirs for key, (_, pod) in waiting.items() if (theirs := _of_the_host(pod, nodes))}
    filled = {key: _filled(*waiting.pop(key), addresses) for key, addresses in shared.items()}
    taken = given(documents)
    got: dict[Identity, list[Address]] = defaultdict(list)
    problems: list[Problem] = []
    for family, ranges in _ranges(settings).items():
        found = placed(ranges, [(family.value, *key[1:]) for key in waiting], taken)
        for (_, namespace, name), address in found.items():
            got["Pod", namespace, name].append(address)
        without = [each.origin for key, (each, _) in waiting.items() if (family.value, *key[1:]) not in found]
        problems += _full(without, family, ranges)
    filled |= {key: _filled(*waiting[key], mine) for key, mine in got.items()}
    return [filled.get(identity(each), each) if each.name else each for each in documents], problems


def _needs_addresses(pod: schema.Pod) -> bool:
    return not pod_ips(pod.status) and not finished(pod)


def _of_the_host(pod: schema.Pod, nodes: Mapping[str, schema.Node]) -> list[Address]:
    """The addresses that a Pod shares with its host, as its status or its Node tells them."""
    spec, status = pod.spec or schema.PodSpec(), pod.status or schema.PodStatus()
    if not spec.host_network:
        return []
    node = nodes.get(spec.node_name or "")
    told = [each.ip for each in status.host_ips or ()] or [each for each in (status.host_ip,) if each]
    known = (node and node.status and node.status.addresses) or ()
    texts = told or [each.address for each in known if each.type == "InternalIP"]
    return [found for text in texts if (found := parsed(text)) is not None]


def _ranges(settings: Settings) -> dict[Family, list[Range]]:
    """The Pods' ranges by family, in the order in which the families are first named."""
    ranges: dict[Family, list[Range]] = {}
    for network in settings.pod_cidrs:
        ranges.setdefault(family_of(network), []).append(Range(network))
    return ranges


def _full(origins: Iterable[Origin], family: Family, ranges: Iterable[Range]) -> Iterator[Problem]:
    full = ", ".join(str(each.network) for each in ranges)
    for origin, count in Counter(origins).items():
        yield Problem(origin, f"{count} Pod(s) without an {family} address: {full} is full")


def _filled(document: Document, pod: schema.Pod, addresses: Sequence[Address]) -> Document:
    ips = [schema.PodIP(ip=str(address)) for address in addresses]
    status = replaced(pod.status or schema.PodStatus(), pod_ip=ips[0].ip, pod_ips=ips)
    return document._replace(shape=replaced(pod, status=status))
