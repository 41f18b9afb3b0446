from __future__ import annotations

import logging

import pytest

from kdns.cli.hushed import hushed


def test_warnings_and_errors_gather_instead_of_being_logged(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("kdns.plugin.kubernetes")
    with hushed() as records:
        log.info("an %s", "information")
        log.warning("a %s", "warning")
        log.error("an %s", "error")
    assert [(record.levelname, record.getMessage()) for record in records] == [
        ("WARNING", "a warning"),
        ("ERROR", "an error"),
    ]
    assert caplog.messages == []


def test_afterwards_the_log_is_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger("kdns")
    before = root.handlers, root.propagate
    with pytest.raises(ZeroDivisionError), hushed():
        raise ZeroDivisionError
    assert (root.handlers, root.propagate) == before
    root.warning("heard again")
    assert caplog.messages == ["heard again"]
