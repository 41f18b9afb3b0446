"""One of the servers that questions go to: how it is asked, whether it is well, and what is counted of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

from kdns.metrics import Metrics
from kdns.proto.reply import Received
from kdns.proto.text import rcode_text
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.attempt import Attempt
from kdns.upstream.exchange import Exchange
from kdns.upstream.faults import UpstreamError
from kdns.upstream.health import Health
from kdns.upstream.settings import Settings
from kdns.upstream.streams import Streams

_NAME = "forward"
_PROBE_TIMEOUT = 1.0
"""Seconds (CoreDNS: plugin/pkg/proxy/health.go)."""


class Server:
    """Asks one server. `random` must be unpredictable."""

    def __init__(self, to: Endpoint, settings: Settings, metrics: Metrics, random: Random) -> None:
        self.to = to
        self._settings = settings
        self._metrics = metrics
        self._random = random
        self._observers: dict[int, Callable[[float], None]] = {}
        self._stray = metrics.forward_strays.labels(str(to)).inc
        named = to._replace(name=settings.server_name or to.name)
        self._streams = self._streams_to(named, settings.timeout)
        self._exchange = self._exchange_over(self._streams, settings.timeout)
        self._probing = self._streams_to(named, min(_PROBE_TIMEOUT, settings.timeout))
        self._prober = self._exchange_over(self._probing, min(_PROBE_TIMEOUT, settings.timeout))
        self.health = Health(
            self._probe,
            max_fails=settings.max_fails,
            every=settings.every,
            missed=metrics.proxy_healthcheck_failures.labels(_NAME, str(to)).inc,
        )

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._streams) + len(self._probing)

    @property
    def uses_udp(self) -> bool:
        """Whether questions that did not come over TCP are put over UDP first."""
        return self._exchange.uses_udp

    def begin(self, asking: Asking, done: Callable[[], None]) -> Attempt:
        """Put a question over UDP. `done` is called once something came of it: for `took`, or for `ask`."""
        return self._exchange.begin(asking, done)

    def took(self, reply: Received, attempt: Attempt) -> None:
        """It has answered, and nothing more is to be done."""
        self._exchange.took(reply, edns=attempt.edns)
        self.health.answered()
        self._observe(reply.rcode, asyncio.get_running_loop().time() - attempt.began)

    async def ask(self, asking: Asking, *, tcp: bool = False, begun: Attempt | None = None) -> Received:
        """The reply. `tcp`: the client came that way; `begun` is what came of asking over UDP, if that was tried.

        Raises UpstreamError, and has its health looked after.
        """
        now = asyncio.get_running_loop().time
        began = begun.began if begun else now()
        try:
            reply = await self._exchange.ask(asking, tcp=tcp and not self._settings.prefer_udp, begun=begun)
        except UpstreamError:
            self.health.failed()
            raise
        self.health.answered()
        self._observe(reply.rcode, now() - began)
        return reply

    async def stop(self) -> None:
        """Let go of all connections."""
        await self.health.stop()
        await self._streams.close()
        await self._probing.close()

    def _observe(self, rcode: int, seconds: float) -> None:
        observe = self._observers.get(rcode)
        if observe is None:
            observe = self._metrics.proxy_duration.labels(_NAME, str(self.to), rcode_text(rcode)).observe
            self._observers[rcode] = observe
        observe(seconds)

    async def _probe(self) -> Received:
        return await self._prober.ask(self._settings.probe)

    def _exchange_over(self, streams: Streams, timeout: float) -> Exchange:
        return Exchange(
            self.to,
            streams,
            random=self._random,
            timeout=timeout,
            source=self._settings.source,
            force_tcp=self._settings.force_tcp,
            stray=self._stray,
        )

    def _streams_to(self, to: Endpoint, timeout: float) -> Streams:
        proto = "tcp-tls" if to.tls else "tcp"
        return Streams(
            to,
            self._random,
            context=self._settings.context if to.tls else None,
            keeping=self._settings.keeping,
            timeout=timeout,
            source=self._settings.source,
            stray=self._stray,
            found=lambda hit: self._count(proto, hit=hit),
        )

    def _count(self, proto: str, *, hit: bool) -> None:
        metrics = self._metrics
        counter = metrics.proxy_conn_hits if hit else metrics.proxy_conn_misses
        counter.labels(_NAME, str(self.to), proto).inc()
