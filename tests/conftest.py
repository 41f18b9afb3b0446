"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# No test fails for being slow on a busy machine.
settings.register_profile("kdns", deadline=None)
settings.load_profile("kdns")
