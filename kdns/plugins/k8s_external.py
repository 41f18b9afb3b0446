"""*k8s_external* - answers for a cluster's Services at their addresses outside of it.

Description

`SERVICE.NAMESPACE.ZONE` has the Service's externalIPs and the addresses of its load balancer. Where the load balancer
has a hostname and no address, it is an alias of that hostname; for A and AAAA the addresses are looked up through
this server. `_PORT._PROTOCOL.SERVICE.NAMESPACE.ZONE` has SRV records, and so has the Service's name. A Service
without any of these does not exist here. The cluster is that of *kubernetes* in the same server block, with its
`namespaces` and `families`; without *kubernetes* every question is for the next plugin.

With `headless` a Service that has nothing of the above shows its endpoints: a headless one by its name, ports
and endpoints (`ENDPOINT.SERVICE.NAMESPACE.ZONE`), another by its endpoints' names only.

The zone has an SOA, an NS and the name server's addresses:

~~~ txt
example.org.           5 IN SOA ns1.dns.example.org. hostmaster.dns.example.org. 1700000000 7200 1800 86400 5
example.org.           5 IN NS  ns1.dns.example.org.
ns1.dns.example.org.   5 IN A   203.0.113.53
~~~

The name server's addresses are the external ones of the Services that this server is an endpoint of; where it is
of none, the address that was asked at. The serial is the Unix time of the last change. A namespace called as the
apex label (`dns`) has no names here.

Reverse zones among the ZONES answer PTR for external addresses, into the first zone that is none. What is missing
there is the next plugin's with `fallthrough` only, so *kubernetes* gets its own only then.

An answer ends with the change of what it was made from. Negative ones say why (Extended DNS Errors), as
*kubernetes* does.

Syntax

~~~
k8s_external [ZONE...] {
    apex APEX
    ttl TTL
    headless
    fallthrough [ZONE...]
}
~~~

* **ZONE** those of the server block unless given; a CIDR stands for its reverse zones.
* `apex`: the label of the zone's own names; `dns` unless given.
* `ttl`: seconds for all records and for negative answers, 0 to 3600; 5 unless given.
* `headless`: show endpoints.
* `fallthrough`: names that do not exist are the next plugin's; only in these zones, if some are given.

Examples

~~~ corefile
. {
    k8s_external example.org
    kubernetes cluster.local {
        manifests examples
    }
}
~~~

~~~ corefile
. {
    k8s_external example.org 203.0.113.0/24 {
        apex names
        ttl 30
        headless
        fallthrough 203.0.113.0/24
    }
    kubernetes cluster.local {
        manifests examples
    }
}
~~~

Metrics

`kdns_kubernetes_answers_total{reason}` counts these answers too.

See also

kubernetes, transfer; CoreDNS's *k8s_external*, whose options these are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from kdns.authority import Authority, addresses
from kdns.chain import Handler, Plugin, Query, Response
from kdns.corefile.block import Directive
from kdns.corefile.values import flag, integer, read_options, word, zone_names, zones
from kdns.errors import NameSyntaxError
from kdns.kube import outside
from kdns.kube.answer import Answer
from kdns.kube.cluster import Cluster
from kdns.kube.contents import of_outside
from kdns.kube.names import Form
from kdns.kube.options import Options
from kdns.kube.reason import Reason, because
from kdns.proto.name import MAX_LABEL, MAX_NAME, ROOT, Name, from_text, is_at_or_below, labels, longest, to_text
from kdns.proto.reverse import is_reverse
from kdns.proto.types import RCode, RRType
from kdns.site import Copy, Site

_TTL = 5
_MOST_TTL = 3600
_APEX = b"dns"
_LONGEST_ZONE = MAX_NAME - 2 * (1 + MAX_LABEL)
_STATIC = frozenset({Form.APEX, Form.PARENT})
_TRANSFERS = frozenset({RRType.AXFR, RRType.IXFR})


def setup(directive: Directive, site: Site) -> Plugin:
    """Read the directive; the cluster is known once *kubernetes* is set up."""
    given = read_options(directive, _OPTIONS)
    own = zone_names(directive, directive.words) or site.zones
    _check(directive, own)
    if not site.uses("kubernetes"):
        place = f"{directive.file}:{directive.line}"
        site.build.warnings.append(f"{place}: k8s_external answers nothing without kubernetes in its server block")
        return _alone
    site.held += own
    abroad = cache(lambda: _abroad(site, own, given))
    site.transferers.append(lambda query: abroad().copy(query))

    def compose(next: Handler) -> Handler:
        return External(next, abroad(), _falls(given))

    return compose


def _alone(next: Handler) -> Handler:
    """In place of the plugin where it has nothing to say."""
    return next


def _apex(line: Directive) -> bytes:
    text = word(line)
    try:
        (label,) = labels(from_text(text))
    except (NameSyntaxError, ValueError):
        raise line.error(f"'apex' takes one label, as dns, not '{text}'", 0) from None
    return label.lower()


_OPTIONS = {"apex": _apex, "ttl": integer(0, _MOST_TTL), "headless": flag, "fallthrough": zones}


def _check(directive: Directive, own: tuple[Name, ...]) -> None:
    if all(map(is_reverse, own)):
        raise directive.error("one zone at least must not be a reverse zone: PTR records point into it")
    for zone in own:
        if len(zone) > _LONGEST_ZONE:
            limit = f"a zone has at most {_LONGEST_ZONE} octets, so that every Service has a name in it"
            raise directive.error(f"{limit}; '{to_text(zone)}' has {len(zone)}")


def _falls(given: dict[str, Any]) -> tuple[Name, ...]:
    """The zones in which names that do not exist are the next plugin's."""
    return given.get("fallthrough", ()) or ((ROOT,) if "fallthrough" in given else ())


def _abroad(site: Site, own: tuple[Name, ...], given: dict[str, Any]) -> Abroad:
    cluster, options = site.borrow(Cluster), site.borrow(Options)
    assert cluster is not None and options is not None, "the server block uses kubernetes"  # noqa: PT018
    ttl = given.get("ttl", _TTL)
    primary = next(zone for zone in own if not is_reverse(zone))
    shown = replace(options, zones=own, primary=primary, multicluster=frozenset(), ttl=ttl, negative_ttl=ttl)
    settings = outside.Settings(shown, given.get("apex", _APEX), given.get("headless", False))
    authority = Authority(
        by="k8s_external",
        cluster=cluster,
        options=shown,
        soa=lambda zone, serial: outside.soa_record(zone, settings, serial),
        metrics=site.build.metrics,
        binds=addresses(site.binds),
        has_neighbours=False,
    )
    return Abroad(settings, authority)


@dataclass(frozen=True, slots=True)
class Abroad:
    """The cluster seen from outside."""

    settings: outside.Settings
    authority: Authority

    def answer(self, query: Query, zone: Name) -> Answer:
        """The answer to a question in one of the zones."""
        question = query.question
        if question.type in _TRANSFERS:
            return Answer(because(Reason.TRANSFER_OFF), RCode.REFUSED)
        missing = self.authority.cluster.missing()
        if missing and outside.request_of(question.folded, zone, self.settings).form not in _STATIC:
            return Answer(because(Reason.NOT_SYNCED, missing), RCode.SERVFAIL)
        index = self.authority.cluster.index
        return outside.resolve(question, zone, index, self.settings, self.authority.server(query))

    def copy(self, query: Query) -> Copy | Response | None:
        """The zone for a zone transfer."""
        zone = query.question.folded
        if zone not in self.settings.options.zones:
            return None
        return self.authority.copy(query, zone, lambda index, server: of_outside(zone, index, self.settings, server))


class External:
    """Answers questions of its zones; others, and missing names that fall through, are the next plugin's."""

    def __init__(self, next: Handler, abroad: Abroad, fallthrough: tuple[Name, ...]) -> None:
        self._next = next
        self._abroad = abroad
        self._fallthrough = fallthrough
        self._zones = {zone: zone for zone in abroad.settings.options.zones}

    async def __call__(self, query: Query) -> Response:
        zone = longest(query.question.folded, self._zones)
        if zone is None:
            return await self._next(query)
        answer = self._abroad.answer(query, zone)
        if self._passes(query.question.folded, answer):
            response = await self._next(query)
            return replace(response, keep=response.keep.narrowed(depends_on=answer.depends_on))
        return await self._abroad.authority.respond(query, zone, answer)

    def _passes(self, name: Name, answer: Answer) -> bool:
        """Names that do not exist, and parents in a reverse tree, which is rarely ours alone."""
        is_parent = answer.because.reason is Reason.ONLY_PARENT and is_reverse(name)
        if answer.rcode != RCode.NXDOMAIN and not is_parent:
            return False
        return any(is_at_or_below(name, zone) for zone in self._fallthrough)
