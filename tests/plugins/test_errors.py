from __future__ import annotations

import asyncio
import io
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.chain import Handler, Peer, Query, Response, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.log import set_up
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.plugins.errors import Consolidation, Errors
from kdns.plugins.whoami import Whoami
from kdns.proto.decode import decode
from kdns.proto.types import RCode
from kdns.site import Build, Site
from tests.asking import rcode, serving

Lines = Callable[[], list[str]]


@pytest.fixture
def log() -> Iterator[Lines]:
    """The lines written to standard output since they were read last."""
    root = logging.getLogger("kdns")
    handlers, propagate, level = root.handlers, root.propagate, root.level
    written = io.StringIO()
    set_up(written.write, logging.DEBUG)

    def read() -> list[str]:
        text = written.getvalue()
        written.seek(0)
        written.truncate()
        return text.splitlines()

    yield read
    root.handlers, root.propagate = handlers, propagate
    root.setLevel(level)


@dataclass
class Timers:
    """Calls to come, made when the test says so."""

    waiting: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    cancelled: int = 0

    def later(self, seconds: float, call: Callable[[], None]) -> Timers:
        self.waiting.append((seconds, call))
        return self

    def cancel(self) -> None:
        self.cancelled += 1

    def fire(self) -> float:
        seconds, call = self.waiting.pop(0)
        call()
        return seconds


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


def handler_of(lines: str, last: Handler) -> tuple[Site, Errors]:
    site = site_of(lines)
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    handler = compose([plugin], last)
    assert isinstance(handler, Errors)
    return site, handler


def query_for(name: str = "example.org.", type: str = "A") -> Query:
    message = decode(dns.message.make_query(name, type).to_wire())
    return Query(message, Peer("10.0.0.9", 40212), Peer("10.0.0.1", 53), Transport.udp, 0.0)


def raising(error: Exception) -> Handler:
    async def last(query: Query) -> Response:
        raise error

    return last


def answering(response: Response) -> Handler:
    async def last(query: Query) -> Response:
        return response

    return last


@pytest.mark.parametrize(
    ("last", "line"),
    [
        pytest.param(
            raising(KdnsError("upstream 10.0.0.1:53: timeout")),
            "[ERROR] plugin/errors: 2 example.org. A: upstream 10.0.0.1:53: timeout",
            id="raised on purpose",
        ),
        pytest.param(
            raising(KdnsError("two\nlines")),
            "[ERROR] plugin/errors: 2 example.org. A: two lines",
            id="two lines",
        ),
        pytest.param(
            answering(Response(rcode=RCode.REFUSED, error=KdnsError("too many"))),
            "[ERROR] plugin/errors: 5 example.org. A: too many",
            id="carried by a response, with its rcode",
        ),
        pytest.param(
            answering(Response(rcode=RCode.BADVERS, error=KdnsError("100% wrong"))),
            "[ERROR] plugin/errors: 16 example.org. A: 100% wrong",
            id="a percent sign",
        ),
    ],
)
async def test_a_failure_is_one_line_of_the_log(last: Handler, line: str, log: Lines) -> None:
    _, handler = handler_of("errors", last)
    await handler(query_for("Example.ORG."))
    assert log() == [line]


async def test_the_line_shows_name_and_type_in_presentation_format(log: Lines) -> None:
    _, handler = handler_of("errors", raising(KdnsError("no")))
    await handler(query_for("a\\.b.test.", "TYPE65280"))
    assert log() == ["[ERROR] plugin/errors: 2 a\\.b.test. TYPE65280: no"]


async def test_what_is_raised_becomes_a_response_that_carries_it() -> None:
    error = KdnsError("upstream: timeout")
    _, handler = handler_of("errors", raising(error))
    response = await handler(query_for())
    assert response.error is error
    assert response.rcode == RCode.SERVFAIL
    assert response.ede is not None
    assert response.ede.text == "upstream: timeout"


async def test_a_response_travels_on_unchanged(log: Lines) -> None:
    good = Response(by="below")
    failed = Response(rcode=RCode.SERVFAIL, error=KdnsError("no"), by="below")
    assert await handler_of("errors", answering(good))[1](query_for()) is good
    assert log() == []
    assert await handler_of("errors", answering(failed))[1](query_for()) is failed


async def test_a_cancelled_question_is_no_error(log: Lines) -> None:
    async def cancelled(query: Query) -> Response:
        raise asyncio.CancelledError

    _, handler = handler_of("errors", cancelled)
    with pytest.raises(asyncio.CancelledError):
        await handler(query_for())
    assert log() == []


async def test_of_a_defect_the_log_tells_once_a_minute_whatever_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Lines
) -> None:
    """*errors* and the server together, through `whoami` with a defect."""

    async def fails(self: object, query: Query) -> Response:
        raise KeyError("service")

    monkeypatch.setattr(Whoami, "__call__", fails)
    async with serving(". {\n errors {\n  stacktrace\n  consolidate 1m .\n }\n whoami\n}", tmp_path) as asked:
        for number in range(5):
            reply = await asked.ask(f"n{number}.test")
            assert rcode(reply) == "SERVFAIL"
    first, *rest = log()
    assert first == "[ERROR] a plugin failed; the question is answered SERVFAIL"
    assert rest[-1] == "KeyError: 'service'"
    assert [line for line in rest if line.startswith("[")] == []


def counting(
    timers: Timers,
    pattern: str = "timeout$",
    seconds: float = 30.0,
    level: int = logging.WARNING,
    show_first: bool = False,
) -> Consolidation:
    return Consolidation(re.compile(pattern), seconds, level, show_first, timers.later)


async def ask(consolidations: Sequence[Consolidation], *messages: str) -> None:
    for message in messages:
        await Errors(raising(KdnsError(message)), consolidations)(query_for())


async def test_messages_that_match_are_counted_from_the_first(log: Lines) -> None:
    timers = Timers()
    counted = [counting(timers)]
    await ask(counted, "a: timeout", "b: timeout", "no route", "c: timeout")
    assert log() == ["[ERROR] plugin/errors: 2 example.org. A: no route"]
    assert timers.fire() == 30.0
    assert log() == ["[WARNING] plugin/errors: 3 errors like 'timeout$' occurred in last 30s"]
    assert timers.waiting == []


async def test_after_the_line_counting_begins_anew(log: Lines) -> None:
    timers = Timers()
    counted = [counting(timers)]
    await ask(counted, "timeout", "timeout")
    timers.fire()
    await ask(counted, "timeout")
    timers.fire()
    assert log() == [
        "[WARNING] plugin/errors: 2 errors like 'timeout$' occurred in last 30s",
        "[WARNING] plugin/errors: 1 errors like 'timeout$' occurred in last 30s",
    ]


@pytest.mark.parametrize(
    ("messages", "lines"),
    [
        pytest.param(["x: timeout"], ["[INFO] plugin/errors: 2 example.org. A: x: timeout"], id="one"),
        pytest.param(
            ["x: timeout", "y: timeout", "z: timeout"],
            [
                "[INFO] plugin/errors: 2 example.org. A: x: timeout",
                "[INFO] plugin/errors: 3 errors like 'timeout$' occurred in last 30s",
            ],
            id="several",
        ),
    ],
)
async def test_show_first_writes_the_first_and_the_count_if_there_were_more(
    messages: list[str], lines: list[str], log: Lines
) -> None:
    timers = Timers()
    await ask([counting(timers, level=logging.INFO, show_first=True)], *messages)
    timers.fire()
    assert log() == lines


async def test_the_first_pattern_that_matches_counts(log: Lines) -> None:
    timers = Timers()
    counted = [counting(timers, "^a"), counting(timers, ".", 5.0, logging.ERROR)]
    await ask(counted, "a b", "b a", "a")
    timers.fire()
    timers.fire()
    assert log() == [
        "[WARNING] plugin/errors: 2 errors like '^a' occurred in last 30s",
        "[ERROR] plugin/errors: 1 errors like '.' occurred in last 5s",
    ]


async def test_when_the_server_stops_the_counts_so_far_are_written(log: Lines) -> None:
    timers = Timers()
    counted = counting(timers)
    await counted.start()
    await ask([counted], "timeout", "timeout")
    await counted.stop()
    assert timers.cancelled == 1
    await ask([counted], "timeout")
    assert log() == [
        "[WARNING] plugin/errors: 2 errors like 'timeout$' occurred in last 30s",
        "[WARNING] plugin/errors: 2 example.org. A: timeout",
    ]


async def test_stopping_with_nothing_counted_writes_nothing(log: Lines) -> None:
    counted = counting(Timers())
    await counted.stop()
    assert log() == []


async def test_the_event_loop_s_clock_ends_the_counting(log: Lines) -> None:
    lines = 'errors {\nconsolidate 1ms "timeout$"\n}'
    site, handler = handler_of(lines, raising(KdnsError("timeout")))
    await handler(query_for())
    await handler(query_for())
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(0.002, done.set)
    await done.wait()
    assert log() == ["[ERROR] plugin/errors: 2 errors like 'timeout$' occurred in last 1ms"]
    assert len(site.build.parts) == 1


class Records(logging.Handler):
    """The messages that a logger was given."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@given(st.lists(st.sampled_from(["timeout", "other", "fire"])), st.booleans())
def test_every_error_is_written_or_counted_once(happenings: list[str], show_first: bool) -> None:
    records, timers = Records(), Timers()
    logger = logging.getLogger("kdns.plugin.errors")
    logger.addHandler(records)
    try:
        counted = counting(timers, level=logging.ERROR, show_first=show_first)
        with asyncio.Runner() as runner:
            for happening in happenings:
                if happening != "fire":
                    runner.run(ask([counted], happening))
                elif timers.waiting:
                    timers.fire()
            runner.run(counted.stop())
    finally:
        logger.removeHandler(records)
    summaries = [int(text.split()[0]) for text in records.messages if "errors like" in text]
    timeouts = [text for text in records.messages if text.endswith(": timeout")]
    others = [text for text in records.messages if text.endswith(": other")]
    assert len(others) == happenings.count("other")
    shown_again = len(summaries) if show_first else 0
    assert sum(summaries) + len(timeouts) - shown_again == happenings.count("timeout")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("errors", [], id="bare"),
        pytest.param("errors stdout", [], id="stdout"),
        pytest.param("errors {\n}", [], id="an empty block"),
        pytest.param(
            'errors {\nconsolidate 5m ".* i/o timeout$" warning\nconsolidate 30s "^Failed to .+"\n}',
            [
                (".* i/o timeout$", 300.0, logging.WARNING, False),
                ("^Failed to .+", 30.0, logging.ERROR, False),
            ],
            id="two patterns",
        ),
        pytest.param(
            "errors {\nconsolidate 1m30s x info show_first\nconsolidate 1h y show_first\nconsolidate 1s z debug\n}",
            [
                ("x", 90.0, logging.INFO, True),
                ("y", 3600.0, logging.ERROR, True),
                ("z", 1.0, logging.DEBUG, False),
            ],
            id="level and show_first",
        ),
        pytest.param(
            f"errors {{\nconsolidate 1s {'a' * 10000}\n}}",
            [("a" * 10000, 1.0, logging.ERROR, False)],
            id="as long as may be",
        ),
    ],
)
def test_good_lines(lines: str, expected: list[tuple[str, float, int, bool]]) -> None:
    site, handler = handler_of(lines, raising(KdnsError()))
    read = [(one.pattern.pattern, one.seconds, one.level, one.show_first) for one in handler.consolidations]
    assert read == expected
    assert site.build.parts == list(handler.consolidations)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(
            "errors /var/log/dns",
            "Corefile:2: 'errors' writes to standard output only, not to '/var/log/dns'",
            id="a file",
        ),
        pytest.param(
            "errors stdout x",
            "Corefile:2: 'errors' takes 0 to 1 argument, not 2: errors [stdout]",
            id="two arguments",
        ),
        pytest.param(
            "errors {\nconsolidated 5s x\n}",
            "Corefile:3: 'errors' has no option 'consolidated'; did you mean 'consolidate'? "
            "(it has stacktrace, consolidate)",
            id="no such option",
        ),
        pytest.param(
            "errors {\nstacktrace on\n}",
            "Corefile:3: 'stacktrace' takes no arguments: remove 'on'",
            id="stacktrace with an argument",
        ),
        pytest.param(
            "errors {\nconsolidate 5s\n}",
            "Corefile:3: 'consolidate' takes 2 to 4 arguments, not 1: consolidate DURATION REGEXP [LEVEL] [show_first]",
            id="no pattern",
        ),
        pytest.param(
            "errors {\nconsolidate 5 x\n}",
            "Corefile:3: 'consolidate' takes a duration: add a unit to '5', for instance '5s'",
            id="no unit",
        ),
        pytest.param(
            "errors {\n\nconsolidate 5s (x\n}",
            "Corefile:4: '(x' is no regular expression: missing ), unterminated subpattern at position 0",
            id="a parenthesis open",
        ),
        pytest.param(
            "errors {\nconsolidate 5s [[:alpha:]]\n}",
            "Corefile:3: '[[:alpha:]]' is no regular expression: Possible nested set at position 1",
            id="what Go alone reads",
        ),
        pytest.param(
            f"errors {{\nconsolidate 5s {'a' * 10001}\n}}",
            "Corefile:3: a pattern has at most 10000 characters, not 10001",
            id="too long",
        ),
        pytest.param(
            "errors {\nconsolidate 5s x warn\n}",
            "Corefile:3: 'consolidate' knows no 'warn'; did you mean 'warning'? "
            "(it has error, warning, info, debug, show_first)",
            id="no level",
        ),
        pytest.param(
            "errors {\nconsolidate 5s x info debug\n}",
            "Corefile:3: write at most one level, and 'show_first' behind it: "
            "consolidate DURATION REGEXP [LEVEL] [show_first]",
            id="two levels",
        ),
        pytest.param(
            "errors {\nconsolidate 5s x show_first info\n}",
            "Corefile:3: write at most one level, and 'show_first' behind it: "
            "consolidate DURATION REGEXP [LEVEL] [show_first]",
            id="show_first before the level",
        ),
        pytest.param(
            "errors {\nconsolidate 5 x\nconsolidate 5s (\n}",
            "Corefile:3: 'consolidate' takes a duration: add a unit to '5', for instance '5s'\n"
            "Corefile:4: '(' is no regular expression: missing ), unterminated subpattern at position 0",
            id="two mistakes",
        ),
        pytest.param(
            "errors\nerrors",
            "Corefile:3: errors can stand only once in a server block; it is already at Corefile:2",
            id="twice",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (30.0, "30s"),
        (300.0, "5m0s"),
        (3600.0, "1h0m0s"),
        (5425.5, "1h30m25.5s"),
        (0.5, "500ms"),
        (0.0015, "1.5ms"),
        (0.0, "0s"),
    ],
)
async def test_the_duration_stands_as_go_prints_it(seconds: float, text: str, log: Lines) -> None:
    timers = Timers()
    await ask([counting(timers, seconds=seconds)], "timeout")
    timers.fire()
    assert log() == [f"[WARNING] plugin/errors: 1 errors like 'timeout$' occurred in last {text}"]
