"""What the tests' clients ask for, and what is right: names of a cluster, and of the world outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import dns.flags
import dns.message
import dns.rdatatype

from tests.asking import rcode
from tests.e2e.objects import endpoint, endpoint_slice, headless, service
from tests.outside.asking import Ask
from tests.outside.knot import MANY
from tests.processes import ROOT

EXAMPLES = str(ROOT / "examples")
CROWD = [f"10.244.{200 + number // 100}.{number % 100}" for number in range(150)]
"""The addresses of crowd.shop, a headless Service."""


class Right(NamedTuple):
    """An answer: rcode, the data of its records in any order, and whether UDP has no room for them."""

    rcode: str = "NOERROR"
    data: tuple[str, ...] = ()
    cut: bool = False


NXDOMAIN, NODATA = Right("NXDOMAIN"), Right()
CLUSTER: dict[tuple[str, str], Right] = {
    ("web.shop.svc.cluster.local", "A"): Right(data=("10.96.184.143",)),
    ("web.shop.svc.cluster.local", "AAAA"): NODATA,
    ("wEb.ShOp.svc.cluster.local", "A"): Right(data=("10.96.184.143",)),
    ("cart.shop.svc.cluster.local", "AAAA"): Right(data=("fd00:10:96::20",)),
    ("_mysql._tcp.db.shop.svc.cluster.local", "SRV"): Right(
        data=("0 50 3306 db-0.db.shop.svc.cluster.local.", "0 50 3306 db-1.db.shop.svc.cluster.local.")
    ),
    ("crowd.shop.svc.cluster.local", "A"): Right(data=tuple(CROWD), cut=True),
    ("10-244-50-1.shop.pod.cluster.local", "A"): Right(data=("10.244.50.1",)),
    ("kube-dns.kube-system.svc.cluster.local", "A"): Right(data=("10.96.0.10",)),
    ("143.184.96.10.in-addr.arpa", "PTR"): Right(data=("web.shop.svc.cluster.local.",)),
    ("shop.svc.cluster.local", "A"): NODATA,
    ("no.shop.svc.cluster.local", "A"): NXDOMAIN,
    ("www.example.org.shop.svc.cluster.local", "A"): NXDOMAIN,
}
OUTSIDE: dict[tuple[str, str], Right] = {
    ("www.example.org", "A"): Right(data=("198.18.0.10",)),
    ("www.example.org", "AAAA"): Right(data=("2001:2::10",)),
    ("one.example.org", "A"): Right(data=("two.example.org.", "three.example.org.", "www.example.org.", "198.18.0.10")),
    ("many.example.org", "TXT"): Right(data=tuple(f'"{text}"' for text in MANY), cut=True),
    ("odd.example.org", "TYPE65333"): Right(data=("\\# 3 010203",)),
    ("any.wild.example.org", "A"): Right(data=("198.18.0.77",)),
    ("v4.example.org", "AAAA"): NODATA,
    ("no.example.org", "A"): NXDOMAIN,
    ("10.0.18.198.in-addr.arpa", "PTR"): Right(data=("www.example.org.",)),
    ("11.0.18.198.in-addr.arpa", "PTR"): NXDOMAIN,
}


def manifests(folder: Path) -> list[str]:
    """Flags for kdns: the examples, and what every cluster has, and a crowd of endpoints."""
    hosts = [endpoint(address) for address in CROWD]
    objects = [
        service("kubernetes", "default", clusterIP="10.96.0.1"),
        service("kube-dns", "kube-system", clusterIP="10.96.0.10"),
        headless("crowd", "shop"),
        endpoint_slice("crowd", "shop", hosts),
    ]
    file = folder / "cluster.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return ["-manifests", EXAMPLES, "-manifests", str(file)]


def check(ask: Ask, wanted: dict[tuple[str, str], Right], *, soa: bool = True) -> None:
    """Ask for everything, over UDP and TCP, and once more: the second time it may be out of a cache.

    With `soa` a denial has to bring the SOA that says for how long.
    """
    for tcp in (False, True, False, True):
        for (name, type), right in wanted.items():
            reply, what = ask(name, type, tcp), f"{name} {type}, {'TCP' if tcp else 'UDP'}"
            check_one(reply, right, what, tcp=tcp)
            if soa and not right.data:
                assert [rrset.rdtype for rrset in reply.authority] == [dns.rdatatype.SOA], f"{what}: {reply}"


def check_one(reply: dns.message.Message, right: Right, what: str, *, tcp: bool) -> None:
    """One reply. One that was cut has to say so, and nothing wrong."""
    cut, found = bool(reply.flags & dns.flags.TC), data(reply)
    assert rcode(reply) == right.rcode, f"{what}: {reply}"
    assert cut == (right.cut and not tcp), f"{what}: {reply}"
    if cut:
        assert set(found) <= set(right.data), what
    else:
        assert sorted(found) == sorted(right.data), f"{what}: {reply}"


def data(reply: dns.message.Message) -> list[str]:
    """The data of all records in its answer, in presentation format."""
    return [record.to_text() for rrset in reply.answer for record in rrset]
