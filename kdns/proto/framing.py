"""Messages in a stream of bytes: each behind its length in two bytes (RFC 1035 §4.2.2, RFC 7766 §8)."""

from __future__ import annotations

_LENGTH = 2


class Framer:
    """Cuts a stream into messages, however the bytes arrive."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def partial(self) -> bool:
        """Whether a message has begun and is not whole yet."""
        return bool(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are whole now. A length of 0 gives an empty message."""
        self._held += data
        messages, at = [], 0
        while (end := self._end(at)) is not None:
            messages.append(bytes(self._held[at + _LENGTH : end]))
            at = end
        del self._held[:at]
        return messages

    def _end(self, at: int) -> int | None:
        if at + _LENGTH > len(self._held):
            return None
        end = at + _LENGTH + int.from_bytes(self._held[at : at + _LENGTH])
        return end if end <= len(self._held) else None


def frame(message: bytes) -> bytes:
    """A message as a stream carries it, in one piece: length and body are one write."""
    return len(message).to_bytes(_LENGTH) + message
