"""What objects and their events may do to us: twice, late, out of order, unreadable, moved. Judged by answers."""

from __future__ import annotations

import copy
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import Doc, namespace, service, slice_of
from tests.kube.live.exchange import Request, event, fails, says
from tests.kube.live.following import Following, following, stock
from tests.warp import warp


def goes_on(request: Request) -> bool:
    return request.watch and "sendInitialEvents" not in request.query


def versioned(doc: Doc, version: int, uid: str = "u1") -> Doc:
    doc = copy.deepcopy(doc)
    doc["metadata"] |= {"resourceVersion": str(version), "uid": uid}
    return doc


@asynccontextmanager
async def told(plural: str, *lines: bytes) -> AsyncIterator[tuple[ApiServer, Following]]:
    """kdns that hears these lines of a kind, in one stream."""
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            last = event("ADDED", versioned(service("last", "10.96.0.99"), 9000, "last"))
            lines = (*lines, *([last] if plural == "services" else []))
            api.etcd.version = 9000
            api.script(plural, says(*lines, ends="stays"), when=goes_on)
            with dns.steady():
                await api.cut_all()
                count = len(lines)
                await dns.sees(lambda: heard(dns) >= count, 10, lambda: heard(dns))
            yield api, dns


def heard(dns: Following) -> int:
    kinds = itertools.product(["Service", "EndpointSlice"], ["ADDED", "MODIFIED", "DELETED", "other"])
    counted = (dns.metric("kdns_kubernetes_events_total", kind=kind, type=type) for kind, type in kinds)
    # The four objects that stream in at the start are no events.
    return int(sum(counted))


WEB = service("x", "10.96.1.1")
MOVED = service("x", "10.96.1.2")


async def test_fault_19_the_same_event_twice_changes_nothing_and_the_serial_stays() -> None:
    line = event("ADDED", versioned(WEB, 2000))
    async with told("services", line) as (api, dns):
        assert dns.shown("x.shop") == "10.96.1.1"
        serial = dns.shown("cluster.local.", "SOA")
        forgotten = dns.metric("kdns_memo_forgotten_total")
        warp().shift = 100
        api.script("services", says(line, line, ends="stays"), when=goes_on)
        before = heard(dns)
        await api.cut_all()
        await dns.sees(lambda: heard(dns) == before + 2, 10)
        assert dns.shown("cluster.local.", "SOA") == serial
        assert dns.metric("kdns_memo_forgotten_total") == forgotten


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        pytest.param([("ADDED", WEB, 2001), ("MODIFIED", MOVED, 2000)], "10.96.1.1", id="20 older of the same object"),
        pytest.param([("ADDED", WEB, 2000), ("MODIFIED", MOVED, 2001)], "10.96.1.2", id="20 newer"),
        pytest.param([("ADDED", WEB, 9), ("MODIFIED", MOVED, 10)], "10.96.1.2", id="20 one digit more"),
        pytest.param([("ADDED", WEB, 10**40), ("MODIFIED", MOVED, 10**40 - 1)], "10.96.1.1", id="20 past 128 bits"),
        pytest.param([("MODIFIED", WEB, 2000)], "10.96.1.1", id="21 MODIFIED of an unknown one"),
        pytest.param([("ADDED", WEB, 2000), ("ADDED", MOVED, 2001)], "10.96.1.2", id="21 ADDED of a known one"),
        pytest.param([("DELETED", WEB, 2000)], "NXDOMAIN", id="21 DELETED of an unknown one"),
        pytest.param([("ADDED", WEB, 2000), ("DELETED", WEB, 2001)], "NXDOMAIN", id="21 DELETED of a known one"),
        pytest.param(
            [("ADDED", WEB, 2000), ("DELETED", WEB, 2001), ("DELETED", WEB, 2001)], "NXDOMAIN", id="21 DELETED twice"
        ),
        pytest.param([("ADDED", WEB, 2000), ("MUTATED", MOVED, 2001)], "10.96.1.1", id="35 an unknown type"),
    ],
)
async def test_fault_20_and_21_events_of_one_object(lines: list[tuple[str, Doc, int]], shown: str) -> None:
    written = [event(type, versioned(doc, version)) for type, doc, version in lines]
    async with told("services", *written) as (_, dns):
        assert dns.shown("x.shop") == shown
        assert dns.shown("last.shop") == "10.96.0.99"


async def test_fault_22_what_ended_while_nobody_watched_is_gone() -> None:
    """Slices too: their Service answers without them."""
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("two"), slice_of("two", "10.244.2.1"), slice_of("two", "10.244.2.2", name="two-2"))
        async with following(api) as dns:
            await dns.until("two.shop", "10.244.2.1 10.244.2.2")
            await api.kill()
            api.etcd.delete(slice_of("two", name="two-2"))
            api.etcd.put(service("other", "10.96.0.50"))
            api.etcd.delete(service("other"))
            api.etcd.compact()
            with dns.steady():
                await api.start()
                await dns.until("two.shop", "10.244.2.1", 10)
            assert dns.shown("2.2.244.10.in-addr.arpa.", "PTR") == "NXDOMAIN"
            assert dns.shown("other.shop") == "NXDOMAIN"


async def test_fault_23_the_late_end_of_an_object_does_not_end_its_successor() -> None:
    lines = [
        event("ADDED", versioned(WEB, 2000, "first")),
        event("ADDED", versioned(MOVED, 2002, "second")),
        event("DELETED", versioned(WEB, 2003, "first")),
    ]
    async with told("services", *lines) as (_, dns):
        assert dns.shown("x.shop") == "10.96.1.2"


async def test_fault_23_a_successor_takes_nothing_over() -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("x", "10.96.1.1", port=443))
        async with following(api) as dns:
            assert dns.shown("_http._tcp.x.shop", "SRV") == "0 100 443 x.shop.svc.cluster.local."
            await api.kill()
            api.etcd.delete(service("x"))
            api.etcd.put(service("x", "10.96.1.1", port=80))
            with dns.steady():
                await api.start()
                await dns.until("_http._tcp.x.shop", "0 100 80 x.shop.svc.cluster.local.", 10, "SRV")


@pytest.mark.parametrize("first", ["given", "taken"])
async def test_fault_24_an_address_that_moves_to_another_namespace(first: str) -> None:
    pointer = "7.2.244.10.in-addr.arpa."
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(namespace("b"), service("one"), slice_of("one", "10.244.2.7"), service("two", namespace="b"))
        async with following(api) as dns:
            assert dns.shown(pointer, "PTR") == "10-244-2-7.one.shop.svc.cluster.local."
            with dns.steady():
                gives = [slice_of("two", "10.244.2.7", namespace="b")]
                if first == "given":
                    api.etcd.put(*gives)
                    await dns.until("two.b", "10.244.2.7")
                    both = dns.shown(pointer, "PTR").split()
                    assert len(both) == 2
                    api.etcd.delete(slice_of("one"))
                else:
                    api.etcd.delete(slice_of("one"))
                    await dns.until("one.shop", "NXDOMAIN")
                    assert dns.shown(pointer, "PTR") == "NXDOMAIN"
                    api.etcd.put(*gives)
                await dns.until(pointer, "10-244-2-7.two.b.svc.cluster.local.", type="PTR")
                await dns.until("one.shop", "NXDOMAIN")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_fault_25_a_namespace_goes_with_all_in_it_in_any_order(order: tuple[int, ...]) -> None:
    parts = [namespace("b"), service("x", namespace="b"), slice_of("x", "10.244.3.1", namespace="b")]
    names = ["b.svc.cluster.local.", "x.b", "1.3.244.10.in-addr.arpa."]
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(*parts)
        async with following(api) as dns:
            assert [dns.shown(name) for name in names] == ["NODATA", "10.244.3.1", "NODATA"]
            with dns.steady():
                for number in order:
                    before = heard_of(dns)
                    api.etcd.delete(parts[number])
                    await dns.sees(lambda before=before: heard_of(dns) > before, 5)  # type: ignore[misc]
                    assert "SERVFAIL" not in [dns.shown(name) for name in names]
            assert [dns.shown(name) for name in names] == ["NXDOMAIN"] * 3
            assert dns.shown("nothing.b") == dns.shown("nothing.nowhere") == "NXDOMAIN"


def heard_of(dns: Following) -> float:
    kinds = ["Service", "EndpointSlice", "Namespace"]
    return sum(dns.metric("kdns_kubernetes_events_total", kind=kind, type="DELETED") for kind in kinds)


BROKEN = [
    pytest.param({"spec": {"clusterIP": 7}}, id="a number for a string"),
    pytest.param({"spec": []}, id="a list for an object"),
    pytest.param({"spec": {"ports": "http"}}, id="a string for a list"),
    pytest.param({"spec": {"clusterIP": "not an address", "clusterIPs": ["not an address"]}}, id="no address"),
    pytest.param({"spec": {"ports": [{"port": 1 << 40}]}}, id="no port"),
]


@pytest.mark.parametrize("spec", BROKEN)
async def test_fault_35_an_object_that_cannot_be_read_is_passed_over_and_counted(spec: Doc) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                api.etcd.put({**service("broken"), **spec})
                api.etcd.put(service("after", "10.96.0.9"))
                await dns.until("after.shop", "10.96.0.9")
            assert dns.shown("broken.shop") in {"NXDOMAIN", "NODATA"}
            accepted = spec["spec"] == {"ports": [{"port": 1 << 40}]} or "clusterIPs" in spec["spec"]
            assert dns.metric("kdns_kubernetes_decode_errors_total", kind="Service") == 1 or accepted
            api.etcd.put(service("broken", "10.96.0.10"))
            await dns.until("broken.shop", "10.96.0.10")
            assert dns.relists("broken") == dns.relists("expired") == 0


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
async def test_fault_35_in_a_list_too(streams: bool) -> None:
    async with api_server() as api:
        api.streams = streams
        stock(api.etcd)
        api.etcd.put({**service("broken"), "spec": {"clusterIP": 7}})
        async with following(api) as dns:
            assert dns.shown("web.shop") == "10.96.0.1"
            assert dns.metric("kdns_kubernetes_decode_errors_total", kind="Service") == 1
            api.etcd.put(service("broken", "10.96.0.10"))
            await dns.until("broken.shop", "10.96.0.10")


@pytest.mark.parametrize(
    "line",
    [b"{\n", b"null\n", b"[]\n", b'"x"\n', b"\xff\xfe\n", b'{"type":"ADDED"}\n', b'{"type":"ADDED","object":7}\n'],
)
async def test_fault_35_a_line_that_is_no_event_does_not_kill_the_stream(line: bytes) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            api.script("services", says(line, ends="stays"), when=goes_on)
            with dns.steady():
                await api.cut_all()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 40)


async def test_fault_16_one_kind_that_may_not_be_read_does_not_stop_the_others() -> None:
    """Namespaces here: for endpoint slices there is another way. Not ready, and it says for what."""
    async with api_server() as api:
        stock(api.etcd)
        api.script("namespaces", fails(403, "Forbidden", "namespaces is forbidden"), times=1e9)
        async with following(api) as dns:
            assert dns.ready() == f"namespaces from {api.url}"
            assert dns.codes("web.shop") == [14]
            objects = "kdns_kubernetes_objects"
            assert dns.metric(objects, kind="Service") == 2
            api.etcd.put(service("new", "10.96.0.9"))
            await dns.sees(lambda: dns.metric(objects, kind="Service") == 3)
            api.unscript()
            await dns.until("new.shop", "10.96.0.9", 70)
            assert dns.ready() == ""


async def test_fault_16_later_it_goes_on_with_what_it_knew() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            api.script("endpointslices", fails(403, "Forbidden", "endpointslices is forbidden"), times=1e9)
            with dns.steady():
                await api.cut_all()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 10)
                assert dns.ready() == ""
