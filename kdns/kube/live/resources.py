"""The kinds that are followed: where they are, which of them, and how their bytes are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kdns.kube import schema, slim
from kdns.kube.objects import Kind, Object, Ref
from kdns.kube.schema.answers import read_bare
from kdns.kube.schema.shape import decoder

_CORE = "/api/v1"
_DISCOVERY = "/apis/discovery.k8s.io/v1"
_MULTICLUSTER = "/apis/multicluster.x-k8s.io/v1alpha1"
UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown"
"""Pods whose names exist (CoreDNS: plugin/kubernetes/controller.go)."""


class Item(NamedTuple):
    """An object of the API server: which, in which version, and what DNS shows of it.

    `object` is None where that is nothing. `triggered` is Unix time in seconds of the change that
    led to it, where the object says so.
    """

    ref: Ref
    uid: str
    version: str
    object: Object | None
    triggered: str = ""


class Undecodable(ValueError):
    """An object that cannot be shown; `item` is what is known of it, None if not even its name."""

    def __init__(self, text: str, item: Item | None) -> None:
        super().__init__(text)
        self.item = item


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind in one namespace or in all. `query` has selectors: choosing is the server's work."""

    kind: Kind
    group: str
    plural: str
    read: Callable[[Any], schema.Shaped]
    namespace: str = ""
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path of its list and its watch."""
        where = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{self.group}{where}/{self.plural}"

    def __str__(self) -> str:
        return f"{self.plural} in {self.namespace}" if self.namespace else self.plural

    def item(self, data: Any) -> Item:
        """An object's bytes as an item. Raises Undecodable."""
        try:
            shape = self.read(data)
            shown = slim.slim(shape)
        except schema.ShapeError as error:
            raise Undecodable(str(error), self._bare(data)) from None
        metadata = shape.metadata
        triggered = (metadata.annotations or {}).get(TRIGGER, "")
        ref = self._ref(metadata) if shown is None else shown.ref  # its strings are kept already
        return Item(ref, metadata.uid, metadata.resource_version, shown, triggered)

    def _ref(self, metadata: schema.Metadata) -> Ref:
        return Ref(self.kind, metadata.namespace or "", metadata.name)

    def _bare(self, data: Any) -> Item | None:
        try:
            metadata = read_bare(data).metadata
        except ValueError:
            return None
        if metadata is None or not metadata.name:
            return None
        return Item(self._ref(metadata), metadata.uid, metadata.resource_version, None)


TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"
"""The annotation from which DNS programming latency is measured."""


def resource(kind: Kind, namespace: str = "", **query: str) -> Resource:
    """The resource of a kind; `query` in the API's words (labelSelector, fieldSelector), empty ones left out."""
    group, plural, shape = _KINDS[kind]
    chosen = {name: value for name, value in query.items() if value}
    return Resource(kind, group, plural, decoder(shape), namespace, chosen)


_KINDS: Mapping[Kind, tuple[str, str, type[schema.Shaped]]] = {
    Kind.SERVICE: (_CORE, "services", schema.Service),
    Kind.SLICE: (_DISCOVERY, "endpointslices", schema.EndpointSlice),
    Kind.ENDPOINTS: (_CORE, "endpoints", schema.Endpoints),
    Kind.POD: (_CORE, "pods", schema.Pod),
    Kind.NAMESPACE: (_CORE, "namespaces", schema.Namespace),
    Kind.IMPORT: (_MULTICLUSTER, "serviceimports", schema.ServiceImport),
}
