"""The resolvers of C libraries, with the resolv.conf that kubelets write, against kubeadm's Corefile in a Pod."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.process import wait
from tests.installed import installed
from tests.outside.hosts import POD, Host
from tests.outside.kubeadm import node, two
from tests.outside.world import CROWD
from tests.processes import PATIENCE

__all__ = ["node", "two"]

SEARCH = "shop.svc.cluster.local svc.cluster.local cluster.local"
WEB, CART = {"10.96.184.143"}, {"10.96.20.20", "fd00:10:96::20"}
WWW = {"198.18.0.10", "2001:2::10"}
FOUND: dict[str, set[str]] = {
    "web": WEB,
    "web.shop": WEB,
    "web.shop.svc": WEB,
    "web.shop.svc.cluster.local": WEB,
    "web.shop.svc.cluster.local.": WEB,
    "WEB.Shop": WEB,
    "shopfront.marketing": WEB,
    "cart": CART,
    "crowd": set(CROWD),
    "kube-dns.kube-system": {"10.96.0.10"},
    "10-244-50-1.shop.pod": {"10.244.50.1"},
    "no": set(),
    "no.shop.svc.cluster.local.": set(),
    "www.example.org": WWW,
    "one.example.org": WWW,
    "v4.example.org": {"198.18.0.4"},
    "no.example.org": set(),
    "10.96.184.143": {"web.shop.svc.cluster.local"},
    "198.18.0.10": {"www.example.org"},
    "198.18.0.99": set(),
}
"""Names and addresses, as a program in the namespace `shop` says them, and what it gets."""


def resolv_conf(folder: Path, options: str) -> Path:
    """As a kubelet writes it for a Pod with `dnsPolicy: ClusterFirst`."""
    file = folder / "resolv.conf"
    file.write_text(f"search {SEARCH}\nnameserver {POD}\noptions ndots:5 {options}\n")
    return file


def shown(text: str) -> dict[str, set[str]]:
    """What comes behind each `= NAME`, by its name: the first word of each line that is not the name itself."""
    found: dict[str, set[str]] = {}
    for part in text.split("= ")[1:]:
        name, *lines = part.splitlines()
        found[name] = {line.split()[0] for line in lines}
    return found


def asked_over_tcp(node: Host) -> float:
    """How many questions kdns has had over TCP, as its page said a moment ago."""
    with node.socket(socket.SOCK_STREAM) as client:
        client.connect((POD, 9153))
        client.sendall(f"GET /metrics HTTP/1.0\r\nHost: {POD}\r\n\r\n".encode())
        page = client.makefile("rb").read().decode()
    found = re.findall(r'^coredns_dns_requests_total\{.*proto="tcp".* (\S+)$', page, re.MULTILINE)
    return sum(map(float, found))


@pytest.mark.parametrize("options", ["", "edns0", "use-vc", "single-request", "single-request-reopen", "trust-ad"])
def test_glibc_finds_all_there_is(node: Host, tmp_path: Path, options: str) -> None:
    getent = installed("getent")
    addresses, names = ([word for word in FOUND if word[-1].isdigit() is wanted] for wanted in (True, False))
    script = (
        f"for name in {' '.join(names)}; do echo = $name; {getent} --no-addrconfig ahosts $name; done;"
        f"for name in {' '.join(addresses)}; do echo = $name; {getent} hosts $name | sed 's/^[^ ]* *//'; done"
    )
    before = asked_over_tcp(node)
    ran = node.run("sh", "-c", script, resolv_conf=resolv_conf(tmp_path, options))
    assert shown(ran.stdout) == FOUND, ran.stderr
    if options == "use-vc":
        wait(lambda: asked_over_tcp(node) >= before + len(FOUND), PATIENCE, "all of it went over TCP")


@pytest.fixture(scope="module")
def musl_getent(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A getent with musl's resolver."""
    program = tmp_path_factory.mktemp("musl") / "getent"
    environ = {**os.environ, "REALGCC": installed("gcc")}
    source = str(Path(__file__).parent / "getent.c")
    command = [installed("musl-gcc"), "-static", "-Wall", "-Werror", "-o", str(program), source]
    subprocess.run(command, check=True, env=environ)
    return str(program)


def test_musl_finds_all_there_is(node: Host, tmp_path: Path, musl_getent: str) -> None:
    """But of many addresses only those that have room in 512 bytes: it asks over UDP alone, before version 1.2.4."""
    ran = node.run(musl_getent, *FOUND, resolv_conf=resolv_conf(tmp_path, ""))
    found = shown(ran.stdout)
    assert len(found["crowd"]) > 20
    assert found["crowd"] <= FOUND["crowd"]
    assert {**found, "crowd": FOUND["crowd"]} == FOUND
