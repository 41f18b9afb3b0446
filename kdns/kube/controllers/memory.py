"""What was derived before, used again where it is derived from the same.

Sameness is identity: documents are never changed, and those of a file that nobody touched are the
very same objects from one derivation to the next. So what is remembered never has to be told that it is old.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import is_
from typing import NamedTuple

from kdns.kube.controllers.identity import identity
from kdns.kube.document import Document, Problem

Made = tuple[list[Document], list[Problem]]
"""What a step of the derivation results in."""


class _Known(NamedTuple):
    made_from: Sequence[Document]
    made: Made


class Memory:
    """Of one derivation after the other; what the last one did not use is forgotten."""

    def __init__(self) -> None:
        self._now: dict[Hashable, _Known] = {}
        self._before = self._now

    def turn(self) -> None:
        """A derivation begins."""
        self._before, self._now = self._now, {}

    def recall(self, key: Hashable, made_from: Sequence[Document], make: Callable[[Sequence[Document]], Made]) -> Made:
        """What `make` makes of these: what it made before under this key, if that was of the very same.

        Otherwise each document that it makes as it did before is the one that it made before.
        """
        known = self._before.get(key)
        if known is None or not _same(known.made_from, made_from):
            documents, problems = make(made_from)
            known = _Known(made_from, (_steady(documents, known.made[0]) if known else documents, problems))
        self._now[key] = known
        return known.made

    def keep(self, key: Hashable, documents: list[Document]) -> list[Document]:
        """These, each of which that was among those kept before under this key is that one."""
        known = self._before.get(key)
        kept = _steady(documents, known.made[0]) if known else documents
        self._now[key] = _Known((), (kept, []))
        return kept


def _same(some: Sequence[Document], others: Sequence[Document]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def _steady(documents: Iterable[Document], before: Iterable[Document]) -> list[Document]:
    known = {identity(each): each for each in before}
    return [_like(each, known.get(identity(each))) for each in documents]


def _like(document: Document, before: Document | None) -> Document:
    return before if before is not None and before == document else document
