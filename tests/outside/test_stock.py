"""The stock Corefiles, checked and served: the cluster's names from manifests, all others from Knot.

Once as they are, each on a host of its own; once on loopback, with ports and addresses that can be had there.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.outside.asking import asking
from tests.outside.hosts import POD, Host
from tests.outside.knot import Knot, upstream
from tests.outside.kubeadm import two
from tests.outside.stock import CHART, KUBE_DNS, KUBEADM, LOCAL, node_local, on_loopback
from tests.outside.world import CLUSTER, OUTSIDE, check, manifests
from tests.processes import Server, free_port, run, serving

__all__ = ["two", "upstream"]

CLUSTERS = {"kubeadm": KUBEADM, "the chart": CHART}
every_cluster = pytest.mark.parametrize("name", CLUSTERS)


@contextmanager
def started(text: str, folder: Path, *flags: str, host: Host | None = None) -> Iterator[Server]:
    """A kdns that serves a Corefile, in which `kdns check` finds nothing wrong."""
    file = folder / "Corefile"
    file.write_text(text)
    through = host.through if host else ()
    checked = run("check", "-conf", str(file), *flags, through=through)
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith(f"{file}: fine, ")
    with serving("-conf", str(file), *flags, through=through) as server:
        server.address()
        yield server


def status(host: Host, address: str, port: int, path: str) -> bytes:
    """The status line of a page."""
    with host.socket(socket.SOCK_STREAM) as client:
        client.connect((address, port))
        client.sendall(f"GET /{path} HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
        return client.makefile("rb").readline().split()[1]


@every_cluster
def test_a_cluster_s_corefile_is_served_as_it_is(two: tuple[Host, Host], tmp_path: Path, name: str) -> None:
    node, pod = two
    with started(CLUSTERS[name], tmp_path, *manifests(tmp_path), host=pod):
        check(asking(POD, host=node), CLUSTER | OUTSIDE)
        for port, path in ((8080, "health"), (8181, "ready"), (9153, "metrics")):
            assert status(node, POD, port, path) == b"200"


@pytest.mark.parametrize(
    "ipvs", [pytest.param(False, id="iptables"), pytest.param(True, id="ipvs", marks=pytest.mark.e2e)]
)
def test_nodelocal_dnscache_s_corefile_is_served_as_it_is(two: tuple[Host, Host], tmp_path: Path, ipvs: bool) -> None:
    """In front of kubeadm's."""
    node, pod = two
    (tmp_path / "node").mkdir()
    with (
        started(KUBEADM, tmp_path, *manifests(tmp_path), host=pod),
        started(node_local(POD, ipvs=ipvs), tmp_path / "node", host=node),
    ):
        for address in [LOCAL] if ipvs else [LOCAL, KUBE_DNS]:
            check(asking(address, host=node), CLUSTER | OUTSIDE)
        if ipvs:
            with pytest.raises(ConnectionRefusedError):
                asking(KUBE_DNS, host=node)("www.example.org", "A", True)
        assert status(node, LOCAL, 8080, "health") == b"200"


@pytest.mark.e2e
@every_cluster
def test_a_cluster_s_corefile_is_served_on_loopback(upstream: Knot, tmp_path: Path, name: str) -> None:
    text = on_loopback(CLUSTERS[name], [upstream.text])
    with started(text, tmp_path, *manifests(tmp_path)) as server:
        check(asking(*server.address()), CLUSTER | OUTSIDE)


@pytest.mark.e2e
def test_nodelocal_dnscache_s_corefile_is_served_on_loopback(upstream: Knot, tmp_path: Path) -> None:
    (tmp_path / "node").mkdir()
    port = free_port()
    with started(on_loopback(KUBEADM, [upstream.text]), tmp_path, *manifests(tmp_path)) as behind:
        cluster_dns = f"127.0.0.1:{behind.address()[1]}"
        with started(on_loopback(node_local(cluster_dns), [upstream.text], port), tmp_path / "node"):
            for address in ("127.0.0.1", "127.0.0.2"):
                check(asking(address, port), CLUSTER | OUTSIDE)
