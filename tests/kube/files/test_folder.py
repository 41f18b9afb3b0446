"""Manifests on disk."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kdns.errors import ManifestError, StartError
from kdns.kube.files import folder
from kdns.kube.files.folder import LARGEST, Look, Stamp, look, read


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def found(root: Path) -> list[str]:
    return sorted(os.path.relpath(path, root) for path in look([str(root)]).files)


def test_a_folder_is_read_recursively_by_suffix(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("a.yaml", "b.yml", "c.json", "d.txt", "e.yaml~", "f", "g/h/i.yaml")))
    assert found(tmp_path) == ["a.yaml", "b.yml", "c.json", "g/h/i.yaml"]


def test_hidden_names_are_skipped(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in (".a.yaml", ".git/b.yaml", "c.yaml")))
    assert found(tmp_path) == ["c.yaml"]


def test_a_mounted_configmap_is_read_once(tmp_path: Path) -> None:
    touch(tmp_path / "..2024_01_31" / "a.yaml")
    (tmp_path / "..data").symlink_to("..2024_01_31")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert found(tmp_path) == ["a.yaml"]


def test_circles_of_links_end(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "b.yaml")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "here").symlink_to(".")
    (tmp_path / "to-itself").symlink_to("to-itself")
    assert found(tmp_path) == ["a/b.yaml"]


def test_a_folder_may_be_named_as_a_file_is(tmp_path: Path) -> None:
    touch(tmp_path / "a.yaml" / "b.yaml")
    assert found(tmp_path) == ["a.yaml/b.yaml"]


def test_what_is_neither_file_nor_folder_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").symlink_to("nothing")
    assert look([str(tmp_path)]) == Look(folders=look([str(tmp_path)]).folders)


def test_a_file_that_cannot_be_looked_at_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to("a.yaml")
    seen = look([str(tmp_path)])
    assert seen.files == {}
    assert seen.unseen == {str(tmp_path / "a.yaml"): os.strerror(40 if sys.platform == "linux" else 62)}


def test_a_path_may_be_a_file_of_any_name(tmp_path: Path) -> None:
    touch(tmp_path / ".cluster")
    assert list(look([str(tmp_path / ".cluster")]).files) == [str(tmp_path / ".cluster")]


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "a" / "b.yaml")
    monkeypatch.chdir(tmp_path)
    assert list(look([".", "a", "./a//b.yaml", "a/b.yaml"]).files) == ["a/b.yaml"]


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    touch(tmp_path / "file")
    paths = {str(tmp_path / "none"), str(tmp_path / "file" / "none")}
    assert look(paths).missing == paths


def test_a_stamp_tells_texts_apart(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    os.utime(file, ns=(1, 1))
    (first,) = look([str(file)]).files.values()
    assert first == Stamp(1, file.stat().st_ctime_ns, 1, file.stat().st_ino)
    os.utime(file, ns=(1, 2))
    (second,) = look([str(file)]).files.values()
    assert second != first


def test_a_stamp_tells_texts_of_one_size_and_time_apart(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a")
    before = file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # the file system's clock has coarse ticks
        file.write_text("b")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    (stamp,) = look([str(file)]).files.values()
    assert (stamp.mtime_ns, stamp.size, stamp.inode) == (before.st_mtime_ns, before.st_size, before.st_ino)
    assert stamp.ctime_ns != before.st_ctime_ns


def stamp_of(path: Path) -> Stamp:
    return look([str(path)]).files[str(path)]


def test_a_text_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes("é\r\n".encode())
    assert read(str(file), stamp_of(file)) == "é\r\n"


def test_a_file_that_changes_while_it_is_read_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = stamp_of(file)
    file.write_text("longer")
    assert read(str(file), before) is None


def test_bytes_that_are_no_utf8_have_a_line(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"a\n\nb\xff\n")
    with pytest.raises(ManifestError, match=r"a:1:3: no UTF-8: byte 0xff$"):
        read(str(file), stamp_of(file))


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch()
    os.truncate(file, LARGEST + 1)
    with pytest.raises(ManifestError, match=r"a:1:1: larger than 64 MiB$"):
        read(str(file), stamp_of(file))


def test_paths_that_can_be_read_pass_the_check(tmp_path: Path) -> None:
    touch(tmp_path / "a")
    folder.check([str(tmp_path), str(tmp_path / "a")])


def test_a_missing_path_fails_the_check(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"there is no '.*/none': name a file or a folder that exists"):
        folder.check([str(tmp_path), str(tmp_path / "none")])


def test_a_path_to_something_else_fails_the_check(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StartError, match=r"'.*/pipe' cannot be read \(it is neither a file nor a folder\)"):
        folder.check([str(tmp_path / "pipe")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["file", "folder"])
def test_a_path_without_permission_fails_the_check(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "file", tmp_path / "folder" / "a.yaml")
    (tmp_path / name).chmod(0)
    with pytest.raises(StartError, match=r"cannot be read \(Permission denied\)"):
        folder.check([str(tmp_path / name)])
    (tmp_path / name).chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.yaml", tmp_path / "b" / "c.yaml")
    (tmp_path / "b").chmod(0)
    seen = look([str(tmp_path)])
    assert list(seen.files) == [str(tmp_path / "a.yaml")]
    assert seen.unseen == {str(tmp_path / "b"): "Permission denied"}
    (tmp_path / "b").chmod(0o700)
