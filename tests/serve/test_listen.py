from __future__ import annotations

import errno
import logging
import socket

import pytest

from kdns.errors import PortError, StartError
from kdns.metrics import Metrics
from kdns.serve.listen import Mishaps, bind
from tests.serve.answering import Clock
from tests.serve.sockets import LOOPBACKS, needs_ipv6

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM
TYPES = [pytest.param(UDP, id="UDP"), pytest.param(TCP, id="TCP")]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> list[tuple[socket.AddressFamily, str, int]]:
    """(family, call, errno) of what the kernel shall refuse from now on."""
    refused: list[tuple[socket.AddressFamily, str, int]] = []
    real = socket.socket

    class Refusing(real):  # type: ignore[valid-type,misc]
        def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
            check(family, "socket")
            super().__init__(family, type, proto, fileno)

        def bind(self, address: object) -> None:
            check(self.family, "bind")
            super().bind(address)

    def check(family: int, call: str) -> None:
        for each, refused_call, number in refused:
            if (family, call) == (each, refused_call):
                raise OSError(number, "as the test wants")

    monkeypatch.setattr(socket, "socket", Refusing)
    return refused


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("host", LOOPBACKS)
def test_port_0_gets_a_port_and_the_socket_does_not_block(host: str, type: socket.SocketKind) -> None:
    (sock,) = bind(host, 0, type)
    with sock:
        assert sock.getsockname()[0] == host
        assert sock.getsockname()[1] > 0
        assert not sock.getblocking()


@pytest.mark.parametrize("type", TYPES)
@needs_ipv6
def test_no_host_is_every_address_of_both_families_on_one_port(type: socket.SocketKind) -> None:
    four, six = bind("", 0, type)
    with four, six:
        assert four.getsockname()[0] == "0.0.0.0"
        assert six.getsockname()[0] == "::"
        assert four.getsockname()[1] == six.getsockname()[1]


@pytest.mark.parametrize("type", TYPES)
def test_no_host_is_ipv4_alone_where_there_is_no_ipv6(
    type: socket.SocketKind, refuse: list[tuple[socket.AddressFamily, str, int]]
) -> None:
    refuse.append((socket.AF_INET6, "socket", errno.EAFNOSUPPORT))
    (four,) = bind("", 0, type)
    with four:
        assert four.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("host", LOOPBACKS)
def test_a_port_in_use_is_an_error_that_names_it(host: str, type: socket.SocketKind) -> None:
    (sock,) = bind(host, 0, type)
    with sock:
        port = sock.getsockname()[1]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        over = "TCP" if type == TCP else "UDP"
        with pytest.raises(PortError) as caught:
            bind(host, port, type)
    assert str(caught.value) == f"address {address} is in use: stop what listens there ({over}) or choose another port"
    assert caught.value.port == port


def test_the_same_port_can_be_bound_for_udp_and_tcp() -> None:
    (datagrams,) = bind("127.0.0.1", 0, UDP)
    with datagrams:
        (stream,) = bind("127.0.0.1", datagrams.getsockname()[1], TCP)
        stream.close()


@needs_ipv6
def test_where_the_second_family_fails_the_first_is_given_back() -> None:
    (six,) = bind("::", 0, UDP)
    with six:
        port = six.getsockname()[1]
        with pytest.raises(StartError, match="in use"):
            bind("", port, UDP)
        (four,) = bind("0.0.0.0", port, UDP)
        four.close()


def test_an_address_of_another_machine_is_an_error() -> None:
    with pytest.raises(StartError, match=r"^203\.0\.113\.53 is no address of this machine: bind one that is"):
        bind("203.0.113.53", 0, UDP)


@pytest.mark.parametrize("host", ["localhost", "example.org", "10.0.0.256", "eth0", " ", "::1::"])
def test_what_is_no_ip_address_is_an_error(host: str) -> None:
    with pytest.raises(StartError, match=f"^'{host}' is no IP address to listen on$"):
        bind(host, 0, TCP)


@pytest.mark.parametrize(
    ("call", "number", "says"),
    [
        ("bind", errno.EACCES, "no permission to bind port 53: run as root or with the capability"),
        ("bind", errno.EPERM, "no permission to bind port 53: "),
        ("bind", errno.EADDRINUSE, "address 127.0.0.1:53 is in use: "),
        ("bind", errno.EADDRNOTAVAIL, "127.0.0.1 is no address of this machine: "),
        ("socket", errno.EAFNOSUPPORT, "this machine has no IPv4, which 127.0.0.1:53 needs"),
        ("socket", errno.EMFILE, "cannot listen on 127.0.0.1:53 over UDP: as the test wants"),
    ],
)
def test_each_refusal_of_the_kernel_says_what_to_do(
    call: str, number: int, says: str, refuse: list[tuple[socket.AddressFamily, str, int]]
) -> None:
    refuse.append((socket.AF_INET, call, number))
    with pytest.raises(StartError) as caught:
        bind("127.0.0.1", 53, UDP)
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


def test_a_stream_s_port_can_be_bound_again_while_its_last_connections_die() -> None:
    (first,) = bind("127.0.0.1", 0, TCP)
    with socket.create_connection(first.getsockname()) as client:
        first.setblocking(True)
        served, _ = first.accept()
        served.close()
        assert client.recv(1) == b""
        port = first.getsockname()[1]
        first.close()
    (second,) = bind("127.0.0.1", port, TCP)
    second.close()


def test_replies_are_not_held_back_to_be_joined() -> None:
    (listening,) = bind("127.0.0.1", 0, TCP)
    with listening, socket.create_connection(listening.getsockname()):
        listening.setblocking(True)
        served, _ = listening.accept()
        with served:
            assert served.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_mishap_is_counted_each_time_and_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    metrics, clock = Metrics(), Clock()
    mishaps = Mishaps(metrics, clock)
    for _ in range(3):
        mishaps.tell(ValueError("no traceback"))
    assert metrics.registry.get_sample_value("coredns_panics_total") == 3
    assert [(record.levelno, record.name) for record in caplog.records] == [(logging.ERROR, "kdns.serve")]
    mishaps.tell(KeyError("another kind"))
    clock.now += 61
    mishaps.tell(ValueError("again"))
    assert len(caplog.records) == 3
