"""Label selectors, from the three forms in which Kubernetes writes them.

Kubernetes documentation: Labels and Selectors; API reference: meta/v1 LabelSelector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from kdns.kube import schema

_TOKEN = re.compile(r"\s*(==|!=|[=!,()<>]|[^\s=!,()<>]+)")
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_PREFIX = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_KEY = re.compile(rf"((?=[^/]{{1,253}}/){_PREFIX}/)?{_WORD}")
_VALUE = re.compile(rf"({_WORD})?")
_MARKS = frozenset({"==", "!=", "=", "!", ",", "(", ")", "<", ">"})


class Operator(StrEnum):
    """How a label is looked at, by the names of `matchExpressions`."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class Requirement(NamedTuple):
    """One condition on one label. `values` are sorted and distinct; EXISTS and DOES_NOT_EXIST have none."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it. A label that is absent is in no list of values."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
        return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.DOES_NOT_EXIST:
                return f"!{self.key}"
        inside = self.operator is Operator.IN
        if len(self.values) == 1:
            return f"{self.key}{'=' if inside else '!='}{self.values[0]}"
        return f"{self.key} {'in' if inside else 'notin'} ({','.join(self.values)})"


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """All of its requirements must hold; without any it matches everything, and with `nothing` nothing.

    `str()` is canonical: equal selectors have equal texts, in kubectl's syntax, which parse_selector
    reads back (`<nothing>` excepted, for which there is no syntax).
    """

    requirements: tuple[Requirement, ...] = ()
    nothing: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return not self.nothing and all(requirement.holds(labels) for requirement in self.requirements)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The labels, with their values, that everything it matches has: what to look up in an index."""
        return tuple(
            (each.key, each.values[0])
            for each in self.requirements
            if each.operator is Operator.IN and len(each.values) == 1
        )

    def __str__(self) -> str:
        return "<nothing>" if self.nothing else ",".join(map(str, self.requirements))


NOTHING = Selector(nothing=True)


def parse_selector(text: str) -> Selector:
    """A selector in kubectl's syntax: `a=b,c!=d,e in (x,y),f notin (z),g,!h`; without text, everything.

    Raises ValueError with what is wrong. `<` and `>` are refused: the API's LabelSelector has no
    such operators.
    """
    tokens = _Tokens(text)
    requirements: list[Requirement] = []
    if tokens.peek() is None:
        return Selector()
    while True:
        requirements.append(_requirement(tokens))
        if tokens.take() is None:
            return _selector(requirements)


def from_labels(labels: Mapping[str, str]) -> Selector:
    """A Service's `spec.selector`: all these labels. Never raises.

    An empty one selects nothing, as the API says of Services: their endpoints are somebody else's work.
    """
    if not labels:
        return NOTHING
    return _selector(Requirement(key, Operator.IN, (value,)) for key, value in labels.items())


def from_shape(selector: schema.LabelSelector | None) -> Selector:
    """`matchLabels` and `matchExpressions`, as in a Deployment's `spec.selector`.

    As meta/v1 defines it, None selects nothing and an empty one everything. Raises ValueError for an
    operator that does not exist, for values where there must be none (or none where there must be
    some), and for a key or a value that no label can have.
    """
    if selector is None:
        return NOTHING
    pairs = (selector.match_labels or {}).items()
    found = [Requirement(_key(key), Operator.IN, (_value(value),)) for key, value in pairs]
    return _selector(found + [_expressed(each) for each in selector.match_expressions or ()])


def _selector(requirements: Iterable[Requirement]) -> Selector:
    return Selector(tuple(sorted(set(requirements))))


def _expressed(raw: schema.Expression) -> Requirement:
    try:
        operator = Operator(raw.operator)
    except ValueError:
        known = ", ".join(Operator)
        raise ValueError(f"operator '{raw.operator}' of '{raw.key}': expected one of {known}") from None
    listing = operator in {Operator.IN, Operator.NOT_IN}
    if listing != bool(raw.values):
        raise ValueError(f"'{raw.key}' {operator}: {'values are missing' if listing else 'takes no values'}")
    return _listed(_key(raw.key), operator, raw.values or ())


def _listed(key: str, operator: Operator, values: Iterable[str]) -> Requirement:
    return Requirement(key, operator, tuple(sorted({_value(value) for value in values})))


def _key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise ValueError(f"'{text}' is no label key")
    return text


def _value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise ValueError(f"'{text}' is no label value")
    return text


class _Tokens:
    """The words and marks of a selector, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found = _TOKEN.findall(text.strip())
        self._next = 0

    def peek(self) -> str | None:
        """The next one, None at the end."""
        return self._found[self._next] if self._next < len(self._found) else None

    def take(self) -> str | None:
        """The next one, which is then behind."""
        token = self.peek()
        self._next += 1
        return token

    def word(self) -> str:
        """The next one if it is a word, else an empty one: a value may be empty."""
        token = self.peek()
        return "" if token is None or token in _MARKS else self.take() or ""

    def wrong(self, expected: str, token: str | None) -> ValueError:
        """The error for a token that should have been something else."""
        found = "the end" if token is None else f"'{token}'"
        return ValueError(f"label selector '{self._text}': expected {expected}, found {found}")


def _requirement(tokens: _Tokens) -> Requirement:
    absent = tokens.peek() == "!"
    if absent:
        tokens.take()
    key = tokens.word()
    if not key:
        raise tokens.wrong("a label key", tokens.peek())
    if absent or tokens.peek() in {None, ","}:
        return _ended(tokens, Requirement(_key(key), Operator.DOES_NOT_EXIST if absent else Operator.EXISTS))
    return _ended(tokens, _compared(_key(key), tokens))


def _compared(key: str, tokens: _Tokens) -> Requirement:
    match tokens.take():
        case "=" | "==":
            return _listed(key, Operator.IN, [tokens.word()])
        case "!=":
            return _listed(key, Operator.NOT_IN, [tokens.word()])
        case "in":
            return _listed(key, Operator.IN, _values(tokens))
        case "notin":
            return _listed(key, Operator.NOT_IN, _values(tokens))
        case other:
            raise tokens.wrong(f"=, ==, !=, in or notin after '{key}'", other)


def _values(tokens: _Tokens) -> Iterator[str]:
    if (token := tokens.take()) != "(":
        raise tokens.wrong("'('", token)
    while True:
        yield tokens.word()
        token = tokens.take()
        if token == ")":
            return
        if token != ",":
            raise tokens.wrong("',' or ')'", token)


def _ended(tokens: _Tokens, requirement: Requirement) -> Requirement:
    if tokens.peek() not in {None, ","}:
        raise tokens.wrong("',' or the end", tokens.peek())
    return requirement
