"""One question by hand: whether a server is ready, and since when."""

from __future__ import annotations

import socket

NOERROR = 0
_PATIENCE = 0.5
"""Seconds that a reply may take."""
_TYPES = {"A": 1, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}


def question(name: str, type: str = "A") -> bytes:
    """A query of one question (RFC 1035, section 4.1) with id 1 and RD."""
    labels = b"".join(bytes((len(label),)) + label for label in name.encode().split(b"."))
    return b"\0\1\1\0\0\1\0\0\0\0\0\0" + labels + b"\0" + _TYPES[type].to_bytes(2, "big") + b"\0\1"


def answers(port: int, name: str, type: str = "A") -> int:
    """How many records a server on this machine answers with over UDP; 0 where it does not answer or has none."""
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(_PATIENCE)
        try:
            asker.connect(("127.0.0.1", port))
            asker.send(question(name, type))
            reply = asker.recv(65535)
        except OSError:
            return 0
    return int.from_bytes(reply[6:8], "big") if reply[3] & 15 == NOERROR else 0
