"""Local and Memory: two disks that find the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdns.corefile.disk import Disk, Local, Memory

PATHS = (".h.x", "a.x", "b.x", "c.y", "sub/d.x", "sub/sub/e.x", "sub/]")


def on_disk(folder: Path) -> tuple[Disk, str]:
    for path in PATHS:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"one\r\ntwo")
    (folder / "folder.x").mkdir()
    return Local(), f"{folder}/"


def in_memory(folder: Path) -> tuple[Disk, str]:
    return Memory({f"{folder}/{path}": "one\r\ntwo" for path in PATHS}), f"{folder}/"


@pytest.fixture(params=[on_disk, in_memory])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Disk, str]:
    """A disk and the folder on it that holds PATHS."""
    made: tuple[Disk, str] = request.param(tmp_path)
    return made


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*.x", [".h.x", "a.x", "b.x"]),
        ("?.x", ["a.x", "b.x"]),
        ("[bc].*", ["b.x", "c.y"]),
        ("[!b].x", ["a.x"]),
        ("[^b].x", ["a.x"]),
        ("*/*.x", ["sub/d.x"]),
        ("sub/*", ["sub/]", "sub/d.x"]),
        ("sub/[]]", ["sub/]"]),
        ("sub/**", ["sub/]", "sub/d.x"]),
        ("**/*.x", ["sub/d.x"]),
        ("**.x", [".h.x", "a.x", "b.x"]),
        ("*.z", []),
        ("none/*.x", []),
    ],
)
def test_a_glob_finds_files_only_and_sorted(disk: tuple[Disk, str], pattern: str, wanted: list[str]) -> None:
    files, folder = disk
    assert files.glob(folder + pattern) == [folder + path for path in wanted]


@pytest.mark.parametrize("pattern", ["[", "[]", "[!]", "[^]", "a[b", "[a]*[b", "[a/b]", "[a/*.x"])
def test_a_set_that_is_not_closed_is_a_mistake(disk: tuple[Disk, str], pattern: str) -> None:
    files, folder = disk
    with pytest.raises(ValueError, match=r"^close the '\[' in '\S+' with a '\]'$"):
        files.glob(folder + pattern)


def test_a_file_is_read_as_it_is(disk: tuple[Disk, str]) -> None:
    files, folder = disk
    assert files.read(f"{folder}sub/d.x") == "one\r\ntwo"


def test_a_file_that_is_not_there_is_an_os_error(disk: tuple[Disk, str]) -> None:
    files, folder = disk
    with pytest.raises(FileNotFoundError) as raised:
        files.read(f"{folder}nope")
    assert raised.value.strerror == "No such file or directory"


def test_a_relative_glob_finds_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_disk(tmp_path)
    monkeypatch.chdir(tmp_path / "sub")
    assert Local().glob("*.x") == ["d.x"]
    assert Local().glob("../?.x") == ["../a.x", "../b.x"]
