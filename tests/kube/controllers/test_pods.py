from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from kdns.kube import schema
from kdns.kube.controllers import Settings
from kdns.kube.controllers.pods import active, controller_of, finished, ready, terminating
from tests.kube.controllers.folder import controlled, read

V4, V6 = ip_network("10.244.0.0/16"), ip_network("fd00:10:244::/64")


def pod(rest: str = "", name: str = "web", metadata: str = "") -> str:
    return f"{{kind: Pod, metadata: {{name: {name}, {metadata}}}, {rest}}}"


def shape_of(text: str) -> schema.Pod:
    (document,) = read(text)
    assert isinstance(document.shape, schema.Pod)
    return document.shape


def ips(found: schema.Pod) -> list[str]:
    assert found.status is not None
    texts = [each.ip for each in found.status.pod_ips or []]
    assert texts[:1] == [found.status.pod_ip]
    return texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(pod(), True, id="no status"),
        pytest.param(pod("status: {}"), True, id="an empty status"),
        pytest.param(pod("status: {phase: Running}"), True, id="it runs"),
        pytest.param(pod("status: {phase: Pending}"), False, id="it does not run yet"),
        pytest.param(pod("status: {conditions: [{type: Ready, status: 'True'}]}"), True, id="Ready"),
        pytest.param(pod("status: {conditions: [{type: Ready, status: 'False'}]}"), False, id="not Ready"),
        pytest.param(pod("status: {conditions: [{type: Ready, status: Unknown}]}"), False, id="unknown"),
        pytest.param(
            pod("status: {phase: Running, conditions: [{type: Initialized, status: 'False'}]}"),
            True,
            id="another condition",
        ),
        pytest.param(
            pod("status: {phase: Pending, conditions: [{type: Ready, status: 'True'}]}"),
            True,
            id="the condition says more than the phase",
        ),
    ],
)
def test_readiness_is_the_condition_where_there_is_one(text: str, expected: bool) -> None:
    assert ready(shape_of(text)) is expected


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        pytest.param(pod(), (False, False, True), id="a fresh one"),
        pytest.param(pod("status: {phase: Succeeded}"), (True, False, False), id="succeeded"),
        pytest.param(pod("status: {phase: Failed}"), (True, False, False), id="failed"),
        pytest.param(pod(metadata="deletionTimestamp: '2026-01-01T00:00:00Z'"), (False, True, False), id="terminating"),
    ],
)
def test_a_pod_is_finished_terminating_or_active(text: str, facts: tuple[bool, bool, bool]) -> None:
    found = shape_of(text)
    assert (finished(found), terminating(found), active(found)) == facts


@pytest.mark.parametrize(
    ("owners", "controller"),
    [
        pytest.param("[]", None, id="none"),
        pytest.param("[{kind: ReplicaSet, name: a}]", None, id="an owner that does not control"),
        pytest.param(
            "[{kind: X, name: x}, {kind: ReplicaSet, name: a, controller: true}]",
            ("ReplicaSet", "a"),
            id="the one that does",
        ),
    ],
)
def test_a_pod_has_one_controller(owners: str, controller: tuple[str, str] | None) -> None:
    assert controller_of(shape_of(pod(metadata=f"ownerReferences: {owners}")).metadata) == controller


def test_a_pod_gets_an_address_of_each_family() -> None:
    found = ips(controlled(pod()).pods()["web"])
    assert [ip_address(text) in network for text, network in zip(found, (V4, V6), strict=True)] == [
        True,
        True,
    ]


def test_a_pods_addresses_are_the_same_whoever_else_there_is() -> None:
    others = "\n---\n".join(pod(name=f"other-{number}") for number in range(50))
    assert ips(controlled(f"{others}\n---\n{pod()}").pods()["web"]) == ips(controlled(pod()).pods()["web"])


def test_families_come_in_the_order_of_the_ranges() -> None:
    found = ips(controlled(pod(), Settings(pod_cidrs=(V6, V4))).pods()["web"])
    assert [ip_address(text).version for text in found] == [6, 4]


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param("status: {podIP: 192.0.2.7}", id="an address of its own"),
        pytest.param("status: {podIPs: [{ip: '2001:db8::7'}]}", id="a list of its own"),
        pytest.param("status: {podIP: nonsense}", id="one that is no address"),
        pytest.param("status: {phase: Succeeded}", id="it has ended"),
        pytest.param("status: {phase: Failed}", id="it has failed"),
    ],
)
def test_a_pod_is_left_as_it_is(rest: str) -> None:
    world = controlled(pod(rest))
    assert world.pods()["web"] == shape_of(pod(rest))
    assert world.problems == []


NODE = """
kind: Node
metadata: {name: n1}
status:
  addresses:
  - {type: Hostname, address: n1}
  - {type: InternalIP, address: 192.0.2.9}
  - {type: InternalIP, address: '2001:db8::9'}
"""


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        pytest.param("spec: {hostNetwork: true, nodeName: n1}", ["192.0.2.9", "2001:db8::9"], id="its Node's"),
        pytest.param("spec: {hostNetwork: true}, status: {hostIP: 192.0.2.8}", ["192.0.2.8"], id="its status's"),
        pytest.param(
            "spec: {hostNetwork: true}, status: {hostIP: 192.0.2.8, hostIPs: [{ip: 192.0.2.8}, {ip: '2001:db8::8'}]}",
            ["192.0.2.8", "2001:db8::8"],
            id="its status's, both",
        ),
    ],
)
def test_a_pod_of_the_hosts_network_has_the_hosts_addresses(rest: str, expected: list[str]) -> None:
    world = controlled(f"{NODE}---\n{pod(rest)}")
    assert ips(world.pods()["web"]) == expected
    assert world.problems == []


@pytest.mark.parametrize("where", ["", ", nodeName: n1", ", nodeName: n2"])
def test_one_whose_host_is_not_known_has_an_address_all_the_same(where: str) -> None:
    world = controlled(pod(f"spec: {{hostNetwork: true{where}}}"))
    assert ip_address(ips(world.pods()["web"])[0]) in V4


def test_a_phase_survives_the_address() -> None:
    found = controlled(pod("status: {phase: Pending}")).pods()["web"].status
    assert found is not None
    assert found.phase == "Pending"


def test_a_derived_address_is_never_one_that_a_document_gives() -> None:
    home = ips(controlled(pod()).pods()["web"])[0]
    moved = ips(controlled(f"{pod()}\n---\n{pod(f'status: {{podIP: {home}}}', 'other')}").pods()["web"])[0]
    assert moved != home
    assert ip_address(moved) in V4


def test_a_cluster_ip_in_the_pods_range_is_not_given_to_a_pod() -> None:
    same = (ip_network("10.9.0.0/29"),)
    texts = [pod(name=f"p{number}") for number in range(2)]
    texts += [f"{{kind: Service, metadata: {{name: s{number}}}}}" for number in range(3)]
    world = controlled("\n---\n".join(texts), Settings(service_cidrs=same, pod_cidrs=same))
    held = [ip for name in world.names("Service") for ip in world.ips(name)]
    held += [ip for each in world.pods().values() for ip in ips(each)]
    assert len(held) == len(set(held)) == 6  # with default/kubernetes


def test_a_full_range_is_one_problem_of_an_origin() -> None:
    deployment = (
        "{kind: Deployment, metadata: {name: web}, spec: {replicas: 9, selector: {matchLabels: {a: b}}, "
        "template: {metadata: {labels: {a: b}}}}}"
    )
    settings = Settings(pod_cidrs=(ip_network("10.9.0.0/29"),))
    world = controlled(deployment, settings)
    with_address = [each for each in world.pods().values() if each.status and each.status.pod_ip]
    assert len(with_address) == 5
    (problem,) = world.problems
    assert problem.origin.made_from == "Deployment default/web"
    assert problem.text == "4 Pod(s) without an IPv4 address: 10.9.0.0/29 is full"


def test_without_ranges_pods_have_no_addresses() -> None:
    world = controlled(pod(), Settings(pod_cidrs=()))
    assert world.pods()["web"] == shape_of(pod())
    assert world.problems == []
