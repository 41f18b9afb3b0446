"""An API server to be asked: sessions made and renewed, tokens sent, limits kept, errors told apart."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from kdns.kube.live import library
from kdns.kube.live.access import Access, AccessFault
from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.live.limiter import Limiter
from kdns.kube.live.timing import Timing
from kdns.kube.schema.answers import Status, read_status
from kdns.log import logger
from kdns.metrics import Metrics

_log = logger("kubernetes")
_CHUNK_WITHIN = 30.0
_PROBE_EVERY = 1.0
"""Seconds, and up to twice as long by chance, between looks whether a server that was gone is back."""
_PROBE_WITHIN = 5.0
_UNAUTHORIZED = 401
_PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""Watches are compressed member by member (Kubernetes 1.37), which is easily misread; nothing is asked for."""


class Api:
    """One API server."""

    def __init__(self, access: Access, limiter: Limiter, metrics: Metrics, timing: Timing) -> None:
        self._access = access
        self._limiter = limiter
        self._metrics = metrics
        self._timing = timing
        self._probe: asyncio.Task[None] | None = None
        self._session: library.Session | None = None
        self._token = ""
        self._host = ""
        self._stamps: dict[str, object] = {}
        self._encryption: tuple[object, ...] = ()
        self._distrusted = False
        self._renewing = asyncio.Lock()
        self._told = ""

    async def page(self, path: str, query: Mapping[str, str], *, begin: float) -> bytes:
        """The body of an answer that begins within `begin` seconds. Raises ApiFault, Unreachable, AccessFault."""
        async with self.stream(path, query, begin=begin) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def recovered(self) -> None:
        """Return when the server answers anything at all. One task asks for all who wait."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._ask_until_answered())
        await asyncio.shield(self._probe)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str], *, begin: float, within: float = _CHUNK_WITHIN
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of an answer that begins within `begin` seconds, chunk by chunk.

        Each comes at most `within` seconds after the one before, or Silent is raised.

        Raises ApiFault, Unreachable, AccessFault, here and while it is read.
        """
        response = await self._ask(path, query, begin)
        try:
            if response.status != 200:
                raise await _fault(response)
            yield _chunks(response, within)
        except library.HttpFault as error:
            raise Unreachable(_why(error)) from None
        finally:
            response.close()

    async def close(self) -> None:
        """End all connections."""
        if self._probe is not None:
            self._probe.cancel()
        await self._disconnect()

    async def _disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, path: str, query: Mapping[str, str], begin: float) -> library.Response:
        response = await self._ask_once(path, query, begin)
        if response.status == _UNAUTHORIZED:
            response.close()
            self._distrusted = True
            response = await self._ask_once(path, query, begin)
        return response

    async def _ask_until_answered(self) -> None:
        while True:
            await self._timing.sleep(_PROBE_EVERY * (1.0 + self._timing.random.random()))
            try:
                async with asyncio.timeout(_PROBE_WITHIN):
                    session = await self._renewed()
                    (await session.get("/readyz", {}, self._headers())).close()
            except (AccessFault, *library.HttpFault):
                continue
            return

    async def _ask_once(self, path: str, query: Mapping[str, str], begin: float) -> library.Response:
        async with self._limiter.turn():
            session = await self._renewed()
            began = self._timing.clock()
            try:
                async with asyncio.timeout(begin):
                    response = await session.get(path, query, self._headers())
            except library.HttpFault as error:
                self._count("<error>", began)
                raise Unreachable(_why(error)) from None
            self._count(str(response.status), began)
            return response

    def _headers(self) -> dict[str, str]:
        return {**_PLAIN, "Authorization": self._token} if self._token else dict(_PLAIN)

    def _count(self, code: str, began: float) -> None:
        self._metrics.rest_requests.labels(code, "GET", self._host).inc()
        self._metrics.rest_duration.labels("GET", self._host).observe(self._timing.clock() - began)

    async def _renewed(self) -> library.Session:
        """The session, with credentials as their files say now. Raises AccessFault if there never were any."""
        async with self._renewing:
            if self._session is None or self._distrusted or _stamps(self._stamps) != self._stamps:
                try:
                    await self._renew()
                except AccessFault as error:
                    if self._session is None:
                        raise
                    self._tell(f"{error}; going on with what was read before")
            assert self._session is not None
            return self._session

    async def _renew(self) -> None:
        self._distrusted = False
        stamps = _stamps(self._access.files())
        settings = await self._access.settings()
        encryption = (settings.host, settings.verify_ssl, settings.tls_server_name, settings.proxy)
        files = [file for file in (settings.ssl_ca_cert, settings.cert_file, settings.key_file) if file]
        encryption += tuple(map(_content, files))
        self._stamps = {**stamps, **_stamps(files)}
        self._token = library.token_of(settings)
        self._host = urlsplit(settings.host).netloc
        if self._session is None or encryption != self._encryption:
            await self._connect(settings)
            self._encryption = encryption
        self._told = ""

    async def _connect(self, settings: library.Settings) -> None:
        try:
            session = library.Session(settings)
        except OSError as error:
            named = settings.cert_file or settings.ssl_ca_cert or self._access.describe()
            raise AccessFault(f"{named}: {error}") from None
        await self._disconnect()  # connections made with the old certificates end
        self._session = session

    def _tell(self, line: str) -> None:
        if line != self._told:
            self._told = line
            _log.log(logging.WARNING, "%s", line)


async def _chunks(response: library.Response, within: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(within):
                chunk = await response.content.readany()
        except TimeoutError:
            raise Silent(f"nothing came for {within:g} seconds") from None
        except library.HttpFault as error:
            raise Unreachable(_why(error)) from None
        if not chunk:
            return
        yield chunk


async def _fault(response: library.Response) -> ApiFault:
    try:
        async with asyncio.timeout(_CHUNK_WITHIN):
            status = read_status(await response.read())
    except (ValueError, *library.HttpFault):
        status = Status()
    seconds = response.headers.get("Retry-After", "")
    return fault_of(status, response.status, float(seconds) if seconds.isdigit() else None)


def fault_of(status: Status, code: int = 0, retry_after: float | None = None, *, in_stream: bool = False) -> ApiFault:
    """A Status object as the fault that it tells of; `code` is that of HTTP, where there is one."""
    named = status.details.retry_after_seconds if status.details else None
    after = retry_after if retry_after is not None else named
    reason, message = status.reason or "error", status.message or ""
    return ApiFault(code or status.code or 500, reason, message, after, in_stream=in_stream)


def _stamps(files: Iterable[str]) -> dict[str, object]:
    return {file: _stamp(file) for file in files}


def _stamp(file: str) -> object:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _content(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise AccessFault(f"{file}: {error.strerror}") from None


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__
