"""Names as they are seen from outside the cluster, asked without a server. Its contents: test_contents.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.kube import outside
from kdns.kube.answer import Answer
from kdns.kube.index import Index, Touched
from kdns.kube.objects import Endpoint, Namespace, Object, Port, Service, Slice
from kdns.kube.options import IPV4
from kdns.kube.reason import Reason
from kdns.proto.name import from_text
from kdns.proto.record import RRset
from kdns.proto.reverse import pack
from kdns.proto.text import zone_lines
from kdns.proto.types import RCode
from tests.kube.known import OPTIONS, SERIAL, index_of, question

ZONE = from_text("example.org")
REVERSE = from_text("113.0.203.in-addr.arpa")
ONE = from_text("8.113.0.203.in-addr.arpa")
SETTINGS = outside.Settings(replace(OPTIONS, zones=(ZONE, REVERSE), primary=ZONE, ttl=30))
HEADLESS = SETTINGS._replace(headless=True)
SERVER = (pack("10.244.0.53"),)
HTTP = (Port("http", 80), Port("dns", 53, "UDP"))

OBJECTS: list[Object] = [
    Namespace("shop"),
    Namespace("vault", exposed=False),
    Service("shop", "web", (pack("10.96.0.10"),), HTTP, external_addresses=(pack("203.0.113.7"), pack("2001:db8::7"))),
    Service("shop", "Plain", (pack("10.96.0.11"),), HTTP),
    Service("shop", "bare", (pack("10.96.0.12"),), external_addresses=(pack("203.0.113.8"),)),
    Service("shop", "cloud", (pack("10.96.0.13"),), HTTP, external_hostnames=("lb.example.net", "second.example.net")),
    Service("shop", "mixed", (), HTTP[:1], external_addresses=(pack("203.0.113.9"),), external_hostnames=("a.test",)),
    Service("shop", "broken", (), HTTP, external_hostnames=("a..b",)),
    Service("shop", "db", (), (), headless=True),
    Service("shop", "open", (), HTTP[:1], headless=True, external_addresses=(pack("203.0.113.10"),)),
    Service("shop", "alias", external_name="www.example.com"),
    Service("vault", "web", (), HTTP, external_addresses=(pack("203.0.113.99"),)),
    Slice(
        "shop",
        "db-1",
        "db",
        (
            Endpoint((pack("10.244.0.1"),), HTTP[:1], hostname="db-0"),
            Endpoint((pack("10.244.0.2"),), HTTP[:1], hostname="db-1", ready=False),
        ),
    ),
    Slice("shop", "plain-1", "plain", (Endpoint((pack("10.244.0.3"),), HTTP[:1], hostname="p-0"),)),
]
INDEX = index_of(*OBJECTS)


def ask(text: str, how: outside.Settings = SETTINGS, index: Index = INDEX) -> Answer:
    """The answer to `NAME TYPE`."""
    name, type = text.split()
    asked = question(name, type)
    zone = next(zone for zone in (ONE, REVERSE, ZONE) if asked.folded.endswith(zone) and zone != ONE)
    return outside.resolve(asked, zone, index, how, SERVER)


def lines(records: tuple[RRset, ...]) -> list[str]:
    return [" ".join(line.split()) for rrset in records for line in zone_lines(rrset)]


NAMES = "ns1.dns.example.org. hostmaster.dns.example.org."
ANSWERS = {
    "web.shop.example.org A": ["web.shop.example.org. 30 IN A 203.0.113.7"],
    "WEB.Shop.example.org A": ["WEB.Shop.example.org. 30 IN A 203.0.113.7"],
    "web.shop.example.org AAAA": ["web.shop.example.org. 30 IN AAAA 2001:db8::7"],
    "web.shop.example.org SRV": [
        "web.shop.example.org. 30 IN SRV 0 25 80 web.shop.example.org.",
        "web.shop.example.org. 30 IN SRV 0 25 53 web.shop.example.org.",
    ],
    "_http._tcp.web.shop.example.org SRV": ["_http._tcp.web.shop.example.org. 30 IN SRV 0 50 80 web.shop.example.org."],
    "_http._tcp.web.shop.example.org A": ["_http._tcp.web.shop.example.org. 30 IN A 203.0.113.7"],
    "http.tcp.web.shop.example.org SRV": ["http.tcp.web.shop.example.org. 30 IN SRV 0 50 80 web.shop.example.org."],
    "_dns._udp.web.shop.example.org SRV": ["_dns._udp.web.shop.example.org. 30 IN SRV 0 50 53 web.shop.example.org."],
    "bare.shop.example.org A": ["bare.shop.example.org. 30 IN A 203.0.113.8"],
    "open.shop.example.org A": ["open.shop.example.org. 30 IN A 203.0.113.10"],
    "mixed.shop.example.org A": ["mixed.shop.example.org. 30 IN A 203.0.113.9"],
    "cloud.shop.example.org A": ["cloud.shop.example.org. 30 IN CNAME lb.example.net."],
    "cloud.shop.example.org TXT": ["cloud.shop.example.org. 30 IN CNAME lb.example.net."],
    "cloud.shop.example.org SRV": [
        "cloud.shop.example.org. 30 IN SRV 0 50 80 lb.example.net.",
        "cloud.shop.example.org. 30 IN SRV 0 50 53 lb.example.net.",
    ],
    "_http._tcp.cloud.shop.example.org SRV": ["_http._tcp.cloud.shop.example.org. 30 IN SRV 0 100 80 lb.example.net."],
    "example.org SOA": [f"example.org. 30 IN SOA {NAMES} {SERIAL} 7200 1800 86400 30"],
    "example.org NS": ["example.org. 30 IN NS ns1.dns.example.org."],
    "ns1.dns.example.org A": ["ns1.dns.example.org. 30 IN A 10.244.0.53"],
    "7.113.0.203.in-addr.arpa PTR": ["7.113.0.203.in-addr.arpa. 30 IN PTR web.shop.example.org."],
    "113.0.203.in-addr.arpa NS": ["113.0.203.in-addr.arpa. 30 IN NS ns1.dns.example.org."],
    "113.0.203.in-addr.arpa SOA": [f"113.0.203.in-addr.arpa. 30 IN SOA {NAMES} {SERIAL} 7200 1800 86400 30"],
}


@pytest.mark.parametrize("asked", ANSWERS)
def test_what_is_reached_from_outside_is_answered(asked: str) -> None:
    answer = ask(asked)
    assert lines(answer.answer) == ANSWERS[asked]
    assert (answer.rcode, answer.because.answered) == (RCode.NOERROR, True)


EXISTS = {
    "example.org A": Reason.NO_SUCH_TYPE,
    "dns.example.org A": Reason.ONLY_PARENT,
    "ns1.dns.example.org AAAA": Reason.OTHER_FAMILY,
    "ns1.dns.example.org TXT": Reason.NO_SUCH_TYPE,
    "shop.example.org A": Reason.ONLY_PARENT,
    "web.shop.example.org TXT": Reason.NO_SUCH_TYPE,
    "_tcp.web.shop.example.org A": Reason.ONLY_PARENT,
    "bare.shop.example.org AAAA": Reason.OTHER_FAMILY,
    "bare.shop.example.org SRV": Reason.NO_PORTS,
    "_http._tcp.cloud.shop.example.org A": Reason.NO_SUCH_TYPE,
    "_udp.cloud.shop.example.org SRV": Reason.ONLY_PARENT,
    "113.0.203.in-addr.arpa PTR": Reason.NO_SUCH_TYPE,
    "7.113.0.203.in-addr.arpa A": Reason.NO_SUCH_TYPE,
}
MISSING = {
    "gone.example.org A": Reason.NO_SUCH_NAMESPACE,
    "vault.example.org A": Reason.NOT_EXPOSED,
    "web.vault.example.org A": Reason.NOT_EXPOSED,
    "gone.shop.example.org A": Reason.NO_SUCH_SERVICE,
    "plain.shop.example.org A": Reason.NOT_OUTSIDE,
    "db.shop.example.org A": Reason.NOT_OUTSIDE,
    "db-0.db.shop.example.org A": Reason.NOT_OUTSIDE,
    "alias.shop.example.org A": Reason.NOT_OUTSIDE,
    "broken.shop.example.org A": Reason.EXTERNAL_INVALID,
    "broken.shop.example.org SRV": Reason.EXTERNAL_INVALID,
    "_http._tcp.broken.shop.example.org SRV": Reason.EXTERNAL_INVALID,
    "_x._tcp.web.shop.example.org SRV": Reason.NO_SUCH_PORT,
    "_http._udp.web.shop.example.org SRV": Reason.NO_SUCH_PORT,
    "_http._tcp.bare.shop.example.org SRV": Reason.NO_SUCH_PORT,
    "any.web.shop.example.org A": Reason.NO_SUCH_ENDPOINT,
    "x._http._tcp.web.shop.example.org A": Reason.NO_SUCH_NAME,
    "x.dns.example.org A": Reason.NO_SUCH_NAME,
    "x.ns1.dns.example.org A": Reason.NO_SUCH_NAME,
    "66.113.0.203.in-addr.arpa PTR": Reason.NO_SUCH_ADDRESS,
    "99.113.0.203.in-addr.arpa PTR": Reason.NO_SUCH_ADDRESS,
    "x.113.0.203.in-addr.arpa PTR": Reason.NO_SUCH_ADDRESS,
}


@pytest.mark.parametrize("asked", EXISTS)
def test_a_name_without_records_of_the_type_exists(asked: str) -> None:
    answer = ask(asked)
    assert (answer.rcode, answer.because.reason, answer.answer) == (RCode.NOERROR, EXISTS[asked], ())


@pytest.mark.parametrize("asked", MISSING)
def test_a_name_that_nothing_stands_behind_does_not_exist(asked: str) -> None:
    answer = ask(asked)
    assert (answer.rcode, answer.because.reason, answer.answer) == (RCode.NXDOMAIN, MISSING[asked], ())


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("db.shop.example.org A", ["db.shop.example.org. 30 IN A 10.244.0.1"]),
        ("db-0.db.shop.example.org A", ["db-0.db.shop.example.org. 30 IN A 10.244.0.1"]),
        (
            "_http._tcp.db.shop.example.org SRV",
            ["_http._tcp.db.shop.example.org. 30 IN SRV 0 100 80 db-0.db.shop.example.org."],
        ),
        ("p-0.plain.shop.example.org A", ["p-0.plain.shop.example.org. 30 IN A 10.244.0.3"]),
        ("open.shop.example.org A", ["open.shop.example.org. 30 IN A 203.0.113.10"]),
    ],
)
def test_headless_shows_the_endpoints_of_what_has_no_external_address(asked: str, answer: list[str]) -> None:
    assert lines(ask(asked, HEADLESS).answer) == answer


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("db-1.db.shop.example.org A", Reason.ENDPOINT_NOT_READY),
        ("plain.shop.example.org A", Reason.ONLY_PARENT),
        ("_http._tcp.plain.shop.example.org SRV", Reason.NOT_OUTSIDE),
        ("alias.shop.example.org A", Reason.NOT_OUTSIDE),
        ("any.web.shop.example.org A", Reason.NO_SUCH_ENDPOINT),
    ],
)
def test_headless_says_why_there_is_nothing(asked: str, reason: Reason) -> None:
    answer = ask(asked, HEADLESS)
    assert (answer.because.reason, answer.answer) == (reason, ())


def test_the_additional_records_of_srv_are_the_addresses_of_the_service() -> None:
    assert lines(ask("_http._tcp.web.shop.example.org SRV").additional) == [
        "web.shop.example.org. 30 IN A 203.0.113.7",
        "web.shop.example.org. 30 IN AAAA 2001:db8::7",
    ]


def test_a_family_that_is_off_is_off_here_too() -> None:
    only4 = SETTINGS._replace(options=replace(SETTINGS.options, families=frozenset({IPV4})))
    assert ask("web.shop.example.org AAAA", only4).because.reason is Reason.FAMILY_OFF


def test_another_apex_label_leaves_the_first_to_a_namespace() -> None:
    other = SETTINGS._replace(apex=b"names")
    index = index_of(*OBJECTS, Namespace("dns"))
    assert lines(ask("example.org NS", other, index).answer) == ["example.org. 30 IN NS ns1.names.example.org."]
    assert lines(ask("ns1.names.example.org A", other, index).answer) == ["ns1.names.example.org. 30 IN A 10.244.0.53"]
    assert ask("dns.example.org A", other, index).because.reason is Reason.ONLY_PARENT
    assert ask("ns1.dns.example.org A", other, index).because.reason is Reason.NO_SUCH_SERVICE


DNS = Slice("shop", "dns-1", "dns", (Endpoint(SERVER, HTTP),))


@pytest.mark.parametrize(
    ("services", "how", "servers"),
    [
        ([], SETTINGS, ["10.244.0.53"]),
        (
            [Service("shop", "dns", (pack("10.96.0.53"),), HTTP, external_addresses=(pack("203.0.113.53"),))],
            SETTINGS,
            ["203.0.113.53"],
        ),
        ([Service("shop", "dns", (pack("10.96.0.53"),), HTTP)], SETTINGS, []),
        ([Service("shop", "dns", (), HTTP, headless=True)], SETTINGS, []),
        ([Service("shop", "dns", (), HTTP, headless=True)], HEADLESS, ["10.244.0.53"]),
    ],
    ids=["of no Service", "external address", "none", "headless", "headless shown"],
)
def test_the_name_server_is_where_this_server_is_reached(
    services: list[Object], how: outside.Settings, servers: list[str]
) -> None:
    index = index_of(*OBJECTS, DNS, *services)
    records = lines(ask("example.org NS", how, index).additional)
    assert records == [f"ns1.dns.example.org. 30 IN A {server}" for server in servers]
    answer = ask("ns1.dns.example.org A", how, index)
    assert [line.split()[-1] for line in lines(answer.answer)] == servers
    assert not answer.for_everyone


def test_the_zone_of_one_address_has_its_pointer_at_the_apex() -> None:
    how = SETTINGS._replace(options=replace(SETTINGS.options, zones=(ZONE, ONE)))
    pointer = outside.resolve(question("8.113.0.203.in-addr.arpa", "PTR"), ONE, INDEX, how, SERVER)
    assert lines(pointer.answer) == ["8.113.0.203.in-addr.arpa. 30 IN PTR bare.shop.example.org."]
    soa = outside.resolve(question("8.113.0.203.in-addr.arpa", "SOA"), ONE, INDEX, how, SERVER)
    assert soa.because.reason is Reason.APEX


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ("web.shop.example.org A", {Touched.itself(("shop", "web")), Touched.namespace("shop")}),
        ("gone.shop.example.org A", {Touched.service(("shop", "gone")), Touched.namespace("shop")}),
        ("shop.example.org A", {Touched.namespace("shop")}),
        ("7.113.0.203.in-addr.arpa PTR", {Touched.address(pack("203.0.113.7")), Touched.namespace("shop")}),
    ],
)
def test_an_answer_names_what_ends_it(asked: str, keys: set[object]) -> None:
    assert ask(asked).depends_on == keys
