"""Clients who ask for the world outside on and on, whatever happens to it; each question is a new name."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from typing import NamedTuple, Self

import dns.edns
import dns.message
import dns.rcode

from tests.e2e.process import wait
from tests.outside.world import data
from tests.processes import PATIENCE

_CLIENTS = 8
_PACE = 0.2
"""Seconds between a reply and the next question of a client."""
_NUMBERS = itertools.count()


class Asked(NamedTuple):
    """A question, when it was asked (loop time), how many seconds it took, and the reply if there was one."""

    began: float
    took: float
    wire: bytes

    @property
    def outcome(self) -> str:
        """What came of it."""
        return outcome(dns.message.from_wire(self.wire)) if self.wire else "nothing"


def outcome(reply: dns.message.Message) -> str:
    """The rcode, the data of the answer, the codes of Extended DNS Errors."""
    codes = [int(option.code) for option in reply.options if isinstance(option, dns.edns.EDEOption)]
    return " ".join(map(str, [dns.rcode.to_text(reply.rcode()), *data(reply), *codes]))


class Outsiders:
    """Ask until they are left; then `asked` has it all, in the order of the replies."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.asked: list[Asked] = []
        self._address = address
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(_CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def until_asked(self, count: int) -> None:
        """Return when so many more replies have come."""
        enough = len(self.asked) + count
        wait(lambda: len(self.asked) >= enough, PATIENCE, f"{count} replies")

    def outcomes(self, since: float = 0.0) -> set[str]:
        """What came of all that was asked since then."""
        return {each.outcome for each in self.asked if each.began >= since}

    def longest(self, since: float = 0.0) -> float:
        """The longest that any took of what was asked since then, in seconds."""
        return max(each.took for each in self.asked if each.began >= since)

    def _ask(self) -> None:
        while not self._over.wait(_PACE):
            wire = dns.message.make_query(f"n{next(_NUMBERS)}.wild.example.org", "A", use_edns=0).to_wire()
            began = time.monotonic()
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.settimeout(PATIENCE)
                client.connect(self._address)
                client.send(wire)
                try:
                    reply = client.recv(4096)
                except OSError:
                    reply = b""
            self.asked.append(Asked(began, time.monotonic() - began, reply))
