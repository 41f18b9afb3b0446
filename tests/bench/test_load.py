"""dnsperf's words as figures, and a real server under load."""

from __future__ import annotations

import re
import socket
import sys
from pathlib import Path

import pytest

from bench.load import STREAM, report, run, settle
from bench.process import LOAD, Process, free_port
from bench.programs import program

SAID = """\
Statistics:

  Queries sent:         1203
  Queries completed:    1200 (99.75%)
  Queries lost:         3 (0.25%)

  Response codes:       NOERROR 1000 (83.33%), NXDOMAIN 200 (16.67%)
  Average packet size:  request 50, response 66
  Run time (s):         2.000123
  Queries per second:   599.963102

  Average Latency (s):  0.000514 (min 0.000028, max 0.002519)
  Latency StdDev (s):   0.000101
"""


def test_a_report_of_dnsperf_is_read() -> None:
    found = report(SAID)
    assert found[:3] == (1203, 1200, 2.000123)
    assert (found.latency, found.request, found.response) == (0.000514, 50, 66)
    assert found.rcodes == {"NOERROR": 1000, "NXDOMAIN": 200}


def test_nothing_answered_is_a_report_too() -> None:
    text = re.sub(r"codes: .*", "codes:", SAID.replace("completed:    1200", "completed:    0"))
    assert report(text)[1] == 0
    assert report(text).rcodes == {}


@pytest.mark.parametrize("text", ["", "Error: Name parsing error", SAID.replace("Run time", "Walk time")])
def test_half_a_report_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="dnsperf"):
        report(text)


SERVER = """
import socketserver, struct
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        while size := self.rfile.read(2):
            query = self.rfile.read(struct.unpack("!H", size)[0])
            self.wfile.write(size + query[:3] + b"\\3" + query[4:])
class Server(socketserver.ThreadingTCPServer):
    daemon_threads, allow_reuse_address = True, True
Server(("127.0.0.1", {port}), Echo).serve_forever()
"""


@pytest.mark.skipif(not (program("setpriv") and program("taskset")), reason="util-linux is not installed")
@pytest.mark.parametrize("flags", [(STREAM,), (STREAM, "1")], ids=["connections kept", "a connection for each"])
def test_a_load_over_tcp_counts_what_comes_back(tmp_path: Path, flags: tuple[str, ...]) -> None:
    port = free_port()
    questions = tmp_path / "questions"
    questions.write_text("a.example A\nb.example AAAA\n")
    with Process([sys.executable, "-c", SERVER.format(port=port)], LOAD, tmp_path / "log") as process:
        process.wait(lambda: _listens(port), 20, "the server listens")
        settle(process)
        found = run(process, port, questions, 0.2, flags)
    assert found.queries > 0
    assert found.rcodes == {"NXDOMAIN": found.queries}
    assert (found.lost, found.response) == (0, 27)
    assert found.cpu >= 0
    assert found.rate > 0


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
