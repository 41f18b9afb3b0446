"""*transfer* - gives whole zones to those who take a copy (AXFR, IXFR).

Description

Answers AXFR for zones of *kubernetes* and *k8s_external* in the same server block, over TCP, in as many messages
as it takes. IXFR is answered with the SOA alone where the client's serial is as new as the zone's, else as AXFR.
A transfer shows the cluster as it was when it began, whatever changes meanwhile; the SOA's serial is that of then.

Every name that has records is in it, under the one spelling that the schema gives it; reverse zones too. An alias
is in it as the CNAME, not with what that leads to. Names that `pods insecure` answers without knowing a Pod are not.

Ten transfers may be under way at a time. One more, a zone that nobody here has, and questions over UDP, are
REFUSED; so is everybody who is not named with `to`.
There are no notifications (NOTIFY): a zone of a cluster changes all the time, and secondaries ask by its SOA's timers.

Syntax

~~~
transfer [ZONE...] {
    to ADDRESS...
    source ADDRESS
}
~~~

* **ZONE** the zones that may be transferred, those of the server block unless given. The longest one counts where
  *transfer* stands several times.
* `to`: who may have them: addresses (a port behind one is read, and changes nothing), or `*` for everybody. It may
  be repeated; at least one is needed.
* `source`: where notifications would be sent from. Read for CoreDNS's sake.

Examples

~~~ corefile
cluster.local {
    transfer {
        to 10.240.1.1 10.240.1.2
    }
    kubernetes {
        manifests examples
    }
}
~~~

See also

k8s_external, kubernetes; RFC 5936, RFC 1995; CoreDNS's *transfer*, whose options these are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import NamedTuple

from kdns.chain import Handler, Plugin, Query, Response, Scope, Transport
from kdns.corefile.block import Directive
from kdns.corefile.lexer import Token
from kdns.corefile.mistakes import Gathered
from kdns.corefile.texts import host_port_text
from kdns.corefile.values import each, read_options, zone_names
from kdns.log import logger
from kdns.proto.message import Ede
from kdns.proto.name import Name, longest, to_text
from kdns.proto.record import RRset
from kdns.proto.reverse import Address, pack
from kdns.proto.types import EDE, RCode, RRType
from kdns.site import Copy, Site, Transferer

REPEATABLE = True

_log = logger("transfer")
_TYPES = frozenset({RRType.AXFR, RRType.IXFR})
_MOST = 8000
"""Bytes of a message before compression: some hundred records, written in a millisecond."""
_FIXED = 10
_AT_ONCE = 8
"""Records that are made before others have their turn: half a millisecond."""
_MOST_AT_ONCE = 10
"""Zone transfers: each has a copy of the tables of the cluster, and takes its share of the time."""
_HALF = 1 << 31
_DNS = 53


class Peers(NamedTuple):
    """Who may have a zone."""

    everybody: bool
    addresses: frozenset[Address]

    def allow(self, ip: str) -> bool:
        """Whether an address, in presentation format, is among them."""
        return self.everybody or pack(ip.partition("%")[0]) in self.addresses


def setup(directive: Directive, site: Site) -> Plugin:
    """Read each directive; who has the zones is known once all plugins are set up."""
    mistakes = Gathered()
    allowed: dict[Name, Peers] = {}
    for line in directive.every:
        with mistakes.going_on():
            zones, peers = _read(line, site.zones)
            for zone in zones:
                allowed.setdefault(zone, peers)
    mistakes.raise_any()
    return partial(Transfer, allowed=allowed, transferers=site.transferers)


def _read(line: Directive, default_zones: tuple[Name, ...]) -> tuple[tuple[Name, ...], Peers]:
    given = read_options(line, {"to": each(_to), "source": _source})
    if "to" not in given:
        raise line.error("'transfer' needs 'to ADDRESS...': who may have the zones, '*' for everybody")
    addresses = set(chain.from_iterable(given["to"]))
    everybody = None in addresses
    return zone_names(line, line.words) or default_zones, Peers(everybody, frozenset(addresses - {None}))


def _to(line: Directive) -> tuple[Address | None, ...]:
    """The addresses; None for `*`."""
    line.arguments(1)
    return tuple(None if token.text == "*" else _address(line, token) for token in line.words)


def _address(line: Directive, token: Token) -> Address:
    for text in (token.text, _host(token.text)):
        try:
            return pack(text)
        except ValueError:
            continue
    raise line.error(f"'{line.name}' takes addresses, as 10.0.0.1 or [fd00::1]:53, or '*', not '{token.text}'", token)


def _host(text: str) -> str:
    try:
        return host_port_text(text, _DNS)[0]
    except ValueError:
        return ""


def _source(line: Directive) -> Address:
    (text,) = line.arguments(1, 1, "source ADDRESS")
    try:
        return pack(text)
    except ValueError:
        raise line.error(f"'source' takes an address, as 10.0.0.1, not '{text}'", 0) from None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Answers AXFR and IXFR; other questions are the next plugin's. `allowed` is by zone, folded."""

    next: Handler
    allowed: dict[Name, Peers]
    transferers: Sequence[Transferer]
    under_way: set[object] = field(default_factory=set)

    async def __call__(self, query: Query) -> Response:
        if query.question.type not in _TYPES:
            return await self.next(query)
        if query.transport is Transport.udp:
            return _refused(EDE.NOT_SUPPORTED, "zone transfers are over TCP only")
        peers = longest(query.question.folded, self.allowed)
        if peers is None:
            return await self._passed_on(query)
        if not peers.allow(query.client.ip):
            return _refused(EDE.PROHIBITED, f"zone transfers are not for {query.client.ip}")
        if query.question.type == RRType.IXFR and query.message.serial is None:
            return Response(rcode=RCode.FORMERR, by="transfer")
        for offer in self.transferers:
            zone = offer(query)
            if zone is not None:
                return zone if isinstance(zone, Response) else await self._transferred(query, zone)
        return await self._passed_on(query)

    async def _passed_on(self, query: Query) -> Response:
        """What comes next is for this client: others may not ask, and nobody over UDP."""
        response = await self.next(query)
        return replace(response, keep=response.keep.narrowed(scope=Scope.NOBODY))

    async def _transferred(self, query: Query, zone: Copy) -> Response:
        known = query.message.serial
        if query.question.type == RRType.IXFR and known is not None and not _is_older(known, zone.serial):
            return Response(answer=(zone.soa,), authoritative=True, by="transfer")
        if len(self.under_way) >= _MOST_AT_ONCE:
            return _refused(EDE.OTHER, f"{_MOST_AT_ONCE} zone transfers are under way already")
        messages = _Sending(query, zone, self.under_way).messages()
        return Response(answer=await anext(messages), authoritative=True, rest=messages, by="transfer")


def _refused(code: int, text: str) -> Response:
    return Response(rcode=RCode.REFUSED, ede=Ede(code, text), by="transfer")


def _is_older(serial: int, current: int) -> bool:
    """By the arithmetic of RFC 1982 §3.2."""
    return serial != current and (current - serial) % (1 << 32) < _HALF


class _Sending:
    """A zone on its way to a client."""

    def __init__(self, query: Query, zone: Copy, under_way: set[object]) -> None:
        self._query = query
        self._zone = zone
        self._records = zone.records()
        self._under_way = under_way

    async def messages(self) -> AsyncGenerator[tuple[RRset, ...], None]:
        """The answer sections of the messages, at least one; with a turn for others after some work."""
        self._under_way.add(self)
        try:
            async for part in self._parted():
                yield part
        finally:
            self._under_way.discard(self)

    async def _parted(self) -> AsyncGenerator[tuple[RRset, ...], None]:
        held: list[RRset] = []
        size = made = count = 0
        for rrset in chain(self._records, (self._zone.soa,)):
            for part in _parts(rrset):
                more = _size(part)
                if held and size + more > _MOST:
                    yield tuple(held)
                    held, size = [], 0
                held.append(part)
                size += more
            made += len(rrset.rdatas)
            if made >= _AT_ONCE:
                made, count = 0, count + made
                await asyncio.sleep(0)
        self._tell(count + made)
        yield tuple(held)

    def _tell(self, count: int) -> None:
        zone, client = to_text(self._query.question.folded), self._query.client.ip
        _log.info("zone %s, serial %d: %d records to %s", zone, self._zone.serial, count, client)


def _parts(rrset: RRset) -> Iterator[RRset]:
    """An RRset in pieces that have room in a message: its records may stand in several (RFC 5936 §2.2)."""
    if _size(rrset) <= _MOST:
        yield rrset
        return
    each = max(len(rdata) for rdata in rrset.rdatas) + len(rrset.owner) + _FIXED
    count = max(1, _MOST // each)
    for start in range(0, len(rrset.rdatas), count):
        yield rrset._replace(rdatas=rrset.rdatas[start : start + count])


def _size(rrset: RRset) -> int:
    """Bytes on the wire, before compression."""
    return sum(map(len, rrset.rdatas)) + (len(rrset.owner) + _FIXED) * len(rrset.rdatas)
