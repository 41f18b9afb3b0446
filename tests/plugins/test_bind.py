from __future__ import annotations

import ipaddress
import socket

import ifaddr
import pytest

from kdns.corefile.block import Directive
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.plugins.bind import addresses, host_interfaces
from kdns.site import Build, Site

HOST = {
    "lo": ("127.0.0.1", "::1"),
    "eth0": ("10.0.0.5", "10.0.0.6", "fd00::5", "fe80::5%eth0"),
    "eth1": (),
}


def site_of(lines: str) -> Site:
    (block,) = parse(f". {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


def line_of(lines: str) -> Directive:
    (directive,) = site_of(lines).block.directives
    return directive


def binds_of(lines: str) -> list[str]:
    site = site_of(lines)
    (directive,) = site.block.directives
    assert find(directive)(directive, site) is None
    return site.binds


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param("bind 10.0.0.5", ["10.0.0.5"], id="an address"),
        pytest.param("bind 169.254.20.10 10.96.0.10", ["169.254.20.10", "10.96.0.10"], id="two addresses"),
        pytest.param("bind 0:0::1", ["::1"], id="an IPv6 address in another spelling"),
        pytest.param("bind fe80::9%eth0", ["fe80::9%eth0"], id="a link-local address with its scope"),
        pytest.param("bind 0.0.0.0 ::", ["0.0.0.0", "::"], id="the wildcards"),
        pytest.param("bind lo", ["127.0.0.1", "::1"], id="an interface"),
        pytest.param(
            "bind eth0",
            ["10.0.0.5", "10.0.0.6", "fd00::5", "fe80::5%eth0"],
            id="an interface of many addresses",
        ),
        pytest.param("bind lo 10.0.0.5", ["127.0.0.1", "::1", "10.0.0.5"], id="an interface and an address"),
        pytest.param("bind lo ::1 127.0.0.1", ["127.0.0.1", "::1"], id="each once"),
        pytest.param("bind eth1 lo", ["127.0.0.1", "::1"], id="one interface has no address yet"),
        pytest.param("bind lo {\nexcept 127.0.0.1\n}", ["::1"], id="except an address"),
        pytest.param("bind lo {\nexcept 0::1\n}", ["127.0.0.1"], id="except in another spelling"),
        pytest.param("bind lo eth0 {\nexcept eth0\n}", ["127.0.0.1", "::1"], id="except an interface"),
        pytest.param(
            "bind eth0 {\nexcept 10.0.0.5\nexcept fd00::5 fe80::5%eth0\n}",
            ["10.0.0.6"],
            id="except on two lines",
        ),
        pytest.param("bind lo {\nexcept 10.9.9.9 eth1\n}", ["127.0.0.1", "::1"], id="except what is not there"),
        pytest.param("bind lo {\n}", ["127.0.0.1", "::1"], id="an empty block"),
    ],
)
def test_a_line_says_where_to_listen(lines: str, expected: list[str]) -> None:
    assert addresses(line_of(lines), HOST) == expected


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param(
            "bind",
            "Corefile:2: 'bind' takes at least 1 argument, not 0: bind ADDRESS|INTERFACE...",
            id="nothing",
        ),
        pytest.param(
            "bind eht0",
            "Corefile:2: 'eht0' is neither an address nor an interface of this host; did you mean 'eth0'?",
            id="a slip",
        ),
        pytest.param(
            "bind 10.0.0.300",
            "Corefile:2: '10.0.0.300' is neither an address nor an interface of this host",
            id="no address",
        ),
        pytest.param(
            "bind 10.0.0.5:5353",
            "Corefile:2: '10.0.0.5:5353' is neither an address nor an interface of this host: "
            "the port is said in the zone, as in '.:5353'",
            id="a port",
        ),
        pytest.param(
            "bind 10.0.0.0/8",
            "Corefile:2: '10.0.0.0/8' is neither an address nor an interface of this host",
            id="a network",
        ),
        pytest.param(
            "bind lo {\nexcept\n}",
            "Corefile:3: 'except' takes at least 1 argument, not 0: except ADDRESS|INTERFACE...",
            id="except nothing",
        ),
        pytest.param(
            "bind lo {\nexcept lo9\n}",
            "Corefile:3: 'lo9' is neither an address nor an interface of this host; did you mean 'lo'?",
            id="except a slip",
        ),
        pytest.param(
            "bind lo {\nexclude ::1\n}",
            "Corefile:3: 'bind' has no option 'exclude'; did you mean 'except'? (it has except)",
            id="another option",
        ),
        pytest.param(
            "bind lo {\nexcept lo\n}",
            "Corefile:2: 'except' takes out every address: nothing is left to listen on",
            id="nothing is left",
        ),
        pytest.param(
            "bind eth1",
            "Corefile:2: interface 'eth1' has no address: there is nothing to listen on",
            id="an interface without addresses",
        ),
        pytest.param(
            "bind first \\\n  second",
            "Corefile:2: 'first' is neither an address nor an interface of this host\n"
            "Corefile:3: 'second' is neither an address nor an interface of this host",
            id="two mistakes, each at its word",
        ),
    ],
)
def test_mistakes_are_told_with_the_line_of_the_word(lines: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        addresses(line_of(lines), HOST)
    assert str(caught.value) == error


def test_lines_add_up_in_their_order() -> None:
    assert binds_of("bind 127.0.0.1\nbind ::1 127.0.0.1\nbind 10.0.0.5") == ["127.0.0.1", "::1", "10.0.0.5"]


def test_except_holds_for_its_own_line() -> None:
    lines = "bind 127.0.0.1 ::1 {\nexcept 127.0.0.1\n}\nbind 127.0.0.1"
    assert binds_of(lines) == ["::1", "127.0.0.1"]


def test_a_block_without_bind_listens_everywhere() -> None:
    assert site_of("whoami").binds == []


def test_an_interface_has_its_labelled_addresses_and_link_local_ones_their_scope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    eth0 = [ifaddr.IP("10.0.0.5", 24, "eth0"), ifaddr.IP(("fe80::5", 0, 2), 64, "eth0")]
    eth0.append(ifaddr.IP(("fd00::5", 0, 0), 64, "eth0"))
    adapters = [
        ifaddr.Adapter("eth0", "eth0", eth0, 2),
        ifaddr.Adapter("eth1", "eth1", [], 3),
        ifaddr.Adapter("eth0:1", "eth0:1", [ifaddr.IP("10.0.0.6", 24, "eth0:1")]),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda include_unconfigured: adapters if include_unconfigured else [])
    assert host_interfaces() == {"eth0": ("10.0.0.5", "fe80::5%eth0", "fd00::5", "10.0.0.6"), "eth1": ()}


@pytest.mark.skipif("lo" not in dict(socket.if_nameindex()).values(), reason="no interface 'lo' here")
def test_the_interfaces_of_this_host_are_known_by_name() -> None:
    assert set(dict(socket.if_nameindex()).values()) <= set(host_interfaces())
    assert "127.0.0.1" in binds_of("bind lo")


def test_what_an_interface_of_this_host_has_can_be_bound() -> None:
    usable = [ip for ips in host_interfaces().values() for ip in ips]
    assert usable
    for ip in usable:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            info = socket.getaddrinfo(ip, 0, family, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)
            sock.bind(info[0][4])
            assert ipaddress.ip_address(sock.getsockname()[0].partition("%")[0]) == ipaddress.ip_address(
                ip.partition("%")[0]
            )
