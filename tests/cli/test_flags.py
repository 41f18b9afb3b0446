from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from kdns.cli.flags import add_corefile, boolean, page_address, parser, port, zone


@pytest.mark.parametrize(
    ("arguments", "conf", "port"),
    [
        pytest.param([], None, 53, id="none"),
        pytest.param(["-conf", "f"], "f", 53, id="one dash"),
        pytest.param(["--conf", "f"], "f", 53, id="two dashes"),
        pytest.param(["-conf=f"], "f", 53, id="one dash and ="),
        pytest.param(["--conf=f"], "f", 53, id="two dashes and ="),
        pytest.param(["-dns.port", "1053"], None, 1053, id="CoreDNS's port"),
        pytest.param(["-dns.port=1053"], None, 1053, id="CoreDNS's port and ="),
        pytest.param(["--dns.port=1053"], None, 1053, id="CoreDNS's port with two dashes"),
        pytest.param(["-p", "1053"], None, 1053, id="short"),
        pytest.param(["-p=1053"], None, 1053, id="short and ="),
        pytest.param(["--port", "1053"], None, 1053, id="long"),
        pytest.param(["-p", "1", "-p", "2"], None, 2, id="twice"),
    ],
)
def test_a_corefile_is_named_as_with_coredns_and_as_with_gnu(arguments: list[str], conf: str, port: int) -> None:
    flags = parser("kdns", "")
    add_corefile(flags)
    given = flags.parse_args(arguments)
    assert (given.conf, given.port) == (conf, port)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "--port", "1", "b"], ["a", "b"]),
        (["--", "-a"], ["-a"]),
        (["--port=1", "a", "--", "-b", "--port", "c"], ["a", "-b", "--port", "c"]),
        (["--port", "1", "--", "--", "-a", "--"], ["--", "-a", "--"]),
        (["a", "--"], ["a"]),
    ],
    ids=lambda each: " ".join(each),
)
def test_behind_two_dashes_stand_words_whatever_they_begin_with(arguments: list[str], words: list[str]) -> None:
    flags = parser("kdns serve", "")
    add_corefile(flags)
    flags.add_argument("first")
    flags.add_argument("words", nargs="*")
    given = flags.parse_words(arguments)
    assert [given.first, *given.words] == words
    assert given.port == (1 if any(word.startswith("--port") for word in arguments[:2]) else 53)


def test_wrong_usage_behind_two_dashes_is_told_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser("kdns", "").parse_words(["--", "-a"])
    assert capsys.readouterr().err.endswith("error: unrecognized arguments: -a\n")


@pytest.mark.parametrize("arguments", [["--con", "f"], ["-conf"], ["-dns.port", "x"], ["-p", "65536"]])
def test_what_is_no_flag_ends_in_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    flags = parser("kdns", "")
    add_corefile(flags)
    with pytest.raises(SystemExit) as ended:
        flags.parse_args(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: kdns")


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (port, "0", 0),
        (port, "65535", 65535),
        (boolean, "true", True),
        (boolean, "T", True),
        (boolean, "1", True),
        (boolean, "false", False),
        (boolean, "F", False),
        (boolean, "0", False),
        (zone, "cluster.local", "cluster.local"),
        (zone, ".", "."),
        (page_address, "off", "off"),
        (page_address, ":9153", ":9153"),
        (page_address, "localhost:9153", "localhost:9153"),
        (page_address, "[::1]:0", "[::1]:0"),
    ],
)
def test_a_value_is_read(read: Callable[[str], object], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        (port, "65536", "a port is a number up to 65535, not '65536'"),
        (port, "-1", "a port is a number up to 65535, not '-1'"),
        (port, "1053.0", "a port is a number up to 65535, not '1053.0'"),
        (port, "\u0661", "a port is a number up to 65535, not '\u0661'"),
        (boolean, "yes", "true or false, not 'yes'"),
        (boolean, "", "true or false, not ''"),
        (zone, "a..b", "'a..b' is no domain name"),
        (zone, "x" * 64, "1 to 63 octets, not 64"),
        (page_address, "9153", "put a colon before the port: ':9153'"),
        (page_address, "localhost", "'localhost' has no port"),
        (page_address, "on", "'on' has no port"),
    ],
)
def test_a_wrong_value_is_told(read: Callable[[str], object], text: str, told: str) -> None:
    with pytest.raises(ArgumentTypeError, match=told.replace("'", ".")):
        read(text)
