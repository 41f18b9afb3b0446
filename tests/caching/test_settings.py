"""Every option, read and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.caching.kind import Kind
from kdns.caching.settings import Limits, Prefetch, Settings, Stale, read
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.proto.name import ROOT, from_text, to_text

PLAIN = Settings((ROOT,), Limits(9984, 9984 * 2048, 3600), Limits(9984, 9984 * 2048, 1800))


def settings(text: str, *lines: str) -> Settings:
    body = " {\n" + "\n".join(lines) + "\n}" if lines else ""
    (block,) = parse(f". {{\n{text}{body}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return read(block.directives[0], (ROOT,))


def limits(entries: int = 9984, longest: int = 3600, shortest: int = 5) -> Limits:
    return Limits(entries, entries * 2048, longest, shortest)


@pytest.mark.parametrize(
    ("text", "ttls", "zones"),
    [
        ("cache", (3600, 1800), ["."]),
        ("cache 30", (30, 30), ["."]),
        ("cache example.org", (3600, 1800), ["example.org."]),
        ("cache 25 Example.org example.net.", (25, 25), ["example.org.", "example.net."]),
        ("cache aaa example.nl", (3600, 1800), ["aaa.", "example.nl."]),
        ("cache 10.0.0.0/31", (3600, 1800), ["0.0.0.10.in-addr.arpa.", "1.0.0.10.in-addr.arpa."]),
        ("cache 7200 10.in-addr.arpa", (7200, 7200), ["10.in-addr.arpa."]),
    ],
)
def test_a_time_and_zones(text: str, ttls: tuple[int, int], zones: list[str]) -> None:
    found = settings(text)
    assert (found.success.longest, found.denial.longest) == ttls
    assert [to_text(zone) for zone in found.zones] == zones


GOOD = {
    "success 5000": replace(PLAIN, success=limits(4864)),
    "success 10": replace(PLAIN, success=limits(1024)),
    "success 0": replace(PLAIN, success=limits(1024)),
    "success 10000": PLAIN,
    "success 10 1800 30": replace(PLAIN, success=limits(1024, 1800, 30)),
    "success 9984 30 0": replace(PLAIN, success=limits(9984, 30, 0)),
    "denial 2500": replace(PLAIN, denial=limits(2304, 1800)),
    "denial 9984 5": replace(PLAIN, denial=limits(9984, 5)),
    "denial 10 15 2": replace(PLAIN, denial=limits(1024, 15, 2)),
    "bytes 1000000": replace(PLAIN, success=Limits(9984, 10**6, 3600), denial=Limits(9984, 10**6, 1800)),
    "bytes 512K": replace(PLAIN, success=Limits(9984, 1 << 19, 3600), denial=Limits(9984, 1 << 19, 1800)),
    "bytes 64m": replace(PLAIN, success=Limits(9984, 1 << 26, 3600), denial=Limits(9984, 1 << 26, 1800)),
    "prefetch 0": PLAIN,
    "prefetch 10": replace(PLAIN, prefetch=Prefetch(10, 60.0, 10)),
    "prefetch 10 2m": replace(PLAIN, prefetch=Prefetch(10, 120.0, 10)),
    "prefetch 10 1m 25%": replace(PLAIN, prefetch=Prefetch(10, 60.0, 25)),
    "prefetch 1 0 90%": replace(PLAIN, prefetch=Prefetch(1, 0.0, 90)),
    "serve_stale": replace(PLAIN, stale=Stale(3600.0)),
    "serve_stale 20m": replace(PLAIN, stale=Stale(1200.0)),
    "serve_stale 1h20m": replace(PLAIN, stale=Stale(4800.0)),
    "serve_stale 0": PLAIN,
    "serve_stale 0 verify": PLAIN,
    "serve_stale 1h immediate": replace(PLAIN, stale=Stale(3600.0)),
    "serve_stale 1h Immediate 30s": replace(PLAIN, stale=Stale(3600.0, ttl=30)),
    "serve_stale 1h immediate 30s 1m": replace(PLAIN, stale=Stale(3600.0, ttl=30, recheck=60.0)),
    "serve_stale 1h VERIFY": replace(PLAIN, stale=Stale(3600.0, verify=True)),
    "serve_stale 1h verify 100ms": replace(PLAIN, stale=Stale(3600.0, verify=True, timeout=0.1)),
    "serve_stale 1h verify 100ms 30s": replace(PLAIN, stale=Stale(3600.0, verify=True, timeout=0.1, ttl=30)),
    "serve_stale 1h verify 1s 30s 5m": replace(PLAIN, stale=Stale(3600.0, True, 1.0, 30, 300.0)),
    "serve_stale\nserve_stale_policy prefer_positive": replace(PLAIN, stale=Stale(prefer_positive=True)),
    "servfail 1s": replace(PLAIN, servfail=1.0),
    "servfail 5m": replace(PLAIN, servfail=300.0),
    "servfail 0": replace(PLAIN, servfail=0.0),
    "disable success": replace(PLAIN, disabled_success=(ROOT,)),
    "disable denial": replace(PLAIN, disabled_denial=(ROOT,)),
    "disable success cluster.local\ndisable denial cluster.local": replace(
        PLAIN, disabled_success=(from_text("cluster.local"),), disabled_denial=(from_text("cluster.local"),)
    ),
    "disable denial a.test B.test": replace(PLAIN, disabled_denial=(from_text("a.test"), from_text("b.test"))),
    "disable success a.test\ndisable success b.test": replace(PLAIN, disabled_success=(from_text("b.test"),)),
    "keepttl": replace(PLAIN, keepttl=True),
    "cache_own": replace(PLAIN, own=True),
}


@pytest.mark.parametrize(("lines", "expected"), GOOD.items(), ids=[line.replace("\n", "; ") for line in GOOD])
def test_an_option_is_read(lines: str, expected: Settings) -> None:
    assert settings("cache", *lines.splitlines()) == expected


BAD = {
    "success": "'success' takes 1 to 3 arguments, not 0: success CAPACITY [TTL] [MINTTL]",
    "success 1 2 3 4": "'success' takes 1 to 3 arguments, not 4",
    "success many": "'success' takes a whole number of at least 0 as its CAPACITY, not 'many'",
    "success -1": "'success' takes a whole number of at least 0 as its CAPACITY, not '-1'",
    "success 10 0": "'success' takes a whole number of at least 1 as its TTL, not '0'",
    "success 10 30s": "'success' takes a whole number of at least 1 as its TTL, not '30s'",
    "denial 10 15 -1": "'denial' takes a whole number of at least 0 as its MINTTL, not '-1'",
    "denial 99999999999": "'denial' takes a whole number of at least 0 as its CAPACITY, not '99999999999'",
    "positive 10": "'cache' has no option 'positive'",
    "sucess 10": "'cache' has no option 'sucess'; did you mean 'success'?",
    "bytes": "'bytes' takes 1 argument, not 0: bytes SIZE",
    "bytes 0": "'bytes' takes a number of bytes such as 1000000, 512K or 64M, not '0'",
    "bytes 64MB": "'bytes' takes a number of bytes such as 1000000, 512K or 64M, not '64MB'",
    "prefetch": "'prefetch' takes 1 to 3 arguments, not 0: prefetch AMOUNT [[DURATION] [PERCENTAGE%]]",
    "prefetch -1": "'prefetch' takes a whole number of at least 0 as its AMOUNT, not '-1'",
    "prefetch 0 blurp": "'prefetch' takes a duration: 'blurp' is none",
    "prefetch 1 60": "'prefetch' takes a duration: add a unit to '60', for instance '60s'",
    "prefetch 1 1m 10": "'prefetch' takes a percentage from 10% to 90%, not '10'",
    "prefetch 1 1m 9%": "'prefetch' takes a percentage from 10% to 90%, not '9%'",
    "prefetch 1 1m 91%": "'prefetch' takes a percentage from 10% to 90%, not '91%'",
    "prefetch 1 1m 20% 4": "'prefetch' takes 1 to 3 arguments, not 4",
    "serve_stale 20": "'serve_stale' takes a duration: add a unit to '20'",
    "serve_stale -20m": "'serve_stale' takes a duration: '-20m' is below zero",
    "serve_stale aa": "'serve_stale' takes a duration: 'aa' is none",
    "serve_stale 1m nono": "'serve_stale' takes immediate or verify, not 'nono'",
    "serve_stale 1m verfy": "'serve_stale' takes immediate or verify, not 'verfy'; did you mean 'verify'?",
    "serve_stale 1m immediate nono": "'serve_stale' takes a duration: 'nono' is none",
    "serve_stale 1m immediate 1s 1s 1s": "'serve_stale' takes at most two durations behind 'immediate'",
    "serve_stale 1m immediate 1s 6m": "'serve_stale' takes a duration of at most 5m here, not '6m'",
    "serve_stale 1m verify 1s 1s 1s 1s": "'serve_stale' takes 0 to 5 arguments, not 6",
    "serve_stale_policy prefer_positive": "'serve_stale_policy' goes with 'serve_stale'",
    "serve_stale\nserve_stale_policy newest": "'serve_stale_policy' takes prefer_positive, not 'newest'",
    "servfail": "'servfail' takes 1 argument, not 0: servfail DURATION",
    "servfail 6m": "'servfail' takes a duration of at most 5m here, not '6m'",
    "servfail 20": "'servfail' takes a duration: add a unit to '20'",
    "servfail -1s": "'servfail' takes a duration: '-1s' is below zero",
    "servfail 1m invalid": "'servfail' takes 1 argument, not 2",
    "disable": "'disable' takes at least 1 argument, not 0: disable success|denial [ZONES...]",
    "disable invalid example.com": "'disable' takes success or denial, not 'invalid'",
    "disable success a..b": "'disable' takes zones: ",
    "keepttl yes": "'keepttl' takes no arguments: remove 'yes'",
    "cache_own all": "'cache_own' takes no arguments: remove 'all'",
    "success 10 {\n}": "'success' takes no block",
}


@pytest.mark.parametrize(("lines", "text"), BAD.items(), ids=[line.replace("\n", "; ") for line in BAD])
def test_a_mistake_is_told_with_its_line(lines: str, text: str) -> None:
    with pytest.raises(CorefileErrors) as failed:
        settings("cache", *lines.splitlines())
    (error,) = failed.value.errors
    assert error.text.startswith(text)
    assert error.line in range(2, 5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cache 0", "'cache' takes a whole number of at least 1 as its TTL, not '0'"),
        ("cache -1 example.nl", "'cache' takes a whole number of at least 1 as its TTL, not '-1'"),
        ("cache 30 a..b", "'cache' takes zones: "),
    ],
)
def test_a_bad_time_or_zone_is_told(text: str, message: str) -> None:
    with pytest.raises(CorefileErrors) as failed:
        settings(text)
    (error,) = failed.value.errors
    assert error.text.startswith(message)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(CorefileErrors) as failed:
        settings("cache 0", "success", "keepttl", "servfail 1h")
    assert [error.line for error in failed.value.errors] == [2, 3, 5]


def test_a_store_is_limited_in_time() -> None:
    found = settings("cache", "success 10 300 20", "denial 10 30", "servfail 7s")
    lives = {
        kind: [found.life(kind, ttl) for ttl in (0, 100, 1000)] for kind in (Kind.SUCCESS, Kind.DENIAL, Kind.FAILURE)
    }
    assert lives == {Kind.SUCCESS: [20, 100, 300], Kind.DENIAL: [5, 30, 30], Kind.FAILURE: [7, 7, 7]}


def test_zones_are_compared_by_labels() -> None:
    found = settings("cache a.test", "disable denial x.a.test")
    names = [from_text(text) for text in ("a.test", "b.a.test", "ba.test", "x.a.test", "y.x.a.test")]
    assert [found.covers(name) for name in names] == [True, True, False, True, True]
    assert [found.keeps(Kind.DENIAL, name) for name in names] == [True, True, True, False, False]
    assert all(found.keeps(Kind.SUCCESS, name) for name in names)
    assert not found.keeps(Kind.FAILURE, names[-1])
