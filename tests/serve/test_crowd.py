from __future__ import annotations

import asyncio
import resource

import pytest

from kdns.metrics import Metrics
from kdns.serve.crowd import Crowd, Limits
from tests.serve.answering import by_reason


class Guest:
    """A connection that remembers what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def stop(self) -> None:
        self.asked.append("stop")

    def abort(self, reason: str = "") -> None:
        self.asked.append(f"abort {reason}".strip())


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def guests() -> list[Guest]:
    return [Guest() for _ in range(5)]


def present(metrics: Metrics) -> float:
    return metrics.registry.get_sample_value("kdns_tcp_connections") or 0.0


@pytest.mark.parametrize(
    ("files", "connections"),
    [(1, 1), (256, 128), (1024, 512), (20000, 10000), (1 << 20, 10000), (resource.RLIM_INFINITY, 10000)],
)
def test_half_of_the_files_may_be_connections_and_ten_thousand_at_most(
    files: int, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert Limits().connections == connections


def test_the_times_are_coredns_s() -> None:
    limits = Limits()
    assert (limits.read, limits.write, limits.idle) == (3.0, 5.0, 10.0)


def test_those_present_are_counted(metrics: Metrics, guests: list[Guest]) -> None:
    crowd = Crowd(10, metrics)
    assert all(crowd.admit(guest) for guest in guests)
    assert (len(crowd), present(metrics)) == (5, 5)
    crowd.leave(guests[0])
    crowd.leave(guests[0])
    assert (len(crowd), present(metrics)) == (4, 4)


def test_for_a_new_one_goes_who_has_been_at_rest_the_longest(metrics: Metrics, guests: list[Guest]) -> None:
    crowd = Crowd(3, metrics)
    for guest in guests[:3]:
        crowd.admit(guest)
        crowd.rest(guest)
    crowd.busy(guests[0])
    crowd.rest(guests[0])
    crowd.rest(guests[1])
    assert crowd.admit(guests[3])
    assert crowd.admit(guests[4])
    assert [guest.asked for guest in guests] == [[], ["abort limit"], ["abort limit"], [], []]
    assert (len(crowd), present(metrics)) == (3, 3)


def test_where_nobody_is_at_rest_the_new_one_is_not_let_in(metrics: Metrics, guests: list[Guest]) -> None:
    crowd = Crowd(2, metrics)
    for guest in guests[:2]:
        crowd.admit(guest)
        crowd.rest(guest)
        crowd.busy(guest)
    assert not crowd.admit(guests[2])
    assert [guest.asked for guest in guests] == [[]] * 5
    assert (len(crowd), present(metrics)) == (2, 2)


def test_who_was_not_let_in_or_is_gone_cannot_come_to_rest(metrics: Metrics, guests: list[Guest]) -> None:
    crowd = Crowd(1, metrics)
    crowd.admit(guests[0])
    crowd.rest(guests[1])
    assert not crowd.admit(guests[2])
    crowd.leave(guests[0])
    crowd.rest(guests[0])
    crowd.admit(guests[3])
    assert not crowd.admit(guests[4])
    assert guests[0].asked == []


def test_everybody_is_told_to_stop_or_sent_away(metrics: Metrics, guests: list[Guest]) -> None:
    crowd = Crowd(10, metrics)
    for guest in guests:
        crowd.admit(guest)
    crowd.stop()
    crowd.abort()
    assert [guest.asked for guest in guests] == [["stop", "abort"]] * 5


def test_what_is_ended_is_counted_by_its_reason(metrics: Metrics) -> None:
    crowd = Crowd(1, metrics)
    for reason in ("idle", "read", "idle"):
        crowd.closed(reason)
    assert by_reason(metrics, "kdns_tcp_connections_closed_total") == {"idle": 2, "read": 1}


async def test_all_are_gone_when_the_last_one_has_left(metrics: Metrics, guests: list[Guest]) -> None:
    crowd = Crowd(10, metrics)
    await crowd.gone()
    for guest in guests:
        crowd.admit(guest)
    waiting = asyncio.create_task(crowd.gone())
    for guest in guests:
        await asyncio.sleep(0)
        assert not waiting.done()
        crowd.leave(guest)
    await waiting
