"""What the directive says. What comes of it: tests/test_reloading.py and tests/test_reload_under_load.py."""

from __future__ import annotations

from random import Random

import pytest

from kdns.corefile.block import Directive
from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError, CorefileErrors
from kdns.plan import Plan, plan
from kdns.plugins.reload import interval


def planned(text: str) -> Plan:
    return plan(parse(text, "Corefile", environ={}, disk=Memory()), lambda: 0.0, lambda: 0.0)


def directive(arguments: str) -> Directive:
    (block,) = parse(f". {{\n reload {arguments}\n}}", "Corefile", environ={}, disk=Memory()).blocks
    return block.directives[0]


@pytest.mark.parametrize(
    ("arguments", "least", "most"),
    [
        pytest.param("", 22.5, 37.5, id="as it is"),
        pytest.param("1m", 52.5, 67.5, id="the usual jitter"),
        pytest.param("10s", 7.5, 12.5, id="the usual jitter is too much"),
        pytest.param("2s", 1.5, 2.5, id="the shortest"),
        pytest.param("10s 4s", 8.0, 12.0, id="a jitter"),
        pytest.param("10s 5s", 7.5, 12.5, id="half"),
        pytest.param("10s 1m", 7.5, 12.5, id="too much jitter"),
        pytest.param("2s 1s", 1.5, 2.5, id="the smallest jitter"),
        pytest.param("10s 0s", 10.0, 10.0, id="none"),
        pytest.param("1h30m 0s", 5400.0, 5400.0, id="hours"),
    ],
)
def test_the_interval_is_varied_by_half_the_jitter_either_way(arguments: str, least: float, most: float) -> None:
    drawn = [interval(directive(arguments), Random(seed)) for seed in range(300)]
    assert least <= min(drawn) <= least + (most - least) / 10
    assert most - (most - least) / 10 <= max(drawn) <= most


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        ("1s", "the interval of 'reload' is at least 2s, not '1s'"),
        ("0s", "the interval of 'reload' is at least 2s, not '0s'"),
        ("1999ms", "the interval of 'reload' is at least 2s, not '1999ms'"),
        ("30", "the interval of 'reload' is a duration: "),
        ("often", "the interval of 'reload' is a duration: "),
        ("30s 500ms", "the jitter of 'reload' is at least 1s, or 0s for none, not '500ms'"),
        ("30s 5", "the jitter of 'reload' is a duration: "),
        ("30s 5s 1s", "'reload' takes 0 to 2 arguments, not 3: reload [INTERVAL] [JITTER]"),
        ("30s {\n }", "'reload' takes no block"),
    ],
)
def test_bad_lines_are_told(arguments: str, mistake: str) -> None:
    with pytest.raises(CorefileError) as caught:
        interval(directive(arguments), Random(1))
    assert str(caught.value).startswith(f"Corefile:2: {mistake}")


def test_of_several_the_first_counts() -> None:
    assert planned(". {\n reload 7s 0s\n reload 2s 0s\n}").build.reload == 7
    with pytest.raises(CorefileErrors, match="Corefile:3: the interval of 'reload' is at least 2s, not '1s'"):
        planned(". {\n reload\n reload 1s\n}")


@pytest.mark.parametrize(
    ("text", "every"),
    [
        pytest.param(". {\n whoami\n}", None, id="none"),
        pytest.param(". {\n reload 10s 0s\n}", 10.0, id="one"),
        pytest.param("a {\n reload 10s 0s\n}\nb {\n reload 5s 0s\n}\nc {\n reload 7s 0s\n}", 5.0, id="the shortest"),
        pytest.param("a {\n whoami\n}\nb {\n reload 5s 0s\n}", 5.0, id="any server block's"),
    ],
)
def test_one_does_for_the_whole_corefile(text: str, every: float | None) -> None:
    assert planned(text).build.reload == every
