"""*kubernetes* - answers for the Services, endpoints and Pods of a cluster.

Description
    Answers as the Kubernetes DNS specification 1.1.0 says, kept current as the cluster changes, and
    tells with every negative answer why it is one (Extended DNS Errors, `kdns explain`).

    Without ZONES those of the server block are taken. The first zone that is not a reverse zone is
    the one that PTR records point into. A CIDR stands for its reverse zones.

Syntax
    kubernetes [ZONES...] {
        manifests PATH...            files and folders of manifests, relative to the Corefile
        poll DURATION                how often files are looked at for changes; default 1s, at least 0.1s
        controllers on|off           do the control plane's part for manifests; default on
        service_cidr CIDR [CIDR]     where cluster IPs come from; default 10.96.0.0/16 fd00:10:96::/112
        pod_cidr CIDR [CIDR]         where Pod addresses come from; default 10.244.0.0/16 fd00:10:244::/64
        endpoint URL                 an API server; `tls CERT KEY CACERT` for its credentials
        kubeconfig FILE [CONTEXT]    or a kubeconfig
        apiserver_qps N              limits for the API server; also apiserver_burst, apiserver_max_inflight
        namespaces NAMESPACE...      only these namespaces exist
        namespace_labels SELECTOR    only namespaces with these labels exist
        labels SELECTOR              only Services, endpoints and Pods with these labels exist
        pods disabled|insecure|verified   names A-B-C-D.NAMESPACE.pod; default disabled
        endpoint_pod_names           endpoints without hostname are called as their Pod
        ttl N                        seconds, 0 to 3600; default 5
        negative_ttl N               the same for negative answers; default as ttl
        noendpoints                  endpoints are not looked at
        fallthrough [ZONES...]       names that do not exist go to the next plugin
        ignore empty_service         a ClusterIP Service without ready endpoints does not exist
        multicluster ZONES...        zones that show ServiceImports
        zonal                        names by topology zone, TZ.pin._zone and TZ.prefer._zone
        families ipv4|ipv6           only this family has records
        ptr all|first|hostname       which names a PTR question gets; default all
        ede on|off                   say why in Extended DNS Errors; default on
        startup_timeout DURATION     how long start waits for the cluster; default 5s
    }

Examples
    A cluster that is described by files:

    ~~~ corefile
    cluster.local in-addr.arpa ip6.arpa {
        kubernetes {
            manifests examples
        }
    }
    ~~~

Metrics
    kdns_kubernetes_answers_total{reason}     answers by their reason
    kdns_kubernetes_objects{kind}             objects held
    kdns_manifest_errors_total                documents that could not be read
    kdns_manifest_broken{file}                documents of a file that cannot be read now

See also
    The Kubernetes DNS specification, https://github.com/kubernetes/dns/blob/master/docs/specification.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from kdns.chain import Handler, Keep, Plugin, Query, Response, Scope
from kdns.corefile.block import Directive
from kdns.corefile.values import (
    cidrs,
    duration,
    flag,
    gone,
    integer,
    number,
    one_of,
    read_options,
    words,
    zone_names,
    zones,
)
from kdns.kube import meta
from kdns.kube.answer import Answer
from kdns.kube.apex import soa_record
from kdns.kube.cluster import Cluster, Nowhere, Source
from kdns.kube.controllers import Settings
from kdns.kube.explained import Explained
from kdns.kube.files.manifests import Manifests
from kdns.kube.names import Form
from kdns.kube.objects import Kind
from kdns.kube.options import IPV4, IPV6, Options, PodMode, PtrPolicy
from kdns.kube.reason import Reason, because
from kdns.kube.resolve import form_of, resolve
from kdns.kube.samples import samples
from kdns.kube.selection import Selection
from kdns.kube.selectors import Selector, parse_selector
from kdns.kube.store import Store
from kdns.metrics import Metrics
from kdns.proto.name import MAX_LABEL, MAX_NAME, ROOT, Name, is_at_or_below, longest, to_text
from kdns.proto.reverse import Address, is_reverse, pack
from kdns.proto.types import RCode, RRType
from kdns.site import Build, Site

_DEFAULT_TTL = 5
_MOST_TTL = 3600
_LEAST_POLL = 0.1
_LONGEST_ZONE = MAX_NAME - 2 * (1 + MAX_LABEL) - len(b"\3svc")
_FAMILIES = {"ipv4": frozenset({IPV4}), "ipv6": frozenset({IPV6})}
_STATIC = frozenset({Form.APEX, Form.VERSION, Form.PARENT})
_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})


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
    "resyncperiod": gone("CoreDNS took it out in 1.7.0: delete the line"),
    "upstream": gone("CoreDNS took it out in 1.7.0: delete the line; aliases are resolved by the server itself"),
    "transfer": gone("CoreDNS took it out in 1.8.0: use the transfer plugin"),
}


def setup(directive: Directive, site: Site) -> Plugin:
    """Read the directive; make the cluster, or take the one that another server block made with the same settings."""
    given = read_options(directive, _OPTIONS)
    own = zone_names(directive, directive.words) or site.zones
    _check(directive, given, own)
    options = _options(given, own)
    cluster = _cluster(directive, given, own, site.build)
    site.lend(cluster)
    site.providers.append(lambda query: meta.labels(query.question, query.client.ip, options, cluster.index))
    falls = given.get("fallthrough")
    return partial(
        Kubernetes,
        options=options,
        cluster=cluster,
        fallthrough=None if falls is None else falls or (ROOT,),
        metrics=site.build.metrics,
        binds=_addresses(site.binds),
    )


def _check(directive: Directive, given: Mapping[str, Any], own: tuple[Name, ...]) -> None:
    if all(map(is_reverse, own)):
        raise directive.error("one zone at least must not be a reverse zone, for instance cluster.local")
    for zone in own:
        if len(zone) > _LONGEST_ZONE:
            limit = f"a zone has at most {_LONGEST_ZONE} octets, so that every Service has a name in it"
            raise directive.error(f"{limit}; '{to_text(zone)}' has {len(zone)}")
    for one, other in (
        ("namespaces", "namespace_labels"),
        ("noendpoints", "zonal"),
        ("manifests", "endpoint"),
        ("manifests", "kubeconfig"),
    ):
        if one in given and other in given:
            line = next(line for line in directive.body if line.name == other)
            raise line.error(f"'{other}' cannot stand beside '{one}'")
    for zone in given.get("multicluster", ()):
        if zone not in own:
            line = next(line for line in directive.body if line.name == "multicluster")
            raise line.error(f"'{to_text(zone)}' must be one of the zones of kubernetes too")


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


def _cluster(directive: Directive, given: Mapping[str, Any], own: tuple[Name, ...], build: Build) -> Cluster:
    selection = Selection(
        frozenset(given["namespaces"]) if "namespaces" in given else None,
        given.get("namespace_labels"),
        given.get("labels"),
    )
    folder = Path(directive.file).parent
    paths = tuple(str(folder / path) for path in given.get("manifests", ()))
    settings = _settings(given)
    poll = given.get("poll", 1.0)
    key = ("cluster", paths, settings, selection, poll)

    def make() -> Cluster:
        store = Store(build.changes.publish, build.wall, build.metrics)
        source: Source = Nowhere()
        if paths:
            source = Manifests(
                paths,
                sink=store,
                settings=settings,
                selection=selection,
                interval=poll,
                metrics=build.metrics,
            )
        cluster = Cluster(store, source, _place(directive))
        build.parts.append(cluster)
        build.report.append(lambda: _report(own, cluster))
        build.faults.append(cluster.source.faults)
        build.samples.append(lambda: samples(cluster.index, own))
        _add_readiness(build, cluster)
        return cluster

    return build.shared(key, make)


def _place(directive: Directive) -> str:
    """Where the source is named; nowhere in a Corefile that a command made up."""
    named = next((line for line in directive.body if line.name == "manifests"), directive)
    return "" if directive.file.startswith("(") else f"{named.file}:{named.line}"


def _settings(given: Mapping[str, Any]) -> Settings:
    settings = {"on": given.get("controllers", "on") == "on"}
    ranges = {name + "s": given[name] for name in ("service_cidr", "pod_cidr") if name in given}
    return Settings(**settings, **ranges)


def _add_readiness(build: Build, cluster: Cluster) -> None:
    """One entry for the plugin, whatever the number of its clusters."""
    clusters: list[Cluster] = build.shared("clusters", list)
    clusters.append(cluster)
    build.readiness["kubernetes"] = lambda: "; ".join(filter(None, (each.missing() for each in clusters)))


def _report(zones: tuple[Name, ...], cluster: Cluster) -> str:
    services = cluster.store.counts[Kind.SERVICE]
    endpoints = sum(len(backed.endpoints) for backed in cluster.index.services.values())
    names = " ".join(to_text(zone) for zone in zones)
    return f"{names}: {services} Services, {endpoints} endpoints from {cluster.source.describe()}"


def _addresses(binds: list[str]) -> tuple[Address, ...]:
    """What is listened on; nothing where that is every address (`bind 0.0.0.0`): then it is the one asked at."""
    found = tuple(pack(bind.partition("%")[0]) for bind in binds)
    return found if all(map(any, found)) else ()


class Kubernetes:
    """Answers questions of its zones; others, and missing names that fall through, are the next plugin's."""

    def __init__(
        self,
        next: Handler,
        *,
        options: Options,
        cluster: Cluster,
        fallthrough: tuple[Name, ...] | None,
        metrics: Metrics,
        binds: tuple[Address, ...],
    ) -> None:
        self._next = next
        self._options = options
        self._cluster = cluster
        self._fallthrough = fallthrough
        self._metrics = metrics
        self._binds = binds
        self._zones = {zone: zone for zone in options.zones}

    async def __call__(self, query: Query) -> Response:
        zone = longest(query.question.folded, self._zones)
        if zone is None:
            return await self._next(query)
        answer = self._answer(query, zone)
        if self._falls(query, answer):
            response = await self._next(query)
            return replace(response, keep=response.keep.narrowed(depends_on=answer.depends_on))
        return self._respond(query, zone, answer)

    def _answer(self, query: Query, zone: Name) -> Answer:
        question = query.question
        if question.type in _TRANSFERS:
            return Answer(because(Reason.TRANSFER_OFF), RCode.REFUSED)
        missing = self._cluster.missing()
        if missing and form_of(question.folded, zone) not in _STATIC:
            return Answer(because(Reason.NOT_SYNCED, missing), RCode.SERVFAIL)
        server = self._binds or (ip_address(query.local.ip.partition("%")[0]).packed,)
        return resolve(question, zone, self._cluster.index, self._options, server)

    def _falls(self, query: Query, answer: Answer) -> bool:
        """Names that do not exist fall through; so do parents in a reverse tree, which is rarely ours alone.

        An alias exists, whatever its target does.
        """
        if self._fallthrough is None or answer.answer:
            return False
        name = query.question.folded
        is_parent = answer.because.reason is Reason.ONLY_PARENT and is_reverse(name)
        if answer.rcode != RCode.NXDOMAIN and not is_parent:
            return False
        return any(is_at_or_below(name, zone) for zone in self._fallthrough)

    def _respond(self, query: Query, zone: Name, answer: Answer) -> Response:
        index = self._cluster.index
        count = self._metrics.answers.labels(str(answer.because.reason)).inc
        keep = Keep(
            scope=Scope.EVERYBODY if answer.for_everyone and answer.authoritative else Scope.NOBODY,
            depends_on=answer.depends_on,
            tallies=(lambda sent: count(sent.count),),
            serial=lambda: index.serial,
        )
        soa = (soa_record(zone, self._options, index.serial),) if answer.negative else ()
        return Response(
            rcode=answer.rcode,
            answer=answer.answer,
            authority=soa,
            additional=answer.additional,
            authoritative=answer.authoritative,
            ede=answer.because.ede if self._options.ede else None,
            keep=keep,
            by="kubernetes",
            why=Explained(answer, query.question, zone, self._cluster, self._options),
        )
