"""The addresses that documents give, so that none of them is given to anything else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kdns.kube import schema
from kdns.kube.control import Network
from kdns.kube.controllers.addresses import Address, parsed
from kdns.kube.document import Document


def given(documents: Iterable[Document]) -> set[Address]:
    """Cluster IPs, Pods' addresses and those of endpoints; a text that is no address is none."""
    texts = {text for document in documents for text in _texts(document.shape)}
    return {address for text in texts if (address := parsed(text)) is not None}


def giving(documents: Iterable[Document], ranges: Sequence[Network]) -> list[Document]:
    """The documents that give an address out of one of these ranges."""
    return [each for each in documents if any(address in network for address in given([each]) for network in ranges)]


def _texts(shape: schema.Shaped) -> Iterator[str]:
    match shape:
        case schema.Service():
            yield from cluster_ips(shape.spec)
        case schema.Pod():
            yield from pod_ips(shape.status)
        case schema.EndpointSlice():
            for endpoint in shape.endpoints or ():
                yield from endpoint.addresses or ()
        case schema.Endpoints():
            for subset in shape.subsets or ():
                for each in (*(subset.addresses or ()), *(subset.not_ready_addresses or ())):
                    yield each.ip
        case schema.ServiceImport():
            yield from (shape.spec and shape.spec.ips) or ()


def cluster_ips(spec: schema.ServiceSpec | None) -> list[str]:
    """`clusterIPs`, or `clusterIP` where there is no list, as written; a headless one has `None`."""
    if spec is None:
        return []
    return [text for text in spec.cluster_ips or [spec.cluster_ip or ""] if text]


def pod_ips(status: schema.PodStatus | None) -> list[str]:
    """`podIPs`, or `podIP` where there is no list, as written."""
    if status is None:
        return []
    texts = [each.ip for each in status.pod_ips or ()]
    return [text for text in texts or [status.pod_ip or ""] if text]
