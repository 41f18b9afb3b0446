"""Names, labels and buckets of the metrics, read as Prometheus reads them."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from kdns import __version__
from kdns.metrics import CONTENT_TYPE, Metrics, type_label

SERVER = "server zone view"

COREDNS = [
    ("build_info", "coredns_build_info", "gauge", "version revision goversion"),
    ("panics", "coredns_panics_total", "counter", ""),
    ("plugin_enabled", "coredns_plugin_enabled", "gauge", f"{SERVER} name"),
    ("requests", "coredns_dns_requests_total", "counter", f"{SERVER} proto family type"),
    ("do_requests", "coredns_dns_do_requests_total", "counter", SERVER),
    ("responses", "coredns_dns_responses_total", "counter", f"{SERVER} rcode plugin"),
    ("duration", "coredns_dns_request_duration_seconds", "histogram", f"{SERVER} type"),
    ("request_size", "coredns_dns_request_size_bytes", "histogram", f"{SERVER} proto"),
    ("response_size", "coredns_dns_response_size_bytes", "histogram", f"{SERVER} proto"),
    ("health_duration", "coredns_health_request_duration_seconds", "histogram", ""),
    ("health_failures", "coredns_health_request_failures_total", "counter", ""),
    ("programming", "coredns_kubernetes_dns_programming_duration_seconds", "histogram", "service_kind"),
    ("rest_requests", "coredns_kubernetes_rest_client_requests_total", "counter", "code method host"),
    ("rest_duration", "coredns_kubernetes_rest_client_request_duration_seconds", "histogram", "verb host"),
    ("rest_waited", "coredns_kubernetes_rest_client_rate_limiter_duration_seconds", "histogram", "verb host"),
    ("proxy_duration", "coredns_proxy_request_duration_seconds", "histogram", "proxy_name to rcode"),
    ("proxy_healthcheck_failures", "coredns_proxy_healthcheck_failures_total", "counter", "proxy_name to"),
    ("proxy_conn_hits", "coredns_proxy_conn_cache_hits_total", "counter", "proxy_name to proto"),
    ("proxy_conn_misses", "coredns_proxy_conn_cache_misses_total", "counter", "proxy_name to proto"),
    ("forward_broken", "coredns_forward_healthcheck_broken_total", "counter", ""),
    ("forward_rejects", "coredns_forward_max_concurrent_rejects_total", "counter", ""),
    ("hosts_entries", "coredns_hosts_entries", "gauge", "hostsfile"),
    ("hosts_read", "coredns_hosts_reload_timestamp_seconds", "gauge", ""),
    ("reload_failed", "coredns_reload_failed_total", "counter", ""),
    ("reload_version", "coredns_reload_version_info", "gauge", "hash value"),
    ("autopath_successes", "coredns_autopath_success_total", "counter", "server"),
    ("cache_entries", "coredns_cache_entries", "gauge", "server type zones view"),
    ("cache_requests", "coredns_cache_requests_total", "counter", "server zones view"),
    ("cache_hits", "coredns_cache_hits_total", "counter", "server type zones view"),
    ("cache_misses", "coredns_cache_misses_total", "counter", "server zones view"),
    ("cache_prefetches", "coredns_cache_prefetch_total", "counter", "server zones view"),
    ("cache_drops", "coredns_cache_drops_total", "counter", "server zones view"),
    ("cache_served_stale", "coredns_cache_served_stale_total", "counter", "server zones view"),
    ("cache_evictions", "coredns_cache_evictions_total", "counter", "server type zones view"),
    ("local_requests", "coredns_local_localhost_requests_total", "counter", ""),
]
"""What CoreDNS 1.14 exports of this, with exactly its labels: dashboards and alerts rely on it."""


def read(metrics: Metrics) -> dict[str, tuple[str, list[Sample]]]:
    """Families by the name that their samples have, without prometheus_client's own `_created`."""
    families = {}
    for family in text_string_to_metric_families(metrics.render().decode()):
        if not family.name.endswith("_created"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            families[name] = (family.type, family.samples)
    return families


@pytest.mark.parametrize(("attribute", "name", "type", "labels"), COREDNS, ids=[row[1] for row in COREDNS])
def test_a_metric_of_coredns_has_its_name_type_and_labels(attribute: str, name: str, type: str, labels: str) -> None:
    metrics = Metrics()
    metric = getattr(metrics, attribute)
    given = {label: f"a {label}" for label in labels.split()}
    child = metric.labels(**given) if given else metric
    child.observe(0.5) if type == "histogram" else child.inc()
    found, samples = read(metrics)[name]
    assert found == type
    ours = [{k: v for k, v in sample.labels.items() if k != "le"} for sample in samples]
    assert given in ours


def test_nothing_is_named_coredns_that_coredns_does_not_have() -> None:
    ours = {name for name in read(Metrics()) if name.startswith("coredns_")}
    assert ours <= {name for _, name, _, _ in COREDNS}
    assert all(name.startswith(("coredns_", "kdns_")) for name in read(Metrics()))


def bounds(metrics: Metrics, name: str) -> list[float]:
    _, samples = read(metrics)[name]
    return [float(sample.labels["le"]) for sample in samples if sample.name.endswith("_bucket")]


def test_times_are_counted_in_buckets_from_a_quarter_millisecond_doubling() -> None:
    metrics = Metrics()
    metrics.duration.labels("dns://:53", ".", "", "A").observe(0)
    found = bounds(metrics, "coredns_dns_request_duration_seconds")
    assert (found[0], found[-2], found[-1]) == (0.00025, 8.192, float("inf"))
    assert all(after == 2 * before for before, after in pairwise(found[:-1]))


@pytest.mark.parametrize("which", ["request", "response"])
def test_sizes_are_counted_in_coredns_buckets(which: str) -> None:
    metrics = Metrics()
    getattr(metrics, f"{which}_size").labels("dns://:53", ".", "", "udp").observe(0)
    assert bounds(metrics, f"coredns_dns_{which}_size_bytes") == [
        *(0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3),
        float("inf"),
    ]


def test_the_build_is_told_by_its_version() -> None:
    _, (sample,) = read(Metrics())["coredns_build_info"]
    assert (sample.labels["version"], sample.value) == (__version__, 1)


def test_registries_are_apart() -> None:
    one, other = Metrics(), Metrics()
    one.panics.inc()
    assert read(one)["coredns_panics_total"][1][0].value == 1
    assert read(other)["coredns_panics_total"][1][0].value == 0


def test_the_processs_own_are_there_once_they_are_added() -> None:
    metrics = Metrics()
    names = {"process_resident_memory_bytes", "process_cpu_seconds_total", "python_info"}
    assert not names & set(read(metrics))
    metrics.add_process()
    assert names <= set(read(metrics))


def test_a_memo_and_a_contact_can_be_taken_away_again() -> None:
    metrics = Metrics()
    value = metrics.registry.get_sample_value
    away = [metrics.add_memo(lambda: 2, lambda: 10), metrics.add_memo(lambda: 3, lambda: 100)]
    assert (value("kdns_memo_entries"), value("kdns_memo_bytes")) == (5, 110)
    away[0]()
    assert (value("kdns_memo_entries"), value("kdns_memo_bytes")) == (3, 100)
    age = partial(value, "kdns_kubernetes_last_contact_seconds", {"kind": "Pod"})
    away = [
        metrics.add_contact("Pod", lambda: 7.0, lambda: 10.0),
        metrics.add_contact("Pod", lambda: 1.0, lambda: 10.0),
    ]
    assert age() == 9
    away[1]()
    assert age() == 3
    away[0]()
    assert age() is None


def test_the_oldest_state_that_is_answered_from_is_shown() -> None:
    metrics = Metrics()
    assert read(metrics)["kdns_kubernetes_state_age_seconds"][1][0].value == 0
    forget = [metrics.add_state(partial(float, age)) for age in (0, 60, 30)]
    for shown in (60, 30, 0):
        assert read(metrics)["kdns_kubernetes_state_age_seconds"][1][0].value == shown
        forget.pop(1 if len(forget) > 1 else 0)()
    assert read(metrics)["kdns_kubernetes_state_age_seconds"][1][0].value == 0


def test_the_content_type_is_that_of_the_text_format() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("type", "label"),
    [
        *((type, type) for type in ("A", "AAAA", "SRV", "PTR", "HTTPS", "ANY", "NSEC3")),
        *((type, "other") for type in ("TYPE666", "LOC", "TSIG", "", "a")),
    ],
)
def test_a_type_that_is_not_common_is_counted_as_other(type: str, label: str) -> None:
    assert type_label(type) == label
