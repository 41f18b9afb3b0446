"""What the cache of one server block counts, by server: `dns://:53` and the like."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from kdns.caching.kind import Kind
from kdns.metrics import Metrics

_VIEW = ""
_STORES = (Kind.SUCCESS, Kind.DENIAL)


class _Counters(NamedTuple):
    """Looked up once: hits are counted at the rate of questions."""

    requests: Callable[[float], None]
    misses: Callable[[float], None]
    prefetches: Callable[[float], None]
    drops: Callable[[float], None]
    stale: Callable[[float], None]
    hits: dict[Kind, Callable[[float], None]]
    evictions: dict[Kind, Callable[[float], None]]


class Counts:
    """`zones` is their label; `entries` tells how many answers there are of a kind."""

    def __init__(self, metrics: Metrics, zones: str, entries: Callable[[Kind], int]) -> None:
        self._metrics = metrics
        self._zones = zones
        self._entries = entries
        self._known: dict[str, _Counters] = {}

    def hit(self, server: str, kind: Kind, count: int = 1) -> None:
        """So many questions were answered from the cache."""
        counters = self._of(server)
        counters.requests(count)
        counters.hits[kind](count)

    def miss(self, server: str) -> None:
        """A question was not."""
        counters = self._of(server)
        counters.requests(1)
        counters.misses(1)

    def kept(self, server: str, kind: Kind, evicted: int) -> None:
        """An answer came in, and so many others went."""
        if evicted:
            self._of(server).evictions[kind](evicted)

    def prefetch(self, server: str) -> None:
        """Something is asked anew in the background."""
        self._of(server).prefetches(1)

    def drop(self, server: str) -> None:
        """An answer was not kept because it does not answer the question."""
        self._of(server).drops(1)

    def stale(self, server: str) -> None:
        """A client got what was over."""
        self._of(server).stale(1)

    def _of(self, server: str) -> _Counters:
        counters = self._known.get(server)
        if counters is None:
            counters = self._known[server] = self._made(server)
        return counters

    def _made(self, server: str) -> _Counters:
        metrics, labels = self._metrics, (self._zones, _VIEW)
        for kind in _STORES:
            gauge = metrics.cache_entries.labels(server, kind.value, *labels)
            gauge.set_function(partial(self._entries, kind))
        success, denial = ((server, kind.value, *labels) for kind in _STORES)
        typed = {Kind.SUCCESS: success, Kind.DENIAL: denial, Kind.FAILURE: denial}
        return _Counters(
            metrics.cache_requests.labels(server, *labels).inc,
            metrics.cache_misses.labels(server, *labels).inc,
            metrics.cache_prefetches.labels(server, *labels).inc,
            metrics.cache_drops.labels(server, *labels).inc,
            metrics.cache_served_stale.labels(server, *labels).inc,
            {kind: metrics.cache_hits.labels(*each).inc for kind, each in typed.items()},
            {kind: metrics.cache_evictions.labels(*each).inc for kind, each in typed.items()},
        )
