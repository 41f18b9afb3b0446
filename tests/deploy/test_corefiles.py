"""The Corefiles of deploy/ are right today, and one line away from answering for the world outside."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from kdns.corefile.disk import Local
from kdns.corefile.parser import Corefile, parse
from kdns.errors import CorefileErrors
from kdns.plan import plan
from kdns.plugins import ORDER
from tests.deploy.written import ARRIVED, CACHE, COREFILES, ENVIRON, OUTSIDE, STATE

SWITCH = re.compile(r"^( *)# (import outside)$", re.MULTILINE)

every_corefile = pytest.mark.parametrize("path", COREFILES.values(), ids=COREFILES)


def parsed(text: str, path: Path) -> Corefile:
    """A Corefile, with its state where there is a folder for it."""
    return parse(text.replace(STATE, tempfile.gettempdir()), str(path), environ=ENVIRON, disk=Local())


def mistakes(corefile: Corefile) -> set[str]:
    """What is wrong with a Corefile, without its places."""
    try:
        planned = plan(corefile, lambda: 0.0, lambda: 0.0)
    except CorefileErrors as found:
        return {re.sub(r"^\S+:\d+: | \(imported at .*\)$", "", str(error)) for error in found.errors}
    assert planned.build.warnings == []
    return set()


@every_corefile
def test_it_is_right_and_draws_no_warning(path: Path) -> None:
    corefile = parsed(path.read_text(), path)
    assert corefile.warnings == ()
    assert mistakes(corefile) == set()


@every_corefile
def test_a_variable_that_is_not_set_is_told(path: Path) -> None:
    """So that what the manifests give is known to be all that is needed."""
    named = set(re.findall(r"\{\$(\w+)\}", SWITCH.sub("", path.read_text())))
    assert named <= set(ENVIRON)


@every_corefile
def test_one_line_takes_in_the_world_outside(path: Path) -> None:
    """Once kdns has the plugins for it: the line is then no comment any more."""
    text = path.read_text()
    if ARRIVED:
        assert re.search(r"^ *import outside$", text, re.MULTILINE)
        return
    switched, lines = SWITCH.subn(r"\1\2", text)
    assert lines == 1
    asked = {name for name in OUTSIDE if re.search(rf"^    {name}\b", text, re.MULTILINE)}
    assert "forward" in asked
    missing = {f"plugin '{name}' exists in CoreDNS but not in kdns yet" for name in asked - set(ORDER)}
    assert mistakes(parsed(switched, path)) == missing


def test_the_corefile_of_nodelocal_dnscache_lacks_nothing_but_plugins() -> None:
    missing = {f"plugin '{name}' exists in CoreDNS but not in kdns yet" for name in OUTSIDE - set(ORDER)}
    assert mistakes(parsed(CACHE.read_text(), CACHE)) == missing


@pytest.mark.parametrize("name", COREFILES)
def test_probes_find_their_pages(name: str) -> None:
    blocks = parsed(COREFILES[name].read_text(), COREFILES[name]).blocks
    assert {"health", "ready", "prometheus"} <= {each.name for block in blocks for each in block.directives}
