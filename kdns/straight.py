"""The straight way through a chain: down to who asks another server and up again with what that says, by plain calls.

Most plugins wait for nothing themselves. One that is written in two halves is `Passing`, one that has somebody call
back is `Begun`. Where all of a chain are, a question takes no coroutine and no task. Whoever has more in mind for a
question says None, or False, and the chain is awaited instead: so there is one truth for what is out of the ordinary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, cast

from kdns.chain import Handler, Query, Response, failure

Up = Callable[[Query, Response], Response]
"""What a handler makes of the response to a question that it handed on."""
Land = Callable[[Response | Exception], None]
"""Takes a response, or what was raised instead of one."""


class Passing(Protocol):
    """A handler that answers at once, or hands a question on as it is. `catches`: it makes a response of an exception,
    that of `failure`, before anything else. What `down` does must do no harm where the question is asked again.
    """

    catches: bool

    def down(self, query: Query) -> Response | Up | None:
        """Its answer; or what it does with that of the next handler; None where it has to be awaited."""


class Begun(Protocol):
    """A handler that has somebody else asked, and hands nothing on."""

    def begin(self, query: Query, land: Land) -> bool:
        """Begin; `land` is called later, once. False where it has to be awaited, and nothing was done."""


def as_it_is(query: Query, response: Response) -> Response:
    """Of a handler that has nothing to do with a response."""
    return response


class Way(NamedTuple):
    """Through a chain: `down` its handlers in the order in which a question meets them, to who can `ask` elsewhere.

    `catches` tells of each handler whether it does.
    """

    down: tuple[Callable[[Query], Response | Up | None], ...]
    catches: tuple[bool, ...]
    ask: Callable[[Query, Land], bool]

    def begin(self, query: Query, land: Callable[[Response], None]) -> bool:
        """Go, and call `land` with the response: before this returns, if it is there at once.

        False where the chain has to be awaited. Raises what a handler raises on the way down.
        """
        ups: list[Up] = []
        for down in self.down:
            said = down(query)
            if said is None:
                return False
            if isinstance(said, Response):
                land(self._risen(query, ups, said))
                return True
            ups.append(said)
        return self.ask(query, partial(self._land, query, ups, land))

    def _land(
        self, query: Query, ups: Sequence[Up], land: Callable[[Response], None], told: Response | Exception
    ) -> None:
        land(self._risen(query, ups, told))

    def _risen(self, query: Query, ups: Sequence[Up], told: Response | Exception) -> Response:
        """What the handlers make of it, the last first; an exception passes those that do not catch it."""
        place = len(ups)
        while place:
            place -= 1
            if not isinstance(told, Response):
                if not self.catches[place]:
                    continue
                told = failure(told)
            try:
                told = ups[place](query, told)
            except Exception as error:  # as it would leave an awaited handler
                told = error
        return told if isinstance(told, Response) else failure(told)


def way(chain: Sequence[Handler]) -> Way | None:
    """The straight way through a chain; None where somebody in it has to be awaited."""
    passing: list[Passing] = []
    for handler in chain:
        if hasattr(handler, "begin"):
            down, catches = tuple(each.down for each in passing), tuple(each.catches for each in passing)
            return Way(down, catches, cast(Begun, handler).begin)
        if not hasattr(handler, "down"):
            return None
        passing.append(cast(Passing, handler))
    return None
