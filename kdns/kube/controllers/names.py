"""Names as the API server makes them up, but out of hashes, so that they are the same at each start."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import count

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Without vowels and what looks like them, so that no word comes out (k8s.io/apimachinery util/rand)."""

_LONGEST = 63
_SUFFIX = 5


def number(*parts: object) -> int:
    """256 bits that depend on nothing but the parts' texts."""
    text = "\0".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


def code(length: int, *parts: object) -> str:
    """That many letters and digits, made of the parts."""
    rest = number(*parts)
    letters: list[str] = []
    for _ in range(length):
        rest, digit = divmod(rest, len(_LETTERS))
        letters.append(_LETTERS[digit])
    return "".join(letters)


def generated(prefix: str, *parts: object, taken: Callable[[str], bool]) -> str:
    """A name that is not taken: the prefix, cut where `generateName` cuts it, and five characters.

    At most 63 characters (k8s.io/apiserver storage/names/generate.go).
    """
    names = (prefix[: _LONGEST - _SUFFIX] + code(_SUFFIX, prefix, *parts, attempt) for attempt in count())
    return next(name for name in names if not taken(name))
