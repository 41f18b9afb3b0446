"""What a `forward` directive says."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError, CorefileErrors
from kdns.forwarding import Stanza, read
from kdns.proto.name import from_text
from kdns.upstream.address import Endpoint, Host
from kdns.upstream.settings import Settings, probe_of
from kdns.upstream.streams import Keeping
from tests.upstream.certificates import Authority


def stanza(line: str) -> Stanza:
    (block,) = parse(f". {{\n{line}\n}}", "Corefile", environ={}, disk=Memory()).blocks
    return read(block.directives[0])


def with_option(*lines: str) -> Stanza:
    body = "\n".join(lines)
    return stanza(f"forward . 10.0.0.1 {{\n{body}\n}}")


def names(*texts: str) -> tuple[bytes, ...]:
    return tuple(map(from_text, texts))


def test_without_options_it_is_coredns_s_defaults() -> None:
    found = stanza("forward . 10.0.0.1 tls://10.0.0.2%dns.test dns.example.org")
    assert (found.froms, found.excepted) == ((b"\0",), ())
    assert list(found.targets) == [
        Endpoint("10.0.0.1"),
        Endpoint("10.0.0.2", 853, tls=True, name="dns.test"),
        Host("dns.example.org"),
    ]
    assert (found.most, found.on, found.on_nodata, found.resolvers) == (0, frozenset(), False, ())
    settings = stanza("forward . 10.0.0.1").settings
    assert settings == Settings()
    assert (settings.timeout, settings.max_fails, settings.every, settings.policy) == (2.0, 2, 0.5, "random")
    assert settings.keeping == Keeping(expire=10.0, max_age=0.0, max_idle=0)


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        (["force_tcp"], Settings(force_tcp=True)),
        (["prefer_udp"], Settings(prefer_udp=True)),
        (["force_tcp", "prefer_udp"], Settings(force_tcp=True, prefer_udp=True)),
        (["expire 1m"], Settings(keeping=Keeping(expire=60.0))),
        (["expire 0s"], Settings(keeping=Keeping(expire=0.0))),
        (["max_age 1h"], Settings(keeping=Keeping(max_age=3600.0))),
        (["max_idle_conns 4"], Settings(keeping=Keeping(max_idle=4))),
        (["read_timeout 500ms"], Settings(timeout=0.5)),
        (["max_fails 0"], Settings(max_fails=0)),
        (["max_fails 3"], Settings(max_fails=3)),
        (["max_connect_attempts 5"], Settings(attempts=5)),
        (["tls_servername dns.test"], Settings(server_name="dns.test")),
        (["policy random"], Settings(policy="random")),
        (["policy round_robin"], Settings(policy="round_robin")),
        (["policy sequential"], Settings(policy="sequential")),
        (["health_check 5s"], Settings(every=5.0)),
        (["health_check 0s"], Settings(every=0.5)),
        (["health_check 5s no_rec"], Settings(every=5.0, probe=probe_of(flags=0))),
        (["health_check 1s domain example.org"], Settings(every=1.0, probe=probe_of(from_text("example.org")))),
        (["health_check 1s no_rec domain a.test"], Settings(every=1.0, probe=probe_of(from_text("a.test"), 0))),
        (["health_check 1s domain a.test no_rec"], Settings(every=1.0, probe=probe_of(from_text("a.test"), 0))),
        (["failfast_all_unhealthy_upstreams"], Settings(failfast=True)),
        (["failover SERVFAIL refused"], Settings(failover=frozenset({2, 5}))),
        (["failover SERVFAIL", "failover NXDOMAIN"], Settings(failover=frozenset({2, 3}))),
        (["source_address 10.0.0.9"], Settings(source="10.0.0.9")),
        (["source_address fd00::9"], Settings(source="fd00::9")),
    ],
    ids=lambda value: "; ".join(value) if isinstance(value, list) else "",
)
def test_an_option_is_read(lines: list[str], settings: Settings) -> None:
    assert with_option(*lines).settings == settings


def test_other_options_are_read() -> None:
    found = with_option(
        "max_concurrent 1000",
        "next NXDOMAIN servfail",
        "next_on_nodata",
        "resolver 10.0.0.2 10.0.0.3:5353",
        "resolver [fd00::1]:53",
    )
    assert (found.most, found.on, found.on_nodata) == (1000, frozenset({2, 3}), True)
    assert found.resolvers == (Endpoint("10.0.0.2"), Endpoint("10.0.0.3", 5353), Endpoint("fd00::1"))


@pytest.mark.parametrize(
    ("line", "name", "takes"),
    [
        ("forward . 10.0.0.1", "a.test", True),
        ("forward . 10.0.0.1", ".", True),
        ("forward a.test 10.0.0.1", "a.test", True),
        ("forward A.Test. 10.0.0.1", "x.a.test", True),
        ("forward a.test 10.0.0.1", "aa.test", False),
        ("forward a.test 10.0.0.1", "test", False),
        ("forward 10.0.0.0/8 10.0.0.1", "1.10.in-addr.arpa", True),
        ("forward 10.8.0.0/14 10.0.0.1", "1.9.10.in-addr.arpa", True),
        ("forward 10.8.0.0/14 10.0.0.1", "1.12.10.in-addr.arpa", False),
        ("forward . 10.0.0.1 {\nexcept a.test b.test\n}", "x.b.test", False),
        ("forward . 10.0.0.1 {\nexcept a.test\nexcept b.test\n}", "a.test", False),
        ("forward . 10.0.0.1 {\nexcept 10.0.0.0/8\n}", "1.10.in-addr.arpa", False),
        ("forward . 10.0.0.1 {\nexcept a.test\n}", "c.test", True),
        ("forward a.test 10.0.0.1 {\nexcept a.test\n}", "a.test", True),
        ("forward a.test 10.0.0.1 {\nexcept a.test\n}", "x.a.test", False),
    ],
)
def test_names_of_from_are_taken_but_for_the_excepted(line: str, name: str, takes: bool) -> None:
    assert stanza(line).takes(from_text(name)) is takes


SIXTEEN = " ".join(f"10.0.0.{number}" for number in range(16))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("forward", "Corefile:2: 'forward' takes at least 2 arguments, not 0: forward FROM TO..."),
        ("forward .", "Corefile:2: 'forward' takes at least 2 arguments, not 1: forward FROM TO..."),
        ("forward a..b 10.0.0.1", "Corefile:2: 'forward' takes zones: 'a..b' is no domain name"),
        ("forward . 10.0.0.256", "Corefile:2: '10.0.0.256' is neither an address nor a host's name nor a file"),
        ("forward . https://9.9.9.9", "Corefile:2: kdns cannot forward over https:// yet"),
        ("forward . 10.0.0.1:0 10.0.0.2:x", "Corefile:2: '0' is no port"),
        ("forward . 10.0.0.1:0 10.0.0.2:x", "Corefile:2: '10.0.0.2:x' is no address"),
        (f"forward . {SIXTEEN}", "Corefile:2: 'forward' takes up to 15 servers, not 16"),
    ],
)
def test_a_mistake_in_the_line_is_told(line: str, text: str) -> None:
    with pytest.raises((CorefileError, CorefileErrors)) as failed:
        stanza(line)
    assert text in str(failed.value)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("blaatl", "'forward' has no option 'blaatl'"),
        ("maxfails 3", "'forward' has no option 'maxfails'; did you mean 'max_fails'?"),
        ("except", "'except' takes at least 1 argument, not 0"),
        ("except a..b", "'except' takes zones: 'a..b' is no domain name"),
        ("force_tcp yes", "'force_tcp' takes no arguments: remove 'yes'"),
        ("expire 10", "'expire' takes a duration: add a unit to '10', for instance '10s'"),
        ("expire -1s", "'expire' takes a duration: '-1s' is below zero"),
        ("max_idle_conns -1", "'max_idle_conns' takes a whole number from 0 to 4294967295, not '-1'"),
        ("read_timeout 0s", "'read_timeout' takes a duration above zero"),
        ("max_fails -1", "'max_fails' takes a whole number from 0 to 4294967295, not '-1'"),
        ("max_connect_attempts x", "'max_connect_attempts' takes a whole number"),
        ("doh_method POST", "'doh_method' is of DNS over HTTPS, which kdns cannot forward over yet: remove it"),
        ("tls a b c d", "'tls' takes 0 to 3 arguments, not 4: tls [CERT KEY] [CA]"),
        ("tls /nowhere/ca.pem", "'/nowhere/ca.pem' cannot be read: No such file or directory"),
        ("tls_servername", "'tls_servername' takes 1 argument, not 0"),
        ("policy best", "'policy' takes random, round_robin or sequential, not 'best'"),
        ("policy round_robbin", "did you mean 'round_robin'?"),
        ("health_check", "'health_check' takes 1 to 4 arguments, not 0: health_check DURATION [no_rec] [domain FQDN]"),
        ("health_check 5", "'health_check' takes a duration: add a unit to '5', for instance '5s'"),
        ("health_check 5s norec", "'health_check' has no 'norec'; did you mean 'no_rec'?"),
        ("health_check 5s domain", "'health_check' has no 'domain'"),
        ("health_check 5s domain a..b", "'a..b' is no domain name"),
        ("max_concurrent -1", "'max_concurrent' takes a whole number of at least 0, not '-1'"),
        ("next", "'next' takes at least 1 argument, not 0"),
        ("next NXDOMAIM", "'next' takes rcodes, not 'NXDOMAIM' (NOERROR, FORMERR, "),
        ("next_on_nodata yes", "'next_on_nodata' takes no arguments"),
        ("failover NOERROR", "'failover' takes rcodes, not 'NOERROR'"),
        ("source_address example.org", "'source_address' takes an IP, not 'example.org'"),
        ("resolver", "'resolver' takes at least 1 argument, not 0"),
        ("resolver dns.test", "'resolver': 'dns.test' is no address, '10.0.0.1' or '10.0.0.1:53' is"),
        ("force_tcp { x\n}", "'force_tcp' takes no block"),
    ],
)
def test_a_mistake_in_an_option_is_told_with_its_place(line: str, text: str) -> None:
    with pytest.raises((CorefileError, CorefileErrors)) as failed:
        with_option("prefer_udp", line)
    assert str(failed.value).startswith("Corefile:4: ")
    assert text in str(failed.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(CorefileErrors) as failed:
        stanza("forward a..b 10.0.0.256 {\npolicy best\nexpire 1\n}")
    assert len(failed.value.errors) == 4


def test_two_names_for_one_certificate_are_a_mistake() -> None:
    with pytest.raises(CorefileErrors, match=r"'a\.test' and 'tls_servername b\.test': say one of them"):
        stanza("forward . tls://10.0.0.1%a.test {\ntls_servername b.test\n}")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("ca")))


def context(tls: str) -> ssl.SSLContext:
    found = stanza(f"forward . tls://10.0.0.1 {{\n{tls}\n}}").settings.context
    assert found is not None
    return found


@pytest.mark.parametrize("files", ["", "{ca}", "{cert} {key}", "{cert} {key} {ca}"])
def test_whom_to_believe_and_what_to_show(authority: Authority, files: str) -> None:
    cert, key = authority.pair("client.test")
    made = context("tls " + files.format(ca=authority.file, cert=cert, key=key))
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    ours = [each["subject"] for each in made.get_ca_certs() if "trustme" in str(each["subject"])]
    assert bool(ours) is ("{ca}" in files)


def test_with_a_tls_server_the_system_s_certificates_are_believed() -> None:
    assert stanza("forward . 10.0.0.1").settings.context is None
    assert context("").verify_mode is ssl.CERT_REQUIRED


def test_a_key_that_is_none_is_a_mistake(authority: Authority) -> None:
    cert, _ = authority.pair("client.test")
    with pytest.raises(CorefileErrors, match="'tls' takes PEM files, a certificate with its key"):
        context(f"tls {cert} {authority.file}")
    with pytest.raises(CorefileErrors, match="'tls' takes PEM files"):
        context(f"tls {Path(__file__)}")
