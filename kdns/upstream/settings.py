"""How servers are asked: what *forward* has options for."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from kdns.proto.message import Question
from kdns.proto.name import ROOT
from kdns.proto.types import Class, Flag, RRType
from kdns.upstream.asking import Asking
from kdns.upstream.exchange import TIMEOUT
from kdns.upstream.health import EVERY, MAX_FAILS
from kdns.upstream.streams import Keeping


def probe_of(name: bytes = ROOT, flags: int = Flag.RD) -> Asking:
    """The question that tells whether a server is well: NS of a name."""
    return Asking(Question(name, name.lower(), RRType.NS, Class.IN), flags)


@dataclass(frozen=True, slots=True)
class Settings:
    """CoreDNS's defaults (plugin/forward/forward.go). Times in seconds.

    `attempts` are for one question, 0 for two with each server. `failover` are rcodes with which the
    next server is asked. `failfast`: ask nobody while all servers are down. `source` is an IP.
    """

    force_tcp: bool = False
    prefer_udp: bool = False
    timeout: float = TIMEOUT
    keeping: Keeping = field(default_factory=Keeping)
    source: str = ""
    context: ssl.SSLContext | None = None
    server_name: str = ""
    max_fails: int = MAX_FAILS
    every: float = EVERY
    probe: Asking = field(default_factory=probe_of)
    policy: str = "random"
    attempts: int = 0
    failover: frozenset[int] = frozenset()
    failfast: bool = False
