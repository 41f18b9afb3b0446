"""The reflector by client-go's own tests (tools/cache/reflector_test.go), named as they are there.

Lists and watches are played to it here; the same against a server, judged by answers: test_faults_*.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from kdns.kube.live.faults import ApiFault, Silent, Unreachable
from kdns.kube.live.listwatch import Event
from kdns.kube.live.reflector import Cause
from tests.kube.live.played import Answer, Played, Stream, asked, event, gaps, item, listing, play, stream

END = Event("BOOKMARK", "10", initial_end=True)
EXPIRED = ApiFault(410, "Expired", "too old resource version")
EXPIRED_EVENT = ApiFault(410, "Expired", in_stream=True)
TOO_MANY = ApiFault(429, "TooManyRequests", retry_after=1.0)
TOO_LARGE = ApiFault(504, "Timeout", "Too large resource version: 10, current: 5", 1.0)
BROKEN = ApiFault(500, "StoreReadError", in_stream=True)
INTERNAL = ApiFault(500, "InternalError")
UNSUPPORTED = ApiFault(422, "Invalid", "sendInitialEvents is forbidden")
CUT = Unreachable("cut")
REFUSED = Unreachable("refused", away=True)


# TestReflectorListAndWatch, ...WithErrors


async def test_list_and_watch() -> None:
    watch = [event("ADDED", "b", "11"), event("MODIFIED", "a", "12"), event("DELETED", "b", "13")]
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], [*watch, 400.0]])
    seen = await play(source, lambda _, reflector: reflector.version == "13")
    assert seen.names == {"a"}
    assert source.order[:3] == [("stream", ""), ("list", "0"), ("watch", "10")]
    assert seen.causes == [Cause.FIRST]


@pytest.mark.parametrize("error", [INTERNAL, TOO_MANY, CUT, REFUSED], ids=str)
async def test_list_and_watch_with_errors(error: Exception) -> None:
    source = Played(
        lists=[error, error, listing("10", "a", "b")],
        watches=[[UNSUPPORTED], [error], stream(event("DELETED", "b", "11"), CUT), [event("ADDED", "c", "12"), 400.0]],
    )
    seen = await play(source, lambda _, reflector: reflector.version == "12")
    assert seen.names == {"a", "c"}
    assert source.order[-3:] == [("watch", "10"), ("watch", "10"), ("watch", "11")]
    assert seen.causes == [Cause.FIRST]
    assert seen.failures


async def test_list_and_watch_init_conn_backoff() -> None:
    """0.8 s doubling to 30 s, each up to twice as long by chance."""
    source = Played(lists=[INTERNAL] * 8, watches=[[UNSUPPORTED]])
    await play(source, asked(source, 9, "list"))
    waits = gaps(source, "list")
    for wait, least in zip(waits[:5], (0.8, 1.6, 3.2, 6.4, 12.8), strict=False):
        assert least <= wait < 2 * least
    assert all(0.8 <= wait < 60 for wait in waits)


async def test_backoff_on_too_many_requests() -> None:
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], [TOO_MANY], [TOO_MANY], [TOO_MANY]])
    await play(source, asked(source, 4, "watch"))
    assert min(gaps(source, "watch")) >= 1.0


async def test_no_relist_on_too_many_requests() -> None:
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], *[[TOO_MANY]] * 20])
    await play(source, asked(source, 21, "watch"))
    assert source.order[1:] == [("list", "0"), *[("watch", "10")] * 21]


async def test_retry_internal_error() -> None:
    """A status is tried again at the same version, for as long as it takes; only an event leads to a list."""
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], *[[INTERNAL]] * 5])
    await play(source, asked(source, 6, "watch"))
    assert source.order[1:] == [("list", "0"), *[("watch", "10")] * 6]


async def test_resync_with_resource_version() -> None:
    """A relist asks for nothing older than what is known."""
    watches = [stream(UNSUPPORTED), stream(event("ADDED", "b", "11"), EXPIRED_EVENT)]
    source = Played(lists=[listing("10", "a"), listing("12", "a")], watches=watches)
    seen = await play(source, lambda seen, _: len(seen.causes) == 2)
    assert [version for what, version in source.order if what == "list"] == ["0", "11"]
    assert seen.names == {"a"}


@pytest.mark.parametrize("error", [EXPIRED, TOO_LARGE], ids=["ExpiredExactResourceVersion", "FullListIfTooLarge"])
async def test_a_version_that_cannot_be_listed_gives_way_to_the_latest(error: ApiFault) -> None:
    source = Played(
        lists=[listing("10", "a"), error, listing("12", "b")],
        watches=[[UNSUPPORTED], [EXPIRED]],
    )
    seen = await play(source, lambda seen, _: len(seen.causes) == 2)
    listed = [each for each in source.asked if each.what == "list"]
    assert [each.version for each in listed] == ["0", "10", ""]
    assert listed[2].time == listed[1].time, "at once"
    assert seen.names == {"b"}
    assert set() not in seen.states, "never empty between"


@pytest.mark.parametrize("error", [EXPIRED, TOO_LARGE], ids=["expired", "too large"])
async def test_full_list_that_fails_too_is_waited_for(error: ApiFault) -> None:
    source = Played(lists=[listing("10", "a"), error, error, listing("12", "b")], watches=[[UNSUPPORTED], [EXPIRED]])
    seen = await play(source, lambda seen, _: len(seen.causes) == 2)
    assert seen.names == {"b"}


async def test_watch_timeout() -> None:
    """5 to 10 minutes, drawn anew for each watch."""
    watches = [stream(event("MODIFIED", "a", str(number)), 400.0) for number in range(11, 60)]
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], *watches])
    await play(source, asked(source, 40, "watch"), 40_000)
    seconds = [each.seconds for each in source.asked if each.what == "watch"]
    assert all(300 <= each <= 600 for each in seconds)
    assert len(set(seconds)) == len(seconds)
    assert min(seconds) < 360
    assert max(seconds) > 540


async def test_where_nothing_happens_watches_are_short_and_become_long_again() -> None:
    quiet = stream(23.0, Event("BOOKMARK", "20"))
    busy = stream(event("MODIFIED", "a", "21"), 300.0)
    source = Played(
        lists=[listing("10", "a")], watches=[[UNSUPPORTED], [25.0, Silent("silent")], quiet, quiet, busy, [1.0, CUT]]
    )
    await play(source, asked(source, 5, "watch"))
    seconds = [each.seconds for each in source.asked if each.what == "watch"]
    assert [each < 25 for each in seconds] == [False, True, True, True, False]


@pytest.mark.parametrize(
    ("watch", "version"),
    [
        pytest.param([event("ADDED", "b", "11"), Event("BOOKMARK", "15")], "15", id="bookmark"),
        pytest.param([event("ADDED", "b", "11"), event("DELETED", "a", "14")], "14", id="the end of an object"),
        pytest.param([Event("BOOKMARK", "")], "10", id="a bookmark without"),
        pytest.param([Event("ADDED", "12", None, error="unreadable")], "12", id="an object that is passed over"),
        pytest.param([Event("OTHER", "13", item("b", "13"))], "13", id="a type that nobody knows"),
    ],
)
async def test_resource_version_update(watch: list[Event], version: str) -> None:
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], [*watch, 2.0], [2.0]])
    await play(source, asked(source, 2, "watch"))
    assert [each.version for each in source.asked if each.what == "watch"] == ["10", version]


async def test_replaces_store_on_unsafe_delete() -> None:
    source = Played(lists=[listing("10", "a", "b"), listing("12", "a")], watches=[[UNSUPPORTED], [BROKEN]])
    seen = await play(source, lambda seen, _: len(seen.causes) == 2)
    assert seen.causes == [Cause.FIRST, Cause.BROKEN]
    assert seen.names == {"a"}


async def test_a_defect_of_ours_does_not_end_it() -> None:
    source = Played(
        lists=[listing("10", "a"), listing("12", "a", "b")], watches=[[UNSUPPORTED], [ValueError("defect")]]
    )
    seen = await play(source, lambda seen, _: seen.names == {"a", "b"})
    assert [str(each) for each in seen.failures] == ["defect"]


# TestWatchList

ADDED = [event("ADDED", "a", "9"), event("ADDED", "b", "10")]


class Case(NamedTuple):
    """Streams and lists that are played; what was asked for, and what is held in the end."""

    watches: Iterable[Stream]
    lists: list[Answer]
    order: list[tuple[str, str]]
    names: set[str]


CASES = {
    "a stream, then events on it": Case(
        [[*ADDED, END, event("ADDED", "c", "11"), 400.0]], [], [("stream", "")], {"a", "b", "c"}
    ),
    "not supported": Case(
        [[UNSUPPORTED], [event("ADDED", "c", "11"), 400.0]],
        [listing("10", "a")],
        [("stream", ""), ("list", "0"), ("watch", "10")],
        {"a", "c"},
    ),
    "bad request": Case(
        [[ApiFault(400, "BadRequest")], [event("ADDED", "c", "11"), 400.0]],
        [listing("10", "a")],
        [("stream", ""), ("list", "0"), ("watch", "10")],
        {"a", "c"},
    ),
    "cut before its end": Case(
        [[ADDED[0], CUT], [event("ADDED", "c", "11"), 400.0]],
        [listing("10", "b")],
        [("stream", ""), ("list", "0"), ("watch", "10")],
        {"b", "c"},
    ),
    "ended before its end": Case(
        [ADDED, [event("ADDED", "c", "11"), 400.0]],
        [listing("10", "b")],
        [("stream", ""), ("list", "0"), ("watch", "10")],
        {"b", "c"},
    ),
    "silent before its end": Case(
        [[*ADDED, 25.0, Silent("silent")], [event("ADDED", "c", "11"), 400.0]],
        [listing("10", "b")],
        [("stream", ""), ("list", "0"), ("watch", "10")],
        {"b", "c"},
    ),
    "cut after its end": Case(
        [[*ADDED, END, CUT], [event("ADDED", "c", "11"), 400.0]],
        [],
        [("stream", ""), ("watch", "10")],
        {"a", "b", "c"},
    ),
    "expired after its end": Case(
        [[*ADDED, END, EXPIRED_EVENT], [event("ADDED", "z", "20"), Event("BOOKMARK", "20", initial_end=True), 400.0]],
        [],
        [("stream", ""), ("stream", "10")],
        {"z"},
    ),
    "an object that cannot be read": Case(
        [[ADDED[0], Event("ADDED", "8", None, error="unreadable"), END, event("ADDED", "c", "11"), 400.0]],
        [],
        [("stream", "")],
        {"a", "c"},
    ),
    "nothing there": Case([[END, event("ADDED", "c", "11"), 400.0]], [], [("stream", "")], {"c"}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_watch_list(case: Case) -> None:
    source = Played(lists=case.lists, watches=case.watches)
    seen = await play(source, lambda _, reflector: reflector.version in {"11", "20"})
    assert source.order == case.order
    assert seen.names == case.names


async def test_a_part_of_a_streamed_list_is_never_shown() -> None:
    source = Played(
        watches=[[*ADDED, END, EXPIRED_EVENT], [event("ADDED", "z", "20"), CUT]], lists=[listing("21", "a")]
    )
    seen = await play(source, lambda seen, _: len(seen.causes) == 2)
    assert all("z" not in names for names in seen.states)
    assert set() not in seen.states


# Ours


async def test_a_server_that_is_behind_is_listed_at_its_latest() -> None:
    source = Played(lists=[listing("10", "a", "b"), listing("5", "a")], watches=[[UNSUPPORTED], [CUT]], heads=["5"])
    seen = await play(source, lambda seen, _: len(seen.causes) == 2)
    assert seen.causes == [Cause.FIRST, Cause.BACKWARDS]
    assert [version for what, version in source.order if what == "list"] == ["0", ""]
    assert seen.names == {"a"}


async def test_a_watch_that_ends_as_it_should_raises_no_doubt() -> None:
    turns = [stream(event("MODIFIED", "a", str(number)), 300.0) for number in range(11, 31)]
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], *turns])
    await play(source, asked(source, 21, "watch"), 10_000)
    assert [each for each in source.asked if each.what == "head"] == []


async def test_watches_that_end_at_once_with_nothing_are_an_error() -> None:
    """client-go's "very short watch": without it a server that does this is asked for ever without a pause."""
    source = Played(lists=[listing("10", "a")], watches=[[UNSUPPORTED], *[[]] * 5])
    await play(source, asked(source, 6, "watch"))
    assert min(gaps(source, "watch")) >= 0.8


MANY = [f"n{number}" for number in range(120)]


async def test_the_first_stream_is_taken_in_as_it_comes() -> None:
    source = Played(watches=[stream(*(event("ADDED", name, "9") for name in MANY), 5.0, END, 400.0)])
    seen = await play(source, lambda seen, _: len(seen.causes) == 1)
    assert [len(state) for state in seen.states] == [50, 100, 120]
    assert (seen.differed, seen.names) == ([120], set(MANY))


async def test_a_first_stream_that_breaks_leaves_nothing_that_the_next_list_does_not_have() -> None:
    watches = [stream(*(event("ADDED", name, "9") for name in MANY), CUT), [400.0]]
    source = Played(lists=[listing("10", *MANY[20:], "new")], watches=watches)
    seen = await play(source, lambda seen, _: len(seen.causes) == 1)
    assert seen.names == {*MANY[20:], "new"}
    assert all(seen.names & set(MANY) <= state for state in seen.states[2:]), "nothing that exists is missing between"


async def test_what_was_refused_at_first_is_not_taken_in_before_it_is_whole() -> None:
    """Meanwhile answers are made without it: a part of it would be less than what they know."""
    refused = ApiFault(403, "Forbidden")
    adding = [event("ADDED", name, "9") for name in MANY]
    source = Played(watches=[[refused], stream(*adding, CUT), [400.0]])
    seen = await play(source, lambda *_: len(source.asked) == 3)
    assert seen.states == []


async def test_a_later_stream_is_compared_as_a_whole() -> None:
    first: list[Event | Exception | float] = [*(event("ADDED", name, "9") for name in MANY), END, EXPIRED_EVENT]
    again: list[Event | Exception | float] = [
        *(event("ADDED", name, "11") for name in MANY[20:]),
        Event("BOOKMARK", "12", initial_end=True),
        400.0,
    ]
    seen = await play(Played(watches=[stream(*first), stream(*again)]), lambda seen, _: len(seen.causes) == 2)
    assert seen.names == set(MANY[20:])
    assert all(len(state) in {100, 120} for state in seen.states[2:]), "what changed and what is gone: at once"
