"""What a misspelt word was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def near(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the closest of the known words, or the empty text when none is close."""
    from difflib import get_close_matches  # 0.1 MB that only mistakes need

    for found in get_close_matches(word.lower(), sorted(known), n=1):
        return f"; did you mean '{found}'?"
    return ""
