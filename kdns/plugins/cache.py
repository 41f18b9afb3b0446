"""*cache* - keeps answers for a while.

Description

What other servers answered is kept for as long as its TTL says, at most an hour, and given to all who ask the same
until then, the TTL counting down. It is kept apart for questions with DO and with CD. A name or type that does not
exist is kept for as long as the SOA says that comes with it, at most half an hour, and not at all without one
(RFC 2308). SERVFAIL is kept for 5 seconds; who gets it then is told that it is kept (EDE 13). Other rcodes are not
kept, nor are zone transfers.

What kdns answers from its own data (*kubernetes*, for instance) passes unchanged. Such answers are kept until what
they were made from changes, with or without this plugin, so a new Service is there at once under any TTL here,
and the TTL that clients see is the other plugin's. A forwarded answer to a name that the cluster does not have (by
`fallthrough`) ends when the cluster gets it. With `cache_own` answers of kdns's own are kept by time as well,
as CoreDNS does.

Successes and denials have a store each. When one is full, what was asked for once goes first: a flood of names that
nobody asks for twice does not push out the others.

Syntax

~~~
cache [TTL] [ZONES...] {
    success CAPACITY [TTL] [MINTTL]
    denial CAPACITY [TTL] [MINTTL]
    bytes SIZE
    prefetch AMOUNT [[DURATION] [PERCENTAGE%]]
    serve_stale [DURATION] [immediate [RTTL [RECHECK]] | verify [TIMEOUT [RTTL [RECHECK]]]]
    serve_stale_policy prefer_positive
    servfail DURATION
    disable success|denial [ZONES...]
    keepttl
    cache_own
}
~~~

TTL is how many seconds to keep an answer at most; 3600 for successes and 1800 for denials unless given. ZONES are the
zones whose names are kept, those of the server block unless given. All records of an answer have one TTL, which is
the lowest of them within the limits here.

* `success`, `denial`: how many answers each store holds (9984; a multiple of 256, at least 1024), and their longest
  and shortest time in seconds. The shortest is 5 unless given: what says 0 is kept that long too.
* `bytes`: how much memory each of the two stores takes at most, for instance `64M`; 2 KiB for each of its answers
  unless given. Not in CoreDNS.
* `prefetch`: ask again before its end for what was asked for AMOUNT times without a gap of DURATION (1m), once only
  PERCENTAGE (10%) of its time are left.
* `serve_stale`: give what is over for DURATION longer (1h), with TTL 0 or RTTL, and EDE 3 or 19. `immediate`:
  give it at once and ask meanwhile. `verify`: ask first, and give it where there is no answer, or none within
  TIMEOUT. Where that failed do not ask again within RECHECK (0s, at most 5m). RFC 8767 wants
  `verify 1800ms 30s 30s`. A failure is never given stale.
* `serve_stale_policy prefer_positive`: that the name or its address is gone does not count either while there is a
  stale answer.
* `servfail`: how long to keep SERVFAIL; 0s for not at all, at most 5m.
* `disable`: do not keep successes, or denials, of these zones; of all zones if none is given.
* `keepttl`: show the TTL as it was, not counting down.
* `cache_own`: keep answers of kdns's own data by time too. Not in CoreDNS, where it is always so.

Examples

~~~ corefile
. {
    cache 30
    forward . 10.0.0.10
}
~~~

What stays usable for a day while the other server cannot be reached, as RFC 8767 has it:

~~~ corefile
. {
    cache {
        success 20000 3600 0
        denial 5000 300 0
        bytes 64M
        prefetch 5 1m 20%
        serve_stale 24h verify 1800ms 30s 30s
        servfail 1s
    }
    forward . 10.0.0.10
}
~~~

Metrics

coredns_cache_entries{server, type, zones, view}           answers that are kept, `type` is success or denial
coredns_cache_requests_total{server, zones, view}          questions, but for those answered from kdns's own data
coredns_cache_hits_total{server, type, zones, view}        those that were answered from here
coredns_cache_misses_total{server, zones, view}            those that were not
coredns_cache_prefetch_total{server, zones, view}          times that something was asked again in the background
coredns_cache_drops_total{server, zones, view}             answers that were not kept since they do not answer
coredns_cache_served_stale_total{server, zones, view}      stale answers given
coredns_cache_evictions_total{server, type, zones, view}   answers that went for want of room

See also

*forward*; CoreDNS's *cache*, whose options these are; RFC 2308, RFC 8767, RFC 9520.
"""

from __future__ import annotations

from asyncio import Task
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import ceil

from kdns.caching.answers import Answers
from kdns.caching.counts import Counts
from kdns.caching.held import Held, Key, held, key_of, with_ttl
from kdns.caching.kind import Kind, is_conclusive, kind_of, lowest_ttl
from kdns.caching.refreshing import Refreshing, outcome
from kdns.caching.settings import Prefetch, Settings, Stale, read
from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope, Sent, Tally
from kdns.corefile.block import Directive
from kdns.log import logger
from kdns.proto.message import Ede
from kdns.proto.name import to_text
from kdns.proto.types import EDE, Flag, RCode
from kdns.site import Site
from kdns.straight import Up, as_it_is

_STALE_NXDOMAIN = 19
"""RFC 8914 §4.20."""
_RD = int(Flag.RD)
_PAUSE = 1.0
"""Seconds from a *prefetch* that failed to the next."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Read the directive, and hear of changes."""
    settings, build = read(directive, site.zones), site.build
    # A reload keeps them while nothing of the block changes: what is asked where, and what is done with answers.
    answers = build.kept(("cache", site.said), lambda: Answers(settings, build.clock))
    refreshing = Refreshing(logger("cache"), build.clock)
    zones = ",".join(map(to_text, settings.zones))
    counts = Counts(build.metrics, zones, answers.count)
    build.changes.subscribe(answers.forget)
    build.parts += [answers, refreshing]
    return partial(Cache, settings=settings, answers=answers, refreshing=refreshing, counts=counts, clock=build.clock)


class Cache:
    """Answers from what it keeps, and keeps what the next plugin answers. `clock` is loop time in seconds."""

    catches = False

    def __init__(
        self,
        next: Handler,
        *,
        settings: Settings,
        answers: Answers,
        refreshing: Refreshing,
        counts: Counts,
        clock: Callable[[], float],
    ) -> None:
        self._next = next
        self._settings = settings
        self._answers = answers
        self._refreshing = refreshing
        self._counts = counts
        self._clock = clock
        # What it keeps, it answers in its own way; of a cluster's answers that is none, unless it is told to.
        self.same_for_all_names = not settings.own

    async def __call__(self, query: Query) -> Response:
        if not self._settings.covers(query.question.folded):
            return await self._next(query)
        key, now = key_of(query), self._clock()
        found = self._answers.find(key, now)
        if found is None:
            return await self._ask(query, key)
        if found.is_fresh(now):
            return self._hit(query, key, found, now)
        return await self._past(query, key, found)

    def down(self, query: Query) -> Response | Up | None:
        """See `straight.Passing`."""
        if not self._settings.covers(query.question.folded):
            return as_it_is
        key, now = key_of(query), self._clock()
        found = self._answers.find(key, now)
        if found is None:
            return partial(self._asked, key, self._answers.epoch)
        return self._hit(query, key, found, now) if found.is_fresh(now) else None

    async def _ask(self, query: Query, key: Key) -> Response:
        """Ask the next plugin."""
        since = self._answers.epoch
        return self._asked(key, since, query, await self._next(query))

    def _asked(self, key: Key, since: int, query: Query, response: Response) -> Response:
        """What the next plugin has of its own data has nothing to do with us, and is not counted."""
        own = _is_own(response)
        if not own or self._settings.own:
            self._counts.miss(query.server)
        return self._take(query, key, since, response, own=own)

    def _take(self, query: Query, key: Key, since: int, response: Response, *, own: bool) -> Response:
        """Keep it if it may be kept; the response as its client sees it."""
        if own and not self._settings.own:
            return response
        found = self._held(query, response, own=own)
        if found is None:
            return _asked_each_time(response)
        evicted = self._answers.put(key, found, since=since)
        if evicted is not None:
            self._counts.kept(query.server, found.kind, evicted)
        # Its bytes may be kept from the second question on: what is asked for once leaves ready answers alone,
        # and what is counted for this one is not counted again with each hit.
        response, shown = _asked_each_time(response), found.response
        return response.changed(answer=shown.answer, authority=shown.authority, additional=shown.additional)

    def _held(self, query: Query, response: Response, *, own: bool) -> Held | None:
        question, settings = query.question, self._settings
        kind = kind_of(question, response)
        if kind is None:
            if response.rcode == RCode.NOERROR and response.answer:
                self._counts.drop(query.server)
            return None
        if not settings.keeps(kind, question.folded) or not query.message.flags & _RD:
            return None  # without RD a server may say less than it knows: that is not for others
        now = self._clock()
        life = settings.life(kind, lowest_ttl(response))
        if response.keep.until is not None:
            life = min(life, response.keep.until - now)
        if life <= 0:
            return None
        if kind is Kind.FAILURE:
            return held(_remembered(response), kind, now, life, 0.0, own=own)
        return held(response, kind, now, life, settings.stale.seconds if settings.stale else 0.0, own=own)

    def _hit(self, query: Query, key: Key, found: Held, now: float) -> Response:
        """What is kept, with the TTLs of now; its bytes are for everybody to its end."""
        found.touched = True
        past = int(now - found.stored)
        aging = None if self._settings.keepttl else found.stored + past
        tally = self._tally(query, key, found)
        keep = Keep(Scope.EVERYBODY, found.ends, found.depends_on, (tally,), aging=aging)
        if aging is None or not past:
            return found.response.changed(keep=keep)
        return with_ttl(found.response, found.left(now), keep)

    def _tally(self, query: Query, key: Key, found: Held) -> Tally:
        if self._settings.prefetch is None:
            return partial(self._told, query.server, found)
        return partial(self._told_and_asked, _copy(query), key, found, self._settings.prefetch)

    def _told(self, server: str, found: Held, sent: Sent) -> None:
        found.touched = True
        self._counts.hit(server, found.kind, sent.count)

    def _told_and_asked(self, query: Query, key: Key, found: Held, prefetch: Prefetch, sent: Sent) -> None:
        """Perhaps it is asked for so much, and so near its end, that it is worth asking anew."""
        self._told(query.server, found, sent)
        now = self._clock()
        found.count(now, sent.count, prefetch.gap)
        if found.hits < prefetch.amount or found.left(now) > ceil(found.life * prefetch.percent / 100):
            return
        if found.kind is not Kind.FAILURE and now >= found.retry_at and self._answers.has(key, found):
            self._refresh_meanwhile(query, key, found, _PAUSE)

    async def _past(self, query: Query, key: Key, found: Held) -> Response:
        """What is over, or what comes instead."""
        stale = self._settings.stale or Stale()
        if self._clock() >= found.retry_at:
            if not stale.verify:
                self._refresh_meanwhile(query, key, found, stale.recheck)
            elif fresh := await outcome(self._refresh(query, key, found, stale.recheck), stale.timeout):
                self._counts.hit(query.server, found.kind)
                return fresh
            elif not self._answers.has(key, found):  # a change has ended it meanwhile
                return await self._ask(query, key)
            else:  # nobody else has to wait for that again
                found.retry_at = max(found.retry_at, self._clock() + stale.recheck)
        self._counts.hit(query.server, found.kind)
        self._counts.stale(query.server)
        return _stale(found, self._clock(), stale.ttl)

    def _refresh_meanwhile(self, query: Query, key: Key, found: Held, pause: float) -> None:
        if key not in self._refreshing:
            self._counts.prefetch(query.server)
        self._refresh(query, key, found, pause)

    def _refresh(self, query: Query, key: Key, found: Held, pause: float) -> Task[Response | None] | None:
        """Ask anew unless that is under way; where it fails not again within `pause` seconds."""
        take = partial(self._refreshed, query, key, found, self._answers.epoch, pause)
        return self._refreshing.begin(key, self._next, _copy(query), take)

    def _refreshed(
        self, query: Query, key: Key, found: Held, since: int, pause: float, response: Response
    ) -> Response | None:
        """Keep what came instead, if it says how things are now (RFC 8767 §4)."""
        now, stale = self._clock(), self._settings.stale
        found.retry_at = now + pause
        if not is_conclusive(query.question, response):
            return None
        shown = self._take(query, key, since, response, own=_is_own(response))
        new = self._answers.find(key, now)
        gone = kind_of(query.question, response) is not Kind.SUCCESS and not _is_own(response)
        if stale is not None and stale.prefer_positive and new is found and found.kind is Kind.SUCCESS and gone:
            found.retry_at = now + max(pause, lowest_ttl(shown))
            return None
        if new is found:
            self._answers.drop(key)
        elif new is not None:
            new.hits, new.last = found.hits, found.last
        return shown


def _is_own(response: Response) -> bool:
    """Whether it is of this server's own data: kept until that changes, or explained by it."""
    keep = response.keep
    return response.why is not None or (keep.scope is Scope.EVERYBODY and keep.until is None)


def _asked_each_time(response: Response) -> Response:
    """The same, its bytes for nobody else."""
    keep = response.keep
    if keep.scope is Scope.NOBODY:
        return response
    return response.changed(keep=keep.narrowed(scope=Scope.NOBODY))


def _copy(query: Query) -> Query:
    """The same question once its client has been answered."""
    return replace(query, metadata={})


def _remembered(response: Response) -> Response:
    """A failure as those see it who asked later."""
    said = response.ede.text if response.ede else str(response.error or "")
    return replace(response, ede=Ede(EDE.CACHED_ERROR, said))


def _stale(found: Held, now: float, ttl: int) -> Response:
    code = _STALE_NXDOMAIN if found.response.rcode == RCode.NXDOMAIN else EDE.STALE
    text = f"its time was over {now - found.ends:.0f}s ago"
    return replace(with_ttl(found.response, ttl, Keep()), ede=Ede(code, text))
