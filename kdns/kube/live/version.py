"""resourceVersions: decimal numbers of any length, comparable within one kind (KEP-5504)."""

from __future__ import annotations


def number(version: str) -> int | None:
    """A version as a number; None for one that cannot be compared."""
    return int(version) if version.isascii() and version.isdigit() else None


def newer(version: str, other: str) -> bool:
    """Whether `version` is later than `other`; False where that cannot be known."""
    one, two = number(version), number(other)
    return one is not None and two is not None and one > two
