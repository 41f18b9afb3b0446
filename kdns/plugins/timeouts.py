"""*timeouts* - says how long clients may take over a TCP connection, and how many questions it may bring.

Description

A connection is closed when its client is silent for too long, or takes no replies, or has had as many
questions as one connection may have. The last helps where a load balancer in front of several servers deals
out connections: clients have to open new ones now and then. Questions that were sent behind the last one that
is taken are for the client to ask again (RFC 7766 §6.2.4).

Server blocks that listen on the same address share its connections. Of what they say, the last in the
Corefile counts, for each option apart.

Syntax

~~~
timeouts {
    read DURATION
    write DURATION
    idle DURATION
    maxtcpqueries MAXIMUM
}
~~~

At least one of them must be there.

* `read`: for a question, from its first byte to its last, or from opening a connection to the end of its
  first question; 3s unless given.
* `write`: for taking replies; 5s unless given.
* `idle`: between questions; 10s unless given.
* `maxtcpqueries`: 1 or more, or -1 for any number, which is the default.

A DURATION is from 1s to 24h; a number without a unit is seconds.

Examples

~~~ corefile
.:1053 {
    timeouts {
        read 15s
        write 30s
        idle 60
    }
    whoami
}
~~~

Clients that come back after 128 questions:

~~~ corefile
. {
    timeouts {
        maxtcpqueries 128
    }
    whoami
}
~~~

Metrics

Connections that were closed so are in `kdns_tcp_connections_closed_total`, with the reason `read`, `write`,
`idle` or `queries`.

See also

CoreDNS's *timeouts*, whose syntax this is; RFC 7766 §6.2.3.
"""

from __future__ import annotations

from typing import Any, cast

from kdns.corefile.block import Directive
from kdns.corefile.values import duration_text, read_options, word
from kdns.site import Site, Timeouts

REPEATABLE = True
"""Lines add up; for each option the last counts (as in CoreDNS)."""

_DAY = 24 * 3600.0
_ANY = -1


def setup(directive: Directive, site: Site) -> None:
    """Takes limits; leaves `site.timeouts`."""
    for line in directive.every:
        line.no_arguments()
        given: dict[str, Any] = read_options(line, _OPTIONS)
        if not line.body:
            raise line.error(f"'timeouts' takes at least one of {', '.join(_OPTIONS)} in its block")
        if "maxtcpqueries" in given:
            given["queries"] = given.pop("maxtcpqueries")
        site.timeouts.update(cast("Timeouts", given))


def _seconds(line: Directive) -> float:
    text = word(line)
    try:
        seconds = float(text) if text.isdecimal() else duration_text(text)
    except ValueError as error:
        raise line.error(f"'{line.name}' takes a duration: {error}", 0) from None
    if not 1 <= seconds <= _DAY:
        raise line.error(f"'{line.name}' takes from 1s to 24h, not '{text}'", 0)
    return seconds


def _most(line: Directive) -> int | None:
    text = word(line)
    if text == str(_ANY):
        return None
    if text.isdecimal() and text.isascii() and len(text) < 10 and int(text) > 0:
        return int(text)
    raise line.error(f"'{line.name}' takes a whole number of at least 1, or -1 for any number, not '{text}'", 0)


_OPTIONS = {"read": _seconds, "write": _seconds, "idle": _seconds, "maxtcpqueries": _most}
