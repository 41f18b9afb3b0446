from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.log import logger
from kdns.metrics import Metrics
from kdns.plugins import find
from kdns.site import Build, Site

ROOT = logging.getLogger("kdns")


@pytest.fixture(autouse=True)
def level_info() -> Iterator[None]:
    before = ROOT.level
    ROOT.setLevel(logging.INFO)
    yield
    ROOT.setLevel(before)


def build() -> Build:
    return Build(Metrics(), clock=lambda: 0.0, wall=lambda: 0.0)


def set_up(text: str, shared: Build) -> list[Site]:
    sites = []
    for block in parse(text, "Corefile", environ={}, disk=Local()).blocks:
        sites.append(site := Site(block, shared))
        for directive in block.directives:
            assert find(directive)(directive, site) is None
    return sites


async def test_debug_lines_are_written_while_the_server_runs() -> None:
    shared = build()
    set_up(". {\ndebug\n}", shared)
    assert not logger("forward").isEnabledFor(logging.DEBUG)  # a Corefile that is only checked changes nothing
    (part,) = shared.parts
    await part.start()
    assert logger("forward").isEnabledFor(logging.DEBUG)
    await part.stop()
    assert ROOT.level == logging.INFO


async def test_its_block_is_in_debug_mode_and_no_other() -> None:
    shared = build()
    with_debug, without = set_up("a.test {\ndebug\ndebug\n}\nb.test {\n}", shared)
    assert with_debug.debug
    assert not without.debug


async def test_several_blocks_share_one_part() -> None:
    shared = build()
    set_up("a.test {\ndebug\n}\nb.test {\ndebug\n}", shared)
    assert len(shared.parts) == 1


async def test_a_reload_keeps_the_level_or_brings_it_back() -> None:
    old, new = build(), build()
    set_up(". {\ndebug\n}", old)
    set_up(". {\ndebug\n}", new)
    await old.parts[0].start()
    await new.parts[0].start()
    await old.parts[0].stop()
    assert ROOT.level == logging.DEBUG
    await new.parts[0].stop()
    assert ROOT.level == logging.INFO


async def test_a_part_that_never_started_stops_without_effect() -> None:
    running, failed = build(), build()
    set_up(". {\ndebug\n}", running)
    set_up(". {\ndebug\n}", failed)
    await running.parts[0].start()
    await failed.parts[0].stop()
    assert ROOT.level == logging.DEBUG
    await running.parts[0].stop()
    assert ROOT.level == logging.INFO


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        pytest.param("debug on", "Corefile:2: 'debug' takes no arguments: remove 'on'", id="an argument"),
        pytest.param("debug {\n}", "Corefile:2: 'debug' takes no block: remove its '{' and '}'", id="a block"),
        pytest.param("debug\ndebug x", "Corefile:3: 'debug' takes no arguments: remove 'x'", id="second line"),
    ],
)
def test_mistakes_are_told_with_their_line(lines: str, error: str) -> None:
    with pytest.raises(KdnsError) as caught:
        set_up(f". {{\n{lines}\n}}", build())
    assert str(caught.value) == error
