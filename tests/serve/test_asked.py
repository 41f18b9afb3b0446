from __future__ import annotations

import pytest

from kdns.chain import Query, Transport, nobody
from kdns.proto.decode import decode
from kdns.serve.asked import Asked, here
from kdns.serve.router import Served

WIRE = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"


@pytest.mark.parametrize(
    ("body", "reply"), [(b"\x80rest", b"\x12\x34\x80rest"), (None, None)], ids=["a reply", "silence"]
)
def test_a_reply_has_the_id_of_what_was_asked(body: bytes | None, reply: bytes | None) -> None:
    query = Query(decode(WIRE), here("192.0.2.1", 4000), here("192.0.2.2", 53), Transport.udp, 0.0)
    asked = Asked(query, Served(b"\0", "dns://:53", nobody, 1232), WIRE, 512)
    assert asked.reply(body) == reply


def test_an_address_that_is_asked_again_is_the_same() -> None:
    assert here("192.0.2.1", 53) is here("192.0.2.1", 53)
    assert str(here("2001:db8::1", 53)) == "[2001:db8::1]:53"
