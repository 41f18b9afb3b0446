"""*any* - answers questions for ANY with one short record.

Description

A question for all the records of a name makes large replies out of small queries and has no use that
another question would not serve better. This plugin answers it as RFC 8482 §4.2 suggests: with one HINFO
record that says so, whether the name exists or not. Other questions go on to the next plugin.

Syntax

~~~
any
~~~

Examples

~~~ corefile
example.org {
    any
    whoami
}
~~~

To `dig ANY example.org` this answers

~~~
example.org. 8482 IN HINFO "ANY obsoleted" "See RFC 8482"
~~~

See also

RFC 8482.
"""

from __future__ import annotations

from dataclasses import dataclass

from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope
from kdns.corefile.block import Directive
from kdns.proto.record import RRset, txt
from kdns.proto.types import RRType
from kdns.site import Site

REPEATABLE = True
"""A second line changes nothing (as in CoreDNS)."""

_TTL = 8482
_HINFO = txt(b"ANY obsoleted", b"See RFC 8482")
"""CPU and OS, two character strings (RFC 1035 §3.3.2); texts and TTL are CoreDNS's."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes no arguments and no block."""
    for line in directive.every:
        line.no_arguments()
        line.no_block()
    return Any


@dataclass(frozen=True, slots=True)
class Any:
    """Answers ANY, passes on the rest."""

    next: Handler

    async def __call__(self, query: Query) -> Response:
        if query.question.type != RRType.ANY:
            return await self.next(query)
        answer = RRset(query.question.name, RRType.HINFO, _TTL, (_HINFO,))
        return Response(answer=(answer,), authoritative=True, keep=Keep(scope=Scope.EVERYBODY), by="any")
