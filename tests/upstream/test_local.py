from __future__ import annotations

import pytest

from kdns.upstream.local import is_local
from tests.serve.sockets import needs_ipv6


@pytest.mark.parametrize(
    ("ip", "ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53", True),
        ("0.0.0.0", True),
        ("192.0.2.1", False),
        ("2001:db8::1", False),
        ("nonsense", False),
        pytest.param("::1", True, marks=needs_ipv6),
    ],
)
def test_an_address_is_ours_if_one_can_listen_on_it(ip: str, ours: bool) -> None:
    assert is_local(ip) is ours
