"""*whoami* - answers every question with the address and port it came from.

Description

The reply has no answer section. In its additional section are two records with a TTL of 0: the client's
address as an A or AAAA record of the name that was asked, and its port as an SRV record of that name with
`_udp` or `_tcp` before it, target `.`. Any name and any type is answered so, inside the block's zones.
It shows whether questions arrive, and what address they arrive from behind NAT. No reply is kept.

Syntax

~~~
whoami
~~~

Examples

~~~ corefile
example.org {
    whoami
}
~~~

To `dig example.org` this answers

~~~
example.org.       0 IN A   10.240.0.1
_udp.example.org.  0 IN SRV 0 0 40212 .
~~~

See also

CoreDNS's *whoami*, whose answer this is.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.proto.name import MAX_NAME, ROOT, Name
from kdns.proto.record import RRset, addresses, rrset, srv
from kdns.proto.reverse import Address
from kdns.proto.types import RRType
from kdns.site import Site

REPEATABLE = True
"""A second line changes nothing (as in CoreDNS)."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes no arguments and no block."""
    for line in directive.every:
        line.no_arguments()
        line.no_block()
    return Whoami


@dataclass(frozen=True, slots=True)
class Whoami:
    """Asks nobody else."""

    next: Handler

    async def __call__(self, query: Query) -> Response:
        owner = query.question.name
        address = addresses(owner, 0, [_address(query.client.ip)])
        additional = (address, *_port(owner, query))
        return Response(additional=additional, authoritative=True, by="whoami")


def _address(ip: str) -> Address:
    """A socket for both families shows an IPv4 client as `::ffff:10.0.0.1` (RFC 4291 §2.5.5.2): an A."""
    found = ipaddress.ip_address(ip)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        return found.ipv4_mapped.packed
    return found.packed


def _port(owner: Name, query: Query) -> tuple[RRset, ...]:
    """The SRV record; none where there is no room for another label."""
    label = b"_" + query.transport.name.encode()
    name = bytes((len(label),)) + label + owner
    if len(name) > MAX_NAME:
        return ()
    return (rrset(name, RRType.SRV, 0, [srv(0, 0, query.client.port, ROOT)]),)
