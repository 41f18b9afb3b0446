"""Readers of option lines, and the one loop that applies them.

A plugin says what its options are in a table, and gets back what its Corefile gives:

    OPTIONS = {"ttl": integer(0, 3600), "pods": one_of("disabled", "insecure", "verified")}
    given = read_options(directive, OPTIONS)          # {"ttl": 30} for `ttl 30`

A reader takes the line and returns its value, or raises CorefileError that says what would be right.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kdns.corefile.address import zones_of
from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.corefile.mistakes import Gathered
from kdns.corefile.near import near
from kdns.corefile.texts import duration_text as duration_text
from kdns.corefile.texts import host_port_text
from kdns.errors import NameSyntaxError
from kdns.proto.name import Name

T = TypeVar("T")
Reader = Callable[[Directive], T]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]*)?|\.[0-9]+)")


def flag(line: Directive) -> bool:
    """True: the option is there, without arguments."""
    line.no_arguments()
    return True


def word(line: Directive) -> str:
    """The one argument."""
    return line.arguments(1, 1)[0]


def words(least: int, most: int | None = None) -> Reader[tuple[str, ...]]:
    """From `least` to `most` arguments (None: no limit)."""
    return lambda line: line.arguments(least, most)


def one_of(*choices: str) -> Reader[str]:
    """One of these words."""

    def read(line: Directive) -> str:
        text = word(line)
        if text not in choices:
            raise line.error(f"'{line.name}' takes {_either(choices)}, not '{text}'{near(text, choices)}", 0)
        return text

    return read


def integer(least: int, most: int | None = None) -> Reader[int]:
    """A whole number within bounds, both included."""

    def read(line: Directive) -> int:
        text = word(line)
        if _INTEGER.fullmatch(text) and least <= int(text) and (most is None or int(text) <= most):
            return int(text)
        raise line.error(f"'{line.name}' takes a whole number {_between(least, most)}, not '{text}'", 0)

    return read


def number(least: float = 0.0) -> Reader[float]:
    """A number such as `0.5`, at least `least`."""

    def read(line: Directive) -> float:
        text = word(line)
        if _NUMBER.fullmatch(text) and float(text) >= least:
            return float(text)
        raise line.error(f"'{line.name}' takes a number of at least {least:g}, not '{text}'", 0)

    return read


def duration(line: Directive) -> float:
    """A duration in Go's syntax, such as `5s` or `1h2m3.5s`, in seconds."""
    text = word(line)
    try:
        return duration_text(text)
    except ValueError as error:
        raise line.error(f"'{line.name}' takes a duration: {error}", 0) from None


def zones(line: Directive) -> tuple[Name, ...]:
    """Any number of zones, none too; a CIDR becomes its reverse zones. Folded."""
    return zone_names(line, line.words)


def zone_names(directive: Directive, texts: Iterable[Token | str]) -> tuple[Name, ...]:
    """The zones, folded, that some of a directive's arguments name; a CIDR becomes its reverse zones.

    Raises CorefileError at the line of the argument that is no zone.
    """
    names: list[Name] = []
    for text in texts:
        try:
            names += zones_of(text if isinstance(text, str) else text.text)
        except NameSyntaxError as error:
            where = _token_of(directive, text) if isinstance(text, str) else text
            raise directive.error(f"'{directive.name}' takes zones: {error}", where) from None
    return tuple(names)


def cidrs(line: Directive) -> tuple[Network, ...]:
    """One network or more, host bits dropped; an address stands for itself."""
    line.arguments(1)
    networks = []
    for token in line.words:
        try:
            networks.append(ipaddress.ip_network(token.text, strict=False))
        except ValueError as error:
            text = f"'{line.name}' takes networks, as '10.0.0.0/8': {error}"
            raise line.error(text, token) from None
    return tuple(networks)


def host_port(default_host: str = "", default_port: int | None = None) -> Reader[tuple[str, int]]:
    """`:8080`, `localhost:8080` or `[::1]:9153` as host and port; the host has no brackets.

    A missing host is `default_host`. Where there is a `default_port`, the port or all of it may be missing.
    """

    def read(line: Directive) -> tuple[str, int]:
        if not line.words and default_port is not None:
            return default_host, default_port
        text = word(line)
        try:
            host, port = host_port_text(text, default_port)
        except ValueError as error:
            raise line.error(f"'{line.name}' takes an address: {error}", 0) from None
        return host or default_host, port

    return read


@dataclass(frozen=True, slots=True)
class Each(Generic[T]):
    """A reader whose option may stand on several lines: the value is a tuple, one item a line."""

    read: Reader[T]

    def __call__(self, line: Directive) -> tuple[T, ...]:
        return (self.read(line),)


def each(read: Reader[T]) -> Each[T]:
    """The same option on several lines, all kept, in their order."""
    return Each(read)


@dataclass(frozen=True, slots=True)
class Gone:
    """A reader for an option that was removed: always raises CorefileError."""

    text: str

    def __call__(self, line: Directive) -> None:
        raise line.error(f"'{line.name}' is gone: {self.text}")


def gone(text: str) -> Gone:
    """An option that is no more; the text says since when and what to do."""
    return Gone(text)


def read_options(
    directive: Directive, table: Mapping[str, Reader[object]], *, nested: Collection[str] = ()
) -> dict[str, Any]:
    """The values of the options in a directive's block, by name; what is not given is not in it.

    `nested` names the options that may have a block of their own, for their reader to read. When an
    option is repeated the last line counts (as in CoreDNS), unless its reader is `each(…)`.
    Raises CorefileErrors with all the mistakes of the block.
    """
    values: dict[str, Any] = {}
    mistakes = Gathered()
    for line in directive.body:
        with mistakes.going_on():
            reader = _reader(directive, line, table)
            if line.name not in nested:
                line.no_block()
            value = reader(line)
            earlier = values.get(line.name, ()) if isinstance(reader, Each) else None
            values[line.name] = value if earlier is None else (*earlier, *value)
    mistakes.raise_any()
    return values


def _reader(directive: Directive, line: Directive, table: Mapping[str, Reader[object]]) -> Reader[Any]:
    if line.name in table:
        return table[line.name]
    known = [name for name, reader in table.items() if not isinstance(reader, Gone)]
    has = f" (it has {', '.join(known)})" if known else ""
    raise line.error(f"'{directive.name}' has no option '{line.name}'{near(line.name, known)}{has}")


def _token_of(directive: Directive, text: str) -> Token | None:
    return next((token for token in directive.words if token.text == text), None)


def _between(least: int, most: int | None) -> str:
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def _either(choices: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(choices[:-1]), choices[-1])))
