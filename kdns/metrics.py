"""Every metric of kdns, named once; names and labels as CoreDNS has them where it has them.

Each instance has a registry of its own. This is the only module that speaks to
prometheus_client.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from math import inf, nan
from typing import Protocol
from weakref import WeakSet

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from kdns import __version__
from kdns.counts import Buckets, Count

# CoreDNS has no `_created` series beside each counter.
disable_created_metrics()  # type: ignore[no-untyped-call]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_TIMES = tuple(0.00025 * 2**power for power in range(16))
"""Seconds, 0.25 ms doubling to 8 s: CoreDNS's plugin.TimeBuckets."""
_PROGRAMMING = tuple(0.001 * 2**power for power in range(20))
"""Seconds, 1 ms doubling to 9 minutes: CoreDNS's."""
_SIZES = (0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3)
_SERVER = ("server", "zone", "view")
_TYPES = frozenset("A AAAA MX SOA CNAME PTR TXT NS SRV DS DNSKEY RRSIG NSEC NSEC3 HTTPS ANY AXFR IXFR".split())


def type_label(type: str) -> str:
    """A type for a label: the known ones by name, the rest as `other`, so that no client can invent labels."""
    return type if type in _TYPES else "other"


FINEST = _TIMES[0]
"""Seconds: shorter times are all alike to a histogram."""


class Often:
    """A counter of what happens with every question: no lock is taken, since one thread counts."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._named = name, text
        self.names = tuple(labels)
        self._children: dict[tuple[str, ...], Count] = {}

    def labels(self, *values: str, **named: str) -> Count:
        """That with these labels, in their order or by their names."""
        values = values or tuple(named[name] for name in self.names)
        return self._children.setdefault(values, Count())

    def collect(self) -> Iterator[CounterMetricFamily]:
        """For the registry."""
        family = CounterMetricFamily(*self._named, labels=self.names)
        for values, count in self._children.items():
            family.add_metric(values, count.value)
        yield family


class Many:
    """A histogram that takes many alike at the price of one: a server sees thousands between two looks at it."""

    def __init__(self, name: str, text: str, bounds: Sequence[float], labels: Sequence[str]) -> None:
        self._named = name, text
        self._bounds = (*bounds, inf)
        self.names = tuple(labels)
        self._children: dict[tuple[str, ...], Buckets] = {}

    def labels(self, *values: str, **named: str) -> Buckets:
        """Those with these labels, in their order or by their names."""
        values = values or tuple(named[name] for name in self.names)
        return self._children.setdefault(values, Buckets(self._bounds))

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """For the registry."""
        family = HistogramMetricFamily(*self._named, labels=self.names)
        for values, buckets in self._children.items():
            family.add_metric(values, buckets.up_to(), buckets.sum)
        yield family


class Owing(Protocol):
    """Who counts late, all together."""

    def settle(self) -> None:
        """Count now."""


class _Settled:
    """A collector without metrics: those who owe something settle it before the others are read."""

    def __init__(self) -> None:
        self.owing: WeakSet[Owing] = WeakSet()

    def collect(self) -> Iterator[HistogramMetricFamily]:
        for each in list(self.owing):
            each.settle()
        return iter(())


class Metrics:
    """The metrics of one process, on one registry. Who is in `owing`, as long as it is used, settles before a look."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        settled = _Settled()
        self.owing = settled.owing
        self.registry.register(settled)
        self._has_process = False
        self._contacts: dict[str, list[Callable[[], float | None]]] = {}
        self._states: list[Callable[[], float]] = []
        self._memos: list[tuple[Callable[[], int], Callable[[], int]]] = []
        self._add_server()
        self._add_serving()
        self._add_cluster()
        self._add_local()
        self._add_forward()
        self._add_autopath()
        self._add_cache()
        self._add_hosts()
        self._add_reload()
        self.build_info.labels(__version__, "", sys.version.split()[0]).set(1)

    def render(self) -> bytes:
        """All of them in Prometheus's text format."""
        return generate_latest(self.registry)

    def add_process(self) -> None:
        """Add `process_*` and `python_*`, once: resident memory, CPU seconds, open files, collections."""
        if self._has_process:
            return
        self._has_process = True
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def add_memo(self, entries: Callable[[], int], size: Callable[[], int]) -> Callable[[], None]:
        """Add a listener's memo: how many answers it holds and how many bytes they take, asked when scraped.

        What is returned takes it away again.
        """
        memo = (entries, size)
        self._memos.append(memo)
        self.memo_entries.set_function(lambda: sum(entries() for entries, _ in self._memos))
        self.memo_bytes.set_function(lambda: sum(size() for _, size in self._memos))
        return lambda: self._memos.remove(memo)

    def add_contact(
        self, kind: str, contacted: Callable[[], float | None], clock: Callable[[], float]
    ) -> Callable[[], None]:
        """Add one who follows a kind; the gauge shows the age of the oldest last word, NaN until all had one.

        The function that comes back takes it out again.
        """
        known = self._contacts.setdefault(kind, [])
        known.append(contacted)

        def age() -> float:
            times = [each() for each in known]
            return nan if None in times else clock() - min(time for time in times if time is not None)

        def forget() -> None:
            known.remove(contacted)
            if not known:
                self.contact.remove(kind)

        self.contact.labels(kind).set_function(age)
        return forget

    def add_state(self, age: Callable[[], float]) -> Callable[[], None]:
        """Add a saved state that may be answered from; the gauge shows the age of the oldest one that is.

        The function that comes back takes it out again.
        """
        self._states.append(age)
        self.state_age.set_function(lambda: max((each() for each in self._states), default=0.0))
        return lambda: self._states.remove(age)

    def _add_server(self) -> None:
        """What CoreDNS's *prometheus* and *health* export."""
        self.build_info = self._gauge("coredns_build_info", "A constant 1.", ["version", "revision", "goversion"])
        self.panics = self._counter("coredns_panics_total", "Exceptions that became SERVFAIL.")
        self.plugin_enabled = self._gauge("coredns_plugin_enabled", "1 where it is.", [*_SERVER, "name"])
        self.requests = self._often("coredns_dns_requests_total", "Questions.", [*_SERVER, "proto", "family", "type"])
        self.do_requests = self._often("coredns_dns_do_requests_total", "Questions with DO set.", _SERVER)
        self.responses = self._often(
            "coredns_dns_responses_total", "Replies, by rcode and by the plugin.", [*_SERVER, "rcode", "plugin"]
        )
        self.duration = self._many(
            "coredns_dns_request_duration_seconds", "From question to reply.", _TIMES, [*_SERVER, "type"]
        )
        self.request_size = self._many(
            "coredns_dns_request_size_bytes", "Questions' sizes.", _SIZES, [*_SERVER, "proto"]
        )
        self.response_size = self._many(
            "coredns_dns_response_size_bytes", "Replies' sizes.", _SIZES, [*_SERVER, "proto"]
        )
        self.health_duration = self._histogram(
            "coredns_health_request_duration_seconds", "The server asking itself for /health.", _TIMES
        )
        self.health_failures = self._counter(
            "coredns_health_request_failures_total", "Times it could not reach its own /health."
        )

    def _add_serving(self) -> None:
        """Ours: what happens below the plugins."""
        self.refused_early = self._counter(
            "kdns_refused_early_total", "Messages that ended before any plugin.", ["reason"]
        )
        self.memo_hits = self._counter("kdns_memo_hits_total", "Replies that were ready.")
        self.memo_misses = self._often("kdns_memo_misses_total", "Replies that a chain made.").labels()
        self.memo_forgotten = self._counter("kdns_memo_forgotten_total", "Answers ended by a change.")
        self.memo_entries = self._gauge("kdns_memo_entries", "Answers that are ready.")
        self.memo_bytes = self._gauge("kdns_memo_bytes", "Bytes that they take.")
        self.log_lost = self._counter("kdns_log_lost_total", "Lines for standard output that could not be written.")
        self.connections = self._gauge("kdns_tcp_connections", "Open connections.")
        self.connections_closed = self._counter(
            "kdns_tcp_connections_closed_total", "Connections that the server ended.", ["reason"]
        )

    def _add_cluster(self) -> None:
        """Ours: what *kubernetes* knows and says."""
        self.answers = self._counter("kdns_kubernetes_answers_total", "Answers, by their reason.", ["reason"])
        self.programming = self._histogram(
            "coredns_kubernetes_dns_programming_duration_seconds",
            "From a change in the cluster to the answers that show it.",
            _PROGRAMMING,
            ["service_kind"],
        )
        self.relists = self._counter("kdns_kubernetes_relists_total", "Lists taken in.", ["kind", "cause"])
        self.repaired = self._counter(
            "kdns_kubernetes_repaired_total", "Objects that were wrong when compared with a list.", ["kind"]
        )
        self.decode_errors = self._counter(
            "kdns_kubernetes_decode_errors_total", "Objects that could not be read.", ["kind"]
        )
        self.events = self._counter("kdns_kubernetes_events_total", "Events of watches.", ["kind", "type"])
        self.contact = self._gauge(
            "kdns_kubernetes_last_contact_seconds", "Since the API server's last word about a kind.", ["kind"]
        )
        self.rest_duration = self._histogram(
            "coredns_kubernetes_rest_client_request_duration_seconds",
            "From request to the answer's begin.",
            _TIMES,
            ["verb", "host"],
        )
        self.rest_waited = self._histogram(
            "coredns_kubernetes_rest_client_rate_limiter_duration_seconds",
            "Requests held back by our own limits.",
            _TIMES,
            ["verb", "host"],
        )
        self.rest_requests = self._counter(
            "coredns_kubernetes_rest_client_requests_total", "Requests to the API server.", ["code", "method", "host"]
        )
        self.objects = self._gauge("kdns_kubernetes_objects", "Objects held.", ["kind"])
        self.state_age = self._gauge(
            "kdns_kubernetes_state_age_seconds", "Age of the saved state that answers are from, 0 if they are not."
        )
        self.state_failures = self._counter(
            "kdns_kubernetes_state_failures_total", "Times that the state could not be saved."
        )
        self.manifest_errors = self._counter("kdns_manifest_errors_total", "Documents that could not be read.")
        self.manifest_broken = self._gauge(
            "kdns_manifest_broken", "Documents of a file that cannot be read now.", ["file"]
        )

    def _add_forward(self) -> None:
        """What CoreDNS's *forward* exports; the strays and the shared are ours."""
        self.proxy_duration = self._many(
            "coredns_proxy_request_duration_seconds",
            "From question to an upstream's reply.",
            _TIMES,
            ["proxy_name", "to", "rcode"],
        )
        self.proxy_healthcheck_failures = self._counter(
            "coredns_proxy_healthcheck_failures_total", "Probes without an answer.", ["proxy_name", "to"]
        )
        self.proxy_conn_hits = self._counter(
            "coredns_proxy_conn_cache_hits_total", "Questions over a kept connection.", ["proxy_name", "to", "proto"]
        )
        self.proxy_conn_misses = self._counter(
            "coredns_proxy_conn_cache_misses_total", "Those that had to open one.", ["proxy_name", "to", "proto"]
        )
        self.forward_broken = self._counter(
            "coredns_forward_healthcheck_broken_total", "Questions asked while all upstreams were down."
        )
        self.forward_rejects = self._counter(
            "coredns_forward_max_concurrent_rejects_total", "Questions refused because too many were under way."
        )
        self.forward_strays = self._counter(
            "kdns_forward_strays_total", "Messages of upstreams that were no reply to the question.", ["to"]
        )
        self.forward_shared = self._counter(
            "kdns_forward_shared_total", "Questions that waited for the same one of another client."
        )

    def _add_autopath(self) -> None:
        """What CoreDNS's *autopath* exports."""
        self.autopath_successes = self._counter(
            "coredns_autopath_success_total", "Questions answered further along a search path.", ["server"]
        )

    def _add_cache(self) -> None:
        """What CoreDNS's *cache* exports."""
        where = ["server", "zones", "view"]
        typed = ["server", "type", "zones", "view"]
        self.cache_entries = self._gauge("coredns_cache_entries", "Answers that are kept.", typed)
        self.cache_requests = self._often("coredns_cache_requests_total", "Questions.", where)
        self.cache_hits = self._often("coredns_cache_hits_total", "Those that were answered from it.", typed)
        self.cache_misses = self._often("coredns_cache_misses_total", "Those that were not.", where)
        self.cache_prefetches = self._counter("coredns_cache_prefetch_total", "Answers asked for anew.", where)
        self.cache_drops = self._counter("coredns_cache_drops_total", "Answers that do not answer.", where)
        self.cache_served_stale = self._counter("coredns_cache_served_stale_total", "Stale answers given.", where)
        self.cache_evictions = self._often("coredns_cache_evictions_total", "Answers without room.", typed)

    def _add_hosts(self) -> None:
        """What CoreDNS's *hosts* exports."""
        self.hosts_entries = self._gauge(
            "coredns_hosts_entries", "Addresses and names in hosts files and blocks.", ["hostsfile"]
        )
        self.hosts_read = self._gauge(
            "coredns_hosts_reload_timestamp_seconds", "The time of the hosts file that was read last."
        )

    def _add_reload(self) -> None:
        """What CoreDNS's *reload* exports."""
        self.reload_failed = self._counter("coredns_reload_failed_total", "Corefiles that could not be served.")
        self.reload_version = self._gauge(
            "coredns_reload_version_info", "1 for the Corefile that is served, by its hash.", ["hash", "value"]
        )

    def _add_local(self) -> None:
        """What CoreDNS's *local* exports."""
        self.local_requests = self._counter(
            "coredns_local_localhost_requests_total", "Questions below localhost or starting with it."
        )

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _often(self, name: str, text: str, labels: Sequence[str] = ()) -> Often:
        often = Often(name, text, labels)
        self.registry.register(often)
        return often

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _many(self, name: str, text: str, buckets: Sequence[float], labels: Sequence[str]) -> Many:
        many = Many(name, text, buckets, labels)
        self.registry.register(many)
        return many

    def _histogram(self, name: str, text: str, buckets: Sequence[float], labels: Sequence[str] = ()) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)
