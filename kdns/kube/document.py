"""Objects as they were found in files, and where."""

from __future__ import annotations

from typing import NamedTuple

from kdns.kube.schema import Shaped


class Origin(NamedTuple):
    """Where an object stands: `document` and `line` count from 1. `made_from` names what it was derived from."""

    file: str
    document: int
    line: int
    made_from: str = ""

    def __str__(self) -> str:
        if self.made_from and not self.file:
            return self.made_from
        place = f"{self.file}, document {self.document} (line {self.line})"
        return f"made from {self.made_from}, {place}" if self.made_from else place


class Document(NamedTuple):
    """One object of one of the kinds that are read."""

    kind: str
    shape: Shaped
    origin: Origin

    @property
    def namespace(self) -> str:
        """Its namespace, `default` where it names none."""
        return self.shape.metadata.namespace or "default"

    @property
    def name(self) -> str:
        """Its name."""
        return self.shape.metadata.name


class Problem(NamedTuple):
    """Something wrong with an object that could be read; the others are served.

    A `warning` is what kubectl would pass in silence.
    """

    origin: Origin
    text: str
    warning: bool = False

    def __str__(self) -> str:
        file, document, line, made_from = self.origin
        return f"{file}:{document}:{line}: {self.text}" if file else f"{made_from}: {self.text}"
