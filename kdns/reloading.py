"""A Corefile that is read again while it is served: when it has changed, and when somebody says so."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import NamedTuple

from kdns.app import App
from kdns.corefile.disk import Disk
from kdns.corefile.parser import Corefile
from kdns.errors import CorefileErrors, KdnsError, StartError
from kdns.log import logger
from kdns.plan import plan_after

_log = logger("reload")
_app = logging.getLogger("kdns.app")
_HASH = "sha512"
_SETTLING = 0.5
"""Seconds between two looks at a file that is new."""
_LOOKS = 10

Read = tuple[str, Corefile | KdnsError]


class _Failure(NamedTuple):
    """The sum of what cannot be served, why, and whether to try it again though the files are the same."""

    sum: str
    why: str
    again: bool = False


class Noted:
    """A disk that remembers what was read from it."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._read: dict[str, bytes] = {}

    def read(self, path: str) -> str:
        """See Disk; a file that cannot be read is remembered as that."""
        self._read[path] = b""
        text = self._disk.read(path)
        self._read[path] = text.encode()
        return text

    def glob(self, pattern: str) -> list[str]:
        """See Disk."""
        return self._disk.glob(pattern)

    def sum(self) -> str:
        """SHA-512 of all that was read, in its order, each file with its path and length; hexadecimal.

        Empty where nothing was read.
        """
        if not self._read:
            return ""
        found = hashlib.sha512()
        for path, content in self._read.items():
            found.update(f"{path}\0{len(content)}\0".encode(errors="surrogateescape"))
            found.update(content)
        return found.hexdigest()


class Source:
    """A Corefile that can be read again. `load` reads it from a disk and raises StartError and CorefileErrors."""

    def __init__(self, load: Callable[[Disk], Corefile], disk: Disk) -> None:
        self._load = load
        self._disk = disk

    def read(self) -> Read:
        """The sum of what is on the disk now, and the Corefile that it is or what is wrong with it."""
        noted = Noted(self._disk)
        try:
            corefile = self._load(noted)
            if not corefile.blocks:
                return noted.sum(), StartError("there is no server block in it any more")
        except (StartError, CorefileErrors) as error:
            return noted.sum(), error
        return noted.sum(), corefile


class Reloader:
    """Has `app` serve what `source` says, looking as often as its *reload* wants, and whenever `asked` is set.

    `served` is the sum of what it serves now. Without a source there is nothing to read again.
    """

    def __init__(self, app: App, source: Source | None, served: str, asked: asyncio.Event) -> None:
        self._app = app
        self._source = source
        self._served = served
        self._failed: _Failure | None = None
        self._asked = asked

    async def run(self) -> None:
        """Look for ever."""
        self._say_version()
        while True:
            try:
                async with asyncio.timeout(self._app.plan.build.reload if self._source else None):
                    await self._asked.wait()
            except TimeoutError:
                await self.look()
            else:
                self._asked.clear()
                await self.look(anyway=True)

    async def look(self, *, anyway: bool = False) -> None:
        """Read the Corefile and serve it if it has changed, or `anyway`."""
        if self._source is None:
            _log.warning("the Corefile cannot be read again: it goes on as it is")
            return
        found, read = await (self._read(self._source) if anyway else self._settled(self._source))
        if found == self._served and not anyway:
            self._failed = None
        elif isinstance(read, KdnsError):
            self._fail(_Failure(found, str(read)), anyway=anyway)
        elif anyway or self._failed is None or self._failed.sum != found:
            await self._serve(found, read)
        elif self._failed.again:
            await self._serve(found, read, again=True)

    async def _read(self, source: Source) -> Read:
        return await asyncio.to_thread(source.read)

    async def _settled(self, source: Source) -> Read:
        """What is read twice the same, where it is new: somebody may be writing."""
        found, read = await self._read(source)
        for _ in range(_LOOKS):
            if found == self._served or (self._failed is not None and found == self._failed.sum):
                break
            before = found
            await asyncio.sleep(_SETTLING)
            found, read = await self._read(source)
            if found == before:
                break
        return found, read

    async def _serve(self, found: str, corefile: Corefile, *, again: bool = False) -> None:
        """Go over to a Corefile; `again` is quiet about what was said when it failed before."""
        if not again:
            _app.info("Reloading")
        try:
            plan = plan_after(corefile, self._app.plan)
            for warning in () if again else (*corefile.warnings, *plan.build.warnings):
                _log.warning("%s", warning)
            await self._app.change(plan)
        except KdnsError as error:
            # What it needs may come yet: a port, a file, an API server.
            self._fail(_Failure(found, str(error), again=True), anyway=not again)
        except Exception as error:  # a server never dies of a bad Corefile, nor of a defect in reading it
            _log.exception("a plugin failed while it was made anew")
            self._fail(_Failure(found, str(error)), anyway=True)
        else:
            self._app.plan.build.metrics.reload_version.clear()
            self._served, self._failed = found, None
            self._say_version()
            _app.info("Reloading complete")

    def _fail(self, failed: _Failure, *, anyway: bool) -> None:
        """Say so once for the same content and reason."""
        if failed != self._failed or anyway:
            self._app.plan.build.metrics.reload_failed.inc()
            lines = failed.why.replace("\n", "; ")
            _log.error("the Corefile has changed and cannot be served, so the former one still is: %s", lines)
        self._failed = failed

    def _say_version(self) -> None:
        build = self._app.plan.build
        if not self._served:
            return
        build.metrics.reload_version.labels(_HASH, self._served).set(1)
        if build.reload is not None:
            _log.info("Running configuration SHA512 = %s", self._served)
