"""An API server that is as fast as a socket: everything it says is bytes that were made before.

    python bench/apiserver.py PORT SERVICES ENDPOINTS_EACH

It knows Services, EndpointSlices and Namespaces; lists whole and streamed (KEP-3157), watches with
bookmarks. `GET /bench/touch?N` changes the endpoints of Service N: the answer is the monotonic time
in seconds at which the event's bytes were handed to the kernel. `GET /bench/end` closes every watch and
calls all versions expired, so that everybody lists again.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

NAMESPACES = 20
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_END = "k8s.io/initial-events-end"


def _metadata(kind: str, number: int, version: int, **more: object) -> dict[str, object]:
    """Metadata as a cluster's objects have it, managed fields included: most bytes of a list are such."""
    return {
        "name": f"{kind}-{number}",
        "namespace": f"ns-{number % NAMESPACES}",
        "uid": f"{kind[:4]:x<8}-0000-4000-8000-{number:012d}",
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        **more,
        "managedFields": [
            {
                "manager": "kube-controller-manager",
                "operation": "Update",
                "apiVersion": "v1",
                "time": "2026-01-01T00:00:00Z",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:ports": {}}},
            }
        ],
    }


def service(number: int, version: int) -> dict[str, object]:
    """A Service with a cluster IP; every fifth is headless."""
    address = "None" if number % 5 == 0 else f"10.{96 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    return {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": _metadata("svc", number, version, labels={"app": f"svc-{number}"}),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}],
            "selector": {"app": f"svc-{number}"},
            "sessionAffinity": "None",
        },
        "status": {"loadBalancer": {}},
    }


def endpoint_slice(number: int, version: int, each: int, shift: int = 0) -> dict[str, object]:
    """The slice of a Service with its endpoints; `shift` moves the addresses."""
    space = f"ns-{number % NAMESPACES}"
    endpoints = []
    for place in range(each):
        at = (number * each + place + shift * 7919) & 0xFFFFFF
        target = {"kind": "Pod", "namespace": space, "name": f"svc-{number}-{place}", "uid": f"{at:032x}"}
        endpoints.append(
            {
                "addresses": [f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "targetRef": target,
                "nodeName": f"node-{at % 500}",
                "zone": f"zone-{at % 3}",
            }
        )
    return {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": _metadata("slice", number, version, labels={"kubernetes.io/service-name": f"svc-{number}"}),
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    }


def namespace(number: int, version: int) -> dict[str, object]:
    """A Namespace."""
    name = f"ns-{number}"
    return {
        "kind": "Namespace",
        "apiVersion": "v1",
        "metadata": {"name": name, "uid": name, "resourceVersion": str(version)},
    }


class Bench:
    """The objects as bytes, the watches that are open, and the version that was given last."""

    def __init__(self, services: int, each: int) -> None:
        self.version = 1000
        self.each = each
        self.objects: dict[str, dict[int, bytes]] = {
            "/api/v1/services": {n: _bytes(service(n, 1000)) for n in range(services)},
            "/apis/discovery.k8s.io/v1/endpointslices": {
                n: _bytes(endpoint_slice(n, 1000, each)) for n in range(services)
            },
            "/api/v1/namespaces": {n: _bytes(namespace(n, 1000)) for n in range(NAMESPACES)},
        }
        self.watches: dict[str, set[asyncio.StreamWriter]] = {path: set() for path in self.objects}
        self.oldest = 0
        self.sent = 0

    def page(self, path: str, limit: str) -> bytes:
        """A list; with a limit of 1 only where it is."""
        items = [] if limit == "1" else list(self.objects[path].values())
        head = b'{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"%d"},"items":[' % self.version
        return head + b",".join(items) + b"]}"

    def initial(self, path: str) -> Iterator[bytes]:
        """The events of a streamed list."""
        for item in self.objects[path].values():
            yield b'{"type":"ADDED","object":' + item + b"}\n"
        note = json.dumps({"resourceVersion": str(self.version), "annotations": {_END: "true"}}).encode()
        yield b'{"type":"BOOKMARK","object":{"metadata":' + note + b"}}\n"

    def touch(self, number: int) -> float:
        """Change the endpoints of a Service; when the event left."""
        self.version += 1
        path = "/apis/discovery.k8s.io/v1/endpointslices"
        changed = _bytes(endpoint_slice(number, self.version, self.each, self.version))
        self.objects[path][number] = changed
        line = b'{"type":"MODIFIED","object":' + changed + b"}\n"
        chunk = b"%x\r\n%s\r\n" % (len(line), line)
        now = time.monotonic()
        for writer in self.watches[path]:
            writer.write(chunk)
        return now

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
        line = _bytes({"type": "ERROR", "object": status}) + b"\n"
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
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(*map(int, sys.argv[1:4])))
