"""The chain of plugins, and what it says may be kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.chain import (
    Denial,
    Handler,
    Hit,
    Keep,
    Peer,
    Plugin,
    Query,
    Response,
    Scope,
    Sent,
    Transport,
    compose,
    denier,
    failure,
    handlers,
    nobody,
)
from kdns.errors import StartError
from kdns.proto.message import Message, Question
from kdns.proto.name import from_text
from kdns.proto.types import EDE, RCode

NAME = b"\x04Test\0"
QUERY = Query(
    Message(1, 0, Question(NAME, NAME.lower(), 1, 1), None, 22),
    Peer("192.0.2.1", 40000),
    Peer("192.0.2.53", 53),
    Transport.udp,
    0.0,
)


@pytest.mark.parametrize(
    ("ip", "text", "family"),
    [
        pytest.param("192.0.2.1", "192.0.2.1:53", 1, id="IPv4"),
        pytest.param("2001:db8::1", "[2001:db8::1]:53", 2, id="IPv6"),
        pytest.param("fe80::1%eth0", "[fe80::1%eth0]:53", 2, id="IPv6 with its scope"),
    ],
)
def test_a_peer_has_a_text_and_a_family(ip: str, text: str, family: int) -> None:
    peer = Peer(ip, 53)
    assert (str(peer), peer.family) == (text, family)


def test_a_query_has_the_question_of_its_message() -> None:
    assert QUERY.question.name == NAME


def marking(mark: str, seen: list[str]) -> Plugin:
    """A plugin that writes its mark on the way down, and adds it to `by` on the way up."""

    def wrap(next: Handler) -> Handler:
        async def handle(query: Query) -> Response:
            seen.append(mark)
            response = await next(query)
            return replace(response, by=response.by + mark)

        return handle

    return wrap


async def test_a_question_meets_the_plugins_in_order_and_the_response_in_reverse() -> None:
    seen: list[str] = []

    async def last(query: Query) -> Response:
        seen.append("last")
        return Response(by="last ")

    handler = compose([marking("a", seen), marking("b", seen), marking("c", seen)], last)
    response = await handler(QUERY)
    assert (seen, response.by) == (["a", "b", "c", "last"], "last cba")


async def test_plugins_are_made_once_not_for_each_question() -> None:
    made = 0

    def plugin(next: Handler) -> Handler:
        nonlocal made
        made += 1
        return next

    handler = compose([plugin])
    await handler(QUERY)
    await handler(QUERY)
    assert made == 1


async def test_where_no_plugin_answers_the_reply_is_servfail_with_a_reason() -> None:
    response = await compose([])(QUERY)
    assert response == await nobody(QUERY)
    assert (response.rcode, response.by) == (RCode.SERVFAIL, "")
    assert response.ede is not None
    assert response.ede.text == "no plugin of the server block answers this question"


class Empty:
    """A name without names below it."""

    def absent(self, label: bytes) -> bool:  # noqa: ARG002
        return True

    def ended_by(self, label: bytes) -> frozenset[Hashable]:  # noqa: ARG002
        return frozenset()


DENIAL = Denial(nobody, from_text("example."), Empty(), None, frozenset())


def test_a_changed_copy_says_nothing_of_other_names() -> None:
    response = Response(rcode=RCode.NXDOMAIN).denying(DENIAL)
    assert response.denial is DENIAL
    assert replace(response, authoritative=True).denial is None


@pytest.mark.parametrize(
    "fields",
    [{}, {"rcode": RCode.SERVFAIL}, {"keep": Keep(until=5.0), "by": "b", "authentic": True}, {"turn": 0, "answer": ()}],
    ids=lambda fields: " ".join(fields) or "nothing",
)
def test_a_response_is_changed_as_replace_does_it(fields: dict[str, Any]) -> None:
    response = Response(rcode=RCode.NXDOMAIN, by="a", recursion=True).denying(DENIAL)
    changed = response.changed(**fields)
    assert (changed, changed.denial) == (replace(response, **fields), None)
    assert (response.rcode, response.denial) == (RCode.NXDOMAIN, DENIAL)


def test_one_that_is_counted_is_the_same_otherwise() -> None:
    response = Response(rcode=RCode.NXDOMAIN, by="a").denying(DENIAL)
    told = response.told(print)
    assert (told.denial, told.keep.tallies) == (DENIAL, (print,))
    assert replace(told, keep=Keep()) == replace(response)


class Passing:
    """A handler that treats all names alike."""

    same_for_all_names = True

    def __init__(self, next: Handler) -> None:
        self._next = next

    async def __call__(self, query: Query) -> Response:
        return await self._next(query)


def test_denials_are_those_of_the_first_that_does_not_treat_all_names_alike() -> None:
    chain = handlers([Passing, Passing, marking("a", []), Passing])
    assert denier(chain) is chain[2]
    assert denier(handlers([Passing])) is nobody


async def test_an_exception_goes_up_through_plugins_that_do_not_catch_it() -> None:
    async def last(query: Query) -> Response:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await compose([marking("a", [])], last)(QUERY)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        pytest.param(StartError("no upstream is reachable"), "no upstream is reachable", id="one of ours"),
        pytest.param(KeyError("secret"), "a plugin failed; the log says more", id="a defect tells no details"),
    ],
)
def test_a_failure_is_a_servfail_that_carries_its_error(error: Exception, sentence: str) -> None:
    response = failure(error)
    assert (response.rcode, response.error, response.ede) == (RCode.SERVFAIL, error, (EDE.OTHER, sentence))
    assert response.keep.scope is Scope.NOBODY


def test_what_says_nothing_is_kept_for_nobody() -> None:
    assert Response().keep == Keep(scope=Scope.NOBODY)


keeps = st.builds(
    Keep,
    scope=st.sampled_from(Scope),
    until=st.none() | st.floats(0, 1e9),
    depends_on=st.frozensets(st.sampled_from("abcd")),
)
narrowings = st.fixed_dictionaries(
    {},
    optional={
        "scope": st.sampled_from(Scope),
        "until": st.none() | st.floats(0, 1e9),
        "depends_on": st.frozensets(st.sampled_from("abcd")),
    },
)


def ends(until: float | None) -> float:
    return float("inf") if until is None else until


@given(keeps, narrowings)
def test_narrowing_never_widens(keep: Keep, by: dict[str, object]) -> None:
    narrow = keep.narrowed(**by)  # type: ignore[arg-type]
    asked = Keep(**({"scope": Scope.EVERYBODY} | by))  # type: ignore[arg-type]
    assert narrow.scope == max(keep.scope, asked.scope)
    assert ends(narrow.until) == min(ends(keep.until), ends(asked.until))
    assert narrow.depends_on == keep.depends_on | asked.depends_on


@given(keeps, narrowings, narrowings)
def test_the_order_of_narrowings_does_not_matter(keep: Keep, one: dict[str, object], other: dict[str, object]) -> None:
    assert keep.narrowed(**one).narrowed(**other) == keep.narrowed(**other).narrowed(**one)  # type: ignore[arg-type]


@given(keeps)
def test_narrowing_by_nothing_changes_nothing(keep: Keep) -> None:
    assert keep.narrowed() == keep


def test_narrowing_keeps_who_counts_who_watches_and_the_serial() -> None:
    keep = Keep(tallies=(count,), each=(watch,), serial=lambda: 7)
    narrow = keep.narrowed(scope=Scope.NOBODY, until=1.0, depends_on=frozenset({"a"}))
    assert (narrow.tallies, narrow.each, narrow.serial) == (keep.tallies, keep.each, keep.serial)


@pytest.mark.parametrize(
    ("add", "who"),
    [
        pytest.param(lambda keep, one: keep.told(one).tallies, [print, repr], id="told"),
        pytest.param(lambda keep, one: keep.shown(one).each, [print, repr], id="shown"),
    ],
)
def test_who_wants_to_know_is_added_behind_the_others(
    add: Callable[[Keep, object], tuple[object, ...]], who: list[object]
) -> None:
    first, second = who
    keep = Keep(tallies=add(Keep(), first), each=add(Keep(), first))  # type: ignore[arg-type]
    assert add(keep, second) == (first, second)


def count(sent: Sent) -> None:
    raise NotImplementedError


def watch(hit: Hit) -> None:
    raise NotImplementedError
