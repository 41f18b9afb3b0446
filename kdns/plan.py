"""A Corefile made into what will be served: server blocks composed, zones sorted by where they listen.

No socket is opened here, so `kdns check` and `kdns explain` go exactly as far as this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kdns.chain import Handler, Plugin, compose
from kdns.corefile.block import Directive, Key, ServerBlock
from kdns.corefile.parser import Corefile
from kdns.errors import CorefileError, CorefileErrors
from kdns.metrics import Metrics
from kdns.plugins import ORDER, find, unknown
from kdns.proto.name import Name, to_text
from kdns.serve.router import Router, Served
from kdns.site import Build, Site


class Place(NamedTuple):
    """Where to listen: `host` is an IP, or empty for every address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be served, by where."""

    build: Build
    routers: dict[Place, Router]


def plan(corefile: Corefile, clock: Callable[[], float], wall: Callable[[], float]) -> Plan:
    """Set up every directive and compose every server block. Raises CorefileErrors with all that is wrong.

    `clock` is loop time, `wall` Unix time, both in seconds.
    """
    build = Build(Metrics(), clock, wall)
    errors: list[CorefileError] = []
    built = [(site, _set_up(site, errors)) for site in (Site(block, build) for block in corefile.blocks)]
    if errors:
        raise CorefileErrors(sorted(errors, key=lambda error: (error.file, error.line)))
    zones: dict[Place, dict[Name, tuple[Key, Served]]] = {}
    for site, plugins in built:
        _place(site, compose(plugins), zones, errors)
    if errors:
        raise CorefileErrors(errors)
    routers = {place: Router({zone: served for zone, (_, served) in here.items()}) for place, here in zones.items()}
    return Plan(build, routers)


def _set_up(site: Site, errors: list[CorefileError]) -> list[Plugin]:
    """The plugins of a block in the order that questions meet them."""
    errors += [unknown(directive) for directive in site.block.directives if directive.name not in ORDER]
    errors += [
        CorefileError(key.file, key.line, f"'{key.text}': {key.scheme}:// is not served by kdns yet, only dns://")
        for key in site.keys
        if key.scheme != "dns"
    ]
    plugins = []
    for directive in _ordered(site.block):
        try:
            plugin = find(directive)(directive, site)
        except CorefileError as error:
            errors.append(error)
        except CorefileErrors as several:
            errors += several.errors
        else:
            site.plugins.append(directive.name)
            plugins += [plugin] if plugin else []
    return plugins


def _ordered(block: ServerBlock) -> Iterable[Directive]:
    known = [directive for directive in block.directives if directive.name in ORDER]
    return sorted(known, key=lambda directive: ORDER.index(directive.name))


def _place(
    site: Site,
    handler: Handler,
    zones: dict[Place, dict[Name, tuple[Key, Served]]],
    errors: list[CorefileError],
) -> None:
    for key in site.keys:
        for host in site.binds or [""]:
            place = Place(host, key.port)
            here = zones.setdefault(place, {})
            if taken := here.get(key.zone):
                errors.append(_twice(key, taken[0], place))
                continue
            here[key.zone] = key, Served(key.zone, f"{key.scheme}://{place}", handler, site.payload)


def _twice(key: Key, taken: Key, place: Place) -> CorefileError:
    where = f"{to_text(key.zone)} on {place}"
    return CorefileError(key.file, key.line, f"{where} is served already, by {taken.file}:{taken.line}")
