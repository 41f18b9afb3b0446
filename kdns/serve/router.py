"""The server block for a question: that of the longest zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kdns.chain import Handler
from kdns.proto.message import Question
from kdns.proto.name import Name, longest, suffixes
from kdns.proto.types import Class, RRType
from kdns.straight import Way

_OURS = frozenset({Class.IN, Class.CH, Class.NONE, Class.ANY})
"""Classes that are of this server itself (CH), or of none."""


@dataclass(frozen=True, slots=True)
class Served:
    """A zone of a listener: who answers in it. `payload` caps replies over UDP, in bytes.

    `chaos` are names that are answered in class CH, folded. `denier` is who may speak of other names than
    the one that was asked for (`chain.denier`). `abroad` answers questions of classes that no plugin here has
    data of; `any_class` tells that it is for these. `way` is the straight way to other servers, if there is one.
    """

    zone: Name
    server: str
    handler: Handler
    payload: int
    chaos: frozenset[Name] = frozenset()
    denier: Handler | None = None
    abroad: Served | None = None
    any_class: bool = False
    way: Way | None = None

    def takes(self, question: Question) -> bool:
        """Whether the plugins may see a question: of another class than IN, only what is there on purpose."""
        if question.klass == Class.CH:
            return question.type == RRType.TXT and question.folded in self.chaos
        return question.klass == Class.IN or self.any_class


class Router:
    """The zones of one listener, folded."""

    def __init__(self, zones: Mapping[Name, Served]) -> None:
        self.zones = dict(zones)

    def find(self, question: Question) -> Served | None:
        """Who answers, or None outside every zone. DS belongs to the parent's side of a cut (RFC 4035 §3.1.4.1)."""
        found = longest(question.folded, self.zones)
        if question.klass not in _OURS and found is not None and found.abroad is not None:
            return found.abroad
        if question.type == RRType.DS and found is not None and found.zone == question.folded:
            _, *above = suffixes(question.folded)
            return (longest(above[0], self.zones) if above else None) or found
        return found
