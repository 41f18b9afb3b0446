"""What the load asks."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from bench.cluster import Shape
from bench.questions import Lines, clusterips, first, mix, mixed_case, outside_hot, outside_unique, wrong

SHAPE = Shape(100, 5)


def asked(lines: Lines, turn: int = 0, least: int = 20_000) -> list[str]:
    return list(islice(lines(SHAPE, random.Random(turn), turn), least))


@pytest.mark.parametrize("lines", [clusterips, first, wrong, outside_unique, outside_hot])
def test_no_question_comes_twice_in_a_round(lines: Lines) -> None:
    assert max(Counter(asked(lines)).values()) == 1


@pytest.mark.parametrize("lines", [wrong, outside_unique])
def test_what_is_asked_once_is_new_in_the_next_round(lines: Lines) -> None:
    assert set(asked(lines)).isdisjoint(asked(lines, 1))


def test_the_address_of_each_service_is_asked_for_that_has_one() -> None:
    assert len(asked(clusterips)) == 80


def test_every_name_is_asked_for_the_first_time() -> None:
    types = Counter(line.split()[1] for line in asked(first))
    assert types == {"A": 100 + 100, "AAAA": 100, "SRV": 100, "PTR": 80 + 100}


def test_letters_come_in_either_case() -> None:
    found = asked(mixed_case)
    assert len({line.lower() for line in found}) == 80
    assert len(set(found)) == len(found)


def test_the_mix_is_mostly_wrong_names_and_the_same_each_time() -> None:
    found = asked(mix)
    assert found == asked(mix)
    inside = [line for line in found if ".cluster.local" in line]
    wrong = [line for line in inside if "example" in line or line.count(".ns-") > 1]
    assert 0.4 < len(wrong) / len(found) < 0.8
    assert {line.split()[1] for line in found} == {"A", "AAAA", "SRV", "PTR"}
