"""EndpointSlices for Services with a selector, as the endpoint slice controller makes them.

Kubernetes: staging/src/k8s.io/endpointslice (reconciler.go, utils.go), with two differences. A
slice holds any number of endpoints, as nothing here is watched by thousands of nodes. A Pod on a
Node that the documents do not hold is an endpoint all the same, as most folders hold no Nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kdns.kube import schema
from kdns.kube.control import Settings
from kdns.kube.controllers.addresses import Family, family_of, parsed
from kdns.kube.controllers.clusterips import HEADLESS
from kdns.kube.controllers.families import of_endpoints
from kdns.kube.controllers.given import cluster_ips, pod_ips
from kdns.kube.controllers.identity import in_order, made_from
from kdns.kube.controllers.labelled import Labelled, labels_of
from kdns.kube.controllers.names import generated
from kdns.kube.controllers.pods import finished, pods_of, ready, terminating
from kdns.kube.controllers.ports import Ports, ports_of
from kdns.kube.document import Document
from kdns.kube.selectors import from_labels

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
HEADLESS_LABEL = "service.kubernetes.io/headless"
ZONE_LABEL = "topology.kubernetes.io/zone"
_CONTROLLER = "endpointslice-controller.k8s.io"
_RESERVED = frozenset({SERVICE_NAME_LABEL, MANAGED_BY_LABEL, HEADLESS_LABEL})


class _Member(NamedTuple):
    """A Pod of a Service, with the ports at which it serves it."""

    document: Document
    pod: schema.Pod
    ports: Ports


def make_slices(documents: Sequence[Document], settings: Settings) -> list[Document]:
    """The slices of the Services that have a selector and neither slices nor an Endpoints object.

    One for each family of the Service and each distinct list of ports among its Pods; one without
    endpoints for a family that would have none.
    """
    pods = Labelled(in_order(document for document, pod in pods_of(documents) if not finished(pod)))
    zones = {each.name: labels_of(each).get(ZONE_LABEL) for each in documents if each.kind == "Node"}
    names = {(each.namespace, each.name) for each in documents if each.kind == "EndpointSlice"}
    made: list[Document] = []
    for document, service in _services(documents):
        spec = service.spec or schema.ServiceSpec()
        found = pods.select(document.namespace, from_labels(spec.selector or {}))
        members = [_Member(each, pod, ports_of(spec, pod)) for each, pod in pods_of(found)]
        for family in of_endpoints(spec, settings):
            groups = _grouped(document, spec, members, family, zones)
            made += [_slice(document, spec, family, *group, names) for group in groups]
    return made


def _services(documents: Sequence[Document]) -> Iterator[tuple[Document, schema.Service]]:
    """The Services whose endpoints are to be found, in an order that does not change."""
    covered = _covered(documents)
    for document in in_order(documents):
        service = document.shape
        if not isinstance(service, schema.Service) or service.spec is None or not document.name:
            continue
        asks = service.spec.selector and service.spec.type != "ExternalName"
        if asks and (document.namespace, document.name) not in covered:
            yield document, service


def _covered(documents: Iterable[Document]) -> set[tuple[str, str]]:
    """Namespace and name of the Services whose endpoints are in the documents."""
    found: set[tuple[str, str]] = set()
    for document in documents:
        if document.kind == "Endpoints":
            found.add((document.namespace, document.name))
        elif document.kind == "EndpointSlice":
            found.add((document.namespace, labels_of(document).get(SERVICE_NAME_LABEL, "")))
    return found


def _grouped(
    service: Document,
    spec: schema.ServiceSpec,
    members: Iterable[_Member],
    family: Family,
    zones: Mapping[str, str | None],
) -> list[tuple[Ports, list[schema.SliceEndpoint]]]:
    """The endpoints of one family, by the ports that they share."""
    groups: dict[Ports, list[schema.SliceEndpoint]] = {}
    for member in members:
        addresses = _addresses(member.pod, family)
        if addresses:
            endpoint = _endpoint(service, spec, member, addresses, zones)
            groups.setdefault(member.ports, []).append(endpoint)
    return sorted(groups.items()) or [((), [])]


def _addresses(pod: schema.Pod, family: Family) -> list[str]:
    addresses = [parsed(text) for text in pod_ips(pod.status)]
    return [str(each) for each in addresses if each is not None and family_of(each) is family]


def _endpoint(
    service: Document,
    spec: schema.ServiceSpec,
    member: _Member,
    addresses: list[str],
    zones: Mapping[str, str | None],
) -> schema.SliceEndpoint:
    serving, leaving = ready(member.pod), terminating(member.pod)
    pod = member.pod.spec or schema.PodSpec()
    return schema.SliceEndpoint(
        addresses=addresses,
        conditions=schema.Conditions(
            ready=bool(spec.publish_not_ready_addresses) or (serving and not leaving),
            serving=serving,
            terminating=leaving,
        ),
        hostname=pod.hostname if pod.hostname and pod.subdomain == service.name else None,
        target_ref=schema.TargetRef(kind="Pod", name=member.document.name, namespace=member.document.namespace),
        node_name=pod.node_name or None,
        zone=zones.get(pod.node_name or "") or None,
    )


def _slice(
    service: Document,
    spec: schema.ServiceSpec,
    family: Family,
    ports: Ports,
    endpoints: list[schema.SliceEndpoint],
    names: set[tuple[str, str]],
) -> Document:
    """A slice with a name that is not among `names`, and then is."""
    where = service.namespace
    prefix = f"{service.name}-"
    name = generated(prefix, where, family.value, ports, taken=lambda candidate: (where, candidate) in names)
    names.add((where, name))
    shape = schema.EndpointSlice(
        metadata=schema.Metadata(
            name=name,
            namespace=where,
            labels=_labels(service, spec),
            owner_references=[schema.OwnerReference(kind="Service", name=service.name, controller=True)],
        ),
        address_type=family.value,
        endpoints=endpoints,
        ports=[schema.EndpointPort(port=each.port, name=each.name, protocol=each.protocol) for each in ports],
    )
    return Document("EndpointSlice", shape, made_from(service))


def _labels(service: Document, spec: schema.ServiceSpec) -> dict[str, str]:
    """The Service's own, and those by which the slice is found."""
    labels = {key: value for key, value in labels_of(service).items() if key not in _RESERVED}
    if cluster_ips(spec)[:1] in ([], [HEADLESS]):
        labels[HEADLESS_LABEL] = ""
    return {**labels, SERVICE_NAME_LABEL: service.name, MANAGED_BY_LABEL: _CONTROLLER}
