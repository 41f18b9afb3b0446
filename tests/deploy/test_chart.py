"""The chart as it is written: versions that agree, values named as CoreDNS's chart names them, a schema for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kdns import __version__
from tests.deploy.renderers import CHART

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
TEMPLATES = "\n".join(path.read_text() for path in sorted((CHART / "templates").iterdir()))
COREDNS = """
    affinity clusterRole.nameOverride customAnnotations customLabels deployment.annotations deployment.enabled
    deployment.name deployment.skipConfig env extraConfig extraContainers extraSecrets extraVolumeMounts extraVolumes
    hpa.enabled hpa.maxReplicas hpa.metrics hpa.minReplicas image.pullPolicy image.pullSecrets image.repository
    image.tag isClusterService k8sAppLabelOverride livenessProbe.enabled livenessProbe.failureThreshold
    livenessProbe.initialDelaySeconds livenessProbe.periodSeconds livenessProbe.successThreshold
    livenessProbe.timeoutSeconds nodeSelector podAnnotations podDisruptionBudget podLabels priorityClassName
    prometheus.monitor.additionalLabels prometheus.monitor.enabled prometheus.monitor.interval
    prometheus.monitor.namespace prometheus.service.annotations prometheus.service.enabled rbac.create
    rbac.multiclusterEnable readinessProbe.enabled readinessProbe.failureThreshold
    readinessProbe.initialDelaySeconds readinessProbe.periodSeconds readinessProbe.successThreshold
    readinessProbe.timeoutSeconds replicaCount resources rollingUpdate.maxSurge rollingUpdate.maxUnavailable
    securityContext servers service.annotations service.clusterIP service.clusterIPs service.externalIPs
    service.externalTrafficPolicy service.ipFamilyPolicy service.loadBalancerIP service.name
    service.trafficDistribution serviceAccount.annotations serviceAccount.create serviceAccount.name serviceType
    terminationGracePeriodSeconds tolerations topologySpreadConstraints zoneFiles
""".split()
"""Values of CoreDNS's chart (github.com/coredns/helm, charts/coredns) that mean the same here."""


def schema_of(path: str) -> dict[str, Any]:
    """What the schema says of a value."""
    found: dict[str, Any] = SCHEMA
    for name in path.split("."):
        found = found["properties"][name]
        if "$ref" in found:
            found = SCHEMA["definitions"][found["$ref"].rpartition("/")[2]]
    return found


def leaves(values: dict[str, Any], schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The values that have no parts of a fixed name."""
    for name, value in values.items():
        path = prefix + name
        if isinstance(value, dict) and schema_of(path).get("properties") and value:
            yield from leaves(value, schema, path + ".")
        else:
            yield path


def test_its_versions_are_kdns_s() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__


@pytest.mark.parametrize("path", COREDNS)
def test_a_value_of_coredns_s_chart_can_be_given(path: str) -> None:
    assert schema_of(path)


@pytest.mark.parametrize("path", [*leaves(VALUES, SCHEMA)])
def test_every_value_is_used(path: str) -> None:
    """By its name, or as part of what is taken in whole."""
    names = path.split(".")
    whole = {"livenessProbe", "readinessProbe", "rollingUpdate", "podDisruptionBudget", "servers"}
    if names[0] in whole:
        assert f".Values.{names[0]}" in TEMPLATES
    elif names[0] == "service" and names[1] not in {"name", "annotations"}:
        assert f'"{names[1]}"' in TEMPLATES
    else:
        assert re.search(rf"\.Values\.{re.escape(path)}\b", TEMPLATES)


@pytest.mark.parametrize("path", sorted({*re.findall(r"\.Values\.([A-Za-z.0-9]*[A-Za-z0-9])", TEMPLATES)}))
def test_every_value_that_a_template_names_is_one(path: str) -> None:
    assert schema_of(path)
    held: Any = VALUES
    for name in path.split("."):
        held = held[name]


def test_every_value_has_a_default() -> None:
    without = set(SCHEMA["properties"]) - set(VALUES)
    assert without == {"global", "autoscaler"}, "the one is helm's, the other may only be off"


def test_the_lines_for_the_world_outside_are_coredns_s() -> None:
    (server,) = VALUES["servers"]
    assert server["plugins"][-4:] == [
        {"name": "forward", "parameters": ". /etc/resolv.conf"},
        {"name": "cache", "parameters": 30},
        {"name": "loop"},
        {"name": "reload"},
    ]
