from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.installed import PACKAGES, installed
from tests.processes import ROOT

ESSENTIAL = {"libc-bin", "mount", "util-linux"}
"""Every Debian has these."""


def test_what_tests_talk_to_is_what_ci_installs() -> None:
    found = re.search(r"^packages=\((.*)\)$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert found is not None
    assert set(found[1].split()) == set(PACKAGES.values()) - ESSENTIAL


def test_a_missing_program_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.installed._PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=r"^unbound is not installed \(Debian: unbound\)$"):
        installed("unbound")
    (tmp_path / "unbound").symlink_to(sys.executable)
    assert installed("unbound") == str(tmp_path / "unbound")
