"""Two hosts with a wire between them: namespaces of the kernel, for which nobody needs to be root.

Each has its own ports, so that Corefiles are served as they are, and its own /etc/resolv.conf. Where the
machine does not allow it the tests are skipped.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.installed import installed
from tests.processes import PATIENCE, ROOT, environment

NODE, POD = "10.0.0.1", "10.0.0.2"
"""The addresses of the two."""


class Host:
    """Namespaces that a process keeps. `through` is what a command starts with to run there."""

    def __init__(self, process: subprocess.Popen[bytes], tests: socket.socket) -> None:
        self.pid = process.pid
        self._tests = tests
        names = ["--preserve-credentials", "-U", "-n", "-m"]
        self.through = (installed("nsenter"), "-t", str(process.pid), *names, "--")

    def run(self, *command: str, resolv_conf: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, if wanted with a resolv.conf of its own."""
        own: tuple[str, ...] = ()
        if resolv_conf is not None:
            mounted = f'mount --bind {resolv_conf} /etc/resolv.conf && exec "$@"'
            own = (installed("unshare"), "-m", "sh", "-c", mounted, "sh")
        whole = [*self.through, *own, *command]
        return subprocess.run(whole, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def do(self, *command: str) -> None:
        """Run a command that a machine may refuse: then the test is skipped, for its reason."""
        ran = self.run(*command)
        if ran.returncode:
            pytest.skip(f"no hosts of their own here: {' '.join(command)}: {ran.stderr.strip()}")

    def socket(self, type: socket.SocketKind) -> socket.socket:
        """A new IPv4 socket of this host."""
        self._tests.send(bytes([type]))
        _, (made,), _, _ = socket.recv_fds(self._tests, 1, 1)
        lent = socket.socket(fileno=made)
        lent.settimeout(PATIENCE)
        return lent


@contextmanager
def _host(*command: str) -> Iterator[Host]:
    """A host that ends with the tests."""
    ours, theirs = socket.socketpair()
    whole = [*command, sys.executable, "-m", "tests.outside.lent"]
    with (
        ours,
        subprocess.Popen(whole, cwd=ROOT, env=environment(), stdin=theirs.fileno(), stderr=subprocess.PIPE) as process,
    ):
        theirs.close()
        if not ours.recv(4):
            assert process.stderr is not None
            pytest.skip(f"no hosts of their own here: {process.stderr.read().decode().strip()}")
        try:
            yield Host(process, ours)
        finally:
            ours.close()
            process.wait(PATIENCE)


@contextmanager
def hosts(folder: Path, aliases: Sequence[str] = ()) -> Iterator[tuple[Host, Host]]:
    """A node, and a Pod whose resolv.conf names the node. The node has further addresses, `aliases`."""
    unshare, ip = installed("unshare"), installed("ip")
    file = folder / "resolv.conf"
    file.write_text(f"nameserver {NODE}\n")
    with _host(unshare, "--map-root-user", "-n", "-m") as node:
        inside = node.through[: node.through.index("-n")]
        with _host(*inside, "--", unshare, "-n", "-m") as pod:
            node.do(ip, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", str(pod.pid))
            for host, address in ((node, NODE), (pod, POD)):
                host.do(ip, "address", "add", f"{address}/24", "dev", "eth0")
                host.do(ip, "link", "set", "lo", "up")
                host.do(ip, "link", "set", "eth0", "up")
                host.do(installed("mount"), "--bind", str(file), "/etc/resolv.conf")
            for alias in aliases:
                node.do(ip, "address", "add", f"{alias}/32", "dev", "lo")
            yield node, pod
