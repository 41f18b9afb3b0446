"""A YAML document while it is built: values on a stack, each with its line.

Depth is bounded, and so is what aliases may stand for: a short text of aliases of aliases says
more values than memory holds ("billion laughs").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kdns.kube.files.located import Mistake, Step

DEEPEST = 200
"""Levels of nesting. Objects of the API have some twenty."""
MOST_COPIES = 1_000_000
"""Values that the aliases of one document may stand for, all together."""

_MERGE = "<<"


class Fields(dict[str, object]):
    """A mapping, the lines of its keys, and how many values it is with all aliases written out."""

    __slots__ = ("lines", "weight")

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}
        self.weight = 1


class Items(list[object]):
    """A list, the lines of its elements, and its weight as that of `Fields`."""

    __slots__ = ("lines", "weight")

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []
        self.weight = 1


@dataclass(frozen=True, slots=True)
class Node:
    """A value in its place: `kube.located.Located`."""

    value: object
    line: int

    def child(self, step: Step) -> Node | None:
        """One level down."""
        match self.value, step:
            case Fields() as fields, str(key) if key in fields:
                return Node(fields[key], fields.lines[key])
            case Items() as items, int(place) if place < len(items):
                return Node(items[place], items.lines[place])
        return None

    def children(self) -> Iterator[Node]:
        """A list's elements."""
        if isinstance(self.value, Items):
            yield from map(Node, self.value, self.value.lines)


class TreeError(ValueError):
    """Carries a Mistake out of a document that is being read."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.mistake = Mistake(line, text)


@dataclass(slots=True)
class _Open:
    """A collection that goes on. `key` is the mapping's key whose value comes next."""

    node: Node
    into: Fields | Items
    key: str | None = None
    key_line: int = 0
    merging: bool = False
    merged: list[Fields] = field(default_factory=list)

    @property
    def wants_key(self) -> bool:
        return self.key is None and isinstance(self.into, Fields)


class Tree:
    """Is told what a document consists of, from its beginning to its end; `root` is then the document.

    Raises TreeError. Keys are texts, as written. Of a key that stands twice the last counts.
    """

    def __init__(self) -> None:
        self.root: Node | None = None
        self._stack: list[_Open] = []
        self._anchors: dict[str, object] = {}
        self._copies = 0

    def key(self, text: str, line: int, *, bare: bool) -> bool:
        """Take a scalar as a mapping's next key, if one is due. `bare` tells that it has no quotes."""
        top = self._stack[-1] if self._stack else None
        if top is None or not top.wants_key:
            return False
        top.key, top.key_line, top.merging = text, line, bare and text == _MERGE
        return True

    def scalar(self, value: object, line: int) -> None:
        """A value without parts."""
        self._put(Node(value, line), 1)

    def begin(self, collection: Fields | Items, line: int) -> None:
        """A collection begins."""
        if len(self._stack) >= DEEPEST:
            raise TreeError(line, f"nested deeper than {DEEPEST} levels")
        self._stack.append(_Open(Node(collection, line), collection))

    def end(self) -> None:
        """The innermost collection ends."""
        done = self._stack.pop()
        for other in done.merged:
            _merge(done.into, other)
        self._put(done.node, done.into.weight)

    def anchor(self, name: str | None, value: object) -> None:
        """Name a value, if it has a name."""
        if name is not None:
            self._anchors[name] = value

    def alias(self, name: str, line: int) -> None:
        """The value of this name, once more."""
        if name not in self._anchors:
            raise TreeError(line, f"the alias *{name} has no anchor in this document")
        value = self._anchors[name]
        if any(value is outer.into for outer in self._stack):
            raise TreeError(line, f"the alias *{name} stands within what it names")
        weight = value.weight if isinstance(value, Fields | Items) else 1
        self._copies += weight
        if self._copies > MOST_COPIES:
            raise TreeError(line, f"aliases stand for more than {MOST_COPIES} values")
        self._put(Node(value, line), weight)

    def _put(self, node: Node, weight: int) -> None:
        """Give a value to what it stands in."""
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        top.into.weight += weight
        if isinstance(top.into, Items):
            top.into.append(node.value)
            top.into.lines.append(node.line)
        elif top.key is None:
            _as_key(top, node)
        else:
            if top.merging:
                top.merged += _mappings(node)
            else:
                top.into[top.key] = node.value
                top.into.lines[top.key] = top.key_line
            top.key = None


def _as_key(top: _Open, node: Node) -> None:
    if not isinstance(node.value, str):
        raise TreeError(node.line, "a key must be a text: is this a template that was not rendered?")
    top.key, top.key_line, top.merging = node.value, node.line, False


def _mappings(node: Node) -> list[Fields]:
    """What `<<` stands before (YAML's merge key): a mapping or a list of them."""
    named = node.value if isinstance(node.value, Items) else [node.value]
    found = [each for each in named if isinstance(each, Fields)]
    if len(found) < len(named):
        raise TreeError(node.line, "<< must stand before a mapping or a list of mappings")
    return found


def _merge(into: Fields | Items, other: Fields) -> None:
    """Add the entries that a mapping lacks: its own count, then those of what is merged first."""
    if isinstance(into, Fields):
        for key, value in other.items():
            if key not in into:
                into[key] = value
                into.lines[key] = other.lines[key]
