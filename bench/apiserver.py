"""An API server that is as fast as a socket: everything it says is bytes that were made before.

    python -m bench.apiserver PORT SERVICES ENDPOINTS_EACH

It knows Services, EndpointSlices and Namespaces (`cluster.py`); lists whole and streamed (KEP-3157), watches with
bookmarks, all in JSON: to kdns and to CoreDNS alike. `GET /bench/touch?N` changes the endpoints of Service N: the
answer is the monotonic time in seconds at which the event's bytes were handed to the kernel. `GET /bench/churn?R`
changes those of any Service, R times a second, until told otherwise. `GET /bench/end` closes every watch and calls
all versions expired, so that everybody lists again; `GET /bench/lists` says how often a kind was listed so far.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from bench.cluster import NAMESPACES, Shape, endpoint_slice, namespace, service, wide_services, wide_slices

SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
SPACES = "/api/v1/namespaces"
_KINDS = {
    SERVICES: ("Service", "v1"),
    SLICES: ("EndpointSlice", "discovery.k8s.io/v1"),
    SPACES: ("Namespace", "v1"),
}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_END = "k8s.io/initial-events-end"
_BEAT = 0.05
"""Seconds between two bursts of changes."""


class Bench:
    """The objects as bytes, the watches that are open, and the version that was given last."""

    def __init__(self, services: int, each: int) -> None:
        self.version = 1000
        self.shape = Shape(services, each)
        self.objects: dict[str, dict[object, bytes]] = {
            SERVICES: {n: _bytes(service(n, 1000)) for n in range(services)},
            SLICES: {n: _bytes(endpoint_slice(n, 1000, each)) for n in range(services)},
            SPACES: {n: _bytes(namespace(n, 1000)) for n in range(NAMESPACES)},
        }
        self.objects[SERVICES].update((f"wide-{n}", _bytes(each)) for n, each in enumerate(wide_services(1000)))
        self.objects[SLICES].update((f"wide-{n}", _bytes(each)) for n, each in enumerate(wide_slices(1000)))
        self.watches: dict[str, set[asyncio.StreamWriter]] = {path: set() for path in self.objects}
        self.oldest = 0
        self.churn = 0
        """Changes a second."""
        self.lists = 0
        """How often everything of a kind was listed."""

    def page(self, path: str, limit: str) -> bytes:
        """A list; with a limit of 1 only where it is."""
        items = [] if limit == "1" else list(self.objects[path].values())
        self.lists += limit != "1"
        kind, version = _KINDS[path]
        head = b'{"kind":"%sList","apiVersion":"%s","metadata":{"resourceVersion":"%d"},"items":['
        return head % (kind.encode(), version.encode(), self.version) + b",".join(items) + b"]}"

    def initial(self, path: str) -> Iterator[bytes]:
        """The events of a streamed list."""
        self.lists += 1
        for item in self.objects[path].values():
            yield b'{"type":"ADDED","object":' + item + b"}\n"
        kind, version = _KINDS[path]
        metadata = {"resourceVersion": str(self.version), "annotations": {_END: "true"}}
        note = _bytes({"kind": kind, "apiVersion": version, "metadata": metadata})
        yield b'{"type":"BOOKMARK","object":' + note + b"}\n"

    def touch(self, number: int) -> float:
        """Change the endpoints of a Service; when the event left."""
        self.version += 1
        changed = _bytes(endpoint_slice(number, self.version, self.shape.each, self.version))
        self.objects[SLICES][number] = changed
        line = b'{"type":"MODIFIED","object":' + changed + b"}\n"
        chunk = b"%x\r\n%s\r\n" % (len(line), line)
        now = time.monotonic()
        for writer in self.watches[SLICES]:
            writer.write(chunk)
        return now

    async def change(self) -> None:
        """Touch any Service, as often as `churn` says."""
        dice = random.Random(1)
        due, last = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(_BEAT)
            now = time.monotonic()
            due, last = due + (now - last) * self.churn, now
            for _ in range(int(due)):
                self.touch(dice.randrange(self.shape.services))
            due -= int(due)

    def end(self) -> None:
        """Call every version expired and close the watches."""
        self.version += 1
        self.oldest = self.version
        for writers in self.watches.values():
            for writer in writers:
                writer.write(b"0\r\n\r\n")


def _bytes(thing: object) -> bytes:
    return json.dumps(thing, separators=(",", ":")).encode()


async def _serve(bench: Bench, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while request := await reader.readuntil(b"\r\n\r\n"):
            target = urlsplit(request.split(b" ", 2)[1].decode())
            query = {name: values[0] for name, values in parse_qs(target.query).items()}
            if target.path in bench.objects and query.get("watch"):
                await _watch(bench, target.path, query, writer)
            else:
                body = _answer(bench, target.path, target.query, query)
                writer.write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        for writers in bench.watches.values():
            writers.discard(writer)
        writer.close()


def _answer(bench: Bench, path: str, raw: str, query: dict[str, str]) -> bytes:
    if path == "/bench/touch":
        return b"%.6f" % bench.touch(int(raw))
    if path == "/bench/churn":
        bench.churn = int(raw)
    if path == "/bench/lists":
        return b"%d" % bench.lists
    if path == "/bench/end":
        bench.end()
    if path in bench.objects:
        return bench.page(path, query.get("limit", ""))
    return b"ok"


async def _watch(bench: Bench, path: str, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
    writer.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    if query.get("sendInitialEvents"):
        for lines in _batched(bench, path):
            data = b"".join(lines)
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
    elif int(query.get("resourceVersion") or 0) < bench.oldest:
        status = {"kind": "Status", "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}
        line = _bytes({"type": "ERROR", "object": {"apiVersion": "v1", **status}}) + b"\n"
        writer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(line), line))
        return
    bench.watches[path].add(writer)


def _batched(bench: Bench, path: str) -> Iterator[list[bytes]]:
    lines = iter(bench.initial(path))
    while batch := list(itertools.islice(lines, 50)):
        yield batch


async def _main(port: int, services: int, each: int) -> None:
    bench = Bench(services, each)
    server = await asyncio.start_server(lambda r, w: _serve(bench, r, w), "127.0.0.1", port, limit=1 << 20)
    print("ready", flush=True)
    async with server:
        await asyncio.gather(server.serve_forever(), bench.change())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*map(int, sys.argv[1:4])))
