from __future__ import annotations

import pytest

from kdns.proto.message import Message, Question, Reply
from kdns.proto.types import Flag, RCode, RRType

QUESTION = Question(b"\1A\0", b"\1a\0", RRType.A, 1)


@pytest.mark.parametrize("flag", list(Flag), ids=lambda flag: flag.name)
def test_a_message_has_exactly_the_flags_that_are_set(flag: Flag) -> None:
    message = Message(1, flag, QUESTION, None, 19)
    assert [each for each in Flag if message.has(each)] == [flag]


def test_opcode_and_rcode_are_no_flags() -> None:
    assert not any(Message(1, 0x780F, QUESTION, None, 19).has(flag) for flag in Flag)


def test_a_reply_says_nothing_but_noerror_until_told_to() -> None:
    assert Reply() == Reply(rcode=RCode.NOERROR, answer=(), authority=(), additional=(), turn=None)


def test_replies_with_the_same_content_are_equal_and_hash_alike() -> None:
    assert len({Reply(rcode=RCode.NXDOMAIN), Reply(rcode=RCode.NXDOMAIN), Reply()}) == 2
