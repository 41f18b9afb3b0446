"""Where programs are, and what is said where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import programs


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found, and an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(programs, "_SYSTEM", ())
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_program_is_found_in_the_path(path: Path) -> None:
    script(path / "knotd", "echo 'knotd (Knot DNS), version 3.2.6'")
    assert programs.program("knotd") == path / "knotd"
    assert programs.version("knotd") == "3.2.6"


@pytest.mark.parametrize(("name", "package"), programs.PACKAGES.items())
def test_a_program_that_is_missing_is_said_with_its_package(name: str, package: str, path: Path) -> None:
    assert programs.program(name) is None
    assert programs.remedy(name) == f"{name} is missing: Debian's package {package}"


def test_without_go_there_is_no_coredns(path: Path) -> None:
    assert programs.program("coredns") is None
    assert "Go" in programs.remedy("coredns")


def test_coredns_is_built_once_with_go(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script(path / "go", f'echo "$*" >>{path}/asked; echo "echo CoreDNS-1.14.7" >"$GOBIN/coredns"')
    found = [programs.program("coredns") for _ in range(2)]
    assert found == [path / "cache/kdns/bench" / f"coredns-{programs.COREDNS}"] * 2
    assert (path / "asked").read_text() == f"install github.com/coredns/coredns@{programs.COREDNS}\n"
    assert "building CoreDNS" in capsys.readouterr().err


def test_a_build_that_fails_leaves_nothing(path: Path) -> None:
    script(path / "go", "exit 1")
    assert programs.program("coredns") is None
    assert list((path / "cache/kdns/bench").iterdir()) == []
