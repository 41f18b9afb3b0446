from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from kdns.cli.pauses import rare


@pytest.fixture
def thresholds() -> Iterator[tuple[int, int, int]]:
    """Those of this process, which has them again afterwards."""
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_only_full_collections_come_seldom(thresholds: tuple[int, int, int]) -> None:
    young, middle, full = thresholds
    rare()
    assert gc.get_threshold() == (young, middle, 10 * full)
