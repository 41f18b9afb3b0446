"""Slices that come before their Service, share endpoints, change sides, or say little. Judged by answers."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kube.live.apiserver import api_server
from tests.kube.live.etcd import Doc, endpoints, namespace, service, slice_of
from tests.kube.live.following import following, stock


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_fault_26_whichever_of_service_and_slices_comes_first(order: tuple[int, ...]) -> None:
    parts = [service("x"), slice_of("x", "10.244.3.1"), slice_of("x", "10.244.3.2", name="x-2")]
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                held: set[int] = set()
                for number in order:
                    api.etcd.put(parts[number])
                    held.add(number)
                    ready = " ".join(f"10.244.3.{each}" for each in sorted(held - {0}))
                    await dns.until("x.shop", ready if 0 in held and ready else "NXDOMAIN")
            assert dns.shown("x.shop") == "10.244.3.1 10.244.3.2"


async def test_fault_26_slices_of_nobody() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                api.etcd.put(slice_of("", "10.244.3.1", name="orphan"), slice_of("missing", "10.244.3.2"))
                api.etcd.put(service("after", "10.96.0.9"))
                await dns.until("after.shop", "10.96.0.9")
            assert dns.shown("missing.shop") == "NXDOMAIN"


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
async def test_fault_26_every_order_of_events_ends_in_the_same_answers(seed: int) -> None:
    """Property: each kind has its own stream, so the order between kinds is anybody's."""
    dice = random.Random(seed)
    parts = [
        service("x"),
        slice_of("x", "10.244.3.1"),
        slice_of("x", "10.244.3.2", "10.244.3.1", name="x-2", not_ready=["10.244.3.2"]),
        service("y", "10.96.3.3"),
        slice_of("y", "10.244.3.4"),
        namespace("later"),
    ]
    dice.shuffle(parts)
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(*parts[: dice.randrange(len(parts))])
        async with following(api) as dns:
            for part in parts:
                if dice.random() < 0.5:
                    api.etcd.put(part)
                    api.etcd.delete(part)
                api.etcd.put(part)
            await dns.until("x.shop", "10.244.3.1")
            await dns.until("y.shop", "10.96.3.3")
            await dns.until("later.svc.cluster.local.", "NODATA")
            await dns.until("4.3.244.10.in-addr.arpa.", "10-244-3-4.y.shop.svc.cluster.local.", type="PTR")


@pytest.mark.parametrize("order", ["joins first", "leaves first"])
async def test_fault_27_an_endpoint_moves_between_slices(order: str) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("x"), slice_of("x", "10.244.3.1", "10.244.3.2"), slice_of("x", "10.244.3.3", name="x-2"))
        async with following(api) as dns:
            joins = slice_of("x", "10.244.3.3", "10.244.3.2", name="x-2", not_ready=["10.244.3.2"])
            leaves = slice_of("x", "10.244.3.1")
            if order == "joins first":
                api.etcd.put(joins)
                await dns.sees(lambda: dns.metric(EVENTS, kind="EndpointSlice", type="MODIFIED") == 1)
                assert dns.shown("x.shop") == "10.244.3.1 10.244.3.2 10.244.3.3", "once, and ready if any slice says so"
                api.etcd.put(leaves)
            else:
                api.etcd.put(leaves)
                await dns.until("x.shop", "10.244.3.1 10.244.3.3")
                api.etcd.put(joins)
            await dns.sees(lambda: dns.metric(EVENTS, kind="EndpointSlice", type="MODIFIED") == 2)
            assert dns.shown("x.shop") == "10.244.3.1 10.244.3.3"
            api.etcd.put(slice_of("x", "10.244.3.3", "10.244.3.2", name="x-2"))
            await dns.until("x.shop", "10.244.3.1 10.244.3.2 10.244.3.3")


EVENTS = "kdns_kubernetes_events_total"


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
async def test_fault_27_endpoints_that_moved_while_nobody_watched_are_in_no_moment_missing(streams: bool) -> None:
    """A list is taken in piece by piece; the slice that gave them up may come long before the one that has them."""
    many = [slice_of("other", f"10.244.7.{number}", name=f"m-{number}") for number in range(200)]
    async with api_server() as api:
        api.streams = streams
        stock(api.etcd)
        api.etcd.put(service("x"), slice_of("x", "10.244.3.1", name="a"), slice_of("x", name="z"), *many)
        async with following(api) as dns:
            assert dns.shown("x.shop") == "10.244.3.1"
            await api.kill()
            changed = [{**doc, "endpoints": []} for doc in many]
            api.etcd.put(slice_of("x", name="a"), *changed, slice_of("x", "10.244.3.1", name="z"))
            api.etcd.put(service("new", "10.96.0.9"))
            api.etcd.compact()
            with dns.steady(x__shop="10.244.3.1"):
                await api.start()
                await dns.until("new.shop", "10.96.0.9", 10)
                await dns.sees(lambda: dns.relists("expired", "EndpointSlice") == 1, 10)


async def test_fault_28_a_slice_changes_its_service() -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("x"), service("y"), slice_of("x", "10.244.3.1", name="s"))
        async with following(api) as dns:
            assert (dns.shown("x.shop"), dns.shown("y.shop")) == ("10.244.3.1", "NXDOMAIN")
            api.etcd.put(slice_of("y", "10.244.3.1", name="s"))
            await dns.until("y.shop", "10.244.3.1")
            assert dns.shown("x.shop") == "NXDOMAIN"
            api.etcd.put(slice_of("", "10.244.3.1", name="s"))
            await dns.until("y.shop", "NXDOMAIN")
            assert dns.shown("x.shop") == "NXDOMAIN"


def conditions(**given: object) -> Doc:
    doc = slice_of("x", "10.244.3.1")
    doc["endpoints"][0]["conditions"] = given
    return doc


def fqdn() -> Doc:
    return {**slice_of("x", "example.org"), "addressType": "FQDN"}


def published() -> Doc:
    doc = service("x")
    doc["spec"]["publishNotReadyAddresses"] = True
    return doc


@pytest.mark.parametrize(
    ("held", "slice", "shown"),
    [
        pytest.param(service("x"), conditions(), "10.244.3.1", id="ready is missing"),
        pytest.param(service("x"), conditions(ready=None), "10.244.3.1", id="ready is null"),
        pytest.param(service("x"), conditions(ready=False), "NXDOMAIN", id="not ready"),
        pytest.param(published(), conditions(ready=True, serving=False), "10.244.3.1", id="published all the same"),
        pytest.param(service("x"), fqdn(), "NXDOMAIN", id="FQDN"),
        pytest.param(service("x"), {**slice_of("x"), "endpoints": None}, "NXDOMAIN", id="35 endpoints null"),
        pytest.param(service("x"), {**slice_of("x"), "ports": None}, "NXDOMAIN", id="35 ports null"),
    ],
)
async def test_fault_29_what_slices_say(held: Doc, slice: Doc, shown: str) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                api.etcd.put(slice, held)
                await dns.sees(lambda: dns.metric(EVENTS, kind="EndpointSlice", type="ADDED") == 1)
                await dns.sees(lambda: dns.metric(EVENTS, kind="Service", type="ADDED") == 1)
                assert dns.shown("x.shop") == shown
            assert dns.metric("kdns_kubernetes_decode_errors_total", kind="EndpointSlice") == 0


async def test_fault_29_a_slice_of_a_thousand_endpoints() -> None:
    ips = [f"10.245.{number // 250}.{number % 250}" for number in range(1000)]
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                api.etcd.put(service("x"), slice_of("x", *ips))
                await dns.sees(lambda: dns.metric(EVENTS, kind="EndpointSlice", type="ADDED") == 1)
            for ip in ips[::111]:
                pointer = ".".join(reversed(ip.split("."))) + ".in-addr.arpa."
                assert dns.shown(pointer, "PTR") == f"{ip.replace('.', '-')}.x.shop.svc.cluster.local."


async def test_fault_30_mirrored_endpoints_count_once() -> None:
    """Where slices are served, Endpoints are not even asked for."""
    mirrored = {"endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io"}
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("x"), endpoints("x", "10.244.3.1", "10.244.3.9"), slice_of("x", "10.244.3.1", **mirrored))
        async with following(api) as dns:
            assert dns.shown("x.shop") == "10.244.3.1"
            assert not [request for request in api.requests if request.plural == "endpoints"]
