"""The objects held, and which endpoints belong to which Service.

Whoever feeds it (files, a watch, a saved state) says what changed and what is gone. The store works
out which Services that is about, builds those anew, and publishes the keys of what changed in one
go, before anybody can ask. Every order and repetition of the same events ends in the same index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import cast

from kdns.kube.index import Backed, Index, ServiceKey, service_key
from kdns.kube.objects import (
    Endpoint,
    Endpoints,
    Kind,
    Namespace,
    Object,
    Pod,
    Ref,
    Service,
    ServiceImport,
    Slice,
)
from kdns.metrics import Metrics

Publish = Callable[[Iterable[Hashable]], None]


class Store:
    """Feeds `index`. `key` is what every answer made from that depends on.

    `publish` gets the keys of what changed; `wall` is Unix time in seconds. `changes` counts objects that were
    new, different or gone.
    """

    def __init__(self, publish: Publish, wall: Callable[[], float], metrics: Metrics) -> None:
        self._metrics = metrics
        self.index = Index()
        self.key: Hashable = ("cluster", id(self))
        self.counts: Counter[Kind] = Counter()
        self.changes = 0
        self._publish = publish
        self._wall = wall
        self._objects: dict[Ref, Object] = {}
        self._slices: dict[tuple[bool, ServiceKey], dict[Ref, Slice]] = {}

    @property
    def objects(self) -> Collection[Object]:
        """Those that are held, while nothing is updated."""
        return self._objects.values()

    def end_all(self) -> None:
        """End every answer that was made from this store, though no object changed."""
        self._publish([self.key])

    def replace(self, objects: Iterable[Object]) -> None:
        """Hold exactly these objects: what is not among them is gone, what did not change is not touched."""
        new = {_folded(held.ref): held for held in objects}
        self.update(new.values(), [ref for ref in self._objects if ref not in new])

    def update(self, changed: Iterable[Object], gone: Iterable[Ref] = ()) -> None:
        """Take in objects that are new or different, and drop others; unknown ones to drop are no error."""
        touched: set[Hashable] = set()
        dirty: set[tuple[bool, ServiceKey]] = set()
        for ref in gone:
            self._set(_folded(ref), None, dirty, touched)
        for held in changed:
            self._set(_folded(held.ref), held, dirty, touched)
        for imported, key in dirty:
            touched |= self._rebuild(imported, key)
        if touched:
            self.index.serial = max(self.index.serial, int(self._wall()))  # a clock may be set back, a serial not
            self._publish(touched)
        for kind, count in self.counts.items():
            self._metrics.objects.labels(str(kind)).set(count)

    def _set(self, ref: Ref, new: Object | None, dirty: set[tuple[bool, ServiceKey]], touched: set[Hashable]) -> None:
        old = self._objects.get(ref)
        if old == new:
            return
        self._hold(ref, new)
        match old or new:
            case Namespace(name):
                touched |= self.index.put_namespace(name.lower(), cast("Namespace | None", new))
            case Pod():
                touched |= self.index.put_pod(cast("Pod | None", old), cast("Pod | None", new))
            case Slice():
                dirty |= self._regroup(cast("Slice | None", old), cast("Slice | None", new))
            case ServiceImport():
                dirty.add((True, service_key(ref.namespace, ref.name)))
            case _:
                dirty.add((False, service_key(ref.namespace, ref.name)))

    def _hold(self, ref: Ref, new: Object | None) -> None:
        self.changes += 1
        if new is None:
            del self._objects[ref]
            self.counts[ref.kind] -= 1
        else:
            self.counts[ref.kind] += ref not in self._objects
            self._objects[ref] = new

    def _regroup(self, old: Slice | None, new: Slice | None) -> set[tuple[bool, ServiceKey]]:
        """Move a slice to the Service that its label names now: the label may have changed."""
        left, joined = _groups(old), _groups(new)
        for group in left:
            del self._slices[group][cast(Slice, old).ref]
            if not self._slices[group]:
                del self._slices[group]
        for group in joined:
            self._slices.setdefault(group, {})[cast(Slice, new).ref] = cast(Slice, new)
        return left | joined

    def _rebuild(self, imported: bool, key: ServiceKey) -> set[Hashable]:
        if imported:
            return self.index.put_import(key, self._backed(self._import(key), True, key))
        found = self._objects.get(Ref(Kind.SERVICE, *key))
        return self.index.put_service(key, self._backed(cast("Service | None", found), False, key))

    def _import(self, key: ServiceKey) -> Service | None:
        held = cast("ServiceImport | None", self._objects.get(Ref(Kind.IMPORT, *key)))
        return held and Service(held.namespace, held.name, held.addresses, held.ports, held.headless)

    def _backed(self, service: Service | None, imported: bool, key: ServiceKey) -> Backed | None:
        sources, endpoints = self._endpoints(imported, key)
        if service is None and not sources:
            return None
        ready = tuple([each for each in endpoints if each.ready])
        return Backed(service, endpoints, endpoints if len(ready) == len(endpoints) else ready, sources)

    def _endpoints(self, imported: bool, key: ServiceKey) -> tuple[tuple[Ref, ...], tuple[Endpoint, ...]]:
        """A Service's slices if it has any, else its Endpoints object; never both."""
        slices = self._slices.get((imported, key))
        if slices:
            ordered = sorted(slices.values(), key=lambda each: each.name)
            first, *others = ordered
            merged = _merge(first.endpoints + tuple([each for held in others for each in held.endpoints]))
            return tuple([held.ref for held in ordered]), merged
        held = None if imported else self._objects.get(Ref(Kind.ENDPOINTS, *key))
        if isinstance(held, Endpoints) and not held.skip_mirror:
            return (held.ref,), _merge(held.endpoints)
        return (), ()


def _groups(held: Slice | None) -> set[tuple[bool, ServiceKey]]:
    """The Service and the ServiceImport that a slice belongs to."""
    if held is None:
        return set()
    groups = {(False, service_key(held.namespace, held.service))} if held.service else set()
    return groups | {(True, service_key(held.namespace, held.of_import))} if held.of_import else groups


def _folded(ref: Ref) -> Ref:
    return Ref(ref.kind, ref.namespace.lower(), ref.name.lower())


def _merge(endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
    """Each endpoint once, ready if any of its appearances is: it may stand in two slices while it moves
    (Kubernetes: EndpointSlices, "Duplicate endpoints").
    """
    if len({each.addresses for each in endpoints}) == len(endpoints):
        return endpoints
    merged: dict[Hashable, Endpoint] = {}
    for each in endpoints:
        key = (each.addresses, each.ports, each.hostname, each.cluster)
        known = merged.get(key)
        if known is None or (each.ready and not known.ready):
            merged[key] = each
    return tuple(merged.values())
