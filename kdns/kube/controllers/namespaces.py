"""Namespaces: those that are mentioned exist, and each has the label of its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from kdns.kube.controllers.identity import CLUSTER_SCOPED, CONTROL_PLANE, order
from kdns.kube.document import Document, Origin
from kdns.kube.schema import Metadata, Namespace, replaced

DEFAULT = "default"
NAME_LABEL = "kubernetes.io/metadata.name"
"""The API server sets it on every Namespace (API reference: well-known labels)."""


Mention = tuple[str, Origin]
"""A namespace, and a place that names it."""


def mentioned(documents: Sequence[Document], elsewhere: Iterable[Mention] = ()) -> list[Document]:
    """A Namespace for each that is mentioned and that none declares, at the place of its first mention.

    A document mentions the one that it is in; `elsewhere` are the mentions that are in no document.
    """
    first: dict[str, Origin] = {}
    for name, origin in chain(_mentions(documents), elsewhere):
        known = first.get(name)
        if known is None or order(origin) < order(known):
            first[name] = origin
    for name in _held(documents):
        first.pop(name, None)
    return [_made(name, origin._replace(made_from="its mention")) for name, origin in first.items()]


def _mentions(documents: Iterable[Document]) -> Iterator[Mention]:
    for document in documents:
        if document.kind not in CLUSTER_SCOPED:
            yield document.namespace, document.origin


def default(documents: Sequence[Document]) -> list[Document]:
    """The Namespace `default`, which every cluster has, if it is not among the documents."""
    return [] if DEFAULT in _held(documents) else [_made(DEFAULT, CONTROL_PLANE)]


def labelled(document: Document) -> Document:
    """A Namespace with the label of its name; any other document as it is."""
    shape = document.shape
    if not isinstance(shape, Namespace) or not document.name:
        return document
    labels = shape.metadata.labels or {}
    if labels.get(NAME_LABEL) == document.name:
        return document
    labels = {**labels, NAME_LABEL: document.name}
    return document._replace(shape=replaced(shape, metadata=replaced(shape.metadata, labels=labels)))


def _held(documents: Sequence[Document]) -> set[str]:
    return {document.name for document in documents if document.kind == "Namespace"}


def _made(name: str, origin: Origin) -> Document:
    return labelled(Document("Namespace", Namespace(metadata=Metadata(name=name)), origin))
