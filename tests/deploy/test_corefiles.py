"""The Corefiles of deploy/ are right, and answer for the world outside, which one line takes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kdns.corefile.disk import Local
from kdns.corefile.parser import Corefile, parse
from kdns.errors import CorefileErrors
from kdns.plan import plan
from tests.deploy.written import CACHE, COREFILES, ENVIRON, OUTSIDE, STATE

SWITCH = re.compile(r"^ *import outside\n", re.MULTILINE)

every_corefile = pytest.mark.parametrize("path", COREFILES.values(), ids=COREFILES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the state may be, with a resolv.conf as most nodes have it: whatever this machine's own is."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "resolv.conf").write_text("nameserver 192.0.2.53\n")
    return folder


def parsed(text: str, path: Path, folder: Path) -> Corefile:
    """A Corefile, with its state and the node's resolv.conf in a folder."""
    text = text.replace(STATE, str(folder)).replace("/etc/resolv.conf", str(folder / "resolv.conf"))
    return parse(text, str(path), environ=ENVIRON, disk=Local())


def mistakes(corefile: Corefile) -> set[str]:
    """What is wrong with a Corefile, without its places."""
    try:
        planned = plan(corefile, lambda: 0.0, lambda: 0.0)
    except CorefileErrors as found:
        return {re.sub(r"^\S+:\d+: | \(imported at .*\)$", "", str(error)) for error in found.errors}
    assert planned.build.warnings == []
    return set()


@every_corefile
def test_it_is_right_and_draws_no_warning(path: Path, folder: Path) -> None:
    corefile = parsed(path.read_text(), path, folder)
    assert corefile.warnings == ()
    assert mistakes(corefile) == set()


@every_corefile
def test_a_variable_that_is_not_set_is_told(path: Path) -> None:
    """So that what the manifests give is known to be all that is needed."""
    named = set(re.findall(r"\{\$(\w+)\}", path.read_text()))
    assert named <= set(ENVIRON)


@every_corefile
def test_one_line_takes_out_the_world_outside(path: Path, folder: Path) -> None:
    text = path.read_text()
    without, lines = SWITCH.subn("", text)
    assert lines == 1
    assert {"forward", "cache", "loop"} <= plugins(parsed(text, path, folder)) & OUTSIDE
    left = parsed(without, path, folder)
    assert mistakes(left) == set()
    assert plugins(left) & OUTSIDE == set()


def plugins(corefile: Corefile) -> set[str]:
    """What its server blocks have."""
    return {each.name for block in corefile.blocks for each in block.directives}


def test_the_corefile_of_nodelocal_dnscache_is_right(folder: Path) -> None:
    assert mistakes(parsed(CACHE.read_text(), CACHE, folder)) == set()


@pytest.mark.parametrize("name", COREFILES)
def test_probes_find_their_pages(name: str, folder: Path) -> None:
    assert {"health", "ready", "prometheus"} <= plugins(parsed(COREFILES[name].read_text(), COREFILES[name], folder))
