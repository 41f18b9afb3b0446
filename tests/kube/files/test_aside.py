"""Work beside the loop."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

import pytest

from kdns.kube.files.aside import TURN, aside, uncollected


async def test_work_runs_in_a_thread_that_takes_short_turns() -> None:
    before = sys.getswitchinterval()
    here = threading.get_ident()
    there, during = await aside(lambda: (threading.get_ident(), sys.getswitchinterval()))
    assert there != here
    assert during == pytest.approx(TURN)
    assert sys.getswitchinterval() == before


async def test_what_work_raises_is_raised_and_nothing_else_is_different() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError):
        await aside(lambda: 1 // 0)
    assert sys.getswitchinterval() == before


async def test_several_at_work_leave_everything_as_it_was() -> None:
    before = sys.getswitchinterval()
    first, second = threading.Event(), threading.Event()
    one = asyncio.create_task(aside(first.wait))
    other = asyncio.create_task(aside(second.wait))
    await asyncio.sleep(0)
    first.set()
    await one
    assert sys.getswitchinterval() == pytest.approx(TURN)
    second.set()
    await other
    assert sys.getswitchinterval() == before


def test_no_garbage_is_collected_meanwhile() -> None:
    frozen = gc.get_freeze_count()
    with uncollected(), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() <= frozen  # those of earlier tests may go at any time


def test_collections_that_somebody_has_switched_off_stay_off() -> None:
    gc.disable()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()
