"""The manifests as they are written: nothing is left out, and each says what a DNS server in a cluster needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kdns import __version__
from tests.deploy.renderers import DEPLOY, OVERLAYS
from tests.deploy.written import (
    KUSTOMIZATIONS,
    PLAIN,
    RULES,
    documents,
    kdns_of,
    one,
    rules,
    short,
    template,
    workloads,
)
from tests.e2e.api import Json

WRITTEN = {
    "base": DEPLOY / "base" / "deployment.yaml",
    "node-local": OVERLAYS / "node-local" / "daemonset.yaml",
    "sidecar": OVERLAYS / "sidecar" / "deployment.yaml",
}
every_workload = pytest.mark.parametrize("path", WRITTEN.values(), ids=WRITTEN)


def named(kustomization: Json) -> set[str]:
    """The files that a kustomization takes in."""
    made = kustomization.get("configMapGenerator", ())
    return {
        *kustomization.get("resources", ()),
        *(patch["path"] for patch in kustomization.get("patches", ())),
        *(file.rpartition("=")[2] for each in made for file in each["files"]),
    }


def workload(path: Path) -> Json:
    return next(workloads(documents(path)))


@pytest.mark.parametrize("path", PLAIN, ids=short)
def test_every_file_is_yaml(path: Path) -> None:
    assert documents(path)
    assert all(isinstance(each, dict) for each in documents(path))


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=short)
def test_every_file_beside_a_kustomization_is_part_of_it(folder: Path) -> None:
    (kustomization,) = documents(folder / "kustomization.yaml")
    there = {path.name for path in folder.iterdir()} - {"kustomization.yaml", "Corefile.cache"}
    assert there - named(kustomization) == set()
    assert all((folder / name).exists() for name in named(kustomization))


def test_there_is_an_overlay_for_each_way_of_running_it() -> None:
    found = {path.name for path in OVERLAYS.iterdir()}
    assert found == {"cluster-dns", "cluster-dns-new", "node-local", "sidecar", "pods", "monitoring"}


@every_workload
def test_kdns_is_started_as_coredns_is(path: Path) -> None:
    container = kdns_of(workload(path))
    assert container["args"] == ["-conf", "/etc/coredns/Corefile"]
    assert container["image"] == f"kdns:{__version__}"
    assert "command" not in container
    mounted, *_ = container["volumeMounts"]
    volume, *_ = template(workload(path))["spec"]["volumes"]
    assert (mounted["mountPath"], mounted["name"], mounted["readOnly"]) == ("/etc/coredns", volume["name"], True)
    assert volume["configMap"]["items"] == [{"key": "Corefile", "path": "Corefile"}]


@every_workload
def test_the_state_lies_where_kdns_may_write(path: Path) -> None:
    """And only there: everything else is read-only."""
    states = re.findall(r"^ *state (\S+)$", (path.parent / "Corefile").read_text(), re.MULTILINE)
    mounted = {
        each["mountPath"]: each["name"] for each in kdns_of(workload(path))["volumeMounts"] if "readOnly" not in each
    }
    volumes = {each["name"]: each for each in template(workload(path))["spec"]["volumes"]}
    assert {str(Path(state).parent) for state in states} == set(mounted)
    assert all("emptyDir" in volumes[name] for name in mounted.values())


@every_workload
def test_kdns_has_no_privileges_but_its_port(path: Path) -> None:
    container, pod = kdns_of(workload(path)), template(workload(path))["spec"]
    context = {**pod.get("securityContext", {}), **container["securityContext"]}
    assert context["runAsNonRoot"]
    assert context["runAsUser"] == 65532
    assert context["readOnlyRootFilesystem"]
    assert not context["allowPrivilegeEscalation"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "privileged" not in context


@every_workload
def test_kdns_has_a_limit_of_memory_and_none_of_cpu(path: Path) -> None:
    limits = kdns_of(workload(path))["resources"]["limits"]
    assert set(limits) == {"memory"}


def test_the_cluster_s_kdns_has_what_kubeadm_gives_coredns() -> None:
    container = kdns_of(workload(WRITTEN["base"]))
    assert {(port["name"], port["containerPort"], port["protocol"]) for port in container["ports"]} == {
        ("dns", 53, "UDP"),
        ("dns-tcp", 53, "TCP"),
        ("metrics", 9153, "TCP"),
    }
    assert container["livenessProbe"]["httpGet"] == {"path": "/health", "port": 8080}
    assert container["readinessProbe"]["httpGet"] == {"path": "/ready", "port": 8181}
    assert container["resources"] == {"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}}
    assert template(workload(WRITTEN["base"]))["spec"]["dnsPolicy"] == "Default"


def test_the_service_of_a_new_cluster_is_kubeadm_s() -> None:
    (service,) = documents(OVERLAYS / "cluster-dns-new" / "service.yaml")
    assert service["metadata"]["name"] == "kube-dns"
    assert service["metadata"]["namespace"] == "kube-system"
    assert service["metadata"]["labels"] == {
        "k8s-app": "kube-dns",
        "kubernetes.io/cluster-service": "true",
        "kubernetes.io/name": "CoreDNS",
    }
    assert service["spec"]["selector"] == {"k8s-app": "kube-dns"}
    ports = [(port["name"], port["port"], port["targetPort"], port["protocol"]) for port in service["spec"]["ports"]]
    assert ports == [("dns", 53, 53, "UDP"), ("dns-tcp", 53, 53, "TCP"), ("metrics", 9153, 9153, "TCP")]


def test_kdns_may_list_and_watch_what_names_are_made_of_and_nothing_else() -> None:
    assert rules(one(documents(DEPLOY / "base" / "rbac" / "rbac.yaml"), "ClusterRole")) == RULES


def test_pods_are_a_right_of_their_own() -> None:
    assert rules(one(documents(OVERLAYS / "pods" / "rbac.yaml"), "ClusterRole")) == {("", "pods"): {"list", "watch"}}


def test_a_sidecar_has_rights_in_its_namespace_only() -> None:
    written = documents(OVERLAYS / "sidecar" / "rbac.yaml")
    assert {each["kind"] for each in written} == {"ServiceAccount", "Role", "RoleBinding"}
    assert rules(one(written, "Role")) == {key: verbs for key, verbs in RULES.items() if key[1] != "namespaces"}


def test_a_pod_with_a_sidecar_asks_it_first_and_the_cluster_s_dns_second() -> None:
    pod = template(workload(WRITTEN["sidecar"]))["spec"]
    assert pod["dnsPolicy"] == "None"
    assert pod["dnsConfig"]["nameservers"] == ["127.0.0.1", "10.96.0.10"]
    assert "bind 127.0.0.1\n" in (OVERLAYS / "sidecar" / "Corefile").read_text()
    (sidecar,) = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["startupProbe"]["httpGet"]["path"] == "/health"


def test_a_node_s_kdns_and_its_corefile_speak_of_one_address() -> None:
    pod = template(workload(WRITTEN["node-local"]))["spec"]
    container = kdns_of(workload(WRITTEN["node-local"]))
    (address,) = pod["initContainers"]
    assert pod["hostNetwork"]
    assert "169.254.20.10/32" in address["args"][0]
    assert {container[probe]["httpGet"]["host"] for probe in ("livenessProbe", "readinessProbe")} == {"169.254.20.10"}
    for name in ("Corefile", "Corefile.cache"):
        assert "bind 169.254.20.10\n" in (OVERLAYS / "node-local" / name).read_text()
