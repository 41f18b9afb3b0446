"""A `forward` directive read: which names go where, and how (CoreDNS: plugin/forward/setup.go)."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from kdns.corefile.block import Directive
from kdns.corefile.mistakes import Gathered
from kdns.corefile.near import near
from kdns.corefile.values import (
    Reader,
    duration,
    duration_text,
    each,
    flag,
    integer,
    one_of,
    read_options,
    word,
    zone_names,
    zones,
)
from kdns.errors import CorefileError, NameSyntaxError
from kdns.proto.name import ROOT, Name, from_text, is_at_or_below
from kdns.proto.types import Flag
from kdns.upstream.address import Endpoint, Target, is_address, read_address, read_target
from kdns.upstream.asking import Asking
from kdns.upstream.health import EVERY
from kdns.upstream.listing import MOST
from kdns.upstream.settings import Settings, probe_of
from kdns.upstream.streams import EXPIRE, Keeping

_USAGE = "forward FROM TO..."
_COUNT = 2**32 - 1
_RCODES = {
    name: code
    for code, name in enumerate(
        """NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE""".split()
    )
}


@dataclass(frozen=True, slots=True)
class Stanza:
    """What one directive says. Names are folded.

    `most` is how many questions may be under way, 0 where it is not said. `on` are rcodes, with which,
    as with an empty answer if `on_nodata`, the next *forward* is asked. `resolvers` know hosts' addresses.
    """

    line: Directive
    froms: tuple[Name, ...]
    targets: tuple[Target, ...]
    excepted: tuple[Name, ...] = ()
    settings: Settings = field(default_factory=Settings)
    most: int = 0
    on: frozenset[int] = frozenset()
    on_nodata: bool = False
    resolvers: tuple[Endpoint, ...] = ()

    def takes(self, name: Name) -> bool:
        """Whether a name's questions are forwarded; FROM itself always is (as in CoreDNS)."""
        if name in self.froms or (ROOT in self.froms and not self.excepted):
            return True
        inside = any(is_at_or_below(name, zone) for zone in self.froms)
        return inside and not any(is_at_or_below(name, zone) for zone in self.excepted)


def read(line: Directive) -> Stanza:
    """Read a directive. Raises CorefileError, or CorefileErrors with all its mistakes."""
    line.arguments(2, None, _USAGE)
    mistakes = Gathered()
    froms: tuple[Name, ...] = ()
    with mistakes.going_on():
        froms = zone_names(line, line.words[:1])
    targets = _targets(line, mistakes)
    given: dict[str, Any] = {}
    with mistakes.going_on():
        given = read_options(line, _OPTIONS)
        _check_names(line, given, targets)
    mistakes.raise_any()
    return Stanza(
        line,
        froms,
        targets,
        tuple(chain.from_iterable(given.get("except", ()))),
        _settings(given, targets),
        given.get("max_concurrent", 0),
        frozenset(chain.from_iterable(given.get("next", ()))),
        given.get("next_on_nodata", False),
        tuple(chain.from_iterable(given.get("resolver", ()))),
    )


def _targets(line: Directive, mistakes: list[CorefileError]) -> tuple[Target, ...]:
    found = []
    for token in line.words[1:]:
        try:
            found.append(read_target(token.text))
        except ValueError as error:
            mistakes.append(line.error(str(error), token))
    if len(found) > MOST:
        mistakes.append(line.error(f"'forward' takes up to {MOST} servers, not {len(found)}", MOST + 1))
    return tuple(found)


def _check_names(line: Directive, given: dict[str, Any], targets: Sequence[Target]) -> None:
    for target in targets:
        if isinstance(target, Endpoint) and target.name and "tls_servername" in given:
            raise line.error(f"'{target.name}' and 'tls_servername {given['tls_servername']}': say one of them")


def _settings(given: dict[str, Any], targets: Sequence[Target]) -> Settings:
    every, probe = given.get("health_check", (EVERY, probe_of()))
    encrypted = any(not isinstance(target, Path) and target.tls for target in targets)
    default = Settings()
    return Settings(
        force_tcp=given.get("force_tcp", False),
        prefer_udp=given.get("prefer_udp", False),
        timeout=given.get("read_timeout", default.timeout),
        keeping=Keeping(given.get("expire", EXPIRE), given.get("max_age", 0.0), given.get("max_idle_conns", 0)),
        source=given.get("source_address", ""),
        context=given.get("tls") or (_context() if encrypted else None),
        server_name=given.get("tls_servername", ""),
        max_fails=given.get("max_fails", default.max_fails),
        every=every,
        probe=probe,
        policy=given.get("policy", default.policy),
        attempts=given.get("max_connect_attempts", 0),
        failover=frozenset(chain.from_iterable(given.get("failover", ()))),
        failfast=given.get("failfast_all_unhealthy_upstreams", False),
    )


def _context(authority: str | None = None) -> ssl.SSLContext:
    """TLS as RFC 7858 wants it, the certificate verified. Raises OSError (which ssl.SSLError is)."""
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["dot"])
    return context


def _tls(line: Directive) -> ssl.SSLContext:
    """Nothing, CA, CERT KEY, or CERT KEY CA."""
    files = line.arguments(0, 3, "tls [CERT KEY] [CA]")
    for file, token in zip(files, line.words, strict=True):
        try:
            Path(file).open("rb").close()  # ssl does not say which of its files could not be read
        except OSError as error:
            raise line.error(f"'{file}' cannot be read: {error.strerror or error}", token) from None
    try:
        context = _context(files[-1] if len(files) % 2 else None)
        if len(files) > 1:
            context.load_cert_chain(files[0], files[1], password="")  # or it asks at the terminal
    except (OSError, ValueError) as error:
        raise line.error(f"'tls' takes PEM files, a certificate with its key: {error}") from None
    return context


def _some_zones(line: Directive) -> tuple[Name, ...]:
    line.arguments(1)
    return zones(line)


def _positive(line: Directive) -> float:
    seconds = duration(line)
    if not seconds:
        raise line.error(f"'{line.name}' takes a duration above zero", 0)
    return seconds


def _health_check(line: Directive) -> tuple[float, Asking]:
    usage = "health_check DURATION [no_rec] [domain FQDN]"
    first, *rest = line.arguments(1, 4, usage)
    try:
        seconds = duration_text(first)
    except ValueError as error:
        raise line.error(f"'health_check' takes a duration: {error}", 0) from None
    name, flags, place = ROOT, int(Flag.RD), 1
    while rest:
        match rest:
            case ["no_rec", *rest]:
                flags, place = 0, place + 1
            case ["domain", text, *rest]:
                name, place = _domain(line, text, place + 1), place + 2
            case [text, *_]:
                hint = near(text, ("no_rec", "domain"))
                raise line.error(f"'health_check' has no '{text}'{hint}: {usage}", place)
    return seconds or EVERY, probe_of(name, flags)


def _domain(line: Directive, text: str, place: int) -> Name:
    try:
        return from_text(text)
    except NameSyntaxError as error:
        raise line.error(str(error), place) from None


def _rcodes(*refused: str) -> Reader[tuple[int, ...]]:
    def read(line: Directive) -> tuple[int, ...]:
        texts = [text.upper() for text in line.arguments(1)]
        for place, text in enumerate(texts):
            if text not in _RCODES or text in refused:
                known = ", ".join(name for name in _RCODES if name not in refused)
                raise line.error(f"'{line.name}' takes rcodes, not '{text}' ({known})", place)
        return tuple(_RCODES[text] for text in texts)

    return read


def _ip(line: Directive) -> str:
    text = word(line)
    if not is_address(text):
        raise line.error(f"'{line.name}' takes an IP, not '{text}'", 0)
    return text


def _addresses(line: Directive) -> tuple[Endpoint, ...]:
    line.arguments(1)
    found = []
    for token in line.words:
        try:
            found.append(read_address(token.text))
        except ValueError as error:
            raise line.error(f"'{line.name}': {error}", token) from None
    return tuple(found)


def _not_yet(line: Directive) -> None:
    raise line.error(f"'{line.name}' is of DNS over HTTPS, which kdns cannot forward over yet: remove it")


_OPTIONS: dict[str, Reader[object]] = {
    "except": each(_some_zones),
    "force_tcp": flag,
    "prefer_udp": flag,
    "expire": duration,
    "max_age": duration,
    "max_idle_conns": integer(0, _COUNT),
    "read_timeout": _positive,
    "max_fails": integer(0, _COUNT),
    "max_connect_attempts": integer(0, _COUNT),
    "doh_method": _not_yet,
    "tls": _tls,
    "tls_servername": word,
    "policy": one_of("random", "round_robin", "sequential"),
    "health_check": _health_check,
    "max_concurrent": integer(0),
    "next": each(_rcodes()),
    "next_on_nodata": flag,
    "failfast_all_unhealthy_upstreams": flag,
    "failover": each(_rcodes("NOERROR")),
    "source_address": _ip,
    "resolver": each(_addresses),
}
