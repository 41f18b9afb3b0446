"""What names an upstream: addresses, host names, files that list addresses.

9.9.9.9   10.0.0.1:1053   [2620:fe::fe]:53   dns://9.9.9.9         over UDP and TCP
tls://9.9.9.9   tls://9.9.9.9%dns.quad9.net:8853                   over TLS; behind % the name in its certificate
/etc/resolv.conf   ./resolv.conf                                   its nameserver lines
dns.example.org   tls://dns.example.org                            a host, resolved at start
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kdns.errors import NameSyntaxError
from kdns.proto.name import from_text

PORT = 53
TLS_PORT = 853
_PORTS = {"dns": PORT, "tls": TLS_PORT}
_NOT_YET = ("https", "https3", "quic", "grpc")
_WORD = re.compile(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")
_HOST = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
_MAX_PORT = 65535


class Endpoint(NamedTuple):
    """One server. `ip` in presentation format, with a scope (`fe80::1%eth0`) where it needs one.

    `name` is what its certificate must show; empty: the address itself.
    """

    ip: str
    port: int = PORT
    tls: bool = False
    name: str = ""

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class Host(NamedTuple):
    """Servers by a host's name, that is to be resolved."""

    host: str
    port: int = PORT
    tls: bool = False

    def at(self, ip: str) -> Endpoint:
        """The server at one of its addresses; over TLS it must show the host's name."""
        return Endpoint(ip, self.port, self.tls, self.host if self.tls else "")


Target = Endpoint | Host | Path


def read_target(text: str, is_file: Callable[[Path], bool] = Path.is_file) -> Target:
    """What a word names. Raises ValueError that says what would be right."""
    scheme, mark, rest = text.partition("://")
    if not mark:
        if text.startswith(("/", "./", "../")) or is_file(Path(text)):
            return Path(text)
        scheme, rest = "dns", text
    if scheme in _NOT_YET:
        raise ValueError(f"kdns cannot forward over {scheme}:// yet, only over dns:// and tls://")
    if scheme not in _PORTS:
        raise ValueError(f"'{scheme}://' is no protocol of DNS; dns:// and tls:// are")
    if scheme == "tls":
        return _encrypted(rest)
    host, port = _host_and_port(rest)
    return Endpoint(host, port or PORT) if is_address(host) else Host(_host(host), port or PORT)


def read_address(text: str) -> Endpoint:
    """An IP, or IP:PORT. Raises ValueError."""
    host, port = _host_and_port(text)
    if not is_address(host):
        raise ValueError(f"'{text}' is no address, '10.0.0.1' or '10.0.0.1:53' is")
    return Endpoint(host, port or PORT)


def nameservers(text: str) -> tuple[Endpoint, ...]:
    """The servers of a resolv.conf, each once, in its order; lines that are none are passed over (resolv.conf(5))."""
    lines = (line.split() for line in text.splitlines())
    words = (line[1] for line in lines if line[:1] == ["nameserver"] and len(line) > 1)
    return tuple(dict.fromkeys(Endpoint(word) for word in words if is_address(word)))


def is_address(text: str) -> bool:
    """Whether it is an IP in presentation format; an IPv6 one may have a scope."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _encrypted(text: str) -> Endpoint | Host:
    """`IP[:PORT]`, `IP%NAME[:PORT]` or a host; behind a % stands a name, never a scope (as in CoreDNS)."""
    if "%" not in text:
        host, port = _host_and_port(text)
        tls_port = port or TLS_PORT
        return Endpoint(host, tls_port, tls=True) if is_address(host) else Host(_host(host), tls_port, tls=True)
    before, _, behind = text.partition("%")
    ip, port = _host_and_port(before)
    name, later = _host_and_port(behind)
    if not is_address(ip):
        raise ValueError(f"'{ip}' before the % is no address")
    return Endpoint(ip, later or port or TLS_PORT, tls=True, name=_host(name))


def _host_and_port(text: str) -> tuple[str, int]:
    """The host without brackets, and the port or 0."""
    if is_address(text):
        return text, 0
    found = _WORD.fullmatch(text)
    host = (found["six"] or found["host"]) if found else None
    if not found or not host or (found["six"] and not is_address(host)):
        raise ValueError(f"'{text}' is no address, '10.0.0.1', '10.0.0.1:53' or '[2001:db8::1]:53' is")
    port = int(found["port"] or 0)
    if port > _MAX_PORT or found["port"] == "0":
        raise ValueError(f"'{port}' is no port: a port is a number from 1 to {_MAX_PORT}")
    return host, port


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f"'{text}' is neither an address nor a host's name nor a file")
    try:
        from_text(text)
    except NameSyntaxError as error:
        raise ValueError(str(error)) from None
    return text.removesuffix(".")
