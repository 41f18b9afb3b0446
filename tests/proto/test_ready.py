from __future__ import annotations

from itertools import accumulate

import dns.flags
import dns.message
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.decode import decode
from kdns.proto.encode import encode
from kdns.proto.message import Reply
from kdns.proto.name import from_text
from kdns.proto.ready import Ready
from kdns.proto.record import addresses, rrset
from kdns.proto.types import RRType

FLAGS = b"\x85\x03"
HEAD = FLAGS + bytes((0, 1, 0, 3, 0, 0, 0, 0)) + b"\1A\0" + b"\0\1\0\1"
RECORDS = st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=12)


def ring(records: list[bytes], window: int) -> Ready:
    cuts = tuple(accumulate(map(len, records), initial=0))
    return Ready(HEAD, b"".join(records), cuts, window, b"tail")


def test_without_a_ring_every_turn_is_the_same() -> None:
    ready = Ready(HEAD, tail=b"tail")
    assert {ready.body(turn) for turn in range(5)} == {HEAD + b"tail"}
    assert Ready(HEAD).body(3) == HEAD
    assert ready.turns == 0


def test_the_record_of_the_turn_comes_first_and_the_rest_in_order() -> None:
    ready = ring([b"aa", b"b", b"ccc"], 3)
    assert [ready.body(turn)[len(HEAD) : -4] for turn in range(4)] == [
        b"aabccc",
        b"bcccaa",
        b"cccaab",
        b"aabccc",
    ]


def test_a_window_smaller_than_the_ring_shows_every_record_in_its_turn() -> None:
    ready = ring([b"a", b"b", b"c"], 2)
    assert [ready.body(turn)[len(HEAD) : -4] for turn in range(3)] == [b"ab", b"bc", b"ca"]


@given(RECORDS, st.integers(0, 10**12))
def test_every_turn_has_all_records_once(records: list[bytes], turn: int) -> None:
    ready = ring(records, len(records))
    first = turn % len(records)
    assert ready.body(turn) == HEAD + b"".join(records[first:] + records[:first]) + b"tail"
    assert ready.turns == len(records)


@given(RECORDS, st.data())
def test_its_length_is_that_of_the_first_turn_with_an_id(records: list[bytes], data: st.DataObject) -> None:
    ready = ring(records, data.draw(st.integers(1, len(records))))
    assert len(ready) == 2 + len(ready.body(0))


def test_flags_and_rcode_are_read_from_the_head() -> None:
    ready = Ready(HEAD)
    assert ready.flags == 0x8503
    assert ready.rcode == 3


def test_the_question_is_echoed_in_the_letters_it_was_asked_in() -> None:
    ready = ring([b"aa", b"b"], 2)
    again = ready.asked_as(b"\1a\0")
    assert again.body(1) == HEAD.replace(b"\1A\0", b"\1a\0") + b"baa" + b"tail"
    assert ready.body(0).startswith(HEAD)


@pytest.mark.parametrize("serial", [0, 1, 0xFFFFFFFF])
def test_a_serial_is_changed_and_nothing_else(serial: int) -> None:
    ready = Ready(HEAD + b"before" + b"\1\2\3\4" + b"after", serial_at=len(HEAD) + 6)
    assert ready.with_serial(serial).body(0) == HEAD + b"before" + serial.to_bytes(4) + b"after"


AGED = [
    pytest.param(0, [300, 300, 7], id="none has passed"),
    pytest.param(7, [293, 293, 0], id="seven seconds"),
    pytest.param(1000, [0, 0, 0], id="longer than any"),
]


@pytest.mark.parametrize("turn", [None, 0])
@pytest.mark.parametrize(("seconds", "ttls"), AGED)
def test_ttls_count_down_to_nothing_and_opt_has_none(seconds: int, ttls: list[int], turn: int | None) -> None:
    query = dns.message.make_query("web.example.", "A", use_edns=0, ednsflags=dns.flags.DO)
    name = from_text("web.example.")
    address = addresses(name, 300, [bytes(4), bytes([1, 2, 3, 4])])
    reply = Reply(answer=(address,), authority=(rrset(name, RRType.NS, 7, [name]),), turn=turn)
    ready = encode(decode(query.to_wire()), reply, 65535)
    found = dns.message.from_wire(query.to_wire()[:2] + ready.aged(seconds).body(0))
    assert [each.ttl for section in (found.answer, found.authority) for each in section for _ in each] == ttls
    assert found.ednsflags == dns.flags.DO
