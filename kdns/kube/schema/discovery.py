"""discovery.k8s.io/v1: EndpointSlices."""

from __future__ import annotations

from kdns.kube.schema.core import EndpointPort, TargetRef
from kdns.kube.schema.meta import Metadata
from kdns.kube.schema.shape import Shape


class Conditions(Shape):
    """Of an endpoint; `ready` absent means ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Shape):
    """An endpoint of a slice."""

    addresses: list[str] | None = None
    conditions: Conditions | None = None
    hostname: str | None = None
    target_ref: TargetRef | None = None
    node_name: str | None = None
    zone: str | None = None


class EndpointSlice(Shape):
    """discovery.k8s.io/v1."""

    metadata: Metadata
    address_type: str | None = None
    endpoints: list[SliceEndpoint] | None = None
    ports: list[EndpointPort] | None = None
