"""Lists and watches played to a reflector from scripts, and what it makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from itertools import pairwise
from random import Random
from typing import NamedTuple

from kdns.kube.live.holding import Holding
from kdns.kube.live.listwatch import Event, Listing
from kdns.kube.live.reflector import Cause, Reflector
from kdns.kube.live.resources import Item
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Kind, Namespace, Object, Ref
from tests.warp import warp


def item(name: str, version: str, uid: str = "u") -> Item:
    return Item(Ref(Kind.NAMESPACE, "", name), uid, version, Namespace(name))


def event(type: str, name: str, version: str) -> Event:
    return Event(type, version, item(name, version))


def listing(version: str, *names: str) -> Listing:
    return Listing([item(name, version) for name in names], version, [])


class Asked(NamedTuple):
    """What the reflector asked for. `seconds` is a watch's timeout."""

    what: str
    version: str
    time: float
    seconds: float = 0.0


Answer = Listing | Exception | str
Stream = Iterable[Event | Exception | float]


class Played:
    """Answers from scripts; when those are used up, lists never end and watches stay silent for good.

    A number in a stream is a pause in seconds.
    """

    def __init__(self, *, lists: Iterable[Answer] = (), watches: Iterable[Stream] = (), heads: Iterable[Answer] = ()):
        self.asked: list[Asked] = []
        self._lists, self._watches, self._heads = list(lists), list(watches), list(heads)

    async def head(self) -> str:
        self.asked.append(Asked("head", "", warp().time()))
        answer = self._heads.pop(0) if self._heads else "999999"
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, str)
        return answer

    async def recovered(self) -> None:
        await asyncio.Event().wait()

    async def listing(self, version: str) -> Listing:
        self.asked.append(Asked("list", version, warp().time()))
        if not self._lists:
            await asyncio.Event().wait()
        answer = self._lists.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Listing)
        return answer

    async def watch(self, version: str, seconds: float, *, initial: bool = False) -> AsyncGenerator[Event]:
        self.asked.append(Asked("stream" if initial else "watch", version, warp().time(), seconds))
        if not self._watches:
            await asyncio.Event().wait()
        for each in self._watches.pop(0):
            if isinstance(each, Exception):
                raise each
            if isinstance(each, Event):
                yield each
            else:
                await asyncio.sleep(each)

    @property
    def order(self) -> list[tuple[str, str]]:
        """What was asked for, without times; small questions left out."""
        return [(each.what, each.version) for each in self.asked if each.what != "head"]


class Seen:
    """A sink, and what is told."""

    def __init__(self) -> None:
        self.held: dict[Ref, Object] = {}
        self.states: list[set[str]] = []
        self.causes: list[Cause] = []
        self.differed: list[int] = []
        self.failures: list[Exception] = []
        self.errors: list[str] = []

    def update(self, changed: Iterable[Object], gone: Iterable[Ref]) -> None:
        for ref in gone:
            del self.held[ref]
        self.held |= {each.ref: each for each in changed}
        self.states.append(self.names)

    @property
    def names(self) -> set[str]:
        return {ref.name for ref in self.held}

    def contact(self) -> None:
        pass

    def listed(self, cause: Cause, differed: int) -> None:
        self.causes.append(cause)
        self.differed.append(differed)

    def undecodable(self, error: str) -> None:
        self.errors.append(error)

    def event(self, type: str) -> None:
        pass

    def failed(self, error: Exception) -> None:
        self.failures.append(error)


def stream(*each: Event | Exception | float) -> Stream:
    """A stream of these."""
    return each


async def play(source: Played, until: Callable[[Seen, Reflector], bool], within: float = 3600.0) -> Seen:
    """Follow until something is so."""
    seen = Seen()
    timing = Timing(warp().time, warp().wall, asyncio.sleep, Random(1))
    reflector = Reflector(source, Holding(seen, lambda _: None), seen, timing)
    task = asyncio.create_task(reflector.run())
    came = asyncio.Event()
    warp().between.append(lambda: came.set() if until(seen, reflector) else None)
    try:
        async with asyncio.timeout(within):
            await came.wait()
    finally:
        warp().between.clear()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return seen


def asked(source: Played, count: int, what: str) -> Callable[[Seen, Reflector], bool]:
    return lambda *_: sum(each.what == what for each in source.asked) >= count


def gaps(source: Played, what: str) -> list[float]:
    times = [each.time for each in source.asked if each.what == what]
    return [later - earlier for earlier, later in pairwise(times)]
