"""`apiserver_qps`, `apiserver_burst`, `apiserver_max_inflight`, as the API server sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import pairwise

import pytest

from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.etcd import namespace, service
from tests.kube.live.exchange import Exchange, Request, fails
from tests.kube.live.following import corefile, following, loaded, stock
from tests.warp import warp


def busiest(requests: Iterable[Request], seconds: float) -> int:
    """The most requests that came within so many seconds."""
    times = sorted(request.time for request in requests if request.path != "/readyz")
    return max(sum(begin <= time < begin + seconds for time in times) for begin in times)


@pytest.mark.parametrize(("qps", "burst"), [(1, 1), (2, 3), (0.5, 2)], ids=str)
async def test_no_more_requests_come_than_may(qps: float, burst: int) -> None:
    async with api_server() as api:
        stock(api.etcd)
        options = [f"apiserver_qps {qps}", f"apiserver_burst {burst}", "startup_timeout 60s", "resync 20s"]
        async with following(api, *options) as dns:
            assert dns.shown("web.shop") == "10.96.0.1"
            with dns.steady():
                for _ in range(3):
                    await api.cut_all()
                    await asyncio.sleep(40)
            assert len(api.requests) > 12
            for seconds in (1.0, 10.0, 60.0):
                assert busiest(api.requests, seconds) <= burst + qps * seconds + 1


async def test_without_a_rate_all_come_at_once() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "pods verified"):
            assert busiest(api.requests, 0.1) == 4


async def test_what_was_held_back_is_timed() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "apiserver_qps 1", "apiserver_burst 1", "startup_timeout 60s") as dns:
            name = "coredns_kubernetes_rest_client_rate_limiter_duration_seconds_sum"
            assert dns.metric(name, verb="GET", host=f"127.0.0.1:{api.port}") == pytest.approx(1.0 + 2.0)


class Slow:
    """Answers lists in pieces, over ten seconds; notes how many it is answering."""

    def __init__(self, api: ApiServer) -> None:
        self.most = self.now = 0
        self.times: list[float] = []
        api.streams = False
        api.script("*", self.act, times=99, when=lambda request: not request.watch)

    async def act(self, exchange: Exchange) -> None:
        self.now += 1
        self.times.append(exchange.request.time)
        self.most = max(self.most, self.now)
        body = b'{"metadata":{"resourceVersion":"5"},"items":[]}'
        await exchange.head(200, Content_Length=str(len(body)))
        for place in range(len(body)):
            await asyncio.sleep(10.0 / len(body))
            await exchange.connection.send(body[place : place + 1])
        self.times.append(asyncio.get_running_loop().time())
        self.now -= 1


@pytest.mark.parametrize(("inflight", "most", "seconds"), [(1, 1, 40.0), (2, 2, 20.0), (0, 4, 10.0)], ids=str)
async def test_no_more_are_answered_at_once_than_may(inflight: int, most: int, seconds: float) -> None:
    async with api_server() as api:
        slow = Slow(api)
        options = [f"apiserver_max_inflight {inflight}", "startup_timeout 120s", "pods verified"]
        async with following(api, *options) as dns:
            assert dns.ready() == ""
            assert slow.most == most
            assert max(slow.times) - min(slow.times) == pytest.approx(seconds, abs=1.0)


async def test_watches_are_in_nobody_s_way() -> None:
    """One may be on its way at a time; four watches go on for minutes beside it."""
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "apiserver_max_inflight 1", "pods verified") as dns:
            assert dns.ready() == ""
            api.etcd.put(service("new", "10.96.0.9"))
            await dns.until("new.shop", "10.96.0.9")


async def test_many_namespaces_are_all_followed_at_once() -> None:
    """60 watches and more: no default may starve them, nor a bound on connections."""
    names = [f"n{number}" for number in range(40)]
    async with api_server() as api:
        for name in names:
            api.etcd.put(namespace(name), service("web", "10.96.0.1", name))
        begin = warp().time()
        async with following(api, f"namespaces {' '.join(names)}") as dns:
            assert dns.ready() == ""
            assert warp().time() - begin < 0.5
            assert dns.shown("web.n39") == "10.96.0.1"
            with dns.steady(web__n0="10.96.0.1", db__shop="NXDOMAIN", web__shop="NXDOMAIN", gone__shop="NXDOMAIN"):
                await asyncio.sleep(120)
                for name in names:
                    api.etcd.put(service("new", "10.96.0.9", name))
                for name in names:
                    await dns.until(f"new.{name}", "10.96.0.9", 1)
            assert len(api.connections) == 120


async def test_blocks_with_the_same_settings_share_watches_and_others_do_not() -> None:
    async with api_server() as api:
        stock(api.etcd)

        def text(*lines: str) -> str:
            blocks = [
                corefile(f"endpoint {api.url}", line).replace("cluster.local", f"zone{place}", 1)
                for place, line in enumerate(lines)
            ]
            return "\n".join(block.replace("in-addr.arpa ", "") for block in blocks)

        async with loaded(text("ttl 5", "ttl 30", "pods insecure")) as dns:
            assert [len(api.watches(plural)) for plural in ("services", "endpointslices", "namespaces")] == [1, 1, 1]
            for zone in ("zone0", "zone1", "zone2"):
                assert dns.shown(f"web.shop.svc.{zone}.") == "10.96.0.1"
            api.etcd.put(service("web", "10.96.0.2"))
            for zone in ("zone0", "zone1", "zone2"):
                await dns.until(f"web.shop.svc.{zone}.", "10.96.0.2")
        api.requests.clear()
        async with loaded(text("ttl 5", "labels a=b")) as dns:
            assert [request.query.get("labelSelector") for request in api.watches("services")] in (
                [None, "a=b"],
                ["a=b", None],
            )
            assert (dns.shown("web.shop.svc.zone0."), dns.shown("web.shop.svc.zone1.")) == ("10.96.0.2", "NXDOMAIN")


@pytest.mark.parametrize("after", [1, 32])
async def test_a_server_that_is_overloaded_is_asked_again_no_sooner_than_it_says(after: int) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "noendpoints") as dns:
            api.script("*", fails(429, "TooManyRequests", retry_after=after), times=14)
            api.requests.clear()
            with dns.steady(db__shop="NXDOMAIN"):
                await api.cut_all()
                await asyncio.sleep(25 * after)
            for plural in ("services", "namespaces"):
                times = [request.time for request in api.requests if request.plural == plural]
                assert all(later - earlier >= after for earlier, later in pairwise(times[:6]))
                assert dns.metric("kdns_kubernetes_relists_total", kind="Service", cause="expired") == 0
