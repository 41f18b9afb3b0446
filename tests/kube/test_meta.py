"""Metadata labels, as CoreDNS gives them (plugin/kubernetes/metadata.go and its test)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.kube.meta import labels
from kdns.kube.objects import Object, Pod
from kdns.kube.options import PodMode
from kdns.proto.name import from_text
from kdns.proto.reverse import pack
from tests.kube.known import OPTIONS, index_of, question

SET = from_text("clusterset.local")
BOTH = replace(OPTIONS, zones=(*OPTIONS.zones, SET), multicluster=frozenset({SET}))
EMPTY = {"kind": "", "namespace": "", "service": "", "endpoint": "", "port-name": "", "protocol": ""}
WEB = {"kind": "svc", "namespace": "shop", "service": "web"}


def told(name: str, client: str = "192.0.2.1", *objects: Object, pods: PodMode = PodMode.DISABLED) -> dict[str, str]:
    found = labels(question(name), client, replace(BOTH, pods=pods), index_of(*objects))
    assert all(key.startswith("kubernetes/") for key in found)
    return {key.removeprefix("kubernetes/"): value() for key, value in found.items()}


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("web.shop.svc.cluster.local", WEB),
        ("WEB.Shop.svc.cluster.local", WEB),
        ("shop.svc.cluster.local", {"kind": "svc", "namespace": "shop"}),
        ("a.web.shop.svc.cluster.local", {**WEB, "endpoint": "a"}),
        ("_http._tcp.web.shop.svc.cluster.local", {**WEB, "port-name": "http", "protocol": "tcp"}),
        ("http.tcp.web.shop.svc.cluster.local", {**WEB, "port-name": "http", "protocol": "tcp"}),
        ("rack.7.pin._zone.web.shop.svc.cluster.local", {**WEB, "zone": "rack.7"}),
        ("10-0-0-1.shop.pod.cluster.local", {"kind": "pod", "namespace": "shop", "service": "10-0-0-1"}),
        ("shop.pod.cluster.local", {"kind": "pod", "namespace": "shop"}),
        ("cluster.local", {}),
        ("svc.cluster.local", {}),
        ("dns-version.cluster.local", {}),
        ("a.east.web.shop.svc.clusterset.local", {**WEB, "endpoint": "a", "cluster": "east"}),
        ("_http._tcp.web.shop.svc.clusterset.local", {**WEB, "port-name": "http", "protocol": "tcp"}),
        ("web.shop.svc.clusterset.local", WEB),
    ],
)
def test_a_name_has_labels_that_are_empty_where_it_says_nothing(name: str, given: dict[str, str]) -> None:
    assert told(name) == {**EMPTY, **given}


@pytest.mark.parametrize("name", ["foo.bar.nothing.cluster.local", "a.b.c.web.shop.svc.cluster.local"])
def test_a_name_of_no_form_has_an_error(name: str) -> None:
    assert told(name) == {"parse-error": "invalid query name"}


@pytest.mark.parametrize("name", ["example.com", "1.0.0.10.in-addr.arpa"])
def test_a_name_outside_the_zones_has_none(name: str) -> None:
    assert told(name) == {}


POD = Pod("office", "agent", (pack("10.244.0.9"), pack("fd00::9")), (("app", "agent"), ("example.com/tier", "x")))
CLIENT = {
    "client-namespace": "office",
    "client-pod-name": "agent",
    "client-label/app": "agent",
    "client-label/example.com/tier": "x",
}


@pytest.mark.parametrize(
    ("client", "mode", "given"),
    [
        ("10.244.0.9", PodMode.VERIFIED, CLIENT),
        ("fd00::9", PodMode.VERIFIED, CLIENT),
        ("fd00::9%eth0", PodMode.VERIFIED, CLIENT),
        ("10.244.0.8", PodMode.VERIFIED, {}),
        ("10.244.0.9", PodMode.INSECURE, {}),
        ("10.244.0.9", PodMode.DISABLED, {}),
    ],
)
def test_a_client_that_is_a_pod_is_known_where_pods_are_verified(
    client: str, mode: PodMode, given: dict[str, str]
) -> None:
    assert told("example.com", client, POD, pods=mode) == given


def test_each_label_has_its_own_value() -> None:
    found = labels(question("_http._tcp.web.shop.svc.cluster.local"), "192.0.2.1", BOTH, index_of())
    assert {value() for value in found.values()} == {"svc", "shop", "web", "", "http", "tcp"}
