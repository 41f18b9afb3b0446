"""A live cluster as a source: what is served before it is known, while it is away, and what is said about that."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.plan import plan
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import endpoints, namespace, pod, service, slice_of
from tests.kube.live.exchange import fails, is_silent
from tests.kube.live.following import STEADY, corefile, following, loaded, stock
from tests.warp import warp

NOT_READY = 14
STALE = 3


async def test_everything_is_known_before_the_first_question() -> None:
    async with api_server() as api:
        stock(api.etcd)
        began = warp().time()
        async with following(api) as dns:
            assert warp().time() == began
            assert {name: dns.shown(name) for name in STEADY} == STEADY
            assert dns.ready() == ""


async def test_fault_39_started_while_the_server_is_away() -> None:
    """Names of the cluster fail and say that it will not be for ever; others are answered; nothing falls through."""
    async with api_server() as api:
        stock(api.etcd)
        await api.kill()
        began = warp().time()
        async with following(api, "fallthrough", more="    whoami") as dns:
            assert warp().time() - began == pytest.approx(5)
            missing = f"services, endpointslices, namespaces from {api.url}"
            assert dns.ready() == missing
            for name in ("web.shop", "gone.shop", "1.0.96.10.in-addr.arpa."):
                assert dns.shown(name) == "SERVFAIL"
                assert dns.codes(name) == [NOT_READY]
                assert dns.why(name) == f"the cluster is not known yet: waiting for {missing}"
            assert dns.shown("cluster.local.", "NS") == "ns.dns.cluster.local."
            await asyncio.sleep(600)
            assert dns.shown("web.shop") == "SERVFAIL"
            await api.start()
            await dns.until("web.shop", "10.96.0.1", 5)
            assert dns.ready() == ""
            assert {name: dns.shown(name) for name in STEADY} == {**STEADY, "gone.shop": dns.shown("gone.shop")}


@pytest.mark.parametrize("seconds", [0, 2, 60], ids="{} s".format)
async def test_start_waits_no_longer_than_it_is_told(seconds: int) -> None:
    async with api_server() as api:
        api.script("services", is_silent, times=1e9)
        began = warp().time()
        async with following(api, f"startup_timeout {seconds}s") as dns:
            assert warp().time() - began == pytest.approx(seconds)
            assert dns.ready().startswith("services")
            await asyncio.sleep(1)
            assert dns.ready() == f"services from {api.url}"


@pytest.mark.parametrize("kind", ["services", "endpointslices", "namespaces", "pods"])
async def test_ready_names_the_kind_that_is_missing(kind: str) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.script(kind, is_silent, times=1e9)
        async with following(api, "pods verified") as dns:
            assert dns.ready() == f"{kind} from {api.url}"
            assert dns.codes("web.shop") == [NOT_READY]
            api.unscript()
            await dns.until("web.shop", "10.96.0.1", 60)
            assert dns.ready() == ""


async def test_before_start_everything_is_missing() -> None:
    text = corefile("endpoint http://192.0.2.1")
    planned = plan(parse(text, "Corefile", environ={}, disk=Memory()), warp().time, warp().wall)
    assert planned.build.readiness["kubernetes"]() == "services, endpointslices, namespaces from http://192.0.2.1"


async def test_age_is_a_metric_for_every_kind() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            for _ in range(20):
                await asyncio.sleep(17)
                for kind in ("Service", "EndpointSlice", "Namespace"):
                    assert dns.metric("kdns_kubernetes_last_contact_seconds", kind=kind) <= 26
            await api.kill()
            before = dns.metric("kdns_kubernetes_last_contact_seconds", kind="Service")
            await asyncio.sleep(100)
            assert dns.metric("kdns_kubernetes_last_contact_seconds", kind="Service") == pytest.approx(before + 100)


async def test_answers_say_that_they_may_be_stale_and_that_ends() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "stale_after 2m") as dns:
            with dns.steady():
                assert dns.codes("web.shop") == []
                await api.kill()
                await asyncio.sleep(90)
                assert dns.codes("web.shop") == []
                took = 90 + await dns.sees(lambda: dns.codes("web.shop") == [STALE], 60)
                assert 95 < took <= 122
                assert dns.why("web.shop").startswith(f"nothing was heard from {api.url} for 12")
                assert dns.codes("db.shop") == [STALE]
                assert dns.look("web.shop").answer[0].ttl == 5
                await api.start()
                await dns.sees(lambda: dns.codes("web.shop") == [], 5)
                assert dns.codes("db.shop") == []


async def test_kept_answers_end_when_staleness_turns() -> None:
    """The memo holds them: they have to be forgotten, not to end by themselves."""
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "stale_after 1m") as dns:
            dns.look("web.shop")
            assert dns.codes("web.shop") == []
            kept = dns.metric("kdns_memo_hits_total")
            assert kept >= 1
            await api.kill()
            await asyncio.sleep(70)
            assert dns.codes("web.shop") == [STALE]
            assert dns.metric("kdns_memo_hits_total") == kept
            assert dns.codes("web.shop") == [STALE]
            assert dns.metric("kdns_memo_hits_total") == kept + 1, "and what is stale is kept as well"


async def test_quiet_is_not_stale() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "stale_after 1m") as dns:
            wrong: list[float] = []
            warp().between.append(lambda: wrong.extend([warp().time()] if dns.codes("web.shop") else []))
            await asyncio.sleep(1200)
            warp().between.clear()
            assert wrong == []


async def test_one_kind_that_is_silent_makes_answers_stale() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "stale_after 1m") as dns:
            api.script("endpointslices", fails(503, "ServiceUnavailable"), times=1e9)
            await api.cut_all()
            with dns.steady():
                await dns.sees(lambda: dns.codes("web.shop") == [STALE], 70)
                api.unscript()
                await dns.sees(lambda: dns.codes("web.shop") == [], 70)


async def test_a_silent_gap_is_repaired_and_counted() -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("ended", "10.96.0.7"), service("moved", "10.96.0.20"))
        async with following(api, "resync 10m") as dns:
            await asyncio.sleep(60)
            api.etcd.put(service("missed", "10.96.0.8"), service("moved", "10.96.0.21"), told=False)
            api.etcd.delete(service("ended"), told=False)
            with dns.steady():
                took = await dns.until("missed.shop", "10.96.0.8", 720 + 100)
                assert took > 500
                assert (dns.shown("ended.shop"), dns.shown("moved.shop")) == ("NXDOMAIN", "10.96.0.21")
                assert dns.metric("kdns_kubernetes_repaired_total", kind="Service") == 3
                await asyncio.sleep(1000)
                assert dns.metric("kdns_kubernetes_repaired_total", kind="Service") == 3
                assert dns.relists("audit") >= 2


@pytest.mark.parametrize("options", [("resync 0s",), ()], ids=["off", "default"])
async def test_audits_are_as_often_as_they_are_told(options: tuple[str, ...]) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "noendpoints", *options) as dns:
            await asyncio.sleep(1790)
            assert dns.relists("audit") == 0
            await asyncio.sleep(480)
            assert dns.relists("audit") == (0 if options else 1)


async def test_an_audit_of_what_changes_all_the_time_repairs_nothing() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 20s", "noendpoints") as dns:
            for number in range(300):
                await asyncio.sleep(0.5)
                api.etcd.put(service("busy", f"10.96.9.{number % 250}"), service(f"n{number % 7}", "10.96.4.4"))
                if number % 3 == 0:
                    api.etcd.delete(service(f"n{number % 7}"))
            await dns.until("busy.shop", f"10.96.9.{299 % 250}")
            assert dns.relists("audit") >= 4
            assert dns.metric("kdns_kubernetes_repaired_total", kind="Service") == 0


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        pytest.param((), {"services", "endpointslices", "namespaces"}, id="plain"),
        pytest.param(("noendpoints",), {"services", "namespaces"}, id="noendpoints"),
        pytest.param(("pods insecure",), {"services", "endpointslices", "namespaces"}, id="pods insecure"),
        pytest.param(("pods verified",), {"services", "endpointslices", "namespaces", "pods"}, id="pods verified"),
        pytest.param(
            ("endpoint_pod_names",), {"services", "endpointslices", "namespaces"}, id="pod names come with slices"
        ),
    ],
)
async def test_only_what_is_needed_is_watched(options: tuple[str, ...], kinds: set[str]) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, *options):
            assert {request.plural for request in api.requests} == kinds


async def test_pods_that_have_ended_are_never_asked_for() -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(pod("a", "10.244.5.1"), pod("b", "10.244.5.2", phase="Succeeded"))
        async with following(api, "pods verified") as dns:
            assert dns.shown("10-244-5-1.shop.pod.cluster.local.") == "10.244.5.1"
            assert dns.shown("10-244-5-2.shop.pod.cluster.local.") == "NXDOMAIN"
            api.etcd.put(pod("a", "10.244.5.1", phase="Failed"))
            await dns.until("10-244-5-1.shop.pod.cluster.local.", "NXDOMAIN")


async def test_selectors_are_the_server_s_work() -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(namespace("open", expose="yes"), service("x", "10.96.0.5", "open", tier="front"))
        api.etcd.put(service("y", "10.96.0.6", "open"))
        async with following(api, "labels tier=front", "namespace_labels expose=yes") as dns:
            assert dns.shown("x.open") == "10.96.0.5"
            assert dns.shown("y.open") == dns.shown("web.shop") == "NXDOMAIN"
            api.etcd.put(service("y", "10.96.0.6", "open", tier="front"))
            await dns.until("y.open", "10.96.0.6")
            api.etcd.put(service("x", "10.96.0.5", "open", tier="back"))
            await dns.until("x.open", "NXDOMAIN")


@pytest.mark.parametrize("code", [403, 404], ids=["not allowed", "not served"])
async def test_without_slices_endpoints_are_followed(code: int) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(endpoints("db", "10.244.0.1", "10.244.0.2"))
        api.script("endpointslices", fails(code, "Forbidden"), times=1e9)
        async with following(api) as dns:
            assert {name: dns.shown(name) for name in STEADY} == STEADY
            api.etcd.put(endpoints("db", "10.244.0.9"))
            await dns.until("db.shop", "10.244.0.9")


async def test_blocks_with_the_same_settings_share_their_watches() -> None:
    async with api_server() as api:
        stock(api.etcd)
        block = f"kubernetes {{\n endpoint {api.url}\n}}"
        async with loaded(f"cluster.local {{\n{block}\n}}\nexample.org {{\n{block}\n}}") as dns:
            assert dns.shown("web.shop") == "10.96.0.1"
            assert len(api.requests) == 3


async def test_everything_ends_with_it() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api):
            assert len(api.connections) == 3
        await asyncio.sleep(1)
        assert api.connections == {}
        count = len(api.requests)
        await asyncio.sleep(600)
        assert len(api.requests) == count


def huge(api: ApiServer, services: int, each: int) -> None:
    api.etcd.put(namespace("shop"))
    for number in range(services):
        ips = [f"10.{number >> 8}.{number & 255}.{low}" for low in range(each)]
        api.etcd.put(service(f"s{number}"), slice_of(f"s{number}", *ips))


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
async def test_fault_41_a_large_first_sync_leaves_room_for_other_questions(streams: bool) -> None:
    """Of CPU time, which a busy machine does not change: no pass of the loop takes long while it goes on."""
    async with api_server() as api:
        api.streams = streams
        await api.close_port()
        huge(api, 3000, 15)
        passes: list[float] = []
        began = time.thread_time()
        async with following(api, "startup_timeout 0s") as dns:
            warp().between.append(lambda: passes.append(time.thread_time()))
            await api.start()
            assert dns.ready() != ""
            await dns.sees(lambda: dns.ready() == "", 100)
            warp().between.clear()
            assert dns.shown("s999.shop").split()[0] == "10.3.231.0"
        took = time.thread_time() - began
        longest = max(later - earlier for earlier, later in pairwise(passes))
        assert longest < max(0.3, took / 4)
