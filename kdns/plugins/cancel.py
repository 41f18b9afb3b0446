"""*cancel* - gives up on questions that take too long.

Description

A question that no plugin has answered in time is answered SERVFAIL, and nobody works on it any more. The
reply says so to clients that speak EDNS, *errors* logs it, *prometheus* and *log* count and show it.

Syntax

~~~
cancel [TIMEOUT]
~~~

TIMEOUT is a duration above 0; 5.001s unless given, just more than the 5 seconds after which most clients have
given up themselves.

Examples

~~~ corefile
example.org {
    cancel 1s
    whoami
}
~~~

See also

CoreDNS's *cancel*, whose syntax this is. There it comes before *errors*, *log* and *prometheus*, and only
plugins that look out for it give up.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from kdns.chain import Handler, Plugin, Query, Response, failure
from kdns.corefile.block import Directive
from kdns.corefile.values import duration
from kdns.errors import KdnsError
from kdns.site import Site

REPEATABLE = True
"""The last line counts (as in CoreDNS)."""

_TIMEOUT = 5.001


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes a duration."""
    timeouts = [_read(line) for line in directive.every]
    return partial(Cancel, timeout=timeouts[-1])


def _read(line: Directive) -> float:
    line.no_block()
    if not line.words:
        return _TIMEOUT
    seconds = duration(line)
    if seconds <= 0:
        raise line.error(f"'cancel' takes a duration above 0, not '{line.args[0]}'", 0)
    return seconds


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ends what is behind it after `timeout` seconds of loop time."""

    next: Handler
    timeout: float

    async def __call__(self, query: Query) -> Response:
        try:
            async with asyncio.timeout(self.timeout) as limit:
                return await self.next(query)
        except TimeoutError:
            if not limit.expired():  # somebody else's timeout
                raise
            return failure(KdnsError(f"no answer within {self.timeout:g}s"))
