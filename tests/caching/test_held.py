"""What is kept of a response, and its time."""

from __future__ import annotations

import gc
import tracemalloc

import dns.message
import pytest

from kdns.caching.held import Held, held, key_of, with_ttl
from kdns.caching.kind import Kind
from kdns.caching.store import Store
from kdns.chain import Keep, Peer, Query, Response, Transport
from kdns.errors import KdnsError
from kdns.proto.decode import decode
from kdns.proto.record import RRset
from tests.asking import Clock
from tests.caching.kept import address_of, keep, key


def query(**more: object) -> Query:
    wire = dns.message.make_query("Www.Example.org.", "A", **more).to_wire()  # type: ignore[arg-type]
    return Query(decode(wire), Peer("192.0.2.1", 1), Peer("192.0.2.2", 53), Transport.udp, 0.0)


@pytest.mark.parametrize(
    ("more", "do", "cd"),
    [
        ({}, False, False),
        ({"use_edns": 0}, False, False),
        ({"want_dnssec": True}, True, False),
        ({"flags": 0x0110}, False, True),
        ({"flags": 0x0120}, False, False),
    ],
    ids=["plain", "EDNS", "DO", "CD", "AD"],
)
def test_a_key_has_what_the_records_depend_on(more: dict[str, object], do: bool, cd: bool) -> None:
    found = key_of(query(**more))
    assert found == (b"\x03www\x07example\x03org\x00", 1, 1, do, cd)


def test_ttls_count_down_in_whole_seconds_to_the_end() -> None:
    found = keep(now=1000.0, life=10.0, stale=5.0)
    seen = [(now, found.left(now), found.is_fresh(now)) for now in (1000.0, 1000.9, 1001.0, 1009.9, 1010.0, 1014.0)]
    assert seen == [
        (1000.0, 10, True),
        (1000.9, 10, True),
        (1001.0, 9, True),
        (1009.9, 1, True),
        (1010.0, 0, False),
        (1014.0, 0, False),
    ]
    assert (found.ends, found.gone_at) == (1010.0, 1015.0)


def test_questions_are_counted_without_a_gap() -> None:
    found = keep()
    seen = []
    for now, number in [(1000.0, 1), (1010.0, 1), (1020.0, 5), (1030.1, 2), (1035.0, 1)]:
        found.count(now, number, gap=10.0)
        seen.append(found.hits)
    assert seen == [1, 2, 7, 2, 3]


def test_what_was_for_one_client_is_not_kept() -> None:
    response = Response(
        answer=(address_of(1, ttl=300),),
        authoritative=True,
        authentic=True,
        recursion=True,
        options=((3, b"ns1"),),
        turn=0,
        keep=Keep(depends_on=frozenset("a"), tallies=(print,)),
        by="forward",
        error=KdnsError("why"),
    )
    foreign, own = (held(response, Kind.SUCCESS, 1000.0, 30.0, 0.0, own=own) for own in (False, True))
    assert foreign.response == own.response
    assert foreign.response == Response(
        answer=(address_of(1, ttl=30),), authoritative=True, authentic=True, recursion=True, by="cache"
    )
    assert (foreign.depends_on, own.depends_on) == (frozenset("a"), frozenset())


def test_all_sections_get_the_ttl() -> None:
    sections = [(address_of(number, ttl),) for number, ttl in enumerate((10, 20, 30))]
    found = with_ttl(Response(answer=sections[0], authority=sections[1], additional=sections[2]), 7, Keep())
    assert [rrset.ttl for rrset in (*found.answer, *found.authority, *found.additional)] == [7, 7, 7]


def many(count: int) -> list[Held]:
    """Each with two RRsets of its own."""
    made = []
    for number in range(count):
        target = key(number + 1_000_000).name
        answer = (RRset(key(number).name, 5, 60, (target,)), address_of(number)._replace(owner=target))
        made.append(Held(Response(answer=answer), Kind.SUCCESS, 1000.0, 60.0))
    return made


def test_sizes_are_about_what_python_takes() -> None:
    store = Store(10_000, 1 << 40, Clock(), lambda _: None)
    gc.collect()
    tracemalloc.start()
    try:
        for number, each in enumerate(many(2000)):
            store.put(key(number), each)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.8 < store.size / taken < 1.5
