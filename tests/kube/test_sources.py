"""From what is wanted to a cluster, with what each way needs imported and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kdns.kube.controllers import Settings
from kdns.kube.files.manifests import Manifests
from kdns.kube.live.source import Live
from kdns.kube.selection import Selection
from kdns.kube.sources import Surroundings, cluster
from kdns.kube.wanted import Files, Server
from kdns.metrics import Metrics
from tests.asking import Clock

FILES = Files(paths=("/manifests",), selection=Selection(), controllers=Settings(), poll=1.0)


def around() -> Surroundings:
    return Surroundings(lambda _: None, Metrics(), Clock(), Clock(1_700_000_000.0))


@pytest.mark.parametrize(
    ("wanted", "source", "called"),
    [
        (FILES, Manifests, "/manifests"),
        (Server(), Live, "the cluster's API server"),
        (Server(endpoint="http://h"), Live, "http://h"),
        (Server(kubeconfig=("/c", "x")), Live, "the API server of /c, context x"),
    ],
    ids=["files", "a Pod's server", "an address", "a kubeconfig's"],
)
def test_a_cluster_is_fed_as_wanted(wanted: Files | Server, source: type, called: str) -> None:
    made = cluster(wanted, around(), "Corefile:1")
    assert isinstance(made.source, source)
    assert called in made.source.describe()
    assert made.missing() != "", "nothing is known before the start"
    assert made.index is made.store.index


def test_each_has_a_store_of_its_own() -> None:
    one, other = (cluster(Server(), around(), "") for _ in range(2))
    assert one.store is not other.store


def modules(wanted: str) -> set[str]:
    """What is imported by a process that makes a cluster."""
    script = f"""
import sys
sys.path[:0] = {sys.path!r}
from kdns.kube.controllers import Settings
from kdns.kube.selection import Selection
from kdns.kube.sources import Surroundings, cluster
from kdns.kube.wanted import Files, Server
from kdns.metrics import Metrics
cluster({wanted}, Surroundings(print, Metrics(), float, float), "")
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=Path.home())
    return {name.partition(".")[0] for name in done.stdout.split()} & {"kubernetes_asyncio", "aiohttp", "yaml"}


def test_what_speaks_to_an_api_server_is_imported_only_for_one() -> None:
    files = "Files(paths=('x',), selection=Selection(), controllers=Settings(), poll=1.0)"
    assert modules(files) == {"yaml"}
    assert modules("Server()") == {"aiohttp"}
