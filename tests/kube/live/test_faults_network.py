"""What goes wrong between us and an API server: dead connections, slow and refusing servers, outages, clocks.

Judged by answers and by the log of requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import service, slice_of
from tests.kube.live.exchange import Action, Connection, Exchange, Request, fails, hangs_up, is_silent, resets
from tests.kube.live.following import following, stock
from tests.warp import warp

NOTICED = 30.0
RETURNED = 5.0


def initial(request: Request) -> bool:
    return "sendInitialEvents" in request.query


def goes_on(request: Request) -> bool:
    return request.watch and not initial(request)


def lists(api: ApiServer) -> list[Request]:
    """What fetched all Services."""
    return [each for each in api.requests if each.plural == "services" and (initial(each) or not each.watch)]


def full(api: ApiServer) -> list[Request]:
    """The same without the small questions where a server is."""
    return [each for each in lists(api) if each.query.get("limit") != "1"]


def late(seconds: float) -> Action:
    """Begin to answer after a while, and then rightly."""

    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.status(503, "ServiceUnavailable") if seconds > 3600 else await server_of(exchange)

    return act


_servers: dict[int, ApiServer] = {}


async def server_of(exchange: Exchange) -> None:
    """The right answer."""
    port = int(exchange.request.headers["host"].rpartition(":")[2])
    await _servers[port].answer(exchange)


@pytest.mark.parametrize("age", [1.0, 20.0, 100.0, 1000.0], ids="after {}".format)
@pytest.mark.parametrize("pooled", [False, True], ids=["watches", "pooled ones too"])
async def test_fault_11_half_open_connections(age: float, pooled: bool) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("old", "10.96.0.8"))
        async with following(api) as dns:
            await asyncio.sleep(age)
            api.mute()
            if not pooled:
                for connection in api.connections.values():
                    connection.mute = connection.number in {each.connection for each in api.requests if each.watch}
            api.etcd.put(service("new", "10.96.0.9"))
            api.etcd.delete(service("old"))
            with dns.steady():
                took = await dns.until("new.shop", "10.96.0.9", NOTICED)
                await dns.until("old.shop", "NXDOMAIN", 5)
            assert took <= NOTICED
            assert dns.relists("expired") == 0


async def test_fault_11_a_busy_watch_that_dies() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            for number in range(50):
                await asyncio.sleep(1)
                api.etcd.put(service("busy", f"10.96.7.{number}"))
                await dns.until("busy.shop", f"10.96.7.{number}")
            api.mute()
            api.etcd.put(service("busy", "10.96.8.1"))
            with dns.steady():
                await dns.until("busy.shop", "10.96.8.1", NOTICED)


async def test_fault_12_a_slow_first_list_is_waited_for() -> None:
    async with api_server() as api:
        _servers[api.port] = api
        api.streams = False
        stock(api.etcd)
        api.script("services", late(60), watch=False)
        async with following(api) as dns:
            assert dns.shown("web.shop") == "SERVFAIL"
            assert dns.codes("web.shop") == [14]
            assert dns.ready().startswith("services from")
            took = await dns.until("web.shop", "10.96.0.1", 60)
            assert took > 50
            assert dns.ready() == ""


async def test_fault_12_a_slow_list_later_changes_nothing_until_it_is_whole() -> None:
    async with api_server() as api:
        _servers[api.port] = api
        api.streams = False
        stock(api.etcd)
        async with following(api) as dns:
            api.requests.clear()
            api.script("services", fails(410, "Expired"), watch=True)
            api.script("services", late(60), watch=False, when=lambda request: bool(request.version))
            with dns.steady():
                await api.cut_all()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 120)
            assert dns.ready() == ""
            assert len(full(api)) == 1


async def test_fault_12_a_list_that_stalls_in_its_body_is_asked_for_again() -> None:
    async with api_server() as api:
        api.streams = False
        stock(api.etcd)

        async def half(exchange: Exchange) -> None:
            await exchange.head(200, Content_Length="5000")
            await exchange.connection.send(b'{"kind":"ServiceList","items":[')
            await exchange.connection.forever()

        api.script("services", half, watch=False)
        async with following(api) as dns:
            assert dns.shown("web.shop") == "SERVFAIL"
            await dns.until("web.shop", "10.96.0.1", 60)


@pytest.mark.parametrize("seconds", [5, 9, 100], ids="{} s".format)
async def test_fault_12_watches_that_begin_late(seconds: float) -> None:
    async with api_server() as api:
        _servers[api.port] = api
        stock(api.etcd)
        async with following(api) as dns:
            api.script("*", late(seconds), when=goes_on, times=3)
            with dns.steady():
                await api.cut_all()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 60)
            assert dns.relists("expired") == dns.relists("broken") == 0


@pytest.mark.parametrize("after", [1, 32], ids="Retry-After {}".format)
async def test_fault_13_too_many_requests_for_a_watch_are_no_reason_for_a_list(after: int) -> None:
    """client-go: TestNoRelistOnTooManyRequests."""
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            api.requests.clear()
            api.script("services", fails(429, "TooManyRequests", retry_after=after), when=goes_on, times=20)
            with dns.steady():
                await api.cut_all()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 3600)
            times = [request.time for request in api.watches("services")]
            gaps = [later - earlier for earlier, later in pairwise(times)][:20]
            assert min(gaps) >= after
            assert len(gaps) == 20
            assert len({round(gap, 6) for gap in gaps}) > 10, "chance spreads them"
            assert full(api) == []


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
async def test_fault_13_too_many_requests_for_the_first_list(streams: bool) -> None:
    async with api_server() as api:
        api.streams = streams
        stock(api.etcd)
        busy = fails(429, "TooManyRequests", retry_after=2)
        api.script("services", busy, times=20, when=lambda each: initial(each) is streams)
        async with following(api) as dns:
            assert dns.ready().startswith("services")
            await dns.until("web.shop", "10.96.0.1", 1000)
            times = [request.time for request in api.requests if request.plural == "services"]
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert sum(gap >= 2 for gap in gaps) >= 20


OUTAGES = [1.0, 30.0, 120.0]


@pytest.mark.parametrize("seconds", OUTAGES, ids="{:.0f} s".format)
async def test_fault_14_a_killed_server_s_return(seconds: float) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 0") as dns:
            with dns.steady():
                await api.kill()
                await asyncio.sleep(seconds)
                api.etcd.put(service("new", "10.96.0.9"))
                api.requests.clear()
                await api.start()
                await dns.until("new.shop", "10.96.0.9", RETURNED)
            assert full(api) == [], "the version is still kept"


@pytest.mark.parametrize("seconds", OUTAGES, ids="{:.0f} s".format)
async def test_fault_14_a_proxy_that_takes_connections_and_ends_them(seconds: float) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 0") as dns:
            with dns.steady():
                api.slams = True
                await api.cut_all()
                await asyncio.sleep(seconds)
                api.etcd.put(service("new", "10.96.0.9"))
                api.slams = False
                await dns.until("new.shop", "10.96.0.9", RETURNED)


@pytest.mark.parametrize("action", [resets, hangs_up, is_silent], ids=["RST", "FIN", "silence"])
@pytest.mark.parametrize("seconds", [10.0, 100.0], ids="{:.0f} s".format)
async def test_fault_14_a_server_that_takes_requests_and_does_not_answer(action: Action, seconds: float) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 0") as dns:
            with dns.steady():
                api.script("*", action, times=1e9)
                await api.cut_all()
                await asyncio.sleep(seconds)
                api.etcd.put(service("new", "10.96.0.9"))
                api.unscript()
                await dns.until("new.shop", "10.96.0.9", 12 if action is is_silent else RETURNED)


@pytest.mark.parametrize("code", [500, 502, 503], ids=str)
async def test_fault_14_errors_of_a_server_are_waited_out_longer_and_longer(code: int) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "noendpoints", "resync 0") as dns:
            api.requests.clear()
            api.script("services", fails(code, "InternalError"), when=goes_on, times=7)
            with dns.steady(db__shop="NXDOMAIN"):
                await api.cut_all()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 400)
            times = [request.time for request in api.watches("services")]
            gaps = [later - earlier for earlier, later in pairwise(times)][:7]
            assert all(short <= gap <= 2.3 * 60 for short, gap in zip((0.8, 1.6, 3.2, 6.4), gaps, strict=False))
            assert full(api) == []


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
async def test_fault_18_after_a_restart_replicas_do_not_come_at_once_nor_page_through_etcd(streams: bool) -> None:
    """A list is streamed, or taken from the watch cache without a limit."""
    async with api_server() as api:
        api.streams = streams
        stock(api.etcd)
        async with following(api) as one, following(api) as two, following(api) as three:
            await api.kill()
            api.etcd.put(service("new", "10.96.0.9"), slice_of("new"))
            api.etcd.compact()
            api.requests.clear()
            await api.start()
            with one.steady(), two.steady(), three.steady():
                for dns in (one, two, three):
                    await dns.until("new.shop", "10.96.0.9", 10)
            for request in full(api):
                assert initial(request) or "limit" not in request.query
                assert request.version not in {None, "", "0"}
            assert len({request.time for request in full(api)}) >= 3


@pytest.mark.parametrize("shift", [-3600.0, 3600.0], ids=["back", "ahead"])
async def test_fault_37_unix_time_that_jumps(shift: float) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "stale_after 5m") as dns:
            with dns.steady():
                warp().shift = shift
                api.etcd.put(service("new", "10.96.0.9"))
                assert await dns.until("new.shop", "10.96.0.9") < 1
                began = len(api.requests)
                await asyncio.sleep(120)
                assert len(api.requests) - began < 60
            assert dns.codes("web.shop") == []
            assert dns.relists("expired") == dns.relists("broken") == dns.relists("backwards") == 0


@pytest.mark.parametrize("how", [Connection.reset, Connection.end], ids=["reset", "ended"])
@pytest.mark.parametrize("compacted", [True, False], ids=["compacted", "kept"])
async def test_fault_38_a_process_that_was_stopped_for_ten_minutes(
    how: Callable[[Connection], None], compacted: bool
) -> None:
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("old", "10.96.0.8"))
        async with following(api, "stale_after 1m") as dns:
            await api.cut_all(how)
            api.etcd.put(service("new", "10.96.0.9"))
            api.etcd.delete(service("old"))
            if compacted:
                api.etcd.compact()
            warp().skip(600)
            with dns.steady():
                await dns.until("new.shop", "10.96.0.9", 10)
                await dns.until("old.shop", "NXDOMAIN", 1)


@pytest.mark.parametrize(
    ("gone", "seconds"), [("killed", 600.0), ("dead connections", 600.0), ("deaf", 600.0)], ids=lambda each: str(each)
)
async def test_fault_40_hours_without_the_server(gone: str, seconds: float) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 5m") as dns:
            with dns.steady():
                if gone == "killed":
                    await api.kill()
                else:
                    api.mute()
                    api.deaf = gone == "deaf"
                    if gone == "dead connections":
                        await api.close_port()
                await asyncio.sleep(seconds)
                assert dns.ready() == ""
                reply = dns.look("web.shop")
                assert reply.answer[0].ttl == 5
                assert dns.codes("web.shop") == [], "nobody asked to be told"
                for kind in ("Service", "EndpointSlice", "Namespace"):
                    assert seconds - 60 < dns.metric("kdns_kubernetes_last_contact_seconds", kind=kind) <= seconds + 30
                api.deaf = False
                if gone != "deaf":
                    await api.start()
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9", 20 if gone == "deaf" else RETURNED)
                await dns.sees(lambda: dns.metric("kdns_kubernetes_last_contact_seconds", kind="Namespace") < 10, 30)
