"""kdns following a scripted API server, judged by its answers: in every pass of the loop if need be."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype

from kdns.app import App, responder_at
from kdns.chain import Transport
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.plan import Plan, plan
from tests.asking import CLIENT, LOCAL, ede
from tests.hits import hit
from tests.kube.live.apiserver import ApiServer
from tests.kube.live.etcd import Etcd, namespace, service, slice_of
from tests.warp import warp

STEADY = {"web.shop": "10.96.0.1", "db.shop": "10.244.0.1 10.244.0.2", "gone.shop": "NXDOMAIN"}
"""What `stock` makes, as answers."""


def stock(etcd: Etcd) -> None:
    """A namespace, a Service, a headless one with two endpoints."""
    etcd.put(namespace("shop"), service("web", "10.96.0.1"), service("db"), slice_of("db", "10.244.0.1", "10.244.0.2"))


class Following:
    """A plan that was loaded. Names are short: `web.shop` is `web.shop.svc.cluster.local.`; others end with a dot."""

    def __init__(self, planned: Plan) -> None:
        self.plan = planned
        (place,) = list(planned.routers)[:1]
        self._responder = responder_at(planned, place)
        self._ids = itertools.cycle(range(1, 65536))

    def look(self, name: str, type: str = "A") -> dns.message.Message:
        """The reply to a question, at once: nothing that *kubernetes* answers waits for anything."""
        full = name if name.endswith(".") else f"{name}.svc.cluster.local."
        query = dns.message.make_query(full, type, use_edns=0, payload=1232)
        query.id = next(self._ids)
        wire = query.to_wire()
        raw = hit(self._responder, wire)
        if raw is None:
            raw = _driven(self._responder.respond(wire, CLIENT, LOCAL, Transport.udp))
        assert raw is not None
        reply = dns.message.from_wire(raw)
        assert query.is_response(reply)
        return reply

    def shown(self, name: str, type: str = "A") -> str:
        """The records' data, sorted; NODATA, NXDOMAIN or SERVFAIL where there is none."""
        reply = self.look(name, type)
        if reply.rcode():
            return dns.rcode.to_text(reply.rcode())
        wanted = dns.rdatatype.from_text(type)
        found = sorted(str(each) for rrset in reply.answer for each in rrset if rrset.rdtype == wanted)
        return " ".join(found) or "NODATA"

    def why(self, name: str, type: str = "A") -> str:
        """The sentence of the Extended DNS Error."""
        return ede(self.look(name, type))

    def codes(self, name: str) -> list[int]:
        """The Extended DNS Errors' numbers."""
        return [int(option.code) for option in self.look(name).options if option.otype == 15]

    async def until(self, name: str, shown: str, within: float = 5.0, type: str = "A") -> float:
        """Wait for an answer, looking in every pass of the loop: the seconds that it took."""
        return await self.sees(lambda: self.shown(name, type) == shown, within, lambda: self.shown(name, type))

    async def sees(
        self, true: Callable[[], bool], within: float = 5.0, told: Callable[[], object] = lambda: "it is not so"
    ) -> float:
        """Wait for something to be true, looking in every pass of the loop: the seconds that it took."""
        loop, found = warp(), asyncio.Event()
        began = loop.time()

        def look() -> None:
            if not found.is_set() and true():
                found.set()

        look()
        loop.between.append(look)
        try:
            async with asyncio.timeout(within):
                await found.wait()
        except TimeoutError:
            raise AssertionError(f"after {within:g} seconds: {told()}") from None
        finally:
            loop.between.remove(look)
        return loop.time() - began

    @contextmanager
    def steady(self, **more: str) -> Iterator[None]:
        """Ask for what does not change in every pass of the loop; no answer may ever be another."""
        wanted = {**STEADY, **{name.replace("__", "."): shown for name, shown in more.items()}}
        wrong: list[str] = []
        asked = itertools.count()
        turn = itertools.cycle(wanted.items())
        loop = warp()

        def look() -> None:
            name, right = next(turn)
            next(asked)
            if (shown := self.shown(name)) != right:
                wrong.append(f"{name} is {shown} at {loop.time():.3f}")

        loop.between.append(look)
        try:
            yield
        finally:
            loop.between.remove(look)
        if wrong:
            raise AssertionError(f"{len(wrong)} wrong answers: {'; '.join(wrong[:3])}")
        assert next(asked) > len(wanted), "nothing was asked"

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value, 0 where it has none yet."""
        return self.plan.build.metrics.registry.get_sample_value(name, labels) or 0.0

    def relists(self, cause: str, kind: str = "Service") -> float:
        """How many lists of a kind were taken in for a cause."""
        return self.metric("kdns_kubernetes_relists_total", kind=kind, cause=cause)

    def ready(self) -> str:
        """What `/ready` waits for; empty when it says yes."""
        return self.plan.build.readiness["kubernetes"]()


def _driven(answer: Coroutine[Any, Any, bytes | None]) -> bytes | None:
    try:
        answer.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    answer.close()
    raise AssertionError("the answer waits for something")


def corefile(*options: str, more: str = "") -> str:
    """A Corefile with these option lines, and others in its server block."""
    lines = "".join(f"        {line}\n" for line in options)
    return f"cluster.local in-addr.arpa {{\n    kubernetes {{\n{lines}    }}\n{more}\n}}\n"


@asynccontextmanager
async def loaded(text: str) -> AsyncIterator[Following]:
    """A Corefile on this loop's clocks."""
    loop = warp()
    planned = plan(parse(text, "Corefile", environ={}, disk=Memory()), loop.time, loop.wall)
    app = App(planned)
    await app.load()
    try:
        yield Following(planned)
    finally:
        await app.unload()


@asynccontextmanager
async def following(api: ApiServer, *options: str, more: str = "") -> AsyncIterator[Following]:
    """kdns that follows this API server."""
    async with loaded(corefile(f"endpoint {api.url}", *options, more=more)) as dns:
        yield dns
