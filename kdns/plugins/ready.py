"""*ready* - tells over HTTP when questions can be answered.

Description

The page `/ready` answers 200 and `OK` once every plugin that has to wait for something has it, and 503
until then, with a line for each that is not ready: the plugin's name, a colon and what is missing, as in
`kubernetes: services are not listed yet`. From the moment the process is told to stop it answers 503
again, while *health* goes on saying `OK`.

Readiness is the process's own: plugins of all server blocks are asked, whichever block *ready* stands
in. Server blocks that name the same address share it.

Syntax

~~~
ready [ADDRESS] {
    monitor until-ready|continuously
}
~~~

ADDRESS is `HOST:PORT` or `:PORT`; `:8181` unless given, which is port 8181 of every address.

`monitor` says for how long plugins are asked. With `until-ready`, which is the default, not again once a
plugin was ready: the loss of what it had does not take this server out of service, which goes on with
what it knows. With `continuously`, each time.

Examples

~~~ corefile
.:53 {
    whoami
    ready
}
~~~

On another port, and asking for ever:

~~~ corefile
.:53 {
    whoami
    ready :8182 {
        monitor continuously
    }
}
~~~

See also

health, kubernetes
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from kdns.corefile.block import Directive
from kdns.corefile.values import host_port, one_of, read_options
from kdns.site import Build, Page, Site

PATH = "/ready"

_DEFAULT = ("", 8181)
_UNTIL_READY, _CONTINUOUSLY = "until-ready", "continuously"


def setup(directive: Directive, site: Site) -> None:
    """Answer `/ready`; no handler. `continuously` in one server block is so for all at that address."""
    address = host_port()(directive) if directive.words else _DEFAULT
    given = read_options(directive, {"monitor": one_of(_UNTIL_READY, _CONTINUOUSLY)})
    readiness = site.build.shared(("ready", address), lambda: Readiness(site.build))
    readiness.latch &= given.get("monitor", _UNTIL_READY) == _UNTIL_READY
    site.build.page(address, PATH, readiness.page)


@dataclass(slots=True)
class Readiness:
    """The page of one address. With `latch`, a plugin that was ready once is not asked again."""

    build: Build
    latch: bool = True
    _were_ready: set[str] = field(default_factory=set)

    async def page(self) -> Page:
        """200 when nothing is missing, else 503 with a line for each plugin that is not ready."""
        if self.build.stopping:
            return Page(503, b"Shutting down")
        missing = list(self._missing())
        return Page(503, "\n".join(missing).encode()) if missing else Page(200, b"OK")

    def _missing(self) -> Iterator[str]:
        """Asks every plugin, sorted by name."""
        for name, ask in sorted(self.build.readiness.items()):
            if self.latch and name in self._were_ready:
                continue
            if missing := ask():
                yield f"{name}: {missing}"
            else:
                self._were_ready.add(name)
