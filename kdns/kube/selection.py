"""Which objects the settings let in: `namespaces`, `namespace_labels`, `labels`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from kdns.kube.selectors import Selector


class Selection(NamedTuple):
    """None lets everything in. `namespaces` and `namespace_labels` exclude each other."""

    namespaces: frozenset[str] | None = None
    namespace_labels: Selector | None = None
    labels: Selector | None = None

    def exposes(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Whether the names of a namespace with these labels can be asked for."""
        if self.namespaces is not None:
            return namespace in self.namespaces
        return self.namespace_labels is None or self.namespace_labels.matches(labels)

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether a Service, slice or Pod with these labels is seen at all."""
        return self.labels is None or self.labels.matches(labels)
