from __future__ import annotations

import pytest

from kdns.cli.address import server_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 1053)),
        ("127.0.0.1:53", ("127.0.0.1", 53)),
        ("::1", ("::1", 1053)),
        ("[::1]", ("::1", 1053)),
        ("[::1]:53", ("::1", 53)),
        ("fe80::1%lo", ("fe80::1%lo", 1053)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
    ],
)
def test_an_address_may_have_a_port(text: str, expected: tuple[str, int]) -> None:
    assert server_address(text, 1053) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dns.test",
        "dns.test:53",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:dns",
        "127.0.0.1:-1",
        "127.0.0.1:\u0661",
        "[::1",
        "[::1]x",
        "[::1]1053",
        "[127.0.0.1]:53",
        ":53",
    ],
)
def test_what_is_no_address_is_a_mistake(text: str) -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        server_address(text, 1053)
