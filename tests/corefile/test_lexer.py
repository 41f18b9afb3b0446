"""tokenize: words, quotes, comments, lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.corefile.lexer import Token, imported_at, tokenize


def texts(text: str) -> list[str]:
    return [token.text for token in tokenize(text, "Corefile")[0]]


def lines(text: str) -> list[tuple[str, int]]:
    return [(token.text, token.line) for token in tokenize(text, "Corefile")[0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param(" \t\n\n ", [], id="only blanks"),
        pytest.param("forward . 1.1.1.1", ["forward", ".", "1.1.1.1"], id="words"),
        pytest.param("\tttl\t 30 \t\n", ["ttl", "30"], id="tabs and blanks mixed"),
        pytest.param("a\u00a0b", ["a", "b"], id="no-break space"),
        pytest.param("log", ["log"], id="no newline at the end"),
        pytest.param("a\r\nb\r\n", ["a", "b"], id="CRLF"),
        pytest.param("a\rb", ["a", "b"], id="a lone CR is a blank"),
        pytest.param("\ufeff.:53 {", [".:53", "{"], id="byte order mark"),
        pytest.param("# all of it", [], id="comment line"),
        pytest.param("a #b\nc", ["a", "c"], id="comment after a word"),
        pytest.param("#word\na", ["a"], id="comment without a blank"),
        pytest.param("a#b c", ["a#b", "c"], id="hash inside a word"),
        pytest.param("{ # x\n} # y", ["{", "}"], id="comments after braces"),
        pytest.param("# a \\\nb", ["b"], id="a comment is not continued"),
        pytest.param('# "\na', ["a"], id="quote inside a comment"),
        pytest.param('"a b" c', ["a b", "c"], id="quotes"),
        pytest.param('""', [""], id="empty quotes"),
        pytest.param('"a # b"', ["a # b"], id="hash inside quotes"),
        pytest.param(r'"say \"hi\""', ['say "hi"'], id="escaped quotes"),
        pytest.param(r'"(.*)\.a\.test\\"', [r"(.*)\.a\.test\\"], id="other backslashes stay"),
        pytest.param('"a\nb"', ["a\nb"], id="newline inside quotes"),
        pytest.param('"a\r\nb"', ["a\nb"], id="CRLF inside quotes"),
        pytest.param('"a"b', ["a", "b"], id="a closing quote ends the word"),
        pytest.param('"a"#b', ["a"], id="a comment may follow a quote at once"),
        pytest.param('a"b c"', ['a"b', 'c"'], id="no quote inside a word"),
        pytest.param("'a b' `c`", ["'a", "b'", "`c`"], id="other quotes quote nothing"),
        pytest.param(r"match ^(.*)\.x$", ["match", r"^(.*)\.x$"], id="bare backslashes"),
        pytest.param("a \\\n  b", ["a", "b"], id="continued line"),
        pytest.param("a\\\nb", ["a", "b"], id="a continuation parts words"),
        pytest.param("a\\\r\nb", ["a", "b"], id="continued CRLF line"),
        pytest.param("a\\ \nb", ["a\\", "b"], id="no continuation before a blank"),
        pytest.param("a\\", ["a\\"], id="backslash at the end"),
        pytest.param("zone{", ["zone{"], id="a glued brace is the parser's"),
        pytest.param("café.test", ["café.test"], id="any letters"),
    ],
)
def test_a_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert texts(text) == words


@pytest.mark.parametrize(
    ("text", "places"),
    [
        pytest.param("a\n\nb", [("a", 1), ("b", 3)], id="empty line"),
        pytest.param("# x\r\na", [("a", 2)], id="after a comment"),
        pytest.param('"a\n\nb" c\nd', [("a\n\nb", 1), ("c", 3), ("d", 4)], id="after a quoted newline"),
        pytest.param("a \\\nb\nc", [("a", 1), ("b", 2), ("c", 3)], id="continued"),
    ],
)
def test_words_know_their_line(text: str, places: list[tuple[str, int]]) -> None:
    assert lines(text) == places


def test_words_know_whether_they_begin_a_line_and_how_far_in() -> None:
    tokens, _ = tokenize("a {\n    b \\\n  c\n\td }", "Corefile")
    assert [(token.text, token.indent) for token in tokens] == [
        ("a", 0),
        ("{", None),
        ("b", 4),
        ("c", None),
        ("d", 8),
        ("}", None),
    ]


def test_words_know_their_file_and_whether_they_were_quoted() -> None:
    via = (("Corefile", 3),)
    tokens, errors = tokenize('"a" b', "dir/Corefile", via)
    assert tokens == [
        Token("a", "dir/Corefile", 1, quoted=True, via=via, indent=0),
        Token("b", "dir/Corefile", 1, via=via),
    ]
    assert errors == []


def test_only_a_bare_brace_is_a_brace() -> None:
    assert [token.is_brace for token in tokenize('{ } "{" "}" {x', "Corefile")[0]] == [
        True,
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param('"a', 1, ["a"], id="at once"),
        pytest.param('a\nb "c  \nd\ne', 2, ["a", "b", "c", "d", "e"], id="to the end of its line"),
        pytest.param('log "{remote} {\n class all\n}', 1, "log {remote} { class all }".split(), id="before a brace"),
        pytest.param('"a {b} {c}\n', 1, ["a {b} {c}"], id="with braces that open nothing"),
        pytest.param('"a\nb" \n"', 3, ["a\nb", ""], id="after a quoted newline"),
        pytest.param('"a\\"', 1, ['a"'], id="closed by an escaped quote only"),
    ],
)
def test_an_unclosed_quote_is_an_error_where_it_opens_and_ends_with_its_line(
    text: str, line: int, words: list[str]
) -> None:
    tokens, errors = tokenize(text, "Corefile")
    assert [str(error) for error in errors] == [f"Corefile:{line}: the quote that opens here is not closed: add a '\"'"]
    assert [token.text for token in tokens] == words


def test_an_error_at_an_imported_word_tells_the_way_it_came() -> None:
    token = Token("x", "b.conf", 3, via=(("Corefile", 9), ("a.conf", 2)))
    assert str(token.error("no")) == "b.conf:3: no (imported at a.conf:2, itself imported at Corefile:9)"
    assert imported_at((("Corefile", 9),)) == " (imported at Corefile:9)"
    assert imported_at(()) == ""


@given(st.text())
def test_any_text_becomes_words_and_errors_at_their_lines(text: str) -> None:
    tokens, errors = tokenize(text, "Corefile")
    numbers = [token.line for token in tokens]
    assert numbers == sorted(numbers)
    assert all(1 <= number <= text.count("\n") + 1 for number in (*numbers, *(error.line for error in errors)))


@given(st.text(alphabet='ab"\\ \n\t\r#{}', max_size=30))
def test_unquoted_words_have_no_blanks(text: str) -> None:
    tokens, _ = tokenize(text, "Corefile")
    assert all(token.quoted or (token.text and not re.search(r"\s", token.text)) for token in tokens)


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8")) | st.text(alphabet='a"\\ \n#{}')))
def test_words_rendered_quoted_are_read_back(wanted: list[str]) -> None:
    # A backslash that is not one of a pair cannot stand before a quote: it would escape it.
    wanted = [re.sub(r'(?<!\\)((?:\\\\)*)\\(?="|$)', r"\1", text.replace("\r", "")) for text in wanted]
    rendered = " ".join('"' + text.replace('"', '\\"') + '"' for text in wanted)
    assert texts(rendered) == wanted
