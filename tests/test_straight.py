"""The straight way through a chain is the chain's: the same handlers, in the same order, with the same response."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.chain import Handler, Peer, Query, Response, Transport, failure
from kdns.errors import KdnsError
from kdns.proto.message import Message, Question
from kdns.proto.types import RCode
from kdns.straight import Land, Up, Way, as_it_is, way

QUERY = Query(
    Message(1, 0, Question(b"\1a\0", b"\1a\0", 1, 1), None, 19),
    Peer("192.0.2.1", 1),
    Peer("192.0.2.2", 53),
    Transport.udp,
    0.0,
)
Trail = list[str]


@dataclass
class Passing:
    """Leaves its name on the way down and up; fails, answers or wants to be awaited where it is told to."""

    next: Handler
    name: str
    does: str
    trail: Trail
    catches: bool = False

    async def __call__(self, query: Query) -> Response:
        said = self._begun()
        if isinstance(said, Response):
            return said
        try:
            response = await self.next(query)
        except Exception as error:
            if not self.catches:
                raise
            response = failure(error)
        return self._up(query, response)

    def down(self, query: Query) -> Response | Up | None:  # noqa: ARG002
        said = self._begun()
        return None if self.does == "wait" else said or self._up

    def _begun(self) -> Response | None:
        self.trail.append(f"{self.name} down")
        if self.does == "fail down":
            raise KdnsError(self.name)
        return Response(by=self.name) if self.does == "answer" else None

    def _up(self, query: Query, response: Response) -> Response:  # noqa: ARG002
        self.trail.append(f"{self.name} up")
        if self.does == "fail up":
            raise KdnsError(self.name)
        return response.changed(by=f"{response.by} {self.name}")


@dataclass
class Elsewhere:
    """Has somebody asked who answers, or fails, when he is let; or says that it has to be awaited."""

    does: str
    trail: Trail
    lands: list[Land] = field(default_factory=list)

    async def __call__(self, query: Query) -> Response:  # noqa: ARG002
        self.trail.append("asked")
        if self.does == "fail":
            raise KdnsError("elsewhere")
        return Response(rcode=RCode.NXDOMAIN, by="elsewhere")

    def begin(self, query: Query, land: Land) -> bool:  # noqa: ARG002
        if self.does == "wait":
            return False
        self.trail.append("asked")
        self.lands.append(land)
        return True

    def answer(self) -> None:
        for land in self.lands:
            land(KdnsError("elsewhere") if self.does == "fail" else Response(rcode=RCode.NXDOMAIN, by="elsewhere"))


def chain_of(does: list[tuple[str, bool]], end: str, trail: Trail) -> tuple[list[Handler], Elsewhere]:
    last = Elsewhere(end, trail)
    chain: list[Handler] = [last]
    for number, (what, catches) in reversed(list(enumerate(does))):
        chain.insert(0, Passing(chain[0], f"p{number}", what, trail, catches))
    return chain, last


def gone(does: list[tuple[str, bool]], end: str = "answer") -> tuple[bool, list[Response], Trail]:
    trail: Trail = []
    chain, last = chain_of(does, end, trail)
    found = way(chain)
    assert found is not None
    landed: list[Response] = []
    went = found.begin(QUERY, landed.append)
    last.answer()
    return went, landed, trail


async def awaited(does: list[tuple[str, bool]], end: str) -> tuple[Response, Trail]:
    trail: Trail = []
    chain, _ = chain_of(does, end, trail)
    try:
        return await chain[0](QUERY), trail
    except KdnsError as error:  # as the server makes of it
        return failure(error), trail


WHATS = st.sampled_from(["", "", "answer", "fail up"])


@given(st.lists(st.tuples(WHATS, st.booleans()), max_size=6), st.sampled_from(["answer", "fail"]))
def test_it_is_the_same_as_awaiting_the_chain(does: list[tuple[str, bool]], end: str) -> None:
    went, landed, trail = gone(does, end)
    expected, expected_trail = asyncio.run(awaited(does, end))
    (response,) = landed
    assert went
    assert (response.by, response.rcode, str(response.error)) == (expected.by, expected.rcode, str(expected.error))
    assert trail == expected_trail


def test_nothing_lands_before_somebody_has_answered() -> None:
    trail: Trail = []
    chain, last = chain_of([("", False)], "answer", trail)
    found, landed = way(chain), list[Response]()
    assert found is not None
    assert found.begin(QUERY, landed.append)
    assert (landed, trail) == ([], ["p0 down", "asked"])
    last.answer()
    assert [response.by for response in landed] == ["elsewhere p0"]


def test_whoever_wants_to_be_awaited_ends_it_and_nobody_was_asked() -> None:
    assert gone([("", False), ("wait", False), ("", False)]) == (False, [], ["p0 down", "p1 down"])
    assert gone([("", False)], "wait") == (False, [], ["p0 down"])


def test_what_fails_on_the_way_down_is_for_the_chain_to_come_by_again() -> None:
    with pytest.raises(KdnsError, match="p1"):
        gone([("", True), ("fail down", False)])


async def plain(query: Query) -> Response:
    return Response()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_who_has_to_be_awaited_leaves_the_chain_without_a_way(place: int) -> None:
    chain, _ = chain_of([("", False), ("", False)], "answer", [])
    chain[place] = plain
    assert way(chain) is None


def test_what_comes_after_who_asks_elsewhere_is_no_part_of_it() -> None:
    chain, last = chain_of([("", False)], "answer", [])
    assert way([*chain, plain]) == Way((chain[0].down,), (False,), last.begin)  # type: ignore[attr-defined]
    assert way([plain]) is None
    assert way([]) is None


def test_as_it_is_changes_nothing() -> None:
    response = Response()
    assert as_it_is(QUERY, response) is response
