"""What can be told about an answer; seen through a served cluster, as `kdns explain` does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from kdns.cli.verdict import judge
from kdns.kube.explained import describe
from kdns.kube.objects import Endpoint
from kdns.proto.name import from_text, to_text
from kdns.proto.text import type_number
from kdns.why import Exhibit, Why
from tests.asking import serving
from tests.kube.known import endpoint

COREFILE = """\
cluster.local in-addr.arpa {
    kubernetes {
        manifests a.yaml b.yaml
        controllers off
        pods verified
    }
}
"""
A = """\
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, ports: [{name: sql, port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias, namespace: shop}
spec: {type: ExternalName, externalName: db.shop.svc.cluster.local}
"""
B = """\
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, namespace: shop, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
ports: [{name: sql, port: 5432}]
endpoints:
- {addresses: [10.244.0.1], hostname: db-0, nodeName: node-1, zone: eu-1, targetRef: {kind: Pod, name: db-abc}}
- {addresses: [10.244.0.2], conditions: {ready: false}}
- {addresses: [10.244.0.3], conditions: {ready: false, terminating: true}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(A)
    (tmp_path / "b.yaml").write_text(B)
    return tmp_path


async def why(folder: Path, name: str, type: str = "A") -> Why:
    async with serving(COREFILE, folder) as asked:
        found = (await judge(asked.plan, from_text(name), type_number(type))).response.why
        assert found is not None
        return found


def shown(exhibits: Iterable[Exhibit]) -> list[tuple[str, bool, str]]:
    """Object, found, and the last part of its origin."""
    return [(each.object, each.found, each.origin.rpartition("/")[2]) for each in exhibits]


async def test_a_service_is_shown_with_its_slices_and_endpoints_and_where_they_stand(folder: Path) -> None:
    found = await why(folder, "db.shop.svc.cluster.local")
    assert (found.word, found.sentence) == ("service", "Service shop/db answers")
    exhibits = found.exhibits()
    assert shown(exhibits) == [
        ("Service shop/db", True, "a.yaml, document 1 (line 1)"),
        ("EndpointSlice shop/db-1", True, "b.yaml, document 1 (line 1)"),
        ("endpoints of Service shop/db", True, ""),
    ]
    assert exhibits[-1].notes == (
        "10.244.0.1 ready, hostname db-0, Pod db-abc, node node-1, zone eu-1",
        "10.244.0.2 not ready",
        "10.244.0.3 terminating",
    )
    assert found.neighbours() == ()


async def test_what_does_not_exist_is_shown_as_missing_and_names_near_it_are_told(folder: Path) -> None:
    found = await why(folder, "dbs.shop.svc.cluster.local")
    assert shown(found.exhibits()) == [("Service shop/dbs", False, "")]
    assert to_text(found.neighbours()[0]) == "db.shop.svc.cluster.local."


async def test_every_object_on_the_way_is_shown(folder: Path) -> None:
    found = await why(folder, "alias.shop.svc.cluster.local", "AAAA")
    assert [each[0] for each in shown(found.exhibits())] == [
        "Service shop/alias",
        "Service shop/db",
        "EndpointSlice shop/db-1",
        "endpoints of Service shop/db",
    ]


async def test_a_namespace_that_was_mentioned_says_where(folder: Path) -> None:
    assert shown((await why(folder, "x.gone.svc.cluster.local")).exhibits()) == [("Namespace gone", False, "")]


async def test_a_pointer_shows_its_service(folder: Path) -> None:
    found = await why(folder, "1.0.244.10.in-addr.arpa", "PTR")
    assert shown(found.exhibits()) == [("Service shop/db", True, "a.yaml, document 1 (line 1)")]
    assert (await why(folder, "9.0.244.10.in-addr.arpa", "PTR")).neighbours() == ()


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (endpoint("10.0.0.1"), "10.0.0.1 ready"),
        (endpoint("10.0.0.1", "fd00::1", ready=False), "10.0.0.1 fd00::1 not ready"),
        (endpoint("10.0.0.1", ready=False, terminating=True), "10.0.0.1 terminating"),
        (
            endpoint("10.0.0.1", hostname="a", target="p", node="n", zone="z", terminating=True),
            "10.0.0.1 ready, hostname a, Pod p, node n, zone z",
        ),
    ],
)
def test_an_endpoint_is_a_line(given: Endpoint, text: str) -> None:
    assert describe(given) == text
