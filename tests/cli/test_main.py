"""The package itself: commands, exit codes, and the ends that no traceback may tell of."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kdns.cli import COMMANDS
from kdns.cli import help as help_module
from kdns.errors import CorefileError, CorefileErrors, StartError
from tests.processes import KDNS, PATIENCE, ROOT, Kdns, environment, run


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("serv", "kdns: 'serv' is no command; did you mean 'serve'? (there are serve, check, explain, query, help)\n"),
        ("examples", "kdns: 'examples' is no command (there are serve, check, explain, query, help)\n"),
    ],
)
def test_a_word_that_is_no_command_is_wrong_usage(kdns: Kdns, word: str, told: str) -> None:
    assert kdns(word) == (2, "", told)


@pytest.mark.parametrize("command", ["", *COMMANDS])
@pytest.mark.parametrize("flag", ["-h", "-help", "--help"])
def test_every_command_shows_its_flags(kdns: Kdns, command: str, flag: str) -> None:
    code, out, err = kdns(*filter(None, (command, flag)))
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: kdns {command}".strip())


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_an_unknown_flag_is_wrong_usage(kdns: Kdns, command: str) -> None:
    words = {"serve": ["serve", "x"], "explain": ["explain", "x"], "query": ["query", "x"]}.get(command, [command])
    code, out, err = kdns(*filter(None, words), "--no-such-flag")
    assert (code, out) == (2, "")
    assert err.startswith("usage: kdns")
    assert err.endswith("error: unrecognized arguments: --no-such-flag\n")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        pytest.param(StartError("there is no disk"), 1, "kdns: there is no disk\n", id="what keeps it from starting"),
        pytest.param(
            CorefileErrors([CorefileError("a", 1, "x"), CorefileError("b", 2, "y")]),
            1,
            "a:1: x\nb:2: y\n",
            id="mistakes in a Corefile",
        ),
        pytest.param(KeyboardInterrupt(), 130, "", id="Control-C"),
    ],
)
def test_errors_are_lines(
    kdns: Kdns, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    def fails(arguments: object) -> int:
        raise error

    monkeypatch.setattr(help_module, "main", fails)
    assert kdns("help") == (code, "", told)


def test_a_reader_that_is_gone_is_no_error_to_tell() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        ran = subprocess.run(
            [*KDNS, "help"], cwd=ROOT, stdout=out, stderr=subprocess.PIPE, timeout=PATIENCE, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_a_file_whose_name_is_no_utf_8_is_printed_as_it_is(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.yaml"
    ran = subprocess.run(
        [*KDNS, "serve", "--print-corefile", name],
        env=environment(),
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    assert name in ran.stdout


def test_python_runs_it_as_a_module() -> None:
    code, out, err = run("-version")
    assert (code, err) == (0, "")
    assert out.startswith("kdns-")
