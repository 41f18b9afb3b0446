"""Where the programs of a control plane come from, and what is said where they do not."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.programs import PACKAGES, MissingError, programs, versions
from tests.processes import PATIENCE, ROOT, environment

NAMES = list(PACKAGES)


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which commands are found, with what make and a shell script need."""
    folder = tmp_path / "commands"
    folder.mkdir()
    for name in ("make", "sh", "cp"):
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{name} is not installed")
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing has been built."""
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_programs_are_built_once_and_kept(path: Path, environ: dict[str, str], tmp_path: Path) -> None:
    script(path / "go", f'echo "$@" >> {tmp_path}/built; while [ "$1" != -o ]; do shift; done; cp {path}/go "$2"')
    found = programs(environ)
    assert found == programs(environ)
    assert list(found) == [tmp_path / "cache/kdns/e2e" / versions() / name for name in NAMES]
    assert all(each.is_file() for each in found)
    built = [line.split() for line in (tmp_path / "built").read_text().splitlines()]
    assert [(words[0], words[-1]) for words in built] == [("build", package) for package in PACKAGES.values()]
    assert sorted(each.name for each in found.etcd.parent.iterdir()) == sorted(NAMES)


def test_the_versions_are_those_of_the_module() -> None:
    kubernetes, etcd = versions().removeprefix("kubernetes-").split("-etcd-")
    module = (ROOT / "tests/e2e/controlplane/go.mod").read_text()
    assert f"k8s.io/kubernetes {kubernetes}\n" in module
    assert f"go.etcd.io/etcd/server/v3 {etcd}\n" in module


@pytest.mark.usefixtures("path")
def test_without_go_the_first_program_that_is_missing_is_told(environ: dict[str, str]) -> None:
    with pytest.raises(MissingError, match=r"^'etcd' has to be built, and there is no Go: .*KUBEBUILDER_ASSETS"):
        programs(environ)


def test_a_build_that_fails_leaves_nothing_behind(path: Path, environ: dict[str, str], tmp_path: Path) -> None:
    script(path / "go", "exit 1")
    with pytest.raises(MissingError, match=r"^'etcd' could not be built from go\.etcd\.io"):
        programs(environ)
    assert list((tmp_path / "cache/kdns/e2e" / versions()).iterdir()) == []


@pytest.mark.parametrize("there", [NAMES, NAMES[:2]], ids=["all three", "as envtest has them"])
def test_programs_are_taken_from_the_assets(
    there: list[str], path: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    script(path / "go", 'while [ "$1" != -o ]; do shift; done; echo built > "$2"')
    for name in there:
        script(tmp_path / "assets" / name, "")
    found = programs({**environ, "KUBEBUILDER_ASSETS": str(tmp_path / "assets")})
    built = tmp_path / "cache/kdns/e2e" / versions()
    assert list(found) == [(tmp_path / "assets" if name in there else built) / name for name in NAMES]


@pytest.mark.parametrize("missing", NAMES[:2])
def test_assets_that_lack_a_program_are_told(missing: str, tmp_path: Path, environ: dict[str, str]) -> None:
    for name in NAMES:
        if name != missing:
            script(tmp_path / "assets" / name, "")
    with pytest.raises(MissingError, match=f"holds no program '{missing}'"):
        programs({**environ, "KUBEBUILDER_ASSETS": str(tmp_path / "assets")})


@pytest.mark.usefixtures("path")
def test_make_e2e_says_in_one_line_what_is_missing_and_fails(tmp_path: Path, environ: dict[str, str]) -> None:
    script(tmp_path / "venv/bin/python", f'exec {sys.executable} "$@"')
    for made in ("run", "test"):
        (tmp_path / "venv" / made).touch()
    ran = subprocess.run(
        ["make", "--no-print-directory", f"VENV={tmp_path}/venv", "e2e"],
        cwd=ROOT,
        env={**environment(**environ), "KUBEBUILDER_ASSETS": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ran.returncode != 0
    assert ran.stdout == ""
    told = [line for line in ran.stderr.splitlines() if not line.startswith("make: ***")]
    assert len(told) == 1
    assert told[0].startswith("make e2e: 'etcd' has to be built, and there is no Go: install Go")
