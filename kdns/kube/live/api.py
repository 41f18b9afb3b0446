"""An API server to be asked: tokens sent, limits kept, errors told apart, requests counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from kdns.kube.live.access import Access, AccessFault
from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.live.limiter import Limiter
from kdns.kube.live.login import Entry, Login
from kdns.kube.live.session import HttpFault, Response
from kdns.kube.live.timing import Timing
from kdns.kube.schema.answers import Status, read_status
from kdns.metrics import Metrics

_CHUNK_WITHIN = 30.0
"""Seconds."""
_PROBE_EVERY = 1.0
"""Seconds, and up to twice as long by chance, between looks whether a server that was gone is back."""
_PROBE_WITHIN = 5.0
_UNAUTHORIZED = 401
_LONGEST_WORDS = 200
_PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""Watches are compressed member by member (Kubernetes 1.37), which is easily misread; nothing is asked for."""


class Api:
    """One API server."""

    def __init__(self, access: Access, limiter: Limiter, metrics: Metrics, timing: Timing) -> None:
        self._login = Login(access)
        self._limiter = limiter
        self._metrics = metrics
        self._timing = timing
        self._probe: asyncio.Task[None] | None = None
        self._waiting = 0

    async def page(self, path: str, query: Mapping[str, str], *, begin: float) -> bytes:
        """The body of an answer that begins within `begin` seconds. Raises ApiFault, Unreachable, AccessFault."""
        try:
            async with self._limiter.turn() as held, self._opened(path, query, begin, held) as response:
                return b"".join([chunk async for chunk in _chunks(response, _CHUNK_WITHIN)])
        except Silent as silent:
            raise Unreachable(str(silent), away=silent.away) from None

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, begin: float, within: float = _CHUNK_WITHIN
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of an answer that begins within `begin` seconds, chunk by chunk.

        Each comes at most `within` seconds after the one before. Once it has begun it takes nobody's place: a
        watch goes on for minutes.

        Raises ApiFault, Unreachable, AccessFault, here and while it is read; Silent where time is over.
        """
        async with AsyncExitStack() as stack:
            async with self._limiter.turn() as held:
                response = await stack.enter_async_context(self._opened(path, query, begin, held))
            yield _chunks(response, within)

    async def recovered(self) -> None:
        """Return when the server answers anything at all. One task asks for all who wait, and only for them."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask_until_answered())
        self._waiting += 1
        try:
            await asyncio.shield(self._probe)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._probe.cancel()

    async def close(self) -> None:
        """End all connections."""
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.gather(self._probe, return_exceptions=True)
        await self._login.close()

    @asynccontextmanager
    async def _opened(self, path: str, query: Mapping[str, str], begin: float, held: float) -> AsyncIterator[Response]:
        """The response to a question; asked once more with what the files say now if our credentials are refused."""
        entry = await self._login.entry()
        response = await self._ask(entry, path, query, begin, held)
        if response.status == _UNAUTHORIZED:
            response.close()
            self._login.distrust(entry)
            held = await self._limiter.token()
            response = await self._ask(await self._login.entry(), path, query, begin, held)
        try:
            if response.status != 200:
                raise await _fault(response)
            yield response
        except HttpFault as error:
            raise Unreachable(_why(error)) from None
        finally:
            response.close()

    async def _ask(self, entry: Entry, path: str, query: Mapping[str, str], begin: float, held: float) -> Response:
        self._metrics.rest_waited.labels("GET", entry.host).observe(held)
        began = self._timing.clock()
        deadline = asyncio.timeout(begin)
        try:
            async with deadline:
                response = await entry.session.get(path, query, _headers(entry))
        except HttpFault as error:
            self._count("<error>", entry, began)
            if deadline.expired():
                raise Silent(f"no answer within {begin:g} seconds", away=True) from None
            raise Unreachable(_why(error), away=True) from None
        self._count(str(response.status), entry, began)
        return response

    def _count(self, code: str, entry: Entry, began: float) -> None:
        self._metrics.rest_requests.labels(code, "GET", entry.host).inc()
        self._metrics.rest_duration.labels("GET", entry.host).observe(self._timing.clock() - began)

    async def _ask_until_answered(self) -> None:
        while True:
            await self._timing.sleep(_PROBE_EVERY * (1.0 + self._timing.random.random()))
            try:
                async with asyncio.timeout(_PROBE_WITHIN):
                    entry = await self._login.entry()
                    (await entry.session.get("/readyz", {}, _headers(entry))).close()
            except (AccessFault, *HttpFault):
                continue
            return


def _headers(entry: Entry) -> dict[str, str]:
    return {**_PLAIN, "Authorization": entry.token} if entry.token else dict(_PLAIN)


async def _chunks(response: Response, within: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(within):
                chunk = await response.content.readany()
        except TimeoutError:
            raise Silent(f"nothing came for {within:g} seconds") from None
        except HttpFault as error:
            raise Unreachable(_why(error)) from None
        if not chunk:
            return
        yield chunk


async def _fault(response: Response) -> ApiFault:
    body = b""
    try:
        async with asyncio.timeout(_CHUNK_WITHIN):
            body = await response.read()
        status = read_status(body)
    except (ValueError, *HttpFault):
        status = Status(message=_line(body))
    seconds = response.headers.get("Retry-After", "")
    return fault_of(status, response.status, float(seconds) if seconds.isdigit() else None)


def fault_of(status: Status, code: int = 0, retry_after: float | None = None, *, in_stream: bool = False) -> ApiFault:
    """A Status object as the fault that it tells of; `code` is that of HTTP, where there is one."""
    named = status.details.retry_after_seconds if status.details else None
    after = retry_after if retry_after is not None else named
    reason, message = status.reason or "error", status.message or ""
    return ApiFault(code or status.code or 500, reason, message, after, in_stream=in_stream)


def _line(body: bytes) -> str:
    """A short answer in plain words, as for a path that an API server does not know; empty for anything longer."""
    text = body.decode(errors="replace").strip()
    return text if len(text) <= _LONGEST_WORDS and text.isprintable() and not text.startswith(("<", "{", "[")) else ""


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
