"""What one resource has told us, object by object: the sink of a reflector, in front of the store.

Here the versions and uids are kept that tell an old word from a new one: the same event twice, an
event out of order, the end of an object whose name has a successor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, TypeVar

from kdns.kube.live.resources import Item
from kdns.kube.live.version import newer
from kdns.kube.objects import Object, Ref

T = TypeVar("T")
STEP = 50
"""Objects that are taken in before others get their turn: some 5 ms."""
_LOOKS = 2000
"""Objects that are compared with what is known before others get their turn: some 3 ms."""


class Sink(Protocol):
    """What is fed: a store."""

    def update(self, changed: Iterable[Object], gone: Iterable[Ref]) -> None:
        """Take in objects that are new or different and drop others, at once."""


class _Known(NamedTuple):
    """What is known of an object. It is held as bytes, in a third of the memory: there is one for every object."""

    uid: str
    version: str
    shown: bool


_HIDDEN = b" -"


def _packed(uid: str, version: str) -> bytes:
    """Neither of them has a space in it. What is not shown has `_HIDDEN` behind."""
    return f"{uid} {version}".encode()


def _unpacked(held: bytes) -> _Known:
    uid, version, *hidden = held.decode().split(" ")
    return _Known(uid, version, not hidden)


class Holding:
    """The objects of one resource as the API server last told them. `applied` hears of each that changed answers."""

    def __init__(self, sink: Sink, applied: Callable[[Item], None]) -> None:
        self._sink = sink
        self._applied = applied
        self._known: dict[Ref, bytes] = {}

    def __len__(self) -> int:
        return len(self._known)

    @property
    def versions(self) -> Mapping[Ref, bytes]:
        """What is known of each object, packed."""
        return self._known

    def prime(self, refs: Iterable[Ref]) -> None:
        """The store has these objects from a saved state: the first list takes out those that it does not have."""
        self._known.update(dict.fromkeys(refs, _packed("", "")))

    def apply(self, type: str, item: Item) -> None:
        """An event of a watch. An old one, or one of an object that has been replaced, changes nothing."""
        known = self._of(item.ref)
        if type == "DELETED":
            if known is not None and known.uid in {item.uid, ""}:
                del self._known[item.ref]
                self._sink.update((), [item.ref] if known.shown else ())
            return
        if known is not None and known.uid == item.uid and _is_old(item.version, known.version):
            return
        self._take(item, known)

    def has(self, item: Item) -> bool:
        """Whether it is known in this very version."""
        held = self._known.get(item.ref)
        return held is not None and held.removesuffix(_HIDDEN) == _packed(item.uid, item.version)

    def add(self, items: list[Item]) -> None:
        """Objects that nothing is known of, some at a time."""
        self._hold(items, [])

    def replace(self, items: Iterable[Item], *, anew: bool = False) -> Iterator[int]:
        """A list, taken in step by step: how many objects of each step differed.

        What is new comes first, bit by bit; then, at once, what changed and what is gone, since an endpoint may have
        moved from any of these to any other: nothing that exists is ever missing. `anew` believes no version to be
        what it was: a restored server gives the same ones again.
        """
        listed: set[Ref] = set()
        new: list[Item] = []
        rest: list[Item] = []
        for place, item in enumerate(items, 1):
            listed.add(item.ref)
            if item.ref not in self._known:
                new.append(item)
            elif anew or not self.has(item):
                rest.append(item)
            if not place % _LOOKS:
                yield 0
        for step in _steps(new):
            yield len(step)
            self._hold(step, [])
        gone = [ref for ref in self._known if ref not in listed]
        yield sum(not self.has(item) for item in rest) + len(gone)
        self._hold(rest, gone)

    def _hold(self, items: list[Item], gone: list[Ref]) -> None:
        hidden = [item.ref for item in items if item.object is None and self._is_shown(item.ref)]
        dropped = [ref for ref in gone if self._is_shown(ref)]
        for ref in gone:
            del self._known[ref]
        for item in items:
            self._know(item)
        self._sink.update([item.object for item in items if item.object is not None], [*hidden, *dropped])

    def repair(self, items: Iterable[Item], version: str, spared: Collection[Ref]) -> int:
        """Mend what a list at `version` shows to be wrong, but for objects to be spared. How many that was."""
        listed = {item.ref: item for item in items}
        wrong = [item for ref, item in listed.items() if ref not in spared and self._is_behind(item, self._of(ref))]
        gone = [
            ref for ref in self._known if ref not in listed and ref not in spared and not self._is_since(ref, version)
        ]
        for item in wrong:
            self._take(item, self._of(item.ref))
        for ref in gone:
            known = self._of(ref)
            self.apply("DELETED", Item(ref, known.uid if known else "", version, None))
        return len(wrong) + len(gone)

    def _is_behind(self, item: Item, known: _Known | None) -> bool:
        return known is None or known.uid != item.uid or newer(item.version, known.version)

    def _is_since(self, ref: Ref, version: str) -> bool:
        known = self._of(ref)
        return known is not None and newer(known.version, version)

    def _of(self, ref: Ref) -> _Known | None:
        held = self._known.get(ref)
        return None if held is None else _unpacked(held)

    def _know(self, item: Item) -> None:
        held = _packed(item.uid, item.version)
        self._known[item.ref] = held if item.object is not None else held + _HIDDEN

    def _take(self, item: Item, known: _Known | None) -> None:
        self._know(item)
        if item.object is not None:
            self._sink.update([item.object], ())
            self._applied(item)
        elif known is not None and known.shown:
            self._sink.update((), [item.ref])

    def _is_shown(self, ref: Ref) -> bool:
        held = self._known.get(ref)
        return held is not None and not held.endswith(_HIDDEN)


def _steps(things: list[T]) -> Iterator[list[T]]:
    return (things[begin : begin + STEP] for begin in range(0, len(things), STEP))


def _is_old(version: str, known: str) -> bool:
    return version == known or newer(known, version)
