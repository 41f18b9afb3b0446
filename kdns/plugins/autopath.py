"""*autopath* - finishes a Pod's search path on the server.

Description

A Pod that looks for `www.example.com` first asks for `www.example.com.NAMESPACE.svc.cluster.local`, and for each
further domain of its search path, before it asks for the name itself. *autopath* sees the first of these
questions and, where that name does not exist, asks for the others in their order on the Pod's behalf. The first
reply that is not NXDOMAIN is the answer, behind a CNAME from the name that was asked for. Where there is none, or
one of the questions fails, the reply is that to the first question, and the client goes on as ever.

With `@kubernetes` the search path is that of the Pod that asks: `NAMESPACE.svc.ZONE`, `svc.ZONE`, `ZONE`, then the
search list of this machine's `/etc/resolv.conf`, then the name itself. Which Pod asks is told by its address, as the
cluster says now; an address that several Pods have, or a node, tells nothing, and nothing is finished then. It
needs `pods verified` in *kubernetes*, and the Pods' own addresses: not behind NAT.

What was finished for a Pod is kept for nobody else; answers that every client gets are kept as without *autopath*.

Syntax

~~~
autopath [ZONE...] RESOLV-CONF|@kubernetes
~~~

* **ZONE** names outside these zones are left alone; those of the server block unless given.
* **RESOLV-CONF** a file, read at start, with a line `search DOMAIN...`: the search path of every client.

Examples

~~~ corefile
cluster.local {
    autopath @kubernetes
    kubernetes {
        manifests examples
        pods verified
    }
}
~~~

Metrics

coredns_autopath_success_total{server}     questions that were answered further along the search path

See also

kubernetes; resolv.conf(5); CoreDNS's *autopath*, whose syntax this is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial, reduce
from pathlib import Path

from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope, Sent
from kdns.corefile.block import Directive
from kdns.corefile.values import zone_names
from kdns.errors import NameSyntaxError
from kdns.kube.cluster import Cluster
from kdns.kube.options import Options, PodMode
from kdns.metrics import Metrics
from kdns.proto.message import Question
from kdns.proto.name import MAX_NAME, ROOT, Name, from_labels, from_text, is_at_or_below, labels, longest
from kdns.proto.record import RRset
from kdns.proto.reverse import pack
from kdns.proto.types import RCode, RRType
from kdns.site import Site

REPEATABLE = True
"""The last line counts (as in CoreDNS)."""

HOST = Path("/etc/resolv.conf")
"""Whose search list comes behind a cluster's."""
_SVC = b"svc"
_LEAST = 3
"""Labels before a cluster's zone that a name has which a Pod's search path may have made: NAME.NAMESPACE.svc."""

Searching = Callable[[Query], "Search | None"]
"""How a client's search path goes; None for a name that no client's search path has made."""


@dataclass(frozen=True, slots=True)
class Search:
    """The domains of a search path, folded, the root last; none where nothing is known of this client's.

    `scope` is for whom what they lead to is good.
    """

    domains: tuple[Name, ...]
    scope: Scope = Scope.EVERYBODY


def setup(directive: Directive, site: Site) -> Plugin:
    """Read the directive; the cluster is known once *kubernetes* is set up."""
    for line in directive.every:
        line.no_block()
        line.arguments(1, usage="autopath [ZONE...] RESOLV-CONF|@kubernetes")
    directive = directive.every[-1]
    *words, last = directive.words
    own = zone_names(directive, words) or site.zones
    metrics = site.build.metrics
    if not last.text.startswith("@"):
        searching = _everybodys(_read(directive, site.rooted(last.text)))
        return partial(Autopath, zones=own, searching=searching, metrics=metrics)
    if last.text != "@kubernetes":
        raise directive.error(f"autopath asks @kubernetes or a file for the search path, not '{last.text}'", last)
    _doubt(directive, site)
    host = _host()

    def compose(next: Handler) -> Handler:
        searching = _pods(site.borrow(Cluster), site.borrow(Options), host)
        return Autopath(next, zones=own, searching=searching, metrics=metrics)

    return compose


def _doubt(directive: Directive, site: Site) -> None:
    """Say what keeps it from doing anything; CoreDNS does nothing then, too."""
    lines = [line for each in site.block.directives if each.name == "kubernetes" for line in each.body]
    if not any(line.name == "pods" and line.args == (PodMode.VERIFIED,) for line in lines):
        place = f"{directive.file}:{directive.line}"
        site.build.warnings.append(f"{place}: autopath does nothing without kubernetes and its 'pods verified'")


def _read(directive: Directive, path: str) -> tuple[Name, ...]:
    try:
        return search_list(Path(path).read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        text = f"'{path}' cannot be read: {error.strerror or error}"
    except NameSyntaxError as error:
        text = f"the search list of '{path}' is wrong: {error}"
    raise directive.error(text, len(directive.words) - 1)


def _host() -> tuple[Name, ...]:
    """The search list of this machine; none where it has none that can be read."""
    try:
        return search_list(HOST.read_text(encoding="utf-8", errors="replace"))
    except (OSError, NameSyntaxError):
        return ()


def search_list(text: str) -> tuple[Name, ...]:
    """The domains of a resolv.conf, folded: its last `search` or `domain` line counts (resolv.conf(5)).

    Raises NameSyntaxError.
    """
    found: list[str] = []
    for line in text.splitlines():
        word, *rest = line.split() or [""]
        if word in {"search", "domain"}:
            found = rest
    return tuple(from_text(each).lower() for each in found)


def _everybodys(domains: tuple[Name, ...]) -> Searching:
    """The same search path for all."""
    search = Search((*domains, ROOT))
    return lambda query: search if domains and _made_by(query, domains[0]) else None


def _pods(cluster: Cluster | None, options: Options | None, host: tuple[Name, ...]) -> Searching:
    """The search path of the Pod that asks."""
    if cluster is None or options is None or options.pods is not PodMode.VERIFIED:
        return _of_none
    zones = {zone: zone for zone in options.zones}
    index = cluster.index

    def search(query: Query) -> Search | None:
        zone = longest(query.question.folded, zones)
        if zone is None or not _may_be_made(query.question.folded, zone):
            return None
        pods = index.pods[pack(query.client.ip.partition("%")[0])]
        if len(pods) != 1 or pods[0].shares_host:
            return Search((), Scope.NOBODY)
        svc = from_labels((_SVC,), zone)
        own = from_labels((pods[0].namespace.lower().encode(),), svc)
        if not _made_by(query, own):
            return Search((), Scope.NOBODY)
        return Search((own, svc, zone, *host, ROOT), Scope.NOBODY)

    return search


def _of_none(query: Query) -> Search | None:
    """Where nothing is known of Pods."""
    return None


def _may_be_made(name: Name, zone: Name) -> bool:
    left = labels(name[: len(name) - len(zone)] + ROOT)
    return len(left) >= _LEAST and left[-1] == _SVC


def _made_by(query: Query, domain: Name) -> bool:
    name = query.question.folded
    return name != domain and is_at_or_below(name, domain)


class Autopath:
    """Asks the next plugin along a client's search path. What an alias leads to was made by none."""

    def __init__(self, next: Handler, *, zones: tuple[Name, ...], searching: Searching, metrics: Metrics) -> None:
        self._next = next
        self._zones = zones
        self._searching = searching
        self._metrics = metrics

    async def __call__(self, query: Query) -> Response:
        first = await self._next(query)
        if first.rcode != RCode.NXDOMAIN or query.depth or not self._covers(query.question.folded):
            return first
        search = self._searching(query)
        if search is None:
            return first
        return await self._along(query, search, first)

    def _covers(self, name: Name) -> bool:
        return any(is_at_or_below(name, zone) for zone in self._zones)

    async def _along(self, query: Query, search: Search, first: Response) -> Response:
        tried = [first]
        question = query.question
        # An alias shows the letters, and what is good for everybody is kept for whoever asks in whatever letters.
        asked = question.folded if search.scope is Scope.EVERYBODY else question.name
        for name in _names(asked, search.domains):
            question = question._replace(name=name, folded=name.lower())
            response = await self._next(replace(query, message=query.message._replace(question=question)))
            tried.append(response)
            if response.rcode == RCode.NOERROR:
                keep = _kept(tried, search.scope).told(partial(self._succeeded, query.server))
                return replace(_behind_alias(response, query.question, name), keep=keep)
            if response.rcode != RCode.NXDOMAIN:
                break
        return replace(first, keep=_kept([*tried[1:], first], search.scope))

    def _succeeded(self, server: str, sent: Sent) -> None:
        self._metrics.autopath_successes.labels(server).inc(sent.count)


def _names(name: Name, domains: tuple[Name, ...]) -> Iterable[Name]:
    """The further names of a search path; `name` is the first of them. Those that are too long are left out."""
    if not domains:
        return ()
    base = name[: len(name) - len(domains[0])]
    return (base + domain for domain in domains[1:] if len(base + domain) <= MAX_NAME)


def _behind_alias(response: Response, question: Question, name: Name) -> Response:
    if not response.answer:
        return response
    alias = RRset(question.name, RRType.CNAME, response.answer[0].ttl, (name,), question.klass)
    turn = None if response.turn is None else response.turn + 1
    return replace(response, answer=(alias, *response.answer), turn=turn)


def _kept(tried: list[Response], scope: Scope) -> Keep:
    """What all of them allow, the last one's SOA and TTLs being those that are shown."""
    *others, last = (response.keep for response in tried)
    keep = reduce(_narrowed, others, last)
    return keep.narrowed(scope=scope)


def _narrowed(keep: Keep, other: Keep) -> Keep:
    narrowed = keep.narrowed(scope=other.scope, until=other.until, depends_on=other.depends_on)
    return replace(narrowed, tallies=(*narrowed.tallies, *other.tallies))
