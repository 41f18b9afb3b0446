"""The kinds that are followed: their paths, and objects' bytes as items."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kdns.kube.live.resources import TRIGGER, Item, Resource, Undecodable, resource
from kdns.kube.objects import Kind, Namespace, Pod, Ref, Service, ServiceImport, Slice
from tests.kube.live.etcd import endpoints, namespace, pod, service, slice_of


@pytest.mark.parametrize(
    ("kind", "everywhere", "in_shop"),
    [
        (Kind.SERVICE, "/api/v1/services", "/api/v1/namespaces/shop/services"),
        (
            Kind.SLICE,
            "/apis/discovery.k8s.io/v1/endpointslices",
            "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
        ),
        (Kind.ENDPOINTS, "/api/v1/endpoints", "/api/v1/namespaces/shop/endpoints"),
        (Kind.POD, "/api/v1/pods", "/api/v1/namespaces/shop/pods"),
        (
            Kind.IMPORT,
            "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports",
            "/apis/multicluster.x-k8s.io/v1alpha1/namespaces/shop/serviceimports",
        ),
    ],
)
def test_a_kind_is_found_everywhere_or_in_one_namespace(kind: Kind, everywhere: str, in_shop: str) -> None:
    assert (resource(kind).path, resource(kind, "shop").path) == (everywhere, in_shop)
    assert str(resource(kind, "shop")) == f"{resource(kind)} in shop"


def test_selectors_that_are_empty_are_not_asked_for() -> None:
    found = resource(Kind.NAMESPACE, labelSelector="", fieldSelector="metadata.name=shop")
    assert (found.path, found.query) == ("/api/v1/namespaces", {"fieldSelector": "metadata.name=shop"})


def item(kind: Kind, doc: dict[str, Any]) -> Item:
    made: Resource = resource(kind)
    return made.item(json.dumps(doc).encode())


def known(doc: dict[str, Any], **metadata: object) -> dict[str, Any]:
    return {**doc, "metadata": {**doc["metadata"], "uid": "u-1", "resourceVersion": "77", **metadata}}


@pytest.mark.parametrize(
    ("kind", "doc", "shape", "where"),
    [
        (Kind.SERVICE, service("web", "10.96.0.1"), Service, "shop"),
        (Kind.SLICE, slice_of("web", "10.0.0.1", name="web"), Slice, "shop"),
        (Kind.POD, pod("web", "10.0.0.1"), Pod, "shop"),
        (Kind.NAMESPACE, namespace("web"), Namespace, ""),
        (
            Kind.IMPORT,
            {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"type": "ClusterSetIP", "ips": ["10.1.0.1"]}},
            ServiceImport,
            "shop",
        ),
    ],
    ids=str,
)
def test_an_object_is_known_by_its_name_uid_and_version(
    kind: Kind, doc: dict[str, Any], shape: type, where: str
) -> None:
    found = item(kind, known(doc))
    assert found[:3] == (Ref(kind, where, "web"), "u-1", "77")
    assert isinstance(found.object, shape)
    assert found.triggered == ""


def test_the_time_of_the_change_that_led_to_an_object_is_kept() -> None:
    doc = known(slice_of("web", "10.0.0.1"), annotations={TRIGGER: "2023-11-14T22:13:18Z", "other": "x"})
    assert item(Kind.SLICE, doc).triggered == "2023-11-14T22:13:18Z"


def test_an_object_that_dns_does_not_show_is_an_item_without_one() -> None:
    found = item(Kind.POD, known(pod("done", "10.0.0.1", phase="Succeeded")))
    assert (found.ref, found.object) == (Ref(Kind.POD, "shop", "done"), None)


def test_an_endpoints_object_without_endpoints_can_be_read() -> None:
    doc = known({**endpoints("web"), "subsets": None})
    assert item(Kind.ENDPOINTS, doc).ref == Ref(Kind.ENDPOINTS, "shop", "web")


@pytest.mark.parametrize(
    ("doc", "name"),
    [
        (known({**service("web"), "spec": {"ports": "many"}}), "web"),
        (known({**service("web"), "spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["no address"]}}), "web"),
        ({"metadata": {"name": ""}, "spec": {"ports": 1}}, None),
        ({"metadata": None, "spec": {"ports": 1}}, None),
        ({"metadata": {"name": 7}}, None),
    ],
    ids=["a wrong type", "no address", "no name", "no metadata", "a name that is none"],
)
def test_an_object_that_cannot_be_shown_is_named_if_its_name_can_be_read(doc: dict[str, Any], name: str | None) -> None:
    with pytest.raises(Undecodable) as raised:
        item(Kind.SERVICE, doc)
    found = raised.value.item
    assert (found.ref.name if found else None) == name
    assert found is None or (found.object, found.uid, found.version) == (None, "u-1", "77")


def test_bytes_that_are_no_json_are_no_object() -> None:
    with pytest.raises(Undecodable) as raised:
        resource(Kind.SERVICE).item(b'{"metadata": {"name": "we')
    assert raised.value.item is None
