"""One question put to a plan that is not being served, and what can be told about the response."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kdns.chain import Peer, Query, Response, Transport, failure
from kdns.errors import NameSyntaxError
from kdns.plan import Place, Plan
from kdns.proto.message import Edns, Message, Question
from kdns.proto.name import Name, from_labels, labels
from kdns.proto.reverse import is_reverse
from kdns.proto.text import rcode_text
from kdns.proto.types import Class, Flag, RCode
from kdns.serve.router import Router, Served
from kdns.why import Exhibit

_HERE = Peer("127.0.0.1", 0)
_OUTSIDE = Response(rcode=RCode.REFUSED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A question and its response; REFUSED where no server block has the name.

    `zone` is the server block's that was asked, `server` where it listens; both empty where none has it.
    """

    name: Name
    type: int
    response: Response = _OUTSIDE
    zone: Name = b""
    server: str = ""

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
            return self.response.why.sentence
        if self.response.ede:
            return self.response.ede.text
        if self.outside:
            return "the name is in none of the zones that are served"
        return f"plugin {self.response.by or 'unknown'} says so"

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
        return Verdict(name, type)
    place, served = max(known, key=lambda each: len(each[1].zone))
    response = await _asked(question, place, served, plan)
    return Verdict(name, type, response, served.zone, served.server)


async def _asked(question: Question, place: Place, served: Served, plan: Plan) -> Response:
    message = Message(0, Flag.RD, question, Edns(1232, 0, do=False), 0)
    local = Peer(place.host if not place.wild else _HERE.ip, place.port)
    query = Query(message, _HERE, local, Transport.udp, plan.build.clock(), served.zone, served.server)
    try:
        return await served.handler(query)
    except Exception as error:  # told as the server would tell it
        return failure(error)


async def near_outside(plan: Plan, verdict: Verdict) -> tuple[Name, ...]:
    """For a name outside every zone: what a Pod's search path would have made of it, where that is answered."""
    if not verdict.outside:
        return ()
    found = []
    for router in plan.routers.values():
        for candidate in _searched(router, verdict.name):
            tried = await judge(plan, candidate, verdict.type)
            if tried.response.rcode == RCode.NOERROR and tried.response.answer:
                found.append(candidate)
    return tuple(dict.fromkeys(found))


def _searched(router: Router, name: Name) -> Iterator[Name]:
    for zone in router.zones:
        if is_reverse(zone):
            continue
        for path in ((b"default", b"svc"), (b"svc",), ()):
            try:
                yield from_labels((*labels(name), *path), zone)
            except NameSyntaxError:
                continue
