"""What is believed of a file that has changed, look by look."""

from __future__ import annotations

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.errors import ManifestError
from kdns.kube.files.belief import ABSENT, Held, Text
from kdns.kube.files.documents import read_documents
from kdns.kube.files.folder import Stamp

_times = count(1)


def endpoints(name: str, *addresses: str) -> str:
    lines = [f"  - ip: {address}\n" for address in addresses]
    return f"apiVersion: v1\nkind: Endpoints\nmetadata:\n  name: {name}\nsubsets:\n- addresses:\n{''.join(lines)}"


A = endpoints("a", "10.0.0.1", "10.0.0.2")
B = endpoints("b", "10.0.0.3", "10.0.0.4")
BOTH = A + "---\n" + B
BROKEN = "kind: [\n"


def text(content: str, file: str = "x.yaml", *, inode: int = 7) -> Text:
    """A text that was written just now: in place, or with another inode by rename."""
    data = content.encode()
    moment = next(_times)
    return Text(Stamp(moment, moment, len(data), inode), read_documents(content, file), data)


def held(content: str, file: str = "x.yaml") -> Held:
    return Held().settled(text(content, file))


def served(state: Held) -> dict[str, int]:
    """How many addresses of which objects."""
    return {each.name: len(each.shape.subsets[0].addresses) for each in state.documents}  # type: ignore[union-attr,index,arg-type]


LESS = endpoints("a", "10.0.0.1")
OTHER = endpoints("a", "10.0.0.7", "10.0.0.8", "10.0.0.9")


@pytest.mark.parametrize(
    ("before", "after", "second"),
    [
        pytest.param(A, BOTH, {"a": 2, "b": 2}, id="an object more"),
        pytest.param(A, OTHER, {"a": 3}, id="other addresses"),
        pytest.param("", A, {"a": 2}, id="something where nothing was"),
        pytest.param(BOTH, A, {"a": 2}, id="an object less"),
        pytest.param(BOTH, "", {}, id="emptied"),
        pytest.param(A, B + "# and a comment\n", {"b": 2}, id="another object"),
        pytest.param(A, LESS, {"a": 1}, id="an address less"),
        pytest.param(A, BOTH.rstrip(), {"a": 2, "b": 2}, id="without its last end of a line"),
        pytest.param(A.rstrip(), BOTH.rstrip(), {"a": 2, "b": 2}, id="never an end of a line"),
        pytest.param(A, BOTH + "---\n" + BROKEN, {"a": 2, "b": 2}, id="errors and an addition"),
        pytest.param(BOTH, A + "---\n" + BROKEN, {"a": 2, "b": 2}, id="errors and a removal"),
        pytest.param(BOTH, LESS + "---\n" + BROKEN, {"a": 1, "b": 2}, id="errors and a change"),
    ],
)
def test_what_is_written_in_place_is_believed_at_the_second_look(
    before: str, after: str, second: dict[str, int]
) -> None:
    first = held(before)
    state = first.seen(text(after))
    assert state.documents is first.documents
    assert served(state.seen_again()) == second
    assert served(state.seen_again().seen_again()) == second


@pytest.mark.parametrize(
    ("before", "after", "first", "second"),
    [
        pytest.param(A, BOTH, {"a": 2, "b": 2}, {"a": 2, "b": 2}, id="an object more"),
        pytest.param(A, OTHER, {"a": 3}, {"a": 3}, id="other addresses"),
        pytest.param(A, LESS, {"a": 1}, {"a": 1}, id="an address less"),
        pytest.param(BOTH, A, {"a": 2, "b": 2}, {"a": 2}, id="an object less"),
        pytest.param(BOTH, "", {"a": 2, "b": 2}, {}, id="emptied"),
        pytest.param(A, LESS.rstrip(), {"a": 2}, {"a": 1}, id="without its last end of a line"),
        pytest.param(A, LESS + "---\n" + BROKEN, {"a": 2}, {"a": 1}, id="errors"),
    ],
)
@pytest.mark.parametrize("rests", [True, False], ids=["rests", "comes again"])
def test_what_is_renamed_to_its_place_is_believed_at_once_if_it_loses_nothing(
    before: str, after: str, first: dict[str, int], second: dict[str, int], *, rests: bool
) -> None:
    state = held(before).seen(text(after, inode=8))
    assert served(state) == first
    state = state.seen_again() if rests else state.seen(text(after, inode=7))
    assert served(state) == second


def test_what_is_written_in_place_again_and_again_need_not_rest_if_it_loses_nothing() -> None:
    state = held(A).seen(text(OTHER))
    assert served(state) == {"a": 2}
    assert served(state.seen(text(OTHER))) == {"a": 3}


def test_the_text_that_is_believed_ends_all_doubts() -> None:
    before = held(BOTH)
    state = before.seen(text(A)).seen(text(BOTH))
    assert (state.documents, state.doubted) == (before.documents, None)
    assert state.seen_again() is state


def test_what_did_not_change_in_a_text_stays_the_same_object() -> None:
    first = held(BOTH)
    grown = first.seen(text(BOTH + "---\n" + endpoints("c", "10.0.0.5"))).seen_again()
    assert [each is before for each, before in zip(grown.documents, first.documents, strict=False)] == [True, True]
    moved = first.seen(text("# a comment\n" + BOTH)).seen_again()
    assert [each.origin.line for each in moved.documents] == [2, 11]
    assert all(each.shape is before.shape for each, before in zip(moved.documents, first.documents, strict=True))


def test_a_file_that_is_gone_twice_is_gone() -> None:
    state = held(A).seen(ABSENT)
    assert (served(state), state.empty) == ({"a": 2}, False)
    assert state.seen_again().empty


def test_a_file_that_is_deleted_and_written_anew_was_never_gone() -> None:
    state = held(A).seen(ABSENT).seen(text(BOTH, inode=8))
    assert served(state) == {"a": 2}
    assert served(state.seen_again()) == {"a": 2, "b": 2}


def test_a_new_file_that_may_be_half_is_not_believed_at_once() -> None:
    state = Held().seen(text(A.rstrip()))
    assert (served(state), state.empty) == ({}, False)
    assert served(state.seen_again()) == {"a": 2}
    assert served(Held().seen(text(A))) == {}


def test_a_file_that_never_rests_loses_nothing() -> None:
    state = held(BOTH)
    for _ in range(5):
        state = state.seen(text(A))
    assert served(state) == {"a": 2, "b": 2}


def test_errors_are_told_at_the_first_look_and_end_when_they_are_gone() -> None:
    state = held(A).seen(text(BROKEN))
    assert [error.line for error in state.errors] == [1]
    assert [error.line for error in state.seen_again().errors] == [1]
    assert state.seen(text(BOTH)).errors == ()


def test_what_was_kept_because_of_errors_goes_when_they_do() -> None:
    state = held(BOTH).seen(text(A + "---\n" + BROKEN)).seen_again()
    healed = state.seen(text(A))
    assert (served(healed), healed.errors) == ({"a": 2, "b": 2}, ())
    assert served(healed.seen_again()) == {"a": 2}


def test_a_failure_changes_nothing_but_what_is_told() -> None:
    error = ManifestError("x.yaml", 1, 1, "Permission denied")
    before = held(A)
    state = before.failed(error)
    assert (state.documents, state.errors, state.latest) == (before.documents, (error,), before.latest)
    assert state.seen_again() == before
    assert not Held().failed(error).empty


NAMES = st.sampled_from("abc")
ADDRESSES = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.12", "10.0.0.123"]), max_size=3)
OBJECTS = st.one_of(
    st.builds(lambda name, ips: endpoints(name, *ips), NAMES, ADDRESSES),
    st.builds("apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\nspec: {{clusterIP: {}}}\n".format, NAMES,
              st.sampled_from(["None", "10.96.0.1", "10.96.0.12"])),
    st.just("# a comment\n"),
    st.just("kind: ConfigMap\nmetadata: {name: x, namespace: y}\n"),
)  # fmt: skip
YAMLS = st.builds(
    lambda found, end: "---\n".join(found) + end, st.lists(OBJECTS, max_size=5), st.sampled_from(["", "x: 1"])
)
JSONS = st.lists(st.builds(lambda name, ip: {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
    "status": {"podIP": ip}}, NAMES, st.sampled_from(["10.0.0.1", "10.0.0.12"])), max_size=4).flatmap(
    lambda found: st.sampled_from([json.dumps({"kind": "List", "items": found}), "\n".join(map(json.dumps, found))])
)  # fmt: skip


@given(st.one_of(st.tuples(YAMLS, YAMLS), st.tuples(JSONS, JSONS)), st.data())
def test_a_text_that_is_cut_anywhere_while_it_is_written_in_place_changes_nothing(
    texts: tuple[str, str], data: st.DataObject
) -> None:
    old, new = texts
    cuts = sorted(data.draw(st.lists(st.integers(0, len(new)), max_size=4, unique=True)))
    before = held(old)
    state = before
    for cut in cuts:
        state = state.seen(text(new[:cut]))
        assert state.documents is before.documents
    if cuts[-1:] != [len(new)]:
        state = state.seen(text(new))
    finished = state.seen_again()
    assert state.documents is before.documents
    if not text(new).reading.errors:
        assert list(finished.documents) == text(new).reading.documents


@given(st.lists(st.sampled_from([A, B, BOTH, BROKEN, A + "---\n" + BROKEN, "", None]), max_size=8))
def test_whatever_came_before_a_text_that_stays_is_believed(contents: list[str | None]) -> None:
    state = Held()
    for content in contents:
        state = state.seen(ABSENT if content is None else text(content))
    assert served(state.seen(text(B)).seen_again()) == {"b": 2}
    assert state.seen(ABSENT).seen_again().empty


@given(
    st.lists(st.sampled_from([A, BOTH, A + "---\n" + BROKEN, BOTH + BROKEN, BROKEN]), max_size=8),
    st.booleans(),
)
def test_while_there_are_errors_nothing_is_removed(contents: list[str], rests: bool) -> None:
    state = held(BOTH)
    for content in contents:
        state = state.seen(text(content if content.endswith(BROKEN) else content + "---\n" + BROKEN))
        state = state.seen_again() if rests else state
        assert served(state) == {"a": 2, "b": 2}
