"""What an API server keeps: objects, their versions, and all that ever happened to them.

One version counter for everything, as etcd has it. Objects are dictionaries in the API's shape.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

Doc = dict[str, Any]


class Key(NamedTuple):
    """Where an object is: `plural` as in paths."""

    plural: str
    namespace: str
    name: str


class Change(NamedTuple):
    """What happened at a version: `new` is None for an end, `old` for a beginning."""

    version: int
    key: Key
    new: Doc | None
    old: Doc | None


PLURALS = {
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "Endpoints": "endpoints",
    "Pod": "pods",
    "Namespace": "namespaces",
    "ServiceImport": "serviceimports",
}


class Etcd:
    """`compacted` is the oldest version that can still be read."""

    def __init__(self, version: int = 1000) -> None:
        self.version = version
        self.compacted = 0
        self.log: list[Change] = []
        self._objects: dict[Key, Doc] = {}
        self._uids = itertools.count(1)
        self._waiting: set[asyncio.Event] = set()

    def put(self, *docs: Doc, told: bool = True) -> int:
        """Create or change objects: the last one's version. Not `told`: no watch ever hears of it."""
        for doc in docs:
            key = _key(doc)
            old = self._objects.get(key)
            self.version += 1
            new = copy.deepcopy(doc)
            new["metadata"].setdefault("uid", old["metadata"]["uid"] if old else f"uid-{next(self._uids)}")
            new["metadata"]["resourceVersion"] = str(self.version)
            self._objects[key] = new
            self._happened(Change(self.version, key, new, old), told=told)
        return self.version

    def delete(self, *docs: Doc, told: bool = True) -> int:
        """End objects: the last one's version."""
        for doc in docs:
            old = self._objects.pop(_key(doc))
            self.version += 1
            self._happened(Change(self.version, _key(doc), None, old), told=told)
        return self.version

    def _happened(self, change: Change, *, told: bool) -> None:
        if told:
            self.log.append(change)
            self.wake()

    def compact(self) -> None:
        """Forget what happened before now."""
        self.compacted = self.version

    def at(self, plural: str, version: int | None = None) -> list[Doc]:
        """The objects of a kind, sorted by name, as they were at a version; now without."""
        held = {key: doc for key, doc in self._objects.items() if key.plural == plural}
        for change in reversed(self.log):
            if version is None or change.version <= version:
                break
            if change.key.plural == plural:
                held.pop(change.key, None)
                if change.old is not None:
                    held[change.key] = change.old
        return [held[key] for key in sorted(held)]

    def since(self, version: int, plural: str) -> list[Change]:
        """What happened to a kind after a version, in order."""
        return [change for change in self.log if change.version > version and change.key.plural == plural]

    def save(self) -> Etcd:
        """A copy, for `restore`."""
        kept = Etcd(self.version)
        kept.compacted, kept.log, kept._objects = self.compacted, list(self.log), dict(self._objects)
        return kept

    def restore(self, kept: Etcd) -> None:
        """Be again what we were, versions too: whoever watched has to be cut off by its server."""
        self.version, self.compacted = kept.version, kept.compacted
        self.log, self._objects = list(kept.log), dict(kept._objects)

    def waiter(self) -> asyncio.Event:
        """To be taken before one looks what there is: nothing that happens after it is missed."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    async def changed(self, seconds: float, waiter: asyncio.Event | None = None) -> None:
        """Return when anything happens, or has since the waiter was taken, or after so many seconds."""
        event = waiter or self.waiter()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(event)

    def wake(self) -> None:
        """Let all who wait look again."""
        for event in self._waiting:
            event.set()


def _key(doc: Doc) -> Key:
    return Key(PLURALS[doc["kind"]], doc["metadata"].get("namespace", ""), doc["metadata"]["name"])


# Objects.


def namespace(name: str = "shop", **labels: str) -> Doc:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def service(name: str, ip: str = "None", namespace: str = "shop", *, port: int = 80, **labels: str) -> Doc:
    """A Service with one port; headless without an address."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": ip,
            "clusterIPs": [ip],
            "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        },
    }


def slice_of(
    service: str, *ips: str, name: str = "", namespace: str = "shop", not_ready: Iterable[str] = (), **labels: str
) -> Doc:
    """An EndpointSlice of a Service; of none if `service` is empty."""
    owner = {"kubernetes.io/service-name": service} if service else {}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name or f"{service}-1", "namespace": namespace, "labels": {**owner, **labels}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [ip], "conditions": {"ready": ip not in set(not_ready)}} for ip in ips],
        "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
    }


def endpoints(name: str, *ips: str, namespace: str = "shop") -> Doc:
    """An Endpoints object."""
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name, "namespace": namespace},
        "subsets": [subset],
    }


def pod(name: str, ip: str, namespace: str = "shop", phase: str = "Running") -> Doc:
    """A Pod."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "status": {"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}]},
    }
