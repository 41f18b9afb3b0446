"""What the control plane of a folder of manifests may be told, in a module that imports none of it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

Network = IPv4Network | IPv6Network

_SERVICES = (IPv4Network("10.96.0.0/16"), IPv6Network("fd00:10:96::/112"))
_PODS = (IPv4Network("10.244.0.0/16"), IPv6Network("fd00:10:244::/64"))


@dataclass(frozen=True, slots=True)
class Settings:
    """`on` is whether anything is derived at all.

    The family of the first of `service_cidrs` is that of Services which ask for none; several ranges
    of one family are filled in turn.
    """

    on: bool = True
    service_cidrs: tuple[Network, ...] = _SERVICES
    pod_cidrs: tuple[Network, ...] = _PODS
