"""Lines out of chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.live.lines import Lines

LINE = st.binary(min_size=1, max_size=40).filter(lambda line: b"\n" not in line and line.strip() == line)


@given(lines=st.lists(LINE), tail=LINE | st.just(b""), cuts=st.lists(st.integers(0, 2000)))
def test_however_it_is_cut_the_same_lines_come(lines: list[bytes], tail: bytes, cuts: list[int]) -> None:
    """Property."""
    data = b"".join(line + b"\n" for line in lines) + tail
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    held = Lines()
    found = [line for begin, end in pairwise(places) for line in held.feed(data[begin:end])]
    assert found == lines
    assert held.rest() == tail


def test_a_line_comes_as_soon_as_it_is_whole() -> None:
    held = Lines()
    assert held.feed(b"a") == []
    assert held.feed(b"b\nc") == [b"ab"]
    assert held.feed(b"") == []
    assert held.feed(b"\n") == [b"c"]
    assert held.rest() == b""


def test_blank_lines_are_none() -> None:
    assert Lines().feed(b"\n\r\na\n\n") == [b"a"]


def test_a_line_that_never_ends_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kdns.kube.live.lines.LONGEST", 100)
    held = Lines()
    held.feed(b"x" * 60)
    held.feed(b"y\n" + b"x" * 60)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        held.feed(b"x" * 60)
