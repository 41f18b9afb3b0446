"""One of a cache's two stores, which keeps what is asked again under a flood of what is not.

A newcomer is on probation: when room is needed, those on probation go first, the longest unused before the
others, unless they were asked for meanwhile; then they move to the main part. So a million names that are asked
once each pass through a tenth of the store and leave the rest alone (the idea of 2Q, Johnson and Shasha
1994, and S3-FIFO, Yang et al. 2023). Who was sent away from probation and comes again soon, or was in the main
part when its time was over, goes to the main part at once.

cachetools' TLRUCache keeps the time and the order of use in each part. It is not cheap to ask, so which part has a key
is known beside it: for a name that nobody asked for before neither is asked, and one is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from cachetools import TLRUCache

from kdns.caching.held import Held, Key

_SHARE = 10
"""Probation is a tenth of the store while the rest is taken."""


class _Part(TLRUCache[Key, Held]):
    """One part, its room counted: `entries`, and `room` in bytes. Tells `over` what has come to its end by time.

    TLRUCache could count as well, but looks at the time for it.
    """

    def __init__(self, now: Callable[[], float], over: Callable[[Key, Held], None]) -> None:
        super().__init__(inf, lambda _key, held, _now: held.gone_at, now)
        self.entries = 0
        self.room = 0
        self._over = over

    def add(self, key: Key, held: Held) -> None:
        """Take one in that is not here, whose time is not over."""
        self[key] = held
        self._count(held, 1)

    def take(self, key: Key) -> Held:
        """The one with this key, whose time is not over, and which is here no more."""
        held = self.pop(key)
        self._count(held, -1)
        return held

    def take_oldest(self) -> tuple[Key, Held]:
        """The one that was not used for longest, which is here no more."""
        key, held = self.popitem()
        self._count(held, -1)
        return key, held

    def expire(self, time: float | None = None) -> list[tuple[Key, Held]]:
        """As TLRUCache does, and tell."""
        if not (expired := super().expire(time)):
            return []
        for key, held in (over := list(expired)):
            self._count(held, -1)
            self._over(key, held)
        return over

    def _count(self, held: Held, number: int) -> None:
        self.entries += number
        self.room += number * held.size


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
        self._size = size
        self._clock = clock
        self._gone = gone
        self._now = clock()
        self._probation = _Part(lambda: self._now, self._probation_over)
        self._main = _Part(lambda: self._now, self._main_over)
        self._parts: dict[Key, _Part] = {}  # which has it
        self._tried = _Left(entries)
        self._proven = _Left(entries)

    def __len__(self) -> int:
        self._look()
        return self._probation.entries + self._main.entries

    @property
    def size(self) -> int:
        """Bytes of all that is in it, about."""
        self._look()
        return self._probation.room + self._main.room

    def get(self, key: Key) -> Held | None:
        """What is kept under this key, stale or not."""
        part = self._parts.get(key)
        if part is None:
            return None
        self._now = self._clock()
        return part.get(key)

    def put(self, key: Key, held: Held) -> int:
        """Keep it instead of what was kept under this key; how many others had to go for want of room."""
        proven = self._parts.get(key) is self._main
        self.drop(key)
        self._now = self._clock()
        if held.gone_at <= self._now:
            self._gone(held)
            return 0
        self._add(self._main if self._has_left(key) or proven else self._probation, key, held)
        return self._make_room()

    def drop(self, key: Key) -> None:
        """Forget what is kept under this key, if anything is."""
        if key in self._parts:
            self._look()
        if key in self._parts:
            self._gone(self._parts.pop(key).take(key))

    def shed(self, most: int) -> bool:
        """Let go of so many, whichever; False once it is empty."""
        self._look()
        for part in (self._probation, self._main):
            while part.entries and most:
                key, held = part.take_oldest()
                del self._parts[key]
                self._gone(held)
                most -= 1
        return bool(self._parts)

    def _look(self) -> None:
        """Let go of what is over. Time stands still until the next look."""
        self._now = self._clock()
        self._probation.expire(self._now)
        self._main.expire(self._now)

    def _add(self, part: _Part, key: Key, held: Held) -> None:
        part.add(key, held)
        self._parts[key] = part

    def _has_left(self, key: Key) -> bool:
        """Not long ago, for want of room or of time."""
        proven = self._proven.take(key)
        return self._tried.take(key) or proven

    def _probation_over(self, key: Key, held: Held) -> None:
        del self._parts[key]
        self._gone(held)

    def _main_over(self, key: Key, held: Held) -> None:
        self._proven.add(key)
        self._probation_over(key, held)

    def _is_full(self) -> bool:
        probation, main = self._probation, self._main
        return probation.entries + main.entries > self._entries or probation.room + main.room > self._size

    def _make_room(self) -> int:
        """Those whose time is over need not be counted before that."""
        if not self._is_full():
            return 0
        self._look()
        evicted = 0
        while self._is_full():
            evicted += self._evict_one()
        return evicted

    def _evict_one(self) -> bool:
        """Send one away or give it another chance; whether it went. What was touched is not any more, so it ends."""
        on_probation = self._probation_goes()
        key, held = (self._probation if on_probation else self._main).take_oldest()
        if held.touched:
            held.touched = False
            self._add(self._main, key, held)
            return False
        del self._parts[key]
        if on_probation:
            self._tried.add(key)
        self._gone(held)
        return True

    def _probation_goes(self) -> bool:
        probation = self._probation
        crowded = probation.entries * _SHARE > self._entries or probation.room * _SHARE > self._size
        return (crowded and probation.entries > 1) or not self._main.entries
