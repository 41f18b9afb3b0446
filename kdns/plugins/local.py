"""*local* - answers questions about this host's own names, so that they go nowhere else.

Description

Programs ask for `localhost`, for names below it and for the reverse names of loopback addresses, and such
questions are nobody else's business (RFC 6761 §6.3, RFC 6303 §4). *local* answers them all:

* `localhost`: A 127.0.0.1, AAAA ::1, SOA and NS;
* `NAME.localhost`, whatever the name: A 127.0.0.1 and AAAA ::1;
* `localhost.NAME`, what a search list makes of `localhost`: the same;
* `1.0.0.127.in-addr.arpa`: PTR `localhost`;
* what else is in `0.in-addr.arpa`, `127.in-addr.arpa` and `255.in-addr.arpa` does not exist.

All records have a TTL of a week. Reverse names of IPv6 go on to the next plugin. With *debug* questions below
`localhost` or starting with it are logged, with their client.

Syntax

~~~
local {
    localhost_prefix on|off
}
~~~

* `localhost_prefix off`: names that start with `localhost.` go on to the next plugin; default `on`.

Examples

~~~ corefile
. {
    local
    whoami
}
~~~

Metrics

    coredns_local_localhost_requests_total{}    questions below `localhost` or starting with it

See also

RFC 6303, RFC 6761; CoreDNS's *local*, whose syntax and records these are.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope, Sent
from kdns.corefile.block import Directive
from kdns.corefile.values import one_of, read_options
from kdns.proto.message import Question
from kdns.proto.name import Name, from_text, is_at_or_below, to_text
from kdns.proto.record import RRset, Soa, soa
from kdns.proto.reverse import pack
from kdns.proto.text import type_text
from kdns.proto.types import RCode, RRType
from kdns.site import Site

REPEATABLE = True
"""The last line counts for what it says (as in CoreDNS)."""

_log = logging.getLogger("kdns.plugins.local")
_KEEP = Keep(scope=Scope.EVERYBODY)
_WEEK = 604800
_LOCALHOST = from_text("localhost")
_PREFIX = _LOCALHOST[:-1]
_LOOPBACK = from_text("1.0.0.127.in-addr.arpa")
_ZONES = (_LOCALHOST, *(from_text(f"{octet}.in-addr.arpa") for octet in (0, 127, 255)))
_BETWEEN = (from_text("0.0.127.in-addr.arpa"), from_text("0.127.in-addr.arpa"))
"""Names that exist because one below them does (RFC 8020)."""
_SOA = soa(Soa(_LOCALHOST, from_text("root.localhost"), 1, 0, 0, 0, _WEEK))
_HERE: dict[int, bytes] = {RRType.A: pack("127.0.0.1"), RRType.AAAA: pack("::1")}
"""Rdata by type, of every name that means this host."""
_APEX: dict[int, bytes] = {RRType.SOA: _SOA, RRType.NS: _LOCALHOST}
_RECORDS: dict[Name, dict[int, bytes]] = {
    **dict.fromkeys(_ZONES, _APEX),
    **{name: {} for name in _BETWEEN},
    _LOCALHOST: _APEX | _HERE,
    _LOOPBACK: {RRType.PTR: _LOCALHOST},
}
"""All that exists in the zones."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes whether names that start with `localhost` are local too."""
    prefix = True
    for line in directive.every:
        line.no_arguments()
        given = read_options(line, {"localhost_prefix": one_of("on", "off")})
        prefix = given.get("localhost_prefix", "on" if prefix else "off") == "on"
    return partial(_compose, site, prefix)


def _compose(site: Site, prefix: bool, next: Handler) -> Handler:
    # Whether there is *debug* is known only when every directive has been set up.
    return Local(next, prefix, site.debug, site.build.metrics.local_requests.inc)


@dataclass(frozen=True, slots=True)
class Local:
    """Answers what is local. `count` is told how many questions below `localhost` there were."""

    next: Handler
    prefix: bool
    debug: bool
    count: Callable[[float], None]

    async def __call__(self, query: Query) -> Response:
        question = query.question
        if self._is_below(question.folded):
            return replace(_answer(question, question.name, _HERE), keep=self._watched(query))
        zone = next((zone for zone in _ZONES if is_at_or_below(question.folded, zone)), None)
        if zone is None:
            return await self.next(query)
        return _answer(question, question.name[-len(zone) :], _RECORDS.get(question.folded))

    def _is_below(self, name: Name) -> bool:
        if name == _LOCALHOST:
            return False
        return is_at_or_below(name, _LOCALHOST) or (self.prefix and name.startswith(_PREFIX))

    def _watched(self, query: Query) -> Keep:
        keep = _KEEP.told(self._counted)
        if not self.debug:
            return keep
        _show(query)
        return keep.shown(lambda hit: _show(hit.query))

    def _counted(self, sent: Sent) -> None:
        self.count(sent.count)


def _answer(question: Question, zone: Name, records: Mapping[int, bytes] | None) -> Response:
    """What a name has of the type, or the zone's SOA; `records` is None for a name that is not there."""
    if records is not None and (rdata := records.get(question.type)):
        answer = RRset(question.name, question.type, _WEEK, (rdata,))
        return Response(answer=(answer,), authoritative=True, keep=_KEEP, by="local")
    denial = RRset(zone, RRType.SOA, _WEEK, (_SOA,))
    rcode = RCode.NXDOMAIN if records is None else RCode.NOERROR
    return Response(rcode=rcode, authority=(denial,), authoritative=True, keep=_KEEP, by="local")


def _show(query: Query) -> None:
    name, type = to_text(query.question.folded), type_text(query.question.type)
    _log.debug("%s %s asked by %s stays here", name, type, query.client.ip)
