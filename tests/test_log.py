"""Log lines as CoreDNS writes them, and saying a thing once a minute."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from kdns.log import Sparing, logger, place_of, set_up


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Set the logging back: it is the process's."""
    root = logging.getLogger("kdns")
    before = list(root.handlers), root.propagate, root.level
    yield
    root.handlers[:], root.propagate, root.level = before[0], before[1], before[2]


@pytest.mark.parametrize(
    ("name", "level", "line"),
    [
        pytest.param("kdns.plugin.errors", logging.ERROR, "[ERROR] plugin/errors: 5 of 7\n", id="a plugin"),
        pytest.param("kdns.serve", logging.WARNING, "[WARNING] 5 of 7\n", id="elsewhere"),
        pytest.param("kdns.query", logging.INFO, "[INFO] 5 of 7\n", id="a query"),
        pytest.param("kdns.serve", logging.DEBUG, "", id="below the level"),
        pytest.param("other.library", logging.CRITICAL, "", id="others' lines are not ours to write"),
    ],
)
def test_a_line_has_its_level_and_its_plugin(
    name: str, level: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up()
    logging.getLogger(name).log(level, "%d of %d", 5, 7)
    assert capsys.readouterr().out == line


def test_a_plugins_logger_is_named_after_it() -> None:
    assert logger("forward").name == "kdns.plugin.forward"


def test_an_exceptions_traceback_follows_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    try:
        int("gone")
    except ValueError:
        logger("test").exception("it failed")
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert (first, second) == ("[ERROR] plugin/test: it failed", "Traceback (most recent call last):")
    assert last == "ValueError: invalid literal for int() with base 10: 'gone'"


def test_debug_lines_are_written_at_debug_level(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(logging.DEBUG)
    logger("test").debug("a detail")
    assert capsys.readouterr().out == "[DEBUG] plugin/test: a detail\n"


def test_setting_up_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    set_up()
    logger("test").info("once")
    assert capsys.readouterr().out == "[INFO] plugin/test: once\n"


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_thing_of_a_kind_is_let_through_once_a_minute() -> None:
    clock = Clock()
    sparing = Sparing(clock)
    let = []
    for clock.now in (0.0, 0.1, 59.9, 60.1, 60.2, 121.0):
        let.append(sparing.first("kind"))
    assert let == [True, False, False, True, False, True]


def test_kinds_are_let_through_apart() -> None:
    sparing = Sparing(Clock())
    assert [sparing.first(kind) for kind in ("a", "b", "a", "b", "c")] == [True, True, False, False, True]


def test_at_most_a_thousand_kinds_are_remembered() -> None:
    sparing = Sparing(Clock())
    for kind in range(1001):
        sparing.first(kind)
    assert sparing.first(1000) is False
    assert sparing.first(0) is True


def raised(text: str) -> Exception:
    try:
        int(text)
    except ValueError as error:
        return error
    raise AssertionError


def raised_elsewhere(text: str) -> Exception:
    try:
        int(text)
    except ValueError as error:
        return error
    raise AssertionError


def test_the_place_of_an_error_is_where_it_was_raised_whatever_it_says() -> None:
    assert place_of(raised("a")) == place_of(raised("b"))
    assert place_of(raised("a")) != place_of(raised_elsewhere("a"))
    kind, file, line = place_of(raised("a"))
    assert (kind, file) == ("ValueError", __file__)
    assert line > 0


def test_an_error_that_was_not_raised_has_a_type_and_no_place() -> None:
    assert place_of(KeyError("x")) == ("KeyError", "", 0)
