"""A cluster's objects as bytes to be kept, and back: what a server answers from while the API server is away.

    kdns-state 1 <settings> <time>\\n     the format's number, what the objects depend on, when they were right
    <kind> <length> <objects>            again and again: one byte, four bytes, a MessagePack array of one kind
    <checksum>                           SHA-256 of all that stands before

The checksum is no defence against somebody who may write the file; SHA-256 is taken since it finds every kind of
damage, and takes 1 ms for 1 MB. `settings` holds what the Corefile wants of the cluster and how the objects are laid
out, so that no other state is ever read as this one. Objects are packed and unpacked in pieces of a millisecond or
so, others having their turn between.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

from kdns.kube.objects import (
    Endpoint,
    Endpoints,
    Namespace,
    Object,
    Pod,
    Port,
    Service,
    ServiceImport,
    Slice,
)
from kdns.kube.schema.shape import ShapeError, packed, unpacker
from kdns.kube.wanted import Server
from kdns.proto.reverse import Address

FORMAT = 1
_HEADER = re.compile(rb"kdns-state ([0-9]{1,9}) ([0-9a-f]{32}) ([0-9]{1,11})\n")
_LONGEST_HEADER = 80
_SHAPING, _SERVER = 24, 8
_UNKNOWN = "0" * _SERVER
_CHECKSUM = hashlib.sha256().digest_size
_FRAME = struct.Struct(">BI")
_PIECE = 400
"""Objects and endpoints that are packed or unpacked at a time."""


class Unusable(ValueError):
    """Bytes that are no state for these settings: says why."""


class Checked(NamedTuple):
    """A state that is whole, its objects still packed. `at` is Unix time in seconds: when they were right."""

    at: float
    body: bytes


def settings_of(wanted: Server, server: str = "") -> str:
    """What the objects depend on: which cluster, which part of it, what is followed, how it is laid out.

    `server` is where a kubeconfig points to now, empty while that cannot be known: that fits any.
    """
    selection = wanted.selection
    shaping = (
        [str(Path(wanted.kubeconfig[0]).absolute()), *wanted.kubeconfig[1:]] if wanted.kubeconfig else [],
        wanted.endpoint,
        sorted(selection.namespaces) if selection.namespaces is not None else None,
        str(selection.namespace_labels or ""),
        str(selection.labels or ""),
        (wanted.pods, wanted.endpoints, wanted.imports),
        [(each.__name__, each._fields) for each in (*_TYPES, Endpoint, Port)],
    )
    return _digest(repr(shaping))[:_SHAPING] + (_digest(server)[:_SERVER] if server else _UNKNOWN)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _fit(one: str, other: str) -> bool:
    servers = {one[_SHAPING:], other[_SHAPING:]}
    return one[:_SHAPING] == other[:_SHAPING] and (len(servers) == 1 or _UNKNOWN in servers)


def sealed(body: Iterable[bytes], settings: str, at: float) -> Iterator[bytes]:
    """The pieces of a whole state, to be written one after the other."""
    checksum = hashlib.sha256()
    for piece in (f"kdns-state {FORMAT} {settings} {int(at)}\n".encode(), *body):
        checksum.update(piece)
        yield piece
    yield checksum.digest()


def checked(data: bytes, settings: str) -> Checked:
    """Look whether this is a whole state for these settings. Raises Unusable."""
    header = _HEADER.match(data[:_LONGEST_HEADER])
    if header is None:
        raise Unusable("it is no saved state, or damaged")
    if int(header[1]) != FORMAT:
        raise Unusable(f"it is of version {int(header[1])}, not {FORMAT}")
    if hashlib.sha256(memoryview(data)[:-_CHECKSUM]).digest() != data[-_CHECKSUM:]:
        raise Unusable("it is damaged: its checksum is wrong")
    if not _fit(header[2].decode(), settings):
        raise Unusable("it was saved with other settings, or by another release")
    return Checked(float(header[3]), data[header.end() : -_CHECKSUM])


async def packed_objects(objects: Iterable[Object]) -> list[bytes]:
    """Objects as the body of a state. What is iterated over must not change meanwhile."""
    body = []
    for piece in pieces(objects):
        data = packed(piece)
        body += [_FRAME.pack(_NUMBERS[type(piece[0])], len(data)), data]
        await asyncio.sleep(0)
    return body


async def unpacked_objects(body: bytes) -> list[Object]:
    """The objects of a state, kind by kind, Services before their endpoints. Raises Unusable."""
    found: list[list[Object]] = [[] for _ in _TYPES]
    once, place = _Once(), 0
    while place < len(body):
        try:
            number, length = _FRAME.unpack_from(body, place)
            place += _FRAME.size
            raw = _READERS[number](body[place : place + length])
        except (struct.error, IndexError, ShapeError) as error:
            raise Unusable(f"it cannot be read: {error}") from None
        found[number] += map(once.kept, raw)
        place += length
        await asyncio.sleep(0)
    return [each for objects in found for each in objects]


_TYPES: tuple[type[Object], ...] = (Namespace, Service, ServiceImport, Endpoints, Slice, Pod)
_NUMBERS = {each: number for number, each in enumerate(_TYPES)}
_READERS: tuple[Callable[[bytes], list[Any]], ...] = (
    unpacker(list[Namespace]),
    unpacker(list[Service]),
    unpacker(list[ServiceImport]),
    unpacker(list[Endpoints]),
    unpacker(list[Slice]),
    unpacker(list[Pod]),
)


def pieces(objects: Iterable[Object]) -> Iterator[list[Object]]:
    """Runs of one type, each a small piece of work."""
    piece: list[Object] = []
    weight = 0
    for each in objects:
        if piece and (weight >= _PIECE or type(each) is not type(piece[0])):
            yield piece
            piece, weight = [], 0
        piece.append(each)
        weight += 1 + (len(each.endpoints) if isinstance(each, Slice | Endpoints) else 0)
    if piece:
        yield piece


class _Once:
    """Rebuilds objects so that equal strings, ports and addresses are kept once, as when the API's are read."""

    def __init__(self) -> None:
        self._addresses: dict[tuple[Address, ...], tuple[Address, ...]] = {}
        self._ports: dict[tuple[Port, ...], tuple[Port, ...]] = {}

    def kept(self, raw: Object) -> Object:
        """The same object."""
        match raw:
            case Slice(namespace, name, service, endpoints, of_import):
                kept = self._endpoints(endpoints)
                return Slice(intern(namespace), intern(name), intern(service), kept, intern(of_import))
            case Endpoints(namespace, name, endpoints, skip):
                return Endpoints(intern(namespace), intern(name), self._endpoints(endpoints), skip)
            case Namespace(name, exposed):
                return Namespace(intern(name), exposed)
            case Pod(namespace, name, addresses, labels, shares_host):
                pairs = tuple((intern(key), intern(value)) for key, value in labels)
                return Pod(intern(namespace), intern(name), self._of(addresses), pairs, shares_host)
        return raw._replace(
            namespace=intern(raw.namespace),
            name=intern(raw.name),
            addresses=self._of(raw.addresses),
            ports=self._ports_of(raw.ports),
        )

    def _endpoints(self, raw: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """Of all that a state holds there are most of these: in one loop, since each call would be a tenth more."""
        of, ports_of = self._addresses.setdefault, self._ports.get
        return tuple(
            Endpoint(
                of(addresses, addresses),
                ports_of(ports) or self._ports_of(ports),
                hostname,
                target,
                intern(node),
                intern(zone),
                ready,
                terminating,
                intern(cluster),
            )
            for addresses, ports, hostname, target, node, zone, ready, terminating, cluster in raw
        )

    def _of(self, addresses: tuple[Address, ...]) -> tuple[Address, ...]:
        return self._addresses.setdefault(addresses, addresses)

    def _ports_of(self, ports: tuple[Port, ...]) -> tuple[Port, ...]:
        if ports not in self._ports:
            self._ports[ports] = tuple(Port(intern(name), port, intern(protocol)) for name, port, protocol in ports)
        return self._ports[ports]
