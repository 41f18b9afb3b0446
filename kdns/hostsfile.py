"""Hosts files (hosts(5)): addresses with their names, kept as the file reads now."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import stat
import time
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

from kdns.errors import NameSyntaxError
from kdns.log import logger
from kdns.metrics import Metrics
from kdns.proto.name import Name, fold, from_text
from kdns.proto.reverse import Address

_log = logger("hosts")
_MOST_NAMES = 100
"""Names of one address that are kept for PTR: lists of what is to be blocked have all their names at 0.0.0.0."""
_TOLD = 3
"""Lines that are not right of which the log says more than that they are there."""
_AT_ONCE = 64
"""Entries that are dealt with in one go beside the loop: a fraction of a millisecond."""
WILD = b"\x01*"
"""How a wildcard's name begins."""


@dataclass(slots=True)
class Table:
    """Addresses by folded name, and the names of each address."""

    addresses: dict[Name, tuple[Address, ...]] = field(default_factory=dict)
    names: dict[Address, list[Name]] = field(default_factory=dict)
    size: int = 0

    def add(self, words: Sequence[str]) -> None:
        """Take in an address and its names. Raises ValueError for a line that is not right, all of it passed over."""
        address = _address(words[0])
        if len(words) < 2:
            raise ValueError(f"'{words[0]}' has no name: an entry is an address and its names")
        for name in [_name(word) for word in words[1:]]:
            known = self.addresses.get(name, ())
            if address in known:
                continue
            self.addresses[name] = (*known, address)
            self.size += 1
            names = self.names.setdefault(address, [])
            if not name.startswith(WILD) and len(names) < _MOST_NAMES:
                names.append(name)
                self.size += 1

    def clear(self) -> None:
        """Let go of all of it, a little at a time: to be called beside the loop, once nobody looks at it any more."""
        for each in (self.addresses, self.names):
            while each:
                for _ in range(min(_AT_ONCE, len(each))):
                    each.popitem()
                _give_way()


def _give_way() -> None:
    """Let the loop's thread have its turn, for which it would have to wait for five milliseconds each time."""
    time.sleep(0)


@lru_cache(maxsize=256)
def _address(text: str) -> Address:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        raise ValueError(f"'{text}' is no IP address: an entry is an address and its names") from None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).packed


def _name(text: str) -> Name:
    try:
        return fold(from_text(text))
    except NameSyntaxError as error:
        raise ValueError(str(error)) from None


def read_table(content: bytes) -> tuple[Table, list[tuple[int, str]]]:
    """A hosts file read, and the number of each line that is not right with what is wrong."""
    table, wrong = Table(), []
    for number, line in enumerate(BytesIO(content), start=1):
        if number % _AT_ONCE == 0:
            _give_way()
        words = line.partition(b"#")[0].decode(errors="replace").split()
        if not words:
            continue
        try:
            table.add(words)
        except ValueError as error:
            wrong.append((number, str(error)))
    return table, wrong


class _Read(NamedTuple):
    """What tells this file from another, when it was changed (Unix time), what it says, what is wrong with it."""

    seen: tuple[int, ...]
    changed: float
    table: Table
    wrong: list[tuple[int, str]]


class HostsFile:
    """A Part: what a file says now, looked at every so many seconds (0: at start only).

    `publish` is told `key` when that is something else. `wanted`: somebody named it, so it should be there.
    """

    def __init__(
        self,
        path: str,
        every: float,
        metrics: Metrics,
        publish: Callable[[Iterable[Hashable]], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        wanted: bool = True,
    ) -> None:
        self.key = ("hosts", path)
        self.table = Table()
        self._path = path
        self._every = every
        self._count = metrics.hosts_entries.labels(path)
        self._read_at = metrics.hosts_read
        self._publish = publish
        self._sleep = sleep
        self._seen: tuple[int, ...] = ()
        self._complaint = "" if wanted else self._absent()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read it, and begin to look at it."""
        await self.look()
        if self._every:
            self._task = asyncio.create_task(self._watch(), name=f"hosts {self._path}")

    async def stop(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        self._count.dec(self.table.size)

    async def look(self) -> None:
        """Read it if it is another file than before; log what is wrong with it, once.

        That is done beside the loop: block lists have a hundred thousand lines.
        """
        try:
            read = await asyncio.to_thread(self._read)
        except FileNotFoundError:
            self._complain(self._absent())
        except OSError as error:
            self._complain(f"the hosts file '{self._path}' cannot be read: {error.strerror or error}")
        else:
            self._complaint = ""
            if read is not None:
                former = self.table
                self._take(*read)
                await asyncio.to_thread(former.clear)

    def _absent(self) -> str:
        return f"there is no hosts file '{self._path}'"

    def _read(self) -> _Read | None:
        with os.fdopen(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode) and self._path != os.devnull:
                raise OSError("it is no file but something else")
            seen = (info.st_dev, info.st_ino, info.st_mtime_ns, info.st_size)
            if seen == self._seen:
                return None
            return _Read(seen, info.st_mtime, *read_table(file.read()))

    def _take(self, seen: tuple[int, ...], changed: float, table: Table, wrong: Sequence[tuple[int, str]]) -> None:
        self._count.inc(table.size - self.table.size)
        self._read_at.set(changed)
        self._seen, self.table = seen, table
        if wrong:
            told = "; ".join(f"{self._path}:{number}: {text}" for number, text in wrong[:_TOLD])
            more = f"; and {len(wrong) - _TOLD} more" if wrong[_TOLD:] else ""
            _log.warning("lines are passed over: %s%s", told, more)
        self._publish([self.key])

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            stays = "; its entries stay as they were" if self._seen else ""
            _log.warning("%s%s", complaint, stays)
        self._complaint = complaint

    async def _watch(self) -> None:
        while True:
            await self._sleep(self._every)
            await self.look()
