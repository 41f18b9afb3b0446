"""A `cache` directive read (CoreDNS: plugin/cache/setup.go)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kdns.caching.kind import Kind
from kdns.corefile.block import Directive
from kdns.corefile.mistakes import Gathered
from kdns.corefile.near import near
from kdns.corefile.values import Reader, duration_text, each, flag, one_of, read_options, zone_names
from kdns.proto.name import ROOT, Name, is_at_or_below

_SHARDS, _LEAST = 256, 1024
"""CoreDNS's stores are in 256 parts of at least four entries: a capacity is a multiple of that."""
_CAPACITY = 9984
_BYTES_EACH = 2048
_LONGEST = 3600
_LONGEST_DENIAL = _LONGEST // 2
_SHORTEST = 5
_SERVFAIL, _LONGEST_SERVFAIL = 5.0, 300.0
_GAP, _PERCENT = 60.0, 10
_PERCENTS = range(10, 91)
_STALE = 3600.0
_LONGEST_RECHECK = 300.0
_HUGE = 2**31
_MODES = ("immediate", "verify")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_SIZE = re.compile(r"([0-9]{1,15})([KMG]?)")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one store: entries, bytes, and the longest and shortest life of an entry in seconds."""

    entries: int
    size: int
    longest: int
    shortest: int = _SHORTEST

    def life(self, ttl: int) -> int:
        """How long to keep what has this TTL."""
        return min(max(ttl, self.shortest), self.longest)


@dataclass(frozen=True, slots=True)
class Prefetch:
    """Ask anew what was asked for `amount` times, never `gap` seconds apart, when `percent` of its life is left."""

    amount: int
    gap: float = _GAP
    percent: int = _PERCENT


@dataclass(frozen=True, slots=True)
class Stale:
    """Answer for `seconds` longer, with `ttl`. `verify`: not before the next plugin was asked.

    That may take `timeout` seconds, 0 for as long as it takes. It is not asked again within `recheck` seconds
    after it failed.
    """

    seconds: float = _STALE
    verify: bool = False
    timeout: float = 0.0
    ttl: int = 0
    recheck: float = 0.0
    prefer_positive: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What a directive says. `disabled` has by kind the zones whose answers are not kept. Names are folded."""

    zones: tuple[Name, ...]
    success: Limits
    denial: Limits
    servfail: float = _SERVFAIL
    prefetch: Prefetch | None = None
    stale: Stale | None = None
    disabled_success: tuple[Name, ...] = ()
    disabled_denial: tuple[Name, ...] = ()
    keepttl: bool = False
    own: bool = False

    def covers(self, name: Name) -> bool:
        """Whether the cache has to do with this name."""
        return ROOT in self.zones or any(is_at_or_below(name, zone) for zone in self.zones)

    def keeps(self, kind: Kind, name: Name) -> bool:
        """Whether answers of this kind to this name are kept."""
        disabled = self.disabled_success if kind is Kind.SUCCESS else self.disabled_denial
        return not disabled or not any(is_at_or_below(name, zone) for zone in disabled)

    def life(self, kind: Kind, ttl: int) -> float:
        """How many seconds an answer of this kind with this TTL is kept; 0 for not at all."""
        if kind is Kind.FAILURE:
            return self.servfail
        return (self.success if kind is Kind.SUCCESS else self.denial).life(ttl)


def read(line: Directive, zones: Sequence[Name]) -> Settings:
    """Read a directive of a server block with these zones. Raises CorefileErrors with all its mistakes."""
    mistakes = Gathered()
    longest: int | None = None
    given: dict[str, Any] = {}
    words = line.words
    with mistakes.going_on():
        if words and _WHOLE.fullmatch(words[0].text):
            longest = _number(line, 0, 1, "TTL")
            words = words[1:]
        zones = zone_names(line, words) or zones
    with mistakes.going_on():
        given = read_options(line, _OPTIONS)
        if "serve_stale_policy" in given and "serve_stale" not in given:
            raise line.error("'serve_stale_policy' goes with 'serve_stale'")
    mistakes.raise_any()
    return _settings(tuple(zones), longest, given)


def _settings(zones: tuple[Name, ...], longest: int | None, given: dict[str, Any]) -> Settings:
    size = given.get("bytes")
    stale: Stale | None = given.get("serve_stale")
    if stale is not None and "serve_stale_policy" in given:
        stale = replace(stale, prefer_positive=True)
    disabled = dict(given.get("disable", ()))
    return Settings(
        zones,
        _limits(given.get("success"), longest or _LONGEST, size),
        _limits(given.get("denial"), longest or _LONGEST_DENIAL, size),
        given.get("servfail", _SERVFAIL),
        given.get("prefetch"),
        stale if stale is not None and stale.seconds else None,
        disabled.get(Kind.SUCCESS, ()),
        disabled.get(Kind.DENIAL, ()),
        given.get("keepttl", False),
        given.get("cache_own", False),
    )


def _limits(said: tuple[int, ...] | None, longest: int, size: int | None) -> Limits:
    capacity, ttl, shortest = (*(said or ()), None, None, None)[:3]
    entries = _CAPACITY if capacity is None else max(_LEAST, capacity // _SHARDS * _SHARDS)
    return Limits(
        entries,
        size if size is not None else entries * _BYTES_EACH,
        longest if ttl is None else ttl,
        _SHORTEST if shortest is None else shortest,
    )


def _number(line: Directive, place: int, least: int, what: str) -> int:
    text = line.args[place]
    if _WHOLE.fullmatch(text) and least <= int(text) < _HUGE:
        return int(text)
    raise line.error(f"'{line.name}' takes a whole number of at least {least} as its {what}, not '{text}'", place)


def _store(line: Directive) -> tuple[int, ...]:
    """CAPACITY [TTL] [MINTTL]."""
    line.arguments(1, 3, f"{line.name} CAPACITY [TTL] [MINTTL]")
    parts = zip(range(len(line.words)), (0, 1, 0), ("CAPACITY", "TTL", "MINTTL"), strict=False)
    return tuple(_number(line, place, least, what) for place, least, what in parts)


def _prefetch(line: Directive) -> Prefetch | None:
    """AMOUNT [[DURATION] [PERCENTAGE%]]."""
    args = line.arguments(1, 3, "prefetch AMOUNT [[DURATION] [PERCENTAGE%]]")
    amount = _number(line, 0, 0, "AMOUNT")
    gap = _seconds(line, 1) if len(args) > 1 else _GAP
    percent = _percent(line, 2) if len(args) > 2 else _PERCENT
    return Prefetch(amount, gap, percent) if amount else None


def _percent(line: Directive, place: int) -> int:
    text = line.args[place]
    digits = text.removesuffix("%")
    if digits != text and digits.isdecimal() and len(digits) < 4 and int(digits) in _PERCENTS:
        return int(digits)
    raise line.error(f"'{line.name}' takes a percentage from 10% to 90%, not '{text}'", place)


def _seconds(line: Directive, place: int, longest: float | None = None) -> float:
    text = line.args[place]
    try:
        seconds = duration_text(text)
    except ValueError as error:
        raise line.error(f"'{line.name}' takes a duration: {error}", place) from None
    if longest is not None and seconds > longest:
        raise line.error(f"'{line.name}' takes a duration of at most {longest / 60:g}m here, not '{text}'", place)
    return seconds


def _serve_stale(line: Directive) -> Stale:
    """[DURATION] [immediate [RTTL [RECHECK]] | verify [TIMEOUT [RTTL [RECHECK]]]]."""
    usage = "serve_stale [DURATION] [immediate [RTTL [RECHECK]] | verify [TIMEOUT [RTTL [RECHECK]]]]"
    args = line.arguments(0, 5, usage)
    if not args:
        return Stale()
    seconds = _seconds(line, 0)
    mode = args[1].lower() if len(args) > 1 else _MODES[0]
    if mode not in _MODES:
        raise line.error(f"'serve_stale' takes immediate or verify, not '{args[1]}'{near(mode, _MODES)}", 1)
    verify = mode == "verify"
    if len(args) == 5 and not verify:
        raise line.error(f"'serve_stale' takes at most two durations behind 'immediate': {usage}", 4)
    timeout = _seconds(line, 2) if verify and len(args) > 2 else 0.0
    rest = 3 if verify else 2
    ttl = int(_seconds(line, rest)) if len(args) > rest else 0
    recheck = _seconds(line, rest + 1, _LONGEST_RECHECK) if len(args) > rest + 1 else 0.0
    return Stale(seconds, verify, timeout, ttl, recheck)


def _servfail(line: Directive) -> float:
    line.arguments(1, 1, "servfail DURATION")
    return _seconds(line, 0, _LONGEST_SERVFAIL)


def _disable(line: Directive) -> tuple[Kind, tuple[Name, ...]]:
    """One kind, and its zones: all of them unless named."""
    kinds = (Kind.SUCCESS.value, Kind.DENIAL.value)
    what = line.arguments(1, None, "disable success|denial [ZONES...]")[0]
    if what not in kinds:
        raise line.error(f"'disable' takes success or denial, not '{what}'{near(what, kinds)}", 0)
    return Kind(what), zone_names(line, line.words[1:]) or (ROOT,)


def _bytes(line: Directive) -> int:
    (text,) = line.arguments(1, 1, "bytes SIZE")
    if (found := _SIZE.fullmatch(text.upper())) and int(found[1]):
        return int(found[1]) * _UNITS[found[2]]
    raise line.error(f"'bytes' takes a number of bytes such as 1000000, 512K or 64M, not '{text}'", 0)


_OPTIONS: dict[str, Reader[object]] = {
    "success": _store,
    "denial": _store,
    "prefetch": _prefetch,
    "serve_stale": _serve_stale,
    "serve_stale_policy": one_of("prefer_positive"),
    "servfail": _servfail,
    "disable": each(_disable),
    "keepttl": flag,
    "bytes": _bytes,
    "cache_own": flag,
}
