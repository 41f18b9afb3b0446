"""What is derived is remembered."""

from __future__ import annotations

from collections.abc import Sequence

from kdns.kube.controllers.memory import Made, Memory
from kdns.kube.document import Document, Origin, Problem
from tests.kube.controllers.folder import read

A, B, C = read("\n---\n".join(f"{{kind: Pod, metadata: {{name: {name}}}}}" for name in "abc"))
AGAIN = read("{kind: Pod, metadata: {name: a}}")[0]
PROBLEM = Problem(Origin("x.yaml", 1, 1), "wrong")


class Step:
    """Counts how often it is gone through; makes copies of what it gets."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, documents: Sequence[Document]) -> Made:
        self.times += 1
        return [Document(*each) for each in documents], [PROBLEM]


def test_what_is_made_from_the_same_objects_is_not_made_again() -> None:
    memory, step = Memory(), Step()
    once = memory.recall("x", [A, B], step)
    memory.turn()
    assert memory.recall("x", [A, B], step) is once
    assert once == ([A, B], [PROBLEM])
    assert step.times == 1


def test_what_is_made_from_others_is_made_again_but_where_equal_it_is_the_same_object() -> None:
    memory, step = Memory(), Step()
    once = memory.recall("x", [A, B], step)
    for others in ([A, C], [A], [A, B, C], [B, A], [AGAIN, B]):
        memory.turn()
        found, problems = memory.recall("x", others, step)
        assert (found, problems) == (others, [PROBLEM])
        assert found[0 if others[0] is not B else 1] is once[0][0]
    assert step.times == 6


def test_what_one_derivation_does_not_ask_for_is_forgotten() -> None:
    memory, step = Memory(), Step()
    memory.recall("x", [A], step)
    memory.turn()
    memory.recall("y", [A], step)
    memory.turn()
    memory.recall("x", [A], step)
    assert step.times == 3


def test_what_is_kept_is_the_same_object_while_it_is_equal() -> None:
    memory = Memory()
    assert memory.keep("x", [A, B])[0] is A
    memory.turn()
    kept = memory.keep("x", [AGAIN, C])
    assert (kept[0] is A, kept[1] is C) == (AGAIN == A, True)
