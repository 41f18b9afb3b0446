"""Records written the short way: those that `encode` writes, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.encode import LARGEST, encode
from kdns.proto.message import Message, Question, Reply
from kdns.proto.name import from_text
from kdns.proto.record import RRset, addresses, rrset, srv
from kdns.proto.single import single
from kdns.proto.types import Class, RRType

NAMES = st.sampled_from(
    [
        "web.shop.svc.cluster.local",
        "_http._tcp.Web.shop.svc.cluster.local",
        "cluster.local",
        "local",
        "1.0.0.10.in-addr.arpa",
        "a.arpa",
        r"x\007cluster.local",
        ".",
    ]
).map(from_text)
FOUR = addresses(b"\0", 5, [b"\x0a\0\0\1"]).rdatas
ADDITIONAL = st.lists(
    st.builds(
        RRset, NAMES, st.just(int(RRType.A)), st.just(5), st.sampled_from([FOUR, (*FOUR, b"\x0a\0\0\2")]), st.just(1)
    ),
    max_size=3,
)


def answered(name: bytes, type: int, target: bytes) -> RRset:
    """A record of a type, one that leads to a name if it has one."""
    rdata = {RRType.A: FOUR[0], RRType.SRV: srv(0, 100, 80, target)}.get(RRType(type), target)
    return rrset(name, type, 30, [rdata])


@given(
    name=NAMES,
    capitals=st.booleans(),
    type=st.sampled_from([RRType.A, RRType.SRV, RRType.PTR, RRType.CNAME]),
    target=NAMES,
    additional=ADDITIONAL,
)
def test_what_is_written_is_what_encode_writes(
    name: bytes, capitals: bool, type: int, target: bytes, additional: list[RRset]
) -> None:
    asked = name.upper() if capitals else name
    question = Question(asked, asked.lower(), type, Class.IN)
    answer = answered(asked, type, target)
    written = single(question, answer, additional)
    if written is not None:
        reply = Reply(answer=(answer,), additional=tuple(additional))
        body = encode(Message(0, 0, question, None, 0), reply, LARGEST).body(0)
        assert body[10 + len(asked) + 4 :] == written


@pytest.mark.parametrize(
    ("name", "answer", "additional"),
    [
        pytest.param("web.local", RRset(b"\3web\5local\0", 1, 5, (*FOUR, b"\x0a\0\0\2")), [], id="several records"),
        pytest.param("web.local", answered(from_text("web.local"), 5, from_text("local")), [], id="an alias"),
        pytest.param(
            "1.arpa", answered(from_text("1.arpa"), 12, from_text("2.arpa")), [], id="a name of the same tree"
        ),
        pytest.param(
            "web.local", answered(from_text("web.local"), 12, from_text("x.org")), [], id="a pointer elsewhere"
        ),
        pytest.param(
            "web.local",
            answered(from_text("web.local"), 33, from_text("x.web.local")),
            [addresses(from_text("x.web.local"), 5, FOUR)],
            id="a name below",
        ),
    ],
)
def test_what_takes_more_is_left_to_encode(name: str, answer: RRset, additional: list[RRset]) -> None:
    asked = from_text(name)
    assert single(Question(asked, asked, answer.type, Class.IN), answer, additional) is None
    assert single(Question(asked, asked, 1, Class.IN), addresses(asked, 5, FOUR)) is not None
