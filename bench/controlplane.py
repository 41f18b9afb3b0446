"""A real etcd and kube-apiserver with the cluster in it: the programs and their start are the end-to-end tests'.

Slow to fill, some hundred objects a second: for memory and starts, where the way of the bytes matters (TLS, protobuf
for CoreDNS).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.cluster import NAMESPACES, Shape, endpoint_slice, namespace, service
from bench.process import LOAD
from tests.e2e.api import Api, Json
from tests.e2e.cluster import ControlPlane
from tests.e2e.programs import programs

_THREADS = 8
_SERVERS = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
"""Metadata that the API server gives."""


@contextmanager
def control_plane(folder: Path, shape: Shape, say: Callable[[str], None]) -> Iterator[Path]:
    """Beside the load; a kubeconfig for it. Raises tests.e2e.programs.MissingError."""
    folder.mkdir(parents=True)
    plane = ControlPlane(programs(), folder)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {LOAD})
    try:
        plane.start()
        fill(plane.api, shape, say)
        yield plane.kubeconfig()
    finally:
        os.sched_setaffinity(0, before)
        plane.stop()


def fill(api: Api, shape: Shape, say: Callable[[str], None]) -> None:
    """Create the cluster's objects."""
    for number in range(NAMESPACES):
        api.create(bare(namespace(number, 1)))

    def create(number: int) -> None:
        api.create(bare(service(number, 1)), bare(endpoint_slice(number, 1, shape.each)))
        if number and number % 1000 == 0:
            say(f"{number} of {shape.services} Services are created")

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(create, range(shape.services)))
    for kind, version in (("Service", "v1"), ("EndpointSlice", "discovery.k8s.io/v1")):
        made = len(api.list(kind, version=version, resourceVersion="0"))
        say(f"the API server knows {made} {kind}s")


def bare(held: Json) -> Json:
    """An object as somebody creates it."""
    metadata = {key: value for key, value in held["metadata"].items() if key not in _SERVERS}
    return {**{key: value for key, value in held.items() if key != "status"}, "metadata": metadata}
