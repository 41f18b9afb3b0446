"""*kubernetes* - answers for the Services, endpoints and Pods of a cluster.

Description
    Answers as the Kubernetes DNS specification 1.1.0 says, kept current as the cluster changes, and
    tells with every negative answer why it is one (Extended DNS Errors, `kdns explain`).

    Where an ExternalName leads out of the zones its addresses are looked up through this server, by whichever
    server block has the name. Who cannot tell leaves the CNAME alone. *transfer* gives the zones away as a whole.

    Without ZONES those of the server block are taken. The first zone that is not a reverse zone is
    the one that PTR records point into. A CIDR stands for its reverse zones.

    With `state FILE` (relative to the Corefile) what is known of a cluster behind an API server is saved:
    once everything is known, then at most every 30 seconds, and at the end. A server that starts while the API
    server is away answers from that and is ready; clients are told (EDE 3) until everything was heard from the API
    server once. The file is for its owner alone to read. One that is damaged, or was saved with other
    settings, is set aside under the name FILE.aside.

    Start waits until everything is known, or for `startup_timeout`. Until it is, names of these zones
    are SERVFAIL (EDE 14), not the next plugin's, and /ready says what is missing. Later the API server may be away:
    answers go on as before. What it refuses is asked for again, and done without where that can be: without
    EndpointSlices Endpoints are followed, without ServiceImports (because their CustomResourceDefinition is not
    there, above all) all is served but the `multicluster` zones, and with `namespaces` those that are named are
    taken to exist where Namespaces may not be read.

Syntax
    kubernetes [ZONES...] {
        manifests PATH...            files and folders of manifests, relative to the Corefile (or *root*)
        poll DURATION                how often files are looked at for changes; default 1s, at least 0.1s
        controllers on|off           do the control plane's part for manifests; default on
        service_cidr CIDR [CIDR]     where cluster IPs come from; default 10.96.0.0/16 fd00:10:96::/112
        pod_cidr CIDR [CIDR]         where Pod addresses come from; default 10.244.0.0/16 fd00:10:244::/64
        endpoint URL                 an API server; `tls CERT KEY CACERT` for its credentials
        kubeconfig FILE [CONTEXT]    or that of a kubeconfig; default is the service account of the Pod
        resync DURATION              how often everything is compared with a list; default 30m, 0 for never
        stale_after DURATION         tell clients (EDE 3) when the API server was silent for so long, at least 30s
        state FILE                   keep what is known, to start from while the API server is away
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
    kdns_kubernetes_last_contact_seconds{kind}     since the API server's last word about a kind
    kdns_kubernetes_relists_total{kind, cause}     lists taken in: first, expired, broken, backwards, audit
    kdns_kubernetes_repaired_total{kind}           objects that were wrong when compared with a list
    kdns_kubernetes_events_total{kind, type}       events of watches
    kdns_kubernetes_state_age_seconds              age of the saved state that answers are from, 0 if they are not
    kdns_kubernetes_state_failures_total           times that the state could not be saved
    kdns_kubernetes_decode_errors_total{kind}      objects that could not be read
    coredns_kubernetes_dns_programming_duration_seconds{service_kind}    from a change to the answers that show it
    coredns_kubernetes_rest_client_requests_total{code, method, host}    requests to the API server
    coredns_kubernetes_rest_client_request_duration_seconds{verb, host}  how long they took
    coredns_kubernetes_rest_client_rate_limiter_duration_seconds{verb, host}   how long they were held back

See also
    The Kubernetes DNS specification, https://github.com/kubernetes/dns/blob/master/docs/specification.md
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kdns.authority import Authority, addresses
from kdns.chain import Denial, Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.holding import Held
from kdns.kube import meta
from kdns.kube.answer import Answer
from kdns.kube.apex import soa_record
from kdns.kube.cluster import Cluster
from kdns.kube.denial import missing_like
from kdns.kube.names import Form
from kdns.kube.objects import Kind
from kdns.kube.options import Options
from kdns.kube.reason import Reason, because
from kdns.kube.resolve import form_of, resolve
from kdns.kube.samples import samples
from kdns.kube.sources import Surroundings, cluster
from kdns.kube.statefile import obstacle
from kdns.kube.wanted import Files, Server
from kdns.proto.name import Name, is_at_or_below, longest, to_text
from kdns.proto.reverse import is_reverse
from kdns.proto.types import RCode, RRType
from kdns.site import Build, Copy, Site, Transferer
from kdns.stanza import Stanza, read
from kdns.straight import Up, as_it_is

_STATIC = frozenset({Form.APEX, Form.VERSION, Form.PARENT})
_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})


def setup(directive: Directive, site: Site) -> Plugin:
    """Read the directive; make the cluster, or take the one that another server block made with the same settings."""
    stanza = read(directive, site.zones, site.root)
    _check_state(directive, stanza, site.build)
    options, own = stanza.options, _cluster(stanza, site.build)
    authority = Authority(
        by="kubernetes",
        cluster=own,
        options=options,
        soa=lambda zone, serial: soa_record(zone, options, serial),
        metrics=site.build.metrics,
        binds=addresses(site.binds),
    )
    site.held += options.zones
    site.lend(own)
    site.lend(options)
    site.transferers.append(_transferer(options, authority))
    site.providers.append(lambda query: meta.labels(query.question, query.client.ip, options, own.index))
    return partial(
        Kubernetes,
        options=options,
        cluster=own,
        fallthrough=stanza.fallthrough,
        authority=authority,
    )


def _check_state(directive: Directive, stanza: Stanza, build: Build) -> None:
    """One file has one state. That it cannot be written keeps nobody from answering."""
    file = _state(stanza.wanted)
    if not file:
        return
    *_, line = (line for line in directive.body if line.name == "state")
    if build.shared(("state", file), lambda: stanza.wanted) != stanza.wanted:
        raise line.error(f"'{line.args[0]}' has the state of another cluster already, or of another part of it", 0)
    warning = f"{line.file}:{line.line}: the state cannot be saved: "
    build.warnings += [warning + text for text in [obstacle(file)] if text and warning + text not in build.warnings]


def _cluster(stanza: Stanza, build: Build) -> Cluster:
    """The cluster that is wanted; one for all directives that want the same, and for those after a reload."""

    def make() -> Cluster:
        serving = _serving(stanza.wanted, build)
        around = Surroundings(build.changes.publish, build.metrics, build.clock, build.wall, serving)
        return cluster(stanza.wanted, around, stanza.place)

    def take_up() -> Cluster:
        own = build.part(stanza.wanted, make)
        _claim_state(stanza.wanted, build)
        zones = stanza.options.zones
        build.report.append(lambda: _report(zones, own))
        build.faults.append(own.source.faults)
        build.samples.append(lambda: samples(own.index, zones))
        build.doubts.append(lambda: _doubt(own, build))
        build.held.append(own.parts)
        _add_readiness(build, own)
        return own

    return build.shared(stanza.wanted, take_up)


def _doubt(own: Cluster, build: Build) -> str:
    """Whoever has answered goes on to: no cluster takes another's place before it is known."""
    before = [each for each in build.handed.values() if isinstance(each, Cluster)]
    if any(each is own for each in before) or all(each.missing() for each in before):
        return ""
    missing = own.missing()
    return f"the cluster is not known yet: waiting for {missing}" if missing else ""


def _serving(wanted: Files | Server, build: Build) -> Callable[[], bool]:
    """Whether it serves, and has the state's file: since a reload that may be another cluster's."""
    claims, serving = _claims(build), build.serving
    file = _state(wanted)
    return lambda: serving.is_set() and claims.get(file, wanted) == wanted


def _claim_state(wanted: Files | Server, build: Build) -> None:
    """Once this is served its clusters have their files, and what was served before leaves them alone."""
    claims, file = _claims(build), _state(wanted)
    if file:
        build.in_force.append(lambda: claims.update({file: wanted}))


def _claims(build: Build) -> dict[str, Files | Server]:
    """Whose a state's file is."""
    return build.kept("states", dict)


def _state(wanted: Files | Server) -> str:
    return wanted.state if isinstance(wanted, Server) else ""


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


def _transferer(options: Options, authority: Authority) -> Transferer:
    """Offers each of the zones for zone transfers."""

    def offer(query: Query) -> Copy | Response | None:
        zone = query.question.folded
        if zone not in options.zones:
            return None
        from kdns.kube.contents import of_cluster  # only where zones are transferred

        return authority.copy(query, zone, lambda index, server: of_cluster(zone, index, options, server))

    return offer


class Kubernetes:
    """Answers questions of its zones; others, and missing names that fall through, are the next plugin's."""

    catches = False

    def __init__(
        self,
        next: Handler,
        *,
        options: Options,
        cluster: Cluster,
        fallthrough: tuple[Name, ...] | None,
        authority: Authority,
    ) -> None:
        self._next = next
        self._options = options
        self._cluster = cluster
        self._fallthrough = fallthrough
        self._authority = authority
        self._zones = {zone: zone for zone in options.zones}
        whole = filter(self._is_whole, options.zones)
        self._holdings = {zone: Held(self, zone, authority) for zone in whole}

    async def __call__(self, query: Query) -> Response:
        zone = longest(query.question.folded, self._zones)
        if zone is None:
            return await self._next(query)
        missing = self._missing(zone)
        answer = self._answer(query, zone, missing)
        if self._falls(query, answer):
            response = await self._next(query)
            return replace(response, keep=response.keep.narrowed(depends_on=answer.depends_on))
        # What is said before all is known, of names that always are, tells nothing of others.
        holding = None if missing else self._holdings.get(zone)
        response = await self._authority.respond(query, zone, answer, holding)
        return self._denying(response, query.question.folded, zone, answer) if answer.rcode else response

    def down(self, query: Query) -> Up | None:
        """See `straight.Passing`: only what is nothing to us."""
        return as_it_is if longest(query.question.folded, self._zones) is None else None

    def _is_whole(self, zone: Name) -> bool:
        """Whether no other zone is cut out of it."""
        return not any(each != zone and is_at_or_below(each, zone) for each in self._options.zones)

    def _denying(self, response: Response, name: Name, zone: Name, answer: Answer) -> Response:
        """With what it says of other names, unless others answer for a part of those."""
        missing = missing_like(name, zone, answer, self._cluster.index, self._options)
        cuts = (*self._options.zones, *(self._fallthrough or ()))
        if missing is None or any(each != missing.encloser and is_at_or_below(each, missing.encloser) for each in cuts):
            return response
        keys = missing.depends_on | {self._cluster.store.key}
        return response.denying(Denial(self, missing.encloser, missing.children, missing.around, keys))

    def _missing(self, zone: Name) -> str:
        """What is not known yet of what the zone shows, for people."""
        missing = self._cluster.missing()
        return missing or (self._cluster.missing_imports() if zone in self._options.multicluster else "")

    def _answer(self, query: Query, zone: Name, missing: str) -> Answer:
        question = query.question
        if question.type in _TRANSFERS:
            return Answer(because(Reason.TRANSFER_OFF), RCode.REFUSED)
        if missing and form_of(question.folded, zone) not in _STATIC:
            return Answer(because(Reason.NOT_SYNCED, missing), RCode.SERVFAIL)
        return resolve(question, zone, self._cluster.index, self._options, self._authority.server(query))

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
