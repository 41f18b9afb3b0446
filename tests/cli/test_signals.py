from __future__ import annotations

import asyncio
import os
import signal

import pytest

from kdns.cli.signals import Signals, either, unless
from tests.serve.sockets import PATIENCE, until


async def arrived() -> None:
    """Return when every signal that was sent has been handled: one that only counts was sent after them."""
    seen = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, seen.set)
    os.kill(os.getpid(), signal.SIGUSR2)
    async with asyncio.timeout(PATIENCE):
        await seen.wait()


@pytest.mark.parametrize(
    ("sent", "stop", "at_once", "code"),
    [
        pytest.param([], False, False, 0, id="none"),
        pytest.param([signal.SIGTERM], True, False, 0, id="SIGTERM"),
        pytest.param([signal.SIGINT], True, False, 0, id="SIGINT"),
        pytest.param([signal.SIGTERM, signal.SIGTERM], True, True, 2, id="SIGTERM twice"),
        pytest.param([signal.SIGTERM, signal.SIGINT], True, True, 2, id="SIGTERM, then SIGINT"),
        pytest.param([signal.SIGQUIT], True, True, 0, id="SIGQUIT"),
        pytest.param([signal.SIGTERM, signal.SIGQUIT], True, True, 0, id="SIGTERM, then SIGQUIT"),
        pytest.param([signal.SIGQUIT, signal.SIGTERM], True, True, 0, id="SIGQUIT, then SIGTERM"),
        pytest.param([signal.SIGHUP, signal.SIGUSR1], False, False, 0, id="those that do not end it"),
    ],
)
async def test_a_signal_says_how_to_end(sent: list[signal.Signals], stop: bool, at_once: bool, code: int) -> None:
    signals = Signals()
    for number in sent:
        os.kill(os.getpid(), number)
        await arrived()
    assert (signals.stop.is_set(), signals.at_once.is_set(), signals.code) == (stop, at_once, code)


async def test_sigusr1_wants_a_reload() -> None:
    signals = Signals()
    assert not signals.reload.is_set()
    os.kill(os.getpid(), signal.SIGUSR1)
    await arrived()
    assert signals.reload.is_set()


@pytest.mark.parametrize("which", [0, 1])
async def test_either_of_two_events_is_enough(which: int) -> None:
    events = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(either(*events))
    await asyncio.sleep(0)
    assert not waiting.done()
    events[which].set()
    async with asyncio.timeout(PATIENCE):
        await waiting


async def test_work_is_done_unless_the_event_comes() -> None:
    done = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append("done")

    assert await unless(asyncio.Event(), work())
    assert done == ["done"]


async def test_work_is_cancelled_when_the_event_comes_and_may_tidy_up() -> None:
    event, story = asyncio.Event(), list[str]()

    async def work() -> None:
        try:
            story.append("begins")
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            story.append("tidied up")

    working = asyncio.create_task(unless(event, work()))
    await until(lambda: bool(story))
    event.set()
    assert not await working
    assert story == ["begins", "tidied up"]


async def test_work_is_not_waited_for_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kdns.cli.signals._TIDY", 0.0)
    event, stubborn = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await stubborn.wait()

    event.set()
    assert not await unless(event, work())
    stubborn.set()


async def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await unless(asyncio.Event(), work())
