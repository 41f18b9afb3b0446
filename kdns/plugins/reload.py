"""*reload* - serves a changed Corefile without a restart.

Description

Every now and then the Corefile and all that it imports are read. When they are not what they were (SHA-512 of every
file), and still the same half a second later, the server goes over to them. One *reload* does for the whole Corefile,
whichever server block it is in; where several say how often, the shortest counts.

No question is lost by it. What the new Corefile needs and the old one had not is started and bound while the old one
answers; then, in one step, the sockets are turned to the new one. Addresses that both listen on keep their sockets,
and open connections go on, also where *bind* goes from one address to all of them or back. What both want alike is
kept: the cluster that *kubernetes* follows, the servers of *forward* with their connections, files of *hosts*, the
answers of *cache* in a server block that says the same in all its lines, and all metrics. Answers that are kept ready
are made anew.

A Corefile that is not right changes nothing: what is wrong is logged, once, and the old one is served on, on all its
addresses. So it is with one that has no server block any more, and with one that cannot be started: a port is in use,
or the cluster that a changed *kubernetes* wants is not known within its `startup_timeout` while the old one is. The
new one is tried again at each later look, since what it needs may have come by then.

SIGUSR1 has the Corefile read and served at once, changed or not, with or without *reload*. A Corefile from standard
input cannot be read again.

Syntax

~~~
reload [INTERVAL] [JITTER]
~~~

INTERVAL is how often to look, 30s unless given, at least 2s. It is varied by up to half of JITTER either way, so that
servers that were started together do not reload together: 15s unless given, at least 1s or `0s` for none, and never
more than half of INTERVAL. It is drawn anew with every reload.

Examples

~~~ corefile
. {
    reload
    whoami
}
~~~

Every ten seconds exactly:

~~~ corefile
. {
    reload 10s 0s
    whoami
}
~~~

Metrics

coredns_reload_failed_total                  Corefiles that could not be served
coredns_reload_version_info{hash, value}     1 for the Corefile that is served; `hash` is `sha512`, `value` the sum

See also

CoreDNS's *reload*, whose syntax this is. There the pages of *health*, *ready* and *prometheus* are closed before they
are opened again, and the cluster is listed anew.
"""

from __future__ import annotations

from random import Random, SystemRandom

from kdns.corefile.block import Directive
from kdns.corefile.values import duration_text
from kdns.site import Site

REPEATABLE = True
"""The first line counts (as in CoreDNS)."""

_INTERVAL, _LEAST_INTERVAL = 30.0, 2.0
_JITTER, _LEAST_JITTER = 15.0, 1.0
"""Seconds (CoreDNS: plugin/reload/setup.go)."""
_USAGE = "reload [INTERVAL] [JITTER]"


def setup(directive: Directive, site: Site) -> None:
    """Say how often to look; no handler."""
    every, *_ = [interval(line, SystemRandom()) for line in directive.every]
    build = site.build
    build.reload = every if build.reload is None else min(every, build.reload)


def interval(directive: Directive, random: Random) -> float:
    """How often to look, in seconds, the jitter drawn. Raises CorefileError."""
    directive.no_block()
    count = len(directive.arguments(0, 2, _USAGE))
    every = _seconds(directive, 0, "interval", _LEAST_INTERVAL) if count > 0 else _INTERVAL
    jitter = _seconds(directive, 1, "jitter", _LEAST_JITTER, zero=True) if count > 1 else _JITTER
    half = min(jitter, every / 2) / 2
    return every + random.uniform(-half, half)


def _seconds(directive: Directive, place: int, what: str, least: float, *, zero: bool = False) -> float:
    text = directive.args[place]
    try:
        seconds = duration_text(text)
    except ValueError as error:
        raise directive.error(f"the {what} of 'reload' is a duration: {error}", place) from None
    if seconds < least and not (zero and seconds == 0):
        or_none = ", or 0s for none" if zero else ""
        raise directive.error(f"the {what} of 'reload' is at least {least:g}s{or_none}, not '{text}'", place)
    return seconds
