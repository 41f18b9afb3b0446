"""The Pods that Deployments, ReplicaSets, StatefulSets and DaemonSets make.

Each counts the active Pods that are its own and makes what is missing, never more; Pods too many
are left alone. Which Pods count, and what new ones are called, follows Kubernetes' controllers
(kubernetes: pkg/controller/{deployment,replicaset,statefulset,daemon}).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kdns.kube import schema
from kdns.kube.controllers.blueprint import MOST, Blueprint, Owner, read_blueprint
from kdns.kube.controllers.identity import in_order, title
from kdns.kube.controllers.labelled import labels_of
from kdns.kube.controllers.pods import controller_of
from kdns.kube.controllers.replicasets import HASH_LABEL, ReplicaSets, generation
from kdns.kube.controllers.roster import Roster
from kdns.kube.document import Document, Problem
from kdns.kube.schema import replaced

POD_NAME_LABEL = "statefulset.kubernetes.io/pod-name"
POD_INDEX_LABEL = "apps.kubernetes.io/pod-index"
"""Which a StatefulSet gives each of its Pods (documentation: StatefulSets)."""

_LONGEST_HOSTNAME = 63


def make_pods(documents: Sequence[Document]) -> tuple[list[Document], list[Problem]]:
    """The Pods that are missing, without addresses yet, and why workloads make none or too few.

    A workload that the API server would refuse makes none, nor does one that is being deleted.
    """
    makers = _Makers(documents)
    made: list[Document] = []
    problems: list[Problem] = []
    for document in in_order(documents):
        shape = document.shape
        if not isinstance(shape, schema.Workload) or not document.name or shape.metadata.deletion_timestamp:
            continue
        try:
            made += makers.make(read_blueprint(document, shape))
        except ValueError as error:
            problems.append(Problem(document.origin, f"{title(document)} makes no Pods: {error}"))
    return made, problems + makers.problems


class _Makers:
    """One controller for each kind, over the same Pods. To be asked in an order that does not change."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._roster = Roster(documents)
        self._sets = ReplicaSets(documents)
        self._nodes = sorted((each for each in documents if each.kind == "Node"), key=lambda node: node.name)
        self.problems: list[Problem] = []

    def make(self, blueprint: Blueprint) -> list[Document]:
        """The Pods that a workload lacks. Raises ValueError where the API server would refuse them."""
        match blueprint.document.kind:
            case "Deployment":
                return list(self._deployment(blueprint))
            case "ReplicaSet":
                return list(self._replica_set(blueprint))
            case "StatefulSet":
                return list(self._stateful_set(blueprint))
        return list(self._daemon_set(blueprint))

    def _deployment(self, blueprint: Blueprint) -> Iterator[Document]:
        """Its Pods are those of its ReplicaSets, which the documents may lack: they are told by their hash.

        A Pod without such a hash is no ReplicaSet's that a Deployment made, whatever its other labels.
        """
        sets = self._sets.take(blueprint)
        names = {each.name for each in sets}

        def own(metadata: schema.Metadata) -> bool:
            hashed = f"{blueprint.name}-{(metadata.labels or {}).get(HASH_LABEL, '')}"
            kind, name = controller_of(metadata) or ("", "")
            return kind == "ReplicaSet" and (name in names or name == hashed)

        have = self._roster.counted(
            blueprint.namespace,
            blueprint.selector,
            own=own,
            adopts=lambda pod: HASH_LABEL in (pod.labels or {}),
        )
        current = generation(blueprint, sets)
        missing = blueprint.replicas - len(have)
        return self._numbered(blueprint, missing, ("ReplicaSet", current.name), {HASH_LABEL: current.hash})

    def _replica_set(self, blueprint: Blueprint) -> Iterator[Document]:
        """One that does a Deployment's work is left to that Deployment."""
        if self._sets.taken(blueprint.document):
            return iter(())
        missing = blueprint.replicas - len(self._own(blueprint))
        return self._numbered(blueprint, missing, ("ReplicaSet", blueprint.name))

    def _own(self, blueprint: Blueprint) -> list[Document]:
        """The Pods that it controls, and those that nobody does."""
        owner = (blueprint.document.kind, blueprint.name)
        return self._roster.counted(
            blueprint.namespace,
            blueprint.selector,
            own=lambda pod: controller_of(pod) == owner,
            adopts=_any,
        )

    def _numbered(
        self, blueprint: Blueprint, missing: int, owner: Owner, labels: Mapping[str, str] | None = None
    ) -> Iterator[Document]:
        for place in range(self._bounded(blueprint, missing)):
            name = self._roster.new_name(blueprint.namespace, f"{owner[1]}-", place)
            yield blueprint.make(name, owner, labels=labels)

    def _stateful_set(self, blueprint: Blueprint) -> Iterator[Document]:
        """Ordinals whose Pod exists, in whatever state, are skipped."""
        start = (blueprint.spec.ordinals and blueprint.spec.ordinals.start) or 0
        for ordinal in range(start, start + self._bounded(blueprint, blueprint.replicas)):
            name = f"{blueprint.name}-{ordinal}"
            if len(name) > _LONGEST_HOSTNAME:
                raise ValueError(f"'{name}' is too long for a hostname (63 characters)")
            if not self._roster.holds(blueprint.namespace, name):
                yield blueprint.make(
                    name,
                    ("StatefulSet", blueprint.name),
                    labels={POD_NAME_LABEL: name, POD_INDEX_LABEL: str(ordinal)},
                    pod=replaced(blueprint.pod, hostname=name, subdomain=blueprint.spec.service_name),
                )

    def _daemon_set(self, blueprint: Blueprint) -> Iterator[Document]:
        """One Pod for each Node that its template's nodeSelector finds; one in all if it finds none."""
        owner = ("DaemonSet", blueprint.name)
        have = self._own(blueprint)
        nodes = [node.name for node in self._nodes if _selects(blueprint.pod, node)]
        if not nodes:
            yield from self._numbered(blueprint, 1 - len(have), owner)
        held = {_node_of(pod) for pod in have}
        for node in nodes:
            if node not in held:
                name = self._roster.new_name(blueprint.namespace, f"{blueprint.name}-", node)
                yield blueprint.make(name, owner, pod=replaced(blueprint.pod, node_name=node))

    def _bounded(self, blueprint: Blueprint, missing: int) -> int:
        if missing > MOST:
            text = f"{title(blueprint.document)} asks for {missing} Pods: {MOST} are made"
            self.problems.append(Problem(blueprint.document.origin, text))
        return min(missing, MOST)


def _any(metadata: schema.Metadata) -> bool:
    return True


def _selects(pod: schema.PodSpec, node: Document) -> bool:
    return (pod.node_selector or {}).items() <= labels_of(node).items()


def _node_of(pod: Document) -> str | None:
    shape = pod.shape
    return shape.spec.node_name if isinstance(shape, schema.Pod) and shape.spec else None
