"""The servers that are compared: how each is configured and started. One worker each, on one core."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.asking import answers
from bench.cluster import ZONE, Shape, owner
from bench.process import LOAD, ROOT, SERVER, Process, free_port
from bench.programs import program
from bench.zone import REVERSE, forward, local_data, outside_file, reverse, zone_file

START = 120.0
"""Seconds within which a server has started and knows its names."""
KUBEADM = """\
.:{port} {{
    errors
    health 127.0.0.1:{health} {{
       lameduck 5s
    }}
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
       {source}
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus 127.0.0.1:{pages}
    forward . 127.0.0.1:{upstream} {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success cluster.local
       disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"""
"""kubeadm's, but for ports, addresses and the API server's endpoint."""
ALONE = """\
.:{port} {{
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
       {source}
       pods insecure
       ttl 30
    }}
}}
"""
_KNOT = """\
server:
    rundir: /proc/self/cwd
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: {folder}
    zonefile-load: whole
    journal-content: none
zone:
"""
_UNBOUND = """\
server:
    directory: {folder}
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    verbosity: 0
    num-threads: 1
    interface: 127.0.0.1@{port}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    do-ip6: no
    module-config: "iterator"
    outgoing-range: 4096
    num-queries-per-thread: 2048
    include: {folder}/local
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{upstream}
remote-control:
    control-enable: no
"""


@dataclass(frozen=True, slots=True)
class Field:
    """What a server is set up with: an empty folder, the names, its port, that of the upstream.

    `source` is the line of the *kubernetes* plugin that names the API server.
    """

    folder: Path
    shape: Shape
    port: int
    upstream: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to answer. `command` writes the configuration and returns the command line."""

    name: str
    about: str
    program: str
    command: Callable[[Field], list[str]]
    follows: bool = False
    """Whether it follows an API server."""
    where: Path = ROOT
    """The folder that it is started in: of kdns, the checkout that runs."""


def _corefile(text: str, field: Field) -> str:
    """Write a Corefile; where it is."""
    path = field.folder / "Corefile"
    ports = {name: free_port() for name in ("health", "ready", "pages")}
    path.write_text(text.format(port=field.port, source=field.source, upstream=field.upstream, **ports))
    return str(path)


def _kdns(text: str) -> Callable[[Field], list[str]]:
    return lambda field: [sys.executable, "-m", "kdns", "-conf", _corefile(text, field)]


def _coredns(field: Field) -> list[str]:
    return [str(program("coredns")), "-conf", _corefile(KUBEADM, field)]


def _zones(field: Field, texts: dict[str, str]) -> list[str]:
    config = _KNOT.format(folder=field.folder, port=field.port)
    for origin, text in texts.items():
        (field.folder / f"{origin}zone").write_text(text)
        config += f'  - domain: "{origin}"\n    file: "{origin}zone"\n'
    path = field.folder / "knot.conf"
    path.write_text(config)
    # Its `rundir` names a socket, for which a path of more than some 100 bytes would be too long.
    return ["env", "-C", str(field.folder), str(program("knotd")), "-c", str(path)]


def _knot(field: Field) -> list[str]:
    """The cluster's zones, and what the others ask the upstream for."""
    cluster = zone_file(ZONE, forward(field.shape))
    pointers = zone_file(REVERSE, reverse(field.shape))
    return _zones(field, {f"{ZONE}.": cluster, f"{REVERSE}.": pointers, ".": outside_file()})


def _unbound(field: Field) -> list[str]:
    local = local_data(ZONE, forward(field.shape)) + local_data(REVERSE, reverse(field.shape))
    (field.folder / "local").write_text(local)
    path = field.folder / "unbound.conf"
    path.write_text(_UNBOUND.format(folder=field.folder, port=field.port, upstream=field.upstream))
    return [str(program("unbound")), "-d", "-c", str(path)]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("kdns", "kdns, kubeadm's Corefile", "setpriv", _kdns(KUBEADM), follows=True),
        Kind("kdns-alone", "kdns, *kubernetes* alone", "setpriv", _kdns(ALONE), follows=True),
        Kind("knot", "Knot DNS, the names as zones", "knotd", _knot),
        Kind("unbound", "Unbound, the names as local data", "unbound", _unbound),
        Kind("coredns", "CoreDNS, kubeadm's Corefile", "coredns", _coredns, follows=True),
    )
}


BESIDE = "beside"


def beside(checkout: Path) -> None:
    """Let the kdns of another checkout be a server too, called `beside`."""
    KINDS[BESIDE] = replace(KINDS["kdns"], name=BESIDE, about=f"kdns of {checkout}", where=checkout)


class Api:
    """The API server's stand-in, as those who measure see it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str) -> str:
        """One of its own pages."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
            text: str = response.read().decode()
        return text

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return self.ask("/healthz") == "ok"
        except OSError:
            return False


class Running:
    """A server that answers, with the API server that it follows."""

    def __init__(self, kind: Kind, process: Process, port: int, api: Api, ready: float) -> None:
        self.kind = kind
        self.process = process
        self.port = port
        self.api = api
        self.ready = ready
        """Seconds from start to the first right answer."""


@contextmanager
def running(kind: Kind, shape: Shape, folder: Path, upstream: int, source: str = "") -> Iterator[Running]:
    """Start a server, on its core, and unless `source` says otherwise its API server beside the load; it is ready.

    Raises RuntimeError.
    """
    with ExitStack() as stack:
        folder.mkdir(parents=True)
        api = Api(free_port())
        if kind.follows and not source:
            command = [sys.executable, "-m", "bench.apiserver", str(api.port), str(shape.services), str(shape.each)]
            standin = stack.enter_context(Process(command, LOAD, folder / "api.log"))
            standin.wait(api.answers, START, "the API server's stand-in")
        field = Field(folder, shape, free_port(), upstream, source or f"endpoint http://127.0.0.1:{api.port}")
        process = stack.enter_context(Process(kind.command(field), SERVER, folder / "log", kind.where))
        ready = process.wait(lambda: _knows(field.port, shape), START, f"{kind.about} is ready")
        yield Running(kind, process, field.port, api, ready)


def _knows(port: int, shape: Shape) -> bool:
    """Whether it answers for the last Service and for the last that is headless."""
    if not shape.services:
        return answers(port, f"dns-version.{ZONE}", "TXT") > 0
    last = shape.services - 1
    return all(answers(port, owner(number)) for number in (last, last - last % 5))


@contextmanager
def upstream(folder: Path) -> Iterator[int]:
    """Knot beside the load, with a wildcard for every name outside the cluster; its port."""
    folder.mkdir(parents=True)
    field = Field(folder, Shape(0, 0), free_port(), 0)
    with Process(_zones(field, {".": outside_file()}), LOAD, folder / "log") as process:
        process.wait(lambda: answers(field.port, "ready.example.com") > 0, START, "the upstream")
        yield field.port
