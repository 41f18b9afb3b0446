"""What goes wrong with streams: cut anywhere, chunked anyhow, silent, compressed, never ending. Judged by answers."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import Doc, service, slice_of
from tests.kube.live.exchange import Exchange, Gone, Request, event, fails, says
from tests.kube.live.following import STEADY, following, stock
from tests.warp import warp


def is_initial(request: Request) -> bool:
    return "sendInitialEvents" in request.query


def goes_on(request: Request) -> bool:
    return request.watch and not is_initial(request)


def is_full_list(request: Request) -> bool:
    return not request.watch and request.query.get("limit") != "1"


def told(api: ApiServer, doc: Doc, type: str = "ADDED") -> bytes:
    """The line that tells of an object, with the version that putting it gives it."""
    version = api.etcd.put(doc, told=True)
    (held,) = [each for each in api.etcd.at("services") if each["metadata"]["resourceVersion"] == str(version)]
    return event(type, held)


@pytest.mark.parametrize("code", [400, 422], ids=str)
async def test_fault_06_a_server_without_streamed_lists_is_listed_from_then_on(code: int) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.script("*", fails(code, "Invalid", "sendInitialEvents is forbidden"), when=is_initial, times=1000)
        async with following(api) as dns:
            assert {name: dns.shown(name) for name in STEADY} == STEADY
            api.script("services", fails(410, "Expired"), when=goes_on)
            api.requests.clear()
            with dns.steady():
                await api.cut_all()
                await dns.sees(lambda: dns.relists("expired") == 1, 10)
            assert not any(is_initial(request) for request in api.requests)


async def test_fault_06_a_server_with_streamed_lists_is_never_asked_for_another() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            api.script("services", fails(410, "Expired"), when=goes_on)
            with dns.steady():
                await api.cut_all()
                await dns.sees(lambda: dns.relists("expired") == 1, 10)
            assert not any(is_full_list(request) for request in api.requests)


async def test_fault_06_a_streamed_list_without_its_bookmark_is_not_known_and_gives_way_to_a_list() -> None:
    async with api_server() as api:
        api.bookmarks = False
        stock(api.etcd)
        async with following(api) as dns:
            assert dns.ready() == f"services, endpointslices, namespaces from {api.url}"
            assert dns.shown("web.shop") == "SERVFAIL"
            assert dns.codes("web.shop") == [14]
            await dns.until("web.shop", "10.96.0.1", 30)
            assert dns.ready() == ""


async def test_fault_07_a_streamed_list_that_is_cut_leaves_no_trace() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            half = event("ADDED", {**service("half", "10.96.0.8"), "metadata": {"name": "half", "namespace": "shop"}})
            api.script("services", fails(410, "Expired"), when=goes_on)
            api.script("services", says(half, ends="reset"), when=is_initial)
            with dns.steady(half__shop="NXDOMAIN"):
                await api.cut_all()
                await dns.sees(lambda: dns.relists("expired") == 1, 10)
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9")


async def test_fault_07_at_the_start_too() -> None:
    async with api_server() as api:
        stock(api.etcd)
        half = event("ADDED", {**service("half", "10.96.0.8"), "metadata": {"name": "half", "namespace": "shop"}})
        api.script("services", says(half, ends="cut"), when=is_initial)
        async with following(api) as dns:
            assert {name: dns.shown(name) for name in STEADY} == STEADY
            assert dns.shown("half.shop") == "NXDOMAIN"


@pytest.mark.parametrize("ends", ["fin", "reset", "well"])
async def test_fault_08_an_event_cut_at_any_byte_is_told_again(ends: str) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "noendpoints", "resync 0") as dns:
            length = len(told(api, service("torn", "10.96.10.100")))
            offsets = list(range(0, length, 1 if ends == "fin" else 7))

            async def torn(exchange: Exchange) -> None:
                """What is due, and then an event cut one byte later than the last time."""
                due = api.etcd.since(int(exchange.request.version or 0), "services")
                lines = [event("MODIFIED", change.new) for change in due if change.new]
                offset = offsets.pop(0)
                line = told(api, service("torn", f"10.96.{10 + offset // 100}.{100 + offset % 100}"), "MODIFIED")
                await says(*lines, line[:offset], ends=ends)(exchange)

            api.script("services", torn, when=goes_on, times=len(offsets))
            await api.cut_all()
            await dns.sees(lambda: not offsets, 60 * length)
            api.etcd.put(service("last", "10.96.0.9"))
            await dns.until("last.shop", "10.96.0.9", 60)
            assert dns.shown("torn.shop") == api.etcd.at("services")[-2]["spec"]["clusterIP"]
            assert dns.metric("kdns_kubernetes_decode_errors_total", kind="Service") == 0
            assert dns.relists("broken") == dns.relists("expired") == 0


async def test_fault_08_a_cut_event_is_asked_for_again_at_the_version_before_it() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            first = told(api, service("one", "10.96.0.8"))
            await dns.until("one.shop", "10.96.0.8")
            at = api.etcd.version
            api.etcd.version += 10
            second = told(api, service("two", "10.96.0.9"))
            api.script("services", says(first + second[:40], ends="fin"), when=goes_on)
            api.requests.clear()
            await api.cut_all()
            await dns.until("two.shop", "10.96.0.9")
            assert [request.version for request in api.watches("services")] == [str(at), str(at)]


def by(size: int) -> Callable[[bytes], Iterable[bytes]]:
    return lambda data: [data[at : at + size] for at in range(0, len(data), size)]


def fuzz(data: bytes) -> Iterable[bytes]:
    dice = random.Random(len(data))
    while data:
        size = dice.choice([1, 2, 3, 7, 64, 300, 5000])
        yield data[:size]
        data = data[size:]


@pytest.mark.parametrize("chunked", [by(1), by(2), by(100), fuzz], ids=["1 byte", "2 bytes", "100 bytes", "any"])
async def test_fault_09_however_a_stream_is_chunked(chunked: Callable[[bytes], Iterable[bytes]]) -> None:
    async with api_server() as api:
        api.chunked = chunked
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                for number in range(5):
                    api.etcd.put(service("new", f"10.96.3.{number}"))
                    await dns.until("new.shop", f"10.96.3.{number}")


async def test_fault_09_many_events_in_one_chunk() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "noendpoints") as dns:

            async def all_at_once(exchange: Exchange) -> None:
                lines = [told(api, service(f"s{number}", "10.96.4.4")) for number in range(1000)]
                await says(b"".join(lines), ends="stays")(exchange)

            api.script("services", all_at_once, when=goes_on)
            with dns.steady(db__shop="NXDOMAIN"):
                await api.cut_all()
                await dns.until("s999.shop", "10.96.4.4", 10)
            assert {dns.shown(f"s{number}.shop") for number in range(1000)} == {"10.96.4.4"}


@pytest.mark.parametrize("size", [64 << 10, 1 << 20, 3 << 19], ids=["64 KiB", "1 MiB", "1.5 MiB"])
async def test_fault_09_an_object_as_large_as_they_get(size: int) -> None:
    large = slice_of("large", "10.244.9.9")
    large["metadata"]["annotations"] = {"note": "x" * size}
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                api.etcd.put(service("large"), large)
                await dns.until("large.shop", "10.244.9.9")


async def test_fault_10_compression_is_not_asked_for() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api):
            assert {request.headers["accept-encoding"] for request in api.requests} == {"identity"}


async def test_fault_10_a_stream_compressed_member_by_member_loses_no_event() -> None:
    async with api_server() as api:
        stock(api.etcd)

        async def members(exchange: Exchange) -> None:
            await exchange.head(200, Transfer_Encoding="chunked", Content_Encoding="gzip")
            for number in range(3):
                await exchange.chunk(gzip.compress(told(api, service(f"m{number}", "10.96.5.5"))))
            await exchange.connection.until_gone()

        async with following(api) as dns:
            api.script("services", members, when=goes_on)
            with dns.steady():
                await api.cut_all()
                await dns.until("m2.shop", "10.96.5.5")
            assert dns.shown("m0.shop") == dns.shown("m1.shop") == "10.96.5.5"


async def test_fault_36_two_hundred_watches_that_end_as_they_should_take_no_list() -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.longest = 20
        async with following(api, "noendpoints", "resync 0") as dns:
            api.bookmarks = False
            api.longest = 2
            api.requests.clear()
            with dns.steady(db__shop="NXDOMAIN"):
                await dns.sees(lambda: api.watched["services"] >= 200, 420)
            assert api.lists("services") == []
            assert dns.relists("first") == 1
            api.etcd.put(service("new", "10.96.0.9"))
            await dns.until("new.shop", "10.96.0.9")


async def test_fault_36_a_server_that_wants_the_connection_closed() -> None:
    async with api_server() as api:
        stock(api.etcd)

        async def farewell(exchange: Exchange) -> None:
            await exchange.head(200, Transfer_Encoding="chunked", Connection="close")
            await asyncio.sleep(10)
            await exchange.finish()
            exchange.connection.end()
            raise Gone

        async with following(api) as dns:
            api.script("*", farewell, when=goes_on, times=30)
            await api.cut_all()
            with dns.steady():
                await asyncio.sleep(200)
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9")
            assert dns.relists("expired") == dns.relists("broken") == 0


async def test_fault_42_a_server_that_drops_a_slow_client_loses_it_no_event() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "noendpoints") as dns:

            async def some(exchange: Exchange) -> None:
                at = int(exchange.request.version or 0)
                lines = [event("ADDED", change.new) for change in api.etcd.since(at, "services")[:300] if change.new]
                await says(b"".join(lines), ends="fin")(exchange)

            api.script("services", some, when=goes_on, times=8)
            api.etcd.put(*(service(f"s{number}", "10.96.4.4") for number in range(2000)))
            await api.cut_all()
            with dns.steady(db__shop="NXDOMAIN"):
                await dns.until("s1999.shop", "10.96.4.4", 200)
            assert {dns.shown(f"s{number}.shop") for number in range(2000)} == {"10.96.4.4"}
            assert dns.relists("expired") == dns.relists("broken") == 0


@given(sizes=st.lists(st.integers(1, 400), min_size=1, max_size=40))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_fault_09_property(sizes: list[int]) -> None:
    def cut(data: bytes) -> Iterable[bytes]:
        for size in sizes:
            if part := data[:size]:
                yield part
            data = data[size:]
        if data:
            yield data

    async with api_server() as api:
        api.chunked = cut
        stock(api.etcd)
        async with following(api) as dns:
            began = warp().time()
            api.etcd.put(service("new", "10.96.0.9"))
            await dns.until("new.shop", "10.96.0.9")
            assert warp().time() == began
            assert dns.shown("db.shop") == STEADY["db.shop"]
