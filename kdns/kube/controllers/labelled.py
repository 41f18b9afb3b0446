"""Documents by their labels, so that a selector looks only at those that may match."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from kdns.kube.document import Document
from kdns.kube.selectors import Selector


def labels_of(document: Document) -> Mapping[str, str]:
    """A document's labels."""
    return document.shape.metadata.labels or {}


class Labelled:
    """Documents by namespace and by each of their labels."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_namespace: dict[str, list[Document]] = defaultdict(list)
        self._by_pair: dict[tuple[str, str, str], list[Document]] = defaultdict(list)
        for document in documents:
            self._by_namespace[document.namespace].append(document)
            for key, value in labels_of(document).items():
                self._by_pair[document.namespace, key, value].append(document)

    def select(self, namespace: str, selector: Selector) -> list[Document]:
        """Those that match, in the order in which they were given.

        Costs as many looks as the rarest of the selector's `key=value` pairs has documents; one
        without such a pair looks at the whole namespace.
        """
        if selector.nothing:
            return []
        few = [self._by_pair.get((namespace, key, value), []) for key, value in selector.pairs]
        among = min(few, key=len) if few else self._by_namespace.get(namespace, [])
        return [document for document in among if selector.matches(labels_of(document))]
