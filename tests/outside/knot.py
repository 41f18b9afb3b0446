"""Knot DNS as the world outside: example.org and, signed, example.net, a reverse zone, and a root.

With the root no question is refused, as with any resolver: musl waits on where it is.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.process import Process, wait
from tests.installed import installed
from tests.outside.asking import asking
from tests.outside.hosts import Host
from tests.processes import PATIENCE, lasting_port

MANY = [f"{number:02d}{'x' * 198}" for number in range(20)]
"""The texts of many.example.org, which no UDP reply of 1232 bytes has room for."""
_REVERSE = "0.18.198.in-addr.arpa"
_ZONES = {".": 'file: "root.zone"', "example.org": "", "example.net": "dnssec-signing: on", _REVERSE: ""}
_APEX = "@ 300 SOA ns.example.org. hostmaster.example.org. 1 3600 600 86400 60\n@ 300 NS ns.example.org.\n"
_CONFIGURATION = """\
server:
    listen: {address}@{port}
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
log:
  - target: stderr
    any: warning
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    zonefile-sync: -1
    journal-content: none
zone:
"""


class Knot:
    """A server that may be ended, frozen and started again."""

    def __init__(self, process: Process, address: str, port: int, host: Host | None) -> None:
        self.text = f"{address}:{port}"
        self._process = process
        self._ask = asking(address, port, host)

    def start(self) -> None:
        """Return when it answers."""
        self._process.start()
        wait(self._answers, PATIENCE, "Knot answers")

    def kill(self) -> None:
        """As a machine that is gone."""
        self._process.kill()

    def freeze(self) -> None:
        """As a black hole: what is sent there is not answered."""
        self._process.tell(signal.SIGSTOP)

    def thaw(self) -> None:
        """What was sent meanwhile is answered now."""
        self._process.tell(signal.SIGCONT)

    def _answers(self) -> bool:
        self._process.check()
        try:
            return bool(self._ask("example.net", "DNSKEY", True).answer)
        except OSError:
            return False


@contextmanager
def knot(folder: Path, address: str = "127.0.0.1", port: int = 0, host: Host | None = None) -> Iterator[Knot]:
    """One that answers, on a port that is free or on that which is given; killed at the end."""
    folder.mkdir(exist_ok=True)
    port = port or lasting_port()
    _write(folder, address, port)
    command = [*(host.through if host else ()), installed("knotd"), "-c", str(folder / "knot.conf")]
    process = Process(Path(command[0]), command[1:], folder / "knot.log")
    served = Knot(process, address, port, host)
    try:
        served.start()
        yield served
    finally:
        process.kill()


def _write(folder: Path, address: str, port: int) -> None:
    """The configuration and the zones."""
    configuration = _CONFIGURATION.format(address=address, port=port, folder=folder)
    for zone, option in _ZONES.items():
        configuration += f"  - domain: {zone}\n" + (f"    {option}\n" if option else "")
    (folder / "knot.conf").write_text(configuration)
    content = (Path(__file__).parent / "example.zone").read_text()
    content += "".join(f'many 300 TXT "{text}"\n' for text in MANY)
    for zone in ("example.org", "example.net"):
        (folder / f"{zone}.zone").write_text(f"$ORIGIN {zone}.\n{content}")
    (folder / "root.zone").write_text(f"$ORIGIN .\n{_APEX}")
    (folder / f"{_REVERSE}.zone").write_text(f"$ORIGIN {_REVERSE}.\n{_APEX}10 300 PTR www.example.org.\n")


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    """One for the tests of a module that do it no harm."""
    with knot(tmp_path_factory.mktemp("knot")) as served:
        yield served
