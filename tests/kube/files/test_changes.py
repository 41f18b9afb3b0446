"""What changes from one catalogue to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.files.changes import Change, changes
from kdns.kube.objects import Endpoints, Namespace, Object, Pod, Ref, Service, Slice


def by_ref(objects: Iterable[Object]) -> dict[Ref, Object]:
    return {each.ref: each for each in objects}


def test_the_difference_is_what_changed_and_what_is_gone() -> None:
    a, b, c = (Pod("shop", name) for name in "abc")
    changed = Pod("shop", "b", (bytes(4),))
    before, after = by_ref([a, b]), by_ref([changed, c])
    assert changes(before, after) == [Change([changed, c], [a.ref])]
    assert changes(after, after) == []


NAMES = st.sampled_from("abcd")
OBJECTS = st.one_of(
    st.builds(Service, NAMES, NAMES, st.sampled_from([(), (b"1234",)])),
    st.builds(Endpoints, NAMES, NAMES, skip_mirror=st.booleans()),
    st.builds(Slice, NAMES, NAMES, NAMES),
    st.builds(Namespace, NAMES, st.booleans()),
)
WORLDS = st.lists(OBJECTS, max_size=30).map(by_ref)


@given(WORLDS, WORLDS, st.integers(0, 12))
def test_portions_are_the_whole_difference_and_part_no_service(
    before: Mapping[Ref, Object], after: Mapping[Ref, Object], most: int
) -> None:
    now = dict(before)
    places: dict[tuple[str, str], set[int]] = {}
    for place, (changed, gone) in enumerate(changes(before, after, most)):
        assert changed or gone
        for held in [*changed, *(before[ref] for ref in gone)]:
            owner = held.service if isinstance(held, Slice) else held.name
            places.setdefault((held.ref.namespace, owner), set()).add(place)
        now |= by_ref(changed)
        for ref in gone:
            del now[ref]
    assert now == after
    assert all(len(found) == 1 for found in places.values())


def test_a_large_difference_comes_in_portions_and_namespaces_first() -> None:
    services = [Service(f"n{place % 3}", f"s{place}") for place in range(30)]
    found = changes({}, by_ref([*services, Namespace("n1")]), 10)
    assert [len(portion.changed) for portion in found] == [10, 10, 10, 1]
    assert found[0].changed[0] == Namespace("n1")
