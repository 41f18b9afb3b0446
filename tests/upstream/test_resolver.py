from __future__ import annotations

import pytest

from kdns.errors import StartError
from kdns.upstream.address import Host
from kdns.upstream.resolver import by_servers
from tests.upstream.questions import seeded
from tests.upstream.scripted import Seen, Sent, altered, reply, scripted, silent

HOST = Host("dns.example.org")


def knows(seen: Seen) -> list[Sent]:
    """Both kinds of address, behind an alias; with an address of somebody else."""
    alias, end = f"{seen.name} 60 IN CNAME end.example.net.", "end.example.net. 60 IN"
    if seen.message.question[0].rdtype == 28:
        return [reply(seen, alias, f"{end} AAAA fd00::1")]
    return [reply(seen, alias, f"{end} A 192.0.2.1", f"{end} A 192.0.2.2", "evil.test. 60 IN A 203.0.113.66")]


async def test_the_addresses_of_a_host_are_asked_of_a_server_named_for_it() -> None:
    async with scripted(knows) as upstream:
        found = await by_servers(HOST, [upstream.endpoint], seeded())
    assert found == ("192.0.2.1", "192.0.2.2", "fd00::1")


async def test_where_the_first_does_not_answer_the_next_is_asked() -> None:
    async with scripted(silent) as one, scripted(knows) as other:
        assert len(await by_servers(HOST, [one.endpoint, other.endpoint], seeded())) == 3


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (silent, r"cannot be resolved: .*i/o timeout"),
        (lambda seen: [reply(seen, rcode="NXDOMAIN")], "has no addresses, its resolver says"),
        (lambda seen: [altered(seen, id=seen.id ^ 1)], "cannot be resolved"),
    ],
)
async def test_a_host_without_addresses_keeps_the_server_from_starting(script: object, text: str) -> None:
    async with scripted(script) as upstream:  # type: ignore[arg-type]
        with pytest.raises(StartError, match=rf"^forward: the host 'dns\.example\.org' {text}"):
            await by_servers(HOST, [upstream.endpoint], seeded())
