from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from kdns.kube.live.programs import Watched, ended

PIPE = asyncio.subprocess.PIPE


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def script(folder: Path, text: str) -> str:
    file = folder / "plugin"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


async def run(command: str) -> tuple[int, bytes]:
    """As the library does it."""
    process = await Watched().create_subprocess_exec(command, stdout=PIPE, stderr=PIPE)
    assert process.stdout is not None
    print(process.pid)  # noqa: T201
    return process.pid, await process.stdout.read()


def test_one_that_hangs_is_killed_with_who_waits_for_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def waited() -> None:
        async with asyncio.timeout(0.1), ended():
            await run(script(tmp_path, "exec sleep 60"))

    with asyncio.Runner() as runner, pytest.raises(TimeoutError):
        runner.run(waited())
    assert not is_running(int(capsys.readouterr().out))


def test_one_that_ends_by_itself_has_said_all(tmp_path: Path) -> None:
    async def waited() -> tuple[int, bytes]:
        async with ended():
            return await run(script(tmp_path, "echo token"))

    with asyncio.Runner() as runner:
        pid, said = runner.run(waited())
    assert said == b"token\n"
    assert not is_running(pid)
