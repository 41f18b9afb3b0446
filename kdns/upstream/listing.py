"""The servers that a Corefile's words come to: addresses, files as they read now, hosts as resolved at start."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from pathlib import Path

from kdns.errors import StartError
from kdns.log import logger
from kdns.upstream.address import Endpoint, Host, Target, is_address, nameservers

MOST = 15
"""Servers (CoreDNS: plugin/forward/setup.go)."""
_log = logger("forward")


class NoServer(ValueError):
    """A file that can be read and names no server."""


Resolve = Callable[[Host], Awaitable[Sequence[str]]]
"""The addresses of a host. Raises StartError."""


class Listing:
    """What the words mean now, in their order, each server once and fifteen at most."""

    def __init__(self, targets: Sequence[Target], resolve: Resolve) -> None:
        self._targets = targets
        self._resolve = resolve
        self._known: dict[Target, tuple[Endpoint, ...]] = {}
        self._complaint = ""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files among the words."""
        return tuple(target for target in self._targets if isinstance(target, Path))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The servers; those of hosts when they are resolved."""
        found = chain.from_iterable(
            (target,) if isinstance(target, Endpoint) else self._known.get(target, ()) for target in self._targets
        )
        return tuple(dict.fromkeys(found))[:MOST]

    @property
    def has_any(self) -> bool:
        """Whether there is a server, or a host that may turn out to be one."""
        return bool(self.endpoints) or any(isinstance(target, Host) for target in self._targets)

    def read(self, file: Path) -> None:
        """Read a file. Raises NoServer where it names none, ValueError where it cannot be read."""
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise ValueError(f"'{file}' cannot be read: {error.strerror or error}") from None
        servers = nameservers(text)
        if not servers:
            raise NoServer(f"'{file}' names no server: it has no line such as 'nameserver 10.0.0.1'")
        self._known[file] = servers

    def look(self) -> bool:
        """Read all files again; whether there are other servers now. What is wrong is logged, once."""
        before, complaints = self.endpoints, []
        for file in self.files:
            try:
                self.read(file)
            except ValueError as error:
                complaints.append(str(error))
        complaint = "; ".join(complaints)
        if complaint and complaint != self._complaint:
            _log.warning("%s; its servers stay as they were", complaint)
        self._complaint = complaint
        return self.endpoints != before

    async def resolve(self) -> None:
        """Resolve the hosts. Raises StartError."""
        for target in self._targets:
            if isinstance(target, Host):
                found = tuple(target.at(ip) for ip in await self._resolve(target))
                self._known[target] = found
                _log.info("%s is %s", target.host, ", ".join(map(str, found)))


async def by_system(host: Host) -> tuple[str, ...]:
    """The addresses of a host as this machine knows them. Raises StartError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host.host, host.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise StartError(f"forward: the host '{host.host}' cannot be resolved: {error.strerror or error}") from None
    return tuple(dict.fromkeys(str(peer[0]) for *_, peer in found if is_address(str(peer[0]))))
