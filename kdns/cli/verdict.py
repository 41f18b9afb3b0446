"""One question put to a plan that is not being served, and what can be told about the response."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import SequenceMatcher

from kdns.chain import Peer, Query, Response, Transport, failure
from kdns.errors import NameSyntaxError
from kdns.plan import Place, Plan
from kdns.proto.message import Edns, Message, Question
from kdns.proto.name import Name, from_labels, labels, to_text
from kdns.proto.reverse import is_reverse
from kdns.proto.text import rcode_text
from kdns.proto.types import Class, Flag, RCode, RRType
from kdns.serve.lookup import lookup_in
from kdns.serve.router import Served
from kdns.why import Exhibit

_MOST = 8
_LIKENESS = 0.7
_PATHS: tuple[tuple[bytes, ...], ...] = ((b"default", b"svc"), (b"svc",), ())
"""What a Pod of the namespace `default` puts between a name and its cluster's zone."""
_FOLLOWED = frozenset({RRType.A, RRType.AAAA})
"""Types for which aliases that lead out of the cluster are followed."""
_HERE = Peer("127.0.0.1", 0)
_OUTSIDE = Response(rcode=RCode.REFUSED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A question and its response; REFUSED where no server block has the name.

    `zone` is the server block's that was asked, `server` where it listens; both empty where none has it, and
    then `served` are the zones there are.
    """

    name: Name
    type: int
    response: Response = _OUTSIDE
    zone: Name = b""
    server: str = ""
    served: tuple[Name, ...] = ()

    @property
    def outcome(self) -> str:
        """`answered`, `no such name`, `no records of this type`, or the rcode."""
        match self.response.rcode:
            case RCode.NOERROR:
                return "answered" if self.response.answer else "no records of this type"
            case RCode.NXDOMAIN:
                return "no such name"
        return rcode_text(self.response.rcode)

    @property
    def word(self) -> str:
        """The reason's name; empty where no plugin gives one."""
        return self.response.why.word if self.response.why else ""

    @property
    def sentence(self) -> str:
        """The reason for people."""
        if self.response.why:
            return self.response.why.sentence + self._beyond
        if self.response.ede:
            return self.response.ede.text
        if self.outside:
            return f"the name is in none of the zones that are served: {_zones(self.served)}"
        return f"plugin {self.response.by or 'unknown'} says so"

    @property
    def _beyond(self) -> str:
        """What is wrong with the name elsewhere that an alias of the cluster leads to; empty where nothing is."""
        response = self.response
        alias = bool(response.answer) and response.answer[-1].type == RRType.CNAME
        if not alias or self.type not in _FOLLOWED:
            return ""
        if response.rcode == RCode.NXDOMAIN:
            return ", which does not exist"
        if response.ede:
            return f", which cannot be looked up: {response.ede.text}"
        return ", which has no such records" if response.authority else ", which nobody here knows"

    @property
    def outside(self) -> bool:
        """Whether no server block has the name."""
        return not self.zone

    def exhibits(self) -> tuple[Exhibit, ...]:
        """The objects that were looked at."""
        return self.response.why.exhibits() if self.response.why else ()

    def neighbours(self) -> tuple[Name, ...]:
        """Names near it."""
        return self.response.why.neighbours() if self.response.why else ()


async def judge(plan: Plan, name: Name, type: int) -> Verdict:
    """Ask as a client of this machine would; of several listeners that with the longest zone, else the first."""
    question = Question(name, name.lower(), type, Class.IN)
    known = [(place, served) for place, router in plan.routers.items() if (served := router.find(question))]
    if not known:
        zones = (zone for router in plan.routers.values() for zone in router.zones)
        return Verdict(name, type, served=tuple(dict.fromkeys(zones)))
    place, served = max(known, key=lambda each: len(each[1].zone))
    response = await _asked(question, place, served, plan)
    return Verdict(name, type, response, served.zone, served.server)


async def _asked(question: Question, place: Place, served: Served, plan: Plan) -> Response:
    message = Message(0, Flag.RD, question, Edns(1232, 0, do=False), 0)
    local = Peer(place.host if not place.wild else _HERE.ip, place.port)
    lookup = lookup_in(plan.routers[place])
    query = Query(message, _HERE, local, Transport.udp, plan.build.clock(), served.zone, served.server, lookup=lookup)
    try:
        return await served.handler(query)
    except Exception as error:  # told as the server would tell it
        return failure(error)


def _zones(zones: Sequence[Name]) -> str:
    more = f" and {len(zones) - _MOST} more" if zones[_MOST:] else ""
    return ", ".join(map(to_text, zones[:_MOST])) + more


async def near_outside(plan: Plan, verdict: Verdict) -> tuple[Name, ...]:
    """For a name outside every zone, at most eight that were perhaps meant.

    That is the same name in a zone of a like name, and what a Pod's search path would have made of it, where
    those exist; else names near the former and near the likeliest of the latter.
    """
    if not verdict.outside:
        return ()
    found, near = list[Name](), list[Name]()
    for zone in verdict.served:
        if is_reverse(zone):
            continue
        for candidate, likely in _meant(verdict.name, zone):
            tried = await judge(plan, candidate, verdict.type)
            if tried.response.rcode == RCode.NOERROR and (tried.response.answer or likely):
                found.append(candidate)
            elif likely:
                near += tried.neighbours()
    return tuple(dict.fromkeys(found or near))[:_MOST]


def _meant(name: Name, zone: Name) -> Iterator[tuple[Name, bool]]:
    """Names of the zone that another one may have meant, and whether names near them may have been as well."""
    own = labels(name)
    if left := _before_misspelt(own, zone):
        yield from _named(left, zone, likely=True)
    usual = _usual_path(own)
    for path in _PATHS:
        yield from _named((*own, *path), zone, likely=path == usual)


def _usual_path(own: Sequence[bytes]) -> tuple[bytes, ...] | None:
    """What is missing of `web`, `web.shop.svc` and `web.shop`; None where it looks like none of these."""
    if len(own) == 1 or own[-1].lower() in (b"svc", b"pod"):
        return ()
    return (b"svc",) if len(own) == 2 else None


def _named(left: Sequence[bytes], zone: Name, *, likely: bool) -> Iterator[tuple[Name, bool]]:
    with suppress(NameSyntaxError):
        yield from_labels(left, zone), likely


def _before_misspelt(own: Sequence[bytes], zone: Name) -> Sequence[bytes]:
    """The labels before those that look most like the zone; none where nothing does."""
    wanted = to_text(zone)
    ratios = {cut: SequenceMatcher(None, _text(own[cut:]), wanted).ratio() for cut in range(1, len(own))}
    best = max(ratios, key=lambda cut: ratios[cut], default=0)
    return own[:best] if best and ratios[best] >= _LIKENESS else ()


def _text(own: Sequence[bytes]) -> str:
    return b".".join((*own, b"")).decode("latin-1").lower()
