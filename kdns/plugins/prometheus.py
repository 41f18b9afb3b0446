"""*prometheus* - counts and times what the server block answers, and shows all metrics over HTTP.

Description

The page `/metrics` has every metric of the process in Prometheus's text format. Questions are counted in
the server blocks that name *prometheus*; the other metrics are the process's and are there in any case.
Server blocks that name the same address share it, its TLS as well. The text is made at most once a second,
however many ask for it.

Names and labels are CoreDNS's, so that its dashboards and alerts go on working. `view` is always empty.
An exception in a plugin counts as the SERVFAIL that the client gets. Questions that are refused before any
server block sees them (malformed, or about a name outside all zones) are in `kdns_refused_early_total`,
where CoreDNS counts some of them under the zone `dropped`.

Syntax

~~~
prometheus [ADDRESS] {
    runtime_metrics
    tls CONFIG_FILE
}
~~~

ADDRESS is `HOST:PORT` or `:PORT`; `localhost:9153` unless given. `:9153` is that port of every address, which
is what a Prometheus on another machine needs.

`runtime_metrics` is accepted and changes nothing: `process_*` and `python_*` (memory, CPU time, open files,
garbage collection) are always there.

`tls` serves the page over HTTPS. CONFIG_FILE is a Prometheus web configuration file. Its section
`tls_server_config` has `cert_file` and `key_file`, and may have `client_auth_type` (`NoClientCert`,
`VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`) with `client_ca_file`, `min_version` and
`max_version` (`TLS12` or `TLS13`). Paths in it begin at its own folder. Whatever else it has is an error,
so that nothing that should protect the page is passed over. Changed certificates are read again by
themselves.

Examples

~~~ corefile
.:53 {
    prometheus
    whoami
}
~~~

For a Prometheus elsewhere in the cluster:

~~~ corefile
.:53 {
    prometheus :9153
    whoami
}
~~~

Metrics

    coredns_dns_requests_total{server, zone, view, proto, family, type}    questions
    coredns_dns_do_requests_total{server, zone, view}                      of these, those with DO set
    coredns_dns_request_size_bytes{server, zone, view, proto}              sizes of questions
    coredns_dns_request_duration_seconds{server, zone, view, type}         from question to reply
    coredns_dns_response_size_bytes{server, zone, view, proto}             sizes of replies
    coredns_dns_responses_total{server, zone, view, rcode, plugin}         replies, and who made them
    coredns_plugin_enabled{server, zone, view, name}                       1 for each plugin of a block
    coredns_build_info{version, revision, goversion}                       1
    coredns_panics_total                                                   exceptions that became SERVFAIL

`server` is as in `dns://:53`; `zone` is the server block's, with its final dot; `proto` is udp or tcp;
`family` is 1 for IPv4, 2 for IPv6; `type` is a common type's name or `other`.

See also

health, ready
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import ClassVar, NamedTuple

from kdns.chain import NOTHING, Handler, Peer, Plugin, Query, Response, Sent, Transport, failure
from kdns.corefile.block import Directive
from kdns.corefile.values import flag, host_port, read_options, word
from kdns.metrics import CONTENT_TYPE, Metrics, type_label
from kdns.proto.name import Name
from kdns.proto.text import rcode_text, type_text
from kdns.site import Build, Page, Site, zone_label
from kdns.straight import Up
from kdns.webconfig import WebConfig, read_web_config

PATH = "/metrics"

_DEFAULT = ("localhost", 9153)
_FRESH = 1.0
"""Seconds for which the page is not made anew."""
_VIEW = ""
_MOST = 1000


def setup(directive: Directive, site: Site) -> Plugin:
    """Answer `/metrics`, and count what passes."""
    address = host_port()(directive) if directive.words else _DEFAULT
    given = read_options(directive, {"runtime_metrics": flag, "tls": partial(_web_config, site)})
    build = site.build
    _encrypt(directive, build, address, given.get("tls"))
    build.page(address, PATH, build.shared(("prometheus", "page"), lambda: Scrape(build.metrics, build.clock)).page)
    build.shared(("prometheus", "enabled"), lambda: _enabled(build)).sites.append(site)
    tallies = build.shared(("prometheus", "tallies"), lambda: Tallies(build.metrics))
    return partial(Prometheus, tallies=tallies)


class Labels(NamedTuple):
    """What is counted apart. A client can invent none of it: types that are not common are `other`."""

    server: str
    zone: str
    type: str
    do: bool
    rcode: str
    plugin: str


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Has each reply counted that is made from a response: the first, and those of its kept bytes."""

    next: Handler
    tallies: Tallies
    same_for_all_names: ClassVar[bool] = True
    catches: ClassVar[bool] = True

    async def __call__(self, query: Query) -> Response:
        try:
            response = await self.next(query)
        except Exception as error:  # it has to be counted, and is logged further up
            response = failure(error)
        return self._counted(query, response)

    def down(self, query: Query) -> Up:  # noqa: ARG002
        """See `straight.Passing`."""
        return self._counted

    def _counted(self, query: Query, response: Response) -> Response:
        edns = query.message.edns
        do = edns is not None and edns.do
        alike = Alike(query.server, query.zone, query.question.type, do, response.rcode, response.by)
        tally = self.tallies.of(alike)
        return response.told(tally, tally.alone)


class Alike(NamedTuple):
    """What is counted apart, before it is put in words."""

    server: str
    zone: Name
    type: int
    do: bool
    rcode: int
    plugin: str

    @property
    def labels(self) -> Labels:
        """In words; of a type that is not common the word is `other`."""
        type, rcode = type_label(type_text(self.type)), rcode_text(self.rcode)
        return Labels(self.server, zone_label(self.zone), type, self.do, rcode, self.plugin)


class Tallies:
    """The tallies of all server blocks: one for all responses that count alike."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._made: dict[Labels, Tally] = {}
        self._known: dict[Alike, Tally] = {}

    def of(self, alike: Alike) -> Tally:
        """The tally of these."""
        tally = self._known.get(alike)
        if tally is None:
            tally = self._of(alike.labels)
            if len(self._known) < _MOST:  # types and rcodes are as many as others like to ask for
                self._known[alike] = tally
        return tally

    def _of(self, labels: Labels) -> Tally:
        tally = self._made.get(labels)
        if tally is None:
            tally = self._made[labels] = Tally(self._metrics, labels)
        return tally


class _Way(NamedTuple):
    """What depends on how a question came."""

    requests: Callable[[float], None]
    request_size: Callable[[float, int], None]
    response_size: Callable[[float, int], None]


class Tally:
    """Counts replies alike in their labels, which are looked up once: this runs for every miss, and often for hits."""

    __slots__ = ("_do", "_duration", "_labels", "_metrics", "_responses", "_ways", "alone")

    def __init__(self, metrics: Metrics, labels: Labels) -> None:
        server = (labels.server, labels.zone, _VIEW)
        self._labels = labels
        self._metrics = metrics
        self._responses = metrics.responses.labels(*server, labels.rcode, labels.plugin).inc
        self._duration = metrics.duration.labels(*server, labels.type).observe
        self._do = metrics.do_requests.labels(*server).inc
        self._ways: dict[tuple[Transport, int], _Way] = {}
        self.alone = NOTHING.told(self)

    def __call__(self, sent: Sent) -> None:
        count = sent.count
        way = self._ways.get((sent.transport, sent.family)) or self._way(sent.transport, sent.family)
        way.requests(count)
        self._responses(count)
        if self._labels.do:
            self._do(count)
        way.request_size(sent.request_size, count)
        way.response_size(sent.response_size, count)
        self._duration(sent.seconds, count)

    def _way(self, transport: Transport, family: int) -> _Way:
        metrics, proto = self._metrics, Transport(transport).name
        server = (self._labels.server, self._labels.zone, _VIEW)
        way = self._ways[transport, family] = _Way(
            metrics.requests.labels(*server, proto, str(family), self._labels.type).inc,
            metrics.request_size.labels(*server, proto).observe,
            metrics.response_size.labels(*server, proto).observe,
        )
        return way


class Scrape:
    """The page: all metrics, as they were at most a second ago. `clock` is in seconds."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        metrics.add_process()
        self._metrics = metrics
        self._clock = clock
        self._made_at = 0.0
        self._page: Page | None = None

    async def page(self) -> Page:
        """200 and the text."""
        now = self._clock()
        if self._page is None or now - self._made_at >= _FRESH:
            self._page = Page(200, self._metrics.render(), CONTENT_TYPE)
            self._made_at = now
        return self._page


@dataclass(slots=True)
class Enabled:
    """Says which plugins the server blocks have, once they are served."""

    metrics: Metrics
    sites: list[Site] = field(default_factory=list)

    def show(self) -> None:
        """Forget those of a former Corefile, and set these."""
        self.metrics.plugin_enabled.clear()
        for site in self.sites:
            places = product(site.keys, site.binds or [""], site.plugins)
            for key, host, name in places:
                server = f"{key.scheme}://{Peer(host, key.port)}"
                self.metrics.plugin_enabled.labels(server, zone_label(key.zone), _VIEW, name).set(1)


def _enabled(build: Build) -> Enabled:
    enabled = Enabled(build.metrics)
    build.in_force.append(enabled.show)
    return enabled


def _encrypt(directive: Directive, build: Build, address: tuple[str, int], config: WebConfig | None) -> None:
    """Encrypt the address; all server blocks that name it share its TLS."""
    if config is None:
        return
    first = build.shared(("prometheus", "tls", address), lambda: config)
    if first.path != config.path:
        raise directive.error(
            f"the address has its TLS from '{first.path}' already: name the same file, or another address"
        )
    build.tls[address] = first.tls


def _web_config(site: Site, line: Directive) -> WebConfig:
    path = site.rooted(word(line))
    try:
        return read_web_config(path)
    except ValueError as error:
        text = f"'tls' takes a Prometheus web configuration file; '{path}' is of no use: {error}"
        raise line.error(text, 0) from None
