"""DNS programming latency: what is observed, of which Services, and what is not."""

from __future__ import annotations

import pytest

from kdns.kube.live.latency import Latency
from kdns.kube.live.resources import Item
from kdns.kube.objects import Endpoint, Endpoints, Kind, Object, Ref, Service, Slice
from kdns.kube.store import Store
from kdns.metrics import Metrics
from tests.asking import Clock

NOON = 1_700_000_000.0
"""2023-11-14T22:13:20Z"""
ENDPOINT = Endpoint((bytes([10, 0, 0, 1]),))
NAME = "coredns_kubernetes_dns_programming_duration_seconds"


def observed(
    *objects: Object, item: Object | None, triggered: str, now: float = NOON
) -> dict[str, tuple[float, float]]:
    """Count and sum by kind of Service, of those that were observed at all."""
    metrics = Metrics()
    store = Store(lambda _: None, Clock(NOON), metrics)
    store.update(objects)
    latency = Latency(store.index, metrics, Clock(now))
    latency.applied(Item(Ref(Kind.SLICE, "shop", "x"), "u", "1", item, triggered))
    found = {}
    for kind in ("cluster_ip", "headless_with_selector", "headless_without_selector"):
        labels = {"service_kind": kind}
        count = metrics.registry.get_sample_value(f"{NAME}_count", labels) or 0
        total = metrics.registry.get_sample_value(f"{NAME}_sum", labels) or 0
        if count:
            found[kind] = (count, total)
    return found


WEB = Service("shop", "web", (bytes([10, 96, 0, 1]),))
DB = Service("shop", "db", headless=True)


@pytest.mark.parametrize(
    ("service", "item", "kind"),
    [
        (WEB, Slice("shop", "web-1", "web", (ENDPOINT,)), "cluster_ip"),
        (DB, Slice("shop", "db-1", "db", (ENDPOINT,)), "headless_with_selector"),
        (WEB, Endpoints("shop", "web", (ENDPOINT,)), "cluster_ip"),
        (DB, Endpoints("shop", "db", (ENDPOINT,)), "headless_with_selector"),
    ],
    ids=["slice", "slice, headless", "endpoints", "endpoints, headless"],
)
def test_the_time_since_the_change_that_led_to_it_is_observed(service: Service, item: Object, kind: str) -> None:
    assert observed(service, item, item=item, triggered="2023-11-14T22:13:18.5Z") == {kind: (1, 1.5)}


@pytest.mark.parametrize(
    "triggered",
    ["2023-11-14T22:13:18Z", "2023-11-14T23:13:18+01:00", "2023-11-14T22:13:18.000000000Z"],
)
def test_times_are_read_as_rfc_3339_has_them(triggered: str) -> None:
    item = Slice("shop", "web-1", "web", (ENDPOINT,))
    assert observed(WEB, item, item=item, triggered=triggered) == {"cluster_ip": (1, 2.0)}


def test_a_clock_that_is_behind_gives_no_time_below_zero() -> None:
    item = Slice("shop", "web-1", "web", (ENDPOINT,))
    assert observed(WEB, item, item=item, triggered="2023-11-14T22:13:30Z") == {"cluster_ip": (1, 0.0)}


@pytest.mark.parametrize(
    ("held", "item", "triggered"),
    [
        ((WEB,), Slice("shop", "web-1", "web", (ENDPOINT,)), ""),
        ((WEB,), Slice("shop", "web-1", "web", (ENDPOINT,)), "yesterday"),
        ((), Slice("shop", "web-1", "web", (ENDPOINT,)), "2023-11-14T22:13:18Z"),
        ((WEB,), WEB, "2023-11-14T22:13:18Z"),
        ((WEB,), None, "2023-11-14T22:13:18Z"),
    ],
    ids=["no annotation", "no time", "no Service", "a Service itself", "nothing to show"],
)
def test_what_says_nothing_is_not_observed(held: tuple[Object, ...], item: Object | None, triggered: str) -> None:
    assert observed(*held, *([item] if item else []), item=item, triggered=triggered) == {}
