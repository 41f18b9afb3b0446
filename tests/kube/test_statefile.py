from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kdns.kube import statefile

NOW = 1_700_000_000.0


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "kdns.state")


def test_what_is_written_is_read(file: str) -> None:
    assert statefile.read(file) is None
    statefile.write(file, [b"one ", b"", b"two"])
    assert statefile.read(file) == b"one two"
    statefile.write(file, [b"3"])
    assert statefile.read(file) == b"3"
    assert os.listdir(Path(file).parent) == ["kdns.state"]  # noqa: PTH208


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_only_its_owner_may_read_it(file: str, mask: int) -> None:
    before = os.umask(mask)
    try:
        statefile.write(file, [b"one"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


def test_a_file_that_everybody_could_read_is_made_private(file: str) -> None:
    Path(file).write_bytes(b"before")
    Path(file).chmod(0o644)
    statefile.write(file, [b"one"])
    assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


def test_a_link_goes_on_pointing_to_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "kdns.state"
    link.symlink_to(tmp_path / "disk" / "state")
    statefile.write(str(link), [b"one"])
    assert link.is_symlink()
    assert (tmp_path / "disk" / "state").read_bytes() == b"one"
    assert statefile.set_aside(str(link)) == str(tmp_path / "disk" / "state.aside")


def folder(path: Path) -> None:
    (path / "inside").mkdir(parents=True)


def pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(("make", "why"), [(folder, "it is a folder"), (pipe, "it is no file")])
def test_what_is_no_file_is_left_alone(file: str, make: Callable[[Path], None], why: str) -> None:
    make(Path(file))
    before = Path(file).stat()
    with pytest.raises(OSError, match=why):
        statefile.read(file)
    with pytest.raises(OSError, match=why):
        statefile.write(file, [b"one"])
    assert statefile.set_aside(file) == ""
    assert Path(file).stat().st_ino == before.st_ino
    assert [each.name for each in Path(file).parent.iterdir()] == ["kdns.state"]


def test_a_file_that_is_no_state_by_its_length_is_not_read(file: str) -> None:
    with Path(file).open("wb") as opened:
        opened.truncate((1 << 30) + 1)
    with pytest.raises(OSError, match="too long"):
        statefile.read(file)


def too_much() -> Iterator[bytes]:
    yield from [b"x" * 65536] * 4


def test_a_full_disk_leaves_the_old_file_as_it_was(file: str) -> None:
    """A limit on files' sizes stands in for the disk: the write itself fails, half way."""
    statefile.write(file, [b"before"])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            statefile.write(file, too_much())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert statefile.read(file) == b"before"
    assert [each.name for each in Path(file).parent.iterdir()] == ["kdns.state"]


def test_whatever_fails_while_it_is_written_leaves_the_old_file_as_it_was(file: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise MemoryError

    statefile.write(file, [b"before"])
    with pytest.raises(MemoryError):
        statefile.write(file, pieces())
    assert statefile.read(file) == b"before"
    assert [each.name for each in Path(file).parent.iterdir()] == ["kdns.state"]


@pytest.mark.parametrize("path", ["/proc/kdns.state", "{}/gone/kdns.state", "{}/file/kdns.state"])
def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"No such file|Not a directory|denied|not permitted"):
        statefile.write(path.format(tmp_path), [b"one"])


OBSTACLES = [
    pytest.param("kdns.state", "", id="none"),
    pytest.param("there", "", id="a file that is there"),
    pytest.param("folder", "'{0}/folder' is a folder: name a file in it", id="a folder"),
    pytest.param("gone/kdns.state", "there is no folder '{0}/gone'", id="no folder"),
    pytest.param("there/kdns.state", "there is no folder '{0}/there'", id="a file as the folder"),
]


@pytest.mark.parametrize(("path", "told"), OBSTACLES)
def test_what_is_in_the_way_is_known_without_trying(tmp_path: Path, path: str, told: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "there").touch()
    assert statefile.obstacle(str(tmp_path / path)) == told.format(tmp_path)


def test_a_folder_of_others_is_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, perhaps as root: the kernel's word is stood in for."""
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
    assert statefile.obstacle(str(tmp_path / "state")) == f"folder '{tmp_path}' cannot be written to"


def test_what_is_set_aside_takes_the_place_of_what_was(file: str) -> None:
    for content in (b"one", b"two"):
        Path(file).write_bytes(content)
        assert statefile.set_aside(file) == file + ".aside"
        assert Path(file + ".aside").read_bytes() == content
        assert not Path(file).exists()
    assert statefile.set_aside(file) == ""


def test_what_was_not_finished_is_deleted_once_it_is_old(file: str) -> None:
    parent = Path(file).parent
    for name, age in ((".kdns.state.old", 601), (".kdns.state.new", 599), (".other.old", 601), ("kdns.state", 601)):
        (parent / name).touch()
        os.utime(parent / name, (NOW - age, NOW - age))
    statefile.sweep(file, NOW)
    assert sorted(each.name for each in parent.iterdir()) == [".kdns.state.new", ".other.old", "kdns.state"]


def test_there_may_be_nothing_to_sweep(tmp_path: Path) -> None:
    statefile.sweep(str(tmp_path / "gone" / "kdns.state"), NOW)


def test_of_two_who_write_it_there_is_one_or_the_other(file: str) -> None:
    contents = [letter * 50_000 for letter in (b"a", b"b")]
    statefile.write(file, [contents[0]])

    def writes(content: bytes) -> None:
        for _ in range(60):
            statefile.write(file, [content[:20_000], content[20_000:]])

    writers = [threading.Thread(target=writes, args=[content]) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert statefile.read(file) in contents
    for writer in writers:
        writer.join()
    assert [each.name for each in Path(file).parent.iterdir()] == ["kdns.state"]


_WRITER = """
import sys
from kdns.kube import statefile
number = 0
while True:
    number += 1
    statefile.write(sys.argv[1], [str(number % 10).encode() * 300_000] * 3)
    print(number, flush=True)
"""


def test_who_is_killed_while_writing_leaves_a_whole_file(file: str) -> None:
    for rounds in (1, 3, 4):
        command = [sys.executable, "-c", _WRITER, file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as writer:
            assert writer.stdout is not None
            for _ in range(rounds):
                assert writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        content = statefile.read(file)
        assert content is not None
        assert (len(content), len(set(content))) == (900_000, 1)
