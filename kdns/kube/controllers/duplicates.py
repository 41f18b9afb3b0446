"""One document for each object: the last, as with `kubectl apply -f FOLDER`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from kdns.kube.controllers.identity import Identity, Place, identity, order, place, title
from kdns.kube.document import Document, Problem


def last_of_each(documents: Iterable[Document]) -> tuple[list[Document], list[Problem]]:
    """The last document of each kind, namespace and name, by its place, and a problem for each other.

    Documents without a name are all kept: nothing tells whether they are one object. The same
    document read twice (a folder and a file in it) is one.
    """
    copies: dict[Identity, list[Document]] = defaultdict(list)
    kept: list[Document] = []
    problems: list[Problem] = []
    for document in documents:
        if document.name:
            copies[identity(document)].append(document)
        else:
            kept.append(document)
    for found in copies.values():
        last = found[0] if len(found) == 1 else max(found, key=_position)
        kept.append(last)
        problems += [_again(each, last) for each in found if each != last]
    return kept, problems


def _position(document: Document) -> tuple[Place, str]:
    # Contents matter only where a List on one line holds an object twice.
    return order(document.origin), repr(document.shape)


def _again(former: Document, last: Document) -> Problem:
    text = f"{title(former)} is given again in {place(last.origin)}; that one counts, being the last"
    return Problem(former.origin, text, warning=True)
