"""Figures are told at the end of the run, as the end-to-end tests do; a control plane for those that need one."""

from __future__ import annotations

from tests.e2e.conftest import pytest_collection_modifyitems, pytest_terminal_summary
from tests.e2e.kit import control_plane_programs, figures, plane

__all__ = ["control_plane_programs", "figures", "plane", "pytest_collection_modifyitems", "pytest_terminal_summary"]
