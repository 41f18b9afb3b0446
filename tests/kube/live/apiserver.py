"""A scripted API server: HTTP/1.1 byte by byte, over TCP or TLS, with an etcd of its own.

Left alone it does what a real one does: lists with pages and versions, watches with bookmarks and
timeouts, streamed lists (KEP-3157), selectors, Status errors, tokens. `script` says what happens to single requests
instead. Every request is kept in `requests`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import NamedTuple

from tests.kube.live.etcd import Change, Doc, Etcd
from tests.kube.live.exchange import Action, Connection, Exchange, Gone, Request, encoded, event

_APIS = {
    "services": ("v1", "Service"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "endpoints": ("v1", "Endpoints"),
    "pods": ("v1", "Pod"),
    "namespaces": ("v1", "Namespace"),
    "serviceimports": ("multicluster.x-k8s.io/v1alpha1", "ServiceImport"),
}
BOOKMARK_EVERY = 60.0
_BEFORE_END = 2.0
_WAIT_FOR_VERSION = 3.0


class Refusal(Exception):
    """An error that is answered: code, reason, message, Retry-After in seconds."""

    def __init__(self, code: int, reason: str, message: str = "", retry_after: int | None = None) -> None:
        super().__init__(code, reason, message, retry_after)


class _Rule(NamedTuple):
    wants: Callable[[Request], bool]
    action: Action
    left: list[float]


class ApiServer:
    """`url` is where it is. Several may share an etcd; `reached` holds one of them back at a version.

    `streams`: whether it knows streamed lists; `bookmarks`: whether it ever sends any; `tokens`: those it
    takes, None for everybody; `longest`: seconds after which it ends any watch; `slams`: it ends connections as
    they come; `deaf`: it takes them and says nothing, ever; `chunked` cuts what streams say into chunks.
    `watched` counts watches by kind.
    """

    def __init__(self, etcd: Etcd | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.etcd = etcd or Etcd()
        self.requests: list[Request] = []
        self.watched: Counter[str] = Counter()
        self.streams = True
        self.bookmarks = True
        self.tokens: set[str] | None = None
        self.reached: int | None = None
        self.longest = inf
        self.slams = False
        self.deaf = False
        self.chunked: Callable[[bytes], Iterable[bytes]] = lambda data: (data,)
        self.tls = tls
        self.connections: dict[int, Connection] = {}
        self.accepted = 0
        self._rules: list[_Rule] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        # Bound, never listening: the port stays ours while the server is down.
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reserved.bind(("127.0.0.1", 0))
        self.port = int(self._reserved.getsockname()[1])

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def version(self) -> int:
        """How far its watch cache is."""
        return self.etcd.version if self.reached is None else min(self.etcd.version, self.reached)

    def script(
        self,
        plural: str,
        action: Action,
        *,
        times: float = 1,
        watch: bool | None = None,
        when: Callable[[Request], bool] = lambda _: True,
    ) -> None:
        """Do this to the next requests for a kind (`*` for any) instead of what would be right. The first rule wins."""

        def wants(request: Request) -> bool:
            kind = plural in {request.plural, "*"}
            return kind and (watch is None or request.watch == watch) and when(request)

        self._rules.append(_Rule(wants, action, [times]))

    def unscript(self) -> None:
        """Do what is right from now on."""
        self._rules.clear()

    def lists(self, plural: str) -> list[Request]:
        """The lists of a kind that were asked for, streamed ones not."""
        return [request for request in self.requests if request.plural == plural and not request.watch]

    def watches(self, plural: str) -> list[Request]:
        """The watches of a kind."""
        return [request for request in self.requests if request.plural == plural and request.watch]

    # Life.

    async def start(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self.tls, reuse_port=True, limit=1 << 20, backlog=1024
        )

    async def kill(self) -> None:
        """End at once: every connection is reset, and new ones are refused."""
        await self.close_port()
        await self.cut_all()

    async def close_port(self) -> None:
        """Refuse new connections."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def cut_all(self, how: Callable[[Connection], None] = Connection.reset) -> None:
        """End every connection."""
        for connection in list(self.connections.values()):
            how(connection)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def mute(self) -> None:
        """Every connection that there is goes dead without a word; new ones work."""
        for connection in self.connections.values():
            connection.mute = True

    async def stop(self) -> None:
        """Give the port back."""
        await self.kill()
        self._reserved.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.accepted += 1
        connection = Connection(self.accepted, reader, writer)
        connection.mute = self.deaf
        self._tasks.add(task)
        self.connections[connection.number] = connection
        try:
            while not self.slams:
                await self._turn(connection)
        except (Gone, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            del self.connections[connection.number]
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _turn(self, connection: Connection) -> None:
        request = await connection.read(asyncio.get_running_loop().time)
        self.requests.append(request)
        self.watched[request.plural] += request.watch
        exchange = Exchange(request, connection, self.chunked)
        await self._action(request)(exchange)

    def _action(self, request: Request) -> Action:
        for rule in self._rules:
            if rule.left[0] > 0 and rule.wants(request):
                rule.left[0] -= 1
                return rule.action
        return self.answer

    # What is right.

    async def answer(self, exchange: Exchange) -> None:
        """Answer as a real one would."""
        request = exchange.request
        try:
            self._admit(request)
            if request.path in {"/readyz", "/version"}:
                await exchange.answer(200, b"ok")
                return
            await (self._watch(exchange) if request.watch else self._list(exchange))
        except Refusal as refusal:
            await exchange.status(*refusal.args)

    def _admit(self, request: Request) -> None:
        if request.plural not in {*_APIS, "readyz", "version"}:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if self.tokens is not None and (scheme != "Bearer" or token not in self.tokens):
            raise Refusal(401, "Unauthorized", "Unauthorized")

    async def _list(self, exchange: Exchange) -> None:
        request = exchange.request
        if token := request.query.get("continue"):
            version, begin = json.loads(base64.b64decode(token))
            if version < self.etcd.compacted:
                raise Refusal(410, "Expired", "The provided continue parameter is too old")
        else:
            version, begin = await self._list_version(request), 0
        found = [doc for doc in self.etcd.at(request.plural, version) if _chosen(doc, request)]
        paged = request.version in {None, ""}
        limit = int(request.query.get("limit", 0)) if paged else 0
        shown = found[begin : begin + limit] if limit else found
        metadata: Doc = {"resourceVersion": str(version)}
        if begin + len(shown) < len(found):
            metadata["continue"] = base64.b64encode(json.dumps([version, begin + len(shown)]).encode()).decode()
        api, kind = _APIS[request.plural]
        items = [{name: value for name, value in doc.items() if name not in {"kind", "apiVersion"}} for doc in shown]
        body = {"kind": f"{kind}List", "apiVersion": api, "metadata": metadata, "items": items}
        await exchange.answer(200, encoded(body))

    async def _list_version(self, request: Request) -> int:
        wanted = request.version
        if not wanted:  # a quorum read asks etcd itself
            return self.etcd.version
        await self._reach(int(wanted))
        return self.version

    async def _reach(self, wanted: int) -> None:
        if wanted > self.version:
            await asyncio.sleep(_WAIT_FOR_VERSION)
        if wanted > self.version:
            text = f"Too large resource version: {wanted}, current: {self.version}"
            raise Refusal(504, "Timeout", text, 1)

    async def _watch(self, exchange: Exchange) -> None:
        request = exchange.request
        initial = request.query.get("sendInitialEvents") == "true"
        wanted = int(request.version or 0)
        if initial and not self.streams:
            text = "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            raise Refusal(422, "Invalid", text)
        if initial:
            await self._reach(wanted)
        elif 0 < wanted < self.etcd.compacted:
            text = f"too old resource version: {wanted} ({self.etcd.compacted})"
            raise Refusal(410, "Expired", text)
        await exchange.begin()
        at = max(wanted, self.version) if wanted == 0 or initial else wanted
        if initial or not wanted:
            for doc in self.etcd.at(request.plural, at):
                if _chosen(doc, request):
                    await exchange.chunk(event("ADDED", doc))
        if initial and self.bookmarks:
            await exchange.chunk(_bookmark(request.plural, at, {"k8s.io/initial-events-end": "true"}))
        await self._go_on(exchange, at)

    async def _go_on(self, exchange: Exchange, at: int) -> None:
        """Events until the time is over."""
        request, clock = exchange.request, asyncio.get_running_loop().time
        end = clock() + min(float(request.query.get("timeoutSeconds", 1800)), self.longest)
        marks = deque(_marks(clock(), end) if self.bookmarks and "allowWatchBookmarks" in request.query else ())
        gone = asyncio.ensure_future(exchange.connection.until_gone())
        try:
            while clock() < end and not gone.done():
                waiter = self.etcd.waiter()
                for change in self.etcd.since(at, request.plural):
                    if change.version <= self.version:
                        at = change.version
                        if line := _told(change, request):
                            await exchange.chunk(line)
                if marks and clock() >= marks[0]:
                    marks.popleft()
                    at = max(at, self.version)
                    await exchange.chunk(_bookmark(request.plural, at))
                else:
                    await self._next(gone, min([end, *list(marks)[:1]]) - clock(), waiter)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
        await exchange.finish()

    async def _next(self, gone: asyncio.Future[None], seconds: float, waiter: asyncio.Event) -> None:
        changed = asyncio.ensure_future(self.etcd.changed(seconds, waiter))
        await asyncio.wait([changed, gone], return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        with suppress(asyncio.CancelledError):
            await changed
        if gone.done():
            raise Gone


def _marks(now: float, end: float) -> Iterator[float]:
    while (now := now + BOOKMARK_EVERY) < end - _BEFORE_END:
        yield now
    yield end - _BEFORE_END


def _bookmark(plural: str, version: int, annotations: Doc | None = None) -> bytes:
    api, kind = _APIS[plural]
    metadata = {"resourceVersion": str(version), "creationTimestamp": None, "annotations": annotations or {}}
    # Of its kind, and otherwise as empty as a real one's.
    return event("BOOKMARK", {"kind": kind, "apiVersion": api, "metadata": metadata, "spec": {}})


def _told(change: Change, request: Request) -> bytes:
    """The line that tells a watch of a change: one that leaves its selection is an end."""
    was = change.old is not None and _chosen(change.old, request)
    if change.new is not None and _chosen(change.new, request):
        return event("MODIFIED" if was else "ADDED", change.new)
    if not was:
        return b""
    doc = change.new or change.old or {}
    return event("DELETED", {**doc, "metadata": {**doc["metadata"], "resourceVersion": str(change.version)}})


def _chosen(doc: Doc, request: Request) -> bool:
    metadata = doc["metadata"]
    if request.namespace not in {"", metadata.get("namespace", "")}:
        return False
    labels = metadata.get("labels") or {}
    fields = {"metadata.name": metadata["name"], "status.phase": doc.get("status", {}).get("phase", "")}
    wants = (labels, "labelSelector"), (fields, "fieldSelector")
    return all(_fits(have, request.query.get(selector, "")) for have, selector in wants)


def _fits(have: Doc, selector: str) -> bool:
    """Equality-based selectors: `a=b`, `a!=b`, `a`, `!a`."""
    for term in filter(None, selector.split(",")):
        name, unequal, value = term.partition("!=")
        if unequal:
            fits = have.get(name) != value
        elif "=" in term:
            name, _, value = term.replace("==", "=").partition("=")
            fits = have.get(name) == value
        else:
            fits = (term.lstrip("!") in have) is not term.startswith("!")
        if not fits:
            return False
    return True


@asynccontextmanager
async def api_server(etcd: Etcd | None = None, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[ApiServer]:
    """One that listens."""
    server = ApiServer(etcd, tls=tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
