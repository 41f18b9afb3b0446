"""Questions over real sockets, of this host or of another one, with replies read by dnspython."""

from __future__ import annotations

import socket
from collections.abc import Callable

import dns.flags
import dns.message
import dns.query

from tests.outside.hosts import Host
from tests.processes import PATIENCE

Ask = Callable[[str, str, bool], dns.message.Message]
"""Asks for a name and a type, over TCP or UDP; with EDNS, room for 1232 bytes, and AD as dig has it."""


def asking(address: str, port: int = 53, host: Host | None = None) -> Ask:
    """Who asks a server."""

    def ask(name: str, type: str, tcp: bool) -> dns.message.Message:
        query = dns.message.make_query(name, type, use_edns=0, payload=1232, flags=dns.flags.RD | dns.flags.AD)
        kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
        with host.socket(kind) if host else socket.socket(type=kind) as sock:
            sock.settimeout(PATIENCE)
            if not tcp:
                return dns.query.udp(query, address, timeout=PATIENCE, port=port, sock=sock)
            sock.connect((address, port))
            sock.setblocking(False)
            return dns.query.tcp(query, address, timeout=PATIENCE, sock=sock)

    return ask
