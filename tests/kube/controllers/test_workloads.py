from __future__ import annotations

import re

import pytest

from kdns.kube import schema
from kdns.kube.controllers.blueprint import MOST
from tests.kube.controllers.folder import World, controlled

TEMPLATE = "template: {metadata: {labels: {app: web}}, spec: {containers: [{ports: [{containerPort: 80}]}]}}"
SELECTOR = "selector: {matchLabels: {app: web}}"
LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"


def workload(kind: str, spec: str = "", *, name: str = "web", metadata: str = "", template: str = TEMPLATE) -> str:
    body = ", ".join(part for part in (spec, SELECTOR, template) if part)
    return f"{{kind: {kind}, metadata: {{name: {name}, {metadata}}}, spec: {{{body}}}}}"


def pod(name: str, *, labels: str = "app: web", owner: str = "", metadata: str = "", rest: str = "") -> str:
    if owner:
        kind, _, by = owner.partition("/")
        metadata += f", ownerReferences: [{{kind: {kind}, name: {by}, controller: true}}]"
    return f"{{kind: Pod, metadata: {{name: {name}, labels: {{{labels}}}, {metadata.lstrip(', ')}}}, {rest}}}"


def node(name: str, labels: str = "") -> str:
    return f"{{kind: Node, metadata: {{name: {name}, labels: {{{labels}}}}}}}"


def folder(*texts: str) -> str:
    return "\n---\n".join(texts)


def made(world: World) -> dict[str, schema.Pod]:
    names = {each.name for each in world.documents if each.kind == "Pod" and each.origin.made_from}
    return {name: shape for name, shape in world.pods().items() if name in names}


def owner(shape: schema.Pod) -> tuple[str, str]:
    (reference,) = shape.metadata.owner_references or []
    assert reference.controller
    return reference.kind, reference.name


KINDS = ["Deployment", "ReplicaSet", "StatefulSet"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spec", "count"),
    [
        pytest.param("", 1, id="one where it does not say"),
        pytest.param("replicas: 3", 3, id="three"),
        pytest.param("replicas: 0", 0, id="none"),
        pytest.param("replicas: -1", 0, id="less than none"),
    ],
)
def test_a_workload_makes_its_replicas(kind: str, spec: str, count: int) -> None:
    world = controlled(workload(kind, spec))
    assert len(made(world)) == count
    assert world.problems == []


@pytest.mark.parametrize("kind", [*KINDS, "DaemonSet"])
def test_a_pod_is_as_its_template_says_and_tells_where_it_comes_from(kind: str) -> None:
    template = (
        "template: {metadata: {labels: {app: web, tier: front}}, spec: {hostname: h, subdomain: s, "
        "nodeName: n, containers: [{ports: [{containerPort: 80, name: http}]}]}}"
    )
    world = controlled("\n\n" + workload(kind, metadata="namespace: shop", template=template))
    ((name, found),) = world.pods("shop").items()
    assert found.spec is not None
    assert found.metadata.labels is not None
    assert found.metadata.labels.items() >= {"app": "web", "tier": "front"}.items()
    assert found.spec.containers == [schema.Container(ports=[schema.ContainerPort(container_port=80, name="http")])]
    assert found.spec.node_name == "n"
    if kind != "StatefulSet":
        assert (found.spec.hostname, found.spec.subdomain) == ("h", "s")
    assert found.status is not None
    assert len(found.status.pod_ips or []) == 2
    origin = world.document("Pod", f"shop/{name}").origin
    assert str(origin) == f"made from {kind} shop/web, shop.yaml, document 1 (line 3)"


def test_a_deployments_pods_are_those_of_a_replica_set() -> None:
    found = made(controlled(workload("Deployment", "replicas: 3")))
    sets = {owner(each) for each in found.values()}
    ((kind, name),) = sets
    assert kind == "ReplicaSet"
    assert re.fullmatch(rf"web-{LETTERS}{{10}}", name)
    for pod_name, each in found.items():
        assert re.fullmatch(rf"{name}-{LETTERS}{{5}}", pod_name)
        assert (each.metadata.labels or {})["pod-template-hash"] == name.removeprefix("web-")


def test_names_are_the_same_at_each_start_and_change_with_the_template() -> None:
    one = made(controlled(workload("Deployment")))
    again = made(controlled(workload("Deployment")))
    other = made(controlled(workload("Deployment", template=TEMPLATE.replace("80", "81"))))
    assert one == again
    assert not one.keys() & other.keys()


def test_one_replica_more_is_one_pod_more() -> None:
    two = made(controlled(workload("Deployment", "replicas: 2")))
    three = made(controlled(workload("Deployment", "replicas: 3")))
    assert two.items() <= three.items()


@pytest.mark.parametrize(("kind", "prefix"), [("ReplicaSet", "web-"), ("DaemonSet", "web-")])
def test_a_pod_is_named_after_its_set(kind: str, prefix: str) -> None:
    ((name, found),) = made(controlled(workload(kind))).items()
    assert re.fullmatch(rf"{prefix}{LETTERS}{{5}}", name)
    assert owner(found) == (kind, "web")


def test_a_long_name_is_cut_at_63_characters() -> None:
    long = "a" * 63
    (name,) = made(controlled(workload("ReplicaSet", name=long)))
    assert re.fullmatch(rf"a{{58}}{LETTERS}{{5}}", name)


def test_pods_of_workloads_with_the_same_beginning_have_names_of_their_own() -> None:
    names = [f"{'a' * 60}{number}" for number in range(5)]
    texts = [workload("ReplicaSet", "replicas: 50", name=name) for name in names]
    assert len(made(controlled(folder(*texts)))) == 250


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        pytest.param("replicas: 2", ["web-0", "web-1"], id="from 0"),
        pytest.param("replicas: 2, ordinals: {start: 3}", ["web-3", "web-4"], id="from where it starts"),
    ],
)
def test_a_stateful_sets_pods_are_numbered_and_have_hostnames(spec: str, names: list[str]) -> None:
    found = made(controlled(workload("StatefulSet", f"{spec}, serviceName: db")))
    assert list(found) == names
    for name, each in found.items():
        assert each.spec is not None
        assert (each.spec.hostname, each.spec.subdomain) == (name, "db")
        labels = each.metadata.labels or {}
        assert labels["statefulset.kubernetes.io/pod-name"] == name
        assert labels["apps.kubernetes.io/pod-index"] == name.removeprefix("web-")
        assert owner(each) == ("StatefulSet", "web")


def test_a_stateful_set_skips_ordinals_whose_pod_exists() -> None:
    world = controlled(
        folder(
            workload("StatefulSet", "replicas: 4, serviceName: db"),
            pod("web-1", owner="StatefulSet/web"),
            pod("web-2", labels="x: y", rest="status: {phase: Failed}"),
        )
    )
    assert list(made(world)) == ["web-0", "web-3"]


def test_a_stateful_set_whose_names_are_no_hostnames_makes_no_pods() -> None:
    long = "a" * 62
    world = controlled(workload("StatefulSet", name=long))
    assert made(world) == {}
    too_long = f"'{long}-0' is too long for a hostname (63 characters)"
    assert world.texts == [f"StatefulSet default/{long} makes no Pods: {too_long}"]


@pytest.mark.parametrize(
    ("pods", "missing"),
    [
        pytest.param([pod("a", owner="ReplicaSet/web")], 2, id="its own"),
        pytest.param([pod("a")], 2, id="nobody's"),
        pytest.param([pod("a", metadata="ownerReferences: [{kind: X, name: x}]")], 2, id="not controlled"),
        pytest.param([pod("a", owner="ReplicaSet/other")], 3, id="another's"),
        pytest.param([pod("a", owner="Job/web")], 3, id="another kind's of the same name"),
        pytest.param([pod("a", labels="app: api")], 3, id="other labels"),
        pytest.param([pod("a", metadata="namespace: shop")], 3, id="another namespace"),
        pytest.param([pod("a", rest="status: {phase: Failed}")], 3, id="failed"),
        pytest.param([pod("a", rest="status: {phase: Succeeded}")], 3, id="succeeded"),
        pytest.param([pod("a", metadata="deletionTimestamp: '2026-01-01'")], 3, id="on its way out"),
        pytest.param([pod("a", rest="status: {phase: Pending}")], 2, id="not yet running"),
        pytest.param([pod(name) for name in "abcde"], 0, id="too many are left alone"),
    ],
)
def test_a_replica_set_makes_what_is_missing(pods: list[str], missing: int) -> None:
    world = controlled(folder(workload("ReplicaSet", "replicas: 3"), *pods))
    assert len(made(world)) == missing
    assert len(world.names("Pod")) == len(pods) + missing


def test_a_pod_of_nobody_counts_for_one_workload_only() -> None:
    world = controlled(folder(workload("ReplicaSet", name="one"), workload("ReplicaSet", name="two"), pod("a")))
    assert [owner(each) for each in made(world).values()] == [("ReplicaSet", "two")]


HASHED = "app: web, pod-template-hash: h4sh"
SET = workload(
    "ReplicaSet",
    "replicas: 3",
    name="web-h4sh",
    metadata=(f"labels: {{{HASHED}}}, ownerReferences: [{{kind: Deployment, name: web, controller: true}}]"),
    template=TEMPLATE.replace("app: web", HASHED),
)


def test_the_output_of_kubectl_get_all_is_complete() -> None:
    old = SET.replace("h4sh", "old").replace("replicas: 3", "replicas: 0")
    pods = [pod(f"web-h4sh-{name}", labels=HASHED, owner="ReplicaSet/web-h4sh") for name in "abc"]
    world = controlled(folder(workload("Deployment", "replicas: 3"), SET, old, *pods))
    assert made(world) == {}
    assert len(world.names("Pod")) == 3


def test_a_deployment_makes_what_its_replica_sets_lack_and_names_it_after_the_one_of_its_template() -> None:
    pods = [pod("web-h4sh-a", labels=HASHED, owner="ReplicaSet/web-h4sh")]
    found = made(controlled(folder(workload("Deployment", "replicas: 3"), SET, *pods)))
    assert len(found) == 2
    for name, each in found.items():
        assert re.fullmatch(rf"web-h4sh-{LETTERS}{{5}}", name)
        assert owner(each) == ("ReplicaSet", "web-h4sh")
        assert each.metadata.labels == {"app": "web", "pod-template-hash": "h4sh"}


def test_a_deployments_replica_set_of_another_template_is_not_the_one_that_makes_pods() -> None:
    changed = workload("Deployment", "replicas: 3", template=TEMPLATE.replace("80", "81"))
    found = made(controlled(folder(changed, SET)))
    assert len(found) == 3
    assert all(owner(each) != ("ReplicaSet", "web-h4sh") for each in found.values())


@pytest.mark.parametrize(
    ("pods", "missing"),
    [
        pytest.param([pod("a", labels=HASHED, owner="ReplicaSet/web-h4sh")], 2, id="of a set by the hash"),
        pytest.param([pod("a", labels=HASHED)], 2, id="of nobody, with a hash"),
        pytest.param([pod("a")], 3, id="of nobody, without one: no ReplicaSet's"),
        pytest.param([pod("a", labels=HASHED, owner="ReplicaSet/api-h4sh")], 3, id="of another's set"),
        pytest.param([pod("a", owner="StatefulSet/web")], 3, id="of another workload"),
    ],
)
def test_a_deployment_knows_its_pods_without_their_replica_set(pods: list[str], missing: int) -> None:
    assert len(made(controlled(folder(workload("Deployment", "replicas: 3"), *pods)))) == missing


def test_a_deployment_knows_its_replica_set_by_its_controller_whatever_its_name() -> None:
    odd = SET.replace("name: web-h4sh", "name: odd")
    pods = [pod(name, labels=HASHED, owner="ReplicaSet/odd") for name in "ab"]
    found = made(controlled(folder(workload("Deployment", "replicas: 3"), odd, *pods)))
    assert [owner(each) for each in found.values()] == [("ReplicaSet", "odd")]


def test_a_replica_set_whose_template_has_other_labels_is_not_the_one_that_makes_pods() -> None:
    other = SET.replace(f"labels: {{{HASHED}}}}}, spec: {{c", f"labels: {{{HASHED}, x: y}}}}, spec: {{c")
    assert other != SET
    (found,) = made(controlled(folder(workload("Deployment"), other))).values()
    assert owner(found) != ("ReplicaSet", "web-h4sh")


def test_a_replica_set_of_nobody_is_one_deployments_only() -> None:
    free = workload("ReplicaSet", name="free", metadata="labels: {app: web}")
    held = pod("a", owner="ReplicaSet/free")
    texts = [workload("Deployment", name=name) for name in ("one", "two")]
    found = made(controlled(folder(free, held, *texts)))
    assert [owner(each)[1].partition("-")[0] for each in found.values()] == ["two"]


def test_a_replica_set_of_nobody_that_a_deployment_selects_is_the_deployments() -> None:
    free = workload("ReplicaSet", "replicas: 5", name="free", metadata="labels: {app: web}")
    assert len(made(controlled(folder(workload("Deployment", "replicas: 2"), free)))) == 2


def test_a_replica_set_whose_deployment_is_not_there_makes_its_own_pods() -> None:
    assert {owner(each) for each in made(controlled(SET)).values()} == {("ReplicaSet", "web-h4sh")}


def test_two_deployments_with_one_selector_have_pods_of_their_own() -> None:
    texts = [workload("Deployment", "replicas: 3", name=name) for name in ("one", "two")]
    assert len(made(controlled(folder(*texts)))) == 6


def test_a_daemon_set_has_a_pod_on_each_node_that_it_selects() -> None:
    template = TEMPLATE.replace("spec: {", "spec: {nodeSelector: {disk: fast}, ")
    nodes = [node("one", "disk: fast"), node("two", "disk: slow"), node("three", "disk: fast, x: y")]
    found = made(controlled(folder(workload("DaemonSet", template=template), *nodes)))
    assert sorted(each.spec.node_name or "" for each in found.values() if each.spec) == ["one", "three"]


def test_a_daemon_set_makes_none_where_it_has_one() -> None:
    held = pod("a", owner="DaemonSet/web", rest="spec: {nodeName: one}")
    found = made(controlled(folder(workload("DaemonSet"), node("one"), node("two"), held)))
    assert [each.spec.node_name for each in found.values() if each.spec] == ["two"]


@pytest.mark.parametrize(
    ("others", "count"),
    [
        pytest.param([], 1, id="no Node is known"),
        pytest.param([node("one", "disk: slow")], 1, id="none is selected"),
        pytest.param([pod("a", owner="DaemonSet/web")], 0, id="it has one"),
    ],
)
def test_a_daemon_set_without_nodes_has_one_pod(others: list[str], count: int) -> None:
    template = TEMPLATE.replace("spec: {", "spec: {nodeSelector: {disk: fast}, ")
    assert len(made(controlled(folder(workload("DaemonSet", "replicas: 7", template=template), *others)))) == count


def test_pods_of_the_hosts_network_have_their_nodes_addresses() -> None:
    template = TEMPLATE.replace("spec: {", "spec: {hostNetwork: true, ")
    node = (
        "{{kind: Node, metadata: {{name: n{0}}}, status: {{addresses: [{{type: InternalIP, address: 192.0.2.{0}}}]}}}}"
    )
    world = controlled(folder(workload("DaemonSet", template=template), node.format(1), node.format(2)))
    found = [each.status.pod_ip for each in made(world).values() if each.status]
    assert sorted(filter(None, found)) == ["192.0.2.1", "192.0.2.2"]
    assert world.problems == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        pytest.param(TEMPLATE, "spec.selector is missing", id="no selector"),
        pytest.param(f"selector: {{}}, {TEMPLATE}", "spec.selector is empty", id="an empty one"),
        pytest.param(
            f"selector: {{matchLabels: {{app: api}}}}, {TEMPLATE}",
            "spec.selector (app=api) does not match the labels of spec.template",
            id="one for other Pods",
        ),
        pytest.param(SELECTOR, "spec.selector (app=web) does not match the labels of spec.template", id="no template"),
        pytest.param(
            f"selector: {{matchExpressions: [{{key: app, operator: Like, values: [w]}}]}}, {TEMPLATE}",
            "spec.selector: operator 'Like' of 'app': expected one of In, NotIn, Exists, DoesNotExist",
            id="no such operator",
        ),
    ],
)
@pytest.mark.parametrize("kind", [*KINDS, "DaemonSet"])
def test_a_workload_that_the_api_server_would_refuse_makes_no_pods(kind: str, spec: str, problem: str) -> None:
    world = controlled(f"{{kind: {kind}, metadata: {{name: web}}, spec: {{{spec}}}}}")
    assert made(world) == {}
    assert world.texts == [f"{kind} default/web makes no Pods: {problem}"]


def test_a_workload_without_a_spec_is_a_problem() -> None:
    assert controlled("{kind: Deployment, metadata: {name: web}}").texts == [
        "Deployment default/web makes no Pods: spec.selector is missing"
    ]


@pytest.mark.parametrize("kind", [*KINDS, "DaemonSet"])
def test_a_workload_on_its_way_out_makes_no_pods(kind: str) -> None:
    world = controlled(workload(kind, metadata="deletionTimestamp: '2026-01-01T00:00:00Z'"))
    assert made(world) == {}
    assert world.problems == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_slip_of_the_pen_does_not_fill_the_memory(kind: str) -> None:
    text = workload(kind, "replicas: 1000000000", template=TEMPLATE.replace("spec: {", "spec: {hostNetwork: true, "))
    world = controlled(text)
    assert len(made(world)) == MOST
    assert world.texts == [f"{kind} default/web asks for 1000000000 Pods: 10000 are made"]
