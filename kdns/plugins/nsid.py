"""*nsid* - tells which of several servers gave an answer.

Description

Behind one address there may be many servers. A client that asks for it in EDNS gets the identifier of the one
that answered with its reply: `dig +nsid` shows it. Other clients do not. It is added to every reply of the
server block, whichever plugin made it.

Syntax

~~~
nsid [DATA...]
~~~

DATA is the identifier, its words with one blank between them, 128 bytes at most; the name of the host unless
given.

Examples

~~~ corefile
. {
    nsid Use The Force
    whoami
}
~~~

To `dig +nsid @localhost example.org` this answers, among the rest,

~~~
; NSID: 55 73 65 20 54 68 65 20 46 6f 72 63 65 ("Use The Force")
~~~

See also

RFC 5001; CoreDNS's *nsid*, whose syntax this is.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from functools import partial

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.proto.types import Option
from kdns.site import Site

_LONGEST = 128
"""Bytes: with the longest name, a reply of 512 bytes still has room for it."""


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes the words of an identifier."""
    directive.no_block()
    data = (" ".join(directive.args) or socket.gethostname()).encode()
    if len(data) > _LONGEST:
        raise directive.error(f"'nsid' takes an identifier of at most {_LONGEST} bytes, not {len(data)}")
    return partial(Nsid, data=data)


@dataclass(frozen=True, slots=True)
class Nsid:
    """Adds the identifier for those who ask. Replies are kept apart for these (see `serve.memo.Asked`)."""

    next: Handler
    data: bytes

    async def __call__(self, query: Query) -> Response:
        response = await self.next(query)
        edns = query.message.edns
        if edns is None or all(code != Option.NSID for code, _ in edns.options):
            return response
        others = tuple(option for option in response.options if option[0] != Option.NSID)
        return replace(response, options=(*others, (Option.NSID, self.data)))
