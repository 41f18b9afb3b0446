"""Signals that come while a command is still being imported."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from tests.processes import KDNS, PATIENCE, ROOT, Ended, environment

SENDS = """\
import os, signal, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.{signal})

sys.meta_path.insert(0, Finder)
"""
SERVERS = (["-version"], ["serve", "examples", "--print-corefile"])
"""That end by themselves: what they would serve is not imported any differently."""
OTHERS = (["check", "-h"], ["explain", "-h"], ["query", "-h"])
MODULE = "kdns.cli.flags"
"""Of the first that is imported when a command is known."""


def run(arguments: list[str], number: signal.Signals, folder: Path) -> Ended:
    """A command to which a signal comes while it imports a module."""
    (folder / "sitecustomize.py").write_text(SENDS.format(module=MODULE, signal=number.name))
    ran = subprocess.run(
        [*KDNS, *arguments],
        cwd=ROOT, env=environment(PYTHONPATH=f"{folder}:{ROOT}"), capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return Ended(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


@pytest.mark.parametrize("arguments", SERVERS, ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_signals_that_a_server_takes_for_nothing_are_nothing_from_the_beginning(
    tmp_path: Path, arguments: list[str], number: signal.Signals
) -> None:
    code, out, err = run(arguments, number, tmp_path)
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("arguments", SERVERS, ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_at_its_very_start_ends_cleanly(
    tmp_path: Path, arguments: list[str], number: signal.Signals
) -> None:
    assert run(arguments, number, tmp_path) == (0, "", "")


@pytest.mark.parametrize("arguments", OTHERS, ids=" ".join)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_any_other_command_ends_at_once_and_quietly(
    tmp_path: Path, arguments: list[str], number: signal.Signals
) -> None:
    assert run(arguments, number, tmp_path) == (-number, "", "")
