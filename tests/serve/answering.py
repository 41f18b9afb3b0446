"""A real responder around a handler that a test writes, and what it counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kdns.chain import Handler, Keep, Query, Response, Scope
from kdns.metrics import Metrics
from kdns.proto.name import from_text
from kdns.proto.record import RRset, addresses
from kdns.proto.reverse import pack
from kdns.serve.memo import Memo
from kdns.serve.responder import Responder
from kdns.serve.router import Router, Served

CLIENT = ("192.0.2.53", 40000)
LOCAL = ("127.0.0.1", 1053)
FOREVER = Keep(scope=Scope.EVERYBODY)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def addressed(query: Query, *ips: str, keep: Keep = FOREVER) -> Response:
    """These addresses for whatever was asked."""
    return Response(answer=(answer_set(query, *ips),), authoritative=True, keep=keep, turn=0)


def answer_set(query: Query, *ips: str) -> RRset:
    """An RRset owned by the question's name."""
    return addresses(query.question.name, 5, map(pack, ips))


async def one_address(query: Query) -> Response:
    """10.0.0.1, to be kept."""
    return addressed(query, "10.0.0.1")


@dataclass
class Desk:
    """A responder for a handler in some zones, and its parts."""

    handler: Handler = one_address
    zones: Sequence[str] = ("example.",)
    payload: int = 1232
    clock: Clock = field(default_factory=Clock)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        names = [from_text(zone) for zone in self.zones]
        served = {name: Served(name, "dns://:53", self.handler, self.payload) for name in names}
        self.memo = Memo(1 << 20, self.clock)
        self.responder = Responder(Router(served), self.memo, self.metrics, self.clock)

    def counted(self, name: str, **labels: str) -> float:
        """A metric's value now, 0 where nobody has counted yet."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def refused(self) -> dict[str, float]:
        """Messages that ended early, by their reason."""
        return by_reason(self.metrics, "kdns_refused_early_total")

    def closed(self) -> dict[str, float]:
        """Connections that were ended, by their reason."""
        return by_reason(self.metrics, "kdns_tcp_connections_closed_total")


def by_reason(metrics: Metrics, name: str) -> dict[str, float]:
    """The values of a metric with the label `reason`, those that are not 0."""
    families: Iterable[object] = metrics.registry.collect()
    samples = [sample for family in families for sample in getattr(family, "samples", ())]
    return {sample.labels["reason"]: sample.value for sample in samples if sample.name == name and sample.value}
