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
        if self._held:
            self._held += data
            if len(self._held) < _LENGTH + int.from_bytes(self._held[:_LENGTH]):
                return []
            data = bytes(self._held)
            self._held.clear()
        messages, at, size = [], 0, len(data)
        while at + _LENGTH <= size:
            end = at + _LENGTH + (data[at] << 8 | data[at + 1])
            if end > size:
                break
            messages.append(data[at + _LENGTH : end])
            at = end
        self._held += data[at:]
        return messages


def frame(message: bytes) -> bytes:
    """A message as a stream carries it, in one piece: length and body are one write."""
    return len(message).to_bytes(_LENGTH) + message
