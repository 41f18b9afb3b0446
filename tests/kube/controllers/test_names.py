from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.controllers.names import code, generated, number


def test_a_code_is_the_same_at_each_start() -> None:
    # Written down once: it may not change from release to release, nor with PYTHONHASHSEED.
    assert code(5, "shop", "web") == "h7gdm"


def test_parts_do_not_run_into_each_other() -> None:
    assert number("a", "bc") != number("ab", "c")


@given(st.text(), st.integers(0, 30))
def test_a_code_has_that_many_letters_and_no_vowels(text: str, length: int) -> None:
    assert re.fullmatch(rf"[bcdfghjklmnpqrstvwxz2456789]{{{length}}}", code(length, text))


@pytest.mark.parametrize(
    ("prefix", "kept"),
    [
        pytest.param("web-", "web-", id="short"),
        pytest.param("a" * 58, "a" * 58, id="just fits"),
        pytest.param("a" * 70 + "-", "a" * 58, id="cut"),
    ],
)
def test_a_name_is_cut_as_generate_name_cuts_it(prefix: str, kept: str) -> None:
    name = generated(prefix, 0, taken=lambda _: False)
    assert len(name) == len(kept) + 5 <= 63
    assert name.startswith(kept)


def test_names_cut_to_the_same_letters_differ() -> None:
    names = {generated("a" * 60 + end, 0, taken=lambda _: False) for end in ("x", "y")}
    assert len(names) == 2


def test_a_name_that_is_taken_is_not_given() -> None:
    first = generated("web-", 0, taken=lambda _: False)
    second = generated("web-", 0, taken={first}.__contains__)
    assert second != first
    assert second.startswith("web-")
