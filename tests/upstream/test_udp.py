from __future__ import annotations

import asyncio
import socket
from collections import Counter
from random import Random, SystemRandom

import pytest

from kdns.proto.reply import Received
from kdns.upstream import udp
from kdns.upstream.address import Endpoint
from kdns.upstream.asking import Asking
from kdns.upstream.faults import Besieged
from tests.serve.sockets import needs_ipv6
from tests.upstream.questions import ask_for, lines_of, seeded
from tests.upstream.scripted import (
    Elsewhere,
    Script,
    Scripted,
    Seen,
    Sent,
    address,
    altered,
    good,
    reply,
    scripted,
    silent,
)

ANSWER = ["www.example.org. 60 IN A 192.0.2.1"]


async def ask(
    to: Endpoint, asking: Asking | None = None, *, random: Random | None = None, source: str = ""
) -> Received:
    return await udp.ask(
        to, asking or ask_for(), edns=True, random=random or SystemRandom(), source=source, stray=lambda: None
    )


async def counted(upstream: Scripted) -> tuple[list[str], int]:
    strays: list[None] = []
    found = await udp.ask(upstream.endpoint, ask_for(), edns=True, random=seeded(), stray=lambda: strays.append(None))
    return lines_of(*found.answer), len(strays)


async def test_the_reply_comes_back() -> None:
    async with scripted() as upstream:
        assert lines_of(*(await ask(upstream.endpoint)).answer) == ANSWER


def wrong_id(seen: Seen) -> list[Sent]:
    return [altered(seen, id=seen.id ^ 1), *good(seen)]


def wrong_name(seen: Seen) -> list[Sent]:
    return [altered(seen, question="www.example.com. 0 IN A 0.0.0.0"), *good(seen)]


def wrong_type(seen: Seen) -> list[Sent]:
    return [altered(seen, question="www.example.org. 0 IN AAAA ::"), *good(seen)]


def own_question(seen: Seen) -> list[Sent]:
    return [seen.wire, *good(seen)]


def garbage(seen: Seen) -> list[Sent]:
    return [seen.wire[:2] + b"\x81\x80", b"\0", seen.wire[:2] + b"\x81\x80" + b"\xff" * 40, *good(seen)]


def other_letters(seen: Seen) -> list[Sent]:
    return [reply(seen, *ANSWER).replace(b"\3www\7example", b"\3WWW\7eXample")]


@pytest.mark.parametrize(
    ("script", "strays"),
    [
        pytest.param(good, 0, id="good"),
        pytest.param(wrong_id, 1, id="wrong id"),
        pytest.param(wrong_name, 1, id="wrong name"),
        pytest.param(wrong_type, 1, id="wrong type"),
        pytest.param(own_question, 1, id="our question back"),
        pytest.param(garbage, 3, id="garbage"),
        pytest.param(lambda seen: [wrong_id(seen)[0]] * 15 + good(seen), 15, id="wrong ids"),
        pytest.param(lambda seen: [Elsewhere(address(seen)), *wrong_id(seen)], 1, id="another port, then a wrong id"),
    ],
)  # fmt: skip
async def test_what_is_no_reply_is_counted_and_waited_past(script: Script, strays: int) -> None:
    async with scripted(script) as upstream:
        assert await counted(upstream) == (ANSWER, strays)


async def test_a_reply_in_other_letters_counts() -> None:
    async with scripted(other_letters) as upstream:
        found = await ask(upstream.endpoint)
    assert len(found.answer) == 1


async def test_a_reply_from_another_port_is_not_even_seen() -> None:
    async with scripted(lambda seen: [Elsewhere(altered(seen)), *good(seen)]) as upstream:
        assert await counted(upstream) == (ANSWER, 0)


async def test_after_many_wrong_replies_none_is_believed() -> None:
    async with scripted(lambda seen: [wrong_id(seen)[0]] * 16 + good(seen)) as upstream:
        with pytest.raises(Besieged, match="sent 16 replies to other questions"):
            await ask(upstream.endpoint)


async def test_nobody_there_is_known_at_once() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        await ask(Endpoint("127.0.0.1", port))


async def test_who_waits_can_be_cancelled_and_leaves_nothing() -> None:
    async with scripted(silent) as upstream:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await ask(upstream.endpoint)
    assert len(upstream.seen) == 1


async def test_ids_and_ports_are_not_to_be_foreseen() -> None:
    """Of 3,000 draws out of 64,512 some 2.3 % meet another; ids alike. Each bit of both is set in half of them."""
    async with scripted() as upstream:
        for _ in range(3000):
            await ask(upstream.endpoint)
    for values in ([seen.port for seen in upstream.seen], [seen.id for seen in upstream.seen]):
        assert len(set(values)) > 0.95 * len(values)
        assert max(Counter(values).values()) < 6
        bits = [sum(value >> bit & 1 for value in values) for bit in range(16)]
        assert all(0.44 * len(values) < count < 0.56 * len(values) for count in bits)
    assert min(seen.port for seen in upstream.seen) >= 1024


class Stubborn(Random):
    """Always draws the same port."""

    def __init__(self, port: int) -> None:
        super().__init__(1)
        self._port = port

    def getrandbits(self, k: int) -> int:
        return -(-((self._port - 1024) << k) // 64512)


async def test_where_the_drawn_ports_are_taken_the_kernel_gives_one() -> None:
    async with scripted() as upstream:
        await ask(upstream.endpoint, random=Stubborn(upstream.port))
        assert upstream.seen[0].port != upstream.port


async def test_questions_come_from_the_address_that_is_wanted() -> None:
    """127.0.0.1 cannot be told from its neighbours by the scripted upstream, so a socket of our own listens."""
    with socket.socket(type=socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.setblocking(False)
        asked = asyncio.create_task(ask(Endpoint(*listening.getsockname()), source="127.0.0.9"))
        _, peer = await asyncio.get_running_loop().sock_recvfrom(listening, 4096)
        asked.cancel()
        await asyncio.wait([asked])
    assert peer[0] == "127.0.0.9"


async def test_an_address_that_is_not_ours_cannot_be_asked_from() -> None:
    with pytest.raises(OSError, match="assign requested address"):
        await ask(Endpoint("127.0.0.1", 53), source="192.0.2.1")


@needs_ipv6
async def test_ipv6_is_spoken() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as listening:
        listening.bind(("::1", 0))
        listening.setblocking(False)
        loop = asyncio.get_running_loop()
        asked = asyncio.create_task(ask(Endpoint("::1", listening.getsockname()[1]), source="127.0.0.1"))
        wire, peer = await loop.sock_recvfrom(listening, 4096)
        listening.sendto(wire[:2] + b"\x81\x83" + wire[4:], peer)
        assert (await asked).rcode == 3
