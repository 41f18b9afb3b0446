"""Manifests put into a cluster, as `kubectl apply -f FOLDER` and whoever runs its Pods would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from tests.e2e.api import Json, RefusedError
from tests.e2e.kit import Cluster
from tests.e2e.objects import namespace

_FOREIGN = ("monitoring.coreos.com",)
"""Groups that an API server knows only from their operators."""
_READY = {"type": "Ready", "status": "True"}


def documents(folders: Iterable[Path]) -> list[Json]:
    """The objects of all files, in the order of their names, with their namespaces."""
    found = [each for folder in folders for file in sorted(folder.glob("*.yaml")) for each in _read(file)]
    for each in found:
        each["metadata"].setdefault("namespace", "default")
    return [each for each in found if each["apiVersion"].partition("/")[0] not in _FOREIGN]


def apply(cluster: Cluster, objects: Iterable[Json]) -> None:
    """Create them, or put them in the place of what is called so. Pods get the status that they are given."""
    objects = list(objects)
    for name in sorted({each["metadata"]["namespace"] for each in objects}):
        try:
            cluster.api.create(namespace(name))
        except RefusedError as error:
            if error.status != 409:
                raise
    for each in objects:
        if "status" in each:
            metadata = each["metadata"]
            cluster.kubelet.given[metadata["namespace"], metadata["name"]] = _whole(each["status"])
        cluster.api.replace(each)


def _read(file: Path) -> Iterator[Json]:
    with file.open() as opened:
        yield from filter(None, yaml.safe_load_all(opened))


def _whole(status: Json) -> Json:
    """A Pod's status with the condition that a kubelet gives to one that runs."""
    return {"conditions": [_READY], "podIPs": [{"ip": status["podIP"]}], **status}
