from __future__ import annotations

import os
from pathlib import Path

import pytest

from kdns.cli.pidfile import pidfile
from kdns.errors import StartError


def test_it_holds_our_process_id_and_goes_with_us(tmp_path: Path) -> None:
    file = tmp_path / "kdns.pid"
    with pidfile(str(file)):
        assert file.read_text() == f"{os.getpid()}\n"
    assert not file.exists()


def test_it_goes_when_we_fail(tmp_path: Path) -> None:
    file = tmp_path / "kdns.pid"
    with pytest.raises(ZeroDivisionError), pidfile(str(file)):
        raise ZeroDivisionError
    assert not file.exists()


def test_what_an_earlier_process_left_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "kdns.pid"
    file.write_text("99999999\n")
    with pidfile(str(file)):
        assert file.read_text() == f"{os.getpid()}\n"
    assert not file.exists()


@pytest.mark.parametrize("text", ["1\n", "", "no number"])
def test_one_that_is_somebody_else_s_by_then_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kdns.pid"
    with pidfile(str(file)):
        file.write_text(text)
    assert file.read_text() == text


def test_one_that_is_gone_by_then_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "kdns.pid"
    with pidfile(str(file)):
        file.unlink()
    assert not file.exists()


@pytest.mark.parametrize(("name", "why"), [("missing/kdns.pid", "No such file or directory"), (".", "Is a directory")])
def test_one_that_cannot_be_written_is_told(tmp_path: Path, name: str, why: str) -> None:
    path = str(tmp_path / name)
    told = f"the pid file '{path}' cannot be written ({why}): name one in a folder that exists"
    with pytest.raises(StartError) as caught, pidfile(path):
        pass
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("path", [None, ""])
def test_none_is_none(path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pidfile(path):
        assert list(tmp_path.iterdir()) == []
