"""The HTTP server of one address: pages such as `/health`, to GET and HEAD.

The only module that speaks to aiohttp's server.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence

from kdns.errors import StartError
from kdns.lean import web
from kdns.serve.listen import share
from kdns.site import Page, Path

_log = logging.getLogger("kdns.serve")
_clients = logging.getLogger("kdns.serve.http.clients")
_clients.disabled = True  # what aiohttp says of requests it cannot read: the clients' mistakes, not ours

_CONNECTIONS = 256
_IDLE = 75.0
"""Seconds that a connection is kept open for a next request."""
_GRACE = 1.0
"""Seconds that `stop` gives to replies in the making."""

_FIRST_FREE, _LAST = 1024, 65535
"""The first port that takes no permission, and the last there is."""

_DIRECTIVES = {"/health": "health", "/ready": "ready", "/metrics": "prometheus"}
_METHODS = ("GET", "HEAD")


class HttpServer:
    """Serves `pages` by path on one address; host '' is all addresses, port 0 any that is free.

    At most 256 connections are open: a new one ends the oldest, so that idle ones keep out nobody. `sockets` are
    bound already, if they are given, and are closed with it; `shared` as in `serve.listen.bind`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        pages: Mapping[str, Path],
        *,
        tls: ssl.SSLContext | None = None,
        shared: bool = False,
        sockets: Sequence[socket.socket] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._is_shared = shared
        self._sockets = list(sockets)
        self._pages = dict(pages)
        self._tls = tls
        self._runner: web.ServerRunner | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The IP and port that are really bound, the first of them. Only between `start` and `stop`."""
        host, port = self._sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def start(self) -> None:
        """Listen. Raises StartError when the address cannot be had."""
        try:
            self._sockets = self._sockets or await self._bound()
        except OSError as error:
            raise StartError(self._why(error)) from None
        server = _Server(self._answer, access_log=None, logger=_clients, keepalive_timeout=_IDLE)
        self._runner = web.ServerRunner(server, shutdown_timeout=_GRACE)
        await self._runner.setup()
        try:
            for bound in self._sockets:
                await web.SockSite(self._runner, bound, ssl_context=self._tls).start()
        except OSError as error:  # two sockets may be bound to one address; only one of them may listen
            await self.stop()
            raise StartError(self._why(error)) from None

    async def _bound(self) -> list[socket.socket]:
        infos = await asyncio.get_running_loop().getaddrinfo(
            self._host.encode() or None, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        addresses = [(info[0], info[4]) for info in infos]
        return _bind(addresses, _shared) if self._is_shared else _bind(addresses)

    def show(self, pages: Mapping[str, Path]) -> None:
        """Serve these pages from now on, on open connections too."""
        self._pages = dict(pages)

    def share(self) -> None:
        """Let sockets of this process that are bound with `shared` overlap these."""
        for bound in self._sockets:
            share(bound)

    def sockets(self) -> list[socket.socket]:
        """The same sockets once more, for another server that takes over from this one."""
        return [bound.dup() for bound in self._sockets]

    async def stop(self) -> None:
        """Close the sockets, then the connections; replies in the making have a second."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        for bound in self._sockets:
            bound.close()
        self._sockets = []

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        page = self._pages.get(request.path)
        if page is None:
            known = ", ".join(sorted(self._pages))
            return _reply(Page(404, f"404: nothing is at this path; there is {known}\n".encode()))
        if request.method not in _METHODS:
            return _reply(Page(405, b"405: only GET and HEAD\n"), Allow=", ".join(_METHODS))
        try:
            return _reply(await page())
        except Exception:  # a server never dies of one bad page
            _log.exception("the page %s failed", request.path)
            return _reply(Page(500, b"500: the page failed; the log says more\n"))

    def _why(self, error: OSError) -> str:
        """What is in the way, in one line, with the directives that asked for the address."""
        directives = [_DIRECTIVES.get(path, path) for path in sorted(self._pages)]
        host = f"[{self._host}]" if ":" in self._host else self._host
        where = f"HTTP address {host}:{self._port} ({', '.join(directives)})"
        first = next(iter(directives), "health")
        another = f"give it another one, as in '{first} {host}:{_another(self._port)}'"
        match error.errno:
            case errno.EADDRINUSE:
                return f"{where} is in use: stop what listens there, or {another}"
            case errno.EACCES | errno.EPERM:
                return f"{where} is not permitted: ports under 1024 need NET_BIND_SERVICE; or {another}"
            case errno.EADDRNOTAVAIL:
                return f"{where} is no address of this machine: write '{first} :{self._port}' for all it has"
        text = error.strerror or str(error)
        return f"{where} cannot be listened on: {text[:1].lower()}{text[1:]}"


class _Server(web.Server):
    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        connections = self.connections
        if len(connections) > _CONNECTIONS:
            connections[0].force_close()


def _reply(page: Page, **headers: str) -> web.Response:
    headers |= {"Content-Type": page.type, "Server": "kdns"}
    return web.Response(status=page.status, body=page.body, headers=headers)


def _another(port: int) -> int:
    """A port that anybody may have: 8080 for 80."""
    return port + 8000 if port < _FIRST_FREE else port + 1 if port < _LAST else port - 1


def _bind(
    addresses: Iterable[tuple[int, tuple[object, ...]]],
    make: Callable[[int, tuple[object, ...]], socket.socket] | None = None,
) -> list[socket.socket]:
    """A socket for each address, as `make` makes it if it is given.

    IPv6 that is switched off is passed over where there is IPv4. Names such as localhost stand for an IPv6
    address too, on machines that have none. Where any port may be taken, the first socket's is the others'.
    Raises OSError.
    """
    bound: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in dict.fromkeys(addresses):
        port = bound[0].getsockname()[1] if bound else address[1]
        try:
            bound.append((make or _socket)(family, (address[0], port, *address[2:])))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                _close(bound)
                raise
            missing = error
    if missing and not bound:
        raise missing
    return bound


def _socket(family: int, address: tuple[object, ...], *, shared: bool = False) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if shared:
            share(made)
        made.bind(address)
    except OSError:
        made.close()
        raise
    return made


def _shared(family: int, address: tuple[object, ...]) -> socket.socket:
    return _socket(family, address, shared=True)


def _close(sockets: Iterable[socket.socket]) -> None:
    for bound in sockets:
        bound.close()
