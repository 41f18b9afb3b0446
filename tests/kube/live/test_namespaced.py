"""Following some namespaces alone, with few rights; kinds that are refused or not served, and given later."""

from __future__ import annotations

import asyncio

import pytest

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import Doc, endpoints, namespace, pod, service, slice_of
from tests.kube.live.exchange import Exchange, Request, fails
from tests.kube.live.following import Following, corefile, following, loaded

FORBIDDEN = fails(403, "Forbidden", "User cannot list them")
NOT_THERE = fails(404, "NotFound", "the server could not find the requested resource")
NAMES = {"shop", "bank", "park"}


def fill(api: ApiServer) -> None:
    """Three namespaces alike."""
    for place, name in enumerate(sorted(NAMES)):
        web, db = service("web", f"10.96.{place}.1", name), service("db", namespace=name)
        api.etcd.put(namespace(name), web, db, slice_of("db", f"10.244.{place}.1", namespace=name))
        api.etcd.put(endpoints("db", f"10.244.{place}.1", namespace=name), pod("p", f"10.244.{place}.1", name))


def told(caplog: pytest.LogCaptureFixture, *words: str) -> list[str]:
    return [record.message for record in caplog.records if all(word in record.message for word in words)]


# namespaces A B


async def test_only_the_namespaces_that_are_named_are_asked_about() -> None:
    async with api_server() as api:
        fill(api)
        async with following(api, "namespaces shop bank", "pods verified") as dns:
            assert (dns.shown("web.bank"), dns.shown("web.shop"), dns.shown("web.park")) == (
                "10.96.0.1",
                "10.96.2.1",
                "NXDOMAIN",
            )
            assert dns.shown("10-244-2-1.shop.pod.cluster.local.") == "10.244.2.1"
            asked = {(request.path, request.query.get("fieldSelector", "")) for request in api.requests}
            core, slices = "/api/v1/namespaces", "/apis/discovery.k8s.io/v1/namespaces"
            running = "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Unknown"
            assert asked == {
                *((f"{core}/{name}/services", "") for name in ("bank", "shop")),
                *((f"{slices}/{name}/endpointslices", "") for name in ("bank", "shop")),
                *((f"{core}/{name}/pods", running) for name in ("bank", "shop")),
                *((core, f"metadata.name={name}") for name in ("bank", "shop")),
            }


async def test_a_role_in_each_namespace_is_enough() -> None:
    """Everything outside is forbidden, Namespaces are too."""

    def outside(request: Request) -> bool:
        return request.namespace not in {"shop", "bank"}

    async with api_server() as api:
        fill(api)
        api.script("*", FORBIDDEN, times=10_000, when=outside)
        async with following(api, "namespaces shop bank") as dns:
            assert dns.ready() == ""
            assert (dns.shown("web.shop"), dns.shown("db.bank")) == ("10.96.2.1", "10.244.0.1")
            assert (dns.shown("none.shop"), dns.shown("shop"), dns.shown("web.park")) == (
                "NXDOMAIN",
                "NODATA",
                "NXDOMAIN",
            )
            api.etcd.put(service("new", "10.96.0.9", "bank"))
            await dns.until("new.bank", "10.96.0.9")


async def test_namespaces_that_are_named_come_and_go() -> None:
    async with api_server() as api:
        fill(api)
        async with following(api, "namespaces shop later") as dns:
            assert (dns.shown("shop"), dns.shown("later")) == ("NODATA", "NXDOMAIN")
            api.etcd.put(namespace("later"), service("web", "10.96.0.9", "later"))
            await dns.until("later", "NODATA")
            await dns.until("web.later", "10.96.0.9")
            api.etcd.delete(namespace("later"))
            await dns.until("later", "NXDOMAIN")


async def test_a_namespace_that_may_be_read_later_is_no_longer_taken_to_exist(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with api_server() as api:
        fill(api)
        api.script("namespaces", FORBIDDEN, times=10_000)
        async with following(api, "namespaces shop nowhere") as dns:
            assert (dns.shown("shop"), dns.shown("nowhere")) == ("NODATA", "NODATA")
            assert len(told(caplog, "namespace nowhere is taken to exist", "403 Forbidden")) == 1
            api.unscript()
            await dns.until("nowhere", "NXDOMAIN", 61)
            assert dns.shown("shop") == "NODATA"


# Endpoints instead of EndpointSlices


def only_endpoints(api: ApiServer) -> None:
    """So that answers show which of the two they are made of."""
    api.etcd.put(endpoints("db", "10.244.9.9"))


@pytest.mark.parametrize("refusal", [FORBIDDEN, NOT_THERE], ids=["forbidden", "not served"])
@pytest.mark.parametrize("options", [[], ["namespaces shop"]], ids=["everywhere", "in one namespace"])
async def test_without_endpoint_slices_endpoints_are_followed_and_it_says_so(
    refusal: object, options: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with api_server() as api:
        fill(api)
        only_endpoints(api)
        api.script("endpointslices", refusal, times=10_000)  # type: ignore[arg-type]
        async with following(api, *options) as dns:
            assert dns.ready() == ""
            assert dns.shown("db.shop") == "10.244.9.9"
            where = "endpointslices in shop" if options else "endpointslices"
            assert len(told(caplog, f"{where}: 40", "following endpoints")) == 1
            api.etcd.put(endpoints("db", "10.244.9.10"))
            await dns.until("db.shop", "10.244.9.10")


async def test_endpoint_slices_that_are_allowed_later_take_the_place_of_endpoints() -> None:
    async with api_server() as api:
        fill(api)
        only_endpoints(api)
        api.etcd.put(service("manual"), endpoints("manual", "10.9.9.9"))
        api.script("endpointslices", FORBIDDEN, times=10_000)
        async with following(api) as dns:
            assert (dns.shown("db.shop"), dns.shown("manual.shop")) == ("10.244.9.9", "10.9.9.9")
            await asyncio.sleep(300)
            api.unscript()
            await dns.until("db.shop", "10.244.2.1", 61)
            # Endpoints that nobody mirrors are nothing any more.
            await dns.until("manual.shop", "NXDOMAIN")
            api.requests.clear()
            api.etcd.put(slice_of("db", "10.244.2.7"))
            await dns.until("db.shop", "10.244.2.7")
            await asyncio.sleep(600)
            assert api.watches("endpoints") == []
            assert dns.metric("kdns_kubernetes_objects", kind="Endpoints") == 0


async def test_a_server_that_is_just_starting_and_refuses_everything_for_a_moment_leaves_no_trace() -> None:
    """Its roles are not there yet: 403 for all, for three seconds."""
    async with api_server() as api:
        fill(api)
        api.script("*", FORBIDDEN, times=9)
        async with following(api, "startup_timeout 60s") as dns:
            assert dns.ready() == ""
            await dns.until("db.shop", "10.244.2.1", 10)
            await asyncio.sleep(60)
            api.requests.clear()
            await asyncio.sleep(60)
            assert api.watches("endpoints") == []


async def test_a_401_is_no_reason_to_follow_endpoints() -> None:
    async with api_server() as api:
        fill(api)
        only_endpoints(api)
        api.script("endpointslices", fails(401, "Unauthorized"), times=4)
        async with following(api, "startup_timeout 60s") as dns:
            await dns.until("db.shop", "10.244.2.1", 10)
            assert api.watches("endpoints") == []


# One kind forbidden


@pytest.mark.parametrize("kind", ["services", "pods", "namespaces"])
async def test_a_kind_that_is_forbidden_is_named_and_waited_for(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    async with api_server() as api:
        fill(api)
        api.script(kind, FORBIDDEN, times=10_000)
        async with following(api, "pods verified") as dns:
            assert dns.ready() == f"{kind} from {api.url}"
            assert (dns.shown("web.shop"), dns.codes("web.shop")) == ("SERVFAIL", [14])
            assert dns.why("web.shop").endswith(f"{kind} from {api.url}")
            await asyncio.sleep(300)
            assert len(told(caplog, f"{kind}: 403 Forbidden: User cannot list them")) == 1
            assert len(api.lists(kind) + api.watches(kind)) <= 25, "a lasting no is no reason to ask all the time"
            api.unscript()
            await dns.until("web.shop", "10.96.2.1", 61)
            assert dns.ready() == ""


async def test_a_right_that_is_taken_away_leaves_what_is_known() -> None:
    async with api_server() as api:
        fill(api)
        async with following(api) as dns:
            api.script("*", FORBIDDEN, times=10_000)
            with dns.steady(web__shop="10.96.2.1", db__shop="10.244.2.1", gone__shop="NXDOMAIN"):
                await api.cut_all()
                await asyncio.sleep(600)
                assert dns.ready() == ""
                api.etcd.put(service("new", "10.96.0.9"))
                api.unscript()
                await dns.until("new.shop", "10.96.0.9", 61)


# multicluster


IMPORT: Doc = {
    "apiVersion": "multicluster.x-k8s.io/v1alpha1",
    "kind": "ServiceImport",
    "metadata": {"name": "far", "namespace": "shop"},
    "spec": {"type": "ClusterSetIP", "ips": ["10.200.0.1"], "ports": [{"port": 80, "protocol": "TCP"}]},
}


def both_zones(api: ApiServer) -> str:
    text = corefile(f"endpoint {api.url}", "multicluster clusterset.local")
    return text.replace("cluster.local", "cluster.local clusterset.local", 1)


def far(dns: Following) -> str:
    return dns.shown("far.shop.svc.clusterset.local.")


@pytest.mark.parametrize("refusal", [FORBIDDEN, NOT_THERE], ids=["forbidden", "no CRD"])
async def test_without_service_imports_all_is_served_but_their_zones(
    refusal: object, caplog: pytest.LogCaptureFixture
) -> None:
    async with api_server() as api:
        fill(api)
        api.etcd.put(IMPORT)
        api.script("serviceimports", refusal, times=10_000)  # type: ignore[arg-type]
        async with loaded(both_zones(api)) as dns:
            assert dns.ready() == ""
            assert dns.shown("web.shop") == "10.96.2.1"
            assert (far(dns), dns.codes("far.shop.svc.clusterset.local.")) == ("SERVFAIL", [14])
            why = dns.why("far.shop.svc.clusterset.local.")
            assert why.endswith(f"serviceimports from {api.url}, which refuses them")
            await asyncio.sleep(300)
            assert len(told(caplog, "serviceimports: 40", "all is served but the multicluster zones")) == 1
            api.unscript()
            await dns.until("far.shop.svc.clusterset.local.", "10.200.0.1", 61)
            assert dns.shown("web.shop") == "10.96.2.1"


async def test_with_service_imports_their_zones_are_served_at_once() -> None:
    async with api_server() as api:
        fill(api)
        api.etcd.put(IMPORT)
        async with loaded(both_zones(api)) as dns:
            assert (far(dns), dns.shown("web.shop")) == ("10.200.0.1", "10.96.2.1")


async def test_service_imports_that_just_take_long_are_waited_for() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(8)
        await api.answer(exchange)

    async with api_server() as api:
        fill(api)
        api.etcd.put(IMPORT)
        api.script("serviceimports", slow)
        async with loaded(both_zones(api)) as dns:
            assert dns.ready() == f"serviceimports from {api.url}"
            await dns.until("far.shop.svc.clusterset.local.", "10.200.0.1", 10)
            assert dns.ready() == ""


# What is told of it


async def test_the_age_of_the_last_word_leaves_out_what_is_not_followed_any_more() -> None:
    name = "kdns_kubernetes_last_contact_seconds"
    async with api_server() as api:
        fill(api)
        api.script("endpointslices", FORBIDDEN, times=10_000)
        async with following(api) as dns:
            registry = dns.plan.build.metrics.registry
            assert registry.get_sample_value(name, {"kind": "Endpoints"}) == pytest.approx(0.0, abs=1.0)
            api.unscript()
            await dns.sees(lambda: registry.get_sample_value(name, {"kind": "EndpointSlice"}) == 0.0, 61)
            await asyncio.sleep(1)
            assert registry.get_sample_value(name, {"kind": "Endpoints"}) is None
        assert registry.get_sample_value(name, {"kind": "Service"}) is None, "nothing is followed after the end"
