"""Directive: what it gives plugins, and how it complains."""

from __future__ import annotations

import dataclasses

import pytest

from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.errors import CorefileError


def directive(*words: str, braces: bool = False) -> Directive:
    """`forward …` at Corefile:5, each argument on a line of its own."""
    tokens = tuple(Token(text, "Corefile", line) for line, text in enumerate(words, 6))
    return Directive("forward", "Corefile", 5, tokens, braces=braces)


def test_arguments_are_texts() -> None:
    assert directive(".", "1.1.1.1").args == (".", "1.1.1.1")
    assert directive().args == ()


def test_every_is_the_directive_and_its_repeats() -> None:
    second, third = directive("b"), directive("c")
    first = dataclasses.replace(directive("a"), again=(second, third))
    assert first.every == (first, second, third)


def test_an_error_is_at_the_line_of_the_directive_or_of_the_word() -> None:
    line = directive(".", "x")
    assert str(line.error("no")) == "Corefile:5: no"
    assert str(line.error("no", 1)) == "Corefile:7: no"
    assert str(line.error("no", 2)) == "Corefile:5: no"
    assert str(line.error("no", line.words[0])) == "Corefile:6: no"


def test_an_error_in_imported_text_says_where_it_was_imported() -> None:
    via = (("Corefile", 12),)
    line = Directive("log", "common.conf", 3, (Token("x", "common.conf", 4, via=via),), via=via)
    assert str(line.error("no")) == "common.conf:3: no (imported at Corefile:12)"
    assert str(line.error("no", 0)) == "common.conf:4: no (imported at Corefile:12)"


def test_no_arguments_and_no_block_are_quiet_when_that_is_so() -> None:
    directive().no_arguments()
    directive("x").no_block()


def test_an_argument_too_many_is_an_error_at_that_argument() -> None:
    with pytest.raises(CorefileError, match=r"^Corefile:6: 'forward' takes no arguments: remove 'x'$"):
        directive("x").no_arguments()


def test_a_block_where_none_belongs_is_an_error() -> None:
    with pytest.raises(CorefileError, match=r"^Corefile:5: 'forward' takes no block: remove its '{' and '}'$"):
        directive(braces=True).no_block()


@pytest.mark.parametrize(
    ("count", "least", "most"),
    [(0, 0, 0), (1, 1, 1), (2, 1, 3), (3, 1, 3), (0, 0, None), (9, 2, None)],
)
def test_as_many_arguments_as_are_wanted_are_given(count: int, least: int, most: int | None) -> None:
    assert directive(*"abcdefghi"[:count]).arguments(least, most) == tuple("abcdefghi"[:count])


@pytest.mark.parametrize(
    ("count", "least", "most", "said"),
    [
        (1, 0, 0, "Corefile:6: 'forward' takes no arguments, not 1"),
        (0, 1, 1, "Corefile:5: 'forward' takes 1 argument, not 0"),
        (3, 1, 1, "Corefile:7: 'forward' takes 1 argument, not 3"),
        (1, 2, 2, "Corefile:5: 'forward' takes 2 arguments, not 1"),
        (4, 1, 3, "Corefile:9: 'forward' takes 1 to 3 arguments, not 4"),
        (2, 0, 1, "Corefile:7: 'forward' takes 0 to 1 argument, not 2"),
        (0, 1, None, "Corefile:5: 'forward' takes at least 1 argument, not 0"),
        (1, 2, None, "Corefile:5: 'forward' takes at least 2 arguments, not 1"),
    ],
)
def test_other_counts_are_an_error_that_says_the_right_one(count: int, least: int, most: int | None, said: str) -> None:
    with pytest.raises(CorefileError) as raised:
        directive(*"abcdefghi"[:count]).arguments(least, most)
    assert str(raised.value) == said


def test_the_usage_is_told_when_it_is_known() -> None:
    with pytest.raises(CorefileError, match=r"at least 2 arguments, not 0: forward FROM TO\.\.\.$"):
        directive().arguments(2, usage="forward FROM TO...")
