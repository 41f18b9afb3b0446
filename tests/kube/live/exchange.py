"""One request to the scripted API server and all that may be done to its answer, byte by byte."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

Doc = dict[str, Any]


class Gone(Exception):
    """The connection has ended; nothing more is to be done for it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. `plural` is empty where it is no resource; `time` is loop time in seconds."""

    time: float
    connection: int
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def plural(self) -> str:
        """The kind, as in paths."""
        return self.path.rpartition("/")[2]

    @property
    def namespace(self) -> str:
        """The namespace that the path names."""
        return self.path.partition("/namespaces/")[2].rpartition("/")[0]

    @property
    def watch(self) -> bool:
        """Whether it is a watch."""
        return self.query.get("watch") == "true"

    @property
    def version(self) -> str | None:
        """The version that is asked for, if one is."""
        return self.query.get("resourceVersion")


class Connection:
    """A client's connection. A `mute` one neither hears nor speaks, and does not end: half-open."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.mute = False
        self._reader = reader
        self._writer = writer

    async def read(self, clock: Callable[[], float]) -> Request:
        """The next request. Raises Gone."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            raise Gone from None
        if self.mute:
            await self.forever()
        first, *lines = head.decode().split("\r\n")
        target = first.split(" ")[1]
        path, _, query = target.partition("?")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        return Request(clock(), self.number, path, _parsed(query), headers)

    async def send(self, data: bytes) -> None:
        """Bytes, as they are. Raises Gone."""
        if self.mute:
            await self.forever()
        if self._writer.transport.is_closing():
            raise Gone
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError:
            raise Gone from None

    async def forever(self) -> None:
        """Neither speak nor end, until somebody else ends it."""
        await asyncio.get_running_loop().create_future()

    def end(self) -> None:
        """FIN, after what has been sent."""
        self._writer.close()

    def reset(self) -> None:
        """RST: what is on its way may be lost."""
        sock = self._writer.get_extra_info("socket")
        if sock is not None and not self._writer.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def cut(self) -> None:
        """End in the middle of everything: of TLS too, which gets no farewell."""
        sock = self._writer.get_extra_info("socket")
        sock.shutdown(socket.SHUT_RDWR)
        self._writer.transport.abort()

    async def until_gone(self) -> None:
        """Return when the client ends it."""
        try:
            await self._reader.read(1)
        except OSError:
            return


def _parsed(query: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query, keep_blank_values=True))


@dataclass(slots=True)
class Exchange:
    """A request and its answer. Chunks pass through `cut` on their way, which may cut or join them otherwise."""

    request: Request
    connection: Connection
    cut: Callable[[bytes], Iterable[bytes]] = field(default=lambda data: (data,))

    async def answer(self, status: int, body: bytes, **headers: str) -> None:
        """An answer of known length. Header names with `_` for `-`."""
        await self.head(status, Content_Length=str(len(body)), **headers)
        await self.connection.send(body)

    async def head(self, status: int, **headers: str) -> None:
        """Status line and headers."""
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.connection.send("\r\n".join([*lines, "", ""]).encode())

    async def begin(self) -> None:
        """Headers of a stream."""
        await self.head(200, Transfer_Encoding="chunked")

    async def chunk(self, data: bytes) -> None:
        """A part of a stream."""
        for part in self.cut(data):
            await self.connection.send(b"%x\r\n%b\r\n" % (len(part), part))

    async def finish(self) -> None:
        """The end of a stream, as it should be."""
        await self.connection.send(b"0\r\n\r\n")

    async def status(self, code: int, reason: str, message: str = "", retry_after: int | None = None) -> None:
        """An error."""
        more = {} if retry_after is None else {"Retry_After": str(retry_after)}
        await self.answer(code, encoded(status_of(code, reason, message)), **more)


Action = Callable[[Exchange], Awaitable[None]]
"""What is done instead of an answer; `ApiServer.answer` is among them."""


def encoded(doc: Doc) -> bytes:
    """As the API server writes it: one line."""
    return json.dumps(doc, separators=(",", ":")).encode() + b"\n"


def status_of(code: int, reason: str, message: str = "", **details: object) -> Doc:
    """A Status object."""
    doc: Doc = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
    return {**doc, "message": message or reason, **({"details": details} if details else {})}


def event(type: str, doc: Doc) -> bytes:
    """A line of a watch."""
    return encoded({"type": type, "object": doc})


# Actions.


def fails(code: int, reason: str, message: str = "", retry_after: int | None = None) -> Action:
    """Answer with an error."""

    async def act(exchange: Exchange) -> None:
        await exchange.status(code, reason, message, retry_after)

    return act


def says(*chunks: bytes, ends: str = "well") -> Action:
    """Stream these bytes, then end `well`, by `fin`, by `reset`, by `cut`, or never (`stays`, `silent`)."""

    async def act(exchange: Exchange) -> None:
        await exchange.begin()
        for chunk in chunks:
            await exchange.chunk(chunk)
        await _end(exchange, ends)

    return act


async def _end(exchange: Exchange, how: str) -> None:
    match how:
        case "well":
            await exchange.finish()
        case "fin":
            exchange.connection.end()
            raise Gone
        case "reset":
            # What was sent must arrive before the RST does, which would take it back.
            await asyncio.sleep(0.001)
            exchange.connection.reset()
            raise Gone
        case "cut":
            await asyncio.sleep(0.001)
            exchange.connection.cut()
            raise Gone
        case "stays":
            await exchange.connection.until_gone()
        case _:
            exchange.connection.mute = True
            await exchange.connection.forever()


async def resets(exchange: Exchange) -> None:
    """Answer with an RST."""
    exchange.connection.reset()
    raise Gone


async def hangs_up(exchange: Exchange) -> None:
    """Answer with a FIN."""
    exchange.connection.end()
    raise Gone


async def is_silent(exchange: Exchange) -> None:
    """Never answer."""
    await exchange.connection.forever()
