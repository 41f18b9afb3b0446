from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import dns.message
import pytest

from kdns.cli import query
from kdns.errors import StartError
from tests.processes import PATIENCE, Kdns, free_port, serving


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Where a real one serves the examples."""
    with serving("serve", "examples", "--port", "0", "--metrics", "off") as running:
        ip, port = running.address()
        yield f"{ip}:{port}"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(
            ["cart.shop.svc.cluster.local"], 0, ["cart.shop.svc.cluster.local. 5 IN A 10.96.20.20"], id="an address"
        ),
        pytest.param(
            ["cart.shop.svc.cluster.local.", "aaaa"],
            0,
            ["cart.shop.svc.cluster.local. 5 IN AAAA fd00:10:96::20"],
            id="a type in small letters",
        ),
        pytest.param(
            ["10.96.20.20"],
            0,
            ["20.20.96.10.in-addr.arpa. 5 IN PTR cart.shop.svc.cluster.local."],
            id="an address's name",
        ),
        pytest.param(["fd00:10:96::20"], 0, [" 5 IN PTR cart.shop.svc.cluster.local."], id="an IPv6 address's name"),
        pytest.param(
            ["10.96.20.20", "A"],
            0,
            [
                "20.20.96.10.in-addr.arpa. IN A",
                "option EDE 0 (Other): the address exists, but has no records of this type",
            ],
            id="an address with a type",
        ),
        pytest.param(
            ["queue.shop.svc.cluster.local", "A"],
            1,
            ["rcode NXDOMAIN", "option EDE 0 (Other): Service shop/queue has no ready endpoints (1 not ready)"],
            id="why there is no such name",
        ),
        pytest.param(["elsewhere.test"], 1, ["rcode REFUSED", "flags QR RD"], id="outside"),
        pytest.param(
            ["cluster.local", "TYPE65280"], 0, ["cluster.local. IN TYPE65280", "flags QR AA RD"], id="a number"
        ),
    ],
)
@pytest.mark.parametrize("over", ["UDP", "TCP"])
def test_it_shows_the_reply(
    kdns: Kdns, server: str, arguments: list[str], code: int, expected: list[str], over: str
) -> None:
    name, *type = arguments
    flags = ["--server", server, *(["--tcp"] if over == "TCP" else [])]
    ran = kdns("query", name, *flags, *type)
    assert (ran.code, ran.err) == (code, "")
    for line in expected:
        assert line in ran.out
    ip, _, port = server.partition(":")
    assert ran.out.splitlines()[-1].startswith(f";SERVER {ip} port {port}, {over}, ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["a..b"], "empty", id="no name"),
        pytest.param(["a.test", "NOTYPE"], "unknown", id="no type"),
        pytest.param(["a.test", "--server", "dns.test"], "no address of a server", id="no address"),
        pytest.param(["a.test", "--server", "127.0.0.1:x"], "no address of a server", id="no port"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(kdns: Kdns, arguments: list[str], told: str) -> None:
    code, out, err = kdns("query", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("kdns query: ")
    assert told in err.lower()


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        pytest.param([], "127.0.0.1 port 1053", id="none"),
        pytest.param(["--server", "127.0.0.9"], "127.0.0.9 port 1053", id="no port"),
        pytest.param(["--server", "::1"], "::1 port 1053", id="no port, IPv6"),
        pytest.param(["--server", "[::1]"], "::1 port 1053", id="no port, IPv6 in brackets"),
        pytest.param(["--server", "[::1]:53"], "::1 port 53", id="a port"),
    ],
)
def test_the_port_is_that_of_kdns_serve_unless_it_is_said(
    kdns: Kdns, monkeypatch: pytest.MonkeyPatch, arguments: list[str], asked: str
) -> None:
    def ask(message: object, server: object, *, tcp: bool) -> NoReturn:
        raise StartError(str(server))

    monkeypatch.setattr(query, "_ask", ask)
    assert kdns("query", "a.test", *arguments) == (1, "", f"kdns: {asked}\n")
    assert "1053" in kdns("query", "-h").out


def test_a_name_is_needed(kdns: Kdns) -> None:
    assert kdns("query").code == 2


@contextmanager
def answering(reply: bytes, *, tcp: bytes | None = None) -> Iterator[str]:
    """A server that answers one question: over UDP with the id and these bytes, over TCP with those."""
    with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as stream:
        port = free_port()
        udp.bind(("127.0.0.1", port))
        stream.bind(("127.0.0.1", port))
        stream.listen()
        for sock in (udp, stream):
            sock.settimeout(PATIENCE)

        def answer() -> None:
            wire, client = udp.recvfrom(4096)
            udp.sendto(wire[:2] + reply, client)

        def answer_stream() -> None:
            connection, _ = stream.accept()
            with connection:
                wire = connection.recv(4096)[2:]
                if not wire:
                    return
                message = dns.message.make_response(dns.message.from_wire(wire)).to_wire() if tcp is None else tcp
                connection.sendall(len(message).to_bytes(2) + message if message else b"")

        threads = [threading.Thread(target=target) for target in (answer, answer_stream)]
        for thread in threads:
            thread.start()
        yield f"127.0.0.1:{port}"
        udp.sendto(b"", udp.getsockname())  # whoever was not asked is woken by nothing at all
        socket.create_connection(stream.getsockname()).close()
        for thread in threads:
            thread.join()


def test_a_reply_that_is_cut_is_asked_for_again_over_tcp(kdns: Kdns) -> None:
    cut = dns.message.make_response(dns.message.make_query("a.test", "A"))
    cut.flags |= 0x200
    with answering(cut.to_wire()[2:]) as server:
        ran = kdns("query", "a.test", "--server", server)
    assert (ran.code, ran.err) == (0, "")
    assert ", TCP, " in ran.out.splitlines()[-1]


def test_a_reply_that_is_nonsense_is_one_line(kdns: Kdns) -> None:
    with answering(b"nonsense") as server:
        code, out, err = kdns("query", "a.test", "--server", server)
    assert (code, out) == (1, "")
    ip, _, port = server.partition(":")
    assert err.startswith(f"kdns: the reply from {ip} port {port} cannot be read: ")


def test_a_connection_that_ends_without_a_reply_is_one_line(kdns: Kdns) -> None:
    with answering(b"", tcp=b"") as server:
        code, out, err = kdns("query", "a.test", "--tcp", "--server", server)
    assert (code, out) == (1, "")
    assert err.startswith("kdns: ")
    assert err.count("\n") == 1


def test_nobody_there_is_one_line(kdns: Kdns) -> None:
    port = free_port()
    told = f"kdns: 127.0.0.1 port {port} cannot be asked: Connection refused\n"
    assert kdns("query", "a.test", "--tcp", "--server", f"127.0.0.1:{port}") == (1, "", told)


def test_silence_is_one_line(kdns: Kdns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "_TIMEOUT", 0.05)
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        told = f"kdns: no reply from 127.0.0.1 port {port} in 0.05 seconds\n"
        assert kdns("query", "a.test", "--server", f"127.0.0.1:{port}") == (1, "", told)
