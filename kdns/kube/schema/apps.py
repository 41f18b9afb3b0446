"""apps/v1: what makes Pods."""

from __future__ import annotations

from kdns.kube.schema.core import PodSpec
from kdns.kube.schema.meta import LabelSelector, Metadata
from kdns.kube.schema.shape import Labels, Shape


class TemplateMetadata(Shape):
    """Of the Pods that a controller makes."""

    labels: Labels | None = None


class PodTemplate(Shape):
    """What a controller makes Pods from."""

    metadata: TemplateMetadata | None = None
    spec: PodSpec | None = None


class Ordinals(Shape):
    """Where a StatefulSet begins to count."""

    start: int | None = None


class WorkloadSpec(Shape):
    """Of a Deployment, ReplicaSet, StatefulSet or DaemonSet."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: PodTemplate | None = None
    service_name: str | None = None
    ordinals: Ordinals | None = None


class Workload(Shape):
    """apps/v1: Deployment, ReplicaSet, StatefulSet or DaemonSet."""

    metadata: Metadata
    spec: WorkloadSpec | None = None
