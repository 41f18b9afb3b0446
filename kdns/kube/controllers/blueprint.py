"""A Deployment, ReplicaSet, StatefulSet or DaemonSet as far as its Pods go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kdns.kube import schema
from kdns.kube.controllers.identity import made_from
from kdns.kube.document import Document
from kdns.kube.selectors import Selector, from_shape

MOST = 10_000
"""As many Pods are made for one workload, and no more: a slip of the pen must not fill the memory."""

Owner = tuple[str, str]
"""Kind and name of a controller."""


class Blueprint(NamedTuple):
    """What a workload makes Pods from. `labels` are its template's."""

    document: Document
    selector: Selector
    labels: Mapping[str, str]
    pod: schema.PodSpec
    spec: schema.WorkloadSpec

    @property
    def name(self) -> str:
        """The workload's."""
        return self.document.name

    @property
    def namespace(self) -> str:
        """The workload's, and so its Pods'."""
        return self.document.namespace

    @property
    def replicas(self) -> int:
        """How many Pods it is to have: 1 where it does not say."""
        return 1 if self.spec.replicas is None else self.spec.replicas

    def make(
        self,
        name: str,
        owner: Owner,
        *,
        labels: Mapping[str, str] | None = None,
        pod: schema.PodSpec | None = None,
    ) -> Document:
        """A Pod of that name, which runs and has no address yet; `labels` are added to the template's."""
        metadata = schema.Metadata(
            name=name,
            namespace=self.namespace,
            labels={**self.labels, **(labels or {})},
            owner_references=[schema.OwnerReference(kind=owner[0], name=owner[1], controller=True)],
        )
        shape = schema.Pod(metadata=metadata, spec=pod or self.pod, status=schema.PodStatus(phase="Running"))
        return Document("Pod", shape, made_from(self.document))


def read_blueprint(document: Document, workload: schema.Workload) -> Blueprint:
    """What a workload says of its Pods. Raises ValueError, as the API server would refuse it."""
    spec = workload.spec or schema.WorkloadSpec()
    template = spec.template or schema.PodTemplate()
    labels = (template.metadata and template.metadata.labels) or {}
    if spec.selector is None:
        raise ValueError("spec.selector is missing")
    try:
        selector = from_shape(spec.selector)
    except ValueError as error:
        raise ValueError(f"spec.selector: {error}") from None
    if not selector.requirements:
        raise ValueError("spec.selector is empty")
    if not selector.matches(labels):
        raise ValueError(f"spec.selector ({selector}) does not match the labels of spec.template")
    return Blueprint(document, selector, labels, template.spec or schema.PodSpec(), spec)
