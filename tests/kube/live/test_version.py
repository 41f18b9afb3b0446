"""Versions: numbers of any length, compared as such (KEP-5504)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.live.version import newer, number

LONG = "9" * 40


@pytest.mark.parametrize(
    ("version", "other", "later"),
    [
        ("2", "1", True),
        ("1", "2", False),
        ("1", "1", False),
        ("10", "9", True),
        (f"1{LONG}", LONG, True),
        (LONG, f"1{LONG}", False),
        ("", "1", False),
        ("1", "", False),
        ("2x", "1", False),
        ("2", "1x", False),
        ("-2", "-3", False),
        ("٢", "1", False),
    ],
)
def test_a_version_is_newer_if_its_number_is_larger_and_both_are_numbers(version: str, other: str, later: bool) -> None:
    assert newer(version, other) is later


@given(st.integers(0, 1 << 200), st.integers(0, 1 << 200))
def test_versions_are_ordered_as_their_numbers_are(one: int, two: int) -> None:
    assert newer(str(one), str(two)) is (one > two)
    assert number(str(one)) == one


@given(st.text())
def test_any_text_may_stand_where_a_version_should(text: str) -> None:
    assert number(text) is None or number(text) == int(text)
