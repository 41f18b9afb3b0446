"""What is held of a resource: old words and new ones told apart, lists taken in by difference."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.live.holding import Holding
from kdns.kube.live.resources import Item
from kdns.kube.objects import Kind, Namespace, Object, Ref


class Sink:
    """Holds what it is told; `updates` are the names of each."""

    def __init__(self) -> None:
        self.held: dict[Ref, Object] = {}
        self.updates: list[tuple[set[str], set[str]]] = []

    def update(self, changed: Iterable[Object], gone: Iterable[Ref]) -> None:
        new, old = list(changed), list(gone)
        for ref in old:
            del self.held[ref]
        self.held |= {each.ref: each for each in new}
        self.updates.append(({each.ref.name for each in new}, {ref.name for ref in old}))

    @property
    def names(self) -> set[str]:
        return {ref.name for ref in self.held}


def item(name: str, version: int = 1, uid: str = "u", *, shown: bool = True) -> Item:
    return Item(Ref(Kind.NAMESPACE, "", name), uid, str(version), Namespace(name) if shown else None)


class Kept:
    def __init__(self, *items: Item) -> None:
        self.sink = Sink()
        self.applied: list[str] = []
        self.holding = Holding(self.sink, lambda each: self.applied.append(each.ref.name))
        self.replace(*items)

    def replace(self, *items: Item, anew: bool = False) -> int:
        return sum(self.holding.replace(items, anew=anew))


def test_a_list_replaces_by_difference() -> None:
    kept = Kept(item("a"), item("b"), item("c"))
    kept.sink.updates.clear()
    assert kept.replace(item("a"), item("b", 2), item("d")) == 3
    assert kept.sink.names == {"a", "b", "d"}
    assert [update for update in kept.sink.updates if update != (set(), set())] == [({"d"}, set()), ({"b"}, {"c"})]


def test_what_changed_and_what_is_gone_is_taken_in_at_once_whatever_its_number() -> None:
    names = [f"n{number}" for number in range(500)]
    kept = Kept(*map(item, names))
    kept.sink.updates.clear()
    kept.replace(*(item(name, 2) for name in names[:400]))
    assert [update for update in kept.sink.updates if any(update)] == [(set(names[:400]), set(names[400:]))]


def test_what_is_new_is_taken_in_bit_by_bit() -> None:
    kept = Kept()
    kept.replace(*(item(f"n{number}") for number in range(500)))
    assert max(len(new) for new, _ in kept.sink.updates) <= 50
    assert len(kept.sink.names) == len(kept.holding) == 500


def test_the_same_list_again_changes_nothing() -> None:
    kept = Kept(item("a"), item("b"))
    assert kept.replace(item("a"), item("b")) == 0
    assert kept.replace(item("a"), item("b"), anew=True) == 0


def test_a_restored_server_is_believed_though_its_versions_are_the_same() -> None:
    kept = Kept(item("a"))
    kept.sink.updates.clear()
    kept.replace(item("a"), anew=True)
    assert ({"a"}, set()) in kept.sink.updates


def test_a_primed_object_goes_with_the_first_list_that_does_not_have_it() -> None:
    kept = Kept()
    for name in ("old", "same"):
        kept.sink.held[item(name).ref] = Namespace(name)
    kept.holding.prime([item("old").ref, item("same").ref])
    kept.replace(item("same", 7))
    assert kept.sink.names == {"same"}


@pytest.mark.parametrize(
    ("first", "type", "then", "held"),
    [
        pytest.param(item("a", 5), "MODIFIED", item("a", 4), "5", id="older"),
        pytest.param(item("a", 5), "MODIFIED", item("a", 5), "5", id="the same"),
        pytest.param(item("a", 9), "MODIFIED", item("a", 10), "10", id="newer"),
        pytest.param(item("a", 5), "ADDED", item("a", 4, "other"), "4", id="a successor with a lower version"),
        pytest.param(item("a", 5), "DELETED", item("a", 6), "", id="ended"),
        pytest.param(item("a", 5), "DELETED", item("a", 6, "other"), "5", id="the end of its predecessor"),
    ],
)
def test_events_of_a_known_object(first: Item, type: str, then: Item, held: str) -> None:
    kept = Kept(first)
    kept.holding.apply(type, then)
    assert ("a" in kept.sink.names) is bool(held)
    assert not held or kept.holding.has(item("a", int(held), then.uid if held == then.version else first.uid))


def test_only_events_are_measured() -> None:
    kept = Kept(item("a"))
    assert kept.applied == []
    kept.holding.apply("ADDED", item("b"))
    kept.holding.apply("MODIFIED", item("b"))
    kept.holding.apply("DELETED", item("b"))
    assert kept.applied == ["b"]


def test_an_object_that_becomes_invisible_is_gone_and_comes_back() -> None:
    kept = Kept(item("a"), item("b", shown=False))
    assert kept.sink.names == {"a"}
    kept.holding.apply("MODIFIED", item("a", 2, shown=False))
    assert kept.sink.names == set()
    kept.holding.apply("MODIFIED", item("a", 3))
    kept.replace(item("a", 4, shown=False), item("b", 2))
    assert kept.sink.names == {"b"}
    kept.holding.apply("DELETED", item("a", 5))
    assert kept.sink.names == {"b"}


def test_repair_mends_what_is_wrong_and_spares_what_is_later() -> None:
    kept = Kept(item("same", 5), item("behind", 5), item("ended", 5), item("young", 30), item("busy", 5))
    listed = [item("same", 5), item("behind", 9), item("missed", 8), item("busy", 19), item("returned", 3)]
    assert kept.holding.repair(listed, "20", {item("busy").ref}) == 4
    assert kept.sink.names == {"same", "behind", "missed", "young", "busy", "returned"}
    assert kept.holding.has(item("busy", 5))
    assert kept.holding.repair(listed, "20", {item("busy").ref}) == 0


WORDS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.booleans()), max_size=30)


@given(
    words=WORDS, last=st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9)), unique_by=lambda each: each[0])
)
def test_whatever_came_before_a_list_decides(words: list[tuple[str, int, bool]], last: list[tuple[str, int]]) -> None:
    """Property."""
    kept = Kept()
    for name, version, ended in words:
        kept.holding.apply("DELETED" if ended else "MODIFIED", item(name, version))
    kept.replace(*(item(name, version) for name, version in last))
    assert kept.sink.names == {name for name, _ in last}
    assert len(kept.holding) == len(last)
