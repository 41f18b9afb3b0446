"""kubeadm's Corefile, served for clients of all kinds: the cluster of `world`, and Knot for the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.outside.hosts import NODE, Host, hosts
from tests.outside.knot import knot
from tests.outside.stock import KUBE_DNS, KUBEADM, LOCAL, on_loopback
from tests.outside.world import manifests
from tests.processes import serving


@pytest.fixture(scope="module")
def kdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """On loopback; its port."""
    folder = tmp_path_factory.mktemp("kubeadm")
    with knot(folder / "knot") as upstream:
        file = folder / "Corefile"
        file.write_text(on_loopback(KUBEADM, [upstream.text]))
        with serving("-conf", str(file), *manifests(folder)) as server:
            yield server.address()[1]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, Host]]:
    """A node with Knot as its resolver, and a Pod on it where nothing runs yet."""
    folder = tmp_path_factory.mktemp("hosts")
    with hosts(folder, [LOCAL, KUBE_DNS]) as (node, pod), knot(folder, NODE, 53, host=node):
        yield node, pod


@pytest.fixture(scope="module")
def node(two: tuple[Host, Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """The node, with kdns in the Pod, at port 53."""
    folder = tmp_path_factory.mktemp("kubeadm")
    file = folder / "Corefile"
    file.write_text(KUBEADM)
    with serving("-conf", str(file), *manifests(folder), through=two[1].through) as server:
        server.address()
        yield two[0]
