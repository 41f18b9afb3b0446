"""Readers of option lines, and read_options."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.corefile.values import (
    cidrs,
    duration,
    duration_text,
    each,
    flag,
    gone,
    host_port,
    integer,
    number,
    one_of,
    read_options,
    word,
    words,
    zone_names,
    zones,
)
from kdns.errors import CorefileError, CorefileErrors
from kdns.proto.name import to_text


def line(text: str, number: int = 3, **more: Any) -> Directive:
    """A directive on one line; its words parted by single blanks."""
    name, *rest = text.split(" ")
    tokens = tuple(Token(word, "Corefile", number) for word in rest)
    return Directive(name, "Corefile", number, tokens, **more)


def block(name: str, *lines: str | Directive) -> Directive:
    """A directive at line 1 with a block, its lines from line 2 on."""
    body = [line(text, at) if isinstance(text, str) else text for at, text in enumerate(lines, 2)]
    return Directive(name, "Corefile", 1, body=tuple(body), braces=True)


def said(read: Callable[[], object]) -> str:
    with pytest.raises((CorefileError, CorefileErrors)) as raised:
        read()
    return str(raised.value)


@pytest.mark.parametrize(
    ("reader", "text", "wanted"),
    [
        (flag, "force_tcp", True),
        (word, "path x", "x"),
        (words(1), "except a b", ("a", "b")),
        (words(0, 2), "except", ()),
        (integer(0, 3600), "ttl 0", 0),
        (integer(0, 3600), "ttl 3600", 3600),
        (integer(1), "max 100000", 100000),
        (integer(-5), "n -5", -5),
        (integer(0), "n +7", 7),
        (number(), "qps 0.05", 0.05),
        (number(), "qps 3", 3.0),
        (number(), "qps .5", 0.5),
        (number(-1.0), "qps -1", -1.0),
        (duration, "lameduck 5s", 5.0),
        (one_of("a", "b"), "pods b", "b"),
        (cidrs, "net 10.0.0.0/8", (ipaddress.ip_network("10.0.0.0/8"),)),
        (cidrs, "net 10.1.2.3/8", (ipaddress.ip_network("10.0.0.0/8"),)),
        (cidrs, "net 1.1.1.1 ::1", (ipaddress.ip_network("1.1.1.1/32"), ipaddress.ip_network("::1/128"))),
    ],
)
def test_a_reader_gives_the_value_of_a_line(reader: Callable[[Directive], object], text: str, wanted: object) -> None:
    assert reader(line(text)) == wanted


@pytest.mark.parametrize(
    ("reader", "text", "wanted"),
    [
        (flag, "force_tcp yes", "'force_tcp' takes no arguments: remove 'yes'"),
        (word, "path", "'path' takes 1 argument, not 0"),
        (words(1, 2), "except a b c", "'except' takes 1 to 2 arguments, not 3"),
        (integer(0, 3600), "ttl x", "'ttl' takes a whole number from 0 to 3600, not 'x'"),
        (integer(0, 3600), "ttl 3601", "'ttl' takes a whole number from 0 to 3600, not '3601'"),
        (integer(1), "max 0", "'max' takes a whole number of at least 1, not '0'"),
        (integer(0), "max 1_000", "not '1_000'"),
        (integer(0), "max 30s", "not '30s'"),
        (integer(0), f"max {5000 * '9'}", "takes a whole number"),
        (integer(0), "max", "'max' takes 1 argument, not 0"),
        (number(), "qps nan", "'qps' takes a number of at least 0, not 'nan'"),
        (number(0.5), "qps 0.4", "'qps' takes a number of at least 0.5, not '0.4'"),
        (duration, "lameduck 5", "'lameduck' takes a duration: add a unit to '5', for instance '5s'"),
        (duration, "lameduck soon", "'soon' is none, '5s' or '1m30s' is (units: ns, us, ms, s, m, h)"),
        (duration, "lameduck -5s", "'-5s' is below zero"),
        (
            one_of("disabled", "insecure", "verified"),
            "pods insecur",
            "disabled, insecure or verified, not 'insecur'",
        ),
        (one_of("disabled", "insecure"), "pods insecur", "; did you mean 'insecure'?"),
        (one_of("only"), "pods x", "'pods' takes only, not 'x'"),
        (zones, "except a..b", "'except' takes zones: 'a..b' is no domain name"),
        (zones, "except 10.0.0.0/33", "'10.0.0.0/33' is no CIDR"),
        (cidrs, "net", "'net' takes at least 1 argument, not 0"),
        (cidrs, "net 10.0.0.0/33", "'net' takes networks, as '10.0.0.0/8'"),
    ],
)
def test_a_reader_says_what_would_be_right(reader: Callable[[Directive], object], text: str, wanted: str) -> None:
    message = said(lambda: reader(line(text)))
    assert message.startswith("Corefile:3: ")
    assert wanted in message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("-0", 0.0),
        ("5s", 5.0),
        ("+5s", 5.0),
        ("500ms", 0.5),
        ("1h2m3.5s", 3723.5),
        ("1m30s", 90.0),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("30s1h", 3630.0),
        ("10us", 1e-5),
        ("10\u00b5s", 1e-5),
        ("10\u03bcs", 1e-5),
        ("1ns", 1e-9),
        ("24h", 86400.0),
    ],
)
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert duration_text(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    ["", "s", "5", "5.5", "5 s", "5S", "5d", "1h2", "--5s", ".s", "-5s", "9999999999h", "\u0665s"],
)
def test_other_texts_are_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        duration_text(text)


@given(st.text(alphabet="0123456789.hmsun+-µ"))
def test_a_duration_is_seconds_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= duration_text(text) < 2**63


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_add_up(hours: int, minutes: int, seconds: int, milliseconds: int) -> None:
    text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert duration_text(text) == pytest.approx(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000)


@pytest.mark.parametrize(
    ("host", "port", "text", "wanted"),
    [
        ("", None, ":8080", ("", 8080)),
        ("localhost", None, ":9153", ("localhost", 9153)),
        ("", None, "localhost:8080", ("localhost", 8080)),
        ("", None, "127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("", None, "[::1]:9153", ("::1", 9153)),
        ("", None, "[fe80::1%eth0]:9153", ("fe80::1%eth0", 9153)),
        ("", None, ":0", ("", 0)),
        ("", 8080, "", ("", 8080)),
        ("localhost", 9153, "", ("localhost", 9153)),
        ("", 8080, "127.0.0.1", ("127.0.0.1", 8080)),
        ("", 8080, "[::1]", ("::1", 8080)),
        ("", 8080, ":9999", ("", 9999)),
    ],
)
def test_host_port_reads_addresses(host: str, port: int | None, text: str, wanted: tuple[str, int]) -> None:
    assert host_port(host, port)(line(f"health {text}".strip())) == wanted


@pytest.mark.parametrize(
    ("port", "text", "wanted"),
    [
        (8080, "health 9000", "'health' takes an address: put a colon before the port: ':9000'"),
        (None, "health localhost", "'localhost' has no port, 'localhost:8080' has"),
        (8181, "health ::1", "put '::1' in brackets: '[::1]:8181'"),
        (None, "health ::1", "put '::1' in brackets: '[::1]:8080'"),
        (8080, "health :http", "'http' is no port: a port is a number up to 65535"),
        (8080, "health :", "'' is no port"),
        (8080, "health :65536", "'65536' is no port"),
        (8080, "health a:b:c", "'a:b:c' is none, 'localhost:8080', ':8080' or '[::1]:8080' is"),
        (8080, "health []:80", "'[]:80' is none"),
        (8080, "health [x]:80", "'[x]:80' is none"),
        (8080, "health ", "'' is none"),
        (8080, "health a b", "'health' takes 1 argument, not 2"),
        (None, "health", "'health' takes 1 argument, not 0"),
    ],
)
def test_host_port_says_what_is_wrong(port: int | None, text: str, wanted: str) -> None:
    message = said(lambda: host_port("", port)(line(text)))
    assert message.startswith("Corefile:3: ")
    assert wanted in message


@given(st.text(alphabet="0123456789abx.:[]% "))
def test_any_text_is_an_address_or_a_corefile_error(text: str) -> None:
    directive = Directive("health", "Corefile", 1, (Token(text, "Corefile", 1),))
    try:
        _, port = host_port("", 8080)(directive)
    except CorefileError:
        return
    assert 0 <= port <= 65535


def test_zones_are_folded_and_cidrs_become_reverse_zones() -> None:
    found = zones(line("fallthrough Cluster.Local 10.0.0.0/8 ip6.arpa."))
    assert [to_text(zone) for zone in found] == ["cluster.local.", "10.in-addr.arpa.", "ip6.arpa."]
    assert zones(line("fallthrough")) == ()


def test_zone_names_reads_some_of_the_arguments() -> None:
    directive = line("cache 30 a.test b.test")
    assert zone_names(directive, directive.args[1:]) == zone_names(directive, directive.words[1:])
    assert [to_text(zone) for zone in zone_names(directive, directive.args[1:])] == ["a.test.", "b.test."]


def test_zone_names_complains_at_the_line_of_the_word() -> None:
    tokens = (Token("30", "Corefile", 3), Token("a..b", "Corefile", 4))
    directive = Directive("cache", "Corefile", 3, tokens)
    for texts in (directive.args[1:], directive.words[1:]):
        with pytest.raises(CorefileError, match=r"^Corefile:4: 'cache' takes zones: 'a\.\.b' is no domain name"):
            zone_names(directive, texts)


TABLE: Mapping[str, Callable[[Directive], object]] = {
    "ttl": integer(0, 3600),
    "pods": one_of("disabled", "insecure", "verified"),
    "noendpoints": flag,
    "class": each(words(1)),
    "upstream": gone("since CoreDNS 1.7.0; delete the line"),
}


def test_options_are_read_by_name() -> None:
    given = read_options(block("kubernetes", "ttl 30", "noendpoints"), TABLE)
    assert given == {"ttl": 30, "noendpoints": True}


def test_no_options_are_an_empty_dict() -> None:
    assert read_options(block("kubernetes"), TABLE) == {}
    assert read_options(line("kubernetes"), TABLE) == {}


def test_the_last_of_a_repeated_option_counts() -> None:
    assert read_options(block("kubernetes", "ttl 30", "ttl 5"), TABLE) == {"ttl": 5}


def test_each_keeps_every_line_of_an_option() -> None:
    given = read_options(block("log", "class denial error", "ttl 5", "class success"), TABLE)
    assert given == {"class": (("denial", "error"), ("success",)), "ttl": 5}


def test_an_unknown_option_is_told_with_a_near_one_and_the_known_ones() -> None:
    assert said(lambda: read_options(block("kubernetes", "tll 30"), TABLE)) == (
        "Corefile:2: 'kubernetes' has no option 'tll'; did you mean 'ttl'? (it has ttl, pods, noendpoints, class)"
    )


def test_an_option_where_there_are_none_is_told() -> None:
    assert said(lambda: read_options(block("whoami", "ttl 30"), {})) == ("Corefile:2: 'whoami' has no option 'ttl'")


def test_a_removed_option_is_told_with_what_to_do() -> None:
    assert said(lambda: read_options(block("kubernetes", "upstream"), TABLE)) == (
        "Corefile:2: 'upstream' is gone: since CoreDNS 1.7.0; delete the line"
    )


def test_all_mistakes_of_a_block_are_told_at_once() -> None:
    with pytest.raises(CorefileErrors) as raised:
        read_options(block("kubernetes", "ttl x", "pods insecure", "nope", "noendpoints 1"), TABLE)
    assert [error.line for error in raised.value.errors] == [2, 4, 5]


def test_a_block_of_an_option_is_for_those_that_take_one() -> None:
    tls = line("tls", 2, braces=True, body=(line("ttl 5", 3),))
    assert "'tls' takes no block" in said(lambda: read_options(block("x", tls), {"tls": flag}))
    table = {"tls": lambda option: read_options(option, TABLE)}
    assert read_options(block("x", tls), table, nested=("tls",)) == {"tls": {"ttl": 5}}


def test_mistakes_of_nested_blocks_are_told_with_the_others() -> None:
    tls = line("tls", 2, braces=True, body=(line("ttl x", 3), line("pods x", 4)))
    table = {**TABLE, "tls": lambda option: read_options(option, TABLE)}
    message = said(lambda: read_options(block("x", tls, "nope"), table, nested=("tls",)))
    assert re.findall(r"^Corefile:(\d+)", message, re.MULTILINE) == ["3", "4", "3"]
