from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdns.chain import Keep
from kdns.serve import batch
from kdns.serve.batch import Batch
from kdns.serve.datagram import AT_ONCE, Datagram, Port, Single
from kdns.serve.entry import Lying
from kdns.serve.ports import ports
from tests.serve.sockets import LOOPBACKS, PATIENCE, UdpClient, ipv6_addresses, needs_ipv6

GLOBAL = ipv6_addresses(link_local=False)
LINK_LOCAL = ipv6_addresses(link_local=True)


KINDS = [
    pytest.param(True, id="batched", marks=pytest.mark.skipif(not batch.AVAILABLE, reason="no recvmmsg here")),
    pytest.param(False, id="one at a time"),
]


@pytest.fixture(params=KINDS)
def batched(request: pytest.FixtureRequest) -> bool:
    """Which of the two kinds of ports."""
    return bool(request.param)


@pytest.fixture
def everywhere(batched: bool) -> Iterator[list[Port]]:
    opened = ports("", 0, batched=batched)
    yield opened
    for port in opened:
        port.close()


def wait(port: Port) -> None:
    """Until something has come; loopback delivers at once."""
    assert select.select([port.fileno()], [], [], PATIENCE)[0]


def received(port: Port) -> Datagram:
    """The next datagram, which is alone."""
    wait(port)
    (behind_id,) = port.receive()
    datagram = port.datagram(0)
    assert datagram.wire[2:] == behind_id
    return datagram


def lying(body: bytes) -> Lying:
    return Lying(Keep(), 0, body)


async def exchanged(port: Port, client: UdpClient, asked: tuple[object, ...]) -> tuple[Datagram, str]:
    """One that came, and from where both ways of replying reply."""
    client.send(b"question", asked)
    datagram = received(port)
    assert port.answer([lying(b"eply")]) == 0
    port.send(b"reply", datagram)
    (first, *sender), (reply, *again) = await client.receive(), await client.receive()
    assert (first, reply) == (b"queply", b"reply")
    assert sender == again == [sender[0], port.address[1]]
    return datagram, str(sender[0])


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_a_socket_on_one_address_carries_both_ways(host: str, batched: bool) -> None:
    (port,) = ports(host, 0, batched=batched)
    with UdpClient(host) as client:
        datagram, sender = await exchanged(port, client, port.address)
        assert (datagram.wire, datagram.client[:2]) == (b"question", client.sock.getsockname()[:2])
        assert (datagram.local, sender) == (port.address, host)
    port.close()


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.1.2.3"])
async def test_a_reply_leaves_from_the_ipv4_address_that_was_asked(asked: str, everywhere: list[Port]) -> None:
    port = everywhere[0]
    with UdpClient() as client:
        datagram, sender = await exchanged(port, client, (asked, port.address[1]))
    assert (datagram.local, sender) == ((asked, port.address[1]), asked)


@pytest.mark.skipif(not GLOBAL, reason="this machine has no second IPv6 address")
async def test_a_reply_leaves_from_the_ipv6_address_that_was_asked(everywhere: list[Port]) -> None:
    port = everywhere[1]
    asked = GLOBAL[0][0]
    with UdpClient("::1") as client:
        datagram, sender = await exchanged(port, client, (asked, port.address[1]))
    assert (datagram.local, sender) == ((asked, port.address[1]), asked)


@pytest.mark.skipif(not (LINK_LOCAL and GLOBAL), reason="this machine has no link-local address")
@pytest.mark.parametrize("near", [True, False], ids=["from a link-local address", "from a global address"])
async def test_a_link_local_address_that_was_asked_keeps_its_interface(near: bool, everywhere: list[Port]) -> None:
    port = everywhere[1]
    asked, _, _, scope = LINK_LOCAL[0]
    with UdpClient(*(LINK_LOCAL if near else GLOBAL)[0]) as client:
        datagram, sender = await exchanged(port, client, (asked, port.address[1], 0, scope))
    assert (datagram.local[0], sender) == (asked, asked)


@needs_ipv6
async def test_ipv6_loopback_is_among_every_address(everywhere: list[Port]) -> None:
    port = everywhere[1]
    with UdpClient("::1") as client:
        datagram, sender = await exchanged(port, client, ("::1", port.address[1]))
    assert (datagram.local[0], sender) == ("::1", "::1")


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "every address"])
def test_an_empty_queue_does_not_block(host: str, batched: bool) -> None:
    for port in ports(host, 0, batched=batched):
        with pytest.raises(BlockingIOError):
            port.receive()
        port.close()


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "every address"])
@pytest.mark.parametrize("size", [0, 1, 2, 512, 513, 65507])
def test_datagrams_of_any_size_come_whole_and_apart_from_one_another(host: str, size: int, batched: bool) -> None:
    port, *others = ports(host, 0, batched=batched)
    with UdpClient() as client:
        for wire in (b"first" * 100, bytes(size), b"last"):
            client.send(wire, ("127.0.0.1", port.address[1]))
            assert received(port).wire == wire
    for each in (port, *others):
        each.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux option")
@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "every address"])
def test_no_icmp_message_can_shrink_what_is_sent_and_the_queue_is_large(host: str, batched: bool) -> None:
    port, *others = ports(host, 0, batched=batched)
    mtu_discover, omit = 10, 5
    with socket.socket(fileno=os.dup(port.fileno())) as sock, socket.socket(type=socket.SOCK_DGRAM) as plain:
        assert sock.getsockopt(socket.IPPROTO_IP, mtu_discover) == omit
        largest = int(Path("/proc/sys/net/core/rmem_max").read_text())
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert granted == 2 * min(4 << 20, largest)
        assert granted >= plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    for each in (port, *others):
        each.close()


# Many together.


def taken(port: Port, least: int) -> list[bytes]:
    """What has come, as it is received at once, when there is so much."""
    wait(port)
    queries = list(port.receive())
    assert len(queries) >= least
    return queries


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "every address"])
@pytest.mark.parametrize("places", [None, [0, 1, 2], [1], [0, 2], [2, 1], []], ids=str)
async def test_replies_go_to_whom_they_are_for(host: str, places: list[int] | None, batched: bool) -> None:
    """In one round to some, in the next to all: what the one has changed the other must not see."""
    port, *others = ports(host, 0, batched=batched)
    asked = [("127.0.0.1", "127.0.0.2", "127.0.0.3")[place] if not host else "127.0.0.1" for place in range(3)]
    with UdpClient() as one, UdpClient() as two, UdpClient() as three:
        clients = [one, two, three]
        for to in (places, None, places):
            for place, client in enumerate(clients):
                client.send(b"%d%d-query" % (place, place), (asked[place], port.address[1]))
            assert taken(port, 3) == [b"-query"] * 3
            chosen = range(3) if to is None else to
            assert port.answer([lying(b"-reply to %d" % place) for place in chosen], to) == 0
            for place in chosen:
                reply = b"%d%d-reply to %d" % (place, place, place)
                assert await clients[place].receive() == (reply, asked[place], port.address[1])
            assert all(client.empty() for client in clients)
    for each in (port, *others):
        each.close()


def test_only_so_many_are_taken_at_once_and_the_next_ones_then(batched: bool) -> None:
    (port,) = ports("127.0.0.1", 0, batched=batched)
    with UdpClient() as client:
        for number in range(AT_ONCE + 3):
            client.send(b"id%d" % number, port.address)
        taken_at_once = [taken(port, 1) for _ in range(2)]
    assert taken_at_once == [[b"%d" % n for n in range(AT_ONCE)], [b"%d" % n for n in range(AT_ONCE, AT_ONCE + 3)]]
    port.close()


async def test_long_and_short_ones_do_not_mix(batched: bool) -> None:
    (port,) = ports("127.0.0.1", 0, batched=batched)
    with UdpClient() as client:
        sent = [b"id" + b"x" * size for size in (600, 5, 3000, 1, 510, 511)] + [b"", b"i"]
        for wire in sent:
            client.send(wire, port.address)
        assert taken(port, len(sent)) == [wire[2:] for wire in sent]
        assert [port.datagram(place).wire for place in range(len(sent))] == sent
        assert port.answer([lying(b"long"), lying(b"short")], [2, 3]) == 0
        assert [(await client.receive())[0] for _ in range(2)] == [b"idlong", b"idshort"]
    port.close()


async def test_a_reply_that_cannot_be_sent_is_left_out_and_counted(batched: bool) -> None:
    (port,) = ports("127.0.0.1", 0, batched=batched)
    with UdpClient() as client:
        for number in range(4):
            client.send(b"%d " % number, port.address)
        taken(port, 4)
        huge = lying(bytes(65536))
        assert port.answer([lying(b"first"), huge, lying(b"third"), huge]) == 2
        assert [(await client.receive())[0] for _ in range(2)] == [b"0 first", b"2 third"]
    port.close()


async def test_a_reply_may_go_out_any_number_of_times(batched: bool) -> None:
    (port,) = ports("127.0.0.1", 0, batched=batched)
    reply = lying(b"the same")
    with UdpClient() as client:
        for _ in range(3):
            for number in range(5):
                client.send(b"%d " % number, port.address)
            taken(port, 5)
            assert port.answer([reply] * 5) == 0
            assert [(await client.receive())[0] for _ in range(5)] == [b"%d the same" % number for number in range(5)]
    port.close()


@needs_ipv6
async def test_clients_of_ipv6_are_told_apart(batched: bool, everywhere: list[Port]) -> None:
    port = everywhere[1]
    assert [each.family for each in everywhere] == [1, 2]
    with UdpClient("::1") as one, UdpClient("::1") as two:
        for client in (one, two):
            client.send(b"id?", ("::1", port.address[1]))
        taken(port, 2)
        clients = [port.datagram(place).client for place in range(2)]
        assert clients == [client.sock.getsockname() for client in (one, two)]
        assert port.answer([lying(b"one"), lying(b"two")]) == 0
        assert [await client.receive() for client in (one, two)] == [
            (b"idone", "::1", port.address[1]),
            (b"idtwo", "::1", port.address[1]),
        ]


# Which kind there is.


@pytest.mark.parametrize("available", [True, False])
def test_datagrams_are_taken_by_the_batch_where_that_is_possible(
    available: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if available and not batch.AVAILABLE:
        pytest.skip("no recvmmsg here")
    monkeypatch.setattr(batch, "AVAILABLE", available)
    (port,) = ports("127.0.0.1", 0)
    assert isinstance(port, Batch if available else Single)
    port.close()


@pytest.mark.skipif(not batch.AVAILABLE, reason="no recvmmsg here")
def test_only_what_stays_where_it_is_may_be_sent_from_there() -> None:
    (port,) = ports("127.0.0.1", 0)
    with UdpClient() as client:
        client.send(b"id", port.address)
        taken(port, 1)
        with pytest.raises(TypeError, match="only bytes"):
            port.answer([lying(bytearray(b"may move"))])  # type: ignore[arg-type]
    port.close()
