"""From what a Corefile says to a cluster: files or an API server, and only what is asked for is imported."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from random import SystemRandom

from kdns.kube.cluster import Cluster, Source
from kdns.kube.store import Store
from kdns.kube.wanted import Files, Server
from kdns.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a cluster needs of the process. `clock` is loop time, `wall` Unix time, in seconds.

    `serving` says whether it serves, and with this cluster: one that just looks leaves no traces.
    """

    publish: Callable[[Iterable[Hashable]], None]
    metrics: Metrics
    clock: Callable[[], float]
    wall: Callable[[], float]
    serving: Callable[[], bool] = lambda: False


def cluster(wanted: Files | Server, around: Surroundings, place: str) -> Cluster:
    """A cluster that is fed as wanted. `place` is `file:line` of what says so."""
    store = Store(around.publish, around.wall, around.metrics)
    source = _files(wanted, store, around) if isinstance(wanted, Files) else _server(wanted, store, around)
    return Cluster(store, source, place)


def _files(wanted: Files, store: Store, around: Surroundings) -> Source:
    from kdns.kube.files.manifests import Manifests

    return Manifests(
        wanted.paths,
        sink=store,
        settings=wanted.controllers,
        selection=wanted.selection,
        interval=wanted.poll,
        metrics=around.metrics,
    )


def _server(wanted: Server, store: Store, around: Surroundings) -> Source:
    from kdns.kube.live.access import access
    from kdns.kube.live.source import Live
    from kdns.kube.live.timing import Timing

    timing = Timing(around.clock, around.wall, asyncio.sleep, SystemRandom())
    return Live(wanted, access(wanted), store, around.metrics, timing, serving=around.serving)
