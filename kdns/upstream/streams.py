"""The connections to one server: opened when they are wanted, kept for the next questions, closed when idle."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from kdns.proto.reply import Received
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.faults import Cut, Silent, UpstreamError, reason
from kdns.upstream.stream import Stream
from kdns.upstream.udp import same_family

EXPIRE = 10.0


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long connections are kept: `expire` seconds idle, `max_age` seconds in all (0: any), `max_idle` at a time.

    0 for `max_idle` is any number.
    """

    expire: float = EXPIRE
    max_age: float = 0.0
    max_idle: int = 0


class Streams:
    """Asks over TCP, or over TLS with `context`. `timeout` in seconds is for a connection, and again for a reply.

    `found` is told whether a question went over a connection that was there.
    """

    def __init__(
        self,
        to: Endpoint,
        random: Random,
        *,
        context: ssl.SSLContext | None = None,
        keeping: Keeping = Keeping(),
        timeout: float,
        source: str = "",
        stray: Callable[[], None],
        found: Callable[[bool], None],
    ) -> None:
        self._to = to
        self._where = f"upstream {to} ({'tls' if context else 'tcp'})"
        self._random = random
        self._context = context
        self._keeping = keeping
        self._timeout = timeout
        self._source = source
        self._stray = stray
        self._found = found
        self._streams: dict[Stream, None] = {}
        self._opening: asyncio.Task[Stream] | None = None

    def __len__(self) -> int:
        return len(self._streams)

    async def ask(self, asking: Asking, *, edns: bool) -> Received:
        """The reply. Raises UpstreamError.

        A connection that was kept may have been ended by the other side: then another is opened, once.
        """
        stream = self._usable()
        self._found(stream is not None)
        if stream is not None:
            with suppress(Cut):
                return await self._reply(stream, asking, edns=edns)
        return await self._reply(await self._opened(), asking, edns=edns)

    async def close(self) -> None:
        """End all of them."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        streams = list(self._streams)
        for stream in streams:
            stream.close()
        if streams:
            await asyncio.wait([stream.gone for stream in streams])

    async def _reply(self, stream: Stream, asking: Asking, *, edns: bool) -> Received:
        try:
            async with asyncio.timeout(self._timeout):
                return await stream.ask(asking, edns=edns)
        except TimeoutError:
            raise Silent(self._where, self._timeout) from None

    def _usable(self) -> Stream | None:
        """The one with the fewest open questions."""
        usable = [stream for stream in self._streams if stream.usable and not self._is_old(stream)]
        return min(usable, key=lambda stream: stream.busy, default=None)

    def _is_old(self, stream: Stream) -> bool:
        now = asyncio.get_running_loop().time()
        return bool(self._keeping.max_age) and now - stream.since >= self._keeping.max_age

    async def _opened(self) -> Stream:
        """A connection with room. Who wants one while one is being opened waits for that."""
        while True:
            if self._opening is None:
                self._opening = asyncio.create_task(self._open(), name=f"connecting to {self._to}")
                self._opening.add_done_callback(self._is_opened)
            stream = await asyncio.shield(self._opening)
            if stream.usable or not stream.busy:
                return stream

    def _is_opened(self, opening: asyncio.Task[Stream]) -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()  # said to whoever waits; perhaps nobody does any more

    async def _open(self) -> Stream:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout):
                _, stream = await loop.create_connection(
                    lambda: Stream(self._where, self._random, rested=self._rested, stray=self._stray),
                    self._to.ip,
                    self._to.port,
                    ssl=self._context,
                    server_hostname=self._server_name() if self._context else None,
                    local_addr=(self._source, 0) if same_family(self._source, self._to.ip) else None,
                )
        except TimeoutError:
            raise Silent(self._where, self._timeout) from None
        except OSError as error:  # ssl.SSLError is one
            raise UpstreamError(f"{self._where}: {reason(error)}") from None
        self._streams[stream] = None
        stream.idle = loop.call_later(
            self._keeping.expire or self._timeout, stream.close
        )  # if nobody wants it any more
        return stream

    def _server_name(self) -> str:
        return self._to.name or self._to.ip.partition("%")[0]

    def _rested(self, stream: Stream) -> None:
        """Nothing is open on it: close it, now or when it has been idle for long enough."""
        if stream.gone.done():
            self._streams.pop(stream, None)
            return
        idle = sum(not each.busy for each in self._streams)
        if not self._keeping.expire or self._is_old(stream) or 0 < self._keeping.max_idle < idle:
            stream.close()
        else:
            stream.idle = asyncio.get_running_loop().call_later(self._keeping.expire, stream.close)
