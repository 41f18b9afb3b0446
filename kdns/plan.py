"""A Corefile made into what will be served: server blocks composed, zones sorted by where they listen.

No socket is opened here, so `kdns check` and `kdns explain` go exactly as far as this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kdns.chain import Handler, Plugin, denier, handlers
from kdns.corefile.block import Directive, Key, ServerBlock
from kdns.corefile.mistakes import Mistakes
from kdns.corefile.parser import Corefile
from kdns.errors import CorefileError, CorefileErrors
from kdns.metrics import Metrics
from kdns.plugins import ORDER, find, unknown
from kdns.proto.name import Name, to_text
from kdns.serve.crowd import Limits
from kdns.serve.router import Router, Served
from kdns.site import Build, Site, Timeouts
from kdns.straight import way

WILDCARDS = ("0.0.0.0", "::")
"""Every address of a family, said with *bind*."""


class Place(NamedTuple):
    """Where to listen: `host` is an IP, or empty for every address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def wild(self) -> bool:
        """Whether it is every address, at least of one family."""
        return not self.host or self.host in WILDCARDS

    @property
    def families(self) -> tuple[int, ...]:
        """The IP versions of its addresses."""
        return (6,) if ":" in self.host else (4,) if self.host else (4, 6)

    def meets(self, other: Place) -> bool:
        """Whether an address of one is one of the other's, on the same port; one that is picked is nobody's."""
        if not self.port or self.port != other.port or set(self.families).isdisjoint(other.families):
            return False
        return self.wild or other.wild or self.host == other.host


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be served, by where. `limits` are those of connections, the usual ones for a place not in it.

    `told` are the zones whose server blocks have a line in the build's report.
    """

    build: Build
    routers: dict[Place, Router]
    limits: dict[Place, Limits] = field(default_factory=dict)
    told: frozenset[tuple[Place, Name]] = frozenset()

    def overlapping(self) -> set[Place]:
        """The places where another one's addresses are too: one of each such port is every address.

        The kernel gives a question to the socket whose address fits best, if all of them allow it.
        """
        spots = [(place.port, family) for place in self.routers for family in place.families]
        wild = {(place.port, family) for place in self.routers if place.wild for family in place.families}
        crowded = {spot for spot in wild if spots.count(spot) > 1}
        return {
            place
            for place in self.routers
            if place.port and any((place.port, family) in crowded for family in place.families)
        }


class _Built(NamedTuple):
    """A server block that is set up; `plugins` are in the order in which a question meets them.

    `reports` tells that one of them has a line of its own in the build's report.
    """

    site: Site
    plugins: list[Plugin]
    reports: bool


def plan(corefile: Corefile, clock: Callable[[], float], wall: Callable[[], float]) -> Plan:
    """Set up every directive and compose every server block.

    `clock` is loop time, `wall` Unix time, both in seconds. Raises CorefileErrors with all that is
    wrong, sorted by line, file after file; its `rest` is a Plan of what was set up all the same, served nowhere.
    """
    return _planned(corefile, Build(Metrics(), clock, wall))


def plan_after(corefile: Corefile, before: Plan) -> Plan:
    """A plan in place of one that is served, with what both want the same of that one. Raises CorefileErrors."""
    build = Build.after(before.build)
    try:
        return _planned(corefile, build)
    except BaseException:
        build.close()
        raise


def _planned(corefile: Corefile, build: Build) -> Plan:
    mistakes = Mistakes()
    built = [_set_up(Site(block, build), mistakes) for block in corefile.blocks]
    places = _placed([each.site for each in built], mistakes)
    mistakes.raise_any(corefile.files, Plan(build, {}))
    chains = {id(each.site): handlers(each.plugins) for each in built}
    routers = {
        place: Router({key.zone: _served(key, site, place, chains[id(site)]) for key, site in here.values()})
        for place, here in places.items()
    }
    reporting = {id(each.site) for each in built if each.reports}
    told = {
        (place, zone) for place, here in places.items() for zone, (_, site) in here.items() if id(site) in reporting
    }
    limits = {place: _limits(site for _, site in here.values()) for place, here in places.items()}
    return Plan(build, routers, limits, frozenset(told))


def _set_up(site: Site, mistakes: Mistakes) -> _Built:
    mistakes.add(*_unknown(site.block), *_unserved(site.keys))
    plugins: list[Plugin] = []
    reports = len(site.build.report)
    for directive in _ordered(site.block):
        try:
            plugin = find(directive)(directive, site)
        except CorefileError as error:
            mistakes.add(error)
        except CorefileErrors as several:
            mistakes.add(*several.errors)
        else:
            site.plugins.append(directive.name)
            plugins += [plugin] if plugin else []
    return _Built(site, plugins, len(site.build.report) > reports)


def _unknown(block: ServerBlock) -> Iterator[CorefileError]:
    for directive in block.directives:
        if directive.name not in ORDER:
            yield from map(unknown, directive.every)


def _unserved(keys: Iterable[Key]) -> Iterator[CorefileError]:
    for key in keys:
        if key.scheme != "dns":
            text = f"'{key.text}': {key.scheme}:// is not served by kdns yet, only dns://"
            yield CorefileError(key.file, key.line, text)


def _ordered(block: ServerBlock) -> list[Directive]:
    known = [directive for directive in block.directives if directive.name in ORDER]
    return sorted(known, key=lambda directive: ORDER.index(directive.name))


def _placed(sites: Iterable[Site], mistakes: Mistakes) -> dict[Place, dict[Name, tuple[Key, Site]]]:
    """Who has which zone where; a zone that two have at one place is a mistake.

    A block whose *bind* is a mistake is nowhere: it says so itself.
    """
    known = [site for site in sites if site.binds or not site.uses("bind")]
    apart = {key.port for site in known for key in site.keys if not set(site.binds).isdisjoint(WILDCARDS)}
    places: dict[Place, dict[Name, tuple[Key, Site]]] = {}
    for site in known:
        for key in site.keys:
            for host in site.binds or (WILDCARDS if key.port in apart else ("",)):
                place = Place(host, key.port)
                taken, _ = places.setdefault(place, {}).setdefault(key.zone, (key, site))
                if taken is not key:
                    mistakes.add(_twice(key, taken, place))
    return places


def _twice(key: Key, taken: Key, place: Place) -> CorefileError:
    where = f"{to_text(key.zone)} on {place}"
    text = f"{where} is served already, by {taken.file}:{taken.line}: take one out, or part them with 'bind'"
    return CorefileError(key.file, key.line, text)


def _served(key: Key, site: Site, place: Place, chain: list[Handler]) -> Served:
    server = f"{key.scheme}://{place}"
    served = Served(key.zone, server, chain[0], site.payload, site.chaos, denier=denier(chain), way=way(chain))
    if site.abroad is None:
        return served
    return replace(served, abroad=replace(served, handler=site.abroad, any_class=True, denier=None, way=None))


def _limits(sites: Iterable[Site]) -> Limits:
    """Of the server blocks of one place, the last that says something counts (CoreDNS: core/dnsserver/server.go)."""
    said: Timeouts = {}
    for site in sites:
        said.update(site.timeouts)
    return Limits(**said)
