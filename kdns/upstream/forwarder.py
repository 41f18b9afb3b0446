"""Several servers as one: the next is asked when one does not answer, until time is up.

A server that cannot tell (SERVFAIL, REFUSED, FORMERR, NOTIMP; what the settings name for `failover`; a reply that
is cut and cannot be had whole) is asked once, and so are the others then; what that gives has to do. Somebody who
asks gets an answer or a failure within five seconds, when most clients give up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, cycle, islice
from random import Random
from typing import NamedTuple

from kdns.metrics import Metrics
from kdns.proto.reply import Received
from kdns.proto.types import EDE, Flag, RCode
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.attempt import Attempt
from kdns.upstream.deadlines import Deadlines
from kdns.upstream.faults import Silent, UpstreamError
from kdns.upstream.policy import Policy, random_order, round_robin, sequential
from kdns.upstream.server import Server
from kdns.upstream.settings import Settings

PATIENCE = 4.5
"""Seconds for one question in all (CoreDNS's 5, less what it takes to say so before a client gives up)."""
_NAMED = 3
"""Servers that a failure names."""
_CANNOT_TELL = frozenset({RCode.FORMERR, RCode.SERVFAIL, RCode.NOTIMP, RCode.REFUSED})
"""RCodes that are about the server, not about the name."""
_PLAIN = frozenset({RCode.NOERROR, RCode.NXDOMAIN})
_TC = int(Flag.TC)


class Told(NamedTuple):
    """A reply, and who gave it."""

    reply: Received
    to: Endpoint


class Errand(NamedTuple):
    """A question that was put to the first server, and whom to ask next."""

    attempt: Attempt
    server: Server
    tries: Iterator[Server]


class _Tried(NamedTuple):
    """What came of one question so far: why servers did not answer, and replies of those that cannot tell."""

    failures: dict[Endpoint, UpstreamError]
    poor: dict[Endpoint, Told]

    def has(self, to: Endpoint) -> bool:
        return to in self.failures or to in self.poor


class Forwarder:
    """Asks the servers that it was last told to `use`."""

    def __init__(self, settings: Settings, metrics: Metrics, random: Random) -> None:
        self.servers: tuple[Server, ...] = ()
        self._settings = settings
        self._metrics = metrics
        self._random = random
        self._order = _policy(settings.policy, random)
        self._retired: list[Server] = []
        self._patience = Deadlines(PATIENCE)
        self._plain = _PLAIN - settings.failover
        self._is_straight = False

    def use(self, endpoints: Sequence[Endpoint]) -> None:
        """Ask these from now on. Those that were asked before keep their connections and their health."""
        known = {server.to: server for server in self.servers}
        made = (Server(to, self._settings, self._metrics, self._random) for to in endpoints if to not in known)
        new = {server.to: server for server in made}
        kept = dict.fromkeys(endpoints)
        self._retired = [server for server in self._retired if server.open]
        for to in known.keys() - kept.keys():
            known[to].health.answered()  # nobody wants to know any more
            self._retired.append(known[to])
        self.servers = tuple({**known, **new}[to] for to in kept)
        self._is_straight = self._settings.timeout < PATIENCE and all(server.uses_udp for server in self.servers)

    def begin(self, asking: Asking, done: Callable[[], None]) -> Errand | None:
        """Put a question to the first server as most are: over UDP, and no task waits. `done` is called once something
        came of it, never before this returns: for `took`, or else for `go_on`.

        None where it takes more, as where no server is well.
        """
        if not self._is_straight or self._has_nobody_well():
            return None
        tries = self._tries()
        server = next(tries)
        return Errand(server.begin(asking, done), server, tries)

    def _has_nobody_well(self) -> bool:
        for server in self.servers:  # noqa: SIM110  a third of the time of `all`
            if not server.health.suspect:
                return False
        return True

    def took(self, errand: Errand) -> Told | None:
        """What an errand came back with, if that is a good reply; None where there is more to do."""
        attempt, server, _ = errand
        reply = attempt.outcome
        if not isinstance(reply, Received) or reply.rcode not in self._plain or reply.flags & _TC:
            return None
        server.took(reply, attempt)
        return Told(reply, server.to)

    async def ask(self, asking: Asking, *, tcp: bool = False) -> Told:
        """The first good reply, or what there is instead. Raises UpstreamError that says what each server did."""
        tried, tries = _Tried({}, {}), self._tries()
        try:
            with self._patience.new():
                good = await self._good(asking, tries, tried, tcp=tcp)
        except TimeoutError:
            good = None
        return self._told(good, tried)

    async def go_on(self, errand: Errand) -> Told:
        """The same after an errand that came back with no good reply, in the time that is left."""
        tried, attempt = _Tried({}, {}), errand.attempt
        tries = chain([errand.server], errand.tries)
        try:
            async with asyncio.timeout_at(attempt.began + PATIENCE):
                good = await self._good(attempt.asking, tries, tried, begun=attempt)
        except TimeoutError:
            good = None
        return self._told(good, tried)

    def _told(self, good: Told | None, tried: _Tried) -> Told:
        if told := good or self._best(tried):
            return told
        raise _failed(tried.failures)

    async def _good(
        self,
        asking: Asking,
        tries: Iterator[Server],
        tried: _Tried,
        *,
        tcp: bool = False,
        begun: Attempt | None = None,
    ) -> Told | None:
        """The first good reply; None where there is none. `begun` is what came of asking the first, if that was."""
        for server in tries:
            if tried.poor and tried.has(server.to):
                return None
            first, begun = begun, None
            try:
                told = Told(await server.ask(asking, tcp=tcp, begun=first), server.to)
            except UpstreamError as error:
                tried.failures[server.to] = error.with_traceback(None)  # which holds this frame, which holds it
                continue
            except asyncio.CancelledError:
                server.health.failed()  # perhaps its time was up before its timeout was
                raise
            if not self._is_poor(told.reply):
                return told
            tried.poor[server.to] = told
        return None

    def _is_poor(self, reply: Received) -> bool:
        return reply.rcode in _CANNOT_TELL or reply.rcode in self._settings.failover or reply.has(Flag.TC)

    def _best(self, tried: _Tried) -> Told | None:
        """The latest that is about the name, else the latest."""
        told = list(tried.poor.values())
        about = [each for each in told if each.reply.rcode not in _CANNOT_TELL]
        return next(reversed(about or told), None)

    async def stop(self) -> None:
        """Let go of all connections."""
        for server in (*self.servers, *self._retired):
            await server.stop()

    def _tries(self) -> Iterator[Server]:
        """Whom to ask, one after the other. Raises UpstreamError where nobody should be asked."""
        if not self.servers:
            raise UpstreamError("no upstream is known")
        order = self._order(self.servers) if len(self.servers) > 1 else self.servers  # to draw costs
        able = [server for server in order if not server.health.down]
        if not able:
            able = self._all_down()
        if len(able) > 1:
            able.sort(key=lambda server: server.health.suspect)
        return islice(cycle(able), self._settings.attempts or 2 * len(able))

    def _all_down(self) -> list[Server]:
        """Perhaps it is only the probes that get no answer: try any (as CoreDNS does)."""
        self._metrics.forward_broken.inc()
        if self._settings.failfast:
            error = UpstreamError(f"all upstreams are down: {_names(self.servers)}")
            error.code = EDE.NO_REACHABLE_AUTHORITY
            raise error
        return self._random.sample(self.servers, len(self.servers))


def _policy(name: str, random: Random) -> Policy[Server]:
    match name:
        case "round_robin":
            return round_robin()
        case "sequential":
            return sequential()
    return random_order(random)


def _failed(failures: Mapping[Endpoint, UpstreamError]) -> UpstreamError:
    """One failure out of several."""
    texts = list(dict.fromkeys(map(str, failures.values())))
    more = [f"and {len(texts) - _NAMED} more"] if len(texts) > _NAMED else []
    error = UpstreamError("; ".join([*more, *texts[:_NAMED]]) or f"no answer within {PATIENCE:g}s: i/o timeout")
    if not failures or any(isinstance(each, Silent) for each in failures.values()):
        error.code = EDE.NO_REACHABLE_AUTHORITY
    return error


def _names(servers: Iterable[Server]) -> str:
    return ", ".join(str(server.to) for server in servers)
