"""A profile that a signal starts and stops."""

from __future__ import annotations

import os
import pstats
import signal
from pathlib import Path

import pytest

from bench.profiled import switched


@pytest.fixture(autouse=True)
def _signals() -> object:
    before = signal.getsignal(signal.SIGUSR2)
    yield
    signal.signal(signal.SIGUSR2, before)


def counted(path: Path) -> set[str]:
    stats = pstats.Stats(str(path))
    return {name for _, _, name in stats.stats}  # type: ignore[attr-defined]


def worked() -> int:
    return sum(range(10))


def idled() -> None:
    """Not profiled."""


def test_what_is_called_between_two_signals_is_profiled(tmp_path: Path) -> None:
    path = tmp_path / "profile"
    switched(path)
    idled()
    os.kill(os.getpid(), signal.SIGUSR2)
    worked()
    assert not path.exists()
    os.kill(os.getpid(), signal.SIGUSR2)
    assert "worked" in counted(path)
    assert "idled" not in counted(path)
