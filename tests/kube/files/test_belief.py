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


def text(content: str, file: str = "x.yaml") -> Text:
    return Text(Stamp(next(_times), len(content.encode()), 7), read_documents(content, file))


def held(content: str, file: str = "x.yaml") -> Held:
    return Held().settled(text(content, file))


def served(state: Held) -> dict[str, int]:
    """How many addresses of which objects."""
    return {each.name: len(each.shape.subsets[0].addresses) for each in state.documents}  # type: ignore[union-attr,index,arg-type]


@pytest.mark.parametrize(
    ("before", "after", "first", "second"),
    [
        pytest.param(A, BOTH, {"a": 2, "b": 2}, None, id="an object more"),
        pytest.param(A, endpoints("a", "10.0.0.7", "10.0.0.8"), {"a": 2}, None, id="other addresses"),
        pytest.param(A, endpoints("a", "10.0.0.1", "10.0.0.2", "10.0.0.3"), {"a": 3}, None, id="an address more"),
        pytest.param(A.rstrip(), BOTH.rstrip(), {"a": 2, "b": 2}, None, id="never an end of a line"),
        pytest.param("", A, {"a": 2}, None, id="something where nothing was"),
        pytest.param(BOTH, A, {"a": 2, "b": 2}, {"a": 2}, id="an object less"),
        pytest.param(BOTH, "", {"a": 2, "b": 2}, {}, id="emptied"),
        pytest.param(A, B + "# and a comment\n", {"a": 2}, {"b": 2}, id="another object"),
        pytest.param(A, endpoints("a", "10.0.0.1"), {"a": 2}, {"a": 1}, id="an address less"),
        pytest.param(A, BOTH.rstrip(), {"a": 2}, {"a": 2, "b": 2}, id="without its last end of a line"),
        pytest.param(A, BOTH + "---\n" + BROKEN, {"a": 2}, {"a": 2, "b": 2}, id="errors and an addition"),
        pytest.param(BOTH, A + "---\n" + BROKEN, {"a": 2, "b": 2}, {"a": 2, "b": 2}, id="errors and a removal"),
        pytest.param(
            BOTH,
            endpoints("a", "10.0.0.1") + "---\n" + BROKEN,
            {"a": 2, "b": 2},
            {"a": 1, "b": 2},
            id="errors and a change",
        ),
    ],
)
def test_two_looks(before: str, after: str, first: dict[str, int], second: dict[str, int] | None) -> None:
    state = held(before).seen(text(after))
    assert served(state) == first
    assert served(state.seen_again()) == (first if second is None else second)
    assert served(state.seen_again().seen_again()) == served(state.seen_again())


def test_a_file_that_is_gone_twice_is_gone() -> None:
    state = held(A).seen(ABSENT)
    assert (served(state), state.empty) == ({"a": 2}, False)
    assert state.seen_again().empty


def test_a_file_that_is_deleted_and_written_anew_was_never_gone() -> None:
    state = held(A).seen(ABSENT).seen(text(BOTH))
    assert served(state) == {"a": 2, "b": 2}


def test_a_new_file_that_may_be_half_is_not_believed_at_once() -> None:
    state = Held().seen(text(A.rstrip()))
    assert (served(state), state.empty) == ({}, False)
    assert served(state.seen_again()) == {"a": 2}
    assert served(Held().seen(text(A))) == {"a": 2}


def test_a_file_that_never_rests_loses_nothing() -> None:
    state = held(BOTH)
    for _ in range(5):
        state = state.seen(text(A))
    assert served(state) == {"a": 2, "b": 2}


def test_errors_are_told_at_the_first_look_and_end_when_they_are_gone() -> None:
    state = held(A).seen(text(BROKEN))
    assert [error.line for error in state.errors] == [1]
    assert [error.line for error in state.seen_again().errors] == [1]
    assert state.seen(text(A)).errors == ()


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


@given(st.integers(0, len(BOTH) - 1))
def test_a_text_that_is_cut_anywhere_changes_nothing_at_its_first_look(at: int) -> None:
    state = held(BOTH)
    assert state.seen(text(BOTH[:at])).documents is state.documents


PODS = json.dumps(
    {
        "kind": "List",
        "items": [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}} for name in "ab"],
    }
)


@given(st.integers(0, len(PODS) - 1))
def test_a_json_text_that_is_cut_anywhere_changes_nothing_at_its_first_look(at: int) -> None:
    state = held(PODS, "x.json")
    assert [each.name for each in state.documents] == ["a", "b"]
    assert state.seen(text(PODS[:at], "x.json")).documents is state.documents


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
