"""The stock Corefiles in a Pod of a cluster, as they are: kdns finds the API server by its service account."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asking import rcode
from tests.e2e.cluster import ADMIN, ControlPlane
from tests.e2e.objects import endpoint, endpoint_slice, headless, namespace, service
from tests.e2e.process import wait
from tests.e2e.relay import Relay
from tests.outside.asking import Ask, asking
from tests.outside.hosts import POD, Host
from tests.outside.kubeadm import two
from tests.outside.stock import CHART, KUBE_DNS, KUBEADM, LOCAL, node_local
from tests.outside.world import CLUSTER, CROWD, OUTSIDE, check
from tests.processes import PATIENCE, run, serving

__all__ = ["two"]

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

NOT_MADE = ("cart.", "_mysql.", "db.")
"""What no object here is for."""
LIVE = {question: right for question, right in CLUSTER.items() if not question[0].startswith(NOT_MADE)}


@pytest.fixture(scope="module")
def pod(two: tuple[Host, Host], plane: ControlPlane) -> Iterator[Host]:
    """A Pod with the token of a service account, and with objects in the cluster."""
    _, pod = two
    api = plane.api
    api.create(namespace("shop"))
    api.create(
        service("web", "shop", clusterIP="10.96.184.143"), service("kube-dns", "kube-system", clusterIP=KUBE_DNS)
    )
    api.create(headless("crowd", "shop"), endpoint_slice("crowd", "shop", [endpoint(each) for each in CROWD]))
    pod.do("mount", "-t", "tmpfs", "none", "/run")
    pod.do("sh", "-c", f"mkdir -p {ACCOUNT} && echo {ADMIN} > {ACCOUNT}/token && cp {plane.folder}/ca.crt {ACCOUNT}/")
    listener = pod.socket(socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 6443))
    listener.listen(64)
    listener.settimeout(None)
    with Relay(plane.port, listener):
        yield pod


def in_pod(pod: Host) -> list[str]:
    """What runs a program there, with what the kubelet tells it."""
    return [*pod.through, "env", "KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=6443"]


def check_change(plane: ControlPlane, ask: Ask, name: str) -> None:
    """A new Service has its name soon, and one that is gone has none."""
    question = (f"{name}.shop.svc.cluster.local", "A", False)
    plane.api.create(service(name, "shop"))
    wait(lambda: rcode(ask(*question)) == "NOERROR", PATIENCE, "a new Service")
    plane.api.delete("Service", name, "shop")
    wait(lambda: rcode(ask(*question)) == "NXDOMAIN", PATIENCE, "a Service that is gone")


@pytest.mark.parametrize("text", [pytest.param(KUBEADM, id="kubeadm"), pytest.param(CHART, id="chart")])
def test_a_cluster_s_corefile_follows_its_api_server(
    two: tuple[Host, Host], pod: Host, plane: ControlPlane, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "Corefile"
    file.write_text(text)
    checked = run("check", "-conf", str(file), through=in_pod(pod))
    assert (checked.code, checked.err) == (0, "")
    with serving("-conf", str(file), through=in_pod(pod)) as server:
        server.address()
        ask = asking(POD, host=two[0])
        check(ask, LIVE | OUTSIDE)
        check_change(plane, ask, "late")


def test_nodelocal_dnscache_s_corefile_shows_the_cluster_behind_it(
    two: tuple[Host, Host], pod: Host, plane: ControlPlane, tmp_path: Path
) -> None:
    """A name that was denied is denied for 5 seconds more."""
    files = {"behind": KUBEADM, "node": node_local(POD)}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with (
        serving("-conf", str(tmp_path / "behind"), through=in_pod(pod)) as behind,
        serving("-conf", str(tmp_path / "node"), through=two[0].through) as server,
    ):
        behind.address()
        server.address()
        check(asking(LOCAL, host=two[0]), LIVE | OUTSIDE)
        ask = asking(KUBE_DNS, host=two[0])
        assert rcode(ask("cached.shop.svc.cluster.local", "A", True)) == "NXDOMAIN"
        plane.api.create(service("cached", "shop"))
        wait(lambda: rcode(ask("cached.shop.svc.cluster.local", "A", True)) == "NOERROR", PATIENCE, "a new Service")
