"""The *kubernetes* directive, read: its zones, how it wants its answers, which cluster it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from kdns.corefile.block import Directive
from kdns.corefile.mistakes import Gathered
from kdns.corefile.values import (
    cidrs,
    duration,
    flag,
    gone,
    integer,
    number,
    one_of,
    read_options,
    word,
    words,
    zone_names,
    zones,
)
from kdns.errors import CorefileError
from kdns.kube.control import Settings
from kdns.kube.options import IPV4, IPV6, Options, PodMode, PtrPolicy
from kdns.kube.selection import Selection
from kdns.kube.selectors import Selector, parse_selector
from kdns.kube.wanted import Files, Server
from kdns.proto.name import MAX_LABEL, MAX_NAME, ROOT, Name, to_text
from kdns.proto.reverse import is_reverse

_DEFAULT_TTL = 5
_MOST_TTL = 3600
_LEAST_POLL = 0.1
_LEAST_STALE = 30.0
"""Seconds; a watch at which nothing happens is heard of every 25."""
_LONGEST_ZONE = MAX_NAME - 2 * (1 + MAX_LABEL) - len(b"\3svc")
_FAMILIES = {"ipv4": frozenset({IPV4}), "ipv6": frozenset({IPV6})}


def _selector(line: Directive) -> Selector:
    line.arguments(1)
    try:
        return parse_selector(" ".join(line.args))
    except ValueError as error:
        raise line.error(f"'{line.name}' takes a label selector: {error}", 0) from None


def _poll(line: Directive) -> float:
    seconds = duration(line)
    if seconds < _LEAST_POLL:
        raise line.error(f"'poll' takes at least {_LEAST_POLL:g}s, not '{line.args[0]}'", 0)
    return seconds


def _stale_after(line: Directive) -> float:
    seconds = duration(line)
    if 0 < seconds < _LEAST_STALE:
        least = f"'stale_after' takes at least {_LEAST_STALE:g}s, or 0 for never"
        raise line.error(f"{least}, not '{line.args[0]}': a watch may be quiet for so long", 0)
    return seconds


_OPTIONS: Mapping[str, Callable[[Directive], object]] = {
    "manifests": words(1),
    "poll": _poll,
    "controllers": one_of("on", "off"),
    "service_cidr": cidrs,
    "pod_cidr": cidrs,
    "endpoint": words(1),
    "tls": words(3, 3),
    "kubeconfig": words(1, 2),
    "apiserver_qps": number(0),
    "apiserver_burst": integer(0),
    "apiserver_max_inflight": integer(0),
    "namespaces": words(1),
    "namespace_labels": _selector,
    "labels": _selector,
    "pods": one_of(*PodMode),
    "endpoint_pod_names": flag,
    "ttl": integer(0, _MOST_TTL),
    "negative_ttl": integer(0, _MOST_TTL),
    "noendpoints": flag,
    "fallthrough": zones,
    "ignore": one_of("empty_service"),
    "multicluster": zones,
    "zonal": flag,
    "families": one_of(*_FAMILIES),
    "ptr": one_of(*PtrPolicy),
    "ede": one_of("on", "off"),
    "startup_timeout": duration,
    "resync": duration,
    "stale_after": _stale_after,
    "state": word,
    "resyncperiod": gone("CoreDNS took it out in 1.7.0: delete the line"),
    "upstream": gone("CoreDNS took it out in 1.7.0: delete the line; aliases are resolved by the server itself"),
    "transfer": gone("CoreDNS took it out in 1.8.0: use the transfer plugin"),
}


_EITHER = (
    ("namespaces", "namespace_labels"),
    ("noendpoints", "zonal"),
    ("manifests", "endpoint"),
    ("manifests", "kubeconfig"),
    ("manifests", "state"),
)
"""Options that exclude one another; the second of each is what is told to be wrong."""


class Stanza(NamedTuple):
    """What the directive says. `place` is `file:line` of what names the cluster, empty where nobody wrote that.

    `fallthrough` are the zones in which names that do not exist are the next plugin's; None for none.
    """

    options: Options
    wanted: Files | Server
    fallthrough: tuple[Name, ...] | None
    place: str


def read(directive: Directive, default_zones: tuple[Name, ...], root: Path | None = None) -> Stanza:
    """Read a directive. Relative files begin at `root`, or else at the Corefile's folder.

    Raises CorefileErrors with all that is wrong with it.
    """
    mistakes = Gathered(_conflicts(directive))
    given: dict[str, Any] = {}
    own: tuple[Name, ...] = ()
    with mistakes.going_on():
        given = read_options(directive, _OPTIONS)
    with mistakes.going_on():
        own = zone_names(directive, directive.words) or default_zones
        mistakes += _check(directive, own)
    mistakes.raise_any()
    folder = root or Path(directive.file).parent
    wanted = _files(folder, given) if "manifests" in given else _server(folder, given)
    falls = given.get("fallthrough")
    return Stanza(_options(given, own), wanted, None if falls is None else falls or (ROOT,), _place(directive))


def _conflicts(directive: Directive) -> Iterator[CorefileError]:
    """Options that exclude one another, whether or not what they say is right."""
    lines = {line.name: line for line in directive.body}
    for one, other in _EITHER:
        if one in lines and other in lines:
            yield lines[other].error(f"'{other}' cannot stand beside '{one}'")


def _check(directive: Directive, own: tuple[Name, ...]) -> Iterator[CorefileError]:
    """What is wrong with the zones."""
    if all(map(is_reverse, own)):
        yield directive.error("one zone at least must not be a reverse zone, for instance cluster.local")
    for zone in own:
        if len(zone) > _LONGEST_ZONE:
            limit = f"a zone has at most {_LONGEST_ZONE} octets, so that every Service has a name in it"
            yield directive.error(f"{limit}; '{to_text(zone)}' has {len(zone)}")
    for line in directive.body:
        if line.name == "multicluster":
            yield from _strangers(line, own)


def _strangers(line: Directive, own: tuple[Name, ...]) -> Iterator[CorefileError]:
    with suppress(CorefileError):  # that is told already
        for zone in zones(line):
            if zone not in own:
                yield line.error(f"'{to_text(zone)}' must be one of the zones of kubernetes too")


def _options(given: Mapping[str, Any], own: tuple[Name, ...]) -> Options:
    ttl = given.get("ttl", _DEFAULT_TTL)
    return Options(
        zones=own,
        primary=next(zone for zone in own if not is_reverse(zone)),
        multicluster=frozenset(given.get("multicluster", ())),
        ttl=ttl,
        negative_ttl=given.get("negative_ttl", ttl),
        pods=PodMode(given.get("pods", PodMode.DISABLED)),
        endpoint_pod_names=given.get("endpoint_pod_names", False),
        noendpoints=given.get("noendpoints", False),
        ignore_empty="ignore" in given and "noendpoints" not in given,
        zonal=given.get("zonal", False),
        families=_FAMILIES.get(given.get("families", ""), frozenset({IPV4, IPV6})),
        ptr=PtrPolicy(given.get("ptr", PtrPolicy.ALL)),
        ede=given.get("ede", "on") == "on",
    )


def _selection(given: Mapping[str, Any]) -> Selection:
    names = frozenset(given["namespaces"]) if "namespaces" in given else None
    return Selection(names, given.get("namespace_labels"), given.get("labels"))


def _files(folder: Path, given: Mapping[str, Any]) -> Files:
    ranges = {name + "s": given[name] for name in ("service_cidr", "pod_cidr") if name in given}
    return Files(
        paths=tuple(str(folder / path) for path in given["manifests"]),
        selection=_selection(given),
        controllers=Settings(on=given.get("controllers", "on") == "on", **ranges),
        poll=given.get("poll", 1.0),
    )


def _server(folder: Path, given: Mapping[str, Any]) -> Server:
    file, *context = given.get("kubeconfig", ("",))
    named = {name: given[name] for name in ("startup_timeout", "resync", "stale_after") if name in given}
    return Server(
        kubeconfig=(str(folder / file), *context) if file else (),
        endpoint=given["endpoint"][0] if "endpoint" in given else "",
        tls=tuple(str(folder / path) for path in given.get("tls", ())),
        qps=given.get("apiserver_qps", 0.0),
        burst=given.get("apiserver_burst", 0),
        inflight=given.get("apiserver_max_inflight", 0),
        selection=_selection(given),
        pods=given.get("pods") == PodMode.VERIFIED,
        endpoints="noendpoints" not in given,
        imports="multicluster" in given,
        state=str(folder / given["state"]) if "state" in given else "",
        **named,
    )


def _place(directive: Directive) -> str:
    """Where the source is named; nowhere in a Corefile that a command made up."""
    named = next((line for line in directive.body if line.name == "manifests"), directive)
    return "" if directive.file.startswith("(") else f"{named.file}:{named.line}"
