"""A question put to one server over UDP, for which no task waits: most end in a reply with which nothing is to be done
but to hand it on.

What else may come (nothing, an error, a reply that is cut or says that the server cannot tell) goes to a task, as what
came of its first try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from kdns.proto.reply import Received
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.deadlines import Deadlines
from kdns.upstream.faults import Silent, UpstreamError, reason
from kdns.upstream.udp import STRAYS, Outcome, Waiting


class Attempt(Waiting):
    """One try. `done` is called once there is an `outcome`, never before `put` returns. `began` is loop time."""

    __slots__ = ("_deadlines", "_done", "began", "edns", "outcome")

    def __init__(
        self,
        to: Endpoint,
        asking: Asking,
        stray: Callable[[], None],
        deadlines: Deadlines,
        done: Callable[[], None],
        *,
        edns: bool,
    ) -> None:
        super().__init__(to, asking, stray, STRAYS)
        self._deadlines = deadlines
        self._done = done
        self.edns = edns
        self.began = 0.0
        self.outcome: Outcome | None = None

    def put(self, random: Random, source: str) -> None:
        """Ask, from `source` if that is an IP. `random` must be unpredictable."""
        try:
            self.begin(random, source, edns=self.edns)
        except OSError as error:
            self.close()
            asyncio.get_running_loop().call_soon(self.land, error)
        self.began = self._deadlines.add(self)

    def land(self, outcome: Outcome) -> None:
        """See Waiting."""
        self._deadlines.drop(self)
        self.outcome = unreachable(self.to, outcome) if isinstance(outcome, OSError) else outcome
        self._done()

    def miss(self) -> None:
        """Nothing came in time."""
        self.give_up()
        self.outcome = unanswered(self.to, self._deadlines.seconds)
        self._done()

    def give_up(self) -> None:
        """Wait no more; nobody is told."""
        self.close()
        self._deadlines.drop(self)

    def result(self) -> Received:
        """The reply, once. Raises what came instead."""
        outcome, self.outcome = self.outcome, None
        assert outcome is not None
        if isinstance(outcome, Received):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # which holds this frame


def unanswered(to: Endpoint, seconds: float) -> Silent:
    """A server did not answer in so many seconds."""
    return Silent(f"upstream {to} (udp)", seconds)


def unreachable(to: Endpoint, error: OSError) -> UpstreamError:
    """Something on the way to it says so."""
    return UpstreamError(f"upstream {to} (udp): {reason(error)}")
