"""What documents amount to: the objects that DNS shows, each with its origin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kdns.errors import ManifestError
from kdns.kube import controllers
from kdns.kube.document import Document, Origin, Problem
from kdns.kube.objects import Kind, Namespace, Object, Ref
from kdns.kube.schema import Shaped, ShapeError
from kdns.kube.selection import Selection
from kdns.kube.slim import labels_of, slim

_BY_LABELS = frozenset({Kind.SERVICE, Kind.SLICE, Kind.ENDPOINTS, Kind.POD})
"""Kinds of which `labels` lets in some."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Objects and their origins, and what is wrong with the documents.

    `slimmed` remembers what came of a shape, by its id, so that the next catalogue makes only what is new,
    and `memory` what the control plane made.
    """

    objects: Mapping[Ref, Object] = field(default_factory=dict)
    origins: Mapping[Ref, Origin] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    errors: tuple[ManifestError, ...] = ()
    slimmed: Mapping[int, tuple[Shaped, Object | None]] = field(default_factory=dict)
    memory: controllers.Memory = field(default_factory=controllers.Memory)


def catalogue(
    documents: Sequence[Document],
    settings: controllers.Settings,
    selection: Selection,
    before: Catalogue,
    mentions: Iterable[controllers.Mention] = (),
) -> Catalogue:
    """Everything that these documents, and what the control plane would make of them, show.

    `mentions` are of namespaces, by objects that are not among the documents. A document of which nothing can be
    shown is an error of its place; all others are shown. `before` is the catalogue before this one, with the
    same settings.
    """
    controlled, problems = controllers.control(documents, settings, mentions=mentions, memory=before.memory)
    objects: dict[Ref, Object] = {}
    origins: dict[Ref, Origin] = {}
    errors: list[ManifestError] = []
    slimmed: dict[int, tuple[Shaped, Object | None]] = {}
    for document in controlled:
        shape = document.shape
        try:
            known = before.slimmed.get(id(shape)) or (shape, slim(shape))
        except ShapeError as error:
            errors.append(_error(document, error))
            continue
        slimmed[id(shape)] = known
        shown = _selected(known[1], shape, selection)
        if shown is not None:
            objects[shown.ref] = shown
            origins[shown.ref] = document.origin
    return Catalogue(objects, origins, tuple(problems), tuple(errors), slimmed, before.memory)


def _selected(found: Object | None, shape: Shaped, selection: Selection) -> Object | None:
    """An object as the settings let it in; None where they do not."""
    if found is None:
        return None
    labels = labels_of(shape)
    if isinstance(found, Namespace):
        return found._replace(exposed=selection.exposes(found.name, labels))
    return found if found.ref.kind not in _BY_LABELS or selection.admits(labels) else None


def _error(document: Document, error: ShapeError) -> ManifestError:
    origin = document.origin
    title = f"{document.kind} {document.namespace}/{document.name}"
    made = f" (made from {origin.made_from})" if origin.made_from else ""
    return ManifestError(origin.file, origin.document, origin.line, f"{title}{made}: {error}")
