"""One of a cache's two stores, which keeps what is asked again under a flood of what is not.

A newcomer is on probation: when room is needed, those on probation go first, the longest unused before the
others, unless they were asked for meanwhile; then they move to the main part. So a million names that are asked
once each pass through a tenth of the store and leave the rest alone (the idea of 2Q, Johnson and Shasha
1994, and S3-FIFO, Yang et al. 2023). Who was sent away from probation and comes again soon, or was in the main
part when its time was over, goes to the main part at once.

cachetools' TLRUCache would keep time and order of use in each part, but at a price that a forwarded question shows: it
asks for the time at every turn, and compares ends in Python.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush

from kdns.caching.held import Held, Key

_SHARE = 10
"""Probation is a tenth of the store while the rest is taken."""
_MOST_GONE = 64
"""Ends of what is gone that may be kept in any case."""


class _Part:
    """One part, in the order of use, the latest last. `room` is in bytes; `over` is told of what comes to its end."""

    def __init__(self, over: Callable[[Key, Held], None]) -> None:
        self.kept: OrderedDict[Key, Held] = OrderedDict()
        self.room = 0
        self._over = over
        self._ends: list[tuple[float, Key]] = []
        """A heap. What has gone otherwise leaves its end here, for a while."""

    def __len__(self) -> int:
        return len(self.kept)

    def add(self, key: Key, held: Held, now: float) -> None:
        """Take one in that is not here; one whose time is over goes at once."""
        end = held.gone_at
        if end <= now:
            self._over(key, held)
            return
        self.kept[key] = held
        self.room += held.size
        heappush(self._ends, (end, key))
        if len(self._ends) > _MOST_GONE + 2 * len(self.kept):
            self._ends = [(each.gone_at, key) for key, each in self.kept.items()]
            heapify(self._ends)

    def take(self, key: Key) -> Held | None:
        """The one with this key, which is here no more."""
        held = self.kept.pop(key, None)
        if held is not None:
            self.room -= held.size
        return held

    def take_oldest(self) -> tuple[Key, Held]:
        """The one that was not used for longest, which is here no more."""
        key, held = self.kept.popitem(last=False)
        self.room -= held.size
        return key, held

    def expire(self, now: float) -> None:
        """Let go of what is over."""
        while self._ends and self._ends[0][0] <= now:
            key = heappop(self._ends)[1]
            held = self.kept.get(key)
            if held is not None and held.gone_at <= now:
                self.take(key)
                self._over(key, held)


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
        number = hash(key)
        known = number in self._known
        self._known.discard(number)
        return known


class Store:
    """Responses by key, at most `entries` of them and at most `size` bytes. `clock` is loop time in seconds.

    `gone` is told of each that is in it no more, whatever the reason.
    """

    def __init__(self, entries: int, size: int, clock: Callable[[], float], gone: Callable[[Held], None]) -> None:
        self._entries = entries
        self._size = size
        self._clock = clock
        self._gone = gone
        self._probation = _Part(lambda _key, held: gone(held))
        self._main = _Part(self._main_over)
        self._tried = _Left(entries)
        self._proven = _Left(entries)

    def __len__(self) -> int:
        self._look()
        return len(self._probation) + len(self._main)

    @property
    def size(self) -> int:
        """Bytes of all that is in it, about."""
        self._look()
        return self._probation.room + self._main.room

    def get(self, key: Key) -> Held | None:
        """What is kept under this key, stale or not."""
        part = self._main if key in self._main.kept else self._probation
        held = part.kept.get(key)
        if held is None or held.gone_at <= self._clock():
            return None
        part.kept.move_to_end(key)
        return held

    def put(self, key: Key, held: Held) -> int:
        """Keep it instead of what was kept under this key; how many others had to go for want of room."""
        now = self._look()
        proven = key in self._main.kept
        if proven or key in self._probation.kept:
            self._drop(key)
        part = self._main if self._has_left(key) or proven else self._probation
        part.add(key, held, now)
        return self._make_room(now)

    def drop(self, key: Key) -> None:
        """Forget what is kept under this key, if anything is."""
        self._look()
        if key in self._main.kept or key in self._probation.kept:
            self._drop(key)

    def _look(self) -> float:
        """Let go of what is over; what time it is."""
        now = self._clock()
        self._probation.expire(now)
        self._main.expire(now)
        return now

    def _drop(self, key: Key) -> None:
        for part in (self._main, self._probation):
            old = part.take(key)
            if old is not None:
                self._gone(old)

    def _has_left(self, key: Key) -> bool:
        """Not long ago, for want of room or of time."""
        proven = self._proven.take(key)
        return self._tried.take(key) or proven

    def _main_over(self, key: Key, held: Held) -> None:
        self._proven.add(key)
        self._gone(held)

    def _make_room(self, now: float) -> int:
        evicted = 0
        probation, main = self._probation, self._main
        while len(probation.kept) + len(main.kept) > self._entries or probation.room + main.room > self._size:
            evicted += self._evict_one(now)
        return evicted

    def _evict_one(self, now: float) -> bool:
        """Send one away or give it another chance; whether it went. What was touched is not any more, so it ends."""
        on_probation = self._probation_goes()
        key, held = (self._probation if on_probation else self._main).take_oldest()
        if held.touched:
            held.touched = False
            self._main.add(key, held, now)
            return False
        if on_probation:
            self._tried.add(key)
        self._gone(held)
        return True

    def _probation_goes(self) -> bool:
        probation = self._probation
        crowded = len(probation) * _SHARE > self._entries or probation.room * _SHARE > self._size
        return (crowded and len(probation) > 1) or not len(self._main)
