"""Records written the short way: those that `encode` writes."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from kdns.proto.brief import Brief, Pen
from kdns.proto.encode import LARGEST, encode
from kdns.proto.message import Message, Question, Reply
from kdns.proto.name import from_text
from kdns.proto.record import RRset, srv
from kdns.proto.types import Class, RRType

OWNER = from_text("Web.shop.svc.cluster.local")
PORT = from_text("_http._tcp")[:-1]
HEADERS = 10 + 4
FOUR, SIXTEEN = st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16)
LABELS = st.text("abC-_19", min_size=1, max_size=63).filter(lambda label: label.lower() not in {"_http", "_tcp"})
TTLS = st.integers(0, 2**31 - 1)


def written(name: bytes, type: int, answer: RRset, additional: tuple[RRset, ...] = ()) -> bytes:
    question = Question(name, name.lower(), type, Class.IN)
    body = encode(Message(0, 0, question, None, 0), Reply(answer=(answer,), additional=additional), LARGEST).body(0)
    return body[HEADERS + len(name) :]


@given(rdatas=st.lists(FOUR, min_size=1, max_size=20, unique=True), ttl=TTLS)
def test_addresses_are_what_encode_writes(rdatas: list[bytes], ttl: int) -> None:
    whole = written(OWNER, RRType.A, RRset(OWNER, RRType.A, ttl, tuple(rdatas)))
    assert b"".join(Pen(RRType.A, ttl).records(rdatas)) == whole
    assert b"".join(map(Pen(RRType.A, ttl).one, rdatas)) == whole


@given(labels=st.lists(LABELS, max_size=3), ttl=TTLS)
def test_a_pointer_is_what_encode_writes(labels: list[str], ttl: int) -> None:
    name, target = from_text("1.0.0.10.in-addr.arpa"), from_text(".".join([*labels, "Cluster", "local"]))
    answer = RRset(name, RRType.PTR, ttl, (target,))
    assert Pen(RRType.PTR, ttl).one(target) == written(name, RRType.PTR, answer)


@given(
    targets=st.lists(st.tuples(LABELS, FOUR | SIXTEEN), max_size=20, unique_by=lambda target: target[0].lower()),
    own=st.lists(FOUR, max_size=1) | st.tuples(FOUR, SIXTEEN),
    capitals=st.booleans(),
    room=st.integers(0, 1000),
    ttl=TTLS,
)
def test_targets_and_their_addresses_are_what_encode_writes(
    targets: list[tuple[str, bytes]], own: list[bytes] | tuple[bytes, bytes], capitals: bool, room: int, ttl: int
) -> None:
    heads = [(bytes((len(label),)) + label.encode(), address) for label, address in targets]
    heads += [(b"", address) for address in own]
    assume(heads)
    name = PORT + (OWNER.upper() if capitals else OWNER)
    rdatas = tuple(dict.fromkeys(srv(0, 50, 80, before + OWNER) for before, _ in heads))
    glue = [
        RRset(before + OWNER, RRType.A if len(address) == 4 else RRType.AAAA, ttl, (address,))
        for before, address in heads
    ]
    pen, brief = Pen(RRType.SRV, ttl), Brief("because", rdatas, heads, len(PORT))
    whole = written(name, RRType.SRV, RRset(name, RRType.SRV, ttl, rdatas), tuple(glue))
    assert b"".join([*pen.records(rdatas), *pen.glue(brief, LARGEST)]) == whole
    some, every = pen.glue(brief, room), pen.glue(brief, LARGEST)
    assert some == every[: len(some)]
    assert len(b"".join(some)) <= room
    assert some == every or len(b"".join(every[: len(some) + 1])) > room
