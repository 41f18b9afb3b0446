"""dnsmasq and Unbound as clients have them between themselves and kdns: at home, on a laptop, in front of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dns.exception

from tests.e2e.process import Process, wait
from tests.installed import installed
from tests.outside.asking import Ask, asking
from tests.processes import PATIENCE, free_port

_DNSMASQ = """\
port={port}
listen-address=127.0.0.1
bind-interfaces
user={user}
group={user}
pid-file=
log-facility=-
no-resolv
no-hosts
{more}
"""
_UNBOUND = """\
server:
    verbosity: 0
    interface: 127.0.0.1@{port}
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-ip6: no
    do-not-query-localhost: no
    ede: yes
    local-zone: "10.in-addr.arpa." nodefault
{more}
"""


@contextmanager
def dnsmasq(folder: Path, lines: Sequence[str]) -> Iterator[Ask]:
    """One with these lines in its configuration; who asks it."""
    user = "root" if os.getuid() == 0 else ""
    with _running(folder, "dnsmasq", ["-k", "-C"], _DNSMASQ.replace("{user}", user), "\n".join(lines)) as ask:
        yield ask


@contextmanager
def unbound(folder: Path, lines: Sequence[str]) -> Iterator[Ask]:
    """The same. Lines that are indented are the server's."""
    with _running(folder, "unbound", ["-d", "-c"], _UNBOUND, "\n".join(lines)) as ask:
        yield ask


@contextmanager
def _running(folder: Path, program: str, flags: Sequence[str], text: str, more: str) -> Iterator[Ask]:
    """A program that answers, killed at the end."""
    file, port = folder / f"{program}.conf", free_port()
    file.write_text(text.format(port=port, folder=folder, more=more))
    process = Process(Path(installed(program)), [*flags, str(file)], folder / f"{program}.log")
    ask = asking("127.0.0.1", port)

    def answers() -> bool:
        process.check()
        try:
            return bool(ask("localhost", "A", True))
        except (OSError, dns.exception.DNSException):
            return False

    process.start()
    try:
        wait(answers, PATIENCE, f"{program} answers")
        yield ask
    finally:
        process.kill()
