"""The keys of a server block, `[scheme://]ZONE[:PORT]`, and the zones that plugins are given.

A zone may be a CIDR and then means its reverse zones. What CoreDNS takes as odd names
(`10.0.0.0/33`, `doq://.`, `a.test:dns`, an address) is an error here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from kdns.corefile.block import Key
from kdns.corefile.lexer import Token
from kdns.corefile.near import near
from kdns.errors import NameSyntaxError
from kdns.proto.name import Name, fold, from_text
from kdns.proto.reverse import is_reverse, reverse_zones

SCHEMES: Mapping[str, int | None] = {
    "dns": None,
    "tls": 853,
    "quic": 853,
    "grpc": 443,
    "https": 443,
    "https3": 443,
    "unix": None,
}
"""The port of each scheme; None is the default port, which the command line sets."""

# `0/25.2.0.192.in-addr.arpa` (RFC 2317) is a name; only digits and dots, or colons, make a CIDR.
_CIDR = re.compile(r"(?:[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)/[0-9.]*")
_PORT = re.compile(r"(?P<zone>.*):(?P<port>[0-9]{1,9})", re.DOTALL)
_MAX_PORT = 65535


def parse_key(token: Token, default_port: int) -> tuple[Key, ...]:
    """The keys a word stands for: one, or one for each reverse zone of a CIDR.

    Raises CorefileError that says what would be right.
    """
    try:
        _check_word(token.text)
        scheme, zone, port = _split(token.text)
        names = _server_zones(zone)
    except NameSyntaxError as error:
        raise token.error(str(error)) from None
    port = port if port is not None else SCHEMES[scheme] or default_port
    return tuple(Key(scheme, name, port, token.text, token.file, token.line) for name in names)


def zones_of(text: str) -> tuple[Name, ...]:
    """The zones, folded, that an argument names: one, or the reverse zones of a CIDR.

    A scheme and a port are dropped (CoreDNS, `plugin/normalize.go`). Raises NameSyntaxError.
    """
    return _zones(_split(text)[1])


def looks_like_key(text: str) -> bool:
    """Whether a word is rather a key of a server block than the name of a directive."""
    return any(mark in text for mark in ".:/")


def _check_word(text: str) -> None:
    if text.startswith("(") and text.endswith(")"):
        raise NameSyntaxError(f"a snippet stands alone before its block: '{text} {{'")
    if "{" in text or "}" in text:
        raise NameSyntaxError(f"'{text}' is no zone: put blanks around '{{' and '}}'")
    if text and text.split() != [text]:
        raise NameSyntaxError(f"'{text}' is no zone: a word (or variable) is one zone, without blanks")


def _split(text: str) -> tuple[str, str, int | None]:
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "dns", text
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        known = ", ".join(SCHEMES)
        raise NameSyntaxError(f"unknown scheme '{scheme}://'{near(scheme, SCHEMES)} (known are {known})")
    if not rest:
        raise NameSyntaxError("the zone is empty (a variable that is not set?): '.' is the root zone")
    _refuse_address(rest)
    found = _PORT.fullmatch(rest)
    zone = found["zone"] if found else rest
    _check_zone(zone, rest)
    return scheme, zone, _port(found["port"]) if found else None


def _refuse_address(text: str) -> None:
    if text.startswith("["):
        raise NameSyntaxError(f"'{text}' is no zone: a CIDR has no brackets, as '2001:db8::/32'")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return
    raise NameSyntaxError(
        f"'{text}' is an address, not a zone: its reverse zone is '{text}/{address.max_prefixlen}', "
        f"the address to listen on is said with 'bind {text}'"
    )


def _check_zone(zone: str, rest: str) -> None:
    if not zone or zone == ":":
        raise NameSyntaxError(f"no zone before '{rest}': the root zone is '.', as in '.:53'")
    _refuse_address(zone)
    if ":" not in zone or _CIDR.fullmatch(zone):
        return
    name, _, port = zone.rpartition(":")
    if port:
        raise NameSyntaxError(f"'{port}' is no port: a port is a number, as in '{name or '.'}:53'")
    raise NameSyntaxError(f"the port after '{zone}' is missing: '{name or '.'}:53'")


def _port(text: str) -> int:
    port = int(text)
    if port > _MAX_PORT:
        raise NameSyntaxError(f"'{port}' is no port: a port is at most {_MAX_PORT}")
    return port


def _server_zones(zone: str) -> tuple[Name, ...]:
    names = _zones(zone)
    if "/" in zone and not is_reverse(names[0]):
        raise NameSyntaxError(f"'{zone}' is no zone: a server block names zones, not paths")
    return names


def _zones(zone: str) -> tuple[Name, ...]:
    if not _CIDR.fullmatch(zone):
        try:
            return (fold(from_text(zone)),)
        except UnicodeEncodeError:  # bytes of the environment that are no UTF-8
            raise NameSyntaxError(f"{zone!a} is no domain name: it is not UTF-8") from None
    try:
        network = ipaddress.ip_network(zone, strict=False)
    except ValueError as error:
        raise NameSyntaxError(f"'{zone}' is no CIDR, as '10.0.0.0/8' is one: {error}") from None
    return reverse_zones(str(network))
