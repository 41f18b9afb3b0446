from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from kdns.kube.calm import calm


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_nothing_is_collected_inside_and_what_is_alive_is_left_alone_later() -> None:
    gc.unfreeze()
    with calm():
        assert not gc.isenabled()
        kept: list[list[int]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(kept)


def test_the_last_of_several_ends_it() -> None:
    with calm():
        with calm():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_ends_with_an_error_too() -> None:
    with pytest.raises(ValueError, match="broken"), calm():
        raise ValueError("broken")
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with calm():
        pass
    assert not gc.isenabled()
