"""A whole Corefile over a cluster that a test tells of: what is answered with the chain, and what without."""

from __future__ import annotations

import dns.message

from kdns.app import responder_at
from kdns.chain import Transport
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Namespace, Object, Service
from kdns.plan import plan
from kdns.proto.reverse import pack
from tests.asking import CLIENT, LOCAL, Clock, Told
from tests.hits import answer, hit

KUBEADM = """\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        manifests none
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus localhost:0
    cache 30
    loop
    reload
    loadbalance
}
"""
FIRST: list[Object] = [Namespace("shop"), Service("shop", "web", (pack("10.96.0.1"),))]


class Desk:
    """A responder for a Corefile over a cluster that a test tells of. `missing` is what the cluster waits for."""

    def __init__(self, corefile: str = KUBEADM) -> None:
        self.wall = Clock(1_700_000_000.0)
        self.plan = plan(parse(corefile, "Corefile", environ={}, disk=Local()), Clock(), self.wall)
        (self.cluster,) = {part for part in self.plan.build.parts if isinstance(part, Cluster)}
        self.cluster.source = Told()
        self.store = self.cluster.store
        self.store.update(FIRST)
        (place,) = self.plan.routers
        self.responder = responder_at(self.plan, place)
        self.memo = self.responder.memo

    def hit(self, name: str, type: str = "A", **edns: object) -> dns.message.Message | None:
        """The reply that needs no chain."""
        query = dns.message.make_query(name, type, **edns)  # type: ignore[arg-type]
        return self._read(query, hit(self.responder, query.to_wire()))

    async def ask(self, name: str, type: str = "A", **edns: object) -> dns.message.Message:
        """The reply."""
        query = dns.message.make_query(name, type, **edns)  # type: ignore[arg-type]
        wire = query.to_wire()
        found = hit(self.responder, wire)
        if found is None:
            found = await answer(self.responder, wire, CLIENT, LOCAL, Transport.udp)
        reply = self._read(query, found)
        assert reply is not None
        return reply

    def _read(self, query: dns.message.Message, wire: bytes | None) -> dns.message.Message | None:
        if wire is None:
            return None
        reply = dns.message.from_wire(wire)
        assert query.is_response(reply)
        return reply

    def counted(self, name: str, **labels: str) -> float:
        return self.plan.build.metrics.registry.get_sample_value(name, labels) or 0.0


def corefile(*lines: str, inside: str = "", zones: str = ".:53") -> str:
    kubernetes = f"kubernetes cluster.local {{\n manifests none\n {inside}\n}}"
    return "\n".join([f"{zones} {{", *lines, kubernetes, "}"])


class Waiting(Told):
    """The source of a cluster that is not known yet."""

    def missing(self) -> str:
        return "Services"
