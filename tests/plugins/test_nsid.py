from __future__ import annotations

import socket

import dns.edns
import dns.message
import pytest

from kdns.errors import KdnsError
from tests.asking import Asked, rcode, serving

NSID = dns.edns.OptionType.NSID


def query(name: str = "example.", type: str = "ANY", *, payload: int = 1232) -> dns.message.Message:
    """A question that asks for the identifier as well."""
    return dns.message.make_query(name, type, use_edns=0, payload=payload, options=[dns.edns.GenericOption(NSID, b"")])


def identifiers(reply: dns.message.Message) -> list[bytes]:
    return [option.to_wire() for option in reply.options if option.otype == NSID]


async def identifier(asked: Asked) -> list[bytes]:
    return identifiers(await asked.exchange(query()))


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("nsid ns1", b"ns1"),
        ("nsid Use The Force", b"Use The Force"),
        ('nsid "Use  The" Force', b"Use  The Force"),
        ("nsid grün", "grün".encode()),
        (f"nsid {'x' * 128}", b"x" * 128),
    ],
)
async def test_who_asks_gets_the_identifier(line: str, data: bytes) -> None:
    async with serving(f". {{\n{line}\nany\n}}") as asked:
        assert await identifier(asked) == [data]


async def test_it_is_the_name_of_the_host_unless_said_otherwise() -> None:
    async with serving(". {\nnsid\nany\n}") as asked:
        assert await identifier(asked) == [socket.gethostname().encode()]


async def test_who_does_not_ask_does_not_get_it_though_others_got_the_same_answer() -> None:
    async with serving(". {\nnsid ns1\nany\n}") as asked:
        for _ in range(2):
            assert identifiers(await asked.ask("example.", "ANY")) == []
            assert identifiers(await asked.ask("example.", "ANY", edns=False)) == []
            assert await identifier(asked) == [b"ns1"]


async def test_replies_with_it_are_kept_too() -> None:
    async with serving(". {\nnsid ns1\nany\n}") as asked:
        for _ in range(3):
            assert await identifier(asked) == [b"ns1"]
        assert asked.plan.build.metrics.registry.get_sample_value("kdns_memo_hits_total") == 2


async def test_without_nsid_nobody_gets_one() -> None:
    async with serving(". {\nany\n}") as asked:
        assert await identifier(asked) == []


@pytest.mark.parametrize(
    ("plugin", "question", "code"),
    [("whoami", "x. A", "NOERROR"), ("errors", "x. A", "SERVFAIL"), ("local", "x.127.in-addr.arpa. A", "NXDOMAIN")],
)
async def test_every_kind_of_reply_has_it(plugin: str, question: str, code: str) -> None:
    async with serving(f". {{\nnsid ns1\n{plugin}\n}}") as asked:
        for tcp in (False, True):
            reply = await asked.exchange(query(*question.split()), tcp=tcp)
            assert (rcode(reply), identifiers(reply)) == (code, [b"ns1"])


async def test_with_the_longest_of_names_it_still_fits_into_512_bytes() -> None:
    name = ".".join(["x" * 63] * 3 + ["x" * 61]) + "."
    async with serving(f". {{\nnsid {'y' * 128}\nwhoami\n}}") as asked:
        reply = await asked.exchange(query(name, "TXT", payload=512))
        assert identifiers(reply) == [b"y" * 128]
        assert len(reply.to_wire()) <= 512


async def test_what_a_client_writes_into_the_option_is_not_sent_back() -> None:
    async with serving(". {\nnsid ns1\nany\n}") as asked:
        option = dns.edns.GenericOption(NSID, b"me")
        asks = dns.message.make_query("example.", "ANY", use_edns=0, options=[option])
        assert identifiers(await asked.exchange(asks)) == [b"ns1"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("nsid a\nnsid b", "nsid can stand only once in a server block"),
        ("nsid {\nx\n}", "'nsid' takes no block"),
        (f"nsid {'x' * 129}", "'nsid' takes an identifier of at most 128 bytes, not 129"),
    ],
)
async def test_mistakes_are_told(text: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        async with serving(f". {{\n{text}\n}}"):
            pass
    assert error in str(caught.value)
