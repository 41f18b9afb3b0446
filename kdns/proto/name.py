"""Domain names, as the bytes of their uncompressed wire form.

A `Name` is what RFC 1035 §3.1 puts on the wire: each label behind its length, the empty root label
last. Bytes compare, hash and slice at once, and hold any octet, NUL and dot included. Lower-casing
the whole is safe: a length is at most 63 and 'A' is 65, so no length octet is ever a letter
(RFC 4343 folds ASCII letters only, as `bytes.lower` does).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from kdns.errors import NameSyntaxError

Name = bytes
"""Uncompressed wire form, the root label included."""

ROOT: Name = b"\0"
MAX_NAME = 255
MAX_LABEL = 63

_ESCAPED = frozenset(b'.\\"();@$')
_T = TypeVar("_T")


def fold(name: Name) -> Name:
    """The form in which names are compared: ASCII letters in lower case (RFC 4343 §3)."""
    return name.lower()


def labels(name: Name) -> tuple[bytes, ...]:
    """The labels from left to right, without the root's."""
    found = []
    at = 0
    while length := name[at]:
        found.append(name[at + 1 : at + 1 + length])
        at += 1 + length
    return tuple(found)


def from_labels(parts: Sequence[bytes], origin: Name = ROOT) -> Name:
    """The name of these labels above `origin`. Raises NameSyntaxError past 63 or 255 octets, or on an empty label."""
    for part in parts:
        if not 0 < len(part) <= MAX_LABEL:
            raise NameSyntaxError(f"a label has 1 to {MAX_LABEL} octets, not {len(part)}")
    name = b"".join([bytes((len(part),)) + part for part in parts]) + origin
    if len(name) > MAX_NAME:
        raise NameSyntaxError(f"a name has at most {MAX_NAME} octets, not {len(name)}")
    return name


def suffixes(name: Name) -> Iterator[Name]:
    """The name, its parent, … and the root."""
    at = 0
    while length := name[at]:
        yield name[at:]
        at += 1 + length
    yield ROOT


def is_at_or_below(name: Name, zone: Name) -> bool:
    """Whether `name` is `zone` or lies under it; both folded."""
    if not name.endswith(zone):
        return False
    at, end = 0, len(name) - len(zone)
    while at < end:  # the same octets may begin inside of a label
        at += 1 + name[at]
    return at == end


def longest(name: Name, zones: Mapping[Name, _T]) -> _T | None:
    """What `zones` holds for the longest zone that `name` is at or below; folded names throughout."""
    at, last = 0, len(name) - 1
    while at <= last:
        found = zones.get(name[at:])
        if found is not None:
            return found
        at += 1 + name[at]
    return None


def from_text(text: str, origin: Name = ROOT) -> Name:
    r"""Read presentation format (RFC 1035 §5.1): `\.` and `\DDD` escapes; a final dot changes nothing.

    Raises NameSyntaxError for an empty text, empty or long labels and long names.
    """
    if text == ".":
        return ROOT
    if not text:
        raise NameSyntaxError("an empty text is no domain name ('.' is the root)")
    parts = list(_split(text)) if "\\" in text else text.encode().split(b".")
    if parts[-1] == b"":
        parts.pop()
    try:
        return from_labels(parts, origin)
    except NameSyntaxError as error:
        raise NameSyntaxError(f"'{text}' is no domain name: {error}") from None


def _split(text: str) -> Iterator[bytes]:
    label = bytearray()
    characters = iter(text.encode())
    for octet in characters:
        if octet == 0x2E:  # a dot
            yield bytes(label)
            label.clear()
        elif octet == 0x5C:  # a backslash
            label.append(_unescape(text, characters))
        else:
            label.append(octet)
    yield bytes(label)


def _unescape(text: str, rest: Iterator[int]) -> int:
    first = next(rest, None)
    if first is None:
        raise NameSyntaxError(f"'{text}' ends in a lone backslash")
    if not 0x30 <= first <= 0x39:
        return first
    digits = bytes((first, next(rest, 0), next(rest, 0)))
    if not digits.isdigit() or int(digits) > 255:
        raise NameSyntaxError(f"'{text}' has an escape that is not \\000 to \\255")
    return int(digits)


def to_text(name: Name) -> str:
    """Presentation format, always with the final dot."""
    return "".join(map(_label_text, labels(name))) or "."


def _label_text(label: bytes) -> str:
    if label.isalnum():
        return label.decode() + "."
    return "".join(map(_octet_text, label)) + "."


def _octet_text(octet: int) -> str:
    if octet in _ESCAPED:
        return "\\" + chr(octet)
    return chr(octet) if 0x20 < octet < 0x7F else f"\\{octet:03d}"
