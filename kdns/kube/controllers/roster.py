"""Which Pods there are, and which of them a workload need not make."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kdns.kube import schema
from kdns.kube.controllers.identity import Identity, identity
from kdns.kube.controllers.labelled import Labelled
from kdns.kube.controllers.names import generated
from kdns.kube.controllers.pods import active, controller_of, pods_of
from kdns.kube.document import Document
from kdns.kube.selectors import Selector

Controls = Callable[[schema.Metadata], bool]


class Roster:
    """The Pods of the documents. A Pod that nobody controls counts for one workload: the first to ask."""

    def __init__(self, documents: Iterable[Document]) -> None:
        found = list(pods_of(documents))
        self._active = Labelled(document for document, pod in found if active(pod))
        self._names = {identity(document)[1:] for document, _ in found}
        self._adopted: set[Identity] = set()

    def counted(self, namespace: str, selector: Selector, *, own: Controls, adopts: Controls) -> list[Document]:
        """The active Pods that the selector finds and that are the workload's.

        `own` tells, of a Pod that something controls, whether it is this workload; `adopts`, of one
        that nobody controls, whether the workload would make it its own.
        """
        found: list[Document] = []
        for pod in self._active.select(namespace, selector):
            metadata = pod.shape.metadata
            if controller_of(metadata) is not None:
                if own(metadata):
                    found.append(pod)
            elif identity(pod) not in self._adopted and adopts(metadata):
                self._adopted.add(identity(pod))
                found.append(pod)
        return found

    def holds(self, namespace: str, name: str) -> bool:
        """Whether there is a Pod of that name, active or not."""
        return (namespace, name) in self._names

    def new_name(self, namespace: str, prefix: str, place: object) -> str:
        """A name that no Pod has, for the one in that place among those made with this prefix."""
        name = generated(prefix, namespace, place, taken=lambda candidate: self.holds(namespace, candidate))
        self._names.add((namespace, name))
        return name
