"""multicluster.x-k8s.io/v1alpha1: ServiceImports (KEP-1645)."""

from __future__ import annotations

from kdns.kube.schema.meta import Metadata
from kdns.kube.schema.shape import Shape


class ImportPort(Shape):
    """A port of a ServiceImport."""

    port: int
    name: str | None = None
    protocol: str | None = None


class ImportSpec(Shape):
    """`type` is `ClusterSetIP` or `Headless`."""

    type: str | None = None
    ips: list[str] | None = None
    ports: list[ImportPort] | None = None


class ServiceImport(Shape):
    """multicluster.x-k8s.io/v1alpha1."""

    metadata: Metadata
    spec: ImportSpec | None = None
