"""The package itself: commands, exit codes, and the ends that no traceback may tell of."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from kdns.cli import COMMANDS
from kdns.cli import help as help_module
from kdns.errors import CorefileError, CorefileErrors, StartError
from tests.processes import KDNS, PATIENCE, ROOT, Kdns, environment, run

THERE_ARE = "(there are serve, check, explain, query, memory, help)"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("serv", f"kdns: 'serv' is no command; did you mean 'serve'? {THERE_ARE}\n"),
        ("examples", f"kdns: 'examples' is no command {THERE_ARE}\n"),
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
        pytest.param(StartError("one\ntwo"), 1, "kdns: one\nkdns: two\n", id="several things"),
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


FULL = Path("/dev/full")
on_a_full_disk = pytest.mark.skipif(not FULL.exists(), reason="there is no disk that is always full")


def full(
    *arguments: str, cwd: Path, out: bool = False, err: bool = False, unbuffered: str = ""
) -> tuple[int, bytes, bytes]:
    """The exit code of a command some of whose words go to a disk that is full, and the others."""
    with FULL.open("wb") as disk:
        ran = subprocess.run(
            [*KDNS, *arguments],
            cwd=cwd, env=environment(PYTHONUNBUFFERED=unbuffered), timeout=PATIENCE, check=False,
            stdout=disk if out else subprocess.PIPE, stderr=disk if err else subprocess.PIPE,
        )  # fmt: skip
    return ran.returncode, ran.stdout or b"", ran.stderr or b""


@on_a_full_disk
@pytest.mark.parametrize(
    "arguments",
    [["help"], ["help", "kubernetes"], ["-version"], ["check"], ["serve", "x", "--print-corefile"]],
    ids=" ".join,
)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_full_disk_is_one_line(tmp_path: Path, arguments: list[str], unbuffered: str) -> None:
    (tmp_path / "Corefile").write_text(". {\n whoami\n}\n")
    told = b"kdns: what there is to say cannot be written: No space left on device\n"
    assert full(*arguments, cwd=tmp_path, unbuffered=unbuffered, out=True) == (1, b"", told)
    assert full(*arguments, cwd=tmp_path, unbuffered=unbuffered, out=True, err=True) == (1, b"", b"")


@on_a_full_disk
def test_mistakes_that_cannot_be_told_are_still_an_exit_code(tmp_path: Path) -> None:
    assert full("check", cwd=tmp_path, err=True) == (1, b"", b"")
    assert full("serve", "gone", cwd=tmp_path, err=True) == (1, b"", b"")


def test_an_error_of_the_system_that_is_none_of_its_streams_is_a_defect(
    kdns: Kdns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(arguments: object) -> int:
        raise OSError(errno.EIO, "Input/output error", "a file")

    monkeypatch.setattr(help_module, "main", fails)
    with pytest.raises(OSError, match="Input/output error"):
        kdns("help")


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
