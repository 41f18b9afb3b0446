"""A session with an API server, with the credentials that their files hold now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from kdns.kube.live.access import Access, AccessFault
from kdns.kube.live.session import Session, Settings, token_of
from kdns.log import logger

_log = logger("kubernetes")


class Entry(NamedTuple):
    """A session, the `Authorization` header for it (empty for none), and which reading of the credentials it is.

    `host` and port are those of its server.
    """

    session: Session
    token: str
    host: str
    reading: int


class Login:
    """Renews the session when credentials change: a new token is sent, new certificates make new connections.

    What is broken never takes the place of what is not; it is told once, and looked at again.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._entry: Entry | None = None
        self._readings = 0
        self._distrusted = False
        self._stamps: dict[str, object] = {}
        self._encryption: tuple[object, ...] = ()
        self._renewing = asyncio.Lock()
        self._told = ""

    async def entry(self) -> Entry:
        """What to ask with. Raises AccessFault if the credentials could never be read yet."""
        async with self._renewing:
            if self._entry is None or self._distrusted or _stamps(self._stamps) != self._stamps:
                try:
                    await self._renew()
                except AccessFault as error:
                    if self._entry is None:
                        self._tell(str(error))
                        raise
                    self._tell(f"{error}; going on with what was read before")
                finally:
                    self._distrusted = False  # who was refused meanwhile had asked with the old ones
            assert self._entry is not None
            return self._entry

    def distrust(self, entry: Entry) -> None:
        """The server refuses it: read the credentials again, if nobody has since."""
        if self._entry is not None and entry.reading == self._entry.reading:
            self._distrusted = True

    async def close(self) -> None:
        """End all connections."""
        if self._entry is not None:
            await self._entry.session.close()
            self._entry = None

    async def _renew(self) -> None:
        stamps = _stamps(self._access.files())
        settings = await self._access.settings()
        files = [file for file in (settings.ssl_ca_cert, settings.cert_file, settings.key_file) if file]
        stamps |= _stamps(files)  # before they are read: whoever changes them meanwhile is noticed next time
        way = (settings.host, settings.verify_ssl, settings.tls_server_name, settings.proxy)
        encryption = (*way, *map(_content, files))
        old = self._entry
        session = old.session if old and encryption == self._encryption else self._session(settings)
        self._readings += 1
        host = urlsplit(settings.host).netloc.rpartition("@")[2]
        self._entry = Entry(session, token_of(settings), host, self._readings)
        self._encryption, self._stamps = encryption, stamps
        if self._told:
            self._told = ""
            _log.info("%s: the credentials can be read", self._access.describe())
        if old is not None and old.session is not session:
            await old.session.close()  # connections made with the old certificates end

    def _session(self, settings: Settings) -> Session:
        try:
            return Session(settings)
        except OSError as error:
            raise AccessFault(f"{self._access.describe()}: {error}") from None

    def _tell(self, line: str) -> None:
        if line != self._told:
            self._told = line
            _log.warning("%s", line)


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
