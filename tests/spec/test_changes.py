"""What the cluster's end-to-end tests change while they ask (kubernetes/kubernetes: test/e2e/network/dns.go),
and the zone's serial. Every question has been asked before the change, so its answer was kept."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kdns.kube.cluster import Cluster
from kdns.kube.objects import Endpoint, Kind, Namespace, Object, Pod, Port, Ref, Service, Slice
from kdns.kube.store import Store
from kdns.proto.reverse import pack
from tests.asking import Asked, lines, rcode, serving
from tests.spec.table import Setting

WEB = "web.shop.svc.cluster.local."
HTTP = (Port("http", 80),)
CLUSTER_IP = Service("shop", "web", (pack("10.96.0.10"),), HTTP)
HEADLESS = Service("shop", "web", (), HTTP, headless=True)


def slice_of(*ips: str, ready: bool = True, hostname: str = "") -> Slice:
    endpoints = (Endpoint((pack(ip),), HTTP, hostname=hostname, ready=ready) for ip in ips)
    return Slice("shop", "web-1", "web", tuple(endpoints))


def alias(target: str) -> Service:
    return Service("shop", "web", external_name=target)


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    (tmp_path / "empty.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    setting = Setting(("pods verified",), manifests="empty.yaml")
    async with serving(setting.corefile, tmp_path) as served:
        yield served


def store_of(asked: Asked) -> Store:
    (cluster,) = (part for part in asked.plan.build.parts if isinstance(part, Cluster))
    return cluster.store


async def said(asked: Asked, name: str, type: str) -> list[str]:
    """The rdata of the answer, or the rcode where there is none."""
    reply = await asked.ask(name, type)
    return sorted(line.split(maxsplit=4)[4] for line in lines(reply.answer)) or [rcode(reply)]


Change = Callable[[Store], None]


def put(*objects: Object) -> Change:
    return lambda store: store.update(objects)


def drop(kind: Kind, name: str, namespace: str = "shop") -> Change:
    return lambda store: store.update([], [Ref(kind, namespace, name)])


REVERSE = "10.0.96.10.in-addr.arpa."
ENDPOINT = "1.0.244.10.in-addr.arpa."
POD = "10-244-0-1.shop.pod.cluster.local."

STORIES = [
    pytest.param(
        [
            (put(alias("foo.example.com")), WEB, "CNAME", ["foo.example.com."]),
            (put(alias("bar.example.com")), WEB, "CNAME", ["bar.example.com."]),
            (put(CLUSTER_IP), WEB, "A", ["10.96.0.10"]),
            (put(CLUSTER_IP), WEB, "CNAME", ["NOERROR"]),
        ],
        id="an alias, another alias, a cluster IP",
    ),
    pytest.param(
        [
            (put(HEADLESS), WEB, "A", ["NXDOMAIN"]),
            (put(slice_of("10.244.0.1", ready=False)), WEB, "A", ["NXDOMAIN"]),
            (put(slice_of("10.244.0.1")), WEB, "A", ["10.244.0.1"]),
            (put(slice_of("10.244.0.1", "10.244.0.2")), WEB, "A", ["10.244.0.1", "10.244.0.2"]),
            (put(slice_of()), WEB, "A", ["NXDOMAIN"]),
        ],
        id="endpoints come and go",
    ),
    pytest.param(
        [
            (put(slice_of("10.244.0.1")), WEB, "A", ["NXDOMAIN"]),
            (put(HEADLESS), WEB, "A", ["10.244.0.1"]),
            (drop(Kind.SERVICE, "web"), WEB, "A", ["NXDOMAIN"]),
        ],
        id="a Service after its endpoints",
    ),
    pytest.param(
        [
            (put(CLUSTER_IP), REVERSE, "PTR", [WEB]),
            (put(CLUSTER_IP._replace(addresses=(pack("10.96.0.11"),))), REVERSE, "PTR", ["NXDOMAIN"]),
            (put(CLUSTER_IP), REVERSE, "PTR", [WEB]),
            (drop(Kind.SERVICE, "web"), REVERSE, "PTR", ["NXDOMAIN"]),
            (drop(Kind.SERVICE, "web"), "0.96.10.in-addr.arpa.", "PTR", ["NXDOMAIN"]),
        ],
        id="a cluster IP's pointer",
    ),
    pytest.param(
        [
            (put(HEADLESS, slice_of("10.244.0.1")), ENDPOINT, "PTR", [f"10-244-0-1.{WEB}"]),
            (put(slice_of("10.244.0.1", hostname="first")), ENDPOINT, "PTR", [f"first.{WEB}"]),
            (put(slice_of("10.244.0.1", ready=False)), ENDPOINT, "PTR", ["NXDOMAIN"]),
        ],
        id="an endpoint's pointer",
    ),
    pytest.param(
        [
            (put(CLUSTER_IP), WEB, "A", ["10.96.0.10"]),
            (put(Namespace("shop", exposed=False)), WEB, "A", ["NXDOMAIN"]),
            (put(Namespace("shop", exposed=False)), REVERSE, "PTR", ["NXDOMAIN"]),
            (put(Namespace("shop")), WEB, "A", ["10.96.0.10"]),
            (drop(Kind.NAMESPACE, "shop", ""), REVERSE, "PTR", ["NXDOMAIN"]),
            (drop(Kind.NAMESPACE, "shop", ""), "shop.svc.cluster.local.", "A", ["NXDOMAIN"]),
        ],
        id="a namespace",
    ),
    pytest.param(
        [
            (put(Pod("shop", "web", (pack("10.244.0.1"),))), POD, "A", ["10.244.0.1"]),
            (put(Pod("shop", "web", (pack("10.244.0.2"),))), POD, "A", ["NXDOMAIN"]),
            (put(Pod("office", "web", (pack("10.244.0.1"),))), POD, "A", ["NXDOMAIN"]),
            (put(Pod("shop", "other", (pack("10.244.0.1"),))), POD, "A", ["10.244.0.1"]),
        ],
        id="a Pod",
    ),
    pytest.param(
        [
            (
                put(Service("shop", "a", external_name=WEB), CLUSTER_IP),
                "a.shop.svc.cluster.local.",
                "A",
                [WEB, "10.96.0.10"],
            ),
            (drop(Kind.SERVICE, "web"), "a.shop.svc.cluster.local.", "AAAA", [WEB]),
            (put(CLUSTER_IP), "a.shop.svc.cluster.local.", "A", [WEB, "10.96.0.10"]),
        ],
        id="what an alias leads to",
    ),
]


@pytest.mark.parametrize("story", STORIES)
async def test_the_next_answer_knows_of_the_change(
    asked: Asked, story: list[tuple[Change, str, str, list[str]]]
) -> None:
    store = store_of(asked)
    for _, name, type, _ in story:
        await said(asked, name, type)
    for change, name, type, expected in story:
        await said(asked, name, type)
        change(store)
        assert await said(asked, name, type) == sorted(expected)
        assert await said(asked, name, type) == sorted(expected)


async def serial(asked: Asked, name: str = "cluster.local.", type: str = "SOA") -> int:
    reply = await asked.ask(name, type)
    (soa,) = [record for rrset in (*reply.answer, *reply.authority) for record in rrset]
    return int(soa.serial)


async def test_the_serial_is_the_time_of_the_last_change_in_answers_that_were_kept_too(asked: Asked) -> None:
    store = store_of(asked)
    store.update([CLUSTER_IP, HEADLESS._replace(name="db")])
    denied = ("gone.shop.svc.cluster.local.", "A")
    assert await serial(asked) == await serial(asked, *denied) == 1_700_000_000
    asked.wall.now += 60
    store.update([CLUSTER_IP])
    assert await serial(asked) == await serial(asked, *denied) == 1_700_000_000
    store.update([CLUSTER_IP._replace(addresses=(pack("10.96.0.99"),))])
    assert await serial(asked) == await serial(asked, *denied) == 1_700_000_060
    assert asked.responder.memo.epoch > 0
