"""What a plugin says for a cluster's zones: an answer about the cluster as a response, with what may be kept of it.

Where an alias leads out of the zones, its addresses are asked of the whole server (CoreDNS: plugin/pkg/upstream).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from kdns.chain import Holding, Keep, Query, Response, Scope, Tally
from kdns.kube.answer import Answer
from kdns.kube.cluster import Cluster
from kdns.kube.explained import Explained
from kdns.kube.externals import left_to_ask
from kdns.kube.index import Index
from kdns.kube.options import Options
from kdns.kube.reason import Reason, because
from kdns.metrics import Metrics
from kdns.proto.message import Ede
from kdns.proto.name import Name
from kdns.proto.record import RRset
from kdns.proto.reverse import Address, pack
from kdns.proto.types import EDE, RCode
from kdns.site import Copy

_TOLD = frozenset({RCode.NOERROR, RCode.NXDOMAIN})
"""Rcodes that say how things are."""

Contents = Callable[[Index, tuple[Address, ...]], Iterator[RRset]]
"""The records of a zone out of an index that does not change meanwhile, its SOA first; with the server's addresses."""


@dataclass(frozen=True, slots=True)
class Authority:
    """For the plugin `by`. `soa` makes a zone's SOA of its serial; `binds` are what the server listens on,
    none where that is every address. `has_neighbours`: names near a missing one are those of the schema.
    `tallies` count the answers, by their reason.
    """

    by: str
    cluster: Cluster
    options: Options
    soa: Callable[[Name, int], RRset]
    metrics: Metrics
    binds: tuple[Address, ...] = ()
    has_neighbours: bool = True
    tallies: dict[Reason, Tally] = field(default_factory=dict)

    def server(self, query: Query) -> tuple[Address, ...]:
        """The server's own addresses: those it listens on, or the one that was asked at."""
        return self.binds or _asked_at(query.local.ip)

    async def respond(self, query: Query, zone: Name, answer: Answer, holding: Holding | None = None) -> Response:
        """The response to a question in `zone`, with what its aliases lead to elsewhere."""
        response = self._response(query, zone, answer, holding)
        target = left_to_ask(answer, query.question.type)
        return response if target is None else await _completed(query, response, target)

    def copy(self, query: Query, zone: Name, contents: Contents) -> Copy | Response:
        """The zone for a zone transfer; a failure while the cluster is not known."""
        missing = self.cluster.missing()
        if missing:
            return self._response(query, zone, Answer(because(Reason.NOT_SYNCED, missing), RCode.SERVFAIL))
        index = self.cluster.index
        return Copy(self.soa(zone, index.serial), index.serial, lambda: contents(index.still(), self.server(query)))

    def _response(self, query: Query, zone: Name, answer: Answer, holding: Holding | None = None) -> Response:
        index = self.cluster.index
        keep = Keep(
            scope=Scope.EVERYBODY if answer.for_everyone and answer.authoritative else Scope.NOBODY,
            depends_on=answer.depends_on | {self.cluster.store.key},
            tallies=(self.tally(answer.because.reason),),
            serial=lambda: index.serial,
        )
        return Response(
            rcode=answer.rcode,
            answer=answer.answer,
            authority=(self.soa(answer.zone or zone, index.serial),) if answer.negative else (),
            additional=answer.additional,
            authoritative=answer.authoritative,
            ede=self._ede(answer),
            keep=keep,
            by=self.by,
            holding=holding,
            why=Explained(answer, query.question, zone, self.cluster, self.options, self.has_neighbours),
        )

    def tally(self, reason: Reason) -> Tally:
        """The same for all answers of one reason, so that their replies can be told of together."""
        tally = self.tallies.get(reason)
        if tally is None:
            count = self.metrics.answers.labels(str(reason)).inc
            tally = self.tallies[reason] = lambda sent: count(sent.count)
        return tally

    def _ede(self, answer: Answer) -> Ede | None:
        """Why the answer is negative; or that it may be out of date, if that is all there is to say."""
        if not self.options.ede:
            return None
        stale = self.cluster.stale()
        return answer.because.ede or (Ede(EDE.STALE, stale) if stale else None)


def addresses(binds: list[str]) -> tuple[Address, ...]:
    """What is listened on; nothing where that is every address (`bind 0.0.0.0`): then it is the one asked at."""
    found = tuple(pack(bind.partition("%")[0]) for bind in binds)
    return found if all(map(any, found)) else ()


@lru_cache(maxsize=256)
def _asked_at(ip: str) -> tuple[Address, ...]:
    return (pack(ip.partition("%")[0]),)


async def _completed(query: Query, response: Response, target: Name) -> Response:
    """With the addresses of an alias's target, as far as somebody here knows them.

    The rcode is that of the last name (RFC 6604 §3). Who cannot tell leaves the alias alone, as CoreDNS does:
    its client may find out by itself.
    """
    type = query.question.type
    told = await query.lookup(query, target, type)
    keep = _narrowed(response.keep, told.keep, response.answer[-1].ttl)
    if told.rcode not in _TOLD:
        nobodys = told.ede is None or told.ede.code == EDE.NOT_AUTHORITATIVE
        return replace(response, keep=keep, ede=response.ede if nobodys else told.ede)
    return replace(
        response,
        rcode=told.rcode,
        answer=(*response.answer, *told.answer),
        authority=() if any(rrset.type == type for rrset in told.answer) else told.authority,
        ede=told.ede or response.ede,
        keep=keep,
    )


def _narrowed(own: Keep, told: Keep, ttl: int) -> Keep:
    """What both allow. Where TTLs count down that of the alias would, too: it is asked for anew once it is over.

    An SOA can only be one that was told, and so its serial. Who wants to see each (log) sees that one was asked for.
    """
    keep = own.narrowed(scope=Scope.NOBODY if told.each else told.scope, until=told.until, depends_on=told.depends_on)
    if told.aging is not None:
        keep = keep.narrowed(until=told.aging + ttl)
    return replace(keep, tallies=(*own.tallies, *told.tallies), serial=told.serial, aging=told.aging)
