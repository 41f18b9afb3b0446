"""The plugin in its chain. Which name has which answer: tests/kube/test_outside.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import dns.flags
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import CorefileErrors
from kdns.kube import outside
from kdns.kube.cluster import Cluster
from kdns.kube.objects import Endpoint, Kind, Namespace, Object, Port, Ref, Service, Slice
from kdns.plan import Plan, plan
from kdns.proto.name import from_text, to_text
from kdns.proto.reverse import pack, reverse_name
from kdns.proto.text import zone_lines
from tests.asking import Asked, ede, lines, rcode, serving
from tests.kube.known import HTTP, OPTIONS, question

KUBERNETES = "kubernetes cluster.local {\nmanifests .\ncontrollers off\n}"


def planned(*lines: str, keys: str = "example.org", beside: str = KUBERNETES) -> Plan:
    text = "\n".join([f"{keys} {{", *lines, beside, "}"])
    return plan(parse(text, "Corefile", environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)


@pytest.mark.parametrize(
    "lines",
    [
        ["k8s_external"],
        ["k8s_external example.org"],
        ["k8s_external example.org example.net 10.0.0.0/8"],
        ["k8s_external {", "apex dns", "ttl 0", "headless", "fallthrough", "}"],
        ["k8s_external example.org {", "apex NAMES", "ttl 3600", "fallthrough example.org in-addr.arpa", "}"],
    ],
    ids=" ".join,
)
def test_what_coredns_takes_is_taken(lines: list[str]) -> None:
    assert planned(*lines).build.warnings == []


LONG = ".".join(["x" * 60] * 3)
HAS = "(it has apex, ttl, headless, fallthrough)"
TTL = "'ttl' takes a whole number from 0 to 3600, not"


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        (
            ["k8s_external a..b"],
            "2: 'k8s_external' takes zones: 'a..b' is no domain name: a label has 1 to 63 octets, not 0",
        ),
        (["k8s_external 10.0.0.0/8"], "2: one zone at least must not be a reverse zone: PTR records point into it"),
        (["k8s_external {", "apex", "}"], "3: 'apex' takes 1 argument, not 0"),
        (["k8s_external {", "apex a b", "}"], "3: 'apex' takes 1 argument, not 2"),
        (["k8s_external {", "apex a.b", "}"], "3: 'apex' takes one label, as dns, not 'a.b'"),
        (["k8s_external {", "apex .", "}"], "3: 'apex' takes one label, as dns, not '.'"),
        (["k8s_external {", "ttl", "}"], "3: 'ttl' takes 1 argument, not 0"),
        (["k8s_external {", "ttl -1", "}"], f"3: {TTL} '-1'"),
        (["k8s_external {", "ttl 3601", "}"], f"3: {TTL} '3601'"),
        (["k8s_external {", "ttl 5s", "}"], f"3: {TTL} '5s'"),
        (["k8s_external {", "headless yes", "}"], "3: 'headless' takes no arguments: remove 'yes'"),
        (
            ["k8s_external {", "headles", "}"],
            f"3: 'k8s_external' has no option 'headles'; did you mean 'headless'? {HAS}",
        ),
        (
            ["k8s_external", "k8s_external example.net"],
            "3: k8s_external can stand only once in a server block; it is already at Corefile:2",
        ),
        (
            [f"k8s_external {LONG}"],
            f"2: a zone has at most 127 octets, so that every Service has a name in it; '{LONG}.' has 184",
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_told_with_its_line(lines: list[str], mistake: str) -> None:
    with pytest.raises(CorefileErrors) as raised:
        planned(*lines)
    assert [str(error) for error in raised.value.errors] == [f"Corefile:{mistake}"]


async def test_without_kubernetes_every_question_is_the_next_plugin_s(tmp_path: Path) -> None:
    async with serving("example.org {\nk8s_external\nwhoami\n}", tmp_path) as asked:
        assert [warning.partition(": ")[2] for warning in asked.plan.build.warnings] == [
            "k8s_external answers nothing without kubernetes in its server block"
        ]
        assert len((await asked.ask("web.shop.example.org.")).additional) == 2


def service(name: str = "web", *ips: str, **more: object) -> Service:
    outside = tuple(map(pack, ips))
    return Service("shop", name, (pack("10.96.0.10"),), (Port("http", 80),), external_addresses=outside, **more)  # type: ignore[arg-type]


WEB = service("web", "203.0.113.7")
CLUSTER: list[Object] = [
    Namespace("shop"),
    WEB,
    service("plain"),
    service("cloud", external_hostnames=("lb.example.net",)),
]


@asynccontextmanager
async def told(
    folder: Path, *options: str, zones: str = "example.org", beside: str = "", keys: str = "."
) -> AsyncIterator[Asked]:
    """A server block whose cluster the test tells."""
    external = "\n".join([f"k8s_external {zones} {{", *options, "}"])
    async with serving(f"{keys} {{\n{external}\n{KUBERNETES}\n{beside}\n}}", folder) as asked:
        tell(asked, *CLUSTER)
        yield asked


def tell(asked: Asked, *objects: Object, gone: tuple[Ref, ...] = ()) -> None:
    (cluster,) = [part for part in asked.plan.build.parts if isinstance(part, Cluster)]
    cluster.store.update(objects, gone)


async def test_an_answer_is_authoritative_and_has_the_ttl(tmp_path: Path) -> None:
    async with told(tmp_path, "ttl 30") as asked:
        reply = await asked.ask("web.shop.example.org.")
        assert lines(reply.answer) == ["web.shop.example.org. 30 IN A 203.0.113.7"]
        assert reply.flags & dns.flags.AA
        assert reply.authority == []


async def test_a_negative_answer_has_the_soa_and_says_why(tmp_path: Path) -> None:
    async with told(tmp_path, "ttl 30") as asked:
        reply = await asked.ask("plain.shop.example.org.")
        assert (rcode(reply), lines(reply.authority)) == (
            "NXDOMAIN",
            ["example.org. 30 IN SOA ns1.dns.example.org. hostmaster.dns.example.org. 1700000000 7200 1800 86400 30"],
        )
        why = "Service shop/plain has no address outside the cluster (spec.externalIPs, status.loadBalancer)"
        assert ede(reply) == why


async def test_other_zones_are_for_the_next_plugin(tmp_path: Path) -> None:
    async with told(tmp_path, beside="whoami") as asked:
        assert lines((await asked.ask("web.shop.svc.cluster.local.")).answer) != []
        assert len((await asked.ask("www.example.com.")).additional) == 2


@pytest.mark.parametrize(
    ("option", "name", "falls"),
    [
        ("", "gone.shop.example.org.", False),
        ("fallthrough", "gone.shop.example.org.", True),
        ("fallthrough", "plain.shop.example.org.", True),
        ("fallthrough", "shop.example.org.", False),
        ("fallthrough", "web.shop.example.org.", False),
        ("fallthrough", "x.dns.example.org.", True),
        ("fallthrough shop.example.org", "gone.shop.example.org.", True),
        ("fallthrough other.test", "gone.shop.example.org.", False),
    ],
)
async def test_missing_names_fall_through_where_that_is_said(
    tmp_path: Path, option: str, name: str, falls: bool
) -> None:
    async with told(tmp_path, option, beside="whoami") as asked:
        for _ in range(2):
            assert (len((await asked.ask(name)).additional) == 2) is falls


async def test_a_name_that_fell_through_is_seen_at_once_when_it_comes(tmp_path: Path) -> None:
    """What the next plugin said of it may be kept: here *kubernetes*, whose names have another form."""
    own = KUBERNETES.replace("cluster.local", "cluster.local example.org")
    async with serving(f". {{\nk8s_external example.org {{\nfallthrough\n}}\n{own}\n}}", tmp_path) as asked:
        tell(asked, *CLUSTER)
        for _ in range(2):
            assert rcode(await asked.ask("new.shop.example.org.")) == "NXDOMAIN"
        assert len(asked.responder.memo) == 1
        tell(asked, service("new", "203.0.113.30"))
        assert lines((await asked.ask("new.shop.example.org.")).answer) == ["new.shop.example.org. 5 IN A 203.0.113.30"]


async def test_the_pointers_of_the_cluster_are_behind_fallthrough(tmp_path: Path) -> None:
    """Both plugins have the reverse zone; the external addresses come first."""
    own = KUBERNETES.replace("cluster.local", "cluster.local in-addr.arpa")
    block = f". {{\nk8s_external example.org in-addr.arpa {{\nfallthrough in-addr.arpa\n}}\n{own}\n}}"
    async with serving(block, tmp_path) as asked:
        tell(asked, *CLUSTER)
        assert lines((await asked.ask("7.113.0.203.in-addr.arpa.", "PTR")).answer) == [
            "7.113.0.203.in-addr.arpa. 5 IN PTR web.shop.example.org."
        ]
        assert lines((await asked.ask("10.0.96.10.in-addr.arpa.", "PTR")).answer) != []
        assert rcode(await asked.ask("96.10.in-addr.arpa.", "PTR")) == "NOERROR"
        assert rcode(await asked.ask("1.2.3.4.in-addr.arpa.", "PTR")) == "NXDOMAIN"


async def test_changes_are_seen_at_once(tmp_path: Path) -> None:
    pointer = ("8.113.0.203.in-addr.arpa.", "PTR")
    async with told(tmp_path, zones="example.org 203.0.113.0/24") as asked:
        for _ in range(2):
            assert lines((await asked.ask("web.shop.example.org.")).answer) == [
                "web.shop.example.org. 5 IN A 203.0.113.7"
            ]
            assert rcode(await asked.ask(*pointer)) == "NXDOMAIN"
        assert len(asked.responder.memo) == 2
        tell(asked, service("web", "203.0.113.8"))
        assert lines((await asked.ask("web.shop.example.org.")).answer) == ["web.shop.example.org. 5 IN A 203.0.113.8"]
        assert len((await asked.ask(*pointer)).answer) == 1
        tell(asked, gone=(Ref(Kind.NAMESPACE, "", "shop"),))
        assert rcode(await asked.ask("web.shop.example.org.")) == "NXDOMAIN"
        assert rcode(await asked.ask(*pointer)) == "NXDOMAIN"


async def test_the_hostname_of_a_load_balancer_is_looked_up(tmp_path: Path) -> None:
    beside = "hosts none example.net {\n192.0.2.80 lb.example.net\nttl 60\n}"
    async with told(tmp_path, beside=beside) as asked:
        for _ in range(2):
            assert lines((await asked.ask("cloud.shop.example.org.")).answer) == [
                "cloud.shop.example.org. 5 IN CNAME lb.example.net.",
                "lb.example.net. 60 IN A 192.0.2.80",
            ]
        assert lines((await asked.ask("cloud.shop.example.org.", "TXT")).answer) == [
            "cloud.shop.example.org. 5 IN CNAME lb.example.net."
        ]


async def test_hostnames_that_lead_to_one_another_end(tmp_path: Path) -> None:
    async with told(tmp_path) as asked:
        tell(
            asked,
            service("a", external_hostnames=("b.shop.example.org",)),
            service("b", external_hostnames=("a.shop.example.org",)),
        )
        reply = await asked.ask("a.shop.example.org.")
        assert (rcode(reply), len(reply.answer) < 12) == ("NOERROR", True)


async def test_a_cluster_that_is_not_known_is_no_reason_for_nxdomain(tmp_path: Path) -> None:
    away = "kubernetes cluster.local {\nendpoint http://127.0.0.1:1\nstartup_timeout 1ms\n}"
    async with serving(f". {{\nk8s_external example.org {{\nfallthrough\n}}\n{away}\nwhoami\n}}", tmp_path) as asked:
        reply = await asked.ask("web.shop.example.org.")
        assert (rcode(reply), ede(reply).partition(":")[0]) == ("SERVFAIL", "the cluster is not known yet")
        assert rcode(await asked.ask("example.org.", "SOA")) == "NOERROR"
        assert rcode(await asked.ask("dns.example.org.")) == "NOERROR"


async def test_without_transfer_zone_transfers_are_refused(tmp_path: Path) -> None:
    async with told(tmp_path) as asked:
        assert rcode(await asked.ask("example.org.", "AXFR", tcp=True)) == "REFUSED"


async def test_with_transfer_the_zone_can_be_had(tmp_path: Path) -> None:
    async with told(tmp_path, beside="transfer example.org {\nto *\n}") as asked:
        reply = await asked.ask("example.org.", "AXFR", tcp=True)
        assert "web.shop.example.org. 5 IN A 203.0.113.7" in lines(reply.answer)
        assert "cloud.shop.example.org. 5 IN CNAME lb.example.net." in lines(reply.answer)
        assert not any("cluster.local" in line for line in lines(reply.answer))


async def test_the_manifests_external_addresses_are_read(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: lb, namespace: shop}\n"
        "spec: {type: LoadBalancer, clusterIP: 10.96.0.9, externalIPs: [203.0.113.20], ports: [{port: 80}]}\n"
        "status: {loadBalancer: {ingress: [{ip: 203.0.113.21}, {hostname: lb.example.net}]}}\n"
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
    )
    async with serving(f". {{\nk8s_external example.org\n{KUBERNETES}\n}}", tmp_path) as asked:
        assert lines((await asked.ask("lb.shop.example.org.")).answer) == [
            "lb.shop.example.org. 5 IN A 203.0.113.20",
            "lb.shop.example.org. 5 IN A 203.0.113.21",
        ]


async def test_answers_are_counted_by_their_reason(tmp_path: Path) -> None:
    async with told(tmp_path) as asked:
        for _ in range(3):
            await asked.ask("plain.shop.example.org.")
        count = asked.plan.build.metrics.registry.get_sample_value
        assert count("kdns_kubernetes_answers_total", {"reason": "no_external_address"}) == 3


# What is kept is what would be answered now, whatever changed in between.

FEW = [pack(ip) for ip in ("203.0.113.7", "203.0.113.8", "2001:db8::7")]
SPACES, NAMES = ("shop", "vault"), ("web", "db")
addresses = st.sampled_from([(), (FEW[0],), (FEW[1], FEW[2]), (FEW[0], FEW[1])])
things = st.one_of(
    st.tuples(st.sampled_from(SPACES), st.sampled_from(NAMES), addresses).map(
        lambda each: Service(each[0], each[1], (), HTTP, headless=True, external_addresses=each[2])
    ),
    st.tuples(st.sampled_from(SPACES), st.sampled_from(NAMES)).map(
        lambda each: Service(each[0], each[1], (), HTTP, external_hostnames=("lb.nowhere.test",))
    ),
    st.tuples(st.sampled_from(SPACES), st.sampled_from(NAMES), st.booleans()).map(
        lambda each: Slice(each[0], each[1], each[1], (Endpoint((FEW[0],), HTTP, "a", ready=each[2]),))
    ),
    st.tuples(st.sampled_from(SPACES), st.booleans()).map(lambda each: Namespace(*each)),
)
asking = st.sampled_from(
    [
        *(
            (f"{name}.{space}.example.org.", type)
            for name in NAMES
            for space in SPACES
            for type in ("A", "AAAA", "SRV")
        ),
        *((f"{left}.{name}.shop.example.org.", "A") for left in ("a", "_tcp", "_http._tcp") for name in NAMES),
        *((f"{space}.example.org.", "A") for space in SPACES),
        *((to_text(reverse_name(address)), "PTR") for address in FEW[:2]),
        ("113.0.203.in-addr.arpa.", "PTR"),
        ("0.203.in-addr.arpa.", "PTR"),
        ("example.org.", "SOA"),
    ]
)
steps = st.lists(st.tuples(st.lists(st.tuples(st.booleans(), things), max_size=2), asking), min_size=4, max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_what_is_kept_is_what_would_be_answered_now(
    tmp_path: Path, taken: list[tuple[list[tuple[bool, Object]], tuple[str, str]]]
) -> None:
    asyncio.run(follow(tmp_path, taken))


async def follow(folder: Path, taken: list[tuple[list[tuple[bool, Object]], tuple[str, str]]]) -> None:
    zones = (from_text("example.org"), from_text("in-addr.arpa"))
    async with told(folder, "headless", zones="example.org in-addr.arpa", keys="example.org in-addr.arpa") as asked:
        (cluster,) = [part for part in asked.plan.build.parts if isinstance(part, Cluster)]
        own = replace(OPTIONS, zones=zones, primary=zones[0], multicluster=frozenset())
        for changes, (name, type) in taken:
            tell(
                asked, *(held for put, held in changes if put), gone=tuple(held.ref for put, held in changes if not put)
            )
            wanted = outside.resolve(
                question(name, type),
                zones[name.endswith("arpa.")],
                cluster.index,
                outside.Settings(own, headless=True),
                (pack("127.0.0.1"),),
            )
            for _ in range(2):
                reply = await asked.ask(name, type)
                expected = [" ".join(line.split()) for rrset in wanted.answer for line in zone_lines(rrset)]
                assert (reply.rcode(), lines(reply.answer)) == (wanted.rcode, sorted(expected))
                assert ede(reply) == (wanted.because.ede.text if wanted.because.ede else "")
