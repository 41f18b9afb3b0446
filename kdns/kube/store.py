"""The objects held, and which endpoints belong to which Service.

Whoever feeds it (files, a watch, a saved state) says what changed and what is gone. The store works
out which Services that is about, builds those anew, and publishes the keys of what changed in one
go, before anybody can ask. Every order and repetition of the same events ends in the same index.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
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
    folded,
)
from kdns.metrics import Metrics

Publish = Callable[[Iterable[Hashable]], None]
Group = tuple[bool, ServiceKey]
"""Whose endpoints: a Service's, or a ServiceImport's (True)."""
Dirty = dict[Group, dict[Ref, Slice]]
"""What an update is about: the slices that each will have."""


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
        self._recounted = False
        self._publish = publish
        self._wall = wall
        self._objects: dict[Ref, Object] = {}

    @property
    def objects(self) -> Collection[Object]:
        """Those that are held, while nothing is updated."""
        return self._objects.values()

    def end_all(self) -> None:
        """End every answer that was made from this store, though no object changed."""
        self._publish([self.key])

    def replace(self, objects: Iterable[Object]) -> None:
        """Hold exactly these objects: what is not among them is gone, what did not change is not touched."""
        new = {held.ref.folded: held for held in objects}
        self.update(new.values(), [ref for ref in self._objects if ref not in new])

    def update(self, changed: Iterable[Object], gone: Iterable[Ref] = ()) -> None:
        """Take in objects that are new or different, and drop others; unknown ones to drop are no error."""
        touched: set[Hashable] = set()
        dirty: Dirty = {}
        for ref in gone:
            self._set(ref.folded, None, dirty, touched)
        for held in changed:
            self._set(held.ref.folded, held, dirty, touched)
        for group, slices in dirty.items():
            touched |= self._rebuild(*group, slices)
        if touched:
            self.index.serial = max(self.index.serial, int(self._wall()))  # a clock may be set back, a serial not
            self._publish(touched)
        if self._recounted:
            self._recounted = False
            for kind, count in self.counts.items():
                self._metrics.objects.labels(str(kind)).set(count)

    def _set(self, ref: Ref, new: Object | None, dirty: Dirty, touched: set[Hashable]) -> None:
        old = self._objects.get(ref)
        if old == new:
            return
        if isinstance(old, Slice) and isinstance(new, Slice):
            new = _same_kept(old, new)
        self._hold(ref, new)
        match old or new:
            case Namespace(name):
                touched |= self.index.put_namespace(folded(name), cast("Namespace | None", new))
            case Pod():
                touched |= self.index.put_pod(cast("Pod | None", old), cast("Pod | None", new))
            case Slice():
                self._regroup(ref, cast("Slice | None", old), cast("Slice | None", new), dirty)
            case ServiceImport():
                self._slices((True, service_key(ref.namespace, ref.name)), dirty)
            case _:
                self._slices((False, service_key(ref.namespace, ref.name)), dirty)

    def _hold(self, ref: Ref, new: Object | None) -> None:
        self.changes += 1
        if new is None:
            del self._objects[ref]
            self.counts[ref.kind] -= 1
            self._recounted = True
            return
        if ref not in self._objects:
            self.counts[ref.kind] += 1
            self._recounted = True
        self._objects[ref] = new

    def _regroup(self, ref: Ref, old: Slice | None, new: Slice | None, dirty: Dirty) -> None:
        """Move a slice to the Service that its label names now: the label may have changed."""
        for group in _groups(old):
            del self._slices(group, dirty)[ref]
        for group in _groups(new):
            self._slices(group, dirty)[ref] = cast(Slice, new)

    def _slices(self, group: Group, dirty: Dirty) -> dict[Ref, Slice]:
        """The slices of a Service as they are to be, which it is then built anew from."""
        if group not in dirty:
            imported, key = group
            backed = (self.index.imports if imported else self.index.services).get(key)
            slices = [each for each in (backed.held if backed else ()) if isinstance(each, Slice)]
            dirty[group] = {each.ref.folded: each for each in slices}
        return dirty[group]

    def _rebuild(self, imported: bool, key: ServiceKey, slices: Mapping[Ref, Slice]) -> set[Hashable]:
        held = tuple(sorted(slices.values(), key=lambda each: each.name)) or self._manual(imported, key)
        if imported:
            return self.index.put_import(key, _backed(self._import(key), held))
        found = self._objects.get(Ref(Kind.SERVICE, *key))
        return self.index.put_service(key, _backed(cast("Service | None", found), held))

    def _import(self, key: ServiceKey) -> Service | None:
        held = cast("ServiceImport | None", self._objects.get(Ref(Kind.IMPORT, *key)))
        return held and Service(held.namespace, held.name, held.addresses, held.ports, held.headless)

    def _manual(self, imported: bool, key: ServiceKey) -> tuple[Endpoints, ...]:
        """A Service's Endpoints object, which counts where there are no slices."""
        held = None if imported else self._objects.get(Ref(Kind.ENDPOINTS, *key))
        return (held,) if isinstance(held, Endpoints) and not held.skip_mirror else ()


def _backed(service: Service | None, held: tuple[Slice | Endpoints, ...]) -> Backed | None:
    """A Service with the endpoints of these objects; None where there is neither."""
    if service is None and not held:
        return None
    endpoints = held[0].endpoints if held else ()
    if len(held) > 1:
        endpoints += tuple([each for further in held[1:] for each in further.endpoints])
    endpoints = _merge(endpoints)
    ready = tuple([each for each in endpoints if each.ready])
    return Backed(service, endpoints, endpoints if len(ready) == len(endpoints) else ready, held)


def _groups(held: Slice | None) -> set[Group]:
    """The Service and the ServiceImport that a slice belongs to."""
    if held is None:
        return set()
    groups = {(False, service_key(held.namespace, held.service))} if held.service else set()
    return groups | {(True, service_key(held.namespace, held.of_import))} if held.of_import else groups


def _same_kept(old: Slice, new: Slice) -> Slice:
    """The new slice with the old one's endpoints where they are equal: the reverse tables hold their addresses."""
    pairs = zip(old.endpoints, new.endpoints, strict=False)
    kept = [one if one == other else other for one, other in pairs]
    return new._replace(endpoints=(*kept, *new.endpoints[len(kept) :]))


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
