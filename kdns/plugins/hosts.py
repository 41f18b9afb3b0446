"""*hosts* - answers from a file such as /etc/hosts, and from lines of the Corefile.

Description

Each line of the file is an address with its names, as hosts(5) has it. A name has all the addresses of its lines, of
the file and of the Corefile; A and AAAA are answered from them, and PTR with the names of an address, in the order in
which they stand (at most 100). A line that cannot be read is passed over, and logged.

~~~
# From here to the end of the line nothing counts.
192.168.1.10    example.com example
fd00::10        example.com
192.168.1.20    *.apps.example.com
~~~

`*` as the first label stands for one label of any kind: `a.apps.example.com` has 192.168.1.20, `apps.example.com` and
`b.a.apps.example.com` have not. A name that has lines of its own, of either family, is not touched by it (RFC 4592).
There is no PTR to such names.

A name without the type that is asked for has no data (NODATA). A name that is not there is SERVFAIL, since there is no
SOA to deny it with, unless it falls through. An address that is not there is the next plugin's in any case.

The file is looked at again every few seconds. What is answered from it is kept ready until it changes. Where it is
gone or cannot be read, its entries stay as they were; one that is not there at start is waited for.

Syntax

~~~
hosts [FILE [ZONES...]] {
    ADDRESS NAMES...
    ttl SECONDS
    no_reverse
    reload DURATION
    fallthrough [ZONES...]
    fallthrough_unsupported
}
~~~

FILE is `/etc/hosts` unless given. ZONES are the zones whose names are answered, those of the server block unless given.

* `ADDRESS NAMES...`: entries as in the file, beside those that it has; above `fallthrough`.
* `ttl`: how many seconds clients may keep answers, 1 to 65535; 3600 unless given.
* `no_reverse`: no PTR.
* `reload`: how often to look at the file, 5s unless given, 0s for only once.
* `fallthrough`: names that are not there are the next plugin's; in these zones only, if any are given.
* `fallthrough_unsupported`: and so are, with `fallthrough`, all types but A, AAAA and PTR of names that are there.

Examples

~~~ corefile
. {
    hosts {
        192.0.2.10 intranet.example.com wiki.example.com
        192.0.2.20 *.apps.example.com
        ttl 60
        fallthrough
    }
    whoami
}
~~~

A file, for one zone; what else is asked is somebody else's:

~~~ corefile
. {
    hosts /etc/hosts example.org {
        no_reverse
        reload 1m
        fallthrough example.org
    }
    whoami
}
~~~

Metrics

coredns_hosts_entries{hostsfile}          addresses and names that are held, those of the Corefile beside a file too
coredns_hosts_reload_timestamp_seconds    when the file that was read last had been changed, Unix time

See also

CoreDNS's *hosts*, whose options these are; *kubernetes*, *loadbalance*.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope
from kdns.corefile.block import Directive
from kdns.corefile.mistakes import Gathered
from kdns.corefile.values import duration, flag, integer, read_options, zone_names, zones
from kdns.hostsfile import WILD, HostsFile, Table
from kdns.metrics import Metrics
from kdns.proto.message import Ede
from kdns.proto.name import ROOT, Name, is_at_or_below
from kdns.proto.record import RRset, addresses, rrset
from kdns.proto.reverse import Address, address_of
from kdns.proto.types import EDE, RCode, RRType
from kdns.site import Site

_FILE = "/etc/hosts"
_TTL = 3600
_LONGEST_TTL = 65535
_RELOAD = 5.0
"""Seconds (CoreDNS: plugin/hosts/hostsfile.go), as is the TTL."""
_SIZES: dict[int, int] = {RRType.A: 4, RRType.AAAA: 16}


def setup(directive: Directive, site: Site) -> Plugin:
    """Read the directive and its entries. The file is read when the server starts."""
    path, *texts = directive.args or (_FILE,)
    given, inline = _options(directive, site.build.warnings)
    build, every = site.build, given.get("reload", _RELOAD)
    path = site.rooted(path)
    _reach(directive, path)
    make = partial(HostsFile, path, every, build.metrics, build.changes.publish, wanted=bool(directive.args))
    file = build.part(("hosts", path, every, bool(directive.args)), make)
    build.parts.append(Inline(inline, path, build.metrics))
    falls = given.get("fallthrough")
    options = Options(
        zone_names(directive, directive.words[1:]) if texts else site.zones,
        given.get("ttl", _TTL),
        reverse="no_reverse" not in given,
        fallthrough=None if falls is None else falls or (ROOT,),
        unsupported="fallthrough_unsupported" in given,
    )
    return partial(Hosts, options=options, file=file, inline=inline)


def _options(directive: Directive, warnings: list[str]) -> tuple[dict[str, Any], Table]:
    """The options by name, and the entries. Raises CorefileErrors with all that is wrong with them.

    An entry that cannot be read is passed over, as in CoreDNS, and among the warnings.
    """
    entries = [line for line in directive.body if _is_entry(line)]
    rest = replace(directive, body=tuple(line for line in directive.body if not _is_entry(line)))
    mistakes = Gathered()
    given: dict[str, Any] = {}
    table = Table()
    for line in entries:
        with mistakes.going_on():
            _read_entry(table, line, directive.body, warnings)
    with mistakes.going_on():
        given = read_options(rest, _OPTIONS)
        if "fallthrough_unsupported" in given and "fallthrough" not in given:
            raise directive.error("'fallthrough_unsupported' needs 'fallthrough' beside it")
    mistakes.raise_any()
    return given, table


_OPTIONS = {
    "ttl": integer(1, _LONGEST_TTL),
    "no_reverse": flag,
    "reload": duration,
    "fallthrough": zones,
    "fallthrough_unsupported": flag,
}


def _is_entry(line: Directive) -> bool:
    return line.name[:1].isdigit() or ":" in line.name


def _read_entry(table: Table, line: Directive, body: Sequence[Directive], warnings: list[str]) -> None:
    line.no_block()
    if any(other.name == "fallthrough" for other in body[: body.index(line)]):
        raise line.error(f"entries stand above 'fallthrough': move '{line.name}' up")
    try:
        table.add([line.name, *line.args])
    except ValueError as error:
        warnings.append(f"{line.error(str(error))}; it is passed over")


def _reach(directive: Directive, path: str) -> None:
    """Raise where the file is out of reach; one that is not there may come."""
    try:
        Path(path).stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise directive.error(f"the hosts file '{path}' cannot be reached: {reason}", 0) from None


class Inline:
    """A Part: counts the entries of a Corefile while they are served."""

    def __init__(self, table: Table, path: str, metrics: Metrics) -> None:
        self._size = table.size
        self._count = metrics.hosts_entries.labels(path)

    async def start(self) -> None:
        """Count them."""
        self._count.inc(self._size)

    async def stop(self) -> None:
        """Count them no more."""
        self._count.dec(self._size)


@dataclass(frozen=True, slots=True)
class Options:
    """What a directive says. Zones are folded; `fallthrough` None is off, `unsupported` of other types too."""

    zones: tuple[Name, ...]
    ttl: int = _TTL
    reverse: bool = True
    fallthrough: tuple[Name, ...] | None = None
    unsupported: bool = False


def _not_there(response: Response) -> Response:
    """SERVFAIL as in CoreDNS: there is no SOA that a denial needs (RFC 2308)."""
    ede = Ede(EDE.OTHER, "the name is not among the hosts that are served here")
    return replace(response, rcode=RCode.SERVFAIL, authoritative=False, ede=ede)


class Hosts:
    """Answers for names in a file and in the Corefile."""

    def __init__(self, next: Handler, *, options: Options, file: HostsFile, inline: Table) -> None:
        self._next = next
        self._options = options
        self._file = file
        self._inline = inline
        self._depends_on: frozenset[Hashable] = frozenset({file.key})

    async def __call__(self, query: Query) -> Response:
        question = query.question
        if question.type == RRType.PTR:
            names = self._names(question.folded)
            if not names:
                return await self._pass_on(query)
            return self._response((rrset(question.name, RRType.PTR, self._options.ttl, names),))
        if not _is_in(question.folded, self._options.zones):
            return await self._next(query)
        found = self._addresses(question.folded)
        if not found or question.type not in _SIZES:
            return await self._without(query, exists=bool(found))
        wanted = [address for address in found if len(address) == _SIZES[question.type]]
        return self._response((addresses(question.name, self._options.ttl, wanted),) if wanted else ())

    def _addresses(self, name: Name) -> list[Address]:
        """Those of the name, or where it has no entry, those of the `*` beside it, if that is in the zones."""
        wild = WILD + name[1 + name[0] :]
        for each in (name, wild) if name != ROOT and _is_in(wild, self._options.zones) else (name,):
            found = [*self._file.table.addresses.get(each, ()), *self._inline.addresses.get(each, ())]
            if found:
                return found
        return []

    def _names(self, name: Name) -> list[Name]:
        address = address_of(name) if self._options.reverse else None
        if address is None:
            return []
        names = [*self._file.table.names.get(address, ()), *self._inline.names.get(address, ())]
        return [each for each in names if _is_in(each, self._options.zones)]

    async def _without(self, query: Query, *, exists: bool) -> Response:
        """To a name that has no entry, or a type that hosts files do not have."""
        falls = _is_in(query.question.folded, self._options.fallthrough or ())
        if falls and (not exists or self._options.unsupported):
            return await self._pass_on(query)
        return self._response() if exists else _not_there(self._response())

    async def _pass_on(self, query: Query) -> Response:
        response = await self._next(query)
        return replace(response, keep=response.keep.narrowed(depends_on=self._depends_on))

    def _response(self, answer: tuple[RRset, ...] = ()) -> Response:
        keep = Keep(Scope.EVERYBODY, depends_on=self._depends_on)
        return Response(answer=answer, authoritative=True, keep=keep, by="hosts")


def _is_in(name: Name, zones: Iterable[Name]) -> bool:
    return any(is_at_or_below(name, zone) for zone in zones)
