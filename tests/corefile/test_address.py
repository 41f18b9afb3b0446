"""Keys of server blocks, and zones."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.corefile.address import parse_key, zones_of
from kdns.corefile.block import Key
from kdns.corefile.lexer import Token
from kdns.errors import CorefileError, NameSyntaxError
from kdns.proto.name import to_text


def keys(text: str, default_port: int = 53) -> list[str]:
    """`scheme://zone:port` of each key."""
    found = parse_key(Token(text, "Corefile", 7), default_port)
    return [f"{key.scheme}://{to_text(key.zone)}:{key.port}" for key in found]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (".", "dns://.:53"),
        (".:53", "dns://.:53"),
        (".:5353", "dns://.:5353"),
        (".:0", "dns://.:0"),
        ("dns://.:53", "dns://.:53"),
        ("example.org", "dns://example.org.:53"),
        ("example.org.:1053", "dns://example.org.:1053"),
        ("Example.ORG", "dns://example.org.:53"),
        ("localhost", "dns://localhost.:53"),
        ("hostname.bind:5353", "dns://hostname.bind.:5353"),
        ("_tcp.a-b.test", "dns://_tcp.a-b.test.:53"),
        ("tls://example.org", "tls://example.org.:853"),
        ("tls://.:8853", "tls://.:8853"),
        ("TLS://.", "tls://.:853"),
        ("quic://.", "quic://.:853"),
        ("grpc://.", "grpc://.:443"),
        ("https://.", "https://.:443"),
        ("https3://.", "https3://.:443"),
        ("unix://.", "unix://.:53"),
        ("in-addr.arpa", "dns://in-addr.arpa.:53"),
        ("10.0.0.0/8", "dns://10.in-addr.arpa.:53"),
        ("10.0.0.0/24:1053", "dns://0.0.10.in-addr.arpa.:1053"),
        ("10.1.2.3/24", "dns://2.1.10.in-addr.arpa.:53"),
        ("10.1.2.3/32", "dns://3.2.1.10.in-addr.arpa.:53"),
        ("0.0.0.0/0", "dns://in-addr.arpa.:53"),
        ("tls://10.0.0.0/8", "tls://10.in-addr.arpa.:853"),
        ("2001:db8::/32", "dns://8.b.d.0.1.0.0.2.ip6.arpa.:53"),
        ("2001:db8::/32:1053", "dns://8.b.d.0.1.0.0.2.ip6.arpa.:1053"),
        ("0/25.2.0.192.in-addr.arpa", "dns://0/25.2.0.192.in-addr.arpa.:53"),
    ],
)
def test_a_key_says_scheme_zone_and_port(text: str, wanted: str) -> None:
    assert keys(text) == [wanted]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a.test", 1053),
        ("dns://a.test", 1053),
        ("a.test:53", 53),
        ("tls://a.test", 853),
        ("https://a.test", 443),
    ],
)
def test_the_default_port_is_for_plain_dns_without_a_port(text: str, wanted: int) -> None:
    assert [key.port for key in parse_key(Token(text, "Corefile", 1), 1053)] == [wanted]


@pytest.mark.parametrize(
    ("text", "count", "first", "last"),
    [
        ("10.0.0.0/25", 128, "0.0.0.10.in-addr.arpa.", "127.0.0.10.in-addr.arpa."),
        ("10.0.0.0/17", 128, "0.0.10.in-addr.arpa.", "127.0.10.in-addr.arpa."),
        ("10.96.0.0/12", 16, "96.10.in-addr.arpa.", "111.10.in-addr.arpa."),
        ("2001:db8::/30", 4, "8.b.d.0.1.0.0.2.ip6.arpa.", "b.b.d.0.1.0.0.2.ip6.arpa."),
    ],
)
def test_a_cidr_between_label_ends_becomes_several_keys(text: str, count: int, first: str, last: str) -> None:
    found = parse_key(Token(text, "Corefile", 1), 53)
    assert len(found) == count
    assert {to_text(found[0].zone), to_text(found[-1].zone)} == {first, last}
    assert {key.text for key in found} == {text}


def test_a_key_knows_how_and_where_it_was_written() -> None:
    (key,) = parse_key(Token("A.test:53", "Corefile", 7), 53)
    assert key == Key("dns", b"\1a\4test\0", 53, "A.test:53", "Corefile", 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the zone is empty (a variable that is not set?): '.' is the root zone"),
        ("dns://", "the zone is empty (a variable that is not set?): '.' is the root zone"),
        (":53", "no zone before ':53': the root zone is '.', as in '.:53'"),
        ("dns://:53", "no zone before ':53': the root zone is '.', as in '.:53'"),
        ("a..test", "'a..test' is no domain name: a label has 1 to 63 octets, not 0"),
        (".a.test", "'.a.test' is no domain name: a label has 1 to 63 octets, not 0"),
        (f"{64 * 'a'}.test", "a label has 1 to 63 octets, not 64"),
        (".".join(60 * ["abcd"]), "a name has at most 255 octets"),
        ("10.0.0.0/33", "'10.0.0.0/33' is no CIDR, as '10.0.0.0/8' is one"),
        ("10.0.0/24", "'10.0.0/24' is no CIDR"),
        ("10.0.0.0/", "'10.0.0.0/' is no CIDR"),
        ("2001:db8::/129", "'2001:db8::/129' is no CIDR"),
        ("[2001:db8::/32]", "'[2001:db8::/32]' is no zone: a CIDR has no brackets, as '2001:db8::/32'"),
        ("[::1]:53", "a CIDR has no brackets"),
        ("10.0.0.1", "'10.0.0.1' is an address, not a zone: its reverse zone is '10.0.0.1/32'"),
        ("10.0.0.1:53", "the address to listen on is said with 'bind 10.0.0.1'"),
        ("2001:db8::1", "'2001:db8::1' is an address, not a zone: its reverse zone is '2001:db8::1/128'"),
        ("doq://.", "unknown scheme 'doq://'"),
        ("udp://.", "unknown scheme 'udp://'"),
        ("http://.", "unknown scheme 'http://'; did you mean 'https'? (known are dns, tls,"),
        ("://.", "unknown scheme '://'"),
        ("a.test:dns", "'dns' is no port: a port is a number, as in 'a.test:53'"),
        ("a.test:", "the port after 'a.test:' is missing: 'a.test:53'"),
        ("a.test:65536", "'65536' is no port: a port is at most 65535"),
        ("a.test:99999999999", "'99999999999' is no port"),
        ("a.test:-1", "'-1' is no port"),
        ("/etc/resolv.conf", "'/etc/resolv.conf' is no zone: a server block names zones, not paths"),
        ("https://a.test/dns-query", "'a.test/dns-query' is no zone"),
        ("a.test b.test", "'a.test b.test' is no zone: a word (or variable) is one zone, without blanks"),
        ("{whoami}", "'{whoami}' is no zone: put blanks around '{' and '}'"),
        ("(common)", "a snippet stands alone before its block: '(common) {'"),
        ("a\\", "'a\\' ends in a lone backslash"),
        ("\udcff", "it is not UTF-8"),
    ],
)
def test_what_is_no_key_is_an_error_that_says_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(CorefileError) as raised:
        parse_key(Token(text, "Corefile", 7), 53)
    assert str(raised.value).startswith("Corefile:7: ")
    assert said in raised.value.text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (".", ["."]),
        ("Cluster.Local", ["cluster.local."]),
        ("cluster.local.", ["cluster.local."]),
        ("dns://a.test:53", ["a.test."]),
        ("10.0.0.0/8", ["10.in-addr.arpa."]),
        ("stdout", ["stdout."]),
        ("/var/log", ["/var/log."]),
    ],
)
def test_a_zone_of_a_plugin_may_be_anything_that_is_a_name(text: str, wanted: list[str]) -> None:
    assert [to_text(zone) for zone in zones_of(text)] == wanted


@given(st.text() | st.text(alphabet="0123456789.:/[]adf-"))
def test_any_text_is_a_key_or_a_corefile_error(text: str) -> None:
    try:
        found = parse_key(Token(text, "Corefile", 1), 53)
    except CorefileError:
        return
    assert found
    assert all(0 <= key.port <= 65535 for key in found)
    assert all(key.zone == key.zone.lower() for key in found)


@given(st.text())
def test_any_text_is_a_zone_or_no_name(text: str) -> None:
    with contextlib.suppress(NameSyntaxError):
        assert zones_of(text)
