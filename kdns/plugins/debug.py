"""*debug* - writes debug lines to the log.

Description

Lines of level debug, which are dropped otherwise, are written as `[DEBUG] plugin/name: text`. This holds for
the whole process as long as one server block of its Corefile has *debug*, also across reloads.

CoreDNS with *debug* dies of a panic in a plugin. kdns goes on: a plugin's defect is answered SERVFAIL,
counted in `coredns_panics_total`, and its traceback is logged with or without *debug*.

Syntax

~~~
debug
~~~

Examples

~~~ corefile
. {
    debug
    whoami
}
~~~

See also

*errors*.
"""

from __future__ import annotations

import logging
from typing import ClassVar

from kdns.corefile.block import Directive
from kdns.site import Build, Site

REPEATABLE = True
"""A second line changes nothing (as in CoreDNS)."""

_ROOT = logging.getLogger("kdns")


def setup(directive: Directive, site: Site) -> None:
    """Takes no arguments and no block."""
    for line in directive.every:
        line.no_arguments()
        line.no_block()
    site.debug = True
    build = site.build
    build.shared("debug", lambda: _add(build))


def _add(build: Build) -> Verbose:
    verbose = Verbose()
    build.parts.append(verbose)
    return verbose


class Verbose:
    """The level of kdns's log is DEBUG while at least one of these is started, and then what it was.

    There is more than one while a reload swaps Corefiles: the new one starts before the old one stops.
    """

    _started: ClassVar[set[Verbose]] = set()
    _before: ClassVar[int] = logging.INFO

    async def start(self) -> None:
        """Lower the level."""
        if not Verbose._started:
            Verbose._before = _ROOT.level
        Verbose._started.add(self)
        _ROOT.setLevel(logging.DEBUG)

    async def stop(self) -> None:
        """Raise it again, if this is the last."""
        if self in Verbose._started:
            Verbose._started.remove(self)
            if not Verbose._started:
                _ROOT.setLevel(Verbose._before)
