"""The memo by itself; how the responder uses it: test_responder.py and tests/test_memo_property.py."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import dns.edns
import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.chain import Keep, Scope, Transport
from kdns.proto.decode import decode
from kdns.proto.encode import encode
from kdns.proto.message import Message, Reply
from kdns.proto.name import from_text
from kdns.proto.record import RRset, Soa, addresses, soa
from kdns.proto.reverse import pack
from kdns.proto.types import RRType
from kdns.serve.entry import Alias, Entry, Firsts, Lying
from kdns.serve.memo import Memo
from tests.serve.answering import Clock

UDP, TCP = Transport.udp, Transport.tcp
WHOLE = 65535
EVERYBODY = Keep(scope=Scope.EVERYBODY)
WEB = frozenset({"web"})


def query(name: str = "web.example.", type: str = "A", **edns: object) -> bytes:
    """A query with RD; EDNS where anything is said of it."""
    if edns:
        edns = {"use_edns": 0, **edns}
    return dns.message.make_query(name, type, id=0x1234, **edns).to_wire()  # type: ignore[arg-type]


def reply(message: Message, *ips: str, limit: int = WHOLE, turn: int | None = None, additional: int = 0) -> Reply:
    name = message.question.name
    extra = tuple(addresses(from_text(f"glue-{place}.example."), 5, [pack("10.9.9.9")]) for place in range(additional))
    return Reply(answer=(addresses(name, 5, map(pack, ips or ("10.0.0.1",))),), additional=extra, turn=turn)


class Desk:
    """A memo, its clock, and a way to keep an answer to a query."""

    def __init__(self, capacity: int = 1 << 20) -> None:
        self.clock = Clock()
        self.memo = Memo(capacity, self.clock)

    def keep(
        self,
        wire: bytes,
        keep: Keep = EVERYBODY,
        *ips: str,
        limit: int = WHOLE,
        since: int | None = None,
        turn: int | None = None,
        additional: int = 0,
    ) -> Entry | None:
        message = decode(wire)
        ready = encode(message, reply(message, *ips, turn=turn, additional=additional), limit)
        epoch = self.memo.epoch if since is None else since
        return self.memo.keep(message, ready, keep, limit=limit, since=epoch)

    def alias(self, entry: Entry | None, wire: bytes, transport: Transport = UDP) -> None:
        assert entry is not None
        self.memo.alias(entry, wire, transport)

    def has(self, wire: bytes, limit: int = WHOLE) -> bool:
        return self.memo.find(decode(wire), limit) is not None


def ips(wire: bytes, body: bytes) -> list[str]:
    message = dns.message.from_wire(wire[:2] + body)
    return [record.to_text() for rrset in message.answer for record in rrset]


@pytest.fixture
def desk() -> Desk:
    return Desk()


# What is one answer.


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(query("WEB.Example."), True, id="letters"),
        pytest.param(dns.message.make_query("web.example.", "A", id=9).to_wire(), True, id="id"),
        pytest.param(query("api.example."), False, id="name"),
        pytest.param(query("web.example.", "AAAA"), False, id="type"),
        pytest.param(query(payload=1232), False, id="edns"),
        pytest.param(dns.message.make_query("web.example.", "A", flags=0).to_wire(), False, id="no RD"),
        pytest.param(
            dns.message.make_query("web.example.", "A", flags=dns.flags.RD | dns.flags.CD).to_wire(), False, id="CD"
        ),
        pytest.param(
            dns.message.make_query("web.example.", "A", flags=dns.flags.RD | dns.flags.AD).to_wire(), True, id="AD"
        ),
    ],
)
def test_an_answer_is_for_all_whose_reply_would_be_the_same(desk: Desk, other: bytes, same: bool) -> None:
    desk.keep(query())
    assert desk.has(query())
    assert desk.has(other) is same


def test_do_and_not_do_are_two_answers_and_payloads_and_options_are_not(desk: Desk) -> None:
    desk.keep(query(payload=1232))
    assert desk.has(query(payload=4096))
    assert desk.has(query(payload=1232, options=[dns.edns.CookieOption(bytes(8), b"")]))
    assert not desk.has(query(payload=1232, want_dnssec=True))


@pytest.mark.parametrize("scope", Scope)
def test_only_what_is_for_everybody_is_kept(desk: Desk, scope: Scope) -> None:
    kept = desk.keep(query(), Keep(scope=scope))
    assert (kept is not None) == desk.has(query()) == (scope is Scope.EVERYBODY)


def test_a_newer_answer_takes_the_place_of_the_older(desk: Desk) -> None:
    older = desk.keep(query(), EVERYBODY, "10.0.0.1")
    desk.alias(older, query())
    size = desk.memo.size
    newer = desk.keep(query(), EVERYBODY, "10.0.0.2")
    assert len(desk.memo) == 1
    assert desk.memo.known(query(), UDP) is None
    desk.alias(newer, query())
    assert desk.memo.known(query(), UDP) is newer
    assert desk.memo.size == size


# Until when.


def test_an_answer_ends_at_its_time(desk: Desk) -> None:
    desk.alias(desk.keep(query(), replace(EVERYBODY, until=desk.clock.now + 5)), query())
    desk.clock.now += 4.9
    assert desk.has(query())
    assert desk.memo.known(query(), UDP)
    desk.clock.now += 0.1
    assert desk.memo.known(query(), UDP) is None
    assert not desk.has(query())
    assert (len(desk.memo), desk.memo.size) == (0, 0)


def test_without_a_time_it_stays(desk: Desk) -> None:
    desk.keep(query())
    desk.clock.now += 1e9
    assert desk.has(query())


# A change.


def test_a_change_ends_what_was_made_from_it_and_nothing_else(desk: Desk) -> None:
    names = {"web.example.": WEB, "api.example.": {"api"}, "both.example.": {"web", "api"}, "free.example.": set()}
    for name, keys in names.items():
        desk.alias(desk.keep(query(name), replace(EVERYBODY, depends_on=frozenset(keys))), query(name))
    assert desk.memo.forget(["web", "unheard-of"]) == 2
    left = [name for name in names if desk.has(query(name))]
    assert left == [name for name in names if desk.memo.known(query(name), UDP)] == ["api.example.", "free.example."]
    assert desk.memo.forget(["web"]) == 0
    assert desk.memo.forget(["api"]) == 1
    assert desk.has(query("free.example."))


def test_an_answer_begun_before_a_change_is_not_kept_if_it_depends_on_anything(desk: Desk) -> None:
    since = desk.memo.epoch
    desk.memo.forget(["something"])
    assert desk.keep(query(), replace(EVERYBODY, depends_on=WEB), since=since) is None
    assert desk.keep(query("free.example."), since=since) is not None
    assert desk.keep(query(), replace(EVERYBODY, depends_on=WEB)) is not None


def test_nothing_is_left_of_what_was_forgotten(desk: Desk) -> None:
    for place in range(50):
        keys = frozenset({place, place % 7, "all"})
        wire = query(f"n{place}.example.")
        desk.alias(desk.keep(wire, replace(EVERYBODY, depends_on=keys)), wire)
    desk.memo.forget([3])
    desk.memo.forget(["all"])
    assert empty(desk.memo)


def empty(memo: Memo) -> bool:
    held = (memo._probation, memo._main, memo._on_probation, memo._dependents, memo._cut, memo._numbered)  # noqa: SLF001
    return memo.size == 0 and not any((*held, *memo.ready.values()))


# Letting go.


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("ips", [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"]], ids=["one", "in turns"])
def test_what_is_dropped_is_gone_without_a_garbage_collection(ips: list[str]) -> None:
    """Collections are rare, and what is alive when a cluster was taken in is left out of all of them."""
    desk, others = Desk(20_000), _entries()  # which stay, so that nobody gets their place
    for number in range(100):
        for transport in Transport:
            wire = query(f"web-{number}.example.", payload=1232)
            entry = desk.keep(wire, EVERYBODY, *ips, turn=0 if ips[1:] else None)
            desk.alias(entry, wire, transport)
            alias = desk.memo.ready[transport][wire[2:]]
            for asked in (wire, wire + bytes(4)):
                assert desk.memo.like(alias, asked[2:])
        if number == 50:
            desk.memo.forget(["something"])
    del entry, alias
    assert 0 < len(_entries()) - len(others) == len(desk.memo) < 20


def _entries() -> list[Entry]:
    """All there are, those that earlier tests have left as well."""
    return [each for each in gc.get_objects() if isinstance(each, Entry)]


def test_one_that_is_used_no_more_lets_go_a_few_at_a_time(desk: Desk) -> None:
    for number in range(5):
        wire = query(f"web-{number}.example.")
        desk.alias(desk.keep(wire, replace(EVERYBODY, depends_on=WEB)), wire)
    assert [desk.memo.shed(2) for _ in range(4)] == [True, True, False, False]
    assert empty(desk.memo)


# By bytes.


def test_the_same_bytes_are_known_whatever_their_id_on_the_transport_that_asked(desk: Desk) -> None:
    wire = query()
    entry = desk.keep(wire)
    desk.alias(entry, wire)
    assert desk.memo.known(b"\xff\xff" + wire[2:], UDP) is entry
    assert desk.memo.known(wire, TCP) is None
    desk.alias(entry, wire, TCP)
    assert desk.memo.known(wire, TCP) is entry


@pytest.mark.parametrize(
    ("wire", "plain"),
    [
        pytest.param(query(), True, id="plain"),
        pytest.param(query(payload=1232), True, id="edns"),
        pytest.param(query(payload=1232, want_dnssec=True), True, id="do"),
        pytest.param(query("wEb.example."), False, id="letters"),
        pytest.param(query(payload=1232, options=[dns.edns.CookieOption(bytes(8), b"")]), False, id="a cookie"),
    ],
)
def test_only_what_plain_clients_send_is_known_by_its_bytes(desk: Desk, wire: bytes, plain: bool) -> None:
    desk.alias(desk.keep(wire), wire)
    assert (desk.memo.known(wire, UDP) is not None) is plain


def test_an_answer_is_known_by_a_few_bytes_only(desk: Desk) -> None:
    wires = [query(payload=size) for size in range(1000, 1020)]
    entry = desk.keep(wires[0])
    for wire in wires:
        desk.alias(entry, wire)
    known = [wire for wire in wires if desk.memo.known(wire, UDP)]
    assert known == wires[:8]
    desk.memo.forget([])
    assert desk.memo.size > 0


def test_bytes_do_not_lead_to_an_answer_that_is_gone(desk: Desk) -> None:
    gone = desk.keep(query(), replace(EVERYBODY, depends_on=WEB))
    desk.memo.forget(["web"])
    desk.alias(gone, query())
    assert desk.memo.known(query(), UDP) is None
    assert empty(desk.memo)


# Room.


def name(place: int) -> bytes:
    return query(f"n{place}.example.")


def room_for(count: int) -> Desk:
    one = Desk()
    one.keep(name(0))
    return Desk(capacity=one.memo.size * count)


def held(desk: Desk, count: int) -> list[int]:
    return [place for place in range(count) if desk.has(name(place))]


def test_the_oldest_goes_first() -> None:
    desk = room_for(3)
    for place in range(5):
        desk.keep(name(place))
    assert held(desk, 5) == [2, 3, 4]


def hit(desk: Desk, place: int) -> bool:
    return desk.memo.find(decode(name(place)), WHOLE) is not None


def test_one_that_was_given_again_meanwhile_stays_and_the_others_pass() -> None:
    desk = room_for(3)
    for place in range(3):
        desk.keep(name(place))
    assert hit(desk, 0)
    left = []
    for place in range(3, 7):
        desk.keep(name(place))
        left.append([each for each in range(7) if name(each) in kept(desk)])
    assert left == [[0, 2, 3], [0, 3, 4], [0, 4, 5], [0, 5, 6]]


def kept(desk: Desk) -> set[bytes]:
    """Queries whose answers are there, without hitting them."""
    memo = desk.memo
    asked_for = {entry.name for part in (memo._main, memo._probation) for entry in part.values()}  # noqa: SLF001
    return {name(place) for place in range(2000) if from_text(f"n{place}.example.") in asked_for}


def test_of_those_that_were_given_again_the_ones_that_are_not_any_more_go() -> None:
    desk = room_for(10)
    for place in range(10):
        desk.keep(name(place))
        assert hit(desk, place)
    for place in range(10, 30):
        desk.keep(name(place))
        assert hit(desk, place)
        assert hit(desk, 3)
    assert kept(desk) & {name(place) for place in range(10)} == {name(3)}
    assert name(29) in kept(desk)


def test_the_first_reply_is_no_hit() -> None:
    desk = room_for(2)
    entry = desk.keep(name(0))
    assert entry is not None
    entry.next_body(0.0)
    assert not entry.recent


@pytest.mark.parametrize("until", [None, 1e9], ids=["until it changes", "for a time"])
def test_a_flood_of_names_that_are_asked_for_once_does_not_push_out_what_is_asked_for_often(
    until: float | None,
) -> None:
    """Forty times as many names as there is room for; some of the hot ones are asked for now and then only."""
    desk = room_for(250)
    flooding = replace(EVERYBODY, until=1e9)
    hot = range(50)
    for place in hot:
        desk.keep(name(place), replace(EVERYBODY, until=until))
        assert hit(desk, place)
    missed = 0
    for place in range(1000, 11_000):
        desk.keep(name(place), flooding)
        missed += not hit(desk, place % len(hot))
    assert missed == 0
    assert desk.memo.size <= room_for(250).memo._capacity  # noqa: SLF001


def test_an_answer_made_anew_after_a_change_is_as_proven_as_the_one_before() -> None:
    desk = room_for(3)
    for place in range(3):
        desk.keep(name(place))
    assert hit(desk, 0)
    desk.keep(name(3))
    newer = desk.keep(name(0))
    assert newer is not None
    assert newer.proven


def test_it_never_holds_more_than_its_capacity_and_counts_what_it_holds() -> None:
    desk = Desk(capacity=20_000)
    for place in range(200):
        entry = desk.keep(name(place), replace(EVERYBODY, depends_on=frozenset({place})))
        assert desk.memo.size <= 20_000
        desk.alias(entry, name(place))
    assert 10 < len(desk.memo) == len(held(desk, 200)) < 40
    assert desk.memo.forget(range(200)) > 10
    assert empty(desk.memo)


def test_an_answer_that_is_larger_than_all_the_room_is_not_kept() -> None:
    desk = Desk(capacity=100)
    assert desk.keep(name(0)) is not None
    assert empty(desk.memo)


# Sizes.


MANY = [f"10.0.{place // 250}.{place % 250 + 1}" for place in range(300)]


def test_a_whole_answer_serves_every_transport_that_it_fits(desk: Desk) -> None:
    whole = desk.keep(query(), EVERYBODY, *MANY)
    assert whole is not None
    size = len(whole.ready)
    assert [desk.has(query(), limit) for limit in (512, size - 1, size, WHOLE)] == [False, False, True, True]


def test_an_answer_that_was_cut_is_for_its_limit_only(desk: Desk) -> None:
    cut = desk.keep(query(), EVERYBODY, *MANY, limit=512)
    assert cut is not None
    assert cut.ready.truncated
    assert [desk.has(query(), limit) for limit in (511, 512, 513, 1232, WHOLE)] == [False, True, False, False, False]


def test_cut_and_whole_stand_side_by_side_and_end_together(desk: Desk) -> None:
    keep = replace(EVERYBODY, depends_on=WEB)
    entries = {limit: desk.keep(query(), keep, *MANY, limit=limit) for limit in (512, 1232, WHOLE)}
    assert len(desk.memo) == 3
    for limit, entry in entries.items():
        assert desk.memo.find(decode(query()), limit) is entry
    assert desk.memo.forget(["web"]) == 3


def test_an_answer_whose_glue_did_not_fit_is_for_its_limit_only(desk: Desk) -> None:
    shrunk = desk.keep(query(), EVERYBODY, limit=512, additional=40)
    assert shrunk is not None
    assert not shrunk.ready.truncated
    assert [desk.has(query(), limit) for limit in (512, 1232, WHOLE)] == [True, False, False]
    whole = desk.keep(query(), EVERYBODY, limit=WHOLE, additional=40)
    assert desk.memo.find(decode(query()), WHOLE) is whole
    assert desk.memo.find(decode(query()), 512) is shrunk


# What goes out.


def test_records_take_turns_from_reply_to_reply(desk: Desk) -> None:
    entry = desk.keep(query(), EVERYBODY, "10.0.0.1", "10.0.0.2", "10.0.0.3", turn=0)
    assert entry is not None
    orders = [ips(query(), entry.next_body(0.0)) for _ in range(6)]
    assert sorted(order[0] for order in orders[:3]) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert orders[:3] == orders[3:]


@pytest.mark.parametrize("asked_as", ["web.example.", "WEB.example.", "wEb.ExAmPlE."])
def test_a_name_comes_back_in_the_letters_of_who_asks_now(desk: Desk, asked_as: str) -> None:
    entry = desk.keep(query("Web.Example."))
    assert entry is not None
    body = entry.next_body(0.0, from_text(asked_as))
    message = dns.message.from_wire(query()[:2] + body)
    assert str(message.question[0].name) == str(message.answer[0].name) == asked_as
    assert str(dns.message.from_wire(query()[:2] + entry.next_body(0.0)).question[0].name) == "web.example."


class Serial:
    def __init__(self) -> None:
        self.now = 1

    def __call__(self) -> int:
        return self.now


def denial(serial: int) -> Reply:
    zone = from_text("example.")
    fields = Soa(zone, zone, serial, 2, 3, 4, 5)
    return Reply(rcode=3, authority=(RRset(zone, RRType.SOA, 5, (soa(fields),)),))


def shown(entry: Entry) -> int:
    reply = dns.message.from_wire(query()[:2] + entry.next_body(0.0))
    return int(reply.authority[0][0].serial)


def test_the_soa_in_it_shows_the_serial_of_now(desk: Desk) -> None:
    serial = Serial()
    message = decode(query())
    keep = replace(EVERYBODY, serial=serial)
    entry = desk.memo.keep(message, encode(message, denial(1), WHOLE), keep, limit=WHOLE, since=0)
    assert entry is not None
    assert shown(entry) == 1
    serial.now = 7
    assert shown(entry) == shown(entry) == 7


def test_a_serial_that_rose_while_the_answer_was_made_is_put_right(desk: Desk) -> None:
    serial = Serial()
    message = decode(query())
    ready = encode(message, denial(serial()), WHOLE)
    serial.now = 2
    entry = desk.memo.keep(message, ready, replace(EVERYBODY, serial=serial), limit=WHOLE, since=0)
    assert entry is not None
    assert shown(entry) == 2


def test_an_answer_without_an_soa_needs_no_serial(desk: Desk) -> None:
    entry = desk.keep(query(), replace(EVERYBODY, serial=Serial()))
    assert entry is not None
    assert ips(query(), entry.next_body(0.0)) == ["10.0.0.1"]


# Any order of all that.

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.integers(0, 5), st.frozensets(st.integers(0, 3), max_size=3)),
        st.tuples(st.just("forget"), st.integers(0, 3), st.just(frozenset())),
        st.tuples(st.just("later"), st.integers(1, 5), st.just(frozenset())),
    ),
    max_size=40,
)


@given(STEPS)
def test_it_has_what_was_kept_and_neither_forgotten_nor_over(steps: list[tuple[str, int, frozenset[int]]]) -> None:
    desk = Desk()
    expected: dict[int, tuple[frozenset[int], float]] = {}
    for step, number, keys in steps:
        if step == "keep":
            until = desk.clock.now + 10
            desk.alias(desk.keep(name(number), replace(EVERYBODY, depends_on=keys, until=until)), name(number))
            expected[number] = keys, until
        elif step == "forget":
            desk.memo.forget([number])
            expected = {place: kept for place, kept in expected.items() if number not in kept[0]}
        else:
            desk.clock.now += number
        alive = [place for place, (_, until) in sorted(expected.items()) if until > desk.clock.now]
        assert [place for place in range(6) if desk.memo.known(name(place), UDP)] == alive
        assert held(desk, 6) == alive
    desk.memo.forget(range(4))
    desk.clock.now += 100
    held(desk, 6)
    assert empty(desk.memo)


def test_after_each_change_the_turn_goes_on(desk: Desk) -> None:
    """One answer per change, as in a rollout: no record is first each time."""
    first = []
    for _ in range(6):
        entry = desk.keep(query(), replace(EVERYBODY, depends_on=WEB), "10.0.0.1", "10.0.0.2", "10.0.0.3", turn=0)
        assert entry is not None
        first.append(ips(query(), entry.next_body(0.0))[0])
        desk.memo.forget(WEB)
    assert sorted(first) == ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.3"]


# What counts down, and who is shown that it is authentic.


def test_ttls_count_down_with_the_clock(desk: Desk) -> None:
    entry = desk.keep(query(), replace(EVERYBODY, aging=1000.0))
    assert entry is not None
    for now, ttl in [(1000.0, 5), (1000.9, 5), (1001.0, 4), (1003.5, 2), (1003.9, 2), (1020.0, 0)]:
        (rrset,) = dns.message.from_wire(query()[:2] + entry.next_body(now)).answer
        assert rrset.ttl == ttl


@pytest.mark.parametrize("first", [0, dns.flags.AD])
def test_an_authentic_answer_shows_it_to_those_who_want_to_know(desk: Desk, first: int) -> None:
    wanted = {
        flags: dns.message.make_query("web.example.", "A", flags=dns.flags.RD | flags) for flags in (0, dns.flags.AD)
    }
    for flags in (first, first ^ dns.flags.AD):
        message = decode(wanted[flags].to_wire())
        assert desk.memo.find(message, WHOLE) is None
        ready = encode(message, replace(reply(message), authentic=True), WHOLE)
        desk.memo.keep(message, ready, EVERYBODY, limit=WHOLE, since=desk.memo.epoch)
    for flags, asked_with in wanted.items():
        entry = desk.memo.find(decode(asked_with.to_wire()), WHOLE)
        assert entry is not None
        assert dns.message.from_wire(bytes(2) + entry.next_body(0.0)).flags & dns.flags.AD == flags


def test_who_asks_for_the_identifier_has_an_entry_of_its_own() -> None:
    desk = Desk()
    plain, nsid = query(use_edns=0), query(options=[dns.edns.GenericOption(dns.edns.OptionType.NSID, b"")])
    cookie = query(options=[dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678")])
    first, second = desk.keep(plain), desk.keep(nsid)
    assert first is not second
    assert [desk.memo.find(decode(wire), WHOLE) for wire in (plain, nsid, cookie)] == [first, second, first]


# What differs from an alias by letters and options.


def lying_for(desk: Desk, wire: bytes, *ips: str, turn: int | None = None) -> Alias:
    """The alias of an answer to a plain query."""
    desk.alias(desk.keep(wire, EVERYBODY, *ips, turn=turn), wire)
    return desk.memo.ready[UDP][wire[2:]]


def test_other_letters_come_back_and_count_as_the_plain_ones(desk: Desk) -> None:
    alias = lying_for(desk, query())
    other = query("wEB.example.")
    reply = desk.memo.like(alias, other[2:])
    assert reply is not None
    assert (reply.counts_as, reply.asked, reply.size) == (alias, len(other), alias.size)
    assert str(dns.message.from_wire(other[:2] + reply.body).question[0].name) == "wEB.example."


def test_queries_of_one_size_share_their_reply_and_few_sizes_are_kept(desk: Desk) -> None:
    alias = lying_for(desk, query(payload=1232))
    before = desk.memo.size
    found = {}
    for size in range(30):
        option = dns.edns.GenericOption(dns.edns.OptionType.PADDING, bytes(size))
        wire = query(payload=1232, options=[option])
        first, second = (desk.memo.like(alias, wire[2:]) for _ in range(2))
        assert first is not None
        assert second is not None
        assert (first.asked, first.body, first.counts_as) == (len(wire), alias.body, None)
        found[size] = first is second
    assert sum(found.values()) == 8
    assert desk.memo.size > before
    alias.entry.keep = EVERYBODY
    desk.memo.forget([])
    assert desk.memo.like(alias, query("WEB.example.", payload=1232)[2:])


def test_what_takes_turns_does_so_for_all_letters_and_sizes(desk: Desk) -> None:
    alias = lying_for(desk, query(payload=1232), "10.0.0.1", "10.0.0.2", "10.0.0.3", turn=0)
    first = []
    for wire in [
        query("WEB.example.", payload=1232),
        query(payload=1232, options=[dns.edns.CookieOption(bytes(8), b"")]),
    ]:
        for _ in range(3):
            reply = desk.memo.like(alias, wire[2:])
            assert reply is not None
            assert reply.asked == len(wire)
            first.append(ips(wire, reply.body)[0])
    assert sorted(first[:3]) == sorted(first[3:]) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]


def test_replies_are_told_of_as_the_first_of_their_kind_and_few_of_those_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kdns.serve.entry._KINDS", 3)
    firsts = Firsts()
    told = [firsts.counted(Lying(EVERYBODY, size, bytes(10))) for size in (1, 2, 1, 3, 3, 1)]
    assert [lying.counts_as for lying in told] == [None, None, told[0], None, told[3], told[0]]
    assert len(firsts) == 3
    for size in range(100):
        assert firsts.counted(Lying(EVERYBODY, 100 + size, bytes(10))).counts_as is None
        assert len(firsts) <= 3


# What lies ready, and until when.


def laid(desk: Desk, alias: Alias) -> Lying:
    reply = desk.memo.fresh(alias)
    assert reply is not None
    return reply


def test_what_lies_ready_is_worn_when_its_ttls_come_down_and_when_it_is_over(desk: Desk) -> None:
    wire = query()
    keep = replace(EVERYBODY, aging=desk.clock.now - 0.75, until=desk.clock.now + 3.5)
    desk.alias(desk.keep(wire, keep), wire)
    alias = desk.memo.ready[UDP][wire[2:]]
    ttls = []
    for _ in range(2):
        reply = laid(desk, alias)
        assert (alias.size, alias.body) == (reply.size, reply.body)
        ttls.append(dns.message.from_wire(wire[:2] + reply.body).answer[0].ttl)
        assert desk.memo.due == desk.clock.now + 0.25
        desk.clock.now += 0.25
        desk.memo.wear(desk.clock.now)
        assert alias.size == 0
        desk.clock.now += 0.75
    assert ttls == [5, 4]
    laid(desk, alias)
    desk.clock.now += 1.5
    desk.memo.wear(desk.clock.now)
    assert desk.memo.fresh(alias) is None
    assert empty(desk.memo)


def test_what_shows_a_serial_is_worn_with_each_change(desk: Desk) -> None:
    serial, wire = Serial(), query()
    message = decode(wire)
    keep = replace(EVERYBODY, serial=serial)
    desk.alias(desk.memo.keep(message, encode(message, denial(1), WHOLE), keep, limit=WHOLE, since=0), wire)
    alias = desk.memo.ready[UDP][wire[2:]]
    for now in (1, 2, 3):
        serial.now = now
        desk.memo.forget(["something"])
        assert alias.size == 0
        reply = dns.message.from_wire(wire[:2] + laid(desk, alias).body)
        assert reply.authority[0][0].serial == now


def test_what_takes_turns_lies_ready_once_for_each_record_that_comes_first(desk: Desk) -> None:
    alias = lying_for(desk, query(), "10.0.0.1", "10.0.0.2", "10.0.0.3", turn=0)
    rounds = [[laid(desk, alias) for _ in range(3)] for _ in range(2)]
    assert rounds[0] == rounds[1]
    assert len({ips(query(), reply.body)[0] for reply in rounds[0]}) == 3
    assert alias.size == 0


def test_of_many_records_that_take_turns_the_replies_are_not_all_kept(desk: Desk) -> None:
    alias = lying_for(desk, query(), *MANY, turn=0)
    before = desk.memo.size
    first = {ips(query(), laid(desk, alias).body)[0] for _ in range(300)}
    assert len(first) == 300
    assert desk.memo.size == before


def test_before_answers_go_those_that_were_given_are_said(desk: Desk) -> None:
    desk = room_for(3)
    asked_for = desk.keep(name(0))
    assert asked_for is not None
    told = []

    def catch_up() -> None:
        told.append(True)
        asked_for.recent = True

    desk.memo.catch_up = catch_up
    for place in range(1, 4):
        desk.keep(name(place))
    assert told == [True]
    assert held(desk, 4) == [0, 2, 3]


@pytest.mark.parametrize("ips", [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"]], ids=["one", "in turns"])
def test_ttls_come_down_though_nobody_looks_after_what_lies_ready(desk: Desk, ips: list[str]) -> None:
    """A connection that may bring a few questions only asks for each alone."""
    wire = query(payload=1232)
    other = query(payload=1232, options=[dns.edns.CookieOption(bytes(8), b"")])
    keep = replace(EVERYBODY, aging=desk.clock.now, until=desk.clock.now + 5)
    desk.alias(desk.keep(wire, keep, *ips, turn=0 if ips[1:] else None), wire)
    alias = desk.memo.ready[UDP][wire[2:]]
    ttls = []
    for _ in range(5):
        for asked in (wire, other, other):
            reply = desk.memo.like(alias, asked[2:])
            assert reply is not None
            ttls.append(dns.message.from_wire(asked[:2] + reply.body).answer[0].ttl)
        desk.clock.now += 1
    assert ttls == [5, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1]
