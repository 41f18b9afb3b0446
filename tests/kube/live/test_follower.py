"""A resource being followed: what the log and the metrics tell of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.kube.live.apiserver import api_server
from tests.kube.live.etcd import service
from tests.kube.live.exchange import event, fails, says, status_of
from tests.kube.live.following import following, stock


def told(caplog: pytest.LogCaptureFixture, level: int, word: str = "services") -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level and word in record.getMessage()]


async def test_a_failure_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with api_server() as api:
        stock(api.etcd)
        async with following(api):
            api.script("services", fails(503, "ServiceUnavailable", "starting"), times=6)
            caplog.clear()
            await api.cut_all()
            await asyncio.sleep(200)
            assert sum("503 ServiceUnavailable: starting; trying again" in line for line in told(caplog, 30)) == 1
            assert told(caplog, logging.INFO)[-1] == "services: followed again"


async def test_the_regular_life_of_a_watch_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 5m"):
            caplog.clear()
            await asyncio.sleep(1500)
            assert [record.getMessage() for record in caplog.records] == []


async def test_events_and_relists_are_counted_by_type_and_cause() -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:

            def counted(type: str) -> float:
                return dns.metric("kdns_kubernetes_events_total", kind="Service", type=type)

            api.etcd.put(service("new", "10.96.0.9"))
            api.etcd.put(service("new", "10.96.0.10"))
            api.etcd.delete(service("new"))
            await dns.sees(lambda: counted("DELETED") == 1)
            assert (counted("ADDED"), counted("MODIFIED")) == (1, 1)
            broken = event("ERROR", status_of(500, "StoreReadError"))
            api.script("services", says(broken), watch=True)
            await api.cut_all()
            await dns.sees(lambda: dns.relists("broken") == 1, 60)
            assert (dns.relists("first"), dns.relists("expired"), dns.relists("backwards")) == (1, 0, 0)
            assert dns.metric("kdns_kubernetes_objects", kind="Service") == 2


async def test_an_object_that_is_passed_over_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api) as dns:
            api.etcd.put({**service("broken"), "spec": {"clusterIP": 7}})
            await dns.sees(lambda: dns.metric("kdns_kubernetes_decode_errors_total", kind="Service") == 1)
            (line,) = told(caplog, logging.ERROR)
            assert "shop/broken" in line
            assert "spec.clusterIP" in line


async def test_repairs_are_told(caplog: pytest.LogCaptureFixture) -> None:
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 1m") as dns:
            api.etcd.put(service("missed", "10.96.0.8"), told=False)
            await dns.until("missed.shop", "10.96.0.8", 300)
            assert told(caplog, logging.WARNING) == [
                "services: 1 objects were wrong and are repaired: events were lost"
            ]


async def test_an_audit_that_fails_is_the_next_one_s(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with api_server() as api:
        stock(api.etcd)
        async with following(api, "resync 1m") as dns:
            api.etcd.put(service("missed", "10.96.0.8"), told=False)
            api.script("services", fails(500, "InternalError"), when=lambda each: "sendInitialEvents" in each.query)
            await dns.until("missed.shop", "10.96.0.8", 400)
            assert any("could not be compared with a list" in line for line in told(caplog, logging.INFO))
