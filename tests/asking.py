"""A Corefile served without sockets: bytes go to a real responder, replies are read by dnspython."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from kdns.app import App, responder_at
from kdns.chain import Transport
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.kube.document import Origin
from kdns.kube.objects import Ref
from kdns.plan import Plan, plan
from kdns.serve.responder import Responder
from tests.hits import answer, hit

CLIENT = ("192.0.2.53", 40000)
LOCAL = ("127.0.0.1", 1053)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Told:
    """The source of a cluster whose store is told all there is by the test itself."""

    async def start(self) -> None:
        """Nothing to wait for."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    def origin(self, ref: Ref) -> Origin | None:  # noqa: ARG002
        """No object comes from anywhere."""
        return None

    def missing_imports(self) -> str:
        return ""

    def missing(self) -> str:
        """Nothing."""
        return ""

    def stale(self) -> str:
        """Never."""
        return ""

    def describe(self) -> str:
        """For the line at start."""
        return "a test"

    def parts(self) -> Mapping[str, object]:
        """Nothing besides the store."""
        return {}

    def faults(self) -> Iterable[str]:
        """None."""
        return ()


class Asked:
    """A plan that was loaded. `wall` is the Unix time of its changes."""

    def __init__(self, planned: Plan, wall: Clock) -> None:
        self.plan = planned
        self.wall = wall
        (place,) = list(planned.routers)[:1]
        self.responder: Responder = responder_at(planned, place)
        self._ids = itertools.count(1)

    async def ask(
        self, name: str, type: str = "A", *, edns: bool = True, tcp: bool = False, payload: int = 1232
    ) -> dns.message.Message:
        """The reply to a question for a full name."""
        query = dns.message.make_query(name, type, use_edns=0 if edns else False, payload=payload)
        query.id = next(self._ids)
        return await self.exchange(query, tcp=tcp)

    async def exchange(self, query: dns.message.Message, *, tcp: bool = False) -> dns.message.Message:
        """The reply to a query, checked to be one: dnspython reads it whole and it is to this query."""
        transport = Transport.tcp if tcp else Transport.udp
        wire = query.to_wire()
        raw = hit(self.responder, wire, transport)
        if raw is None:
            raw = await answer(self.responder, wire, CLIENT, LOCAL, transport)
        assert raw is not None
        reply = dns.message.from_wire(raw)
        assert query.is_response(reply)
        return reply


@asynccontextmanager
async def serving(corefile: str, folder: Path | None = None) -> AsyncIterator[Asked]:
    """A Corefile, as if it lay in `folder`."""
    wall = Clock(1_700_000_000.0)
    file = str((folder or Path.cwd()) / "Corefile")
    parsed = parse(corefile, file, environ={}, disk=Local())
    planned = plan(parsed, Clock(), wall)
    app = App(planned)
    await app.load()
    try:
        yield Asked(planned, wall)
    finally:
        await app.unload()


def lines(sections: Iterable[dns.rrset.RRset]) -> list[str]:
    """Records as sorted lines of a zone file, blanks single."""
    return sorted(" ".join(line.split()) for rrset in sections for line in str(rrset).splitlines())


def rcode(reply: dns.message.Message) -> str:
    """The rcode's name."""
    return dns.rcode.to_text(reply.rcode())


def ede(reply: dns.message.Message) -> str:
    """The sentence of the Extended DNS Error, empty if there is none."""
    return next((option.text or "" for option in reply.options if option.otype == 15), "")
