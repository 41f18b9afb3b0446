"""What the examples are answered with, and the manifests of the documents that kdns was written from.

`@` stands for `svc.cluster.local.`, `#` for a number and `*` for letters that come from a hash: they
must be the same at each start. Owners and TTLs are left out where they are the question's name and 5.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from kdns.cli.serve import corefile_text
from kdns.cli.verdict import judge
from kdns.proto.name import from_text
from tests.asking import Asked, ede, lines, rcode, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
SEEDS = ROOT.parent / "shared/seed-manifests"
needs_seeds = pytest.mark.skipif(
    not SEEDS.is_dir(), reason="the manifests of the documents are not beside this checkout"
)


class Case(NamedTuple):
    """A question, and the records of the answer or, where there are none, why."""

    name: str
    type: str
    answer: tuple[str, ...] = ()
    rcode: str = "NOERROR"
    why: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.type}"


def case(question: str, *answer: str) -> Case:
    """Records, in any order: rdata, or `CNAME` and rdata."""
    name, type = full(question).split()
    owned = [full(each) if each.startswith("CNAME ") else f"{type} {full(each)}" for each in answer]
    return Case(name, type, tuple(f"{name} 5 IN {each}" for each in owned))


def nodata(question: str, why: str) -> Case:
    """The name exists."""
    return case(question)._replace(why=why)


def nxdomain(question: str, why: str, *aliases: str) -> Case:
    """The name does not exist."""
    return case(question, *aliases)._replace(rcode="NXDOMAIN", why=why)


def full(text: str) -> str:
    return text.replace("@", "svc.cluster.local.")


def matches(patterns: Iterable[str], found: Iterable[str]) -> bool:
    """Whether each pattern describes one of the texts, and none is left."""
    left = list(found)
    for pattern in patterns:
        shape = re.compile(re.escape(pattern).replace(r"\#", r"\d+").replace(r"\*", ".*"))
        hit = next((text for text in left if shape.fullmatch(text)), None)
        if hit is None:
            return False
        left.remove(hit)
    return not left


def served(*paths: str) -> AbstractAsyncContextManager[Asked]:
    """As `kdns serve PATH...` does."""
    return serving(corefile_text(paths, "cluster.local", 1053, "127.0.0.1", "off"), ROOT)


async def hold(asked: Asked, each: Case) -> list[str]:
    """Fail unless the case holds; its records."""
    reply = await asked.ask(each.name, each.type)
    records = lines(reply.answer)
    assert matches(each.answer, records), records
    assert (rcode(reply), ede(reply)) == (each.rcode, each.why)
    return records


class Twice(NamedTuple):
    """The same manifests after two starts."""

    first: Asked
    second: Asked


@asynccontextmanager
async def started_twice(*paths: str) -> AsyncIterator[Twice]:
    async with served(*paths) as first, served(*paths) as second:
        yield Twice(first, second)


async def hold_twice(twice: Twice, each: Case) -> None:
    """Fail unless the case holds, with the same records at each start."""
    assert await hold(twice.first, each) == await hold(twice.second, each)


async def endpoints(asked: Asked, service: str) -> list[str]:
    """What is known of a Service's endpoints, a line each."""
    verdict = await judge(asked.plan, from_text(full(service)), 1)
    return [note for exhibit in verdict.exhibits() for note in exhibit.notes]


EXAMPLE_ANSWERS = [
    # A cluster IP that is worked out, before the Pods of a Deployment.
    case("web.shop.@ A", "10.96.#.#"),
    nodata("web.shop.@ AAAA", "Service shop/web has addresses of the other family only"),
    case("_http._tcp.web.shop.@ SRV", "0 100 80 web.shop.@"),
    nxdomain("_https._tcp.web.shop.@ SRV", "Service shop/web has no port https over tcp"),
    nxdomain("wob.shop.@ A", "namespace shop has no Service wob"),
    nxdomain("web.shopp.@ A", "namespace shopp does not exist"),
    # Dual stack, several ports.
    case("cart.shop.@ A", "10.96.20.20"),
    case("cart.shop.@ AAAA", "fd00:10:96::20"),
    case("cart.shop.@ SRV", "0 25 80 cart.shop.@", "0 25 9000 cart.shop.@"),
    case("_grpc._tcp.cart.shop.@ SRV", "0 50 9000 cart.shop.@"),
    case("20.20.96.10.in-addr.arpa. PTR", "cart.shop.@"),
    case("10-244-20-10.cart.shop.@ A", "10.244.20.10"),
    case("10-244-20-10.shop.pod.cluster.local. A", "10.244.20.10"),
    # A StatefulSet behind a headless Service.
    case("db.shop.@ A", "10.244.#.#", "10.244.#.#"),
    case("db-0.db.shop.@ A", "10.244.#.#"),
    case("db-1.db.shop.@ A", "10.244.#.#"),
    nxdomain("db-2.db.shop.@ A", "Service shop/db has no endpoint called db-2"),
    case("_mysql._tcp.db.shop.@ SRV", "0 50 3306 db-0.db.shop.@", "0 50 3306 db-1.db.shop.@"),
    # Headless, with endpoints that are given: hostnames; not ready; terminating.
    case("search.shop.@ A", "10.244.30.1", "10.244.30.2"),
    case("alpha.search.shop.@ A", "10.244.30.1"),
    case(
        "search.shop.@ SRV",
        "0 25 9200 alpha.search.shop.@",
        "0 25 9300 alpha.search.shop.@",
        "0 25 9200 beta.search.shop.@",
        "0 25 9300 beta.search.shop.@",
    ),
    nxdomain("gamma.search.shop.@ A", "endpoint gamma of Service shop/search is not ready"),
    nxdomain("delta.search.shop.@ A", "endpoint delta of Service shop/search is terminating"),
    case("1.30.244.10.in-addr.arpa. PTR", "alpha.search.shop.@"),
    nxdomain("3.30.244.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    # Nothing is ready.
    nxdomain("queue.shop.@ A", "Service shop/queue has no ready endpoints (1 not ready)"),
    nxdomain("_amqp._tcp.queue.shop.@ SRV", "Service shop/queue has no ready endpoints (1 not ready)"),
    # ExternalName, outside and inside.
    case("payments.shop.@ A", "CNAME api.payments.example.com."),
    case("payments.shop.@ TXT", "CNAME api.payments.example.com."),
    Case(
        full("shopfront.marketing.@"),
        "A",
        (full("shopfront.marketing.@ 5 IN CNAME web.shop.@"), full("web.shop.@ 5 IN A 10.96.#.#")),
    ),
    # A Service without a selector, with Endpoints made by hand.
    case("ledger.shop.@ A", "10.96.#.#"),
    case("_ledger._tcp.ledger.shop.@ SRV", "0 100 5432 ledger.shop.@"),
    case("primary.ledger.shop.@ A", "192.0.2.10"),
    case("11.2.0.192.in-addr.arpa. PTR", "standby.ledger.shop.@"),
    # Several subsets, each with its port; one address that is not ready.
    case("printers.shop.@ A", "192.0.2.21", "192.0.2.22", "192.0.2.31"),
    case("_ipp._tcp.printers.shop.@ SRV", "0 50 631 office.printers.shop.@", "0 50 631 dock.printers.shop.@"),
    case("_raw._tcp.printers.shop.@ SRV", "0 100 9100 labels.printers.shop.@"),
    nxdomain("attic.printers.shop.@ A", "endpoint attic of Service shop/printers is not ready"),
    # Endpoints of a Service with a selector, as a control plane made them.
    case("stock.shop.@ A", "10.244.61.1", "10.244.61.2", "10.244.61.11"),
    case("_http._tcp.stock.shop.@ SRV", "0 50 8080 10-244-61-1.stock.shop.@", "0 50 8080 10-244-61-2.stock.shop.@"),
    case("_metrics._tcp.stock.shop.@ SRV", "0 100 9090 10-244-61-11.stock.shop.@"),
    nxdomain("10-244-61-3.stock.shop.@ A", "endpoint 10-244-61-3 of Service shop/stock is not ready"),
    # Slices beside Endpoints.
    case("catalog.shop.@ A", "10.244.60.1", "10.244.60.2"),
    nxdomain("9.60.244.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    # Endpoints without a Service.
    nxdomain("forgotten.shop.@ A", "Endpoints shop/forgotten exists, but there is no Service of that name"),
    nxdomain("99.2.0.192.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    # A Deployment and a Pod without a Service.
    nxdomain("reports.shop.@ A", "namespace shop has no Service reports"),
    nxdomain("toolbox.shop.@ A", "namespace shop has no Service toolbox"),
    case("10-244-50-1.shop.pod.cluster.local. A", "10.244.50.1"),
    nxdomain("1.50.244.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    # What every cluster has.
    case("kubernetes.default.@ A", "10.96.0.1"),
    case("_https._tcp.kubernetes.default.@ SRV", "0 100 443 kubernetes.default.@"),
    case("dns-version.cluster.local. TXT")._replace(answer=('dns-version.cluster.local. 28800 IN TXT "1.1.0"',)),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def examples() -> AsyncIterator[Twice]:
    async with started_twice("examples") as twice:
        yield twice


@pytest.mark.parametrize("each", EXAMPLE_ANSWERS, ids=str)
async def test_the_examples_are_answered_the_same_way_at_each_start(examples: Twice, each: Case) -> None:
    await hold_twice(examples, each)


@pytest.mark.parametrize(
    ("service", "known"),
    [
        ("web.shop.@", ["10.244.#.# ready, Pod web-*"] * 3),
        ("cart.shop.@", ["10.244.20.10 ready, Pod cart-0", "fd00:10:244::20:10 ready, Pod cart-0"]),
        ("queue.shop.@", ["10.244.40.1 not ready, Pod queue-0"]),
        (
            "stock.shop.@",
            [
                "10.244.61.1 ready, Pod stock-a, node node-1",
                "10.244.61.2 ready, Pod stock-b, node node-2",
                "10.244.61.3 not ready, Pod stock-c, node node-2",
                "10.244.61.11 ready, node node-3",
            ],
        ),
        ("catalog.shop.@", ["10.244.60.1 ready, node node-1", "10.244.60.2 ready, node node-2"]),
    ],
)
async def test_endpoints_of_the_examples_are_known(examples: Twice, service: str, known: list[str]) -> None:
    assert matches(known, await endpoints(examples.first, service))
    assert await endpoints(examples.first, service) == await endpoints(examples.second, service)


async def test_the_examples_have_no_mistakes_and_what_is_passed_over_is_counted(examples: Twice) -> None:
    build = examples.first.plan.build
    assert [fault for faults in build.faults for fault in faults()] == []
    (report,) = (line() for line in build.report)
    files = len(list(EXAMPLES.glob("*.yaml")))
    assert report.endswith(f" from {files} files in examples (3 objects of other kinds passed over)")


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
async def test_every_example_loads_alone(file: Path) -> None:
    async with served(str(file)) as asked:
        assert [fault for faults in asked.plan.build.faults for fault in faults()] == []
        await hold(asked, case("kubernetes.default.@ A", "10.96.0.1"))


def orphan(question: str, source: str) -> Case:
    """Endpoints whose Service is not there."""
    return nxdomain(question, f"{source} exists, but there is no Service of that name")


def missing(name: str, namespace: str = "default") -> Case:
    """Nothing has this name."""
    return nxdomain(f"{name}.{namespace}.@ A", f"namespace {namespace} has no Service {name}")


SEED_ANSWERS: dict[str, list[Case]] = {
    "01-service-my-service": [
        case("my-service.default.@ A", "10.96.#.#"),
        case("_http._tcp.my-service.default.@ SRV", "0 100 80 my-service.default.@"),
    ],
    "02-endpoints-my-service": [orphan("my-service.default.@ A", "Endpoints default/my-service")],
    "03-service-external-service": [
        case("external-service.default.@ A", "10.96.#.#"),
        case("_http._tcp.external-service.default.@ SRV", "0 100 80 external-service.default.@"),
    ],
    "04-endpoints-external-service": [orphan("external-service.default.@ A", "Endpoints default/external-service")],
    "05-endpoints-my-service": [
        orphan("my-service.default.@ A", "Endpoints default/my-service"),
        orphan("pod-1.my-service.default.@ A", "Endpoints default/my-service"),
        nxdomain("11.0.244.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    ],
    "06-deployment-service-web-app": [
        case("web-service.default.@ A", "10.96.#.#"),
        case("web-service.default.@ SRV", "0 100 80 web-service.default.@"),
        missing("web-app"),
    ],
    "07-service-endpoints-external-db": [
        case("external-db.default.@ A", "10.96.#.#"),
        case("external-db.default.@ SRV", "0 100 3306 external-db.default.@"),
        case("192-168-1-100.external-db.default.@ A", "192.168.1.100"),
        case("100.1.168.192.in-addr.arpa. PTR", "192-168-1-100.external-db.default.@"),
    ],
    "08-service-endpoints-web-app": [
        case("web-app.default.@ A", "10.96.#.#"),
        case("_http._tcp.web-app.default.@ SRV", "0 100 80 web-app.default.@"),
        case("_https._tcp.web-app.default.@ SRV", "0 100 443 web-app.default.@"),
        case("_metrics._tcp.web-app.default.@ SRV", "0 100 9090 web-app.default.@"),
        case("10-244-0-12.web-app.default.@ A", "10.244.0.12"),
    ],
    "09-service-endpoints-hybrid-service": [
        case("hybrid-service.default.@ A", "10.96.#.#"),
        case("10-244-0-11.hybrid-service.default.@ A", "10.244.0.11"),
        case("192-168-1-101.hybrid-service.default.@ A", "192.168.1.101"),
    ],
    "10-endpointslice-web-service-abc": [
        orphan("web-service.default.@ A", "EndpointSlice default/web-service-abc"),
        orphan("pod-1.web-service.default.@ A", "EndpointSlice default/web-service-abc"),
    ],
    "11-endpoints-my-service": [orphan("my-service.default.@ A", "Endpoints default/my-service")],
    "12-endpoints-multi-subset-service": [
        orphan("multi-subset-service.default.@ A", "Endpoints default/multi-subset-service")
    ],
    "13-endpoints-hostname-service": [
        orphan("web-1.hostname-service.default.@ A", "Endpoints default/hostname-service")
    ],
    "14-endpoints-node-aware-service": [
        orphan("node-aware-service.default.@ A", "Endpoints default/node-aware-service")
    ],
    "15-endpoints-my-service": [orphan("my-service.default.@ SRV", "Endpoints default/my-service")],
    "16-pod-web-pod": [missing("web-pod")],
    "17-service-endpoints-external-service-dns": [
        case("external-service-dns.default.@ A", "CNAME api.example.com."),
        case("external-service-ip.default.@ A", "10.96.#.#"),
        case("192-168-1-101.external-service-ip.default.@ A", "192.168.1.101"),
    ],
    "18-deployment-ha-web": [missing("ha-web")],
    "19-servicemonitor-endpoint-monitor": [missing("endpoint-monitor", "monitoring")],
    "20-prometheusrule-endpoint-alerts": [missing("endpoint-alerts", "monitoring")],
    "21-configmap-kube-proxy": [missing("kube-proxy", "kube-system")],
    "22-service-mysql-service": [
        case("mysql-service.default.@ A", "10.96.#.#"),
        case("mysql-service.default.@ SRV", "0 100 3306 mysql-service.default.@"),
    ],
    "23-endpoints-mysql-service": [orphan("mysql-service.default.@ A", "Endpoints default/mysql-service")],
    "24-deployment-web-deployment": [missing("web-deployment")],
    "25-service-web-service": [case("web-service.default.@ A", "10.96.#.#")],
    "26-service-external-service": [case("external-service.default.@ A", "10.96.#.#")],
    "27-endpoints-external-service": [orphan("external-service.default.@ A", "Endpoints default/external-service")],
    "28-endpointslice-mysql-service-abc123": [
        orphan("mysql-service.default.@ A", "EndpointSlice default/mysql-service-abc123")
    ],
    "29-endpoints-my-endpoint": [orphan("my-endpoint.default.@ A", "Endpoints default/my-endpoint")],
    "30-service-my-service": [
        case("my-service.default.@ A", "10.96.#.#"),
        case("my-service.default.@ SRV", "0 100 80 my-service.default.@"),
    ],
    "31-deployment-nginx-deployment": [missing("nginx-deployment")],
}

SEEDS_TOGETHER = [
    # Of several documents of one object the last counts: Service 30, Endpoints 15.
    case("my-service.default.@ A", "10.96.#.#"),
    case("my-service.default.@ SRV", "0 100 80 my-service.default.@"),
    case("10-244-0-12.my-service.default.@ A", "10.244.0.12"),
    nxdomain("pod-1.my-service.default.@ A", "Service default/my-service has no endpoint called pod-1"),
    case("external-service.default.@ A", "10.96.#.#"),
    case("192-168-1-100.external-service.default.@ A", "192.168.1.100"),
    nxdomain(
        "192-168-1-101.external-service.default.@ A",
        "Service default/external-service has no endpoint called 192-168-1-101",
    ),
    # A slice beside a selector that would find Pods, and beside Endpoints: the slice counts.
    case("web-service.default.@ A", "10.96.#.#"),
    case("pod-2.web-service.default.@ A", "10.244.0.12"),
    case("mysql-service.default.@ A", "10.96.#.#"),
    case("10-1-0-118.mysql-service.default.@ A", "10.1.0.118"),
    nxdomain("119.0.1.10.in-addr.arpa. PTR", "no Service and no ready endpoint has this address"),
    case("web-app.default.@ A", "10.96.#.#"),
    case("hybrid-service.default.@ A", "10.96.#.#"),
    case("external-db.default.@ A", "10.96.#.#"),
    case("external-service-dns.default.@ A", "CNAME api.example.com."),
    case("external-service-ip.default.@ A", "10.96.#.#"),
    # One address, several Services.
    case(
        "11.0.244.10.in-addr.arpa. PTR",
        "10-244-0-11.hybrid-service.default.@",
        "10-244-0-11.my-service.default.@",
        "10-244-0-11.web-app.default.@",
        "pod-1.web-service.default.@",
    ),
    orphan("multi-subset-service.default.@ A", "Endpoints default/multi-subset-service"),
    orphan("hostname-service.default.@ A", "Endpoints default/hostname-service"),
    orphan("node-aware-service.default.@ A", "Endpoints default/node-aware-service"),
    orphan("my-endpoint.default.@ A", "Endpoints default/my-endpoint"),
    missing("web-pod"),
    missing("ha-web"),
    missing("web-deployment"),
    missing("nginx-deployment"),
    missing("endpoint-monitor", "monitoring"),
]

Start = Callable[[str], Awaitable[Twice]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeds() -> AsyncIterator[Start]:
    """`await seeds(NAME)`: a file of the documents, or all of them together, after two starts."""
    async with AsyncExitStack() as stack:
        running: dict[str, Twice] = {}

        async def give(name: str) -> Twice:
            if name not in running:
                path = SEEDS / f"{name}.yaml" if name else SEEDS
                running[name] = await stack.enter_async_context(started_twice(str(path)))
            return running[name]

        yield give


def seed_rows() -> list[tuple[str, Case]]:
    alone = [(name, each) for name, cases in SEED_ANSWERS.items() for each in cases]
    return alone + [("", each) for each in SEEDS_TOGETHER]


@needs_seeds
@pytest.mark.parametrize(
    ("name", "each"), [pytest.param(*row, id=f"{row[0] or 'together'}: {row[1]}") for row in seed_rows()]
)
async def test_the_manifests_of_the_documents_are_answered(seeds: Start, name: str, each: Case) -> None:
    await hold_twice(await seeds(name), each)


@needs_seeds
async def test_no_manifest_of_the_documents_is_left_out() -> None:
    assert sorted(SEED_ANSWERS) == sorted(file.stem for file in SEEDS.glob("*.yaml"))


@needs_seeds
@pytest.mark.parametrize("name", ["", *SEED_ANSWERS])
async def test_the_manifests_of_the_documents_have_no_mistakes(seeds: Start, name: str) -> None:
    twice = await seeds(name)
    assert [fault for faults in twice.first.plan.build.faults for fault in faults()] == []


@needs_seeds
@pytest.mark.parametrize(
    ("name", "service", "known"),
    [
        ("06-deployment-service-web-app", "web-service.default.@", ["10.244.#.# ready, Pod web-app-*"] * 3),
        ("22-service-mysql-service", "mysql-service.default.@", []),
        (
            "05-endpoints-my-service",
            "my-service.default.@",
            [
                "10.244.0.11 ready, hostname pod-1, Pod my-pod-1, node node-1",
                "10.244.0.12 ready, hostname pod-2, Pod my-pod-2, node node-2",
                "10.244.0.13 not ready, hostname pod-3, Pod my-pod-3, node node-1",
            ],
        ),
        (
            "14-endpoints-node-aware-service",
            "node-aware-service.default.@",
            ["10.244.0.11 ready, node node-1", "10.244.0.12 ready, node node-2"],
        ),
        (
            "11-endpoints-my-service",
            "my-service.default.@",
            ["10.244.0.11 ready", "10.244.0.12 ready", "10.244.0.13 not ready", "10.244.0.14 not ready"],
        ),
        (
            "12-endpoints-multi-subset-service",
            "multi-subset-service.default.@",
            [f"10.244.0.{last} ready" for last in (11, 12, 21, 22)],
        ),
        ("", "mysql-service.default.@", ["10.1.0.118 ready, Pod mysql-pod-1, node node-1"]),
    ],
)
async def test_endpoints_of_the_documents_are_known(seeds: Start, name: str, service: str, known: list[str]) -> None:
    twice = await seeds(name)
    assert matches(known, await endpoints(twice.first, service))
    assert await endpoints(twice.first, service) == await endpoints(twice.second, service)
