"""One API server asked: answers, errors, silence, metrics, and the question whether it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from kdns.kube.live.access import Address
from kdns.kube.live.api import Api
from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.live.limiter import Limiter
from kdns.kube.live.timing import Timing
from kdns.metrics import Metrics
from tests.kube.live.apiserver import ApiServer, api_server
from tests.kube.live.exchange import Exchange, fails, hangs_up, is_silent, resets, says
from tests.warp import warp

PATH = "/api/v1/services"


class Asked:
    """A server, and who asks it."""

    def __init__(self, server: ApiServer, inflight: int = 0) -> None:
        loop = warp()
        self.server = server
        self.metrics = Metrics()
        timing = Timing(loop.time, loop.wall, asyncio.sleep, Random(1))
        limiter = Limiter(5.0, 10, inflight, clock=loop.time, sleep=asyncio.sleep)
        self.api = Api(Address(server.url), limiter, self.metrics, timing)

    async def page(self, begin: float = 5.0) -> bytes:
        return await self.api.page(PATH, {}, begin=begin)

    async def stream(self, within: float = 25.0) -> bytes:
        async with self.api.stream(PATH, {}, begin=5.0, within=within) as chunks:
            return b"".join([chunk async for chunk in chunks])

    def metric(self, name: str, **labels: str) -> float:
        host = f"127.0.0.1:{self.server.port}"
        full = f"coredns_kubernetes_rest_client_{name}"
        return self.metrics.registry.get_sample_value(full, {"host": host, **labels}) or 0.0


@asynccontextmanager
async def asked(inflight: int = 0) -> AsyncIterator[Asked]:
    async with api_server() as server:
        made = Asked(server, inflight)
        try:
            yield made
        finally:
            await made.api.close()


async def test_a_page_is_a_body_whole() -> None:
    async with asked() as who:
        who.server.script("services", says(b"one ", b"two"))
        assert await who.page() == b"one two"


async def test_what_is_asked_for_is_plain_json() -> None:
    async with asked() as who:
        await who.page()
        (request,) = who.server.requests
        headers = request.headers
        assert (headers["accept"], headers["accept-encoding"]) == ("application/json", "identity")
        assert "authorization" not in headers


@pytest.mark.parametrize(
    ("action", "status", "told", "after"),
    [
        (fails(403, "Forbidden", "no"), 403, "403 Forbidden: no", None),
        (fails(429, "TooManyRequests", retry_after=7), 429, "429 TooManyRequests: TooManyRequests", 7),
        (fails(410, "Expired", "old"), 410, "410 Expired: old", None),
    ],
    ids=["403", "429", "410"],
)
async def test_an_error_is_a_fault(action: object, status: int, told: str, after: float | None) -> None:
    async with asked() as who:
        who.server.script("services", action)  # type: ignore[arg-type]
        with pytest.raises(ApiFault) as raised:
            await who.page()
        assert (raised.value.status, str(raised.value), raised.value.retry_after) == (status, told, after)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"404 page not found\n", "502 error: 404 page not found"),
        (b"<html>Bad Gateway</html>", "502 error"),
        (b"", "502 error"),
        (b"\0\0", "502 error"),
        (b"[]", "502 error"),
        (b'{"code": "many"}', "502 error"),
        (b"word " * 100, "502 error"),
    ],
    ids=["words", "HTML", "nothing", "no text", "a list", "another form", "too many words"],
)
async def test_an_error_that_is_no_status_object_is_one_all_the_same(body: bytes, told: str) -> None:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(502, body)

    async with asked() as who:
        who.server.script("services", act)
        with pytest.raises(ApiFault) as raised:
            await who.page()
        assert str(raised.value) == told


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("12", 12), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)]
)
async def test_retry_after_is_a_number_of_seconds(retry_after: str, seconds: float | None) -> None:
    async def act(exchange: Exchange) -> None:
        await exchange.answer(503, b"", Retry_After=retry_after)

    async with asked() as who:
        who.server.script("services", act)
        with pytest.raises(ApiFault) as raised:
            await who.page()
        assert raised.value.retry_after == seconds


@pytest.mark.parametrize("how", [resets, hangs_up], ids=["reset", "FIN"])
async def test_a_connection_that_ends_before_an_answer_means_that_the_server_may_be_away(how: object) -> None:
    async with asked() as who:
        who.server.script("services", how, times=9)  # type: ignore[arg-type]
        with pytest.raises(Unreachable) as raised:
            await who.page()
        assert raised.value.away


async def test_so_does_one_that_is_refused() -> None:
    async with asked() as who:
        await who.server.kill()
        with pytest.raises(Unreachable, match="Cannot connect to host") as raised:
            await who.page()
        assert raised.value.away


@pytest.mark.parametrize("ends", ["fin", "reset", "cut"])
async def test_an_answer_that_is_cut_is_no_answer_and_the_server_is_there(ends: str) -> None:
    async with asked() as who:
        who.server.script("services", says(b"half", ends=ends), times=2)
        for ask in (who.page, who.stream):
            with pytest.raises(Unreachable) as raised:
                await ask()
            assert not raised.value.away


async def test_a_list_that_does_not_begin_in_time_is_not_reached() -> None:
    async with asked() as who:
        who.server.script("services", is_silent)
        begin = warp().time()
        with pytest.raises(Unreachable, match="no answer within 5 seconds") as raised:
            await who.page(begin=5.0)
        assert warp().time() - begin == pytest.approx(5.0)
        assert (type(raised.value), raised.value.away) == (Unreachable, True)


async def test_a_watch_that_does_not_begin_in_time_is_silent() -> None:
    async with asked() as who:
        who.server.script("services", is_silent)
        with pytest.raises(Silent, match="no answer within 5 seconds"):
            await who.stream()


async def test_a_watch_is_silent_when_nothing_comes_for_too_long() -> None:
    async def act(exchange: Exchange) -> None:
        await exchange.begin()
        for seconds in (20, 20, 20, 30):
            await exchange.chunk(b"x")
            await asyncio.sleep(seconds)

    async with asked() as who:
        who.server.script("services", act)
        begin = warp().time()
        with pytest.raises(Silent, match="nothing came for 25 seconds"):
            await who.stream(within=25.0)
        assert warp().time() - begin == pytest.approx(85.0)


async def test_connections_are_used_again_after_a_list_and_never_after_a_watch_that_was_left() -> None:
    async with asked() as who:
        await who.page()
        await who.page()
        assert who.server.accepted == 1
        async with who.api.stream(PATH, {"watch": "true"}, begin=5.0):
            pass
        await who.page()
        assert who.server.accepted == 2


async def test_no_connection_and_no_task_is_left_behind() -> None:
    async with api_server() as server:
        before = asyncio.all_tasks()
        who = Asked(server)
        await who.page()
        waiting = asyncio.create_task(who.api.recovered())
        await asyncio.sleep(0)
        waiting.cancel()
        await who.api.close()
        await asyncio.sleep(1)
        assert asyncio.all_tasks() - before - {waiting} <= set()
        assert server.connections == {}


# recovered


async def test_all_who_wait_for_the_server_ask_once_every_second_or_two() -> None:
    async with asked() as who:
        await who.server.kill()
        waiting = [asyncio.create_task(who.api.recovered()) for _ in range(5)]
        await asyncio.sleep(60)
        assert not any(each.done() for each in waiting)
        await who.server.start()
        began = warp().time()
        await asyncio.gather(*waiting)
        assert warp().time() - began < 2.0
        assert [request.path for request in who.server.requests] == ["/readyz"]


@pytest.mark.parametrize("status", [200, 401, 403, 500, 503])
async def test_any_answer_says_that_the_server_is_there(status: int) -> None:
    async with asked() as who:
        who.server.script("readyz", fails(status, "x"))
        async with asyncio.timeout(2):
            await who.api.recovered()


async def test_nobody_is_asked_once_nobody_waits() -> None:
    async with asked() as who:
        who.server.slams = True
        waiting = [asyncio.create_task(who.api.recovered()) for _ in range(2)]
        await asyncio.sleep(30)
        waiting[0].cancel()
        at = who.server.accepted
        await asyncio.sleep(30)
        assert who.server.accepted > at, "one still waits"
        waiting[1].cancel()
        await asyncio.sleep(1)
        at = who.server.accepted
        await asyncio.sleep(600)
        assert who.server.accepted == at


async def test_a_server_that_takes_connections_and_says_nothing_is_not_back() -> None:
    async with asked() as who:
        who.server.script("readyz", is_silent, times=3)
        began = warp().time()
        await who.api.recovered()
        assert 3 * 6 < warp().time() - began < 4 * 7


# metrics


async def test_requests_are_counted_by_their_code_and_timed_by_their_server() -> None:
    async with asked() as who:
        who.server.script("services", fails(403, "Forbidden"))
        who.server.script("services", resets, times=9)
        with pytest.raises(ApiFault):
            await who.page()
        with pytest.raises(Unreachable):
            await who.page()
        who.server.unscript()
        await who.page()
        codes = {code: who.metric("requests_total", code=code, method="GET") for code in ("200", "403", "<error>")}
        assert codes == {"200": 1, "403": 1, "<error>": 1}
        assert who.metric("request_duration_seconds_count", verb="GET") == 3


async def test_time_is_counted_until_an_answer_begins() -> None:
    async def act(exchange: Exchange) -> None:
        await asyncio.sleep(2.0)
        await exchange.begin()
        await asyncio.sleep(7.0)
        await exchange.finish()

    async with asked() as who:
        who.server.script("services", act)
        await who.page()
        assert who.metric("request_duration_seconds_sum", verb="GET") == pytest.approx(2.0)


async def test_waiting_for_our_own_limits_is_timed_by_the_server_too() -> None:
    async with asked() as who:
        await asyncio.gather(*(who.page() for _ in range(12)))
        assert who.metric("rate_limiter_duration_seconds_count", verb="GET") == 12
        assert who.metric("rate_limiter_duration_seconds_sum", verb="GET") == pytest.approx(0.2 + 0.4)
