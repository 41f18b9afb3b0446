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
        yield "parse-error", "the name has no form of the schema"
        return
    yield from _of_request(request, is_multicluster=zone in options.multicluster)


def _of_request(request: Request, *, is_multicluster: bool) -> Iterator[Label]:
    yield "kind", "pod" if request.form in {Form.POD, Form.POD_NAMESPACE} else "svc"
    yield "namespace", request.namespace
    yield "service", request.service
    if request.form is Form.PORT and is_multicluster:
        yield "endpoint", request.parts[0]
        yield "cluster", request.parts[1]
    elif request.form is Form.PORT:
        yield "port-name", request.port
        yield "protocol", request.protocol
    elif request.form in {Form.ENDPOINT, Form.POD}:
        yield "endpoint", request.parts[0]
    elif request.form is Form.ZONAL:
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
