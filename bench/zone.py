"""The cluster's names as zones, for the servers that read no API: Knot (zone files) and Unbound (local data).

Times to live are those that kubeadm's Corefile sets, 30 seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bench.cluster import WIDE, ZONE, Shape, addresses, cluster_ip, owner, wide_addresses, wide_owner

TTL = 30
REVERSE = "10.in-addr.arpa"
OUTSIDE = ("example.com", "example.org")
"""Domains outside the cluster: every name under them exists."""


class Record(NamedTuple):
    """In presentation format; names without a dot at the end."""

    owner: str
    type: str
    rdata: str


def forward(shape: Shape) -> Iterator[Record]:
    """The records of the cluster's zone."""
    for number in shape.exposed():
        yield Record(owner(number), "A", cluster_ip(number))
        yield Record(f"_http._tcp.{owner(number)}", "SRV", f"0 100 80 {owner(number)}.")
    for number in shape.headless():
        yield from _headless(owner(number), addresses(number, shape.each))
    for width in WIDE:
        yield from _headless(wide_owner(width), wide_addresses(width))


def reverse(shape: Shape) -> Iterator[Record]:
    """The PTR records."""
    for number in shape.exposed():
        yield Record(pointer(cluster_ip(number)), "PTR", f"{owner(number)}.")
    for number in shape.headless():
        for address in addresses(number, shape.each):
            yield Record(pointer(address), "PTR", f"{endpoint(address)}.{owner(number)}.")


def pointer(address: str) -> str:
    """The name under in-addr.arpa of an IPv4 address."""
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def endpoint(address: str) -> str:
    """The first label of an endpoint without a hostname."""
    return address.replace(".", "-")


def zone_file(origin: str, records: Iterator[Record]) -> str:
    """A zone as RFC 1035, section 5 writes it."""
    lines = [f"$TTL {TTL}", f"{origin}. SOA {soa()}", f"{origin}. NS ns.dns.{ZONE}."]
    lines += [f"{owner}. {type} {rdata}" for owner, type, rdata in records]
    return "\n".join(lines) + "\n"


def outside_file() -> str:
    """The zone of everything else, with a wildcard for each domain: an upstream that knows all names."""
    lines = [f"$TTL {TTL}", f". SOA {soa()}", f". NS ns.dns.{ZONE}."]
    lines += [f"*.{domain}. 300 A 192.0.2.{number}" for number, domain in enumerate(OUTSIDE, 1)]
    return "\n".join(lines) + "\n"


def local_data(origin: str, records: Iterator[Record]) -> str:
    """A static zone in unbound.conf's words."""
    lines = [f'local-zone: "{origin}." static', f'local-data: "{origin}. {TTL} SOA {soa()}"']
    lines += [f'local-data: "{owner}. {TTL} {type} {rdata}"' for owner, type, rdata in records]
    return "\n".join(lines) + "\n"


def soa() -> str:
    """The rdata of the zones' SOA."""
    return f"ns.dns.{ZONE}. hostmaster.{ZONE}. 1 7200 1800 86400 {TTL}"


def _headless(name: str, found: list[str]) -> Iterator[Record]:
    for address in found:
        yield Record(name, "A", address)
        yield Record(f"{endpoint(address)}.{name}", "A", address)
        yield Record(f"_http._tcp.{name}", "SRV", f"0 {max(100 // len(found), 1)} 8080 {endpoint(address)}.{name}.")
