"""deploy/ as it is written, before anything renders it; and what objects of it are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from tests.deploy.renderers import DEPLOY, OVERLAYS
from tests.e2e.api import Json

KUSTOMIZATIONS = sorted(path.parent for path in DEPLOY.rglob("kustomization.yaml"))
PLAIN = sorted(path for path in DEPLOY.rglob("*.yaml") if "templates" not in path.parts)
"""All YAML that is no template."""
COREFILES = {
    "base": DEPLOY / "base" / "Corefile",
    "node-local": OVERLAYS / "node-local" / "Corefile",
    "sidecar": OVERLAYS / "sidecar" / "Corefile",
}
CACHE = OVERLAYS / "node-local" / "Corefile.cache"
ENVIRON = {"POD_NAMESPACE": "shop", "CLUSTER_DNS": "10.96.0.10", "KUBE_DNS_UPSTREAM_SERVICE_HOST": "10.96.0.11"}
"""What the Corefiles take from the environment; the cluster and the manifests give it."""
OUTSIDE = frozenset({"forward", "cache", "loop", "reload"})
"""The plugins for what lies outside a cluster."""
STATE = "/var/lib/kdns"
"""Where the state is saved."""
RULES = {
    ("", "endpoints"): {"list", "watch"},
    ("", "namespaces"): {"list", "watch"},
    ("", "services"): {"list", "watch"},
    ("discovery.k8s.io", "endpointslices"): {"list", "watch"},
}
"""What kdns may do in a cluster: verbs by API group and resource."""


def short(path: Path) -> str:
    """A path as a test's id."""
    return str(path.relative_to(DEPLOY))


def documents(path: Path) -> list[Json]:
    """The documents of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def one(objects: Iterable[Json], kind: str, name: str = "") -> Json:
    """The one object of this kind, and of this name if it is given."""
    (found,) = (each for each in objects if each["kind"] == kind and name in {"", each["metadata"]["name"]})
    return found


def template(workload: Json) -> Json:
    """The Pod of a workload."""
    made: Json = workload["spec"]["template"]
    return made


def kdns_of(workload: Json) -> Json:
    """The container that is kdns."""
    spec = template(workload)["spec"]
    (found,) = (each for each in (*spec["containers"], *spec.get("initContainers", ())) if each["name"] == "kdns")
    made: Json = found
    return made


def workloads(objects: Iterable[Json]) -> Iterator[Json]:
    """Those that make Pods."""
    return (each for each in objects if each["kind"] in {"Deployment", "DaemonSet"})


def rules(role: Json) -> dict[tuple[str, str], set[str]]:
    """What a Role allows: verbs by API group and resource."""
    return {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def selects(service: Json, workload: Json) -> bool:
    """Whether a Service is the workload's Pods'."""
    labels = template(workload)["metadata"]["labels"]
    return bool(service["spec"]["selector"].items() <= labels.items())
