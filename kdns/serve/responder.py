"""Bytes to bytes: everything between a socket and the plugins, for one listener.

No socket here. A listener asks `hit` first, which decodes nothing; what misses goes to `respond`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from kdns.chain import Hit, Keep, Peer, Query, Response, Sent, Transport, failure
from kdns.errors import KdnsError, WireError
from kdns.log import Sparing, place_of
from kdns.metrics import Metrics
from kdns.proto.decode import Verdict, accept, decode, refusal
from kdns.proto.encode import LARGEST, PAYLOAD, SMALLEST, encode, udp_limit
from kdns.proto.message import Ede, Message
from kdns.proto.types import EDE, Class, RCode
from kdns.serve.handling import handled
from kdns.serve.memo import Entry, Memo
from kdns.serve.router import Router, Served

_log = logging.getLogger("kdns.serve")
_REFUSALS = {Verdict.NOTIMP: RCode.NOTIMP, Verdict.FORMERR: RCode.FORMERR}

Address = tuple[str, int]
"""An IP in presentation format and a port, as sockets give them (what follows is ignored)."""


class Responder:
    """Answers the messages of one listener. `clock` is loop time in seconds."""

    def __init__(self, router: Router, memo: Memo, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.memo = memo
        self._router = router
        self._metrics = metrics
        self._clock = clock
        self._sparing = Sparing(clock)
        self._turn = 0

    def hit(
        self,
        wire: bytes,
        client: Address,
        local: Address,  # noqa: ARG002  a hit takes what `respond` takes
        transport: Transport,
    ) -> bytes | None:
        """The reply if exactly these bytes were answered before and nothing has changed since."""
        entry = self.memo.known(wire, transport)
        if entry is None:
            return None
        started = self._clock()
        reply = wire[:2] + entry.next_body()
        self._metrics.memo_hits.inc()
        if entry.keep.tallies:
            family = 2 if ":" in client[0] else 1
            self._tell(entry.keep, Sent(1, transport, family, len(wire), len(reply), self._clock() - started))
        return reply

    async def respond(self, wire: bytes, client: Address, local: Address, transport: Transport) -> bytes | None:
        """The reply to a message, or None where silence is the answer."""
        verdict = accept(wire)
        if verdict is not Verdict.ACCEPT:
            return self._refuse(wire, verdict)
        try:
            message = decode(wire)
        except WireError as error:
            self._metrics.refused_early.labels("malformed").inc()
            return refusal(wire, RCode(error.rcode))
        query = self._query(message, client, local, transport, self._clock())
        try:
            body = await self._answer(query, wire)
        except Exception as error:  # a server never dies of one bad question, or of a reply that cannot be written
            self._note(error)
            body = encode(message, failure(error), SMALLEST).body(0)
        return wire[:2] + body

    def _refuse(self, wire: bytes, verdict: Verdict) -> bytes | None:
        self._metrics.refused_early.labels(verdict.name.lower()).inc()
        return None if verdict is Verdict.IGNORE else refusal(wire, _REFUSALS[verdict])

    def _query(self, message: Message, client: Address, local: Address, transport: Transport, started: float) -> Query:
        return Query(message, Peer(*client[:2]), Peer(*local[:2]), transport, started)

    async def _answer(self, query: Query, wire: bytes) -> bytes:
        message = query.message
        served = self._router.find(message.question)
        payload = served.payload if served else PAYLOAD
        limit = udp_limit(message, payload) if query.transport is Transport.udp else LARGEST
        refused = self._refused(message, served)
        if refused is not None or served is None:
            self._metrics.refused_early.labels("refused").inc()
            return encode(message, refused or _OUTSIDE, limit, payload).body(0)
        if entry := self.memo.find(message, limit):
            return self._again(entry, query, served, wire)
        query.zone, query.server = served.zone, served.server
        return await self._make(query, served, wire, limit)

    def _refused(self, message: Message, served: Served | None) -> Response | None:
        if message.edns is not None and message.edns.version:
            return Response(rcode=RCode.BADVERS)
        if message.question.klass != Class.IN:
            return Response(rcode=RCode.REFUSED, ede=Ede(EDE.NOT_SUPPORTED, "only class IN is answered here"))
        return _OUTSIDE if served is None else None

    def _again(self, entry: Entry, query: Query, served: Served, wire: bytes) -> bytes:
        self._metrics.memo_hits.inc()
        body = entry.next_body(query.question.name)
        self._alias(entry, query, wire)
        if entry.keep.each:
            query.zone, query.server = served.zone, served.server
            self._show(entry, query)
        self._tell_of(entry.keep, query, body)
        return body

    async def _make(self, query: Query, served: Served, wire: bytes, limit: int) -> bytes:
        self._metrics.memo_misses.inc()
        since = self.memo.epoch
        response = await self._run(query, served)
        ready = encode(query.message, response, limit, served.payload)
        entry = self.memo.keep(query.message, ready, response.keep, limit=limit, since=since)
        if entry is None:
            self._turn += 1
            body = ready.body(self._turn)
        else:
            self._alias(entry, query, wire)
            body = entry.next_body(query.question.name)
        self._tell_of(response.keep, query, body)
        return body

    def _alias(self, entry: Entry, query: Query, wire: bytes) -> None:
        """Next time without decoding, unless somebody wants to see every hit with its client."""
        if not entry.keep.each:
            self.memo.alias(entry, wire, query.transport, query.message)

    async def _run(self, query: Query, served: Served) -> Response:
        try:
            response = await handled(served.handler, query)
        except Exception as error:  # so that it is encoded, counted and shown as any response
            response = failure(error)
        if response.error is not None:
            self._note(response.error)
        return response

    def _note(self, error: Exception) -> None:
        """Count and log what is a defect of kdns; the rest is for *errors* to log."""
        if isinstance(error, KdnsError):
            return
        self._metrics.panics.inc()
        if self._sparing.first(place_of(error)):
            _log.error("a plugin failed; the question is answered SERVFAIL", exc_info=error)

    def _show(self, entry: Entry, query: Query) -> None:
        for watcher in entry.keep.each:
            watcher(Hit(query, entry.current()))

    def _tell_of(self, keep: Keep, query: Query, body: bytes) -> None:
        if keep.tallies:
            seconds = self._clock() - query.started
            client = query.client.family
            self._tell(keep, Sent(1, query.transport, client, query.message.size, len(body) + 2, seconds))

    def _tell(self, keep: Keep, sent: Sent) -> None:
        for tally in keep.tallies:
            tally(sent)


_OUTSIDE = Response(
    rcode=RCode.REFUSED,
    ede=Ede(EDE.NOT_AUTHORITATIVE, "the name is in none of the zones that are served here"),
)
