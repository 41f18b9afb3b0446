from __future__ import annotations

import dns.name
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.errors import NameSyntaxError
from kdns.proto.name import (
    ROOT,
    fold,
    from_labels,
    from_text,
    is_at_or_below,
    labels,
    longest,
    suffixes,
    to_text,
)

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=8).filter(
    lambda parts: sum(map(len, parts)) + len(parts) + 1 <= 255
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (".", b"\0"),
        ("a", b"\1a\0"),
        ("a.", b"\1a\0"),
        ("svc.cluster.local", b"\3svc\7cluster\5local\0"),
        ("MiXed.Case.", b"\5MiXed\4Case\0"),
        (r"a\.b.c", b"\3a.b\1c\0"),
        (r"a\.", b"\2a.\0"),
        (r"a\046b", b"\3a.b\0"),
        (r"\000\255", b"\2\x00\xff\0"),
        (r"back\\slash", b"\x0aback\\slash\0"),
        (r"\a", b"\1a\0"),
        ("_http._tcp.*", b"\5_http\4_tcp\1*\0"),
        ("a b", b"\3a b\0"),
        ("ü", b"\2\xc3\xbc\0"),
        ("x" * 63, b"\x3f" + b"x" * 63 + b"\0"),
    ],
)
def test_a_text_reads_as_the_bytes_of_its_labels(text: str, name: bytes) -> None:
    assert from_text(text) == name


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "an empty text"),
        ("..", "1 to 63 octets, not 0"),
        (".a", "1 to 63 octets, not 0"),
        ("a..b", "1 to 63 octets, not 0"),
        ("a..", "1 to 63 octets, not 0"),
        ("x" * 64, "1 to 63 octets, not 64"),
        (".".join(["x" * 63] * 4), "at most 255 octets, not 257"),
        ("a\\", "a lone backslash"),
        (r"\25", "an escape"),
        (r"\2x5", "an escape"),
        (r"\256", "an escape"),
        (r"\999", "an escape"),
    ],
)
def test_a_text_that_is_no_name_says_why(text: str, says: str) -> None:
    with pytest.raises(NameSyntaxError, match=says):
        from_text(text)


def test_a_name_may_have_255_octets_and_no_more() -> None:
    above = ".".join(["x" * 63] * 3)
    assert len(from_text("x" * 61 + "." + above)) == 255
    with pytest.raises(NameSyntaxError, match="at most 255 octets, not 256"):
        from_text("x" * 62 + "." + above)


def test_an_origin_goes_behind_and_counts() -> None:
    origin = from_text("cluster.local")
    assert from_text("ns.svc", origin) == from_text("ns.svc.cluster.local")
    assert from_labels([], origin) == origin
    with pytest.raises(NameSyntaxError, match="at most 255 octets"):
        from_text(".".join(["x" * 63] * 3 + ["x" * 50]), origin)


@given(LABELS)
def test_labels_are_what_a_name_was_made_of(parts: list[bytes]) -> None:
    assert list(labels(from_labels(parts))) == parts


@given(LABELS)
def test_text_and_name_are_each_other_s_inverse(parts: list[bytes]) -> None:
    name = from_labels(parts)
    text = to_text(name)
    assert text.isascii()
    assert text.isprintable()
    assert from_text(text) == name


@given(LABELS)
def test_dnspython_writes_and_reads_the_same_names(parts: list[bytes]) -> None:
    name = from_labels(parts)
    other = dns.name.Name([*parts, b""])
    assert other.to_wire() == name
    assert other.to_text() == to_text(name)
    assert dns.name.from_text(to_text(name)) == other


@given(LABELS)
def test_folding_changes_ascii_letters_only(parts: list[bytes]) -> None:
    folded = labels(fold(from_labels(parts)))
    for before, after in zip(parts, folded, strict=True):
        for was, now in zip(before, after, strict=True):
            assert now == (was + 32 if 0x41 <= was <= 0x5A else was)


@given(LABELS)
def test_suffixes_lose_a_label_each_down_to_the_root(parts: list[bytes]) -> None:
    found = list(suffixes(from_labels(parts)))
    assert found == [from_labels(parts[start:]) for start in range(len(parts) + 1)]
    assert found[-1] == ROOT


@pytest.mark.parametrize(
    ("name", "zone", "whether"),
    [
        ("a.example.", "example.", True),
        ("example.", "example.", True),
        ("anything.", ".", True),
        (".", ".", True),
        (".", "example.", False),
        ("example.", "a.example.", False),
        ("badexample.", "example.", False),
        ("example.org.", "example.", False),
    ],
)
def test_a_name_lies_at_or_below_a_zone_by_whole_labels(name: str, zone: str, whether: bool) -> None:
    assert is_at_or_below(from_text(name), from_text(zone)) is whether


def test_bytes_inside_a_label_that_look_like_a_zone_are_not_it() -> None:
    zone = from_text("example.")
    disguised = from_labels([b"x" + zone[:-1]])
    assert disguised.endswith(zone)
    assert not is_at_or_below(disguised, zone)


@given(LABELS, LABELS)
def test_below_is_as_dnspython_sees_it(parts: list[bytes], zone: list[bytes]) -> None:
    name, top = fold(from_labels(parts)), fold(from_labels(zone))
    expected = dns.name.Name([*labels(name), b""]).is_subdomain(dns.name.Name([*labels(top), b""]))
    assert is_at_or_below(name, top) is expected


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("a.b.cluster.local.", "b.cluster.local."),
        ("b.cluster.local.", "b.cluster.local."),
        ("c.cluster.local.", "cluster.local."),
        ("xb.cluster.local.", "cluster.local."),
        ("local.", None),
        ("example.org.", None),
        (".", None),
    ],
)
def test_the_longest_zone_is_found(name: str, zone: str | None) -> None:
    zones = {from_text(each): each for each in ("cluster.local.", "b.cluster.local.")}
    assert longest(from_text(name), zones) == zone


def test_the_root_is_a_zone_for_every_name() -> None:
    assert longest(from_text("example.org."), {ROOT: "root"}) == "root"
    assert longest(ROOT, {ROOT: "root"}) == "root"
