"""The alerts speak of metrics that there are, and call for what was promised."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kdns.kube.reason import Reason
from kdns.metrics import Metrics
from tests.deploy.renderers import OVERLAYS, Renderers
from tests.deploy.written import documents, one
from tests.e2e.api import Json

(RULE,) = documents(OVERLAYS / "monitoring" / "prometheus-rule.yaml")
ALERTS: dict[str, Json] = {rule["alert"]: rule for group in RULE["spec"]["groups"] for rule in group["rules"]}
every_alert = pytest.mark.parametrize("name", ALERTS)
SCRAPED = {"job", "namespace", "pod"}
"""Labels that Prometheus adds."""


def series() -> Mapping[str, set[str]]:
    """The labels of every series of a kdns, as its page `/metrics` would have them, by name."""
    metrics = Metrics()
    touch(metrics)
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def touch(metrics: Metrics) -> None:
    """Give each metric with labels a sample: without, its page does not show which it has."""
    for family in vars(metrics).values():
        names = getattr(family, "_labelnames", ()) or getattr(family, "names", ())
        if names:
            family.labels(*names)


def expression(name: str) -> str:
    return str(ALERTS[name]["expr"])


@every_alert
def test_it_names_only_metrics_of_kdns(name: str) -> None:
    named = set(re.findall(r"\b(?:coredns|kdns)_\w+", expression(name)))
    assert named
    assert named <= set(series())


@every_alert
def test_it_says_how_bad_it_is_and_what_it_means(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert set(alert["annotations"]) == {"summary", "description"}


def test_there_is_one_for_all_that_was_promised() -> None:
    promised = {"KdnsSyncLost", "KdnsStale", "KdnsServfail", "KdnsNoReadyEndpoints", "KdnsSlow"}
    assert promised <= set(ALERTS)


@pytest.mark.e2e
def test_prometheus_reads_them_and_each_label_is_one_of_its_metric(render: Renderers) -> None:
    known = series()
    for name, selectors in zip(ALERTS, render.selectors(map(expression, ALERTS)), strict=True):
        assert selectors, name
        for selector in selectors:
            assert selector.labels.keys() <= known[selector.metric] | SCRAPED, name
            assert selector.labels["job"] == "kdns", name


@every_alert
def test_it_tells_labels_that_its_expression_keeps(name: str) -> None:
    told = set(re.findall(r"\$labels\.(\w+)", " ".join(ALERTS[name]["annotations"].values())))
    kept = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression(name)) for label in group.split(",")}
    summed = bool(kept)
    (metric, *_) = re.findall(r"\b(?:coredns|kdns)_\w+", expression(name))
    assert told <= (kept if summed else series()[metric] | SCRAPED)


def test_the_reason_that_is_asked_for_is_one() -> None:
    (reason,) = re.findall(r'reason="(\w+)"', expression("KdnsNoReadyEndpoints"))
    assert reason in set(Reason)


def test_the_monitor_finds_the_services_that_have_metrics() -> None:
    (monitor,) = documents(OVERLAYS / "monitoring" / "service-monitor.yaml")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    cluster = one(documents(OVERLAYS.parent / "base" / "service.yaml"), "Service")
    nodes = one(documents(OVERLAYS / "node-local" / "service.yaml"), "Service", "kdns-node-local")
    upstream = one(documents(OVERLAYS / "node-local" / "service.yaml"), "Service", "kube-dns-upstream")
    (endpoint,) = monitor["spec"]["endpoints"]
    for service in (cluster, nodes):
        assert wanted <= service["metadata"]["labels"].items()
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert service["metadata"]["labels"][monitor["spec"]["jobLabel"]] == "kdns"
        assert service["metadata"]["namespace"] in monitor["spec"]["namespaceSelector"]["matchNames"]
    assert not wanted <= upstream["metadata"]["labels"].items()
