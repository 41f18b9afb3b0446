"""The ReplicaSets between Deployments and their Pods (kubernetes: pkg/controller/deployment)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kdns.kube import schema
from kdns.kube.controllers.blueprint import Blueprint
from kdns.kube.controllers.identity import Identity, identity
from kdns.kube.controllers.labelled import Labelled
from kdns.kube.controllers.names import code
from kdns.kube.controllers.pods import controller_of
from kdns.kube.document import Document

HASH_LABEL = "pod-template-hash"
"""By it a Deployment's Pods are told from others that its selector finds (documentation: Deployments)."""

_HASH_LENGTH = 10


class Generation(NamedTuple):
    """The ReplicaSet through which a Deployment makes Pods now: its name and the hash of the template."""

    name: str
    hash: str


class ReplicaSets:
    """Those of the documents, and which Deployment each of them is of."""

    def __init__(self, documents: Iterable[Document]) -> None:
        found = [each for each in documents if each.kind == "ReplicaSet" and each.name]
        self._controlled: dict[tuple[str, tuple[str, str]], list[Document]] = defaultdict(list)
        for each in found:
            controller = controller_of(each.shape.metadata)
            if controller is not None:
                self._controlled[each.namespace, controller].append(each)
        self._free = Labelled(each for each in found if controller_of(each.shape.metadata) is None)
        self._taken: set[Identity] = set()

    def take(self, deployment: Blueprint) -> list[Document]:
        """Those that a Deployment controls, and those that nobody does and it selects: now its own."""
        namespace = deployment.namespace
        free = self._free.select(namespace, deployment.selector)
        own = self._controlled.get((namespace, ("Deployment", deployment.name)), [])
        mine = [*own, *(each for each in free if identity(each) not in self._taken)]
        self._taken.update(map(identity, mine))
        return sorted(mine, key=identity)

    def taken(self, document: Document) -> bool:
        """Whether a ReplicaSet is some Deployment's, whose work it does."""
        return identity(document) in self._taken


def generation(deployment: Blueprint, sets: Iterable[Document]) -> Generation:
    """The set with the Deployment's own template; without one, the set that would be made."""
    for each in sets:
        shape = each.shape
        label = (each.shape.metadata.labels or {}).get(HASH_LABEL)
        if isinstance(shape, schema.Workload) and label and _same_template(deployment, shape):
            return Generation(each.name, label)
    made = code(_HASH_LENGTH, repr(deployment.pod), sorted(deployment.labels.items()))
    return Generation(f"{deployment.name}-{made}", made)


def _same_template(deployment: Blueprint, workload: schema.Workload) -> bool:
    template = (workload.spec and workload.spec.template) or schema.PodTemplate()
    labels = (template.metadata and template.metadata.labels) or {}
    return (template.spec or schema.PodSpec()) == deployment.pod and _unhashed(labels) == deployment.labels


def _unhashed(labels: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in labels.items() if key != HASH_LABEL}
