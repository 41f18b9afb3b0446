"""What things weigh: everything below them once, and nothing of the code."""

from __future__ import annotations

import sys

import pytest

from kdns.cli.weight import resident, weighed
from kdns.kube.objects import Service

LONG = "x" * 10_000
SLACK = 200


def test_a_thing_weighs_what_it_is_made_of() -> None:
    assert weighed({"one": [(LONG,)]})["one"] == pytest.approx(len(LONG), abs=SLACK)


def test_what_several_have_is_the_first_s() -> None:
    shared = {"text": LONG}
    assert weighed({"one": [shared, shared], "other": (shared,)}) == {
        "one": pytest.approx(len(LONG), abs=500),
        "other": pytest.approx(sys.getsizeof((shared,)), abs=16),
    }


@pytest.mark.parametrize("thing", [sys, weighed, LONG.join, Service], ids=["module", "function", "method", "class"])
def test_code_weighs_nothing(thing: object) -> None:
    assert weighed({"it": thing}) == {"it": 0}


def test_an_object_does_not_weigh_its_class() -> None:
    assert weighed({"it": Service("shop", LONG)})["it"] == pytest.approx(len(LONG), abs=600)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it there")
def test_the_process_is_resident_in_memory() -> None:
    assert 5e6 < resident() < 5e9
