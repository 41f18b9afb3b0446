"""dnsmasq and Unbound in front of kdns with kubeadm's Corefile, as people set them up."""

from __future__ import annotations

from pathlib import Path

import dns.flags
import pytest

from tests.asking import rcode
from tests.outside.asking import asking
from tests.outside.forwarders import dnsmasq, unbound
from tests.outside.kubeadm import kdns
from tests.outside.outsiders import outcome
from tests.outside.world import CLUSTER, OUTSIDE, check

__all__ = ["kdns"]

ALL = CLUSTER | OUTSIDE
WEB = "web.shop.svc.cluster.local"
FORWARDS = """\
forward-zone:
    name: "{zone}"
    forward-addr: 127.0.0.1@{port}
"""
STUBS = """\
stub-zone:
    name: "{zone}"
    stub-addr: 127.0.0.1@{port}
"""
INSECURE = ['    domain-insecure: "cluster.local"', '    domain-insecure: "10.in-addr.arpa"']


def zones(template: str, port: int, *names: str) -> list[str]:
    """A section for each zone."""
    return [template.format(zone=name, port=port) for name in names]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["server=127.0.0.1#{port}", "cache-size=1000"], id="for everything"),
        pytest.param(["server=127.0.0.1#{port}", "cache-size=0"], id="without its cache"),
        pytest.param(
            [
                "server=/cluster.local/127.0.0.1#{port}",
                "rev-server=10.0.0.0/8,127.0.0.1#{port}",
                "server=127.0.0.1#{port}",
                "cache-size=1000",
                "bogus-priv",
                "domain-needed",
                "stop-dns-rebind",
                "rebind-domain-ok=/cluster.local/",
            ],
            id="careful",
        ),
    ],
)
def test_dnsmasq_in_front(kdns: int, tmp_path: Path, lines: list[str]) -> None:
    """What it has kept of a denial it tells without the SOA. Its usual 150 entries are too few for the crowd here."""
    with dnsmasq(tmp_path, [line.format(port=kdns) for line in lines]) as ask:
        check(ask, ALL, soa=False)


@pytest.mark.parametrize("template", [FORWARDS, STUBS], ids=["forward-zone", "stub-zone"])
def test_unbound_in_front(kdns: int, tmp_path: Path, template: str) -> None:
    """A stub zone asks without RD, and for the parents of a name first."""
    inside = zones(template, kdns, "cluster.local", "10.in-addr.arpa")
    with unbound(tmp_path, [*INSECURE, *inside, *zones(FORWARDS, kdns, ".")]) as ask:
        check(ask, ALL)


def trusted(port: int) -> str:
    """The key of example.net, for Unbound."""
    (keys,) = asking("127.0.0.1", port)("example.net", "DNSKEY", True).answer
    (secure,) = (key.to_text() for key in keys if key.to_text().startswith("257 "))
    return f'    trust-anchor: "example.net. DNSKEY {secure}"'


def test_unbound_can_validate_what_comes_through_kdns(kdns: int, tmp_path: Path) -> None:
    """Signatures and proofs are whole, out of the cache too."""
    with unbound(tmp_path, [trusted(kdns), *INSECURE, *zones(FORWARDS, kdns, ".")]) as ask:
        for name, type, wanted in (
            ("www.example.net", "A", "NOERROR"),
            ("any.wild.example.net", "A", "NOERROR"),
            ("one.example.net", "A", "NOERROR"),
            ("v4.example.net", "AAAA", "NOERROR"),
            ("no.example.net", "A", "NXDOMAIN"),
        ):
            reply = ask(name, type, False)
            assert rcode(reply) == wanted, reply
            assert reply.flags & dns.flags.AD, reply
        assert outcome(ask(WEB, "A", False)) == "NOERROR 10.96.184.143"


def test_who_believes_the_cluster_signed_is_told_that_it_is_not(kdns: int, tmp_path: Path) -> None:
    """The zone has no keys, so nothing of it is valid for such a client; `domain-insecure` is the remedy."""
    anchor = f'    trust-anchor: "local. DS 1 13 2 {"00" * 32}"'
    inside = zones(FORWARDS, kdns, ".")
    with unbound(tmp_path, [anchor, *inside]) as ask:
        assert outcome(ask(WEB, "A", False)) == "SERVFAIL 9"
    with unbound(tmp_path, [anchor, *INSECURE, *inside]) as ask:
        assert outcome(ask(WEB, "A", False)) == "NOERROR 10.96.184.143"
