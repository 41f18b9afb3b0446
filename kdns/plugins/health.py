"""*health* - tells over HTTP that the process runs.

Description

The page `/health` answers 200 and `OK` for as long as the process runs: before the cluster is known,
while the API server is away, and during lameduck too. It is meant for a liveness probe, where anything
else would end in a restart that helps nobody; for whether questions can be answered see *ready*.

Health is the process's own. Server blocks that name the same address share it; other addresses answer
the same.

Once a second the server asks itself for the page. It does so over the loopback, so the time that this
takes says how busy the process is. More than a second is logged as a warning, and so is a request that
fails or has no answer within three seconds: each at most once a minute.

Syntax

~~~
health [ADDRESS] {
    lameduck DURATION
}
~~~

ADDRESS is `HOST:PORT` or `:PORT`; `:8080` unless given, which is port 8080 of every address.

`lameduck` goes on answering for DURATION after the process was told to stop, while *ready* says no, so
that clients can turn elsewhere. Of several the longest counts. None unless given; `5s` is usual.

Examples

The address that Kubernetes' own manifests probe, and five seconds to leave:

~~~ corefile
.:53 {
    whoami
    health {
        lameduck 5s
    }
}
~~~

On one address only:

~~~ corefile
.:53 {
    whoami
    health 127.0.0.1:8091
}
~~~

Metrics

coredns_health_request_duration_seconds   how long the server's own requests took
coredns_health_request_failures_total     how many of them failed

See also

ready, prometheus
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from kdns.corefile.block import Directive
from kdns.corefile.values import duration, host_port, read_options
from kdns.log import Sparing, logger
from kdns.metrics import Metrics
from kdns.site import Page, Site

PATH = "/health"

_log = logger("health")
_DEFAULT = ("", 8080)
_LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
"""Where a server that listens on all addresses can be asked."""
_EVERY = 1.0
_SLOW = 1.0
_TIMEOUT = 3.0
"""Seconds (CoreDNS: plugin/health/overloaded.go)."""


def setup(directive: Directive, site: Site) -> None:
    """Answer `/health`; no handler."""
    address = host_port()(directive) if directive.words else _DEFAULT
    given = read_options(directive, {"lameduck": duration})
    build = site.build
    build.lameduck = max(build.lameduck, given.get("lameduck", 0.0))
    build.page(address, PATH, healthy)
    build.shared(("health", address), lambda: build.parts.append(Probe(address, build.metrics, build.clock)))


async def healthy() -> Page:
    """Who can answer this is well."""
    return Page(200, b"OK")


class Probe:
    """The server asking itself for `/health`, over and over. `clock` and `sleep` are in seconds.

    It runs before the server listens, so failures count from the first answer on.
    """

    def __init__(
        self,
        address: tuple[str, int],
        metrics: Metrics,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        host, port = address
        self._address = (_LOOPBACK.get(host, host), port)
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._sparing = Sparing(clock)
        self._answered = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin; the first request is in a second."""
        self._task = asyncio.create_task(self._run(), name="health")

    async def stop(self) -> None:
        """End, in the middle of a request too."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await self._sleep(_EVERY)
            await self.once()

    async def once(self) -> None:
        """Ask once, and count it."""
        started = self._clock()
        try:
            async with asyncio.timeout(_TIMEOUT):
                await _get(*self._address)
        except (OSError, ValueError) as error:  # ValueError: no line in 64 KiB; TimeoutError is an OSError
            if self._answered:
                self._failed(self._clock() - started, error)
        else:
            self._answered = True
            self._took(self._clock() - started)

    def _failed(self, seconds: float, error: Exception) -> None:
        self._metrics.health_duration.observe(seconds)
        self._metrics.health_failures.inc()
        if self._sparing.first("failed"):
            reason = str(error) or f"no answer within {_TIMEOUT:g}s"
            _log.warning("the server's own request for %s failed: %s", PATH, reason)

    def _took(self, seconds: float) -> None:
        self._metrics.health_duration.observe(seconds)
        if seconds > _SLOW and self._sparing.first("slow"):
            _log.warning("the server's own request for %s took %.1fs: the process is overloaded", PATH, seconds)


async def _get(host: str, port: int) -> None:
    """Ask for the page (HTTP/1.0). Raises OSError when there is no answer or it is not 200."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {PATH} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        status = await reader.readline()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    if status.split()[1:2] != [b"200"]:
        raise OSError(f"the answer is {status[:80]!r}")
