from __future__ import annotations

import os
import select
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdns.serve.datagram import Datagram, Port, ports
from tests.serve.sockets import LOOPBACKS, PATIENCE, UdpClient, ipv6_addresses, needs_ipv6

GLOBAL = ipv6_addresses(link_local=False)
LINK_LOCAL = ipv6_addresses(link_local=True)


@pytest.fixture
def everywhere() -> Iterator[list[Port]]:
    opened = ports("", 0)
    yield opened
    for port in opened:
        port.close()


def received(port: Port) -> Datagram:
    """The next datagram; loopback delivers at once."""
    assert select.select([port.fileno()], [], [], PATIENCE)[0]
    return port.receive()


async def exchanged(port: Port, client: UdpClient, asked: tuple[object, ...]) -> tuple[Datagram, str]:
    client.send(b"question", asked)
    datagram = received(port)
    port.send(b"reply", datagram)
    reply, sender, number = await client.receive()
    assert (reply, number) == (b"reply", port.address[1])
    return datagram, sender


@pytest.mark.parametrize("host", LOOPBACKS)
async def test_a_socket_on_one_address_carries_both_ways(host: str) -> None:
    (port,) = ports(host, 0)
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
def test_an_empty_queue_does_not_block(host: str) -> None:
    for port in ports(host, 0):
        with pytest.raises(BlockingIOError):
            port.receive()
        port.close()


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "every address"])
@pytest.mark.parametrize("size", [0, 1, 512, 65507])
def test_datagrams_of_any_size_come_whole_and_apart_from_one_another(host: str, size: int) -> None:
    port, *others = ports(host, 0)
    with UdpClient() as client:
        for wire in (b"first" * 100, bytes(size), b"last"):
            client.send(wire, ("127.0.0.1", port.address[1]))
            assert received(port).wire == wire
    for each in (port, *others):
        each.close()


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux option")
@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["one address", "every address"])
def test_no_icmp_message_can_shrink_what_is_sent_and_the_queue_is_large(host: str) -> None:
    port, *others = ports(host, 0)
    mtu_discover, omit = 10, 5
    with socket.socket(fileno=os.dup(port.fileno())) as sock, socket.socket(type=socket.SOCK_DGRAM) as plain:
        assert sock.getsockopt(socket.IPPROTO_IP, mtu_discover) == omit
        largest = int(Path("/proc/sys/net/core/rmem_max").read_text())
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert granted == 2 * min(4 << 20, largest)
        assert granted >= plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    for each in (port, *others):
        each.close()
