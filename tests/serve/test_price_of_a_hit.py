"""What hits cost, in things that can be counted: under kubeadm's whole Corefile, from socket to socket.

Seconds are noisy on a machine that others use. Whoever lets every hit call a function, make an object that stays,
or begin a task, changes these counts.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from math import inf
from types import FrameType

import dns.edns
import dns.message
import pytest

from kdns.chain import Transport
from kdns.serve import batch, ledger
from kdns.serve.datagram import AT_ONCE, Port
from kdns.serve.entry import Lying
from kdns.serve.responder import Responder
from kdns.serve.udp import UdpListener
from tests.asking import CLIENT, LOCAL, serving
from tests.processes import free_port
from tests.serve.sockets import UdpClient

pytestmark = pytest.mark.skipif(not batch.AVAILABLE, reason="no recvmmsg here")

COREFILE = """\
. {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        manifests examples/web.yaml
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    prometheus 127.0.0.1:PORT
    forward . 127.0.0.1:9
    cache 30
    loadbalance
}
"""
NAME = "web.shop.svc.cluster.local."


@dataclass
class Desk:
    """A listener that is read from by hand, so that nothing else happens meanwhile."""

    listener: UdpListener
    port: Port
    responder: Responder
    client: UdpClient

    def ask(self, count: int) -> None:
        """So many plain questions, all in the socket's queue when this returns."""
        for number in range(count):
            wire = dns.message.make_query(NAME, "A", id=number).to_wire()
            self.client.send(wire, self.port.address)

    def read(self) -> None:
        """What the loop does when the socket has something."""
        self.listener._read(self.port)  # noqa: SLF001

    def replies(self) -> int:
        """How many came back."""
        count = 0
        while not self.client.empty():
            count += 1
        return count


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setattr(ledger, "FINEST", inf)  # whoever traces is slow, and what is slow is told of apart
    async with serving(COREFILE.replace("PORT", str(free_port()))) as asked:
        loop = asyncio.get_running_loop()
        listener = UdpListener(asked.responder, "127.0.0.1", 0, metrics=asked.plan.build.metrics, loop=loop)
        listener.open()
        (port,) = listener._ports  # noqa: SLF001
        loop.remove_reader(port.fileno())
        with UdpClient() as client:
            desk = Desk(listener, port, asked.responder, client)
            assert (await asked.ask(NAME, edns=False)).answer
            for _ in range(3):  # the caches of the interpreter, and of this
                desk.ask(AT_ONCE)
                desk.read()
                assert desk.replies() == AT_ONCE
            yield desk
        listener.close()


def calls(of: Callable[[], None]) -> Counter[str]:
    """The functions that are called meanwhile, those of Python and those in C."""
    seen: Counter[str] = Counter()

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            seen[frame.f_code.co_qualname] += 1
        elif event == "c_call":
            seen[str(getattr(argument, "__qualname__", argument))] += 1

    sys.setprofile(note)
    try:
        of()
    finally:
        sys.setprofile(None)
    del seen["setprofile"]
    return seen


async def test_a_hit_calls_nothing_only_a_batch_of_them_does(desk: Desk) -> None:
    desk.ask(8)
    few = calls(desk.read)
    desk.ask(AT_ONCE - 1)
    many = calls(desk.read)
    assert desk.replies() == 8 + AT_ONCE - 1
    assert many == few
    assert few.total() < 60, few


async def test_a_hit_leaves_nothing_behind(desk: Desk) -> None:
    """Neither a message nor a task nor bytes: nothing that lives on when the batch is over."""
    tasks, grown = len(asyncio.all_tasks()), []
    gc.collect()
    for _ in range(5):
        desk.ask(AT_ONCE)
        before = sys.getallocatedblocks()
        desk.read()
        grown.append(sys.getallocatedblocks() - before)
        desk.replies()
    assert min(grown) < AT_ONCE // 8
    assert len(asyncio.all_tasks()) == tasks


async def test_all_hits_are_counted_when_the_metrics_are_read(desk: Desk) -> None:
    metrics = desk.responder._metrics  # noqa: SLF001
    labels = {"server": "dns://:53", "zone": ".", "view": "", "proto": "udp", "family": "1", "type": "A"}

    def counted() -> float | None:
        return metrics.registry.get_sample_value("coredns_dns_requests_total", labels)

    before = counted()
    assert before is not None
    for count in (1, AT_ONCE, 17):
        desk.ask(count)
        desk.read()
    assert counted() == before + 1 + AT_ONCE + 17


COOKIE = dns.edns.CookieOption(bytes(range(8)), b"")


@pytest.mark.parametrize("transport", Transport, ids=str)
@pytest.mark.parametrize(
    "query",
    [
        dns.message.make_query(NAME.title(), "A", id=7),
        dns.message.make_query(NAME, "A", use_edns=0, payload=1400, options=[COOKIE], id=7),
    ],
    ids=["letters", "a cookie"],
)
async def test_what_differs_from_client_to_client_is_answered_without_a_message(
    desk: Desk, transport: Transport, query: dns.message.Message
) -> None:
    wire = query.to_wire()
    await desk.responder.respond(dns.message.make_query(NAME, "A", use_edns=0).to_wire(), CLIENT, LOCAL, Transport.tcp)
    for _ in range(2):
        desk.responder.lying(wire[2:], transport)
    replies: list[Lying | None] = []
    seen = calls(lambda: replies.append(desk.responder.lying(wire[2:], transport)))
    assert {"accept", "decode", "encode", "Responder.respond"}.isdisjoint(seen)
    assert seen.total() < 25, seen
    (reply,) = replies
    assert reply is not None
    assert query.is_response(dns.message.from_wire(wire[:2] + reply.body))
