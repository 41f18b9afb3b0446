"""*chaos* - tells the server's version, its authors and its host to who asks in class CH.

Description

Name servers have long told about themselves in TXT records of class CH, which nobody uses otherwise. The
names are

* `version.bind` and `version.server`: the version,
* `authors.bind`: the authors, a record each,
* `hostname.bind` and `id.server`: the name of the host.

The server block must have these names in its zones: `.` has all of them. Everything else in classes other
than IN is refused, with or without *chaos*.

Syntax

~~~
chaos [VERSION] [AUTHORS...]
~~~

* VERSION: `kdns-` and the version of kdns unless given.
* AUTHORS: `kdns` unless given.

Of each, 255 bytes are told.

Examples

~~~ corefile
version.bind version.server authors.bind hostname.bind id.server {
    chaos DNS-001 info@example.org
}
~~~

To `dig @localhost CH TXT version.bind` this answers

~~~
version.bind. 0 CH TXT "DNS-001"
~~~

See also

RFC 4892; CoreDNS's *chaos*, whose syntax and names these are.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from kdns import __version__
from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope
from kdns.corefile.block import Directive
from kdns.proto.name import Name, from_text
from kdns.proto.record import RRset, rrset, txt
from kdns.proto.types import Class, RRType
from kdns.site import Site

REPEATABLE = True
"""The first line counts (as in CoreDNS)."""

_LONGEST = 255
"""Bytes of a string in a TXT record (RFC 1035 §3.3.14)."""
_TTL = 0


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes a version and authors; leaves the names in `site.chaos`."""
    for line in directive.every:
        line.no_block()
    version, *authors = directive.args or (f"kdns-{__version__}",)
    records = _records(version, sorted(set(authors)) or ["kdns"], socket.gethostname())
    site.chaos |= records.keys()
    return partial(Chaos, records=records)


def _records(version: str, authors: Iterable[str], host: str) -> Mapping[Name, tuple[bytes, ...]]:
    """Rdata by folded name."""
    told = {
        "version.bind": [version],
        "version.server": [version],
        "authors.bind": authors,
        "hostname.bind": [host],
        "id.server": [host],
    }
    return {from_text(name): tuple(txt(text.encode()[:_LONGEST]) for text in texts) for name, texts in told.items()}


@dataclass(frozen=True, slots=True)
class Chaos:
    """Answers TXT of class CH; the authors take turns at being first."""

    next: Handler
    records: Mapping[Name, tuple[bytes, ...]]

    async def __call__(self, query: Query) -> Response:
        question = query.question
        if question.klass != Class.CH or question.type != RRType.TXT or question.folded not in self.records:
            return await self.next(query)
        told = rrset(question.name, RRType.TXT, _TTL, self.records[question.folded])
        answer = RRset(told.owner, told.type, told.ttl, told.rdatas, Class.CH)
        return Response(answer=(answer,), turn=0, keep=Keep(scope=Scope.EVERYBODY), by="chaos")
