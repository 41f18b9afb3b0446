"""What is derived from the objects that the files hold, step by step.

Each step is given what it looks at and nothing else, and is not gone through again while that is the
same as the last time: Pods and slices by namespace, since they depend on what is in it and on the
Nodes; addresses for all who ask at once, since who gets which depends on all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from kdns.kube.control import Settings
from kdns.kube.controllers import namespaces
from kdns.kube.controllers.clusterips import give_cluster_ips
from kdns.kube.controllers.endpointslices import make_slices
from kdns.kube.controllers.given import giving
from kdns.kube.controllers.memory import Made, Memory
from kdns.kube.controllers.pods import give_pod_ips
from kdns.kube.controllers.workloads import make_pods
from kdns.kube.document import Document, Problem

_WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")


def derive(documents: Iterable[Document], settings: Settings, memory: Memory) -> Made:
    """The documents, completed, with what is derived from them, in no order; and what is wrong with them."""
    return _Derivation(documents, settings, memory).made()


class _Derivation:
    """Documents by their kinds, as far as they are known."""

    def __init__(self, documents: Iterable[Document], settings: Settings, memory: Memory) -> None:
        self._kinds: defaultdict[str, list[Document]] = defaultdict(list)
        for document in documents:
            self._kinds[document.kind].append(document)
        self._settings = settings
        self._memory = memory
        self._problems: list[Problem] = []

    def made(self) -> Made:
        self._complete_namespaces()
        self._give_cluster_ips()
        self._make_pods()
        self._give_pod_ips()
        self._make_slices()
        return self._all_but(), self._problems

    def _complete_namespaces(self) -> None:
        found = list(map(namespaces.labelled, self._kinds["Namespace"]))
        self._kinds["Namespace"] = self._memory.keep("Namespaces", found + namespaces.default(found))

    def _give_cluster_ips(self) -> None:
        others = giving(self._all_but("Service"), self._settings.service_cidrs)
        give = partial(give_cluster_ips, settings=self._settings)
        found, problems = self._memory.recall("cluster IPs", self._kinds["Service"] + others, give)
        self._kinds["Service"] = _of("Service", found)
        self._problems += problems

    def _make_pods(self) -> None:
        found: list[Document] = []
        for namespace, inside in self._by_namespace("Pod", *_WORKLOADS):
            pods, problems = self._memory.recall(("Pods", namespace), inside, make_pods)
            found += pods
            self._problems += problems
        self._kinds["Pod"] = self._kinds["Pod"] + found

    def _give_pod_ips(self) -> None:
        others = giving(self._all_but("Pod", "Node"), self._settings.pod_cidrs)
        give = partial(give_pod_ips, settings=self._settings)
        found, problems = self._memory.recall("Pod IPs", self._kinds["Pod"] + self._kinds["Node"] + others, give)
        self._kinds["Pod"] = _of("Pod", found)
        self._problems += problems

    def _make_slices(self) -> None:
        found: list[Document] = []
        for namespace, inside in self._by_namespace("Service", "Endpoints", "EndpointSlice", "Pod"):
            found += self._memory.recall(("slices", namespace), inside, self._slices_of)[0]
        self._kinds["EndpointSlice"] = self._kinds["EndpointSlice"] + found

    def _slices_of(self, inside: Sequence[Document]) -> Made:
        return make_slices(inside, self._settings), []

    def _by_namespace(self, *kinds: str) -> Iterator[tuple[str, list[Document]]]:
        """What there is of these kinds in each namespace, with the Nodes, which are in all of them."""
        inside: defaultdict[str, list[Document]] = defaultdict(lambda: list(self._kinds["Node"]))
        for kind in kinds:
            for document in self._kinds[kind]:
                inside[document.namespace].append(document)
        yield from inside.items()

    def _all_but(self, *kinds: str) -> list[Document]:
        return [each for kind, found in self._kinds.items() if kind not in kinds for each in found]


def _of(kind: str, documents: Iterable[Document]) -> list[Document]:
    return [each for each in documents if each.kind == kind]
