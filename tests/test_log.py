"""Log lines as CoreDNS writes them, a writer that holds up nobody, and saying a thing once a minute."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from kdns.log import Sparing, Writer, logger, place_of, set_up
from tests.processes import PATIENCE


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Set the logging back: it is the process's."""
    root = logging.getLogger("kdns")
    before = list(root.handlers), root.propagate, root.level
    yield
    root.handlers[:], root.propagate, root.level = before[0], before[1], before[2]


@pytest.fixture
def out() -> io.StringIO:
    """What is written."""
    return io.StringIO()


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
def test_a_line_has_its_level_and_its_plugin(name: str, level: int, line: str, out: io.StringIO) -> None:
    set_up(out.write)
    logging.getLogger(name).log(level, "%d of %d", 5, 7)
    assert out.getvalue() == line


def test_a_plugins_logger_is_named_after_it() -> None:
    assert logger("forward").name == "kdns.plugin.forward"


def test_an_exceptions_traceback_follows_its_line(out: io.StringIO) -> None:
    set_up(out.write)
    try:
        int("gone")
    except ValueError:
        logger("test").exception("it failed")
    first, second, *_, last = out.getvalue().splitlines()
    assert (first, second) == ("[ERROR] plugin/test: it failed", "Traceback (most recent call last):")
    assert last == "ValueError: invalid literal for int() with base 10: 'gone'"


def test_debug_lines_are_written_at_debug_level(out: io.StringIO) -> None:
    set_up(out.write, logging.DEBUG)
    logger("test").debug("a detail")
    assert out.getvalue() == "[DEBUG] plugin/test: a detail\n"


def test_setting_up_twice_writes_each_line_once(out: io.StringIO) -> None:
    set_up(out.write)
    set_up(out.write)
    logger("test").info("once")
    assert out.getvalue() == "[INFO] plugin/test: once\n"


@contextmanager
def pipe() -> Iterator[tuple[int, TextIO]]:
    """What reads, and a stream that writes, of a pipe which nobody reads yet."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        yield reading, stream
    os.close(reading)


def read_up_to(file: int, end: str) -> str:
    """What comes, until it ends like this."""
    text = ""
    while not text.endswith(end):
        text += os.read(file, 65536).decode()
    return text


FULL = "x" * 65535 + "\n"
"""As much as a pipe holds: what follows waits for somebody to read."""


def test_what_is_put_is_written_in_its_order() -> None:
    with pipe() as (reading, stream):
        writer = Writer(stream)
        for number in range(1000):
            writer.put(f"{number}\n")
        assert writer.close(PATIENCE)
        expected = "".join(f"{number}\n" for number in range(1000))
        assert read_up_to(reading, "999\n") == expected


def test_a_reader_who_stalls_holds_up_nobody_and_misses_what_was_too_much() -> None:
    counted: list[int] = []
    with pipe() as (reading, stream):
        writer = Writer(stream, most=1000)
        writer.count_lost(counted.append)
        put = 0
        while not sum(counted):
            writer.put(FULL)
            put += 1
        before = sum(counted)
        writer.put("lost too\n")
        assert sum(counted) == before + 1
        text = read_up_to(reading, " missing here: they could not be written\n")
        assert text.count(FULL) == put - 1
        assert text.endswith(f"[WARNING] {before + 1} log lines are missing here: they could not be written\n")
        assert "lost too" not in text
        writer.put("again\n")
        assert writer.close(PATIENCE)
        assert os.read(reading, 100) == b"again\n"


def test_the_end_waits_for_a_reader_who_stalls_as_long_as_it_is_told() -> None:
    with pipe() as (reading, stream):
        writer = Writer(stream)
        for _ in range(3):
            writer.put(FULL)
        writer.put("last\n")
        assert not writer.close(0.0)
        assert read_up_to(reading, "last\n") == FULL * 3 + "last\n"
        assert writer.close(PATIENCE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk that is always full")
def test_what_cannot_be_written_is_lost_and_counted() -> None:
    counted: list[int] = []
    with Path("/dev/full").open("w") as stream:
        writer = Writer(stream)
        writer.put("1\n")
        assert writer.close(PATIENCE)
        writer.count_lost(counted.append)
    assert sum(counted) == 1


def test_a_terminal_that_somebody_made_non_blocking_is_waited_for() -> None:
    with pipe() as (reading, stream):
        os.set_blocking(stream.fileno(), False)
        writer = Writer(stream)
        for _ in range(3):
            writer.put(FULL)
        writer.put("last\n")
        assert read_up_to(reading, "last\n") == FULL * 3 + "last\n"
        assert writer.close(PATIENCE)


def test_letters_that_the_stream_does_not_know_are_written_as_escapes() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="ascii") as stream:
        writer = Writer(stream)
        writer.put("caf\u00e9\n")
        assert writer.close(PATIENCE)
    assert os.read(reading, 100) == b"caf\\xe9\n"
    os.close(reading)


def test_a_stream_that_is_no_file_is_written_to_and_none_at_all_takes_everything() -> None:
    text = io.StringIO()
    for stream in (text, None):
        writer = Writer(stream)
        writer.put("a line\n")
        assert writer.close(PATIENCE)
    assert text.getvalue() == "a line\n"


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
