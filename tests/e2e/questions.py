"""kdns as a process, asked over the wire: what it answers, when it is right, whether it is ever wrong."""

from __future__ import annotations

import queue
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.asking import ede
from tests.e2e.answers import Answer, Question, answer_of
from tests.e2e.process import wait
from tests.e2e.steady import Steady
from tests.processes import Server, serving

COREFILE = """
cluster.local:0 in-addr.arpa:0 ip6.arpa:0 {
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:0
    ready 127.0.0.1:0
    kubernetes {
        %s
    }
}
"""
REPLY = 1.0
"""Seconds within which a question has its reply."""


class Served:
    """A kdns that answers from an API server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.address = server.address()

    def ask(self, name: str, type: str = "A", *, tcp: bool = False) -> Answer:
        """Its answer."""
        return answer_of(self._server.ask(name, type, tcp=tcp))

    def why(self, name: str, type: str = "A") -> str:
        """The Extended DNS Error of its answer, empty if there is none."""
        return ede(self._server.ask(name, type))

    def addresses(self, name: str, type: str = "A") -> list[str]:
        """The addresses in its answer, sorted."""
        return sorted(record.split()[-1] for record in self.ask(name, type).records)

    def right(self, expected: Mapping[Question, Answer], within: float) -> float:
        """Seconds until all of these are answered so, over UDP; then over TCP too."""
        began = time.monotonic()
        last: dict[Question, Answer] = {}

        def is_right() -> bool:
            for question in [*last, *expected]:  # first what was wrong a moment ago
                last.clear()
                if (found := self.ask(*question)) != expected[question]:
                    last[question] = found
                    return False
            return True

        try:
            wait(is_right, within, "right answers")
        except AssertionError as error:
            (question, found), *_ = last.items()
            raise AssertionError(f"{error}: {question} is {found}, not {expected[question]}") from None
        took = time.monotonic() - began
        for question in expected:
            assert self.ask(*question, tcp=True) == expected[question]
        return took

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._server.tell(number)

    def stop(self) -> None:
        """Stop it as a rolling update does; return when it has ended."""
        self._server.tell(signal.SIGTERM)
        ended = self._server.ended()
        assert ended.code == 0, ended

    def ready(self) -> int:
        """The status of its page `/ready`."""
        return self._server.status("ready")

    def page(self, path: str) -> str:
        """The body of a page."""
        with socket.create_connection(self._server.url(path), REPLY * 10) as client:
            client.sendall(f"GET /{path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            with client.makefile("rb") as reader:
                return reader.read().decode().partition("\r\n\r\n")[2]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.page("metrics"))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def said(self, pattern: str) -> str:
        """Wait for a line in its log."""
        try:
            return self._server.until(pattern).group()
        except queue.Empty:
            raise AssertionError(f"no line {pattern!r} in {self._server.lines}") from None

    @contextmanager
    def steady(
        self, expected: Mapping[Question, Answer], pace: float = 0.005, within: float = REPLY
    ) -> Iterator[Steady]:
        """Ask on and on meanwhile, `pace` seconds after each reply.

        Raises AssertionError for any answer that is wrong or does not come `within` seconds.
        """
        with Steady(self.address, expected, pace, within) as asking:
            yield asking
        assert not asking.wrong, f"{len(asking.wrong)} of {asking.asked} wrong: {asking.wrong[:5]}"


@contextmanager
def kdns(folder: Path, *options: str) -> Iterator[Served]:
    """A kdns whose *kubernetes* block has these options, when it answers; killed at the end."""
    corefile = folder / "Corefile"
    corefile.write_text(COREFILE % "\n        ".join(options))
    with serving("-conf", str(corefile), cwd=folder) as server:
        yield Served(server)


def all_names(served: Served, names: Iterable[str], type: str = "A") -> dict[Question, Answer]:
    """What is answered now, as what shall be answered on."""
    return {(name, type): served.ask(name, type) for name in names}
