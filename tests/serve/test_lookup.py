from __future__ import annotations

from dataclasses import replace

import pytest

from kdns.chain import Peer, Query, Response, Transport
from kdns.proto.message import Message, Question
from kdns.proto.name import from_text
from kdns.proto.types import Flag, RCode, RRType
from kdns.serve.lookup import lookup_in
from kdns.serve.router import Router, Served

ZONE, INNER = from_text("example.org."), from_text("inner.example.org.")
NAME = from_text("Www.inner.example.org.")


def a_query(depth: int = 0) -> Query:
    question = Question(b"\1a\0", b"\1a\0", RRType.A, 1)
    message = Message(7, Flag.RD, question, None, 19)
    peer = Peer("192.0.2.1", 4000)
    return Query(message, peer, peer, Transport.udp, 1.0, b"\0", "dns://:53", {"a/b": str}, depth=depth)


class Zones:
    """A router of two zones, and what they were asked."""

    def __init__(self) -> None:
        self.asked: list[Query] = []
        served = (Served(zone, f"dns://:{port}", self._answer, 1232) for zone, port in ((ZONE, 53), (INNER, 54)))
        self.lookup = lookup_in(Router({each.zone: each for each in served}))

    async def _answer(self, query: Query) -> Response:
        self.asked.append(query)
        return Response(by="zones")


async def test_the_server_block_of_the_longest_zone_is_asked_for_the_same_client() -> None:
    zones, query = Zones(), a_query()
    assert (await zones.lookup(query, NAME, RRType.AAAA)).by == "zones"
    (asked,) = zones.asked
    assert asked.question == Question(NAME, NAME.lower(), RRType.AAAA, 1)
    assert (asked.zone, asked.server, asked.depth, asked.metadata) == (INNER, "dns://:54", 1, {})
    again = replace(asked, message=query.message, zone=query.zone, server=query.server, depth=0)
    assert replace(again, metadata=query.metadata) == query


async def test_a_name_that_nobody_serves_is_refused() -> None:
    zones = Zones()
    assert (await zones.lookup(a_query(), from_text("example.com."), RRType.A)).rcode == RCode.REFUSED
    assert not zones.asked


@pytest.mark.parametrize(("depth", "rcode"), [(7, RCode.NOERROR), (8, RCode.SERVFAIL)])
async def test_names_that_lead_on_and_on_come_to_an_end(depth: int, rcode: RCode) -> None:
    zones = Zones()
    assert (await zones.lookup(a_query(depth), NAME, RRType.A)).rcode == rcode
