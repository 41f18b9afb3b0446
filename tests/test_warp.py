"""The loop that the tests of a live cluster run on."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from tests.warp import WALL, WarpLoop, warp

T = TypeVar("T")


def run(test: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(test())


def test_an_hour_passes_at_once() -> None:
    async def hour() -> list[float]:
        began = warp().time()
        await asyncio.sleep(3600)
        return [warp().time() - began, warp().wall() - WALL]

    began = time.monotonic()
    assert run(hour) == pytest.approx([3600, 3600])
    assert time.monotonic() - began < 30


def test_timers_come_in_their_order() -> None:
    seen: list[int] = []

    async def wait(seconds: int) -> None:
        await asyncio.sleep(seconds)
        seen.append(seconds)

    async def all_of_them() -> None:
        await asyncio.gather(*map(wait, (300, 20, 7000, 1)))

    run(all_of_them)
    assert seen == [1, 20, 300, 7000]


def test_bytes_are_faster_than_any_timeout() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def talk() -> float:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            began = warp().time()
            for number in range(200):
                writer.write(b"%d\n" % number)
                async with asyncio.timeout(0.01):
                    assert await reader.readline() == b"%d\n" % number
            took = warp().time() - began
            writer.close()
            await asyncio.sleep(1)  # both ends see the end
        return took

    assert run(talk) == 0


def test_a_thread_s_work_takes_no_time() -> None:
    finish = threading.Event()

    async def work() -> float:
        began = warp().time()
        warp().call_soon(threading.Timer(0.05, finish.set).start)
        async with asyncio.timeout(0.01):
            await asyncio.to_thread(finish.wait)
        return warp().time() - began

    assert run(work) == 0


def test_a_process_s_work_takes_no_time() -> None:
    async def work() -> tuple[bytes, float]:
        began = warp().time()
        async with asyncio.timeout(0.01):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print('done')", stdout=asyncio.subprocess.PIPE
            )
            out, _ = await process.communicate()
        return out, warp().time() - began

    assert run(work) == (b"done\n", 0)


def test_one_who_looks_between_sees_every_moment() -> None:
    moments: list[float] = []

    async def work() -> None:
        warp().between.append(lambda: moments.append(warp().time()))
        await asyncio.sleep(1)
        await asyncio.sleep(1)

    run(work)
    assert {1000.0, 1001.0, 1002.0} <= set(moments)


def test_a_wait_for_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.warp._PATIENCE", 0.01)

    async def forever() -> None:
        await asyncio.Event().wait()

    loop = WarpLoop()
    waiting = loop.create_task(forever())
    with pytest.raises(RuntimeError, match="nobody for a time"):
        loop.run_until_complete(waiting)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(waiting)
    loop.close()
