"""YAML texts as located values. The only module that speaks to PyYAML, and of that to the parser alone.

Its composer recurses in C, so that a deeply nested text ends the process, and takes three times as
long as building the values here, from the parser's events. Tags are passed over but for JSON's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from kdns.kube.files.located import Mistake
from kdns.kube.files.tree import Fields, Items, Node, Tree, TreeError
from kdns.kube.files.yaml_words import meaning

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOUNDARY = re.compile(r"^(?:%[^\n]*\n){0,9}---(?=\s|\Z)", re.MULTILINE)
"""The beginning of a document, its directives included (YAML 1.2.2 §9.1.2); what stands before ends there."""
_UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""What no YAML text holds (YAML 1.2.2 §5.1), and a byte order mark in its middle."""
_OTHER_BREAKS = re.compile(r"[\x85\u2028\u2029]|\r(?!\n)")
"""Line ends to YAML 1.1 and the parser, but not to editors."""
_STRETCH = 1 << 16
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null"))


def read_yaml(text: str) -> Iterator[Node | Mistake]:
    """The documents of a text, each a Node or the Mistake that hides it; an empty one is none.

    A mistake reaches to the next line that begins a document.
    """
    line, begin = 1, 0
    starts = _BOUNDARY.finditer(text) if "\n---" in text else ()
    for end in (*(found.start() for found in starts), len(text)):
        yield from _read(text[begin:end], line)
        line += text.count("\n", begin, end)
        begin = end


def _read(text: str, first: int) -> Iterator[Node | Mistake]:
    """The documents between two boundaries: one or none. `first` is the line of the text's beginning."""
    odd = _unprintable(text)
    if odd:
        at = first + text.count("\n", 0, odd.start())
        yield Mistake(at, f"no YAML: the character U+{ord(odd[0]):04X}")
        return
    try:
        yield from _documents(text, first)
    except TreeError as error:
        yield error.mistake
    except yaml.MarkedYAMLError as error:
        yield _syntax(error, first, text)
    except yaml.YAMLError as error:
        yield Mistake(first, f"no YAML: {' '.join(str(error).split())}")


def _unprintable(text: str) -> re.Match[str] | None:
    """The first character that is none, looked for in stretches, between which other threads have their turn."""
    stretches = (_UNPRINTABLE.search(text, at, at + _STRETCH) for at in range(0, len(text), _STRETCH))
    return next(filter(None, stretches), None)


def _documents(text: str, first: int) -> Iterator[Node]:
    tree, line_of = Tree(), _counting(text, first)
    events: Iterator[Any] = yaml.parse(text, Loader=_PARSER)
    for event in events:
        if not isinstance(event, yaml.DocumentEndEvent):
            _tell(tree, event, line_of(event.start_mark))
            continue
        if tree.root is not None and tree.root.value is not None:
            yield tree.root
        tree = Tree()


def _counting(text: str, first: int) -> Callable[[Any], int]:
    """Gives the line of a mark in this text, which begins on line `first`."""
    if not any(each in text for each in "\r\x85\u2028\u2029") or not _OTHER_BREAKS.search(text):
        return lambda mark: first + int(mark.line)
    ends = [found.start() for found in re.finditer("\n", text)]
    return lambda mark: first + bisect_left(ends, mark.index)


def _tell(tree: Tree, event: Any, line: int) -> None:
    """Hand an event on."""
    match event:
        case yaml.ScalarEvent():
            bare = event.tag is None and event.implicit[0]
            value: object = event.value
            if not tree.key(event.value, line, bare=bare):
                if bare or event.tag in _PLAIN_TAGS:
                    value = meaning(event.value)
                tree.scalar(value, line)
            tree.anchor(event.anchor, value)
        case yaml.CollectionStartEvent():
            collection = Fields() if isinstance(event, yaml.MappingStartEvent) else Items()
            tree.anchor(event.anchor, collection)
            tree.begin(collection, line)
        case yaml.CollectionEndEvent():
            tree.end()
        case yaml.AliasEvent(anchor=str(name)):
            tree.alias(name, line)


def _syntax(error: yaml.MarkedYAMLError, first: int, text: str) -> Mistake:
    """The parser's mistake; one that only the text's end shows is put where it begins."""
    line_of = _counting(text, first)
    mark, context = error.problem_mark, error.context_mark
    said = f"no YAML: {error.problem}"
    if error.context and error.context != "while scanning for the next token":
        said += f" {error.context}"
    if mark is not None and context is not None and line_of(context) != line_of(mark):
        said += f" that begins on line {line_of(context)}"
        if mark.index >= len(text):
            mark = context
    last = first + text.rstrip().count("\n")
    return Mistake(min(line_of(mark), last) if mark else first, said)
