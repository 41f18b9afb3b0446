"""Which families of addresses a Service has or asks for.

API reference: ServiceSpec, `ipFamilies` and `ipFamilyPolicy`; documentation: IPv4/IPv6 dual-stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kdns.kube import schema
from kdns.kube.control import Settings
from kdns.kube.controllers.addresses import Family, family_of, parsed
from kdns.kube.controllers.given import cluster_ips

_KNOWN = frozenset(Family)
DUAL = frozenset({"PreferDualStack", "RequireDualStack"})
"""The policies that ask for both families."""


class Asked(NamedTuple):
    """A family that a Service asks for; one that is not `demanded` may be missing."""

    family: Family
    demanded: bool


def available(settings: Settings) -> list[Family]:
    """The families that have a service range, the default first."""
    return list(dict.fromkeys(family_of(network) for network in settings.service_cidrs))


def asked(spec: schema.ServiceSpec, settings: Settings) -> Iterator[Asked]:
    """The families that a Service asks for, the primary one first.

    `ipFamilies` says it, else the addresses that it has, else it is the first range's; a dual-stack
    policy adds the other one (kubernetes: pkg/registry/core/service/storage/alloc.go). Families
    that do not exist are left out.
    """
    named = [Family(text) for text in spec.ip_families or () if text in _KNOWN]
    primary = named or given_families(spec) or available(settings)[:1]
    first = list(dict.fromkeys(primary))
    for family in first:
        yield Asked(family, demanded=True)
    if len(first) == 1 and spec.ip_family_policy in DUAL:
        other = Family.IPV6 if first[0] is Family.IPV4 else Family.IPV4
        yield Asked(other, demanded=spec.ip_family_policy == "RequireDualStack")


def given_families(spec: schema.ServiceSpec) -> list[Family]:
    """The families of the cluster IPs that a Service has, each once."""
    addresses = [parsed(text) for text in cluster_ips(spec)]
    return list(dict.fromkeys(family_of(address) for address in addresses if address is not None))


def of_endpoints(spec: schema.ServiceSpec, settings: Settings) -> list[Family]:
    """The families for which a Service has slices: those of its cluster IPs, else those that it asks for."""
    own = given_families(spec)
    if own:
        return own
    known = available(settings)
    found = [each.family for each in asked(spec, settings) if each.demanded or each.family in known]
    return found or [Family.IPV4]
