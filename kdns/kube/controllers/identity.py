"""Which object a document is, what it is called, where it stands and which comes first."""

from __future__ import annotations

from collections.abc import Iterable

from kdns.kube.document import Document, Origin, Problem

CLUSTER_SCOPED = frozenset({"Namespace", "Node"})
"""The kinds that are in no namespace."""

CONTROL_PLANE = Origin("", 0, 0, "the control plane")
"""The origin of what every cluster has, whatever the files say."""

Identity = tuple[str, str, str]
"""Kind, namespace (empty for what is in none) and name: no two objects of a cluster share it."""

Place = tuple[tuple[str, ...], int, int]


def identity(document: Document) -> Identity:
    """Which object a document is."""
    namespace = "" if document.kind in CLUSTER_SCOPED else document.namespace
    return document.kind, namespace, document.name


def title(document: Document) -> str:
    """`Service shop/web`, `Namespace shop`."""
    kind, namespace, name = identity(document)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def place(origin: Origin) -> str:
    """`file:document:line`."""
    return f"{origin.file}:{origin.document}:{origin.line}" if origin.file else str(origin)


def order(origin: Origin) -> Place:
    """Sorts by file, in the order in which a walk meets them (a folder's files by name), then by document."""
    return tuple(origin.file.split("/")), origin.document, origin.line


def made_from(document: Document) -> Origin:
    """The origin of what is derived from a document."""
    return document.origin._replace(made_from=title(document))


def in_order(documents: Iterable[Document]) -> list[Document]:
    """By kind, namespace and name; those that have no name by place and contents."""
    return sorted(documents, key=_rank)


def _rank(document: Document) -> tuple[Identity, Place, str]:
    contents = "" if document.name else repr(document.shape)
    return identity(document), order(document.origin), contents


def problems_in_order(problems: Iterable[Problem]) -> list[Problem]:
    """By place, then by text."""
    return sorted(problems, key=lambda problem: (order(problem.origin), problem.text))
