"""The *kubernetes* directive: its lines, good and bad, and what it sets up. Its answers: tests/spec."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from kdns.chain import Peer, Query, Response, Scope, Transport
from kdns.cli.verdict import judge
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.kube.cluster import Cluster
from kdns.kube.controllers import Settings
from kdns.kube.files.manifests import Manifests
from kdns.kube.index import Touched
from kdns.kube.live.source import Live
from kdns.kube.options import IPV4, IPV6, Options, PodMode, PtrPolicy
from kdns.kube.selection import Selection
from kdns.kube.selectors import parse_selector
from kdns.kube.wanted import Files
from kdns.metrics import Metrics
from kdns.plan import plan
from kdns.plugins.kubernetes import Kubernetes, setup
from kdns.proto.message import Message, Question
from kdns.proto.name import from_text
from kdns.proto.reverse import pack
from kdns.proto.text import type_number
from kdns.proto.types import Flag, RCode, RRType
from kdns.site import Build, Site
from tests.asking import Clock, serving

ZONE = from_text("cluster.local")
KNOWN = (
    "manifests, poll, controllers, service_cidr, pod_cidr, endpoint, tls, kubeconfig, apiserver_qps, "
    "apiserver_burst, apiserver_max_inflight, namespaces, namespace_labels, labels, pods, endpoint_pod_names, ttl, "
    "negative_ttl, noendpoints, fallthrough, ignore, multicluster, zonal, families, ptr, ede, startup_timeout, resync, "
    "stale_after, state"
)


def corefile(options: str = "", zones: str = "", keys: str = "cluster.local") -> str:
    """Option lines parted by `;`. The directive is in line 2, the options begin in line 3."""
    lines = "".join(f"        {line.strip()}\n" for line in options.split(";") if line)
    return f"{keys} {{\n    kubernetes {zones} {{\n{lines}    }}\n}}\n"


def site_of(text: str, file: str = "Corefile") -> Site:
    (block,) = parse(text, file, environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=Clock(), wall=Clock(1_700_000_000.0)))


def given(options: str = "", zones: str = "", keys: str = "cluster.local") -> dict[str, Any]:
    """What a directive hands to its handler."""
    site = site_of(corefile(options, zones, keys))
    (directive,) = site.block.directives
    return cast("partial[Kubernetes]", setup(directive, site)).keywords


def options(text: str = "", zones: str = "", keys: str = "cluster.local") -> Options:
    return cast(Options, given(text, zones, keys)["options"])


def cluster(text: str = "") -> Cluster:
    return cast(Cluster, given(text)["cluster"])


def mistakes(text: str) -> list[str]:
    with pytest.raises(CorefileErrors) as raised:
        plan(parse(text, "Corefile", environ={}, disk=Local()), Clock(), Clock())
    return [str(error) for error in raised.value.errors]


# Bad lines.

WHOLE = "takes a whole number of at least 0, not"
TTL = "takes a whole number from 0 to 3600, not"
NETWORK = "takes networks, as '10.0.0.0/8': '{}' does not appear to be an IPv4 or IPv6 network"

BAD = [
    ("manifests", "'manifests' takes at least 1 argument, not 0"),
    ("manifests {; a; }", "'manifests' takes no block: remove its '{' and '}'"),
    ("poll", "'poll' takes 1 argument, not 0"),
    ("poll 1", "'poll' takes a duration: add a unit to '1', for instance '1s'"),
    ("poll -1s", "'poll' takes a duration: '-1s' is below zero"),
    ("poll 0s", "'poll' takes at least 0.1s, not '0s'"),
    ("poll 99ms", "'poll' takes at least 0.1s, not '99ms'"),
    ("controllers", "'controllers' takes 1 argument, not 0"),
    ("controllers maybe", "'controllers' takes on or off, not 'maybe'"),
    ("service_cidr", "'service_cidr' takes at least 1 argument, not 0"),
    ("service_cidr x", f"'service_cidr' {NETWORK.format('x')}"),
    ("pod_cidr 10.0.0.0/33", f"'pod_cidr' {NETWORK.format('10.0.0.0/33')}"),
    ("endpoint", "'endpoint' takes at least 1 argument, not 0"),
    ("tls a b", "'tls' takes 3 arguments, not 2"),
    ("tls a b c d", "'tls' takes 3 arguments, not 4"),
    ("kubeconfig", "'kubeconfig' takes 1 to 2 arguments, not 0"),
    ("kubeconfig a b c", "'kubeconfig' takes 1 to 2 arguments, not 3"),
    ("apiserver_qps -1", "'apiserver_qps' takes a number of at least 0, not '-1'"),
    ("apiserver_qps x", "'apiserver_qps' takes a number of at least 0, not 'x'"),
    ("apiserver_burst 1.5", f"'apiserver_burst' {WHOLE} '1.5'"),
    ("apiserver_burst -1", f"'apiserver_burst' {WHOLE} '-1'"),
    ("apiserver_max_inflight x", f"'apiserver_max_inflight' {WHOLE} 'x'"),
    ("namespaces", "'namespaces' takes at least 1 argument, not 0"),
    ("namespace_labels", "'namespace_labels' takes at least 1 argument, not 0"),
    (
        "namespace_labels a in",
        "'namespace_labels' takes a label selector: label selector 'a in': expected '(', found the end",
    ),
    ("labels", "'labels' takes at least 1 argument, not 0"),
    (
        "labels a in (b",
        "'labels' takes a label selector: label selector 'a in (b': expected ',' or ')', found the end",
    ),
    ("pods", "'pods' takes 1 argument, not 0"),
    ("pods some", "'pods' takes disabled, insecure or verified, not 'some'"),
    ("pods verify", "'pods' takes disabled, insecure or verified, not 'verify'; did you mean 'verified'?"),
    ("endpoint_pod_names yes", "'endpoint_pod_names' takes no arguments: remove 'yes'"),
    ("ttl", "'ttl' takes 1 argument, not 0"),
    ("ttl -1", f"'ttl' {TTL} '-1'"),
    ("ttl 3601", f"'ttl' {TTL} '3601'"),
    ("ttl 5s", f"'ttl' {TTL} '5s'"),
    ("negative_ttl 3601", f"'negative_ttl' {TTL} '3601'"),
    ("noendpoints yes", "'noendpoints' takes no arguments: remove 'yes'"),
    ("fallthrough a..b", "'fallthrough' takes zones: 'a..b' is no domain name: a label has 1 to 63 octets, not 0"),
    ("ignore", "'ignore' takes 1 argument, not 0"),
    ("ignore all", "'ignore' takes empty_service, not 'all'"),
    ("multicluster other.local", "'other.local.' must be one of the zones of kubernetes too"),
    ("zonal yes", "'zonal' takes no arguments: remove 'yes'"),
    ("families", "'families' takes 1 argument, not 0"),
    ("families both", "'families' takes ipv4 or ipv6, not 'both'"),
    ("ptr last", "'ptr' takes all, first or hostname, not 'last'"),
    ("ede yes", "'ede' takes on or off, not 'yes'"),
    ("startup_timeout", "'startup_timeout' takes 1 argument, not 0"),
    (
        "startup_timeout soon",
        "'startup_timeout' takes a duration: 'soon' is none, '5s' or '1m30s' is (units: ns, us, ms, s, m, h)",
    ),
    ("resyncperiod 5m", "'resyncperiod' is gone: CoreDNS took it out in 1.7.0: delete the line"),
    (
        "upstream",
        "'upstream' is gone: CoreDNS took it out in 1.7.0: delete the line; aliases are resolved by the server itself",
    ),
    ("transfer to *", "'transfer' is gone: CoreDNS took it out in 1.8.0: use the transfer plugin"),
    ("wildcards", f"'kubernetes' has no option 'wildcards' (it has {KNOWN})"),
    ("endpoints", f"'kubernetes' has no option 'endpoints'; did you mean 'endpoint'? (it has {KNOWN})"),
]


@pytest.mark.parametrize(("line", "error"), [pytest.param(*row, id=row[0]) for row in BAD])
def test_a_bad_line_is_an_error_that_says_what_would_be_right(line: str, error: str) -> None:
    assert mistakes(corefile(line)) == [f"Corefile:3: {error}"]


@pytest.mark.parametrize(
    ("lines", "line", "error"),
    [
        ("namespaces a; namespace_labels b", 4, "'namespace_labels' cannot stand beside 'namespaces'"),
        ("namespace_labels b; namespaces a", 3, "'namespace_labels' cannot stand beside 'namespaces'"),
        ("noendpoints; zonal", 4, "'zonal' cannot stand beside 'noendpoints'"),
        ("zonal; noendpoints", 3, "'zonal' cannot stand beside 'noendpoints'"),
        ("manifests a; endpoint https://10.0.0.1", 4, "'endpoint' cannot stand beside 'manifests'"),
        ("kubeconfig a; manifests a", 3, "'kubeconfig' cannot stand beside 'manifests'"),
        ("manifests a; state b", 4, "'state' cannot stand beside 'manifests'"),
    ],
)
def test_some_options_exclude_each_other(lines: str, line: int, error: str) -> None:
    assert mistakes(corefile(lines)) == [f"Corefile:{line}: {error}"]


ONE_FORWARD = "one zone at least must not be a reverse zone, for instance cluster.local"
TOO_LONG = ".".join(["z" * 61, "z" * 60])


@pytest.mark.parametrize(
    ("zones", "keys", "error"),
    [
        pytest.param("in-addr.arpa ip6.arpa", "cluster.local", ONE_FORWARD, id="reverse zones only"),
        pytest.param("10.0.0.0/8", "cluster.local", ONE_FORWARD, id="a CIDR only"),
        pytest.param("", "in-addr.arpa 10.0.0.0/8", ONE_FORWARD, id="reverse zones of the block"),
        pytest.param(
            "a..b",
            "cluster.local",
            "'kubernetes' takes zones: 'a..b' is no domain name: a label has 1 to 63 octets, not 0",
            id="no name",
        ),
        pytest.param(
            TOO_LONG,
            "cluster.local",
            f"a zone has at most 123 octets, so that every Service has a name in it; '{TOO_LONG}.' has 124",
            id="too long",
        ),
    ],
)
def test_zones_are_checked(zones: str, keys: str, error: str) -> None:
    assert mistakes(corefile("ttl 5", zones, keys)) == [f"Corefile:2: {error}"]


def test_a_zone_of_123_octets_is_taken() -> None:
    assert len(options(zones=TOO_LONG[1:]).primary) == 123


def test_all_bad_lines_are_told_at_once() -> None:
    assert mistakes(corefile("ttl x; pods y; zonal z")) == [
        f"Corefile:3: 'ttl' {TTL} 'x'",
        "Corefile:4: 'pods' takes disabled, insecure or verified, not 'y'",
        "Corefile:5: 'zonal' takes no arguments: remove 'z'",
    ]


def test_it_stands_once_in_a_server_block() -> None:
    text = "cluster.local {\n    kubernetes\n    kubernetes other.local\n}\n"
    assert mistakes(text) == [
        "Corefile:3: kubernetes can stand only once in a server block; it is already at Corefile:2"
    ]


# Good lines.

PLAIN = Options(zones=(ZONE,), primary=ZONE)


@pytest.mark.parametrize(
    ("lines", "changed"),
    [
        ("", {}),
        ("ttl 30", {"ttl": 30, "negative_ttl": 30}),
        ("ttl 0", {"ttl": 0, "negative_ttl": 0}),
        ("ttl 3600", {"ttl": 3600, "negative_ttl": 3600}),
        ("ttl 30; negative_ttl 2", {"ttl": 30, "negative_ttl": 2}),
        ("negative_ttl 0", {"negative_ttl": 0}),
        ("ttl 5; ttl 6", {"ttl": 6, "negative_ttl": 6}),
        ("pods disabled", {}),
        ("pods insecure", {"pods": PodMode.INSECURE}),
        ("pods verified", {"pods": PodMode.VERIFIED}),
        ("endpoint_pod_names", {"endpoint_pod_names": True}),
        ("noendpoints", {"noendpoints": True}),
        ("ignore empty_service", {"ignore_empty": True}),
        ("ignore empty_service; noendpoints", {"noendpoints": True}),
        ("zonal", {"zonal": True}),
        ("families ipv4", {"families": frozenset({IPV4})}),
        ("families ipv6", {"families": frozenset({IPV6})}),
        ("ptr all", {}),
        ("ptr first", {"ptr": PtrPolicy.FIRST}),
        ("ptr hostname", {"ptr": PtrPolicy.HOSTNAME}),
        ("ede on", {}),
        ("ede off", {"ede": False}),
        ("multicluster", {}),
        ("multicluster cluster.local", {"multicluster": frozenset({ZONE})}),
        ("multicluster CLUSTER.local.", {"multicluster": frozenset({ZONE})}),
        # Nothing of how answers look.
        ("manifests a b; poll 2s; controllers off; service_cidr 10.0.0.0/8; pod_cidr 10.9.0.0/16 fd00::/64", {}),
        ("endpoint https://10.0.0.1 https://10.0.0.2; tls cert key ca", {}),
        ("kubeconfig file context; startup_timeout 10s", {}),
        ("kubeconfig file", {}),
        ("state file", {}),
        ("apiserver_qps 0.5; apiserver_burst 10; apiserver_max_inflight 0", {}),
        ("namespaces a b", {}),
        ("labels a=b", {}),
    ],
)
def test_a_good_line_says_how_answers_look(lines: str, changed: dict[str, Any]) -> None:
    assert options(lines) == replace(PLAIN, **changed)


@pytest.mark.parametrize(
    ("zones", "keys", "own", "primary"),
    [
        ("", "cluster.local", ["cluster.local"], "cluster.local"),
        ("", "cluster.local:53 in-addr.arpa:53", ["cluster.local", "in-addr.arpa"], "cluster.local"),
        ("East.Example", "cluster.local", ["east.example"], "east.example"),
        ("in-addr.arpa b.local a.local", ".", ["in-addr.arpa", "b.local", "a.local"], "b.local"),
        (
            "cluster.local 10.96.0.0/15",
            ".",
            ["cluster.local", "96.10.in-addr.arpa", "97.10.in-addr.arpa"],
            "cluster.local",
        ),
        ("", ".", ["."], "."),
    ],
)
def test_its_zones_are_its_own_or_those_of_its_block(zones: str, keys: str, own: list[str], primary: str) -> None:
    found = options("ttl 5", zones, keys)
    assert found.zones == tuple(map(from_text, own))
    assert found.primary == from_text(primary)


@pytest.mark.parametrize(
    ("lines", "zones"),
    [
        ("", None),
        ("fallthrough", ["."]),
        ("fallthrough .", ["."]),
        ("fallthrough in-addr.arpa IP6.arpa", ["in-addr.arpa", "ip6.arpa"]),
        ("fallthrough 10.0.0.0/8", ["10.in-addr.arpa"]),
    ],
)
def test_fallthrough_is_for_all_names_or_for_those_of_zones(lines: str, zones: list[str] | None) -> None:
    assert given(lines)["fallthrough"] == (None if zones is None else tuple(map(from_text, zones)))


@pytest.mark.parametrize(
    ("binds", "addresses"),
    [
        ([], ()),
        (["192.0.2.1", "2001:db8::1"], (pack("192.0.2.1"), pack("2001:db8::1"))),
        (["fe80::1%eth0"], (pack("fe80::1"),)),
        (["0.0.0.0"], ()),
        (["192.0.2.1", "::"], ()),
    ],
)
def test_the_name_servers_addresses_are_those_that_are_bound(binds: list[str], addresses: tuple[bytes, ...]) -> None:
    site = site_of(corefile("ttl 5"))
    site.binds += binds
    (directive,) = site.block.directives
    assert cast("partial[Kubernetes]", setup(directive, site)).keywords["authority"].binds == addresses


# The cluster.


def source_of(found: Cluster) -> Manifests:
    assert isinstance(found.source, Manifests)
    return found.source


def test_manifests_are_relative_to_the_corefile(tmp_path: Path) -> None:
    site = site_of(corefile("manifests a sub/b /c"), str(tmp_path / "etc" / "Corefile"))
    (directive,) = site.block.directives
    found = cast("partial[Kubernetes]", setup(directive, site)).keywords["cluster"]
    assert source_of(found).paths == (str(tmp_path / "etc/a"), str(tmp_path / "etc/sub/b"), "/c")


def test_without_manifests_it_follows_an_api_server() -> None:
    assert isinstance(cluster().source, Live)
    assert cluster().missing()


def keys_of(build: Build) -> list[Files]:
    return [key for key in build._shared if isinstance(key, Files)]  # noqa: SLF001


@pytest.mark.parametrize(
    ("lines", "settings", "selection", "poll"),
    [
        ("", Settings(), Selection(), 1.0),
        ("poll 250ms", Settings(), Selection(), 0.25),
        ("controllers off", Settings(on=False), Selection(), 1.0),
        ("namespaces b a", Settings(), Selection(namespaces=frozenset({"a", "b"})), 1.0),
        ("namespace_labels a=b", Settings(), Selection(namespace_labels=parse_selector("a=b")), 1.0),
        ("labels a in (b, c)", Settings(), Selection(labels=parse_selector("a in (c,b)")), 1.0),
    ],
)
def test_what_a_cluster_is_made_of(lines: str, settings: Settings, selection: Selection, poll: float) -> None:
    site = site_of(corefile(f"manifests a; {lines}"))
    (directive,) = site.block.directives
    setup(directive, site)
    assert keys_of(site.build) == [Files(paths=("a",), controllers=settings, selection=selection, poll=poll)]


def test_ranges_are_those_of_the_control_plane() -> None:
    site = site_of(corefile("manifests a; service_cidr 10.0.0.0/24 fd00::/120; pod_cidr 10.1.0.0/16"))
    (directive,) = site.block.directives
    setup(directive, site)
    (files,) = keys_of(site.build)
    settings = files.controllers
    assert list(map(str, settings.service_cidrs)) == ["10.0.0.0/24", "fd00::/120"]
    assert list(map(str, settings.pod_cidrs)) == ["10.1.0.0/16"]


TWO = """\
cluster.local {{
    kubernetes {{
        manifests cluster.yaml
        {0}
    }}
}}
east.local in-addr.arpa {{
    kubernetes {{
        manifests cluster.yaml
        {1}
    }}
}}
"""


@pytest.mark.parametrize(
    ("one", "other", "clusters"),
    [
        pytest.param("", "", 1, id="equal"),
        pytest.param("ttl 5", "ttl 30", 1, id="answers that look different"),
        pytest.param("labels a=b,c", "labels c,a=b", 1, id="one selector, written twice"),
        pytest.param("namespaces a b", "namespaces b a", 1, id="the same namespaces"),
        pytest.param("", "controllers off", 2, id="controllers"),
        pytest.param("", "namespaces a", 2, id="namespaces"),
        pytest.param("namespace_labels a", "labels a", 2, id="labels"),
        pytest.param("", "poll 2s", 2, id="poll"),
        pytest.param("", "service_cidr 10.0.0.0/8", 2, id="ranges"),
    ],
)
def test_server_blocks_share_a_cluster_that_is_set_up_alike(one: str, other: str, clusters: int) -> None:
    text = TWO.format(one, other)
    build = plan(parse(text, "Corefile", environ={}, disk=Local()), Clock(), Clock()).build
    assert sum(isinstance(part, Cluster) for part in build.parts) == clusters
    assert len(build.report) == len(build.faults) == len(build.samples) == clusters
    assert list(build.readiness) == ["kubernetes"]


def planned(text: str, folder: Path) -> Build:
    return plan(parse(text, str(folder / "Corefile"), environ={}, disk=Local()), Clock(), Clock()).build


def test_the_state_lies_beside_the_corefile(tmp_path: Path) -> None:
    build = planned(corefile("state there/kdns"), tmp_path)
    assert build.warnings == [
        f"{tmp_path}/Corefile:3: the state cannot be saved: there is no folder '{tmp_path}/there'"
    ]
    (tmp_path / "there").mkdir()
    assert planned(corefile("state there/kdns"), tmp_path).warnings == []
    assert planned(corefile(f"state {tmp_path}/there/kdns"), Path("/nowhere")).warnings == []
    (warning,) = planned(corefile("state a; state there"), tmp_path).warnings
    assert (
        warning
        == f"{tmp_path}/Corefile:4: the state cannot be saved: '{tmp_path}/there' is a folder: name a file in it"
    )


def test_blocks_that_share_a_cluster_share_its_state(tmp_path: Path) -> None:
    build = planned(corefile("state gone/kdns") + corefile("state gone/kdns", keys="east.local"), tmp_path)
    assert sum(isinstance(part, Cluster) for part in build.parts) == 1
    assert len(build.warnings) == 2, "each line has its own"


def test_two_clusters_need_two_states(tmp_path: Path) -> None:
    text = corefile("state kdns") + corefile("state kdns; namespaces a", keys="east.local")
    with pytest.raises(CorefileErrors) as raised:
        planned(text, tmp_path)
    (mistake,) = raised.value.errors
    assert mistake.text == "'kdns' has the state of another cluster already, or of another part of it"
    assert (
        sum(isinstance(part, Cluster) for part in planned(text.replace("state kdns", "state a", 1), tmp_path).parts)
        == 2
    )


FOLDER = Path(__file__).parent.parent / "spec"
SHARED = TWO.format("controllers off", "controllers off")


async def test_it_is_ready_when_every_cluster_is_known(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    text = corefile("manifests a.yaml") + corefile("", keys="east.local")
    async with serving(corefile("manifests a.yaml"), tmp_path) as asked:
        assert asked.plan.build.readiness["kubernetes"]() == ""
    both = plan(parse(text, str(tmp_path / "Corefile"), environ={}, disk=Local()), Clock(), Clock())
    assert both.build.readiness["kubernetes"]() == (
        f"manifests: {tmp_path / 'a.yaml'}; services, endpointslices, namespaces from the cluster's API server"
    )


async def test_at_start_it_tells_what_it_serves_and_what_to_ask_for() -> None:
    async with serving(SHARED, FOLDER) as asked:
        (report,) = [line() for line in asked.plan.build.report]
        assert report.startswith("cluster.local.: 45 Services, ")
        assert [list(samples()) for samples in asked.plan.build.samples] == [
            [
                ("kube-dns.kube-system.svc.cluster.local.", "A"),
                ("_mem._tcp.cache.shop.svc.cluster.local.", "SRV"),
            ]
        ]
        for samples in asked.plan.build.samples:
            for name, type in samples():
                assert (await asked.ask(name, type)).answer
        assert [list(faults()) for faults in asked.plan.build.faults] == [[]]


def test_it_lends_its_cluster_to_the_plugins_of_its_block() -> None:
    site = site_of(corefile("ttl 5"))
    (directive,) = site.block.directives
    plugin = cast("partial[Kubernetes]", setup(directive, site))
    assert site.borrow(Cluster) is plugin.keywords["cluster"]


# The handler. Its answers are tables of their own (tests/spec); here is what goes up the chain with them.

SPEC = "manifests cluster.yaml; controllers off; pods verified"
WEB = Touched.itself(("shop", "web"))
SHOP = Touched.namespace("shop")
EVERYBODY = Scope.EVERYBODY


async def respond(name: str, type: str = "A", lines: str = SPEC) -> Response:
    async with serving(corefile(lines, keys="cluster.local in-addr.arpa"), FOLDER) as asked:
        return (await judge(asked.plan, from_text(name), type_number(type))).response


@pytest.mark.parametrize(
    ("name", "type", "depends_on"),
    [
        pytest.param("web.shop.svc.cluster.local", "A", {WEB, SHOP}, id="a Service"),
        pytest.param("WEB.Shop.svc.cluster.local", "AAAA", {WEB, SHOP}, id="NODATA, in other letters"),
        pytest.param(
            "gone.shop.svc.cluster.local", "A", {Touched.service(("shop", "gone")), SHOP}, id="no such Service"
        ),
        pytest.param(
            "web.gone.svc.cluster.local",
            "A",
            {Touched.service(("gone", "web")), Touched.namespace("gone")},
            id="no such namespace",
        ),
        pytest.param("shop.svc.cluster.local", "A", {SHOP}, id="a namespace"),
        pytest.param("svc.cluster.local", "A", set(), id="what is always there"),
        pytest.param("foo.cluster.local", "A", set(), id="what is never there"),
        pytest.param("cluster.local", "SOA", set(), id="the SOA"),
        pytest.param(
            "to-web.shop.svc.cluster.local",
            "A",
            {Touched.service(("shop", "to-web")), WEB, SHOP},
            id="an alias and its target",
        ),
        pytest.param("10-244-0-1.shop.pod.cluster.local", "A", {Touched.address(pack("10.244.0.1")), SHOP}, id="a Pod"),
        pytest.param("10.0.96.10.in-addr.arpa", "PTR", {Touched.address(pack("10.96.0.10")), SHOP}, id="a pointer"),
        pytest.param("9.9.9.9.in-addr.arpa", "PTR", {Touched.address(pack("9.9.9.9"))}, id="no pointer"),
        pytest.param("96.10.in-addr.arpa", "PTR", {Touched.prefix(bytes([10, 96]))}, id="a parent"),
    ],
)
async def test_an_answer_may_be_kept_until_what_it_was_made_from_changes(
    name: str, type: str, depends_on: set[Hashable]
) -> None:
    keep = (await respond(name, type)).keep
    assert (keep.scope, keep.until) == (EVERYBODY, None)
    (cluster,) = (key for key in keep.depends_on if isinstance(key, tuple) and key[0] == "cluster")
    assert keep.depends_on - {cluster} == depends_on


@pytest.mark.parametrize(
    ("name", "type"),
    [
        pytest.param("cluster.local", "NS", id="it shows the address that was asked at"),
        pytest.param("ns.dns.cluster.local", "A", id="so does the name server's"),
        pytest.param("myself.shop.svc.cluster.local", "A", id="a failure"),
        pytest.param("cluster.local", "AXFR", id="a refusal"),
    ],
)
async def test_some_answers_are_kept_for_nobody(name: str, type: str) -> None:
    assert (await respond(name, type)).keep.scope is Scope.NOBODY


async def test_what_is_not_known_yet_is_kept_for_nobody() -> None:
    response = await respond("web.shop.svc.cluster.local", lines="startup_timeout 10ms")
    assert (response.rcode, response.keep.scope, response.authority) == (RCode.SERVFAIL, Scope.NOBODY, ())


async def test_what_falls_through_is_kept_no_longer_than_it_does() -> None:
    response = await respond("gone.shop.svc.cluster.local", lines=f"{SPEC}; fallthrough")
    assert response.keep.scope is EVERYBODY
    assert response.keep.depends_on == {Touched.service(("shop", "gone")), SHOP}


async def test_every_answer_says_who_made_it_and_why() -> None:
    response = await respond("gone.shop.svc.cluster.local")
    assert response.by == "kubernetes"
    assert response.why is not None
    assert response.why.word == "no_such_service"


def test_metadata_has_labels_of_the_question() -> None:
    site = site_of(corefile("pods verified"))
    (directive,) = site.block.directives
    setup(directive, site)
    (provider,) = site.providers
    wire = from_text("web.shop.svc.cluster.local")
    message = Message(7, Flag.RD, Question(wire, wire, RRType.A, 1), None, 0)
    query = Query(message, Peer("10.244.0.1", 40000), Peer("192.0.2.1", 53), Transport.udp, 0.0)
    labels = {key: value() for key, value in provider(query).items()}
    assert (labels["kubernetes/kind"], labels["kubernetes/service"]) == ("svc", "web")
