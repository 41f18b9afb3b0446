"""What a YAML word without quotes and tag means: text, number, boolean or nothing.

Manifests are written by tools that speak YAML 1.1 (http://yaml.org/type/) and read by kubectl, which
speaks go-yaml's mixture of 1.1 and 1.2. A word is a text here if it is one to either: a date, `12:30`,
`1e3`, `089`, `y`. What both take for something else is that: `yes` and `on` are booleans, `0644` is octal.
"""

from __future__ import annotations

import re

_MAYBE_NO_TEXT = frozenset("-+.0123456789nNtTfFoOyY~")
"""What words other than texts begin with."""

_SPELLED: tuple[tuple[bool | float | None, str], ...] = (
    (None, "~ null Null NULL"),
    (True, "yes Yes YES true True TRUE on On ON"),
    (False, "no No NO false False FALSE off Off OFF"),
    (float("inf"), ".inf .Inf .INF +.inf +.Inf +.INF"),
    (float("-inf"), "-.inf -.Inf -.INF"),
    (float("nan"), ".nan .NaN .NAN"),
)
_WORDS = {"": None, **{word: value for value, words in _SPELLED for word in words.split()}}
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)")
_FLOAT = re.compile(r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?")


def meaning(word: str) -> str | int | float | bool | None:
    """The value of a word; a word that means nothing else is a text."""
    if word and word[0] not in _MAYBE_NO_TEXT:
        return word
    if word in _WORDS:
        return _WORDS[word]
    digits = word.replace("_", "")
    try:
        if _INTEGER.fullmatch(word):
            return int(digits, _base(digits.lstrip("-+")))
        return _whole(float(digits)) if _FLOAT.fullmatch(word) else word
    except ValueError:  # a prefix and no digits, or more digits than Python reads
        return word


def _whole(value: float) -> int | float:
    """A number without a fraction is an integer, as it becomes one on its way to the API server, as JSON: `80.0`."""
    return int(value) if value.is_integer() else value


def _base(digits: str) -> int:
    if digits[:2] in {"0b", "0x"}:
        return 2 if digits[1] == "b" else 16
    return 8 if digits.startswith("0") else 10
