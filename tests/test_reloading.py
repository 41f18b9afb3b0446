"""Files that change, and a server that goes over to what they say."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec

import dns.asyncquery
import dns.message
import pytest

from kdns.app import App
from kdns.corefile.disk import Disk, Local, Memory
from kdns.corefile.parser import Corefile, load
from kdns.plan import plan, plan_after
from kdns.reloading import Noted, Reloader, Source
from tests.processes import taken
from tests.warp import WarpLoop, warp

P = ParamSpec("P")
HERE = "127.0.0.1"


def warped(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run it on a loop whose clock jumps."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)

        with asyncio.Runner(loop_factory=WarpLoop) as runner:
            runner.run(whole())

    return run


def corefile(version: int, more: str = "") -> str:
    return f".:0 {{\n bind {HERE}\n reload 10s 0s\n hosts /dev/null {{\n  10.0.0.{version} x.test\n }}\n{more}\n}}\n"


def noted(path: Path) -> tuple[str, Corefile]:
    disk = Noted(Local())
    read = load(str(path), disk=disk)
    return disk.sum(), read


class Served:
    """A server of the Corefile in a folder."""

    def __init__(self, folder: Path, app: App, reloader: Reloader, asked: asyncio.Event) -> None:
        self.file = folder / "Corefile"
        self.app = app
        self.reloader = reloader
        self.asked = asked

    async def version(self) -> int:
        """That of the answers."""
        (address,) = self.app.addresses.values()
        reply = await dns.asyncquery.udp(dns.message.make_query("x.test", "A"), HERE, port=address[1], timeout=60)
        return int(reply.answer[0][0].to_text().split(".")[-1])

    def metric(self, name: str, **labels: str) -> float | None:
        return self.app.plan.build.metrics.registry.get_sample_value(name, labels)

    def failed(self) -> float | None:
        return self.metric("coredns_reload_failed_total")

    def hashes(self) -> list[str]:
        """Those that are shown as being served."""
        (family,) = self.app.plan.build.metrics.reload_version.collect()
        assert {(sample.labels["hash"], sample.value) for sample in family.samples} <= {("sha512", 1.0)}
        return [sample.labels["value"] for sample in family.samples]


@asynccontextmanager
async def serving(folder: Path, text: str, *, of: Callable[[Disk], Corefile] | None = None) -> AsyncIterator[Served]:
    """With its reloader at work, every ten seconds."""
    (folder / "Corefile").write_text(text)
    served, read = noted(folder / "Corefile")
    app, asked = App(plan(read, warp().time, lambda: 0.0)), asyncio.Event()
    source = Source(of or (lambda disk: load(str(folder / "Corefile"), disk=disk)), Local())
    reloader = Reloader(app, source, served, asked)
    await app.start()
    task = asyncio.create_task(reloader.run())
    try:
        yield Served(folder, app, reloader, asked)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await app.unload()


@warped
async def test_a_change_is_served_at_the_next_look(tmp_path: Path) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        for version in (2, 3, 4):
            served.file.write_text(corefile(version))
            assert await served.version() == version - 1
            await asyncio.sleep(12)
            assert await served.version() == version
        assert served.failed() == 0


@warped
async def test_what_is_the_same_is_left_alone(tmp_path: Path) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        before = served.app.plan
        served.file.write_text(corefile(1))
        await asyncio.sleep(100)
        assert served.app.plan is before
        assert served.hashes() == [noted(served.file)[0]]


@warped
async def test_it_is_looked_at_as_often_as_the_corefile_says_that_is_served(tmp_path: Path) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        served.file.write_text(corefile(2).replace("10s 0s", "1h 0s"))
        await asyncio.sleep(12)
        served.file.write_text(corefile(3))
        await asyncio.sleep(3500)
        assert await served.version() == 2
        await asyncio.sleep(101)
        assert await served.version() == 3
        served.file.write_text(corefile(4).replace("reload 10s 0s", ""))
        await asyncio.sleep(12)
        assert await served.version() == 4
        served.file.write_text(corefile(5))
        await asyncio.sleep(10_000)
        assert await served.version() == 4


@warped
async def test_whoever_asks_has_it_read_at_once(tmp_path: Path) -> None:
    """With *reload* or without, time after time; and then it is looked at as ever."""
    async with serving(tmp_path, corefile(1).replace("reload 10s 0s", "")) as served:
        for version in (2, 3):
            served.file.write_text(corefile(version).replace("reload 10s 0s", ""))
            served.asked.set()
            await asyncio.sleep(1)
            assert await served.version() == version
        served.file.write_text(corefile(4))
        served.asked.set()
        await asyncio.sleep(1)
        served.file.write_text(corefile(5))
        await asyncio.sleep(12)
        assert await served.version() == 5


@warped
async def test_whoever_asks_has_everything_made_anew_even_if_it_is_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        before = served.app.plan
        served.asked.set()
        await asyncio.sleep(1)
        assert served.app.plan is not before
        assert await served.version() == 1


BROKEN = [
    pytest.param("garbage {", r"Corefile:1: .*'}' is missing", id="not a Corefile"),
    pytest.param(corefile(2, "  nonsense"), "'nonsense' is no plugin", id="no plugin"),
    pytest.param(corefile(2, " ready 1 2\n health 1 2"), "'ready' takes 1 argument.*; .*'health' takes", id="mistakes"),
    pytest.param("", "there is no server block in it any more", id="empty"),
    pytest.param("# all gone\n", "there is no server block in it any more", id="a comment"),
    pytest.param(corefile(2) + "import gone\n", "there is no snippet and no file 'gone'", id="a missing import"),
    pytest.param(None, "the Corefile cannot be read: No such file or directory", id="no file"),
    pytest.param(b"\xff\xfe", "the Corefile is not UTF-8", id="not text"),
]


@pytest.mark.parametrize(("text", "error"), BROKEN)
@warped
async def test_a_broken_one_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str | bytes | None, error: str
) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        before, hashes = served.app.plan, [noted(served.file)[0]]
        if text is None:
            served.file.unlink()
        else:
            served.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        await asyncio.sleep(100)
        assert await served.version() == 1
        assert served.app.plan is before
        assert served.hashes() == hashes
        assert served.failed() == 1
        (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.name == "kdns.plugin.reload"
        text_of = record.getMessage()
        assert text_of.startswith("the Corefile has changed and cannot be served, so the former one still is: ")
        assert "\n" not in text_of
        assert re.search(error, text_of)
        served.file.write_text(corefile(3))
        await asyncio.sleep(12)
        assert await served.version() == 3
        assert served.failed() == 1


@warped
async def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        await asyncio.sleep(9.9)
        for size in range(0, len(corefile(2)), 10):
            served.file.write_text(corefile(2)[:size])
            await asyncio.sleep(0.17)  # never together with a look
        assert await served.version() == 1
        served.file.write_text(corefile(2))
        await asyncio.sleep(2)
        assert await served.version() == 2
        assert served.failed() == 0


@warped
async def test_another_mistake_is_told_too_and_so_is_the_same_to_whoever_asks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        for failures, text in enumerate(("one {", "other {", "one {"), start=1):
            served.file.write_text(text)
            await asyncio.sleep(33)
            assert served.failed() == failures
        served.asked.set()
        await asyncio.sleep(1)
        assert served.failed() == 4
        served.file.write_text(corefile(1))
        await asyncio.sleep(12)
        assert served.failed() == 4
        served.file.write_text("one {")
        await asyncio.sleep(12)
        assert served.failed() == 5
        assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 5


@warped
async def test_one_that_cannot_be_started_changes_nothing_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(tmp_path, corefile(1)) as served:
        with taken() as port:
            served.file.write_text(corefile(2, f" nonsense {HERE}\n prometheus {HERE}:{port}"))
            await asyncio.sleep(50)
            served.file.write_text(corefile(2, f" prometheus {HERE}:{port}\n log {{$NOT_SET}}"))
            await asyncio.sleep(50)
            assert await served.version() == 1
            assert served.failed() == 2
            messages = [record.getMessage() for record in caplog.records]
            assert len([text for text in messages if f"{port} (prometheus) is in use" in text]) == 1
            assert messages.count("Reloading") == 2
            assert len([text for text in messages if "NOT_SET" in text]) == 1
        await asyncio.sleep(12)
        assert await served.version() == 2
        assert served.failed() == 2


@warped
async def test_a_file_that_a_plugin_needs_may_come_later(tmp_path: Path) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        served.file.write_text(corefile(2, f" autopath {tmp_path / 'resolv.conf'}"))
        await asyncio.sleep(50)
        assert await served.version() == 1
        (tmp_path / "resolv.conf").write_text("search example.org\n")
        await asyncio.sleep(12)
        assert await served.version() == 2
        assert served.failed() == 1


@warped
async def test_a_defect_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        with monkeypatch.context() as broken:
            broken.setattr("kdns.plugins.hosts.setup", lambda *_: 1 / 0)
            served.file.write_text(corefile(2))
            await asyncio.sleep(33)
            assert await served.version() == 1
            assert served.failed() == 1
        served.file.write_text(corefile(3))
        await asyncio.sleep(12)
        assert await served.version() == 3


@warped
async def test_files_that_are_imported_count(tmp_path: Path) -> None:
    """Changed ones, those that come to match a glob, and those that go."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (tmp_path / "one").write_text("hosts /dev/null {\n 10.0.0.1 x.test\n}\n")
    text = f".:0 {{\n bind {HERE}\n reload 10s 0s\n import one\n}}\nimport conf.d/*\n"
    async with serving(tmp_path, text) as served:
        (tmp_path / "one").write_text("hosts /dev/null {\n 10.0.0.2 x.test\n}\n")
        await asyncio.sleep(12)
        assert await served.version() == 2
        (folder / "more").write_text(f"more.test:0 {{\n bind {HERE}\n whoami\n}}\n")
        await asyncio.sleep(12)
        (router,) = served.app.plan.routers.values()
        assert len(router.zones) == 2
        (folder / "more").unlink()
        await asyncio.sleep(12)
        (router,) = served.app.plan.routers.values()
        assert len(router.zones) == 1


@warped
async def test_a_configmap_that_is_exchanged_is_noticed(tmp_path: Path) -> None:
    """The kubelet: files are links into `..data`, itself a link that is replaced."""
    for version in (1, 2):
        (tmp_path / f"..{version}").mkdir()
        (tmp_path / f"..{version}" / "Corefile").write_text(corefile(version))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "..data").symlink_to(tmp_path / "..1")
    (mounted / "Corefile").symlink_to("..data/Corefile")
    file = mounted / "Corefile"
    async with serving(tmp_path, corefile(1), of=lambda disk: load(str(file), disk=disk)) as served:
        served.asked.set()
        await asyncio.sleep(1)
        (mounted / "..data_tmp").symlink_to(tmp_path / "..2")
        (mounted / "..data_tmp").rename(mounted / "..data")
        await asyncio.sleep(12)
        assert await served.version() == 2


@warped
async def test_what_is_served_is_shown_by_its_sum(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "kdns"):
        async with serving(tmp_path, corefile(1)) as served:
            await asyncio.sleep(1)
            first = noted(served.file)[0]
            assert served.hashes() == [first]
            served.file.write_text(corefile(2))
            await asyncio.sleep(12)
            second = noted(served.file)[0]
            assert served.hashes() == [second]
    assert caplog.messages == [
        f"Running configuration SHA512 = {first}",
        "Reloading",
        f"Running configuration SHA512 = {second}",
        "Reloading complete",
    ]


@warped
async def test_warnings_of_the_new_one_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(tmp_path, corefile(1)) as served:
        served.file.write_text("import none/*\n" + corefile(2, ' log . "{odd}"'))
        await asyncio.sleep(12)
        warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert [warning.split(": ")[0].rsplit("/", 1)[-1] for warning in warnings if "Corefile" in warning] == [
            "Corefile:1",
            "Corefile:8",
        ]


@warped
async def test_what_cannot_be_read_again_goes_on_as_it_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "Corefile").write_text(corefile(1))
    _, read = noted(tmp_path / "Corefile")
    app, asked = App(plan(read, warp().time, lambda: 0.0)), asyncio.Event()
    await app.start()
    task = asyncio.create_task(Reloader(app, None, "", asked).run())
    await asyncio.sleep(100)
    assert caplog.messages == []
    asked.set()
    await asyncio.sleep(1)
    assert caplog.messages == ["the Corefile cannot be read again: it goes on as it is"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await app.unload()


@warped
async def test_a_change_that_is_given_up_leaves_the_former_one(tmp_path: Path) -> None:
    """The process is told to stop while a new cluster is waited for."""
    async with serving(tmp_path, corefile(1)) as served:
        waiting = asyncio.Event()

        class Slow:
            async def start(self) -> None:
                waiting.set()
                await asyncio.Future()

            async def stop(self) -> None:
                waiting.clear()

        made = plan_after(noted(served.file)[1], served.app.plan)
        made.build.parts.append(Slow())
        changing = asyncio.create_task(served.app.change(made))
        await waiting.wait()
        changing.cancel()
        await asyncio.gather(changing, return_exceptions=True)
        assert not waiting.is_set()
        assert await served.version() == 1


def test_the_sum_is_over_every_file_with_its_path() -> None:
    def total(files: dict[str, str]) -> str:
        disk = Noted(Memory(files))
        for path in files:
            disk.read(path)
        return disk.sum()

    expected = hashlib.sha512(b"a\x003\0oneb\x003\0two").hexdigest()
    assert total({"a": "one", "b": "two"}) == expected
    others = [{"a": "onet", "b": "wo"}, {"a": "one"}, {"c": "one", "b": "two"}, {"b": "two", "a": "one"}]
    assert expected not in {total(other) for other in others}
    assert total({}) == ""


def test_a_file_that_cannot_be_read_is_part_of_the_sum() -> None:
    disk = Noted(Memory({"a": "x"}))
    disk.read("a")
    before = disk.sum()
    with pytest.raises(FileNotFoundError):
        disk.read("b")
    assert disk.sum() != before
