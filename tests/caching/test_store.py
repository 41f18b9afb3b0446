"""Who has to go when a store is full.

The scripts count questions; time passes only where it matters.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.caching.held import Held
from kdns.caching.store import Store
from tests.asking import Clock
from tests.caching.kept import keep, key

HUGE = 1 << 40


class Shop:
    """A store with its clock; what is gone from it is in `gone`."""

    def __init__(self, entries: int = 1024, size: int = HUGE) -> None:
        self.clock = Clock()
        self.gone: list[Held] = []
        self.store = Store(entries, size, self.clock, self.gone.append)

    def put(self, number: int, **more: float) -> Held:
        held = keep(number, now=self.clock.now, **more)  # type: ignore[arg-type]
        self.evicted = self.store.put(key(number), held)
        return held

    def ask(self, number: int, life: float = 3600.0) -> bool:
        """As the plugin does: whether it was there; it is now."""
        held = self.store.get(key(number))
        if held is None:
            self.put(number, life=life)
            return False
        held.touched = True
        return True

    def has(self, *numbers: int) -> list[int]:
        return [number for number in numbers if self.store.get(key(number))]


def test_what_is_kept_is_there_until_its_time_is_over() -> None:
    shop = Shop()
    held = shop.put(1, life=60.0, stale=10.0)
    shop.clock.now += 69.9
    assert shop.store.get(key(1)) is held
    shop.clock.now += 0.1
    assert shop.store.get(key(1)) is None
    assert (len(shop.store), shop.store.size, shop.gone) == (0, 0, [held])


def test_of_two_for_one_key_the_later_counts() -> None:
    shop = Shop()
    first, second = shop.put(1), shop.put(1)
    assert shop.store.get(key(1)) is second
    assert (len(shop.store), shop.gone) == (1, [first])
    shop.store.drop(key(1))
    shop.store.drop(key(1))
    assert (len(shop.store), shop.gone) == (0, [first, second])


def test_it_holds_as_many_as_it_may_and_says_how_many_went() -> None:
    shop = Shop(entries=100)
    for number in range(100):
        shop.put(number)
        assert shop.evicted == 0
    shop.put(100)
    assert (len(shop.store), shop.evicted, len(shop.gone)) == (100, 1, 1)
    assert shop.has(0, 1, 99, 100) == [1, 99, 100]


def test_it_holds_as_many_bytes_as_it_may() -> None:
    each = keep().size
    shop = Shop(size=10 * each + each // 2)
    for number in range(100):
        shop.put(number)
        assert shop.store.size <= 10 * each + each // 2
    assert len(shop.store) == 10


def test_what_is_larger_than_all_the_room_does_not_stay() -> None:
    shop = Shop(size=100)
    shop.put(1)
    assert (len(shop.store), shop.evicted) == (0, 1)


def test_who_was_asked_for_stays_and_who_was_not_goes() -> None:
    shop = Shop(entries=100)
    for number in range(100):
        shop.put(number)
    for number in range(10, 20):
        shop.ask(number)
    for number in range(1000, 2000):
        shop.put(number)
    assert shop.has(*range(100)) == list(range(10, 20))


def test_who_comes_again_soon_after_it_went_stays_then() -> None:
    shop = Shop(entries=100)
    for number in range(150):
        shop.ask(number)
    assert not shop.ask(3)
    for number in range(1000, 2000):
        shop.ask(number)
    assert shop.has(3) == [3]


@pytest.mark.parametrize(
    ("hot", "flood"),
    [(50, 40_960), (900, 40_960), pytest.param(900, 1_000_000, marks=pytest.mark.e2e, id="900-a million")],
)
def test_a_flood_of_names_that_are_asked_for_once_leaves_the_others_alone(hot: int, flood: int) -> None:
    """Forty times as many names as the store holds and more, one to one with questions for the hot ones."""
    shop = Shop(entries=1024)
    chance = random.Random(7)
    for _ in range(3):
        for number in range(hot):
            shop.ask(number)
    hits = 0
    for number in range(1_000_000, 1_000_000 + flood):
        shop.ask(number)
        hits += shop.ask(chance.randrange(hot))
    assert hits / flood >= 0.95
    assert len(shop.store) <= 1024


def test_names_become_hot_during_the_flood() -> None:
    shop = Shop(entries=1024)
    chance = random.Random(7)
    for number in range(1_000_000, 1_020_000):
        shop.ask(number)
    hits = []
    for number in range(2_000_000, 2_040_000):
        shop.ask(number)
        hits.append(shop.ask(chance.randrange(300)))
    assert sum(hits[20_000:]) / 20_000 >= 0.95


def test_hot_names_stay_hot_when_their_time_is_over() -> None:
    """Each lives for 500 questions of the flood, in which it is asked for five times and then once anew."""
    shop = Shop(entries=1024)
    for _ in range(3):
        for number in range(200):
            shop.ask(number, life=500.0)
    misses = 0
    for number in range(1_000_000, 1_050_000):
        shop.clock.now += 1
        shop.ask(number)
        misses += not shop.ask(number * 2 % 200, life=500.0)
    lifetimes = 200 * 50_000 // 500
    assert misses <= lifetimes * 1.1


STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "touch", "drop", "later"]), st.integers(0, 12), st.integers(1, 5)), max_size=60
)


@given(STEPS, st.integers(1, 8))
def test_it_has_what_it_was_given_last_or_nothing_and_tells_of_each_that_went(
    steps: list[tuple[str, int, int]], entries: int
) -> None:
    shop = Shop(entries)
    given: list[Held] = []
    latest: dict[int, Held] = {}
    for step, number, much in steps:
        match step:
            case "put":
                latest[number] = shop.put(number, life=float(much))
                given.append(latest[number])
            case "touch":
                shop.ask(number, life=1.0) if shop.has(number) else None
            case "drop":
                shop.store.drop(key(number))
                latest.pop(number, None)
            case "later":
                shop.clock.now += much
        assert len(shop.store) <= entries
        for each in range(13):
            found = shop.store.get(key(each))
            assert found is None or (found is latest.get(each) and shop.clock.now < found.gone_at)
        inside = {id(held) for each in range(13) if (held := shop.store.get(key(each)))}
        assert len(inside) == len(shop.store)
        assert sorted(map(id, given)) == sorted([*inside, *map(id, shop.gone)])


def test_of_two_for_one_key_the_first_one_s_end_is_nobody_s() -> None:
    shop = Shop()
    shop.put(1, life=10.0)
    second = shop.put(1, life=60.0)
    shop.clock.now += 30.0
    assert (len(shop.store), shop.store.get(key(1))) == (1, second)
    shop.clock.now += 30.0
    assert (len(shop.store), shop.store.get(key(1)), shop.gone[-1]) == (0, None, second)
