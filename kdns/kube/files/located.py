"""Values read from a text, each with the line it stands on, whatever the text's language.

A value is what JSON can say: dict, list, str, int, float, bool, None. Lines count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol

Step = str | int
"""A mapping's key, or a list's place from 0."""

_STEP = re.compile(r"\[(?P<place>\d+)\] | (?P<some>\[\.\.\.\]) | (?P<key>[^.\[\]]+)", re.VERBOSE)


class Mistake(NamedTuple):
    """A document that cannot be read, and why."""

    line: int
    text: str


class Located(Protocol):
    """A value and what is below it."""

    @property
    def value(self) -> object:
        """Without lines."""

    @property
    def line(self) -> int:
        """Where it begins."""

    def child(self, step: Step) -> Located | None:
        """One level down; None where there is nothing."""

    def children(self) -> Iterator[Located]:
        """A list's elements in order; of anything else, nothing."""


class Place(NamedTuple):
    """A field's path as it could be followed, and its line."""

    path: str
    line: int


def locate(root: Located, path: str) -> Place:
    """The line of a field, `spec.ports[0].port`; of its nearest ancestor where the field is missing.

    `[...]` stands for an entry of a mapping of texts that is none: the first such is found and named.
    """
    here, named = root, path
    for step in _STEP.finditer(path):
        key = _wrong_entry(here.value) if step["some"] else step["key"] or int(step["place"])
        found = here.child(key) if key is not None else None
        if found is None:
            break
        here = found
        if step["some"]:
            named = f"{path[: step.start()]}.{key}{path[step.end() :]}"
    return Place(named, here.line)


def _wrong_entry(value: object) -> str | None:
    entries = value.items() if isinstance(value, dict) else ()
    return next((key for key, entry in entries if not isinstance(entry, str)), None)
