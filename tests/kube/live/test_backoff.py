"""Waits between tries: client-go's numbers, by a clock and a chance that the test holds."""

from __future__ import annotations

from random import Random

import pytest

from kdns.kube.live.backoff import RESET, Backoff
from tests.asking import Clock


class Chance(Random):
    """Always the same."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


STEPS = [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_waits_double_from_800_ms_to_30_s_and_are_up_to_twice_as_long_by_chance(chance: float) -> None:
    backoff = Backoff(Chance(chance), Clock())
    assert [backoff.next() for _ in STEPS] == pytest.approx([step * (1 + chance) for step in STEPS])


def test_two_minutes_after_the_first_wait_the_next_is_a_first_one() -> None:
    clock = Clock()
    backoff = Backoff(Chance(0.0), clock)
    assert [backoff.next() for _ in range(3)] == [0.8, 1.6, 3.2]
    clock.now += RESET
    assert backoff.next() == 6.4
    clock.now += 0.1
    assert backoff.next() == 0.8
    clock.now += RESET
    assert backoff.next() == 1.6, "counted from then on"


def test_after_what_was_waited_for_has_come_the_next_is_a_first_one() -> None:
    backoff = Backoff(Chance(0.0), Clock())
    assert [backoff.next() for _ in range(4)][-1] == 6.4
    backoff.reset()
    assert [backoff.next(), backoff.next()] == [0.8, 1.6]


@pytest.mark.parametrize(
    ("asked", "chance", "waits"),
    [(0.0, 0.0, 0.8), (0.5, 0.0, 0.8), (1.0, 0.0, 1.0), (32.0, 0.0, 32.0), (32.0, 0.5, 33.6), (32.0, 1.0, 35.2)],
)
def test_a_wait_is_as_long_as_the_server_asks_or_longer_by_chance(asked: float, chance: float, waits: float) -> None:
    assert Backoff(Chance(chance), Clock()).next(asked) == pytest.approx(waits)
