"""What a single word of a Corefile can mean: a duration, an address with its port."""

from __future__ import annotations

import ipaddress
import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_AMOUNT = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_PART = re.compile(rf"({_AMOUNT})(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"[+-]?(?:{_PART.pattern})+")
_LONGEST = 2**63 / 1e9
"""Seconds: Go counts nanoseconds in 63 bits, 292 years of them."""

_HOST_PORT = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[^:]*))?", re.DOTALL)
_MAX_PORT = 65535


def duration_text(text: str) -> float:
    """Seconds, from Go's syntax (`time.ParseDuration`): `1h2m3.5s`, `500ms`, `0`.

    Raises ValueError that says what would be right, for a number without a unit and below zero too.
    """
    if re.fullmatch(r"[+-]?0+", text):
        return 0.0
    if re.fullmatch(rf"[+-]?{_AMOUNT}", text):
        raise ValueError(f"add a unit to '{text}', for instance '{text}s'")
    if not _DURATION.fullmatch(text):
        raise ValueError(f"'{text}' is none, '5s' or '1m30s' is (units: ns, us, ms, s, m, h)")
    if text.startswith("-"):
        raise ValueError(f"'{text}' is below zero")
    seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    if seconds > _LONGEST:
        raise ValueError(f"'{text}' is more than 292 years")
    return seconds


def host_port_text(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Host (perhaps empty, without brackets) and port of `:8080`, `localhost:8080`, `[::1]:9153`.

    Raises ValueError that says what would be right; so it does when the port is missing and has no default.
    """
    if text.isdigit():
        raise ValueError(f"put a colon before the port: ':{text}'")
    if _is_ipv6(text):
        raise ValueError(f"put '{text}' in brackets: '[{text}]:{default_port or 8080}'")
    found = _HOST_PORT.fullmatch(text)
    if not found or not text or any(map(str.isspace, text)) or not _is_host(found["six"]):
        raise ValueError(f"'{text}' is none, 'localhost:8080', ':8080' or '[::1]:8080' is")
    host = found["six"] or found["host"] or ""
    if found["port"] is None:
        if default_port is None:
            raise ValueError(f"'{text}' has no port, '{text}:8080' has")
        return host, default_port
    return host, _port(found["port"])


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > _MAX_PORT:
        raise ValueError(f"'{text}' is no port: a port is a number up to {_MAX_PORT}")
    return int(text)


def _is_host(bracketed: str | None) -> bool:
    return bracketed is None or _is_ipv6(bracketed)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
