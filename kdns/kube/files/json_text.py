"""JSON texts as located values: one document or several, one after the other (RFC 8259).

The standard library decodes; what stands where is found out by walking to it, and only where
somebody asks. Decoding goes list element by list element, which lets other threads have their turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from kdns.kube.files.located import Mistake, Step

ITEMS = "items"
"""The list of a `List`, whose elements are documents of their own."""

_BLANK = re.compile(r"[ \t\r\n]*")
_NEXT = re.compile(r"^\{", re.MULTILINE)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _number(text: str) -> float:
    """A number that is not written as an integer: it is one all the same if it has no fraction (`80.0`, `1e3`)."""
    value = float(text)
    return int(value) if value.is_integer() else value


_DECODER = json.JSONDecoder(parse_float=_number)


@dataclass(frozen=True, slots=True)
class Node:
    """A value in its place, which begins at `at` in `text`: `kube.located.Located`.

    What was met on the way is kept: an object's field `items`, a list's `elements`.
    """

    text: str
    at: int
    line: int
    value: object
    items: Node | None = None
    elements: tuple[Node, ...] | None = None

    def child(self, step: Step) -> Node | None:
        """One level down."""
        if step == ITEMS and self.items is not None:
            return self.items
        if isinstance(self.value, dict if isinstance(step, str) else list):
            cursor = _Cursor(self.text, self.at, self.line)
            for key in cursor.parts():
                node = cursor.node()
                if key == step:
                    return node
        return None

    def children(self) -> Iterator[Node]:
        """A list's elements."""
        if self.elements is not None:
            yield from self.elements
        elif isinstance(self.value, list):
            cursor = _Cursor(self.text, self.at, self.line)
            for _ in cursor.parts():
                yield cursor.node()


def read_json(text: str) -> Iterator[Node | Mistake]:
    """The documents of a text, each a Node or the Mistake that hides it.

    A mistake reaches to the next line that begins with a brace.
    """
    cursor = _Cursor(text)
    cursor.blank()
    while cursor.at < len(text):
        begin = cursor.at
        try:
            yield _document(cursor)
        except (ValueError, RecursionError) as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else begin
            yield Mistake(text.count("\n", 0, at) + 1, _why(error))
            following = _NEXT.search(text, max(at, begin + 1))
            cursor.at = following.start() if following else len(text)
        cursor.blank()


def _why(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"no JSON: {error.msg[:1].lower()}{error.msg[1:]} in column {error.colno}"
        case RecursionError():
            return "no JSON: nested too deeply"
        case UnicodeEncodeError():
            return "no JSON: half of a surrogate pair"
    return f"no JSON: {error}"


def _document(cursor: _Cursor) -> Node:
    if not cursor.stands_at("{"):
        return cursor.node()
    at, line = cursor.at, cursor.line()
    value: dict[str, object] = {}
    items = None
    for key in cursor.parts():
        if key == ITEMS and cursor.stands_at("["):
            items = _list(cursor)
            value[ITEMS] = items.value
        else:
            value[str(key)] = cursor.value()
    return Node(cursor.text, at, line, value, items)


def _list(cursor: _Cursor) -> Node:
    at, line = cursor.at, cursor.line()
    elements = tuple(cursor.node() for _ in cursor.parts())
    return Node(cursor.text, at, line, [each.value for each in elements], elements=elements)


class _Cursor:
    """A place in a text. Raises JSONDecodeError where JSON would go on otherwise."""

    def __init__(self, text: str, at: int = 0, line: int = 1) -> None:
        self.text = text
        self.at = at
        self._line, self._counted = line, at

    def line(self) -> int:
        """The line it is on; it never goes back."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line

    def blank(self) -> None:
        """Go past blanks and line ends."""
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def stands_at(self, mark: str) -> bool:
        return self.text.startswith(mark, self.at)

    def node(self) -> Node:
        """The value that begins here."""
        at, line = self.at, self.line()
        return Node(self.text, at, line, self.value())

    def value(self) -> object:
        """The value that begins here, without places."""
        begin = self.at
        value, self.at = _DECODER.raw_decode(self.text, begin)
        if _SURROGATE.search(self.text, begin, self.at):
            json.dumps(value, ensure_ascii=False).encode()
        return value

    def parts(self) -> Iterator[Step]:
        """The keys of the object, or the places of the array, that begins here.

        At each the cursor stands before the value, which must be read before the next.
        """
        closing = "}" if self.stands_at("{") else "]"
        self._past(1)
        ended = self.stands_at(closing)
        place = 0
        while not ended:
            yield self._key() if closing == "}" else place
            place += 1
            self.blank()
            ended = self.stands_at(closing)
            if not ended:
                self._expect(",")
        self.at += 1

    def _key(self) -> str:
        if not self.stands_at('"'):
            raise json.JSONDecodeError("Expecting a key in double quotes", self.text, self.at)
        key = self.value()
        self.blank()
        self._expect(":")
        return str(key)

    def _expect(self, mark: str) -> None:
        if not self.stands_at(mark):
            raise json.JSONDecodeError(f"Expecting '{mark}'", self.text, self.at)
        self._past(1)

    def _past(self, count: int) -> None:
        self.at += count
        self.blank()
