"""A server's address as people write it."""

from __future__ import annotations

import ipaddress

from kdns.corefile.texts import host_port_text


def server_address(text: str, default_port: int) -> tuple[str, int]:
    """`127.0.0.1`, `127.0.0.1:1053`, `::1` or `[::1]:1053` as IP and port.

    Raises ValueError that says what would be right.
    """
    try:
        host, port = (text, default_port) if _is_ip(text) else host_port_text(text, default_port)
    except ValueError as error:
        raise ValueError(f"no address of a server: {error}") from None
    if not _is_ip(host) or not port:
        raise ValueError(f"'{text}' is no address of a server, '127.0.0.1', '127.0.0.1:1053' or '[::1]:1053' is")
    return host, port


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
