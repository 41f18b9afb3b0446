"""One of a cache's two stores, which keeps what is asked again under a flood of what is not.

A newcomer is on probation: when room is needed, those on probation go first, the longest unused before the
others, unless they were asked for meanwhile; then they move to the main part. So a million names that are asked
once each pass through a tenth of the store and leave the rest alone (the idea of 2Q, Johnson and Shasha
1994, and S3-FIFO, Yang et al. 2023). Who was sent away from probation and comes again soon, or was in the main
part when its time was over, goes to the main part at once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf

from kdns.caching.held import Held, Key

_SHARE = 10
"""Probation is a tenth of the store while the rest is taken."""
_WASTE = 64


class Ends:
    """When what is kept is over, and when the `first` may be. `find` gives what is kept under a key."""

    def __init__(self, find: Callable[[Key], Held | None]) -> None:
        self._find = find
        self.first = inf
        self._heap: list[tuple[float, Key]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, key: Key, held: Held, kept: int) -> None:
        """One of so many that are kept; no more than as many again are remembered in vain."""
        heappush(self._heap, (held.gone_at, key))
        self.first = self._heap[0][0]
        if len(self._heap) > 2 * kept + _WASTE:
            self._heap = [(end, key) for end, key in self._heap if (here := self._find(key)) and here.gone_at == end]
            heapify(self._heap)

    def due(self, now: float) -> list[Key]:
        """The keys under which something is kept though it is over."""
        over, heap = [], self._heap
        while heap and heap[0][0] <= now:
            _, key = heappop(heap)
            held = self._find(key)
            if held is not None and held.gone_at <= now:
                over.append(key)
        self.first = heap[0][0] if heap else inf
        return over


class _Left:
    """The last so many keys that have left, by their hashes."""

    def __init__(self, most: int) -> None:
        self._order: deque[int] = deque()
        self._known: set[int] = set()
        self._most = most

    def add(self, key: Key) -> None:
        """This one has left."""
        number = hash(key)
        self._known.add(number)
        self._order.append(number)
        if len(self._order) > self._most:
            self._known.discard(self._order.popleft())

    def take(self, key: Key) -> bool:
        """Whether this one has left; not any more."""
        if not self._known or (number := hash(key)) not in self._known:
            return False
        self._known.discard(number)
        return True


class Store:
    """Responses by key, at most `entries` of them and at most `size` bytes. `clock` is loop time in seconds.

    `gone` is told of each that is in it no more, whatever the reason.
    """

    def __init__(self, entries: int, size: int, clock: Callable[[], float], gone: Callable[[Held], None]) -> None:
        self._entries = entries
        self._most = size
        self._clock = clock
        self._gone = gone
        self._size = self._trying = 0
        self._probation: OrderedDict[Key, Held] = OrderedDict()
        self._main: OrderedDict[Key, Held] = OrderedDict()
        self._ends = Ends(lambda key: self._main.get(key) or self._probation.get(key))
        self._tried = _Left(entries)
        self._proven = _Left(entries)

    def __len__(self) -> int:
        self._look(self._clock())
        return len(self._probation) + len(self._main)

    @property
    def size(self) -> int:
        """Bytes of all that is in it, about."""
        self._look(self._clock())
        return self._size

    def get(self, key: Key) -> Held | None:
        """What is kept under this key, stale or not."""
        part = self._main
        held = part.get(key)
        if held is None:
            part = self._probation
            held = part.get(key)
        if held is None or held.gone_at <= self._clock():
            return None
        part.move_to_end(key)
        return held

    def put(self, key: Key, held: Held) -> int:
        """Keep it instead of what was kept under this key; how many others had to go for want of room."""
        now = self._clock()
        self._look(now)
        proven = key in self._main
        if proven or key in self._probation:
            self._drop(key)
        if held.gone_at <= now:
            self._gone(held)
            return 0
        self._add(self._main if self._has_left(key) or proven else self._probation, key, held)
        self._ends.add(key, held, len(self._probation) + len(self._main))
        return self._make_room()

    def drop(self, key: Key) -> None:
        """Forget what is kept under this key, if anything is."""
        if key in self._main or key in self._probation:
            self._look(self._clock())  # what is over by now went by time
            self._drop(key)

    def _look(self, now: float) -> None:
        """Let go of what is over."""
        if self._ends.first > now:
            return
        for key in self._ends.due(now):
            if key in self._main:
                self._proven.add(key)
            self._drop(key)

    def _drop(self, key: Key) -> None:
        for part in (self._main, self._probation):
            old = part.pop(key, None)
            if old is not None:
                self._count(part, old, -1)
                self._gone(old)

    def _add(self, part: OrderedDict[Key, Held], key: Key, held: Held) -> None:
        part[key] = held
        self._count(part, held, 1)

    def _count(self, part: OrderedDict[Key, Held], held: Held, number: int) -> None:
        self._size += number * held.size
        if part is self._probation:
            self._trying += number * held.size

    def _has_left(self, key: Key) -> bool:
        """Not long ago, for want of room or of time."""
        proven = self._proven.take(key)
        return self._tried.take(key) or proven

    def _make_room(self) -> int:
        evicted = 0
        while len(self._probation) + len(self._main) > self._entries or self._size > self._most:
            evicted += self._evict_one()
        return evicted

    def _evict_one(self) -> bool:
        """Send one away or give it another chance; whether it went. What was touched is not any more, so it ends."""
        on_probation = self._probation_goes()
        part = self._probation if on_probation else self._main
        key, held = part.popitem(last=False)
        self._count(part, held, -1)
        if held.touched:
            held.touched = False
            self._add(self._main, key, held)
            return False
        if on_probation:
            self._tried.add(key)
        self._gone(held)
        return True

    def _probation_goes(self) -> bool:
        waiting = len(self._probation)
        crowded = waiting * _SHARE > self._entries or self._trying * _SHARE > self._most
        return (crowded and waiting > 1) or not self._main
