"""Labels of a question about the cluster, for *metadata* (CoreDNS: plugin/kubernetes/metadata.go)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kdns.kube.index import Index
from kdns.kube.names import Form, Request, parse
from kdns.kube.objects import Pod
from kdns.kube.options import Options, PodMode
from kdns.proto.message import Question
from kdns.proto.name import ROOT, longest
from kdns.proto.name import labels as labels_of
from kdns.proto.reverse import is_reverse, pack

Label = tuple[str, str]
_SERVICES = (Form.NAMESPACE, Form.SERVICE, Form.ENDPOINT, Form.PORT, Form.ZONAL)
_KINDS = {**dict.fromkeys(_SERVICES, "svc"), Form.POD: "pod", Form.POD_NAMESPACE: "pod"}


def labels(question: Question, client: str, options: Options, index: Index) -> Mapping[str, Callable[[], str]]:
    """`kubernetes/…` labels, each as a function of its value. `client` is an IP in presentation format."""
    found = [*_of_name(question, options), *_of_client(client, options, index)]
    return {f"kubernetes/{key}": (lambda value=value: value) for key, value in found}  # type: ignore[misc]


def _of_name(question: Question, options: Options) -> Iterator[Label]:
    zone = longest(question.folded, {zone: zone for zone in options.zones})
    if zone is None or is_reverse(zone):
        return
    request = parse(labels_of(question.folded[: len(question.folded) - len(zone)] + ROOT))
    if request.form is Form.NONE:
        yield "parse-error", "invalid query name"
        return
    yield from _of_request(request, is_multicluster=zone in options.multicluster)


def _of_request(request: Request, *, is_multicluster: bool) -> Iterator[Label]:
    """Empty where the name says nothing of it; `cluster` and `zone` only where it does."""
    has_cluster = is_multicluster and request.may_name_cluster
    has_port = request.form is Form.PORT and not has_cluster
    has_endpoint = request.form is Form.ENDPOINT or has_cluster
    yield "kind", _KINDS.get(request.form, "")
    yield "namespace", request.namespace
    yield "service", request.parts[0] if request.form is Form.POD else request.service
    yield "endpoint", request.parts[0] if has_endpoint else ""
    yield "port-name", request.port if has_port else ""
    yield "protocol", request.protocol if has_port else ""
    if has_cluster:
        yield "cluster", request.parts[1]
    if request.form is Form.ZONAL:
        yield "zone", ".".join(request.parts[:-1])


def _of_client(client: str, options: Options, index: Index) -> Iterator[Label]:
    if options.pods is not PodMode.VERIFIED:
        return
    pods: tuple[Pod, ...] = index.pods[pack(client.partition("%")[0])]
    for pod in pods[:1]:
        yield "client-namespace", pod.namespace
        yield "client-pod-name", pod.name
        for key, value in pod.labels:
            yield f"client-label/{key}", value
