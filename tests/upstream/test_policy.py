from __future__ import annotations

from collections import Counter

from kdns.upstream.policy import Policy, random_order, round_robin, sequential
from tests.upstream.questions import seeded

SERVERS = ["a", "b", "c"]


def test_sequential_is_always_as_written() -> None:
    order: Policy[str] = sequential()
    assert [order(SERVERS) for _ in range(3)] == [SERVERS] * 3


def test_round_robin_begins_one_further_each_time() -> None:
    order: Policy[str] = round_robin()
    assert ["".join(order(SERVERS)) for _ in range(4)] == ["abc", "bca", "cab", "abc"]


def test_round_robin_goes_on_when_the_servers_change() -> None:
    order: Policy[str] = round_robin()
    order(SERVERS)
    assert [order(["a", "b"]), order([])] == [["b", "a"], []]


def test_random_is_any_order_and_each_as_often() -> None:
    order: Policy[str] = random_order(seeded())
    drawn = Counter("".join(order(SERVERS)) for _ in range(6000))
    assert len(drawn) == 6
    assert all(800 < count < 1200 for count in drawn.values())
