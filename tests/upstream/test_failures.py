from __future__ import annotations

import pytest

from kdns.upstream.failures import Failures
from kdns.upstream.faults import UpstreamError
from tests.asking import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


ERROR = UpstreamError("no luck")


def test_a_failure_counts_for_a_second(clock: Clock) -> None:
    failures = Failures(clock)
    failures.add("a", ERROR)
    assert (failures.get("a"), failures.get("b")) == (ERROR, None)
    clock.now = 0.99
    assert failures.get("a") is ERROR
    clock.now = 1.0
    assert failures.get("a") is None


def test_in_a_row_they_count_for_longer_up_to_five_seconds(clock: Clock) -> None:
    failures, waits = Failures(clock), []
    for _ in range(5):
        failures.add("a", ERROR)
        began = clock.now
        while failures.get("a"):
            clock.now += 0.25
        waits.append(clock.now - began)
    assert waits == [1, 2, 4, 5, 5]


def test_after_a_while_it_is_the_first_again(clock: Clock) -> None:
    failures = Failures(clock)
    for clock.now in (0.0, 1.0, 20.0):
        failures.add("a", ERROR)
    clock.now = 21.0
    assert failures.get("a") is None


def test_an_answer_ends_the_row(clock: Clock) -> None:
    failures = Failures(clock)
    failures.add("a", ERROR)
    failures.forget("a")
    failures.forget("never")
    assert failures.get("a") is None
    failures.add("a", ERROR)
    clock.now = 1.0
    assert failures.get("a") is None


def test_there_is_an_end_to_what_is_remembered(clock: Clock) -> None:
    failures = Failures(clock)
    for number in range(10_010):
        failures.add(number, ERROR)
    assert len(failures) == 10_000
    assert (failures.get(9), failures.get(10)) == (None, ERROR)
