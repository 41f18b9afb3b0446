"""A real folder of manifests for tests, and the texts to put into it."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from kdns.kube.controllers import Settings
from kdns.kube.files.manifests import Manifests
from kdns.kube.objects import Kind, Object, Ref
from kdns.kube.selection import Selection
from kdns.metrics import Metrics

OFF = Settings(on=False)
EVERYTHING = Selection()
WEB, API, DB = "Service shop/web", "Service shop/api", "Service shop/db"
BROKEN = "kind: [\n"
_seconds = itertools.count(1_700_000_000)


class Recorder:
    """A sink that holds what it was told, and checks that it was told only what changes something."""

    def __init__(self) -> None:
        self.objects: dict[Ref, Object] = {}
        self.calls = 0
        self.threads: set[int] = set()

    def update(self, changed: Iterable[Object], gone: Iterable[Ref]) -> None:
        changed, gone = list(changed), list(gone)
        assert changed or gone
        assert all(self.objects.get(each.ref) != each for each in changed)
        for ref in gone:
            del self.objects[ref]
        self.objects |= {each.ref: each for each in changed}
        self.calls += 1
        self.threads.add(threading.get_ident())

    @property
    def names(self) -> set[str]:
        """What is held but for Namespaces: `Service shop/web`."""
        return {str(ref) for ref in self.objects if ref.kind != Kind.NAMESPACE}


class Folder:
    """A folder, and Manifests that look at it."""

    def __init__(
        self, path: Path, *, paths: Sequence[Path] = (), settings: Settings = OFF, selection: Selection = EVERYTHING
    ) -> None:
        self.path = path
        self.sink = Recorder()
        self.metrics = Metrics()
        self.paths = [str(each) for each in paths or [path]]
        self.manifests = Manifests(
            self.paths, sink=self.sink, settings=settings, selection=selection, metrics=self.metrics
        )

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file in place, a second later than any before."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        moment = next(_seconds)
        os.utime(file, (moment, moment))
        return file

    def replace(self, name: str, content: str) -> Path:
        """Write a file elsewhere and rename it to its place."""
        return self.write(f".{name}.new", content).rename(self.path / name)

    async def poll(self, times: int = 1) -> set[str]:
        """What is served after so many looks."""
        for _ in range(times):
            await self.manifests.poll()
        return self.sink.names

    @property
    def errors(self) -> list[str]:
        """What cannot be read, with paths in the folder."""
        return [str(error).replace(f"{self.path}/", "") for error in self.manifests.errors]

    def gauge(self, name: str) -> float | None:
        labels = {"file": str(self.path / name)}
        return self.metrics.registry.get_sample_value("kdns_manifest_broken", labels)


def service(name: str, address: str = "10.96.0.10", **labels: str) -> str:
    value = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "labels": labels},
        "spec": {"clusterIP": address, "ports": [{"name": "http", "port": 80}]},
    }
    return json.dumps(value) + "\n"


def documents(*texts: str) -> str:
    return "---\n".join(["", *texts])


def endpoints(name: str, *addresses: str) -> str:
    lines = [f"  - ip: {address}\n" for address in addresses]
    head = f"apiVersion: v1\nkind: Endpoints\nmetadata:\n  name: {name}\n  namespace: shop\n"
    return f"{head}subsets:\n- addresses:\n{''.join(lines)}"
