"""Folders of manifests: what is in them, and their life as a part of the server."""

from __future__ import annotations

import asyncio
import gc
import itertools
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.errors import StartError
from kdns.kube.controllers import Settings
from kdns.kube.document import Origin
from kdns.kube.files.manifests import Manifests
from kdns.kube.objects import Kind, Namespace, Object, Ref, Service
from kdns.kube.selection import Selection
from kdns.kube.selectors import parse_selector
from kdns.kube.store import Store
from kdns.metrics import Metrics
from tests.kube.files.manifest_folder import (
    API,
    OFF,
    WEB,
    Folder,
    Recorder,
    documents,
    endpoints,
    service,
)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


async def test_what_is_in_a_folder_is_served(folder: Folder) -> None:
    folder.write("a.yaml", documents(service("web"), endpoints("web", "10.0.0.1")))
    folder.write("b/c.json", service("api"))
    folder.write("d.txt", service("not-read"))
    assert await folder.poll() == {WEB, API, "Endpoints shop/web"}
    assert folder.sink.objects[Ref(Kind.NAMESPACE, "", "shop")] == Namespace("shop")
    web = folder.sink.objects[Ref(Kind.SERVICE, "shop", "web")]
    assert isinstance(web, Service)
    assert web.addresses == (bytes([10, 96, 0, 10]),)
    assert (folder.manifests.files, folder.manifests.documents) == (2, 3)
    assert (folder.manifests.errors, folder.manifests.problems) == ((), ())


async def test_nothing_changed_tells_the_sink_nothing(folder: Folder) -> None:
    folder.write("a.yaml", service("web"))
    await folder.poll(5)
    folder.write("a.yaml", service("web"))
    await folder.poll(2)
    assert folder.sink.calls == 1


async def test_an_empty_folder_tells_the_sink_nothing(folder: Folder) -> None:
    assert await folder.poll(2) == set()
    assert folder.sink.calls == 0


async def test_what_other_kinds_there_are_is_counted(folder: Folder) -> None:
    folder.write("a.yaml", "kind: ConfigMap\n---\nkind: Secret\n")
    folder.write("b.yaml", "kind: ConfigMap\n")
    await folder.poll()
    assert folder.manifests.passed_over == Counter(ConfigMap=2, Secret=1)


async def test_a_namespace_that_only_other_kinds_mention_exists(folder: Folder) -> None:
    file = str(folder.write("a.yaml", "kind: ConfigMap\nmetadata: {name: x, namespace: only}\n"))
    await folder.poll()
    only = Ref(Kind.NAMESPACE, "", "only")
    assert folder.sink.objects == {only: Namespace("only")}
    assert folder.manifests.origin(only) == Origin(file, 1, 1, "its mention")
    folder.write("a.yaml", "kind: ConfigMap\nmetadata: {name: x}\n")
    await folder.poll(2)
    assert folder.sink.objects == {}


async def test_much_reaches_the_sink_in_portions_between_which_the_loop_goes_on(folder: Folder) -> None:
    folder.write("a.yaml", documents(*(service(f"s{number}", f"10.96.4.{number % 250}") for number in range(1100))))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while folder.sink.calls < 3:
            turns += folder.sink.calls > 0
            await asyncio.sleep(0)

    await asyncio.gather(folder.poll(), others())
    assert len(folder.sink.names) == 1100
    assert folder.sink.calls == 3
    assert turns >= 2


async def test_what_is_known_is_frozen_when_it_has_doubled(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(folder.manifests.documents))
    for count in (0, 1000, 1001, 2002, 2003):
        folder.write("a.yaml", documents(*(service(f"s{number}") for number in range(count))))
        await folder.poll(2)
    assert frozen == [1001, 2003]


async def test_the_sink_hears_on_the_loop(folder: Folder) -> None:
    folder.write("a.yaml", service("web"))
    await folder.poll()
    assert folder.sink.threads == {threading.get_ident()}


async def test_what_is_served_has_an_origin(folder: Folder) -> None:
    file = str(folder.write("a.yaml", documents(service("web"), service("api"))))
    await folder.poll()
    origins = {str(ref): folder.manifests.origin(ref) for ref in folder.sink.objects}
    assert origins == {
        WEB: Origin(file, 1, 2),
        API: Origin(file, 2, 4),
        "Namespace shop": Origin(file, 1, 2, "its mention"),
    }
    assert folder.manifests.origin(Ref(Kind.POD, "shop", "none")) is None


async def test_there_is_no_origin_before_the_first_look(folder: Folder) -> None:
    assert folder.manifests.origin(Ref(Kind.SERVICE, "shop", "web")) is None


async def test_the_control_plane_s_part_is_done(tmp_path: Path) -> None:
    folder = Folder(tmp_path, settings=Settings(service_cidrs=(ip_network("10.5.0.0/24"),)))
    folder.write("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}}\n")
    folder.write("b.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {app: web}}\n")
    await folder.poll()
    web = folder.sink.objects[Ref(Kind.SERVICE, "default", "web")]
    assert isinstance(web, Service)
    assert web.addresses[0][:3] == bytes([10, 5, 0])
    (ref,) = (ref for ref in folder.sink.objects if ref.kind == Kind.SLICE)
    origin = folder.manifests.origin(ref)
    assert origin is not None
    assert origin.made_from == "Service default/web"


async def test_the_selection_is_heeded(tmp_path: Path) -> None:
    selection = Selection(namespaces=frozenset({"prod"}), labels=parse_selector("app=web"))
    folder = Folder(tmp_path, selection=selection)
    folder.write("a.yaml", documents(service("web", app="web"), service("api", app="api")))
    assert await folder.poll() == {WEB}
    assert folder.sink.objects[Ref(Kind.NAMESPACE, "", "shop")] == Namespace("shop", exposed=False)


async def test_problems_are_told(folder: Folder) -> None:
    folder.write("a.yaml", documents(service("web", "10.96.0.1"), service("web", "10.96.0.2")))
    await folder.poll()
    (problem,) = folder.manifests.problems
    assert problem.origin.document == 1
    web = folder.sink.objects[Ref(Kind.SERVICE, "shop", "web")]
    assert isinstance(web, Service)
    assert web.addresses == (bytes([10, 96, 0, 2]),)


# Life


async def test_a_path_that_is_missing_stops_the_start(tmp_path: Path) -> None:
    folder = Folder(tmp_path, paths=[tmp_path / "none"])
    with pytest.raises(StartError, match=r"there is no '.*none': name a file or a folder that exists"):
        await folder.manifests.start()
    await folder.manifests.stop()
    assert folder.sink.calls == 0


class Ticks:
    """Stands in for sleeping: each wait ends when the test says so."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self._asked = asyncio.Event()
        self._go = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._asked.set()
        await self._go.wait()
        self._go.clear()

    async def tick(self) -> None:
        """End one wait, and return when the next begins."""
        await self._asked.wait()
        self._asked.clear()
        self._go.set()
        await self._asked.wait()


def living(folder: Folder, sink: Recorder | None = None) -> tuple[Manifests, Ticks]:
    ticks = Ticks()
    manifests = Manifests(
        folder.paths,
        sink=sink or folder.sink,
        settings=OFF,
        selection=Selection(),
        metrics=Metrics(),
        interval=2.5,
        sleep=ticks,
    )
    return manifests, ticks


async def test_after_the_start_it_looks_at_every_interval(folder: Folder) -> None:
    manifests, ticks = living(folder)
    folder.write("a.yaml", service("web"))
    await manifests.start()
    assert folder.sink.names == {WEB}
    folder.write("b.yaml", service("api"))
    await ticks.tick()
    assert folder.sink.names == {WEB}
    await ticks.tick()
    assert folder.sink.names == {WEB, API}
    await manifests.stop()
    assert ticks.waits == [2.5, 2.5, 2.5]
    assert len(asyncio.all_tasks()) == 1


async def test_a_defect_does_not_end_the_looking(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Recorder):
        broken = False

        def update(self, changed: Iterable[Object], gone: Iterable[Ref]) -> None:
            if self.broken:
                raise RuntimeError("defect")
            super().update(changed, gone)

    sink = Failing()
    manifests, ticks = living(folder, sink)
    folder.write("a.yaml", service("web"))
    await manifests.start()
    sink.broken = True
    folder.write("a.yaml", documents(service("web"), service("api")))
    for _ in range(3):
        await ticks.tick()
    assert [each.getMessage() for each in caplog.records] == ["manifests: looking at them failed"]
    sink.broken = False
    await ticks.tick()
    await manifests.stop()
    assert sink.names == {WEB, API}


async def test_looks_take_turns(folder: Folder) -> None:
    folder.write("a.yaml", service("web"))
    await asyncio.gather(*(folder.manifests.poll() for _ in range(5)))
    assert folder.sink.calls == 1


async def test_a_real_store_is_fed(folder: Folder) -> None:
    store = Store(lambda _: None, lambda: 0.0, Metrics())
    manifests = Manifests(
        folder.paths, sink=store, settings=OFF, selection=Selection(), metrics=Metrics(), interval=1.0
    )
    folder.write("a.yaml", documents(service("web"), endpoints("web", "10.0.0.1", "10.0.0.2")))
    await manifests.poll()
    backed = store.index.services["shop", "web"]
    assert backed.service is not None
    assert len(backed.ready) == 2


# Order


async def _served(files: dict[str, str]) -> dict[Ref, Object]:
    with tempfile.TemporaryDirectory() as path:
        folder = Folder(Path(path), settings=Settings())
        for name, content in files.items():
            folder.write(name, content)
        await folder.poll()
        assert folder.errors == []
        return folder.sink.objects


MANY = [
    *(service(name, f"10.96.0.{place}", app=name) for place, name in enumerate(["web", "api", "db"], 10)),
    *("\n".join(
        (
            "apiVersion: v1",
            f"kind: {kind}",
            f"metadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}",
            f"spec: {{selector: {{app: {name}}}}}\n",
        )
    ) for kind, name in itertools.product(["Service", "Pod"], ["one", "two"])),
    endpoints("web", "10.0.0.1", "10.0.0.2"),
]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.permutations(MANY), st.lists(st.integers(0, 4), min_size=len(MANY), max_size=len(MANY)))
def test_neither_the_files_nor_their_order_matter(texts: list[str], places: list[int]) -> None:
    files: dict[str, str] = {}
    for text, place in zip(texts, places, strict=True):
        name = f"{'abcde'[place]}/{place}.yaml"
        files[name] = documents(files.get(name, "").removeprefix("---\n"), text) if name in files else text
    assert asyncio.run(_served(files)) == asyncio.run(_served({"all.yaml": documents(*MANY)}))
