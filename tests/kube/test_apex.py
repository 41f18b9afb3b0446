"""The zone itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.kube.apex import soa_record
from kdns.kube.objects import Namespace, Object
from kdns.proto.name import from_text
from kdns.proto.reverse import pack
from kdns.proto.text import zone_lines
from tests.kube.known import OPTIONS, REVERSE, SERIAL, SHOP, ZONE, answer, endpoint, records, service, slice_of

# The server's own address is 192.0.2.53.
DNS = service("dns", "10.96.0.53", "fd00::53")
OURS = slice_of(endpoint("192.0.2.53", hostname="a"), endpoint("192.0.2.54", hostname="b"), service="dns")
PEERS = (service("peers"), OURS._replace(name="peers-1", service="peers"))


@pytest.mark.parametrize(
    ("negative_ttl", "ttl", "minimum"), [(5, 5, 5), (0, 0, 0), (300, 300, 300), (301, 300, 301), (3600, 300, 3600)]
)
def test_the_soa_says_how_long_a_denial_may_be_kept(negative_ttl: int, ttl: int, minimum: int) -> None:
    (line,) = zone_lines(soa_record(ZONE, replace(OPTIONS, negative_ttl=negative_ttl), 7))
    owner, shown, _, _, *fields = line.split()
    assert (owner, int(shown)) == ("cluster.local.", ttl)
    assert fields[:2] == ["ns.dns.cluster.local.", "hostmaster.cluster.local."]
    assert list(map(int, fields[2:])) == [7, 7200, 1800, 86400, minimum]


def test_its_serial_is_that_of_the_index() -> None:
    assert records(answer("cluster.local", "SOA", SHOP))[0].split()[6] == str(SERIAL)


@pytest.mark.parametrize(
    ("objects", "options", "names"),
    [
        pytest.param([], {}, ["ns.dns"], id="no Service"),
        pytest.param([DNS], {}, ["ns.dns"], id="a Service without endpoints"),
        pytest.param([DNS, OURS], {}, ["dns.shop.svc"], id="a Service with this server"),
        pytest.param([*PEERS], {}, ["a.peers.shop.svc"], id="a headless one: the endpoint"),
        pytest.param([DNS, OURS, *PEERS], {}, ["dns.shop.svc", "a.peers.shop.svc"], id="both"),
        pytest.param([*PEERS], {"noendpoints": True}, ["ns.dns"], id="endpoints have no names"),
        pytest.param([DNS, OURS], {"noendpoints": True}, ["dns.shop.svc"], id="a cluster IP has"),
        pytest.param([Namespace("shop", exposed=False), DNS, OURS], {}, ["ns.dns"], id="not exposed"),
        pytest.param([service("dns")._replace(headless=False), OURS], {}, ["ns.dns"], id="no cluster IP yet"),
    ],
)
def test_the_name_server_is_a_service_that_has_this_server(
    objects: list[Object], options: dict[str, object], names: list[str]
) -> None:
    for name, zone in (("cluster.local", ZONE), ("in-addr.arpa", REVERSE)):
        found = answer(name, "NS", SHOP, *objects, zone=zone, **options)
        assert [line.split()[-1] for line in records(found)] == [f"{each}.cluster.local." for each in names]
        assert {rrset.owner for rrset in found.additional} == {from_text(f"{each}.cluster.local") for each in names}
        assert not found.for_everyone


def test_each_zone_has_a_name_server_of_its_own() -> None:
    east = from_text("east.local")
    found = answer("east.local", "NS", SHOP, DNS, OURS, zone=east, zones=(ZONE, east))
    assert records(found) == ["east.local. 5 IN NS dns.shop.svc.east.local."]


def test_its_addresses_are_those_of_the_service() -> None:
    found = answer("ns.dns.cluster.local", "AAAA", SHOP, DNS, OURS)
    assert records(found) == ["ns.dns.cluster.local. 5 IN AAAA fd00::53"]
    assert not found.for_everyone
    alone = answer("ns.dns.cluster.local", "A", SHOP)
    assert [rrset.rdatas for rrset in alone.answer] == [(pack("192.0.2.53"),)]


@pytest.mark.parametrize(
    ("name", "type"), [("cluster.local", "SOA"), ("cluster.local", "A"), ("dns-version.cluster.local", "TXT")]
)
def test_what_does_not_show_the_server_is_for_everyone(name: str, type: str) -> None:
    found = answer(name, type, SHOP)
    assert (found.for_everyone, found.depends_on) == (True, frozenset())
