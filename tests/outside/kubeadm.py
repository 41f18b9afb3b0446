"""kubeadm's Corefile, served on loopback for clients of all kinds: the cluster of `world`, and Knot for the rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.outside.knot import knot
from tests.outside.stock import KUBEADM, on_loopback
from tests.outside.world import manifests
from tests.processes import serving


@pytest.fixture(scope="module")
def kdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Its port on 127.0.0.1."""
    folder = tmp_path_factory.mktemp("kubeadm")
    with knot(folder / "knot") as upstream:
        file = folder / "Corefile"
        file.write_text(on_loopback(KUBEADM, [upstream.text]))
        with serving("-conf", str(file), *manifests(folder)) as server:
            yield server.address()[1]
