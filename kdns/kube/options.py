"""How one `kubernetes` directive wants its answers; the cluster itself may be shared by several."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kdns.proto.name import Name


class PodMode(StrEnum):
    """Which pod names exist: none; any that is an address; those of Pods that have the address."""

    DISABLED = "disabled"
    INSECURE = "insecure"
    VERIFIED = "verified"


class PtrPolicy(StrEnum):
    """Which names a PTR question for an endpoint's address gets (ours)."""

    ALL = "all"
    FIRST = "first"
    HOSTNAME = "hostname"


IPV4, IPV6 = 4, 16
"""Families, by the length of their addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Zones are folded; `ttl` and `negative_ttl` in seconds; `families` are address lengths.

    `primary` is the first zone that is not a reverse zone: PTR records point into it.
    """

    zones: tuple[Name, ...]
    primary: Name
    multicluster: frozenset[Name] = frozenset()
    ttl: int = 5
    negative_ttl: int = 5
    pods: PodMode = PodMode.DISABLED
    endpoint_pod_names: bool = False
    noendpoints: bool = False
    ignore_empty: bool = False
    zonal: bool = False
    families: frozenset[int] = frozenset({IPV4, IPV6})
    ptr: PtrPolicy = PtrPolicy.ALL
    ede: bool = True
