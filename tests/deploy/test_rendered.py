"""What kustomize and helm make of deploy/: a real API server takes it, and it is what was meant."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.deploy.admission import RESTRICTED, Admission
from tests.deploy.renderers import DEPLOY, OVERLAYS, Refused, Renderers
from tests.deploy.written import ENVIRON, RULES, documents, kdns_of, one, rules, selects, short, template, workloads
from tests.e2e.api import Json, RefusedError
from tests.e2e.cluster import ControlPlane
from tests.processes import KDNS, PATIENCE, environment

pytestmark = pytest.mark.e2e

FOLDERS = [DEPLOY / "base", *sorted(OVERLAYS.iterdir())]
every_folder = pytest.mark.parametrize("folder", FOLDERS, ids=short)
KUBE_DNS = {"k8sAppLabelOverride": "kube-dns", "service": {"name": "kube-dns", "clusterIP": "10.96.0.10"}}
VERIFIED = {"name": "kubernetes", "parameters": "cluster.local", "configBlock": "ttl 10\npods verified"}
EVERYTHING: Mapping[str, object] = {
    "image": {"repository": "registry.example/kdns", "tag": "9", "pullPolicy": "Always", "pullSecrets": ["key"]},
    "fullnameOverride": "names",
    "replicaCount": 3,
    "podAnnotations": {"a": "b"},
    "podLabels": {"c": "d"},
    "customLabels": {"e": "f"},
    "customAnnotations": {"g": "h"},
    "serviceType": "LoadBalancer",
    "service": {
        "annotations": {"i": "j"},
        "externalTrafficPolicy": "Local",
        "ipFamilyPolicy": "PreferDualStack",
        "trafficDistribution": "PreferClose",
    },
    "serviceAccount": {"name": "account", "annotations": {"k": "l"}},
    "prometheus": {
        "service": {"enabled": True},
        "monitor": {"enabled": True, "additionalLabels": {"release": "prometheus"}, "interval": "30s"},
    },
    "rbac": {"multiclusterEnable": True},
    "clusterRole": {"nameOverride": "names-of-the-cluster"},
    "isClusterService": False,
    "priorityClassName": "system-node-critical",
    "servers": [
        {
            "zones": [{"zone": "cluster.local", "scheme": "dns://"}, {"zone": "10.96.0.0/16", "use_tcp": True}],
            "port": 1053,
            "servicePort": 53,
            "nodePort": 30053,
            "plugins": [
                {"name": "health", "parameters": ":8090"},
                {"name": "ready", "parameters": ":8190"},
                {"name": "prometheus", "parameters": ":9999"},
                VERIFIED,
            ],
        },
        {"zones": [{"zone": "whoami.test", "use_tcp": False}], "port": 2053, "plugins": [{"name": "whoami"}]},
    ],
    "zoneFiles": [{"filename": "example.db", "contents": "a\nb: c\n"}],
    "tolerations": [{"key": "x", "operator": "Exists"}],
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "env": [{"name": "A", "value": "b"}],
    "extraContainers": [{"name": "other", "image": "busybox"}],
    "extraVolumes": [{"name": "more", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
    "extraSecrets": [{"name": "certs", "mountPath": "/certs"}],
    "hpa": {"enabled": True, "maxReplicas": 5},
    "deployment": {"annotations": {"m": "n"}},
}
CHARTS: dict[str, Mapping[str, object]] = {
    "as it is": {},
    "the cluster's DNS": KUBE_DNS,
    "everything": EVERYTHING,
    "no Deployment": {"deployment": {"enabled": False}},
    "a Corefile that is there": {"deployment": {"skipConfig": True}, "configmap": {"name": "coredns"}},
}
every_chart = pytest.mark.parametrize("values", CHARTS.values(), ids=CHARTS)


@pytest.fixture(scope="module")
def admission(plane: ControlPlane) -> Admission:
    """The API server, which knows the monitoring kinds."""
    made = Admission(plane.api)
    made.define(documents(Path(__file__).parent / "monitoring-definitions.yaml"))
    level = {"pod-security.kubernetes.io/enforce": RESTRICTED}
    made.keep([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": RESTRICTED, "labels": level}}])
    return made


@every_folder
def test_every_object_is_accepted(render: Renderers, admission: Admission, folder: Path) -> None:
    objects = render.kustomized(folder)
    assert objects
    admission.judge(objects)


@every_chart
def test_every_object_of_the_chart_is_accepted(
    render: Renderers, admission: Admission, values: Mapping[str, object]
) -> None:
    admission.judge(render.charted(values))


@every_folder
def test_every_pod_is_admitted(render: Renderers, admission: Admission, folder: Path) -> None:
    for workload in workloads(render.kustomized(folder)):
        admission.judge_pod(template(workload), workload["metadata"]["namespace"])


@pytest.mark.parametrize("name", ["base", "overlays/cluster-dns", "overlays/sidecar"])
def test_its_pods_need_no_privilege(render: Renderers, admission: Admission, name: str) -> None:
    """By the strictest Pod Security Standard; the sidecar alone, for the program beside it is the user's."""
    (workload,) = workloads(render.kustomized(DEPLOY / name))
    made = template(workload)
    alone = {**made["spec"], "containers": [kdns_of(workload)], "initContainers": []}
    alone["containers"][0].pop("restartPolicy", None)  # of init containers only
    admission.judge_pod({"metadata": made["metadata"], "spec": alone}, RESTRICTED)


def test_the_strictest_standard_is_in_force(render: Renderers, admission: Admission) -> None:
    (workload,) = workloads(render.kustomized(OVERLAYS / "node-local"))
    with pytest.raises(RefusedError, match="hostNetwork"):
        admission.judge_pod(template(workload), RESTRICTED)


def test_a_field_that_does_not_exist_is_refused(render: Renderers, admission: Admission) -> None:
    service = one(render.kustomized(DEPLOY / "base"), "Service")
    with pytest.raises(RefusedError, match="selectors"):
        admission.judge([{**service, "spec": {**service["spec"], "selectors": {}}}])


def test_a_try_becomes_the_cluster_s_dns_and_goes_back(render: Renderers, admission: Admission) -> None:
    """The same Deployment: what cannot be changed in one is the same in both."""
    tried, taken = render.kustomized(DEPLOY / "base"), render.kustomized(OVERLAYS / "cluster-dns")
    try:
        for objects in (tried, taken, tried):
            admission.keep(objects)
    finally:
        admission.drop([*tried, *taken])


def test_the_cluster_s_service_finds_it_only_once_it_takes_over(render: Renderers) -> None:
    service = one(render.kustomized(OVERLAYS / "cluster-dns-new"), "Service", "kube-dns")
    tried, taken = (one(render.kustomized(folder), "Deployment") for folder in (FOLDERS[0], OVERLAYS / "cluster-dns"))
    own = one(render.kustomized(FOLDERS[0]), "Service", "kdns")
    assert not selects(service, tried)
    assert selects(service, taken)
    assert selects(own, tried)
    assert selects(own, taken)


def test_taking_over_leaves_alone_what_is_coredns_s(render: Renderers) -> None:
    """Its Service above all: who deletes this overlay must not delete the address that every Pod asks."""
    named = {(each["kind"], each["metadata"]["name"]) for each in render.kustomized(OVERLAYS / "cluster-dns")}
    assert named == {
        ("ServiceAccount", "kdns"),
        ("ClusterRole", "system:kdns"),
        ("ClusterRoleBinding", "system:kdns"),
        ("ConfigMap", "kdns"),
        ("Service", "kdns"),
        ("Deployment", "kdns"),
        ("PodDisruptionBudget", "kdns"),
    }


def test_the_cluster_s_dns_is_spread_and_kept(render: Renderers) -> None:
    objects = render.kustomized(OVERLAYS / "cluster-dns")
    deployment, budget = one(objects, "Deployment"), one(objects, "PodDisruptionBudget")
    pod = template(deployment)["spec"]
    (preferred,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    apart = preferred["podAffinityTerm"]["labelSelector"]["matchLabels"].items()
    kept = budget["spec"]["selector"]["matchLabels"].items()
    labels = template(deployment)["metadata"]["labels"].items()
    assert deployment["spec"]["replicas"] == 2
    assert apart <= labels
    assert kept <= labels
    assert pod["priorityClassName"] == "system-cluster-critical"
    assert {"key": "CriticalAddonsOnly", "operator": "Exists"} in pod["tolerations"]
    assert pod["dnsPolicy"] == "Default"


def test_rights_are_the_same_everywhere(render: Renderers) -> None:
    for objects in (render.kustomized(OVERLAYS / "node-local"), render.kustomized(FOLDERS[0]), render.charted()):
        assert rules(one(objects, "ClusterRole")) == RULES


def test_the_chart_s_rights_follow_its_corefile(render: Renderers) -> None:
    found = rules(one(render.charted(EVERYTHING), "ClusterRole"))
    assert set(found) - set(RULES) == {("", "pods"), ("multicluster.x-k8s.io", "serviceimports")}
    assert set(map(frozenset, found.values())) == {frozenset({"list", "watch"})}


def test_bindings_bind_what_there_is(render: Renderers) -> None:
    rendered = [render.kustomized(folder) for folder in FOLDERS if folder.name not in {"pods", "monitoring"}]
    for objects in [*rendered, render.charted(), render.charted(EVERYTHING)]:
        (binding,) = (each for each in objects if each["kind"].endswith("RoleBinding"))
        (subject,) = binding["subjects"]
        account = one(objects, "ServiceAccount", subject["name"])
        assert account["metadata"]["namespace"] == subject["namespace"]
        assert one(objects, binding["roleRef"]["kind"], binding["roleRef"]["name"])
        assert {template(each)["spec"]["serviceAccountName"] for each in workloads(objects)} == {subject["name"]}


def test_the_chart_s_ports_are_those_of_its_servers(render: Renderers) -> None:
    objects = render.charted(EVERYTHING)
    container, service = kdns_of(one(objects, "Deployment")), one(objects, "Service", "names")
    assert {(port["name"], port["containerPort"]) for port in container["ports"]} == {
        ("udp-1053", 1053),
        ("tcp-1053", 1053),
        ("udp-2053", 2053),
        ("metrics", 9999),
    }
    assert [(port["name"], port["port"], port.get("nodePort")) for port in service["spec"]["ports"]] == [
        ("udp-1053", 53, 30053),
        ("tcp-1053", 53, 30053),
        ("udp-2053", 2053, None),
    ]
    assert container["livenessProbe"]["httpGet"]["port"] == 8090
    assert container["readinessProbe"]["httpGet"]["port"] == 8190


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"serviceTyp": "NodePort"}, "serviceTyp"),
        ({"replicaCount": "two"}, "replicaCount"),
        ({"autoscaler": {"enabled": True}}, "/autoscaler/enabled"),
        ({"prometheus": {"monitor": {"enabled": True}}}, "/prometheus/service/enabled"),
        ({"servers": [{"zones": [{"zone": ".", "scheme": "tls://"}], "plugins": [{"name": "errors"}]}]}, "scheme"),
        ({"podDisruptionBudget": {"minAvailable": 1}}, "podDisruptionBudget"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_that_is_none_is_refused_with_its_name(
    render: Renderers, values: Mapping[str, object], told: str
) -> None:
    with pytest.raises(Refused, match=told):
        render.charted(values)


def test_a_file_of_coredns_s_values_may_say_what_is_off(render: Renderers) -> None:
    assert render.charted({"autoscaler": {"enabled": False}, "rbac": {"pspEnable": False}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"servers": [{"plugins": [VERIFIED]}]}, "every other name is SERVFAIL"),
        ({}, "does not select these Pods"),
        ({"servers": [{"plugins": [VERIFIED]}], "rbac": {"create": False}}, "right to list and watch Pods"),
    ],
)
def test_the_chart_tells_what_has_to_be_known(
    render: Renderers, plane: ControlPlane, values: Mapping[str, object], said: str
) -> None:
    assert said in " ".join(render.notes(values, plane.kubeconfig()).split())


def test_the_chart_does_not_warn_of_what_is_well(render: Renderers, plane: ControlPlane) -> None:
    said = render.notes(KUBE_DNS, plane.kubeconfig())
    assert "does not select" not in said
    assert "SERVFAIL" not in said


def corefiles(render: Renderers) -> Iterator[tuple[str, str]]:
    """Every Corefile in a ConfigMap, and where it is from."""
    sources = {short(folder): render.kustomized(folder) for folder in FOLDERS}
    sources |= {f"the chart, {name}": render.charted(values) for name, values in CHARTS.items()}
    for source, objects in sources.items():
        for each in objects:
            if each["kind"] == "ConfigMap":
                yield source, each["data"]["Corefile"]


def test_every_corefile_passes_kdns_check(render: Renderers, tmp_path: Path) -> None:
    """All at once: each waits some seconds for the API server that is not there."""
    found = {text: source for source, text in corefiles(render)}
    assert len(found) >= 5

    def check(text: str) -> tuple[int, str]:
        file = tmp_path / f"{list(found).index(text)}.Corefile"
        file.write_text(text)
        command, variables = [*KDNS, "check", "-conf", str(file)], environment(**ENVIRON)
        ran = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=PATIENCE * 6, check=False)
        return ran.returncode, ran.stderr

    with ThreadPoolExecutor(len(found)) as pool:
        checked = dict(zip(found.values(), pool.map(check, found), strict=True))
    for source, (code, said) in checked.items():
        assert code == 0, f"{source}: {said}"


def test_the_values_of_the_chart_come_through(render: Renderers) -> None:
    objects = render.charted(EVERYTHING)
    deployment = one(objects, "Deployment", "names")
    pod: Json = template(deployment)["spec"]
    assert kdns_of(deployment)["image"] == "registry.example/kdns:9"
    assert kdns_of(deployment)["env"] == [{"name": "A", "value": "b"}]
    assert {volume["name"] for volume in pod["volumes"]} == {"config-volume", "state", "certs", "more"}
    assert [each["name"] for each in pod["containers"]] == ["kdns", "other"]
    assert pod["priorityClassName"] == "system-node-critical"
    assert "replicas" not in deployment["spec"], "the autoscaler's"
    assert "dnsPolicy" not in pod
    assert one(objects, "ConfigMap")["data"]["example.db"] == "a\nb: c\n"
    assert one(objects, "ConfigMap")["data"]["Corefile"].startswith("dns://cluster.local:1053 10.96.0.0/16:1053 {\n")
    monitor = one(objects, "ServiceMonitor")
    metrics = one(objects, "Service", "names-metrics")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= metrics["metadata"]["labels"].items()
    assert selects(metrics, deployment)
