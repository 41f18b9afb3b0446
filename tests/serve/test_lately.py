"""Questions that come again, without memory for each that does not."""

from __future__ import annotations

from kdns.serve.lately import Lately


def test_the_first_time_is_not_again_and_the_second_is() -> None:
    lately = Lately()
    assert [lately.again(key) for key in (b"\1a\0", b"\1b\0", b"\1a\0", b"\1b\0", b"\1a\0")] == [
        False,
        False,
        *[True] * 3,
    ]


def test_ten_thousand_that_come_in_turn_are_known_again_but_for_a_few() -> None:
    lately = Lately()
    keys = [b"\5%05d\0" % number for number in range(10_000)]
    assert sum(map(lately.again, keys)) == 0
    assert sum(map(lately.again, keys)) >= 9_500


def test_of_a_flood_little_is_known_again() -> None:
    lately = Lately()
    for number in range(400_000):
        lately.again(b"\6%06d\0" % number)
    assert sum(lately.again(b"\6%06d\0" % number) for number in range(400_000)) < 1000
