"""The keeper alone, where disks fail. What it is for: test_saved_start.py."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import pytest

from kdns.kube import statefile
from kdns.kube.live import keeper as keeping
from kdns.kube.live.keeper import Keeper, covers
from kdns.kube.live.resources import Resource, resource
from kdns.kube.live.timing import Timing
from kdns.kube.objects import Kind, Namespace, Ref
from kdns.kube.store import Store
from kdns.metrics import Metrics
from tests.kube.known import SHOP, endpoint, service, slice_of, store_of

SETTINGS = "0" * 32


def keeper_of(store: Store, file: object, *, serving: bool = True, metrics: Metrics | None = None) -> Keeper:
    loop = asyncio.get_running_loop()
    timing = Timing(loop.time, lambda: 1_700_000_000.0, asyncio.sleep, Random(1))
    file = str(file or "")
    return Keeper(file, lambda: SETTINGS, store, metrics or Metrics(), timing, serving=lambda: serving, age=lambda: 0.0)


def shop() -> Store:
    return store_of(SHOP, service("web", "10.96.0.1"), slice_of(endpoint("10.244.0.1")))


async def loaded(file: object) -> Store:
    """What a start finds in a file."""
    store = store_of()
    await keeper_of(store, file).load()
    return store


async def test_without_a_file_nothing_happens(tmp_path: Path) -> None:
    metrics, store = Metrics(), shop()
    keeper = keeper_of(store, None, metrics=metrics)
    await keeper.load()
    await keeper.run()
    await keeper.close(known=True)
    keeper.settle([])
    assert (keeper.answering, keeper.stale(), keeper.describe(), keeper.age()) == (False, "", "", 0.0)
    assert len(store.objects) == 3


async def test_a_disk_that_fails_is_told_once_and_tried_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, metrics = tmp_path / "later", Metrics()
    file = folder / "kdns.state"
    keeper = keeper_of(shop(), file, metrics=metrics)
    with caplog.at_level(logging.INFO, "kdns"):
        writing = asyncio.create_task(keeper.run())
        await asyncio.sleep(keeping.EVERY * 3.5)
        assert caplog.messages == [f"{file}: the state cannot be saved: No such file or directory; trying again"]
        assert metrics.registry.get_sample_value("kdns_kubernetes_state_failures_total") == 4
        made(folder)
        await asyncio.sleep(keeping.EVERY)
        assert caplog.messages[1:] == [f"{file}: saved again"]
    assert len((await loaded(file)).objects) == 3
    writing.cancel()


def made(folder: Path) -> None:
    folder.mkdir()


async def test_a_write_that_is_under_way_at_the_end_is_not_overtaken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    write = statefile.write

    def slow(path: str, pieces: Iterable[bytes]) -> None:
        began.set()
        assert go_on.wait(10)
        write(path, pieces)

    monkeypatch.setattr(statefile, "write", slow)
    file, store = tmp_path / "kdns.state", shop()
    keeper = keeper_of(store, file)
    writing = asyncio.create_task(keeper.run())
    await asyncio.to_thread(began.wait, 10)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    store.update([Namespace("new")])
    ending = asyncio.create_task(keeper.close(known=True))
    await asyncio.sleep(0)
    go_on.set()
    await ending
    assert set((await loaded(file)).objects) == set(store.objects)


def test_a_disk_that_does_not_answer_does_not_keep_the_process_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a loop of its own, since time does not jump while a thread works."""
    go_on = threading.Event()
    monkeypatch.setattr(statefile, "write", lambda *_: go_on.wait(10))
    monkeypatch.setattr(keeping, "_AT_THE_END", 0.01)

    async def ends() -> None:
        try:
            await keeper_of(shop(), tmp_path / "kdns.state").close(known=True)
        finally:
            go_on.set()

    asyncio.run(ends())
    assert caplog.messages == [f"{tmp_path}/kdns.state: the disk does not answer; the state is not saved"]


async def test_nothing_is_saved_at_the_end_if_not_everything_was_known(tmp_path: Path) -> None:
    await keeper_of(shop(), tmp_path / "kdns.state").close(known=False)
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240


async def test_a_load_begins_by_deleting_what_nobody_finished(tmp_path: Path) -> None:
    old = tmp_path / ".kdns.state.abc"
    touched(old)
    await keeper_of(store_of(), tmp_path / "kdns.state", serving=False).load()
    assert there(old)
    await keeper_of(store_of(), tmp_path / "kdns.state").load()
    assert not there(old)


def touched(file: Path) -> None:
    """A file of long ago."""
    file.touch()
    os.utime(file, (1_000_000_000, 1_000_000_000))


def there(file: Path) -> bool:
    return file.exists()


@pytest.mark.parametrize("spoiled", [False, True], ids=["whole", "spoiled"])
async def test_garbage_is_collected_again_after_a_load(tmp_path: Path, spoiled: bool) -> None:
    file = tmp_path / "kdns.state"
    await keeper_of(shop(), file).close(known=True)
    if spoiled:
        statefile.write(str(file), [b"no state"])
    assert gc.isenabled()
    assert len((await loaded(file)).objects) == (0 if spoiled else 3)
    assert gc.isenabled()


async def test_what_was_loaded_is_known_by_its_resource(tmp_path: Path) -> None:
    file = tmp_path / "kdns.state"
    other = service("web", "10.96.0.2", namespace="other")
    await keeper_of(store_of(SHOP, Namespace("other"), service("web", "10.96.0.1"), other), file).close(known=True)
    keeper = keeper_of(store_of(), file)
    await keeper.load()

    def names(kind: Kind, namespace: str = "", **query: str) -> list[tuple[str, str]]:
        return [(ref.namespace, ref.name) for ref in keeper.refs(resource(kind, namespace, **query))]

    assert names(Kind.SERVICE) == [("shop", "web"), ("other", "web")]
    assert names(Kind.SERVICE, "other") == [("other", "web")]
    assert names(Kind.NAMESPACE) == [("", "shop"), ("", "other")]
    assert names(Kind.NAMESPACE, fieldSelector="metadata.name=shop") == [("", "shop")]
    assert names(Kind.POD) == []


SERVICE = Ref(Kind.SERVICE, "shop", "web")
NAMESPACE = Ref(Kind.NAMESPACE, "", "shop")
COVERED: list[tuple[Callable[[], Resource], Ref, bool]] = [
    (lambda: resource(Kind.SERVICE), SERVICE, True),
    (lambda: resource(Kind.SERVICE, "shop"), SERVICE, True),
    (lambda: resource(Kind.SERVICE, "other"), SERVICE, False),
    (lambda: resource(Kind.SLICE, "shop"), SERVICE, False),
    (lambda: resource(Kind.SERVICE, labelSelector="a=b"), SERVICE, True),
    (lambda: resource(Kind.POD, fieldSelector="status.phase!=Failed"), Ref(Kind.POD, "shop", "web-0"), True),
    (lambda: resource(Kind.NAMESPACE), NAMESPACE, True),
    (lambda: resource(Kind.NAMESPACE, fieldSelector="metadata.name=shop"), NAMESPACE, True),
    (lambda: resource(Kind.NAMESPACE, fieldSelector="metadata.name=other"), NAMESPACE, False),
]


@pytest.mark.parametrize(("made_of", "ref", "is_covered"), COVERED)
def test_a_resource_covers_its_objects(made_of: Callable[[], Resource], ref: Ref, is_covered: bool) -> None:
    assert covers(made_of(), ref) is is_covered
