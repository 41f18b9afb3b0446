"""Tests here that need a control plane are end-to-end tests; what they measured is told at the end of the run."""

from __future__ import annotations

import pytest

from tests.e2e import kit
from tests.e2e.kit import cluster, control_plane_programs, figures, plane, space

__all__ = ["cluster", "control_plane_programs", "figures", "plane", "space"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what cannot do without the programs."""
    for item in items:
        if "control_plane_programs" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.e2e)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell the figures, once: other folders' tests have this too."""
    if (found := config.stash.get(kit.FIGURES, None)) and found.lines:
        terminalreporter.section("figures")
        while found.lines:
            terminalreporter.write_line(found.lines.pop(0))
