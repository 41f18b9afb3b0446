from __future__ import annotations

import re
from pathlib import Path

import pytest

from kdns.upstream.address import Endpoint, Host, Target, is_address, nameservers, read_address, read_target

FILES = {"resolv.conf", "conf.d/upstreams"}


def is_file(path: Path) -> bool:
    return str(path) in FILES


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("9.9.9.9", Endpoint("9.9.9.9")),
        ("9.9.9.9:1053", Endpoint("9.9.9.9", 1053)),
        ("dns://9.9.9.9", Endpoint("9.9.9.9")),
        ("dns://9.9.9.9:5353", Endpoint("9.9.9.9", 5353)),
        ("::1", Endpoint("::1")),
        ("[::1]", Endpoint("::1")),
        ("[10.0.0.1]:53", Endpoint("10.0.0.1")),
        ("[2003::1]:53", Endpoint("2003::1", 53)),
        ("dns://[2003::1]:1053", Endpoint("2003::1", 1053)),
        ("fe80::1%eth0", Endpoint("fe80::1%eth0")),
        ("[fe80::1%eth0]:5353", Endpoint("fe80::1%eth0", 5353)),
        ("tls://9.9.9.9", Endpoint("9.9.9.9", 853, tls=True)),
        ("tls://9.9.9.9:8853", Endpoint("9.9.9.9", 8853, tls=True)),
        ("tls://[2620:fe::fe]", Endpoint("2620:fe::fe", 853, tls=True)),
        ("tls://2620:fe::fe", Endpoint("2620:fe::fe", 853, tls=True)),
        ("tls://9.9.9.9%dns.quad9.net", Endpoint("9.9.9.9", 853, tls=True, name="dns.quad9.net")),
        ("tls://9.9.9.9%dns.quad9.net:10853", Endpoint("9.9.9.9", 10853, tls=True, name="dns.quad9.net")),
        ("tls://9.9.9.9:10853%dns.quad9.net", Endpoint("9.9.9.9", 10853, tls=True, name="dns.quad9.net")),
        ("tls://[2620:fe::fe]%dns.quad9.net", Endpoint("2620:fe::fe", 853, tls=True, name="dns.quad9.net")),
        ("dns.example.org", Host("dns.example.org")),
        ("dns.example.org.", Host("dns.example.org")),
        ("localhost:1053", Host("localhost", 1053)),
        ("dns://kube-dns", Host("kube-dns")),
        ("tls://dns.example.org", Host("dns.example.org", 853, tls=True)),
        ("a27.0.0.1", Host("a27.0.0.1")),
        ("/etc/resolv.conf", Path("/etc/resolv.conf")),
        ("./upstreams", Path("upstreams")),
        ("../upstreams", Path("../upstreams")),
        ("resolv.conf", Path("resolv.conf")),
        ("conf.d/upstreams", Path("conf.d/upstreams")),
    ],
)
def test_a_word_names_a_server_a_host_or_a_file(text: str, target: Target) -> None:
    assert read_target(text, is_file) == target


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("https://9.9.9.9", "kdns cannot forward over https:// yet, only over dns:// and tls://"),
        ("grpc://9.9.9.9", "kdns cannot forward over grpc:// yet"),
        ("doq://9.9.9.9", "'doq://' is no protocol of DNS"),
        ("10.0.0.256", "'10.0.0.256' is neither an address nor a host's name nor a file"),
        ("10.0.0.1:x", "'10.0.0.1:x' is no address"),
        ("10.0.0.1:0", "'0' is no port"),
        ("10.0.0.1:65536", "'65536' is no port"),
        ("[example.org]:53", "'[example.org]:53' is no address"),
        ("dns.example.com:bad:extra", "'dns.example.com:bad:extra' is no address"),
        ("2001:db8::1:", "'2001:db8::1:' is no address"),
        (":53", "':53' is no address"),
        ("dns://", "'' is no address"),
        ("tls:///etc/resolv.conf", "'/etc/resolv.conf' is neither an address nor a host's name nor a file"),
        ("tls://example.org%dns.example.org", "'example.org' before the % is no address"),
        ("tls://9.9.9.9%", "'' is no address"),
        ("a..b", "'a..b' is no domain name"),
        ("conf.d/none", "'conf.d/none' is neither an address nor a host's name nor a file"),
    ],
)
def test_a_word_that_is_nothing_of_it_is_told_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        read_target(text, is_file)


@pytest.mark.parametrize(("text", "endpoint"), [("10.0.0.1", Endpoint("10.0.0.1")), ("[::1]:5", Endpoint("::1", 5))])
def test_a_resolver_is_an_address(text: str, endpoint: Endpoint) -> None:
    assert read_address(text) == endpoint


def test_a_resolver_is_no_name() -> None:
    with pytest.raises(ValueError, match=r"'dns\.example\.org' is no address, '10\.0\.0\.1' or '10\.0\.0\.1:53' is"):
        read_address("dns.example.org")


def test_a_resolv_conf_names_servers() -> None:
    text = """
# nameserver 1.1.1.1
; nameserver 2.2.2.2
search default.svc.cluster.local example.org
nameserver 10.0.0.1
 nameserver   fe80::1%eth0   # a comment
nameserver 10.0.0.1
nameserver localhost
nameserver
options ndots:5
nameserver ::1"""
    assert nameservers(text) == (Endpoint("10.0.0.1"), Endpoint("fe80::1%eth0"), Endpoint("::1"))


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [(Endpoint("10.0.0.1"), "10.0.0.1:53"), (Endpoint("::1", 853, tls=True, name="x"), "[::1]:853")],
)
def test_a_server_is_written_as_coredns_writes_it(endpoint: Endpoint, text: str) -> None:
    assert str(endpoint) == text


def test_over_tls_a_host_s_servers_must_show_its_name() -> None:
    assert Host("dns.example.org", 853, tls=True).at("10.0.0.1") == Endpoint("10.0.0.1", 853, True, "dns.example.org")
    assert Host("dns.example.org").at("10.0.0.1") == Endpoint("10.0.0.1")


@pytest.mark.parametrize(("text", "is_one"), [("::1", True), ("fe80::1%eth0", True), ("1.2.3", False), ("", False)])
def test_what_an_address_is(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one
