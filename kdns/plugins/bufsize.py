"""*bufsize* - caps the size of replies over UDP.

Description

A client says in EDNS how large a reply it can take. *bufsize* lets replies have SIZE bytes at most, whatever
the client says, so that no datagram is fragmented on its way; what does not fit is asked for over TCP. A
client that can take less gets less, and one without EDNS gets 512 bytes as ever. SIZE is also what OPT says
of our own buffer.

Without *bufsize* the cap is 1232 bytes (DNS flag day 2020), where CoreDNS has none: here *bufsize* can raise
it as well.

Syntax

~~~
bufsize [SIZE]
~~~

SIZE is in bytes, from 512 to 4096; 1232 unless given.

Examples

Only what fits into 512 bytes:

~~~ corefile
. {
    bufsize 512
    whoami
}
~~~

See also

CoreDNS's *bufsize*, whose syntax this is; RFC 6891 §6.2.5; dnsflagday.net/2020.
"""

from __future__ import annotations

from kdns.corefile.block import Directive
from kdns.corefile.values import integer
from kdns.proto.encode import PAYLOAD
from kdns.site import Site

REPEATABLE = True
"""The first line counts (as in CoreDNS)."""

_LEAST, _MOST = 512, 4096
_size = integer(_LEAST, _MOST)


def setup(directive: Directive, site: Site) -> None:
    """Takes a size; leaves `site.payload`."""
    sizes = [_read(line) for line in directive.every]
    site.payload = sizes[0]


def _read(line: Directive) -> int:
    line.no_block()
    return _size(line) if line.words else PAYLOAD
