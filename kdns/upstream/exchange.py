"""One question put to one server: over TCP where UDP is too small, without EDNS where it has none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

from kdns.proto.reply import Received
from kdns.proto.types import Flag, RCode
from kdns.upstream import udp
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.attempt import Attempt, unanswered, unreachable
from kdns.upstream.deadlines import Deadlines
from kdns.upstream.faults import Besieged, Silent, UpstreamError
from kdns.upstream.streams import Streams
from kdns.upstream.udp import STRAYS

TIMEOUT = 2.0
"""Seconds for a reply (CoreDNS: plugin/pkg/proxy, its read timeout)."""
_PLAIN = 900.0
"""Seconds until a server that knows no EDNS is tried with it again."""
_DOUBTED = 60.0
"""The same for one that only did not answer: perhaps it was away."""
_HIGHEST = 15
"""RCodes above are about EDNS between the server and us, and nothing to a client."""
_NO_EDNS = frozenset({RCode.FORMERR, RCode.NOTIMP})


class Exchange:
    """Asks one server. `timeout` in seconds for each message; `source` is an IP to ask from.

    `force_tcp`: never over UDP.
    """

    def __init__(
        self,
        to: Endpoint,
        streams: Streams,
        *,
        random: Random,
        timeout: float = TIMEOUT,
        source: str = "",
        force_tcp: bool = False,
        stray: Callable[[], None],
    ) -> None:
        self._to = to
        self._streams = streams
        self._random = random
        self._deadlines = Deadlines(timeout)
        self._source = source
        self._force_tcp = force_tcp or to.tls
        self._stray = stray
        self._plain_until = 0.0
        self._has_shown_edns = False
        self._is_doubted = False

    @property
    def uses_udp(self) -> bool:
        """Whether questions that did not come over TCP are put over UDP first."""
        return not self._force_tcp

    def begin(self, asking: Asking, done: Callable[[], None]) -> Attempt:
        """Put a question over UDP, which `uses_udp`. With what came of it `took` goes on, or `ask`."""
        edns = self._tries_edns()
        attempt = Attempt(self._to, asking, self._stray, self._deadlines, done, edns=edns)
        attempt.put(self._random, self._source)
        return attempt

    def took(self, reply: Received, *, edns: bool) -> None:
        """A reply was good that came to a question with EDNS, or without."""
        if self._is_doubted and not edns:
            self._is_doubted, self._plain_until = False, self._now() + _DOUBTED
        if not self._has_shown_edns:
            self._has_shown_edns = reply.edns is not None and reply.rcode not in {*_NO_EDNS, RCode.BADVERS}

    async def ask(self, asking: Asking, *, tcp: bool = False, begun: Attempt | None = None) -> Received:
        """A whole reply. Raises UpstreamError. `begun` is what came of asking over UDP, if that was tried.

        One that refuses EDNS (RFC 6891 §7) is asked again without, and if that helps, so are later questions.
        Some servers drop what they do not understand: one that never showed EDNS and does not answer is
        asked without the next time. Where TC is set the rest cannot be had.
        """
        edns = begun.edns if begun else self._tries_edns()
        reply = await self._first(asking, edns=edns, tcp=tcp, begun=begun)
        if edns and self._may_lack_edns(reply):
            reply = await self._without_edns(asking, reply.rcode, tcp=tcp)
        if reply.rcode > _HIGHEST:
            raise UpstreamError(f"upstream {self._to} said rcode {reply.rcode}")
        return reply

    def _tries_edns(self) -> bool:
        return not self._is_doubted and (not self._plain_until or self._now() >= self._plain_until)

    async def _first(self, asking: Asking, *, edns: bool, tcp: bool, begun: Attempt | None) -> Received:
        try:
            reply = await self._whole(asking, edns=edns, tcp=tcp, begun=begun)
        except Silent:
            self._is_doubted = edns and not self._has_shown_edns
            raise
        self.took(reply, edns=edns)
        return reply

    def _may_lack_edns(self, reply: Received) -> bool:
        """Some give our own OPT back with their refusal; several servers may share an address, some without EDNS."""
        lacking = reply.edns is None or not self._has_shown_edns
        return reply.rcode == RCode.BADVERS or (reply.rcode in _NO_EDNS and lacking)

    async def _without_edns(self, asking: Asking, refusal: int, *, tcp: bool) -> Received:
        reply = await self._whole(asking, edns=False, tcp=tcp)
        if reply.rcode != refusal and not self._has_shown_edns:
            self._plain_until = self._now() + _PLAIN
        return reply

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _whole(self, asking: Asking, *, edns: bool, tcp: bool, begun: Attempt | None = None) -> Received:
        """Over UDP if that is enough: what is cut there, or may be somebody's guess, is asked for over TCP.

        A server that is wanted over TCP and has none is asked over UDP.
        """
        if self._force_tcp:
            return await self._streams.ask(asking, edns=edns)
        if tcp:
            try:
                return await self._streams.ask(asking, edns=edns)
            except Silent:
                raise
            except UpstreamError:
                pass
        try:
            reply = begun.result() if begun else await self._datagram(asking, edns=edns)
        except Besieged:
            return await self._besieged(asking, edns=edns)
        return await self._rest_of(reply, asking, edns=edns) if reply.has(Flag.TC) else reply

    async def _rest_of(self, reply: Received, asking: Asking, *, edns: bool) -> Received:
        """All of what is cut; where that cannot be had, the part."""
        try:
            return await self._streams.ask(asking, edns=edns)
        except UpstreamError:
            if not reply.answer:
                raise
            return reply

    async def _besieged(self, asking: Asking, *, edns: bool) -> Received:
        """Nobody can guess what comes over TCP; a server without it is believed if it is right once more."""
        with suppress(UpstreamError):
            return await self._streams.ask(asking, edns=edns)
        return await self._datagram(asking, edns=edns, most=None)

    async def _datagram(self, asking: Asking, *, edns: bool, most: int | None = STRAYS) -> Received:
        """The reply, past `most` that are none."""
        try:
            with self._deadlines.new():
                return await udp.ask(
                    self._to,
                    asking,
                    edns=edns,
                    random=self._random,
                    source=self._source,
                    stray=self._stray,
                    most=most,
                )
        except TimeoutError:
            failed: UpstreamError = unanswered(self._to, self._deadlines.seconds)
        except OSError as error:
            failed = unreachable(self._to, error)
        # Not raised above: what was caught would stay with it, and hold frames that hold both.
        raise failed
