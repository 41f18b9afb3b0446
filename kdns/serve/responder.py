"""Bytes to bytes: everything between a socket and the plugins, for one listener.

No socket here. A listener asks `look` first, for a whole batch, then `lying` for each of it, which decode nothing;
what misses goes to `respond`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import cast

from kdns.chain import Hit, Keep, Peer, Query, Response, Sent, Transport, failure
from kdns.errors import KdnsError, WireError
from kdns.log import Sparing, place_of
from kdns.metrics import Metrics
from kdns.proto.decode import Verdict, accept, decode, refusal
from kdns.proto.encode import LARGEST, PAYLOAD, SMALLEST, encode, udp_limit
from kdns.proto.glance import Glance, bare, glance, plainly
from kdns.proto.message import Ede, Message
from kdns.proto.ready import Ready
from kdns.proto.record import RRset
from kdns.proto.types import EDE, Class, RCode
from kdns.serve.asked import Asked, Rest, Send, here
from kdns.serve.entry import Alias, Entry, Lying
from kdns.serve.first import Later, first
from kdns.serve.handling import handled
from kdns.serve.ledger import Ledger
from kdns.serve.lookup import OUTSIDE, lookup_in
from kdns.serve.memo import Memo
from kdns.serve.router import Router, Served

_log = logging.getLogger("kdns.serve")
_NO_ID = bytes(2)
_REFUSALS = {Verdict.NOTIMP: RCode.NOTIMP, Verdict.FORMERR: RCode.FORMERR}

Address = tuple[str, int]
"""An IP in presentation format and a port, as sockets give them (what follows is ignored)."""
More = Callable[[bytes], Awaitable[None]]
"""Sends a message of a reply before its last one; returns when there is room for another."""


class Responder:
    """Answers the messages of one listener. `clock` is loop time in seconds."""

    def __init__(self, router: Router, memo: Memo, metrics: Metrics, clock: Callable[[], float]) -> None:
        self.memo = memo
        self._router = router
        self._lookup = lookup_in(router)
        self._metrics = metrics
        self._clock = clock
        self._sparing = Sparing(clock)
        self._ledger = Ledger(metrics, clock, self._note)
        memo.catch_up = self._ledger.settle
        metrics.owing.add(self)
        self._turn = 0
        self._under_way = 0
        self._when_idle: list[Callable[[], None]] = []

    def look(self, queries: Sequence[bytes], transport: Transport) -> list[Lying] | None:
        """The replies to queries, each behind its id, if they all lie ready; None where one does not."""
        memo = self.memo
        if memo.due <= self._clock():
            memo.wear(self._clock())
        ready = memo.ready[transport]
        try:
            found: list[Lying] = [ready[query] for query in queries]
        except KeyError:
            return None
        if 0 in [lying.size for lying in found]:
            fresh = [lying if lying.size else memo.fresh(cast(Alias, lying)) for lying in found]
            return None if None in fresh else cast("list[Lying]", fresh)
        return found

    def lying(self, query: bytes, transport: Transport) -> Lying | None:
        """The reply to a query behind its id, if it can be had without asking the chain."""
        alias = self.memo.ready[transport].get(query)
        if alias is not None:
            if alias.size and self._clock() < self.memo.due:
                return alias
            if (fresh := self.memo.fresh(alias)) is not None:
                return fresh
        known = bare(query)
        if known is None:
            return self._unlike(query, transport)
        found = first(self.memo, known, len(query) + 2, transport)
        if isinstance(found, Lying):
            return found
        wire = _NO_ID + query
        seen = glance(wire)
        if seen is None:
            return None
        return self._lying(seen, wire, query, transport) or self._kept(found, seen, wire, query, transport)

    def _unlike(self, query: bytes, transport: Transport) -> Lying | None:
        """The same for a query in other letters than most, or with options."""
        plain = plainly(query)
        if plain is not None and plain != query and (alias := self.memo.ready[transport].get(plain)) is not None:
            like = self.memo.like(alias, query)
            if like is not None:
                return like
        wire = _NO_ID + query
        seen = glance(wire)
        if seen is None:
            return None
        lying = self._lying(seen, wire, plain, transport)
        if lying is not None:
            return lying
        found = first(self.memo, (seen.key, seen.question, seen.payload), len(wire), transport)
        return found if isinstance(found, Lying) else self._kept(found, seen, wire, plain, transport)

    def _lying(self, seen: Glance, wire: bytes, plain: bytes | None, transport: Transport) -> Lying | None:
        entry = self.memo.seen(seen, transport)
        if entry is None or entry.keep.each:
            return None
        self.memo.alias(entry, wire if plain is None else _NO_ID + plain, transport)
        return Lying(entry.keep, len(wire), entry.next_body(self._clock(), seen.question[:-4]))

    def _kept(
        self, later: Later | None, seen: Glance, wire: bytes, plain: bytes | None, transport: Transport
    ) -> Lying | None:
        """The reply to what is asked for again, from an entry that it gets."""
        whole = later() if later is not None else None
        if whole is None:
            return None
        memo = self.memo
        ready, keep, payload, limit = whole
        entry = memo.keep(decode(wire), ready, keep, limit=limit, since=memo.epoch, payload=payload)
        if entry is None:
            return Lying(keep, len(wire), ready.body(0))
        memo.alias(entry, wire if plain is None else _NO_ID + plain, transport)
        return Lying(keep, len(wire), entry.next_body(self._clock(), seen.question[:-4]))

    def gave(self, given: list[Lying], transport: Transport, family: int, seconds: float) -> None:
        """These were given to clients of one address family, so many seconds after they were heard.

        Who counts them is told within a moment, of those alike together.
        """
        self._ledger.gave(given, transport, family, seconds)

    def settle(self) -> None:
        """Tell those who count of all that was given and not told of yet."""
        self._ledger.settle()

    async def respond(
        self, wire: bytes, client: Address, local: Address, transport: Transport, more: More | None = None
    ) -> bytes | None:
        """The reply to a message, or None where silence is the answer. `more` takes what comes before its end."""
        return await self._counted(self._respond(wire, client, local, transport, more))

    async def _later(self, asked: Asked) -> bytes | None:
        return await self._counted(self._awaited(asked))

    async def _counted(self, replying: Awaitable[bytes | None]) -> bytes | None:
        self._under_way += 1
        try:
            return await replying
        finally:
            self._end()

    def when_idle(self, call: Callable[[], None]) -> None:
        """Call this when no message is being answered, which may be now."""
        if self._under_way:
            self._when_idle.append(call)
        else:
            call()

    def begin(self, wire: bytes, client: Address, local: Address, send: Send) -> Rest | None:
        """Answer a datagram without waiting, if nobody but another server has to be waited for: `send` is given the
        reply, which may be later, or None where silence is the answer. Else what is to be awaited for it.
        """
        asked = self._asked(wire, client, local, Transport.udp)
        if not isinstance(asked, Asked):
            send(asked)
            return None
        try:
            is_gone = self._goes_straight(asked, send)
        except Exception:  # the chain will come by it again
            is_gone = False
        return None if is_gone else partial(self._later, asked)

    async def _respond(
        self, wire: bytes, client: Address, local: Address, transport: Transport, more: More | None
    ) -> bytes | None:
        asked = self._asked(wire, client, local, transport)
        return await self._awaited(asked, more) if isinstance(asked, Asked) else asked

    def _asked(self, wire: bytes, client: Address, local: Address, transport: Transport) -> Asked | bytes | None:
        """What the chain is asked; or the reply to what it is not."""
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
            return self._routed(query, wire)
        except Exception as error:
            return wire[:2] + self._failed(message, error)

    async def _awaited(self, asked: Asked, more: More | None = None) -> bytes | None:
        try:
            entry = self.memo.find(asked.query.message, asked.limit)
            body = await self._make(asked, more) if entry is None else self._again(entry, asked)
        except Exception as error:
            body = self._failed(asked.query.message, error)
        return asked.reply(body)

    def _failed(self, message: Message, error: Exception) -> bytes:
        """A server never dies of one bad question, or of a reply that cannot be written."""
        self._note(error)
        return encode(message, failure(error), SMALLEST).body(0)

    def _goes_straight(self, asked: Asked, send: Send) -> bool:
        """Whether the question is on its way by plain calls."""
        way = asked.served.way
        if way is None:
            return False
        self._under_way += 1
        is_gone = False
        try:
            is_gone = way.begin(asked.query, partial(self._landed, asked, self.memo.epoch, send))
        finally:
            if not is_gone:
                self._end()
        self._metrics.memo_misses.inc(is_gone)
        return is_gone

    def _landed(self, asked: Asked, since: int, send: Send, response: Response) -> None:
        try:
            if response.error is not None:
                self._note(response.error)
            body = self._made(asked, response, since)
        except Exception as error:
            body = self._failed(asked.query.message, error)
        send(asked.reply(body))
        self._end()

    def _end(self) -> None:
        self._under_way -= 1
        while self._when_idle and not self._under_way:
            self._when_idle.pop()()

    def _refuse(self, wire: bytes, verdict: Verdict) -> bytes | None:
        self._metrics.refused_early.labels(verdict.name.lower()).inc()
        return None if verdict is Verdict.IGNORE else refusal(wire, _REFUSALS[verdict])

    def _query(self, message: Message, client: Address, local: Address, transport: Transport, started: float) -> Query:
        there = Peer(client[0], client[1])
        return Query(message, there, here(local[0], local[1]), transport, started, lookup=self._lookup)

    def _routed(self, query: Query, wire: bytes) -> bytes | Asked:
        """Whom to ask; or the reply where nobody is asked."""
        message = query.message
        served = self._router.find(message.question)
        payload = served.payload if served else PAYLOAD
        limit = udp_limit(message, payload) if query.transport is Transport.udp else LARGEST
        refused = self._refused(message, served)
        if refused is not None or served is None:
            self._metrics.refused_early.labels("refused").inc()
            return wire[:2] + encode(message, refused or OUTSIDE, limit, payload).body(0)
        query.zone, query.server = served.zone, served.server
        return Asked(query, served, wire, limit)

    def _refused(self, message: Message, served: Served | None) -> Response | None:
        if message.edns is not None and message.edns.version:
            return Response(rcode=RCode.BADVERS)
        if message.question.klass != Class.IN and not (served and served.takes(message.question)):
            return Response(rcode=RCode.REFUSED, ede=Ede(EDE.NOT_SUPPORTED, "only class IN is answered here"))
        return OUTSIDE if served is None else None

    def _again(self, entry: Entry, asked: Asked) -> bytes:
        query = asked.query
        self._metrics.memo_hits.inc()
        body = entry.next_body(query.started, query.question.name)
        self._alias(entry, query, asked.wire)
        if entry.keep.each:
            self._show(entry, query)
        self._tell_of(entry.keep, query, len(body) + 2)
        return body

    async def _make(self, asked: Asked, more: More | None) -> bytes | None:
        self._metrics.memo_misses.inc()
        since = self.memo.epoch
        response = await self._run(asked.query, asked.served)
        if response.rest is not None and more is not None and not response.silent:
            return await self._in_parts(asked.query, response, response.rest, more, asked.served.payload)
        return self._made(asked, response, since)

    def _made(self, asked: Asked, response: Response, since: int) -> bytes | None:
        """The reply behind its id, of a response that was begun at epoch `since`; it is kept if it may be."""
        query, served, wire, limit = asked
        if response.silent:
            self._tell_of(response.keep, query, 0)
            return None
        ready = encode(query.message, response, limit, served.payload)
        if self._learns(query.message, ready, response, served, since):
            body = ready.body(0)
            self._tell_of(response.keep, query, len(body) + 2)
            return body
        if response.holding is not None and response.holding.by is served.denier and since == self.memo.epoch:
            self.memo.holdings.learn(query.message, ready, response, self._router.zones, served.payload, limit)
        entry = self.memo.keep(query.message, ready, response.keep, limit=limit, since=since, payload=served.payload)
        if entry is None:
            self._turn += 1
            body = ready.body(self._turn)
        else:
            self._alias(entry, query, wire)
            body = entry.next_body(self._clock(), query.question.name)
        self._tell_of(response.keep, query, len(body) + 2)
        return body

    def _learns(self, message: Message, ready: Ready, response: Response, served: Served, since: int) -> bool:
        """Whether from now on names like this one are known not to exist."""
        if response.denial is None or response.denial.by is not served.denier or since != self.memo.epoch:
            return False
        return self.memo.denials.learn(message, ready, response, self._router.zones, served.payload)

    async def _in_parts(
        self, query: Query, response: Response, rest: AsyncGenerator[tuple[RRset, ...], None], more: More, payload: int
    ) -> bytes:
        """A reply of several messages: sends all but the last, which it returns. Nothing of it is kept."""
        size = 2
        body = encode(query.message, response, LARGEST, payload).body(0)
        async with aclosing(rest):
            async for answer in rest:
                size += len(body) + 2
                await more(query.message.id.to_bytes(2) + body)
                part = replace(response, answer=answer, authority=(), additional=(), ede=None, turn=None)
                body = encode(query.message, part, LARGEST, payload).body(0)
        self._tell_of(response.keep, query, size + len(body))
        return body

    def _alias(self, entry: Entry, query: Query, wire: bytes) -> None:
        """Next time without decoding, unless somebody wants to see every hit with its client."""
        if not entry.keep.each:
            self.memo.alias(entry, wire, query.transport)

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
            watcher(Hit(query, entry.current(query.started)))

    def _tell_of(self, keep: Keep, query: Query, size: int) -> None:
        if keep.tallies:
            seconds = self._clock() - query.started
            client = query.client.family
            self._tell(keep, Sent(1, query.transport, client, query.message.size, size, seconds))

    def _tell(self, keep: Keep, sent: Sent) -> None:
        for tally in keep.tallies:
            tally(sent)
