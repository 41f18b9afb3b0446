"""Folders of manifests that change, break, vanish and come back."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.kube.objects import Endpoints, Kind, Ref, Service
from tests.kube.files.manifest_folder import (
    API,
    BROKEN,
    DB,
    WEB,
    Folder,
    documents,
    endpoints,
    service,
)

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_what_is_renamed_to_its_place_is_served_at_once(folder: Folder) -> None:
    folder.write("a.yaml", service("web", "10.96.0.10"))
    await folder.poll()
    folder.replace("a.yaml", documents(service("web", "10.96.0.11"), service("api")))
    assert await folder.poll() == {WEB, API}
    web = folder.sink.objects[Ref(Kind.SERVICE, "shop", "web")]
    assert isinstance(web, Service)
    assert web.addresses == (bytes([10, 96, 0, 11]),)
    assert folder.sink.calls == 2


async def test_what_is_written_in_place_waits_for_the_second_look(folder: Folder) -> None:
    folder.write("a.yaml", service("web", "10.96.0.10"))
    await folder.poll()
    folder.write("a.yaml", documents(service("web", "10.96.0.11"), service("api")))
    folder.write("b.yaml", service("db"))
    assert await folder.poll() == {WEB}
    assert folder.sink.calls == 1
    assert await folder.poll() == {WEB, API, DB}
    web = folder.sink.objects[Ref(Kind.SERVICE, "shop", "web")]
    assert isinstance(web, Service)
    assert web.addresses == (bytes([10, 96, 0, 11]),)
    assert folder.sink.calls == 2


@pytest.mark.parametrize("content", [service("web"), "", "# nothing\n", None])
async def test_a_removal_waits_for_the_second_look(folder: Folder, content: str | None) -> None:
    file = folder.write("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    if content is None:
        file.unlink()
    else:
        folder.write("a.yaml", content)
    assert await folder.poll() == {WEB, API}
    assert await folder.poll() == ({WEB} if content and "web" in content else set())


async def test_a_file_that_goes_on_growing_is_believed_when_it_rests(folder: Folder) -> None:
    folder.write("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    for content in ("", "---\n", documents(service("web")), documents(service("web"), "kind: [")):
        folder.write("a.yaml", content)
        assert await folder.poll() == {WEB, API}
    folder.write("a.yaml", documents(service("web"), service("api"), service("db")))
    assert await folder.poll(2) == {WEB, API, DB}


async def test_a_file_that_is_deleted_and_written_anew_is_never_missed(folder: Folder) -> None:
    file = folder.write("a.yaml", service("web"))
    await folder.poll()
    file.unlink()
    await folder.poll()
    folder.write("a.yaml", service("web"))
    await folder.poll(3)
    assert folder.sink.names == {WEB}
    assert folder.sink.calls == 1


async def test_a_cut_text_takes_no_addresses_away(folder: Folder) -> None:
    folder.write("a.yaml", endpoints("web", "10.0.0.1", "10.0.0.2"))
    await folder.poll()
    folder.write("a.yaml", endpoints("web", "10.0.0.1"))
    await folder.poll()
    assert folder.sink.calls == 1
    await folder.poll()
    web = folder.sink.objects[Ref(Kind.ENDPOINTS, "shop", "web")]
    assert isinstance(web, Endpoints)
    assert len(web.endpoints) == 1


async def test_a_dump_that_is_renamed_to_its_place_all_the_time_is_believed(folder: Folder) -> None:
    folder.replace("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    for _ in range(2):
        folder.replace("a.yaml", documents(service("web")))
        await folder.poll()
    assert folder.sink.names == {WEB}


async def test_an_edit_that_keeps_size_and_time_is_seen(folder: Folder) -> None:
    file = folder.write("a.yaml", service("web", "10.96.0.10"))
    await folder.poll()
    before = file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # the file system's clock has coarse ticks
        file.write_text(service("web", "10.96.0.11"))
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    await folder.poll(2)
    web = folder.sink.objects[Ref(Kind.SERVICE, "shop", "web")]
    assert isinstance(web, Service)
    assert web.addresses == (bytes([10, 96, 0, 11]),)


OLD = documents(service("web", "None"), endpoints("web", "10.0.0.1", "10.0.0.12"))
CHANGES = st.sampled_from(
    [
        documents("kind: ConfigMap\n", service("web", "None"), endpoints("web", "10.0.0.1", "10.0.0.12")),
        documents(service("api"), service("web", "None"), endpoints("web", "10.0.0.12", "10.0.0.123", "10.0.0.1")),
        documents(service("web", "10.96.0.1"), endpoints("web", "10.0.0.1"), endpoints("web", "10.0.0.7")),
        "# a comment on top\n" + OLD.rstrip(),
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([OLD, OLD.rstrip()]), CHANGES, st.data())
def test_a_file_that_is_cut_anywhere_while_it_is_written_is_never_served(
    old: str, new: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(new)))

    async def run() -> None:
        with tempfile.TemporaryDirectory() as path:
            folder = Folder(Path(path))
            folder.write("a.yaml", old)
            await folder.poll()
            before = dict(folder.sink.objects)
            for content in (new[:cut], new):
                folder.write("a.yaml", content)
                await folder.poll()
                if content != new:
                    assert folder.sink.objects == before
            await folder.poll(2)
            finished = Folder(Path(path))
            await finished.poll()
            assert folder.sink.objects == finished.sink.objects

    asyncio.run(run())


async def test_a_text_without_its_last_line_end_waits(folder: Folder) -> None:
    folder.write("a.yaml", endpoints("web", "10.0.0.1"))
    await folder.poll()
    folder.write("a.yaml", endpoints("web", "10.0.0.1", "10.0.0.2", "10.0.0.3").rstrip())
    await folder.poll()
    assert folder.sink.calls == 1
    await folder.poll()
    assert folder.sink.calls == 2


async def test_an_object_may_move_from_file_to_file(folder: Folder) -> None:
    folder.write("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    folder.write("a.yaml", documents(service("web")))
    folder.write("b.yaml", documents(service("api")))
    await folder.poll(2)
    assert folder.sink.names == {WEB, API}
    assert folder.sink.calls == 1
    assert folder.manifests.problems == ()


# Errors


async def test_the_first_load_serves_the_good_documents_of_a_broken_file(folder: Folder) -> None:
    folder.write("a.yaml", documents(service("web"), BROKEN, service("api")))
    assert await folder.poll() == {WEB, API}
    assert [error.split(": ")[0] for error in folder.errors] == ["a.yaml:2:4"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(BROKEN, "a.yaml:1:1: no YAML", id="syntax"),
        pytest.param(service("web").replace("80", '"x"'), "a.yaml:1:1: Service shop/web: spec.ports", id="shape"),
        pytest.param(b"kind: Pod\n\xff\n", "a.yaml:1:2: no UTF-8", id="no text"),
        pytest.param(b" " * (64 * 2**20 + 1), "a.yaml:1:1: larger than 64 MiB", id="too large"),
    ],
)
async def test_a_broken_file_keeps_its_objects(folder: Folder, content: str | bytes, error: str) -> None:
    folder.write("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    folder.write("a.yaml", content)
    folder.write("b.yaml", service("db"))
    await folder.poll()
    for _ in range(3):
        assert await folder.poll() == {WEB, API, DB}
        assert [each.startswith(error) for each in folder.errors] == [True]
        assert folder.gauge("a.yaml") == 1
    folder.write("a.yaml", service("web"))
    await folder.poll()
    assert folder.errors == []
    assert folder.gauge("a.yaml") is None
    assert await folder.poll() == {WEB, DB}


async def test_the_good_documents_of_a_broken_file_replace_and_add(folder: Folder) -> None:
    folder.write("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    folder.write("a.yaml", documents(service("web", "10.96.9.9"), service("db"), BROKEN))
    assert await folder.poll(2) == {WEB, API, DB}
    web = folder.sink.objects[Ref(Kind.SERVICE, "shop", "web")]
    assert isinstance(web, Service)
    assert web.addresses == (bytes([10, 96, 9, 9]),)


async def test_a_broken_file_is_logged_once_and_so_is_its_end(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "kdns.plugin.kubernetes")
    file = folder.write("a.yaml", BROKEN)
    await folder.poll(3)
    folder.write("a.yaml", BROKEN)
    await folder.poll(3)
    folder.write("a.yaml", service("web"))
    await folder.poll(3)
    lines = [each.getMessage() for each in caplog.records if each.name == "kdns.plugin.kubernetes"]
    assert len(lines) == 2
    assert lines[0].startswith(f"{file}:1:1: no YAML")
    assert lines[1] == f"{file}: no errors any more"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_file_without_permission_keeps_its_objects(folder: Folder) -> None:
    folder.write("b.yaml", service("api"))
    file = folder.write("a.yaml", service("web"))
    await folder.poll()
    folder.write("a.yaml", service("db")).chmod(0)
    assert await folder.poll(3) == {WEB, API}
    assert folder.errors == ["a.yaml:1:1: Permission denied: let this user read it, or take it out"]
    file.chmod(0o600)
    assert await folder.poll(2) == {DB, API}
    assert folder.errors == []


@LINUX
async def test_a_file_that_cannot_be_read_costs_no_other(folder: Folder) -> None:
    link = folder.path / "a.yaml"
    link.symlink_to("/proc/self/mem")
    folder.write("b.yaml", service("web"))
    assert await folder.poll(2) == {WEB}
    assert folder.errors == ["a.yaml:1:1: Input/output error"]
    link.unlink()
    folder.write("a.yaml", service("api"))
    assert await folder.poll(2) == {WEB, API}
    assert folder.errors == []


async def test_a_file_that_cannot_be_looked_at_keeps_its_objects(folder: Folder) -> None:
    file = folder.write("a.yaml", service("web"))
    await folder.poll()
    file.unlink()
    file.symlink_to(file.name)
    assert await folder.poll(3) == {WEB}
    assert len(folder.errors) == 1
    file.unlink()
    assert await folder.poll(2) == set()
    assert folder.errors == []


async def test_a_folder_that_is_gone_keeps_everything(folder: Folder, tmp_path: Path) -> None:
    path = tmp_path / "manifests"
    folder = Folder(path)
    folder.write("a.yaml", documents(service("web"), service("api")))
    await folder.poll()
    path.rename(tmp_path / "away")
    assert await folder.poll(3) == {WEB, API}
    assert [str(error) for error in folder.manifests.errors] == [
        f"{path}:1:1: the folder is gone: what it held is served on until it is back"
    ]
    path.mkdir()
    assert await folder.poll(3) == {WEB, API}
    assert "another folder is here now and nothing is in it" in str(folder.manifests.errors[0])
    path.rmdir()
    (tmp_path / "away").rename(path)
    assert await folder.poll(3) == {WEB, API}
    assert folder.errors == []
    assert folder.sink.calls == 1


async def test_another_folder_with_files_replaces_the_first(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "manifests")
    folder.write("a.yaml", service("web"))
    await folder.poll()
    (tmp_path / "manifests").rename(tmp_path / "away")
    folder.write("b.yaml", service("api"))
    assert await folder.poll(2) == {API}


async def test_a_folder_that_was_emptied_by_hand_is_empty(folder: Folder) -> None:
    file = folder.write("a.yaml", service("web"))
    await folder.poll()
    file.unlink()
    assert await folder.poll(2) == set()
    assert folder.errors == []


async def test_a_subfolder_may_go(folder: Folder) -> None:
    folder.write("a.yaml", service("web"))
    folder.write("b/c.yaml", service("api"))
    await folder.poll()
    shutil.rmtree(folder.path / "b")
    assert await folder.poll() == {WEB, API}
    assert await folder.poll() == {WEB}


async def test_a_mounted_configmap_is_replaced_as_a_whole(folder: Folder) -> None:
    for version, content in (("..1", service("web")), ("..2", service("api"))):
        folder.write(f"{version}/a.yaml", content)
    data, link = folder.path / "..data", folder.path / "..new"
    data.symlink_to("..1")
    (folder.path / "a.yaml").symlink_to("..data/a.yaml")
    assert await folder.poll() == {WEB}
    link.symlink_to("..2")
    link.rename(data)
    assert await folder.poll(2) == {API}


async def test_paths_may_be_files_and_folders_and_overlap(tmp_path: Path) -> None:
    folder = Folder(tmp_path, paths=[tmp_path / "a", tmp_path / "a" / "b.yaml", tmp_path / "hidden" / ".c"])
    folder.write("a/b.yaml", service("web"))
    folder.write("hidden/.c", service("api"))
    assert await folder.poll() == {WEB, API}
    assert folder.manifests.problems == ()
    (tmp_path / "hidden" / ".c").unlink()
    assert await folder.poll(2) == {WEB}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([service("web"), documents(service("web"), service("api")), "", BROKEN, None])))
def test_whatever_happened_before_the_last_text_counts(contents: list[str | None]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as path:
            folder = Folder(Path(path))
            for content in contents:
                if content is None:
                    (folder.path / "a.yaml").unlink(missing_ok=True)
                else:
                    folder.write("a.yaml", content)
                await folder.poll()
            folder.write("a.yaml", service("last"))
            assert await folder.poll(2) == {"Service shop/last"}
            assert folder.errors == []

    asyncio.run(run())
