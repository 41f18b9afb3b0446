"""`kdns query NAME [TYPE]`: ask a running server and show what it says, with dnspython as the client.

This is the one place of the package that speaks to dnspython: what it shows is a second opinion on
the server's bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.reversename

from kdns.cli.address import server_address
from kdns.cli.flags import Parser, parser
from kdns.errors import StartError

_PORT = 1053
"""That of `kdns serve`."""
_TIMEOUT = 5.0
_PAYLOAD = 1232
_USAGE = 2


class _Server(NamedTuple):
    """Whom to ask."""

    ip: str
    port: int

    def __str__(self) -> str:
        return f"{self.ip} port {self.port}"


def main(arguments: Sequence[str]) -> int:
    """Ask; 0 for NOERROR, 1 for another rcode, 2 for wrong usage. Raises StartError where there is no reply."""
    given = _flags().parse_words(arguments)
    try:
        server = _Server(*server_address(given.server, _PORT))
        message = _question(given.name, given.type)
    except (dns.exception.DNSException, ValueError) as error:
        print(f"kdns query: {error}", file=sys.stderr)
        return _USAGE
    reply, tcp = _ask(message, server, tcp=given.tcp)
    print(reply)
    print(f";SERVER {server}, {'TCP' if tcp else 'UDP'}, {len(reply.wire or b'')} bytes")
    return 0 if reply.rcode() == dns.rcode.NOERROR else 1


def _flags() -> Parser:
    flags = parser("kdns query", "Ask a running server; shows answer, flags and Extended DNS Errors.")
    flags.add_argument("name", metavar="NAME", help="a full name, or an address for its PTR record")
    flags.add_argument("type", metavar="TYPE", nargs="?", help="default: A, for an address PTR")
    flags.add_argument(
        "--server", default="127.0.0.1", metavar="ADDR[:PORT]", help=f"default: %(default)s; the port's: {_PORT}"
    )
    flags.add_argument("--tcp", action="store_true", help="over TCP")
    return flags


def _question(name: str, type: str | None) -> dns.message.QueryMessage:
    """Raises DNSException and ValueError for what is no name or no type."""
    try:
        owner, usual = dns.reversename.from_address(name), "PTR"
    except dns.exception.SyntaxError:
        owner, usual = dns.name.from_text(name), "A"
    return dns.message.make_query(owner, type or usual, use_edns=0, payload=_PAYLOAD)


def _ask(message: dns.message.Message, server: _Server, *, tcp: bool) -> tuple[dns.message.Message, bool]:
    """The reply, and whether it came over TCP, as it does when it is too large for UDP."""
    try:
        if tcp:
            return dns.query.tcp(message, server.ip, timeout=_TIMEOUT, port=server.port), True
        return dns.query.udp_with_fallback(message, server.ip, timeout=_TIMEOUT, port=server.port)
    except dns.exception.Timeout:
        raise StartError(f"no reply from {server} in {_TIMEOUT:g} seconds") from None
    except (dns.exception.DNSException, EOFError) as error:
        raise StartError(f"the reply from {server} cannot be read: {error}") from None
    except OSError as error:
        raise StartError(f"{server} cannot be asked: {error.strerror or error}") from None
