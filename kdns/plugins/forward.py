"""*forward* - has other servers answer.

Description

Questions for names in FROM go to the servers TO, and their replies to the client. UDP, TCP and TLS are spoken
(DNS over HTTPS is not yet). A question that comes over TCP is asked over TCP, or over UDP where a server has no TCP;
others are asked over UDP. A reply that does not fit is asked for again over TCP, so a client never sees the size of
our own messages; only where TCP fails it gets the part that came, with TC.

A reply counts if it comes from the address and port that were asked, has the id and answers the question that
was asked; what else comes is counted and waited past. Each question over UDP has a socket, a port and an id of
its own. Clients that ask the same at the same time share one question to the server. Of a reply only what is about
the question goes on: its aliases and their records, the SOA or NS of their zones, addresses of names that these
point to; with DO the proofs and signatures.

EDNS options of clients go no further than here. A server that does not know EDNS is asked without, and so again
for a quarter of an hour; one that drops it, for a minute.

SERVFAIL, REFUSED, FORMERR and NOTIMP say nothing about the name: the other servers are asked then, each once, and the
client gets such a reply only if none has a better one (CoreDNS hands it on unless `failover` names it; with
`max_connect_attempts 1` so does kdns).

A server that does not answer is asked last until it does. From the failure on it is probed: `. NS`, every half
second, any reply will do. After more than `max_fails` probes without one it is down and not asked at all. Where all are
down any is tried. One question tries each server twice at most and takes no more than 4.5 seconds, then it is SERVFAIL
with an Extended DNS Error that names the servers and what happened. The same question fails at once for a second
after that, and for up to five when it fails again.

*forward* may stand several times in a server block. The first whose FROM has the name answers, so list `a.example.org`
before `example.org`.

Questions of other classes than IN, which no other plugin sees, are forwarded too; but not CH, which is about this
server (*chaos*), nor those for names of *kubernetes* and *k8s_external*.

Replies are kept by *cache*. Without it each question is asked anew.

Syntax

~~~
forward FROM TO... {
    except NAMES...
    force_tcp
    prefer_udp
    expire DURATION
    max_age DURATION
    max_idle_conns N
    read_timeout DURATION
    max_fails N
    max_connect_attempts N
    tls [CERT KEY] [CA]
    tls_servername NAME
    policy random|round_robin|sequential
    health_check DURATION [no_rec] [domain FQDN]
    max_concurrent N
    next RCODE...
    next_on_nodata
    failfast_all_unhealthy_upstreams
    failover RCODE...
    source_address IP
    resolver IP[:PORT]...
}
~~~

FROM is a zone. Each TO, up to 15 of them, is one of

* `10.0.0.1`, `10.0.0.1:5353`, `[2001:db8::1]:53`, with or without `dns://` in front: a server;
* `tls://9.9.9.9%dns.quad9.net`, with `:PORT` at its end or not: a server over TLS, whose certificate must be
  for that name; without a name (and without `tls_servername`) for the address;
* `/etc/resolv.conf`: the servers that the file names; it is looked at every 5 seconds;
* `dns.example.org`, `tls://dns.example.org`: a host, whose addresses are looked up once, at start.

Options:

* `except`: names that are left to the next plugin, with all below them.
* `force_tcp`: never UDP. `prefer_udp`: UDP first for questions over TCP too.
* `expire`: how long a connection is kept idle, 10s unless given; `max_age`: how long at all, 0s for ever;
  `max_idle_conns`: how many are kept idle per server, 0 for any number.
* `read_timeout`: how long to wait for a connection and for a reply, 2s unless given.
* `max_fails`: 2 unless given; with 0 a server is always well, and nothing is probed.
* `max_connect_attempts`: how often one question is tried in all; 0 for twice with each server.
* `tls`: a certificate and key to show, a CA that the servers' certificates are from. The system's CAs unless given.
* `policy`: who is asked first. `random` unless given.
* `health_check`: how often to probe, 0.5s unless given, without RD, for another name.
* `max_concurrent`: questions to servers under way at once, the rest is REFUSED; clients that share one count
  once. Unless given, 4096, or a quarter of the files that the process may open if that is less: the rest stays
  for clients and for the cluster.
* `next`, `next_on_nodata`: with such a reply, ask the next *forward* of this server block, if there is one.
* `failover`: with such a reply, too, ask the next server.
* `failfast_all_unhealthy_upstreams`: SERVFAIL at once while all servers are down.
* `source_address`: the address to ask from. `resolver`: who knows the addresses of hosts; this machine unless given.

Examples

The servers of this machine, but not for one zone:

~~~ txt
. {
    forward . /etc/resolv.conf {
        max_concurrent 1000
        except corp.example.org
    }
}
~~~

Encrypted:

~~~ corefile
. {
    forward . tls://9.9.9.9%dns.quad9.net tls://149.112.112.112%dns.quad9.net {
        policy sequential
        health_check 5s
    }
}
~~~

Another server where the first knows no such name:

~~~ corefile
. {
    forward . 10.0.0.10 {
        next NXDOMAIN
    }
    forward . 10.0.0.11:5353
}
~~~

Metadata

`forward/upstream`: the server that answered.

Metrics

coredns_proxy_request_duration_seconds{proxy_name, to, rcode}     from question to reply, by server
coredns_proxy_healthcheck_failures_total{proxy_name, to}          probes without an answer
coredns_proxy_conn_cache_hits_total{proxy_name, to, proto}        questions over a kept connection
coredns_proxy_conn_cache_misses_total{proxy_name, to, proto}      questions that had to open one
coredns_forward_healthcheck_broken_total                          questions asked while all servers were down
coredns_forward_max_concurrent_rejects_total                      questions refused because of `max_concurrent`
kdns_forward_strays_total{to}                                     messages that were no reply to the question
kdns_forward_shared_total                                         questions that another client's answered too

See also

cache, loop, log; CoreDNS's *forward*, whose options these are; RFC 5452, RFC 5625, RFC 7858, RFC 9520.
"""

from __future__ import annotations

import resource
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random, SystemRandom

from kdns.chain import Handler, Plugin, Query, Response, Transport, compose
from kdns.corefile.block import Directive, Key
from kdns.corefile.mistakes import Gathered
from kdns.errors import CorefileError, CorefileErrors
from kdns.forwarding import Stanza, read
from kdns.proto.message import Ede
from kdns.proto.name import Name, is_at_or_below
from kdns.proto.reply import Received
from kdns.proto.types import EDE, Flag, Option, RCode, RRType
from kdns.site import Site, said
from kdns.straight import Land
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import asking
from kdns.upstream.faults import UpstreamError
from kdns.upstream.forwarder import Forwarder, Told
from kdns.upstream.listing import Listing, NoServer, Resolve, by_system
from kdns.upstream.local import is_local
from kdns.upstream.pool import Pool
from kdns.upstream.relay import Crowded, Relay
from kdns.upstream.resolver import by_servers

REPEATABLE = True

_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})
_NO_TRANSFER = Response(
    rcode=RCode.NOTIMP, ede=Ede(EDE.NOT_SUPPORTED, "zone transfers are not forwarded"), by="forward"
)
_OURS = Response(by="forward")
_AA, _TC, _RA, _AD = int(Flag.AA), int(Flag.TC), int(Flag.RA), int(Flag.AD)
_MOST = 4096
_WILD = frozenset({"0.0.0.0", "::"})
_STUBS = frozenset({"127.0.0.53", "127.0.0.54"})
"""Where systemd-resolved listens."""
_BEHIND_STUB = "/run/systemd/resolve/resolv.conf"


def setup(directive: Directive, site: Site) -> Plugin:
    """Read each directive; they are asked in the order in which they stand."""
    mistakes = Gathered()
    plugins: list[Plugin] = []
    for number, line in enumerate(directive.every):
        with mistakes.going_on():
            plugins.append(_plugin(number, read(line), site, last=line is directive.every[-1]))
    mistakes.raise_any()
    site.abroad = _abroad(compose(plugins, _refused), site.held)
    return partial(compose, plugins)


def _abroad(forward: Handler, held: Sequence[Name]) -> Handler:
    """For questions of classes that no other plugin knows of; nobody else is asked about zones that are `held`."""

    async def ask(query: Query) -> Response:
        name = query.question.folded
        return await (_refused if any(is_at_or_below(name, zone) for zone in held) else forward)(query)

    return ask


async def _refused(query: Query) -> Response:
    ede = Ede(EDE.NOT_SUPPORTED, "the name is not forwarded, and only class IN is answered here")
    return Response(rcode=RCode.REFUSED, ede=ede, by="forward")


def _plugin(number: int, stanza: Stanza, site: Site, *, last: bool) -> Plugin:
    build, random = site.build, SystemRandom()
    listing = Listing(stanza.targets, _resolving(stanza, random))
    empty = _read_files(listing, stanza.line)
    doubts = partial(_doubts, stanza, site.keys, site.binds)
    place = f"{stanza.line.file}:{stanza.line.line}"
    build.warnings += [f"{place}: {doubt}" for doubt in (*empty, *doubts(listing.endpoints))]

    def make() -> tuple[Relay, Pool]:
        forwarder = Forwarder(stanza.settings, build.metrics, random)
        relay = Relay(forwarder, build.metrics, build.clock, stanza.most or _room())
        return relay, Pool(relay, forwarder, listing, doubts)

    relay, pool = build.kept(_key(number, stanza.line, site), make)
    build.parts.append(pool)
    return partial(Forward, stanza=stanza, relay=relay, others=not last, labels=site.uses("metadata"))


def _key(number: int, line: Directive, site: Site) -> Hashable:
    """All that the servers of a directive are made from: a reload keeps their connections while it is the same."""
    keys = tuple((key.scheme, key.zone, key.port) for key in site.keys)
    files = [Path(file) for option in line.body if option.name == "tls" for file in option.args]
    changed = tuple(file.stat().st_mtime_ns for file in files if file.exists())
    return "forward", keys, tuple(site.binds), site.root, number, said(replace(line, again=())), changed


def _resolving(stanza: Stanza, random: Random) -> Resolve:
    if stanza.resolvers:
        return partial(by_servers, servers=stanza.resolvers, random=random)
    return by_system


def _read_files(listing: Listing, line: Directive) -> list[str]:
    """What is said of files that name no server, as long as there is another. Raises CorefileErrors."""
    mistakes: list[CorefileError] = []
    empty: list[CorefileError] = []
    for file in listing.files:
        try:
            listing.read(file)
        except ValueError as error:
            token = next(word for word in line.words if Path(word.text) == file)
            (empty if isinstance(error, NoServer) else mistakes).append(line.error(str(error), token))
    if mistakes or (empty and not listing.has_any):
        raise CorefileErrors([*mistakes, *empty])
    return [error.text for error in empty]


def _room() -> int:
    """A quarter of the files that the process may open: half is for clients, some for the cluster."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if soft == resource.RLIM_INFINITY else max(1, min(_MOST, soft // 4))


def _doubts(stanza: Stanza, keys: Sequence[Key], binds: Sequence[str], endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """What is wrong with servers that can be asked all the same."""
    for to in endpoints:
        if _is_own(to, stanza, keys, binds):
            yield f"{to} is where this server block listens: it would ask itself, over and over"
        elif to.ip in _STUBS:
            yield f"{to.ip} is systemd-resolved's, which may ask kdns in turn; its servers are in {_BEHIND_STUB}"


def _is_own(to: Endpoint, stanza: Stanza, keys: Sequence[Key], binds: Sequence[str]) -> bool:
    def meets(key: Key) -> bool:
        return any(is_at_or_below(zone, key.zone) or is_at_or_below(key.zone, zone) for zone in stanza.froms)

    if to.tls or not any(key.port == to.port and key.scheme == "dns" and meets(key) for key in keys):
        return False
    return to.ip in binds or ((not binds or not _WILD.isdisjoint(binds)) and is_local(to.ip))


class Forward:
    """Has the questions of a directive answered. `others`: a further *forward* comes next.

    `labels`: metadata is wanted.
    """

    def __init__(self, next: Handler, *, stanza: Stanza, relay: Relay, others: bool, labels: bool) -> None:
        self._next = next
        self._stanza = stanza
        self._relay = relay
        self._others = others
        self._labels = labels

    async def __call__(self, query: Query) -> Response:
        if not self._stanza.takes(query.question.folded):
            return await self._next(query)
        if query.question.type in _TRANSFERS:
            return _NO_TRANSFER
        told = await self._relay.ask(asking(query.message), tcp=query.transport is not Transport.udp)
        if isinstance(told, UpstreamError):
            return _failed(told)
        if self._others and self._goes_on(told.reply):
            return await self._next(query)
        if self._labels:
            query.metadata["forward/upstream"] = lambda: str(told.to)
        return _response(told.reply)

    def begin(self, query: Query, land: Land) -> bool:
        """See `straight.Begun`."""
        question = query.question
        if self._others or self._labels or query.transport is not Transport.udp or question.type in _TRANSFERS:
            return False
        return self._stanza.takes(question.folded) and self._relay.begin(asking(query.message), partial(_landed, land))

    def _goes_on(self, reply: Received) -> bool:
        nothing = reply.rcode == RCode.NOERROR and not reply.answer
        return reply.rcode in self._stanza.on or (self._stanza.on_nodata and nothing)


def _landed(land: Land, told: Told | Exception) -> None:
    if isinstance(told, Told):
        land(_response(told.reply))
    else:
        land(_failed(told) if isinstance(told, UpstreamError) else told)


def _response(reply: Received) -> Response:
    """What a server said, as ours. Nobody may keep it: that is for *cache*."""
    flags = reply.flags
    return _OURS.changed(
        rcode=reply.rcode,
        answer=reply.answer,
        authority=reply.authority,
        additional=reply.additional,
        authoritative=flags & _AA != 0,
        recursion=flags & _RA != 0,
        truncated=flags & _TC != 0,
        authentic=flags & _AD != 0,
        ede=_ede(reply),
    )


def _ede(reply: Received) -> Ede | None:
    """Why it is so, in the server's words (RFC 8914 §3: a forwarder may hand it on)."""
    for code, data in reply.edns.options if reply.edns else ():
        if code == Option.EDE and len(data) > 1:
            return Ede(int.from_bytes(data[:2]), data[2:].decode(errors="replace"))
    return None


def _failed(error: UpstreamError) -> Response:
    rcode = RCode.REFUSED if isinstance(error, Crowded) else RCode.SERVFAIL
    return Response(rcode=rcode, recursion=True, ede=Ede(error.code, str(error)), error=error, by="forward")
