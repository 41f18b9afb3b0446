"""*metadata* - collects what plugins know about a question, for others to use.

Description

Some plugins can tell more about a question than it says itself: *kubernetes* knows the namespace and the
service it is about, and who the client is. With *metadata* such labels (`kubernetes/namespace`) are
gathered before a question meets the other plugins; *log* writes them as `{/kubernetes/namespace}`.
A label's value is worked out only when somebody reads it.

A reply that depends on labels is made anew each time, so a log format with labels costs speed.

Syntax

~~~
metadata [ZONES...]
~~~

* ZONES: gather for questions in these zones, instead of all those of the server block.

Examples

~~~ corefile
cluster.local example.org {
    metadata cluster.local
    log . "{common} {/kubernetes/client-namespace}"
    whoami
}
~~~

See also

*log*, *kubernetes*.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.corefile.values import zones
from kdns.proto.name import Name, is_at_or_below
from kdns.site import Provider, Site


def setup(directive: Directive, site: Site) -> Plugin:
    """Takes zones; without any, those of the block."""
    directive.no_block()
    return partial(_compose, zones(directive) or site.zones, site)


def _compose(zones: tuple[Name, ...], site: Site, next: Handler) -> Handler:
    # When a chain is composed every provider has been set up, wherever its directive stands.
    return Metadata(next, zones, tuple(site.providers))


@dataclass(frozen=True, slots=True)
class Metadata:
    """Fills `query.metadata` for questions in `zones`; of two providers of one label the later counts."""

    next: Handler
    zones: tuple[Name, ...]
    providers: tuple[Provider, ...]

    async def __call__(self, query: Query) -> Response:
        if any(is_at_or_below(query.question.folded, zone) for zone in self.zones):
            for labels in self.providers:
                query.metadata.update(labels(query))
        return await self.next(query)
