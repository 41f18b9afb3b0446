"""The scenarios and the servers fit together, and the command lines say so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.page import CHARTED, CHURN
from bench.scenarios import SCENARIOS
from bench.servers import KINDS
from tests.processes import PATIENCE, ROOT


def test_scenarios_ask_servers_that_there_are() -> None:
    for each in SCENARIOS.values():
        assert set(each.servers) <= set(KINDS)


def test_the_page_shows_scenarios_that_there_are() -> None:
    assert {*CHARTED, *CHURN.values()} <= set(SCENARIOS)
    assert {changes: SCENARIOS[name].churn for changes, name in CHURN.items()} == {each: each for each in CHURN}


def test_what_is_asked_once_is_not_asked_before() -> None:
    assert [each.name for each in SCENARIOS.values() if each.once and each.warm] == []


@pytest.mark.parametrize("module", ["bench", "bench.size", "bench.profile"])
def test_a_command_says_what_it_takes(module: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert ran.stdout.startswith(f"usage: python -m {module}")


@pytest.mark.parametrize("module", ["bench.__main__", "bench.size", "bench.profile", "bench.page"])
def test_a_command_needs_no_more_than_kdns_does(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'tests', 'trustme', 'pytest', 'matplotlib'}} & set(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ran.stdout == "[]\n"
