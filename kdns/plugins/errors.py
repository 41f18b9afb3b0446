"""*errors* - logs what went wrong while a question was answered.

Description

Where an answer cannot be had, the client is told SERVFAIL and, if it speaks EDNS, why. With *errors* the log says so
too, in one line: the rcode's number, the name, the type and the message.

~~~
[ERROR] plugin/errors: 2 example.org. A: upstream 10.0.0.1:53 does not answer
~~~

A message that may come thousands of times a second can be counted instead of written.

Defects of a plugin are not among these messages: the server itself logs each with its traceback, once a minute
however often it occurs, with or without *errors*.

Syntax

~~~
errors [stdout] {
    stacktrace
    consolidate DURATION REGEXP [LEVEL] [show_first]
}
~~~

* `stdout` says where the log goes anyway.
* `stacktrace` changes nothing: the server logs the traceback of a defect anyway.
* `consolidate` counts the messages in which REGEXP (at most 10000 characters, Python's syntax) is found.
  When DURATION has passed since the first, one line tells how many there were. LEVEL is that line's: `error`
  unless said, `warning`, `info` or `debug`. With `show_first` the first message is written at once, and the
  count only if it was not the only one. There may be several `consolidate`; the first that matches counts the
  message. When the server stops, the counts so far are written.

Examples

~~~ corefile
example.org {
    errors
    whoami
}
~~~

Timeouts once in five minutes, as warnings, the first of them in full:

~~~ corefile
. {
    errors {
        consolidate 5m "timeout$" warning show_first
        consolidate 30s "^upstream .*"
    }
    whoami
}
~~~

The first then reads

~~~
[WARNING] plugin/errors: 2 example.org. A: upstream 10.0.0.1:53: timeout
[WARNING] plugin/errors: 812 errors like 'timeout$' occurred in last 5m0s
~~~

See also

*log*, *debug*.
"""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Protocol

from kdns.chain import Handler, Plugin, Query, Response, failure
from kdns.corefile.block import Directive
from kdns.corefile.near import near
from kdns.corefile.values import duration_text, each, flag, read_options
from kdns.errors import KdnsError
from kdns.log import logger
from kdns.proto.name import to_text
from kdns.proto.text import type_text
from kdns.site import Site
from kdns.straight import Up

_log = logger("errors")
_LONGEST = 10000
"""Characters of a pattern (CoreDNS, plugin/errors/setup.go)."""
_LEVELS = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}
_SHOW_FIRST = "show_first"
_USAGE = "consolidate DURATION REGEXP [LEVEL] [show_first]"


class Timer(Protocol):
    """What stands for a call to come, as asyncio's TimerHandle does."""

    def cancel(self) -> None:
        """Not to come after all."""


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls a function after so many seconds."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Reads the options; what counts is started and stopped with the server."""
    if directive.arguments(0, 1, "errors [stdout]") not in ((), ("stdout",)):
        raise directive.error(f"'errors' writes to standard output only, not to '{directive.args[0]}'", 0)
    given = read_options(directive, {"stacktrace": flag, "consolidate": each(consolidation)})
    counted: Sequence[Consolidation] = given.get("consolidate", ())
    site.build.parts.extend(counted)
    return partial(Errors, consolidations=tuple(counted))


@dataclass(frozen=True, slots=True)
class Errors:
    """Logs the errors of what comes after it, and turns what is raised there into a response."""

    next: Handler
    consolidations: Sequence[Consolidation] = ()
    same_for_all_names: ClassVar[bool] = True
    catches: ClassVar[bool] = True

    async def __call__(self, query: Query) -> Response:
        try:
            response = await self.next(query)
        except Exception as error:  # whatever a plugin raises, its client gets a reply
            response = failure(error)
        return self._seen(query, response)

    def down(self, query: Query) -> Up:  # noqa: ARG002
        """See `straight.Passing`."""
        return self._seen

    def _seen(self, query: Query, response: Response) -> Response:
        if isinstance(response.error, KdnsError):  # the server tells of the others, sparingly
            self._tell(query, response, response.error)
        return response

    def _tell(self, query: Query, response: Response, error: KdnsError) -> None:
        text = " ".join(str(error).split())
        level = logging.ERROR
        for consolidation in self.consolidations:
            if consolidation.pattern.search(text):
                if consolidation.count_in():
                    return
                level = consolidation.level
                break
        name, type = to_text(query.question.folded), type_text(query.question.type)
        _log.log(level, "%d %s %s: %s", response.rcode, name, type, text)


def _call_later(seconds: float, call: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(seconds, call)


@dataclass(slots=True, eq=False)
class Consolidation:
    """Counts messages for `seconds` from the first, then logs how many there were. A Part of the build."""

    pattern: re.Pattern[str]
    seconds: float
    level: int = logging.ERROR
    show_first: bool = False
    later: Later = _call_later
    _count: int = field(default=0, init=False)
    _timer: Timer | None = field(default=None, init=False)
    _stopped: bool = field(default=False, init=False)

    def count_in(self) -> bool:
        """Take one message more. False when it is to be logged nevertheless."""
        if self._stopped:
            return False
        self._count += 1
        if self._count > 1:
            return True
        self._timer = self.later(self.seconds, self._close)
        return not self.show_first

    def _close(self) -> None:
        count, self._count, self._timer = self._count, 0, None
        if count > self.show_first:
            like, last = self.pattern.pattern, _go_duration(self.seconds)
            _log.log(self.level, "%d errors like '%s' occurred in last %s", count, like, last)

    async def start(self) -> None:
        """Nothing to prepare."""

    async def stop(self) -> None:
        """Log what was counted; from now on every message is logged."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._close()


def consolidation(line: Directive) -> Consolidation:
    """Reads `consolidate DURATION REGEXP [LEVEL] [show_first]`."""
    period, text, *more = line.arguments(2, 4, _USAGE)
    try:
        seconds = duration_text(period)
    except ValueError as error:
        raise line.error(f"'consolidate' takes a duration: {error}", 0) from None
    pattern = _pattern(line, text)
    level, show_first = _how(line, more)
    return Consolidation(pattern, seconds, level, show_first)


def _pattern(line: Directive, text: str) -> re.Pattern[str]:
    if len(text) > _LONGEST:
        raise line.error(f"a pattern has at most {_LONGEST} characters, not {len(text)}", 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # `[[:alpha:]]`: Go reads it otherwise, Python may one day
            return re.compile(text)
    except (re.error, Warning, OverflowError, RecursionError) as error:
        raise line.error(f"'{text}' is no regular expression: {error}", 1) from None


def _how(line: Directive, words: Sequence[str]) -> tuple[int, bool]:
    """Level and whether to show the first, in this order if both are given."""
    known = (*_LEVELS, _SHOW_FIRST)
    for place, word in enumerate(words, start=2):
        if word not in known:
            one_of = ", ".join(known)
            raise line.error(f"'consolidate' knows no '{word}'{near(word, known)} (it has {one_of})", place)
    match words:
        case [level] if level in _LEVELS:
            return _LEVELS[level], False
        case [level, "show_first"] if level in _LEVELS:
            return _LEVELS[level], True
        case [] | ["show_first"]:
            return logging.ERROR, bool(words)
    raise line.error(f"write at most one level, and 'show_first' behind it: {_USAGE}", 3)


def _go_duration(seconds: float) -> str:
    """As Go prints a time.Duration, and CoreDNS's log line has it: `30s`, `5m0s`, `1h0m0.5s`, `500ms`."""
    if 0 < seconds < 1:
        return f"{_decimal(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = [f"{hours}h"] if hours else []
    parts += [f"{minutes}m"] if hours or minutes else []
    return "".join([*parts, f"{_decimal(rest)}s"])


def _decimal(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
