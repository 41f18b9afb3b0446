from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.proto.framing import Framer, frame

MESSAGES = st.lists(st.binary(max_size=300), max_size=8)


def fed(framer: Framer, chunks: list[bytes]) -> list[bytes]:
    return [message for chunk in chunks for message in framer.feed(chunk)]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("size", [0, 1, 12, 255, 256, 65535])
def test_a_frame_is_two_bytes_of_length_and_the_message(size: int) -> None:
    message = b"m" * size
    assert frame(message) == bytes((size >> 8, size & 255)) + message
    assert Framer().feed(frame(message)) == [message]


def test_a_message_that_no_frame_can_hold_is_an_error() -> None:
    with pytest.raises(OverflowError):
        frame(bytes(65536))


def test_a_byte_at_a_time_gives_each_message_with_its_last_byte() -> None:
    framer = Framer()
    stream = frame(b"one") + frame(b"") + frame(b"three")
    came = {place: framer.feed(stream[place : place + 1]) for place in range(len(stream))}
    assert {place: messages for place, messages in came.items() if messages} == {
        4: [b"one"],
        6: [b""],
        13: [b"three"],
    }


def test_a_message_is_partial_from_its_first_byte_to_its_last() -> None:
    framer = Framer()
    assert not framer.partial
    seen = []
    for octet in frame(b"ab") + frame(b"c"):
        framer.feed(bytes((octet,)))
        seen.append(framer.partial)
    assert seen == [True, True, True, False, True, True, False]


def test_a_whole_message_and_a_piece_of_the_next_leave_it_partial() -> None:
    framer = Framer()
    assert framer.feed(frame(b"whole") + b"\0") == [b"whole"]
    assert framer.partial


@given(MESSAGES, st.lists(st.integers(0, 2500), max_size=20))
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(messages: list[bytes], places: list[int]) -> None:
    framer = Framer()
    stream = b"".join(map(frame, messages))
    assert fed(framer, cut(stream, places)) == messages
    assert not framer.partial


@given(st.binary(max_size=2000), st.lists(st.integers(0, 2000), max_size=20))
def test_any_bytes_give_the_same_messages_however_they_are_cut(stream: bytes, places: list[int]) -> None:
    whole, pieces = Framer(), Framer()
    messages = whole.feed(stream)
    assert fed(pieces, cut(stream, places)) == messages
    assert pieces.partial == whole.partial
    assert stream.startswith(b"".join(map(frame, messages)))
