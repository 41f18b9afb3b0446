"""The API server's stand-in: what client libraries insist on, and changes."""

from __future__ import annotations

import asyncio
import json

import pytest

from bench.apiserver import SERVICES, SLICES, SPACES, Bench

KINDS = {SERVICES: "Service", SLICES: "EndpointSlice", SPACES: "Namespace"}
COUNTS = {SERVICES: 10 + 2, SLICES: 10 + 1 + 10, SPACES: 20}


@pytest.mark.parametrize("path", KINDS, ids=KINDS.values())
def test_a_list_says_its_kind(path: str) -> None:
    page = json.loads(Bench(10, 3).page(path, ""))
    assert page["kind"] == KINDS[path] + "List"
    assert page["metadata"] == {"resourceVersion": "1000"}
    assert len(page["items"]) == COUNTS[path]


def test_a_list_of_one_is_only_for_its_version() -> None:
    bench = Bench(10, 3)
    assert json.loads(bench.page(SERVICES, "1"))["items"] == []
    assert bench.lists == 0


@pytest.mark.parametrize("path", KINDS, ids=KINDS.values())
def test_a_streamed_list_ends_with_a_bookmark_of_its_kind(path: str) -> None:
    *events, last = [json.loads(line) for line in Bench(10, 3).initial(path)]
    assert [event["type"] for event in events] == ["ADDED"] * COUNTS[path]
    assert last["type"] == "BOOKMARK"
    assert last["object"]["kind"] == KINDS[path]
    assert last["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_a_touch_moves_the_endpoints_of_a_service() -> None:
    bench = Bench(10, 3)

    def addresses() -> list[str]:
        return [each["addresses"][0] for each in json.loads(bench.objects[SLICES][5])["endpoints"]]

    before = addresses()
    bench.touch(5)
    assert bench.version == 1001
    assert set(before).isdisjoint(addresses())


async def test_endpoints_change_as_often_as_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(10, 3)
    bench.churn = 200
    now = 0.0

    async def wait(seconds: float) -> None:
        nonlocal now
        now += seconds
        if now > 1.01:
            raise asyncio.CancelledError

    monkeypatch.setattr("bench.apiserver.asyncio.sleep", wait)
    monkeypatch.setattr("bench.apiserver.time.monotonic", lambda: now)
    with pytest.raises(asyncio.CancelledError):
        await bench.change()
    assert 195 <= bench.version - 1000 <= 201
