"""near: the suggestion at the end of an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.corefile.near import near

KNOWN = ("ttl", "fallthrough", "pods", "lameduck")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("tll", "ttl"),
        ("TTL", "ttl"),
        ("falthrough", "fallthrough"),
        ("pod", "pods"),
        ("lame_duck", "lameduck"),
    ],
)
def test_a_misspelt_word_gets_a_suggestion(word: str, meant: str) -> None:
    assert near(word, KNOWN) == f"; did you mean '{meant}'?"


@pytest.mark.parametrize("word", ["", "zzz", "upstream"])
def test_a_word_like_no_other_gets_none(word: str) -> None:
    assert near(word, KNOWN) == ""


def test_nothing_known_gives_nothing() -> None:
    assert near("ttl", ()) == ""


@given(st.text(), st.lists(st.text()))
def test_the_suggestion_is_one_of_the_known_words(word: str, known: list[str]) -> None:
    said = near(word, known)
    assert said == "" or said in {f"; did you mean '{text}'?" for text in known}
