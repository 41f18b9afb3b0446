"""Two stores as one: which of them answers, and what a change ends."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.caching.answers import Answers
from kdns.caching.held import Held
from kdns.caching.kind import Kind
from kdns.caching.settings import Limits, Settings, Stale
from kdns.proto.name import ROOT
from tests.asking import Clock
from tests.caching.kept import keep, key

SUCCESS, DENIAL, FAILURE = Kind
ROOM = Limits(1024, 1 << 30, 3600)


def answers(clock: Clock, *, prefer_positive: bool = False) -> Answers:
    return Answers(Settings((ROOT,), ROOM, ROOM, stale=Stale(prefer_positive=prefer_positive)), clock)


@pytest.mark.parametrize(
    ("first", "then", "prefer_positive", "expected"),
    [
        pytest.param(SUCCESS, DENIAL, False, DENIAL, id="a denial ends a success"),
        pytest.param(DENIAL, SUCCESS, False, SUCCESS, id="a success ends a denial"),
        pytest.param(SUCCESS, FAILURE, False, SUCCESS, id="a failure does not end a success"),
        pytest.param(FAILURE, SUCCESS, False, SUCCESS, id="a success ends a failure"),
        pytest.param(FAILURE, DENIAL, False, DENIAL, id="a denial ends a failure"),
        pytest.param(SUCCESS, DENIAL, True, SUCCESS, id="unless successes are preferred"),
    ],
)
def test_what_came_later_answers(first: Kind, then: Kind, prefer_positive: bool, expected: Kind) -> None:
    clock = Clock()
    kept = answers(clock, prefer_positive=prefer_positive)
    for kind in (first, then):
        kept.put(key(1), keep(1, kind), since=0)
    found = kept.find(key(1), clock.now)
    assert found is not None
    assert found.kind is expected


def test_a_stale_success_comes_before_a_failure() -> None:
    clock = Clock()
    kept = answers(clock)
    kept.put(key(1), keep(1, SUCCESS, life=10.0, stale=100.0), since=0)
    clock.now += 20
    kept.put(key(1), keep(1, FAILURE, now=clock.now, life=5.0), since=0)
    found = kept.find(key(1), clock.now)
    assert found is not None
    assert (found.kind, found.is_fresh(clock.now)) == (SUCCESS, False)


def test_kinds_are_counted_by_their_store() -> None:
    kept = answers(Clock())
    for number, kind in enumerate([SUCCESS, DENIAL, DENIAL, FAILURE]):
        kept.put(key(number), keep(number, kind), since=0)
    assert [kept.count(kind) for kind in (SUCCESS, DENIAL)] == [1, 3]


def test_a_change_ends_what_depends_on_it() -> None:
    clock = Clock()
    kept = answers(clock)
    for number, (kind, names) in enumerate([(SUCCESS, "a"), (DENIAL, "ab"), (FAILURE, "b"), (SUCCESS, "")]):
        kept.put(key(number), keep(number, kind, depends_on=frozenset(names)), since=0)
    kept.forget(["a", "unheard-of"])
    assert [number for number in range(4) if kept.find(key(number), clock.now)] == [2, 3]
    kept.forget(["b"])
    assert [number for number in range(4) if kept.find(key(number), clock.now)] == [3]
    assert kept.epoch == 2


def test_what_was_begun_before_a_change_is_kept_if_it_depends_on_nothing() -> None:
    kept = answers(Clock())
    kept.forget(["a"])
    assert kept.put(key(1), keep(1, depends_on=frozenset("a")), since=0) is None
    assert kept.put(key(2), keep(2), since=0) == 0
    assert kept.put(key(3), keep(3, depends_on=frozenset("a")), since=1) == 0
    assert [kept.find(key(number), 1000.0) is not None for number in (1, 2, 3)] == [False, True, True]


def test_who_is_kept_is_known_by_itself() -> None:
    kept = answers(Clock())
    old, new = keep(1), keep(1)
    for held in (old, new):
        kept.put(key(1), held, since=0)
    assert [kept.has(key(1), held) for held in (old, new)] == [False, True]
    kept.drop(key(1))
    assert not kept.has(key(1), new)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "forget", "later"]),
        st.integers(0, 5),
        st.sampled_from(Kind),
        st.frozensets(st.integers(0, 3), max_size=2),
    ),
    max_size=50,
)


@given(STEPS)
def test_nothing_is_found_beyond_its_time_or_a_change_and_nothing_is_left_of_it(
    steps: list[tuple[str, int, Kind, frozenset[int]]],
) -> None:
    clock = Clock()
    kept = answers(clock)
    alive: dict[int, list[Held]] = {number: [] for number in range(6)}
    latest: dict[int, Held] = {}
    for step, number, kind, names in steps:
        if step == "put":
            held = keep(number, kind, now=clock.now, life=3.0, stale=4.0, depends_on=names)
            kept.put(key(number), held, since=kept.epoch)
            alive[number].append(held)
            latest[number] = held
        elif step == "forget":
            kept.forget(names)
            alive = {each: [held for held in of if not held.depends_on & names] for each, of in alive.items()}
        else:
            clock.now += number
        for each, of in alive.items():
            found = kept.find(key(each), clock.now)
            assert found is None or (found in of and clock.now < found.gone_at)
            last = latest.get(each)
            assert found is not None or last not in of or clock.now >= last.gone_at
    clock.now += 100
    assert [kept.count(kind) for kind in (SUCCESS, DENIAL)] == [0, 0]
    assert kept._dependents == {}  # noqa: SLF001


async def test_who_is_used_no_more_keeps_nothing_and_stops_nobody_meanwhile() -> None:
    kept, turns = answers(Clock()), 0
    for number in range(500):
        kept.put(key(number), keep(number, SUCCESS if number % 2 else DENIAL), since=0)
    stopping = asyncio.create_task(kept.stop())
    while not stopping.done():
        before = kept.count(SUCCESS) + kept.count(DENIAL)
        await asyncio.sleep(0)
        turns += 1
        assert before - kept.count(SUCCESS) - kept.count(DENIAL) <= 64
    assert turns > 500 // 64
    assert (kept.count(SUCCESS), kept.count(DENIAL), kept.find(key(1), 0.0)) == (0, 0, None)
