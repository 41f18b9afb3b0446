"""A stream of bytes cut into lines, however they arrive: a watch has one event per line, up to megabytes long."""

from __future__ import annotations

LONGEST = 32 * 1024 * 1024
"""Bytes that no line of an API server has: its objects are at most 1.5 MB."""


class Lines:
    """Holds the line that is not whole yet, in the pieces that came."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are whole now. Raises ValueError past the longest line."""
        if b"\n" not in chunk:
            self._hold(chunk)
            return []
        first, *lines = chunk.split(b"\n")
        lines.insert(0, b"".join([*self._pieces, first]))
        self._pieces, self._held = [], 0
        self._hold(lines.pop())
        return [line for line in lines if line.strip()]

    def rest(self) -> bytes:
        """What came behind the last line: cut short, or an answer that is no stream."""
        return b"".join(self._pieces)

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._held += len(piece)
        if self._held > LONGEST:
            raise ValueError(f"a line of more than {LONGEST} bytes")
