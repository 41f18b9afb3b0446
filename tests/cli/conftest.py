"""Commands run inside this process, where it does not matter that they are none."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from kdns.cli import main
from tests.processes import Ended, Kdns


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A server sets up the log of its process."""
    root, raising = logging.getLogger("kdns"), logging.raiseExceptions
    before = root.handlers, root.propagate, root.level
    yield
    root.handlers, root.propagate, root.level = before
    logging.raiseExceptions = raising


@pytest.fixture
def kdns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Kdns:
    """`kdns("check", "-conf", "stdin", stdin=b". {")`: a command that ends by itself."""

    def run(*arguments: str, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = capsys.readouterr()
        return Ended(code, out, err)

    return run
