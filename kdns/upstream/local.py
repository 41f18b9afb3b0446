"""Whether an address is this machine's own."""

from __future__ import annotations

import socket


def is_local(ip: str) -> bool:
    """Whether one could listen on it: only an address of this machine can be bound to."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((ip.partition("%")[0], 0))
    except OSError:
        return False
    return True
