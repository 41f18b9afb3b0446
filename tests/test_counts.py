from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from kdns.counts import Buckets, Count

BOUNDS = (0.0, 1.0, 10.0, inf)


def test_a_count_goes_up_by_one_or_many() -> None:
    count = Count()
    count.inc()
    count.inc(41)
    count.inc(0)
    assert count.value == 42


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5))))
def test_each_bucket_has_all_that_is_no_larger(observed: list[tuple[int, int]]) -> None:
    buckets = Buckets(BOUNDS)
    for value, count in observed:
        buckets.observe(value, count)
    for bound, (text, total) in zip(BOUNDS, buckets.up_to(), strict=True):
        assert total == sum(count for value, count in observed if value <= bound)
        assert text == ("+Inf" if bound == inf else str(bound))
    assert buckets.sum == sum(value * count for value, count in observed)
