"""`kdns query NAME [TYPE]`: ask a running server and show what it says, with dnspython as the client.

This is the one place of the package that speaks to dnspython: what it shows is a second opinion on
the server's bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode

from kdns.cli.address import server_address
from kdns.errors import StartError

_TIMEOUT = 5.0
_PAYLOAD = 1232
_USAGE = 2


def main(arguments: Sequence[str]) -> int:
    """Ask; 0 for NOERROR, 1 for another rcode or no reply, 2 for wrong usage."""
    given = _flags().parse_args(arguments)
    try:
        host, port = server_address(given.server)
        message = dns.message.make_query(given.name, given.type, use_edns=0, payload=_PAYLOAD)
    except (dns.exception.DNSException, ValueError) as error:
        print(f"kdns query: {error}", file=sys.stderr)
        return _USAGE
    reply = _ask(message, host, port, tcp=given.tcp)
    print(reply)
    print(f";SERVER {host} port {port}, {'TCP' if given.tcp else 'UDP'}, {len(reply.wire or b'')} bytes")
    return 0 if reply.rcode() == dns.rcode.NOERROR else 1


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kdns query", description="Ask a running server; shows answer, flags and Extended DNS Errors."
    )
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("type", metavar="TYPE", nargs="?", default="A", help="default: A")
    parser.add_argument("--server", default="127.0.0.1:1053", metavar="ADDR[:PORT]", help="default: 127.0.0.1:1053")
    parser.add_argument("--tcp", action="store_true", help="over TCP")
    return parser


def _ask(message: dns.message.Message, host: str, port: int, *, tcp: bool) -> dns.message.Message:
    try:
        if tcp:
            return dns.query.tcp(message, host, timeout=_TIMEOUT, port=port)
        reply, _ = dns.query.udp_with_fallback(message, host, timeout=_TIMEOUT, port=port)
    except dns.exception.Timeout:
        raise StartError(f"no reply from {host} port {port} in {_TIMEOUT:g} seconds") from None
    except OSError as error:
        raise StartError(f"{host} port {port} cannot be asked: {error.strerror or error}") from None
    else:
        return reply
