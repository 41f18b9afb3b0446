"""Whether a question comes again: what is asked once is worth no memory, what is asked twice is kept."""

from __future__ import annotations

from array import array

_SETS, _WAYS = 8192, 4
"""Hashes of questions, of eight bytes each: so many that may take each other's place, so many times.

With one way two names that are asked for in turn might push each other out for ever.
"""


class Lately:
    """The questions that came lately to one listener, about 30,000."""

    def __init__(self) -> None:
        self._hashes = array("q", bytes(8 * _SETS * _WAYS))

    def again(self, key: bytes) -> bool:
        """Whether this was asked for not long ago; it has been, from now on."""
        number = hash(key) or 1
        start = number % _SETS * _WAYS
        ways = self._hashes[start : start + _WAYS]
        if number in ways:
            return True
        way = ways.index(0) if 0 in ways else number >> 40 & (_WAYS - 1)
        self._hashes[start + way] = number
        return False
