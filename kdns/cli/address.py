"""A server's address as people write it."""

from __future__ import annotations

import ipaddress

_PORT = 53


def server_address(text: str) -> tuple[str, int]:
    """`127.0.0.1`, `127.0.0.1:1053`, `::1` or `[::1]:1053` as IP and port. Raises ValueError."""
    host, port = text, ""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    ipaddress.ip_address(host)
    if port and not (port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError(f"'{port}' is no port")
    return host, int(port or _PORT)
