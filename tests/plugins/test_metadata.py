from __future__ import annotations

from collections.abc import Callable, Mapping

import dns.message
import pytest

from kdns.chain import Keep, Peer, Query, Response, Scope, Transport, compose
from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.proto.decode import decode
from kdns.site import Build, Provider, Site

ANSWER = Response(by="below", keep=Keep(scope=Scope.EVERYBODY))


def site_of(lines: str, keys: str = ".") -> Site:
    (block,) = parse(f"{keys} {{\n{lines}\n}}", "Corefile", environ={}, disk=Local()).blocks
    return Site(block, Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0))


def query_for(name: str) -> Query:
    message = decode(dns.message.make_query(name, "A").to_wire())
    return Query(message, Peer("10.0.0.9", 40212), Peer("10.0.0.1", 53), Transport.udp, 0.0)


async def seen_below(site: Site, name: str) -> dict[str, str]:
    """The labels and values that a plugin below *metadata* reads; providers come up after its setup."""
    seen: dict[str, str] = {}

    async def below(query: Query) -> Response:
        seen.update({label: value() for label, value in query.metadata.items()})
        return ANSWER

    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    site.providers += [provider("test/name", lambda query: query.question.name.decode("latin-1"))]
    site.providers += [provider("test/client", lambda query: query.client.ip)]
    assert await compose([plugin], below)(query_for(name)) is ANSWER
    return seen


def provider(label: str, tell: Callable[[Query], str]) -> Provider:
    def labels(query: Query) -> Mapping[str, Callable[[], str]]:
        return {label: lambda: tell(query)}

    return labels


@pytest.mark.parametrize(
    ("keys", "lines", "name", "gathered"),
    [
        pytest.param(".", "metadata", "example.org.", True, id="the block's zone, the root"),
        pytest.param("example.org", "metadata", "www.example.org.", True, id="below the block's zone"),
        pytest.param("a.test b.test", "metadata", "x.b.test.", True, id="one of the block's zones"),
        pytest.param("a.test b.test", "metadata b.test", "x.b.test.", True, id="the zone that is said"),
        pytest.param("a.test b.test", "metadata B.test.", "X.B.TEST.", True, id="in any letters"),
        pytest.param("a.test b.test", "metadata b.test", "x.a.test.", False, id="another zone of the block"),
        pytest.param(".", "metadata b.test", "xb.test.", False, id="not at a label's border"),
        pytest.param(".", "metadata 10.0.0.0/8", "9.0.0.10.in-addr.arpa.", True, id="a network"),
    ],
)
async def test_labels_are_gathered_in_its_zones(keys: str, lines: str, name: str, gathered: bool) -> None:
    seen = await seen_below(site_of(lines, keys), name)
    assert sorted(seen) == (["test/client", "test/name"] if gathered else [])
    if gathered:
        assert seen["test/client"] == "10.0.0.9"


async def test_values_are_worked_out_when_somebody_reads_them() -> None:
    asked_for = []

    def tell(query: Query) -> str:
        asked_for.append(query)
        return "value"

    site = site_of("metadata")
    site.providers.append(provider("test/slow", tell))
    (directive,) = site.block.directives
    plugin = find(directive)(directive, site)
    assert plugin is not None
    query = query_for("example.org.")

    async def below(query: Query) -> Response:
        return ANSWER

    await compose([plugin], below)(query)
    assert asked_for == []
    assert query.metadata["test/slow"]() == "value"
    assert asked_for == [query]


async def test_of_two_providers_of_one_label_the_later_counts() -> None:
    site = site_of("metadata")
    site.providers += [provider("test/name", lambda query: f"first of {query.client}")]
    assert (await seen_below(site, "x."))["test/name"] == "\x01x\0"


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param("metadata {\n}", "Corefile:2: 'metadata' takes no block: remove its '{' and '}'", id="block"),
        pytest.param(
            "metadata a..b",
            "Corefile:2: 'metadata' takes zones: 'a..b' is no domain name: a label has 1 to 63 octets, not 0",
            id="no zone",
        ),
        pytest.param(
            "metadata\nmetadata",
            "Corefile:3: metadata can stand only once in a server block; it is already at Corefile:2",
            id="twice",
        ),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    site = site_of(lines)
    (directive,) = site.block.directives
    with pytest.raises(KdnsError) as caught:
        find(directive)(directive, site)
    assert str(caught.value) == error
