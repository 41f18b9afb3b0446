"""What is answered in one walk over a name: only what is a query, and never more than once before it is kept."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdns.chain import Transport
from kdns.kube.objects import Namespace, Object, Port, Service
from kdns.proto.glance import bare, glance
from kdns.proto.reverse import pack
from kdns.serve.denials import Denials
from kdns.serve.entry import Lying
from kdns.serve.first import first
from kdns.serve.lately import Lately
from tests.desk import Desk

T = TypeVar("T")
HTTP = (Port("http", 80),)
OBJECTS: list[Object] = [
    Namespace("shop"),
    *[Service("shop", f"w{n}", (pack(f"10.96.1.{n}"),), HTTP) for n in range(9)],
]
ASKED = [
    ("w{}.shop.svc.cluster.local", "A"),
    ("w{}.shop.svc.cluster.local", "AAAA"),
    ("_http._tcp.w{}.shop.svc.cluster.local", "SRV"),
    ("{}.1.96.10.in-addr.arpa", "PTR"),
    ("missing-{}.shop.svc.cluster.local", "A"),
    ("example.com.no-{}.svc.cluster.local", "A"),
]


async def taught() -> Desk:
    """It was asked for one of each."""
    own = Desk()
    own.store.update(OBJECTS)
    for name, type in ASKED:
        for edns in (False, 0):
            await own.ask(name.format(0), type, use_edns=edns)
    return own


def query(name: str, type: str, *, use_edns: bool) -> bytes:
    return dns.message.make_query(name, type, use_edns=0 if use_edns else False, id=1).to_wire()


def replied(own: Desk, wire: bytes) -> bytes | None:
    seen = bare(wire[2:])
    found = first(own.memo, seen, len(wire), Transport.udp) if seen is not None else None
    if found is None or isinstance(found, Lying):
        return found.body if found is not None else None
    whole = found()
    return whole.ready.body(0) if whole is not None else None


@pytest.mark.parametrize("edns", [False, True], ids=["-", "EDNS"])
@pytest.mark.parametrize(("name", "type"), ASKED)
async def test_it_is_answered_once_before_it_is_worth_keeping(name: str, type: str, edns: bool) -> None:
    own = await taught()
    wire = query(name.format(1), type, use_edns=edns)
    asked = bare(wire[2:])
    assert asked is not None
    once, twice = (first(own.memo, asked, len(wire), Transport.udp) for _ in range(2))
    assert isinstance(once, Lying)
    assert callable(twice)
    whole = twice()
    assert whole is not None
    assert dns.message.from_wire(wire).is_response(dns.message.from_wire(wire[:2] + once.body))
    assert whole.ready.body(0) == once.body


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"\5w1234\4shop\3svc\7cluster\5local\0", id="no such Service"),
        pytest.param(b"\2w1\4shop\3svc\7cluster\5Local\0", id="a capital"),
        pytest.param(b"\2w1\4shop\3svc\7cluster\5local\1x\0", id="another zone"),
        pytest.param(b"\x0cw1\4shop\3svc\7cluster\5local\0", id="labels of other lengths"),
        pytest.param(b"\xc2w1\4shop\3svc\7cluster\5local\0", id="a pointer"),
        pytest.param(b"\0\2w1\4shop\3svc\7cluster\5local\0", id="an end before"),
        pytest.param(b"\7cluster\5local\0", id="the zone itself"),
        pytest.param(b"\0", id="the root"),
        pytest.param(b"\3abc" * 60 + b"\2w1\4shop\3svc\7cluster\5local\0", id="no Service's name"),
        pytest.param((b"\x3f" + b"a" * 63) * 4 + b"\4shop\3svc\7cluster\5local\0", id="longer than a name"),
    ],
)
async def test_other_bytes_are_not_answered(name: bytes) -> None:
    own = await taught()
    own.memo.denials = Denials(0)
    assert replied(own, b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1") is None


async def test_nothing_is_answered_before_anything_is_known() -> None:
    own = Desk()
    for name, type in ASKED:
        assert replied(own, query(name.format(0), type, use_edns=False)) is None


@pytest.fixture(scope="module")
def own() -> Desk:
    return done(taught())


@given(
    place=st.integers(0, len(ASKED) - 1),
    edns=st.booleans(),
    changes=st.lists(st.tuples(st.integers(2, 300), st.integers(0, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 40),
)
@settings(max_examples=500, deadline=None)
def test_what_is_answered_is_a_query_and_the_answer_is_the_chain_s(
    own: Desk, place: int, edns: bool, changes: list[tuple[int, int]], cut: int
) -> None:
    name, type = ASKED[place]
    wire = bytearray(query(name.format(1), type, use_edns=edns))
    for at, octet in changes:
        wire[at % len(wire)] = octet
    sent = bytes(wire[: len(wire) - cut] if cut < 20 else wire)
    own.memo.lately = Lately()
    reply = replied(own, sent)
    if reply is not None:
        assert glance(sent) is not None
        assert sent[:2] + reply == chain_s(sent)


def chain_s(wire: bytes) -> bytes | None:
    """What comes of it where nothing is known of other names."""
    own = Desk()
    own.store.update(OBJECTS)
    return done(own.responder.respond(wire, ("192.0.2.1", 40000), ("127.0.0.1", 53), Transport.udp))


def done(coroutine: Coroutine[Any, Any, T]) -> T:
    """The value of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return finished.value  # type: ignore[no-any-return]
    raise AssertionError("an answer of the cluster waits for nothing")
