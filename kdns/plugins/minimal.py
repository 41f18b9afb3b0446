"""*minimal* - leaves out of a reply what was not asked for.

Description

Positive replies go out with their answer section only. Records in the authority and additional sections
that serve just to spare the client a question are taken out: the addresses behind an SRV record, the name
servers of the zone. What means something stays: a denial (NXDOMAIN, or no data with its SOA), a referral
to other name servers, an error, a transfer, and EDNS.

With *whoami*, whose reply is in the additional section, nothing is left.

Syntax

~~~
minimal
~~~

Examples

~~~ corefile
example.org {
    minimal
    any
    whoami
}
~~~

See also

BIND's `minimal-responses`; CoreDNS's *minimal*, whose rule this is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.proto.types import RCode, RRType
from kdns.site import Site

REPEATABLE = True
"""A second line changes nothing (as in CoreDNS)."""

_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})
_TELLING = frozenset({RRType.SOA, RRType.NS})
"""In the authority section, with no answer, these make a reply a denial (RFC 2308 §2.2) or a referral."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes no arguments and no block."""
    for line in directive.every:
        line.no_arguments()
        line.no_block()
    return Minimal


@dataclass(frozen=True, slots=True)
class Minimal:
    """Changes positive replies only."""

    next: Handler

    async def __call__(self, query: Query) -> Response:
        response = await self.next(query)
        extra = response.authority or response.additional
        if not extra or query.question.type in _TRANSFERS or not _positive(response):
            return response
        return replace(response, authority=(), additional=())


def _positive(response: Response) -> bool:
    """What CoreDNS's `response.Typify` calls a success and no delegation."""
    if response.rcode != RCode.NOERROR:
        return False
    return bool(response.answer) or not any(rrset.type in _TELLING for rrset in response.authority)
