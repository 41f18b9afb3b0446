"""What goes wrong with versions: expired, unknown, from the future, from the past. Judged by answers."""

from __future__ import annotations

import asyncio

import pytest

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import namespace, service, slice_of
from tests.kube.live.exchange import Action, Exchange, Request, event, fails, says, status_of
from tests.kube.live.following import STEADY, Following, following, stock
from tests.warp import warp

EXPIRED = fails(410, "Expired", "too old resource version: 1 (2)")
TOLD_EXPIRED = event("ERROR", status_of(410, "Expired", "too old resource version: 1 (2)"))
IN_A_BODY = TOLD_EXPIRED.rstrip()


async def whole(exchange: Exchange) -> None:
    """An error as an answer of known length, no stream."""
    await exchange.answer(200, IN_A_BODY)


def versions(requests: list[Request]) -> list[str | None]:
    return [request.version for request in requests]


async def miss(api: ApiServer, dns: Following) -> None:
    """While nobody watches: a Service comes, one goes, one changes."""
    await dns.until("old.shop", "10.96.0.8")
    await api.kill()
    api.etcd.put(service("new", "10.96.0.9"), service("moved", "10.96.0.21"))
    api.etcd.delete(service("old"))
    api.etcd.compact()
    await api.start()


async def caught_up(dns: Following, within: float = 10.0) -> None:
    """What `miss` did is known."""
    await dns.until("new.shop", "10.96.0.9", within)
    assert dns.shown("old.shop") == "NXDOMAIN"
    assert dns.shown("moved.shop") == "10.96.0.21"


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
@pytest.mark.parametrize("refused", [0, 1], ids=["once", "and its list too"])
@pytest.mark.parametrize(
    "how",
    [EXPIRED, says(TOLD_EXPIRED), says(TOLD_EXPIRED, ends="fin"), says(IN_A_BODY), whole],
    ids=["status", "event", "event then FIN", "event without line end", "body"],
)
async def test_fault_01_and_02_an_expired_version(how: Action, refused: int, streams: bool) -> None:
    async with api_server() as api:
        api.streams = streams
        stock(api.etcd)
        api.etcd.put(service("old", "10.96.0.8"), service("moved", "10.96.0.20"))
        async with following(api) as dns:
            api.requests.clear()
            api.script("services", how, watch=True, when=lambda request: "sendInitialEvents" not in request.query)
            if refused:
                initial = "sendInitialEvents"
                api.script("services", EXPIRED, when=lambda request: request.watch and initial in request.query)
                api.script("services", EXPIRED, watch=False, when=lambda request: bool(request.version))
            with dns.steady():
                await miss(api, dns)
                await caught_up(dns)
            assert dns.relists("expired") == 1
            before = api.version
            api.etcd.put(service("later", "10.96.0.30"))
            await dns.until("later.shop", "10.96.0.30")
            lists = [request for request in api.lists("services") if "resourceVersion" in request.query]
            if not streams:
                assert versions(lists)[0] not in {"", "0"}, "the first try is nothing older than what we know"
            assert before


@pytest.mark.parametrize("code", [500, 0], ids=["code 500", "no code"])
async def test_fault_03_a_stream_that_says_it_is_broken_leads_to_a_full_list(code: int) -> None:
    """client-go: TestReflectorReplacesStoreOnUnsafeDelete."""
    async with api_server() as api:
        stock(api.etcd)
        api.etcd.put(service("corrupt", "10.96.0.8"))
        async with following(api) as dns:
            await dns.until("corrupt.shop", "10.96.0.8")
            api.etcd.delete(service("corrupt"), told=False)
            told = event("ERROR", status_of(code, "StoreReadError", "corrupt object"))
            api.script(
                "services", says(told), watch=True, when=lambda request: "sendInitialEvents" not in request.query
            )
            with dns.steady():
                await api.cut_all()
                await dns.until("corrupt.shop", "NXDOMAIN", 30)
            assert dns.relists("broken") == 1


async def test_fault_04_a_watch_goes_on_from_the_last_version_of_its_own_kind() -> None:
    async with api_server() as api:
        api.streams = False
        stock(api.etcd)
        async with following(api) as dns:
            listed = api.version
            api.etcd.put(slice_of("db", "10.244.0.1", "10.244.7.7", name="other"))
            last = api.etcd.put(service("new", "10.96.0.9"))
            api.etcd.put(namespace("later"))
            await dns.until("new.shop", "10.96.0.9")
            await dns.until("later.svc.cluster.local.", "NODATA")
            await dns.sees(lambda: "10.244.7.7" in dns.shown("db.shop"))
            api.requests.clear()
            await api.cut_all()
            await dns.sees(lambda: bool(api.watches("services")), 5)
            assert versions(api.watches("services")) == [str(last)]
            await dns.sees(lambda: len(api.watches("namespaces") + api.watches("endpointslices")) == 2)
            assert versions(api.watches("namespaces")) == [str(last + 1)]
            assert versions(api.watches("endpointslices")) == [str(listed + 1)]
            assert all(not request.version for request in api.lists("services"))


async def test_fault_04_an_event_that_was_not_taken_in_does_not_move_the_version() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            at = str(api.version)
            half = event("ADDED", {**service("new", "10.96.0.9"), "metadata": {"name": "new", "resourceVersion": "9"}})
            api.script("services", says(half[:-20], ends="reset"), watch=True)
            await api.cut_all()
            api.requests.clear()
            await dns.sees(lambda: len(api.watches("services")) == 2, 10)
            assert versions(api.watches("services")) == [at, at]


@pytest.mark.parametrize("body", [{}, {"kind": "Service", "spec": {}}, None], ids=["nothing", "a kind", "null"])
async def test_fault_05_a_bookmark_touches_no_object(body: dict[str, object] | None) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            metadata = {"resourceVersion": "5000", "name": "", "creationTimestamp": None}
            mark = event("BOOKMARK", {**body, "metadata": metadata} if body is not None else None)  # type: ignore[arg-type]
            api.script("services", says(mark, ends="fin"), watch=True)
            with dns.steady():
                await api.cut_all()
                api.etcd.version = 5000
                api.requests.clear()
                await dns.sees(lambda: len(api.watches("services")) == 2, 10)
            right = "5000" if body is not None else str(1004)
            assert versions(api.watches("services"))[1] == right
            assert dns.metric("kdns_kubernetes_objects", kind="Service") == 2


async def test_fault_05_half_an_hour_of_bookmarks_saves_from_a_list() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            for _ in range(30):
                await asyncio.sleep(60)
                api.etcd.put({**namespace("busy"), "metadata": {"name": "busy", "generation": warp().time()}})
            later = api.etcd.version
            await asyncio.sleep(60)
            api.etcd.compacted = later - 1
            api.requests.clear()
            await api.cut_all()
            await dns.sees(lambda: bool(api.watches("services")), 10)
            await asyncio.sleep(30)
            assert [request for request in api.lists("services") if request.query.get("limit") != "1"] == []
            assert dns.relists("expired") == 0


async def test_fault_05_none_may_ever_come() -> None:
    async with api_server() as api:
        api.bookmarks = api.streams = False
        stock(api.etcd)
        async with following(api) as dns:
            with dns.steady():
                await asyncio.sleep(1800)
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9")


async def test_fault_31_a_token_for_the_next_page_that_expires_leads_to_a_full_list() -> None:
    async with api_server() as api:
        api.streams = False
        stock(api.etcd)
        api.etcd.put(*(service(f"s{number}", "10.96.1.1") for number in range(1700)))
        third = [0]

        def is_third(request: Request) -> bool:
            third[0] += "continue" in request.query
            return third[0] == 3

        api.script("services", EXPIRED, watch=False, when=lambda request: request.version == "0")
        api.script("services", fails(410, "Expired", "The provided continue parameter is too old"), when=is_third)
        async with following(api) as dns:
            assert {name: dns.shown(name) for name in STEADY} == STEADY
            assert dns.shown("s1699.shop") == "10.96.1.1"
            continued = [request for request in api.lists("services") if "continue" in request.query]
            assert all("resourceVersion" not in request.query for request in continued)


async def test_fault_31_pages_without_a_count_of_what_remains() -> None:
    async with api_server() as api:
        api.streams = False
        stock(api.etcd)
        api.etcd.put(*(service(f"s{number}", "10.96.1.1") for number in range(1234)))
        api.script("services", EXPIRED, watch=False, when=lambda request: request.version == "0")
        async with following(api) as dns:
            assert dns.metric("kdns_kubernetes_objects", kind="Service") == 1236
            limits = [request.query.get("limit") for request in api.lists("services")]
            assert limits == ["500"] * 4


async def test_fault_32_a_server_that_lags_never_takes_answers_back() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            behind = api.etcd.version
            api.etcd.put(service("new", "10.96.0.9"))
            await dns.until("new.shop", "10.96.0.9")
            await api.kill()
            api.reached = behind  # whoever answers at this address now has not heard of it
            api.requests.clear()
            with dns.steady(new__shop="10.96.0.9"):
                await api.start()
                await asyncio.sleep(120)
                api.reached = None
                api.etcd.put(service("next", "10.96.0.10"))
                await dns.until("next.shop", "10.96.0.10")


async def test_fault_32_a_list_from_a_server_that_lags_is_nothing_older_than_what_we_know() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            behind = api.etcd.version
            api.etcd.put(service("new", "10.96.0.9"))
            await dns.until("new.shop", "10.96.0.9")
            api.script("*", EXPIRED, watch=True, when=lambda request: "sendInitialEvents" not in request.query, times=3)
            api.reached = behind
            with dns.steady(new__shop="10.96.0.9"):
                await api.cut_all()
                await asyncio.sleep(120)
            assert dns.relists("expired") == 1


@pytest.mark.parametrize("streams", [True, False], ids=["streamed", "listed"])
async def test_fault_33_versions_that_went_backwards(streams: bool) -> None:
    async with api_server() as api:
        api.streams = streams
        stock(api.etcd)
        api.etcd.put(service("kept", "10.96.0.7"), service("moved", "10.96.0.20"))
        async with following(api) as dns:
            snapshot = api.etcd.save()
            api.etcd.put(service("lost", "10.96.0.8"), service("moved", "10.96.0.21"))
            api.etcd.delete(service("kept"))
            api.etcd.put(*(service(f"more{number}", "10.96.2.1") for number in range(50)))
            await dns.until("more49.shop", "10.96.2.1")
            await api.kill()
            api.etcd.restore(snapshot)
            with dns.steady():
                await api.start()
                await dns.until("lost.shop", "NXDOMAIN", 10)
                assert dns.shown("kept.shop") == "10.96.0.7"
                assert dns.shown("moved.shop") == "10.96.0.20"
                assert dns.shown("more7.shop") == "NXDOMAIN"
                api.etcd.put(service("new", "10.96.0.9"))
                await dns.until("new.shop", "10.96.0.9")
            assert dns.relists("backwards") == 1


async def test_fault_33_versions_that_went_backwards_and_caught_up_unseen_heal_by_the_audit() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 5m") as dns:
            snapshot = api.etcd.save()
            api.etcd.put(service("lost", "10.96.0.8"))
            await dns.until("lost.shop", "10.96.0.8")
            await api.kill()
            api.etcd.restore(snapshot)
            api.etcd.put(*(service(f"more{number}", "10.96.2.1") for number in range(50)))
            with dns.steady():
                await api.start()
                await dns.until("lost.shop", "NXDOMAIN", 300 * 1.2 + 100)
                assert {dns.shown(f"more{number}.shop") for number in range(50)} == {"10.96.2.1"}
            assert dns.metric("kdns_kubernetes_repaired_total", kind="Service") >= 1


async def test_fault_34_a_version_that_the_server_has_not_reached_is_listed_at_its_latest() -> None:
    async with api_server() as api:
        api.streams = False
        stock(api.etcd)
        async with following(api) as dns:
            api.requests.clear()
            large = fails(504, "Timeout", "Too large resource version: 2000, current: 1004", 1)
            api.script("services", EXPIRED, watch=True)
            api.script("services", large, watch=False, when=lambda request: bool(request.version))
            await api.cut_all()
            api.etcd.put(service("new", "10.96.0.9"))
            with dns.steady():
                await dns.until("new.shop", "10.96.0.9", 10)
            asked = [request for request in api.lists("services") if request.query.get("limit") != "1"]
            assert [request.version or "" for request in asked] == ["1004", ""]
