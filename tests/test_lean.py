"""aiohttp as it is imported here: without authorities that are never asked, and all as before around it."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import os, ssl, sys
sys.path[:0] = {path!r}
before = ssl.create_default_context, dict(os.environ)
import kdns.lean
assert (ssl.create_default_context, dict(os.environ)) == before
from aiohttp import connector
print(connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509_ca"], connector._SSL_CONTEXT_VERIFIED.verify_mode.name)
print("frozenlist._frozenlist" in sys.modules)
"""


@pytest.mark.parametrize("variables", [{}, {"FROZENLIST_NO_EXTENSIONS": ""}], ids=["unset", "set"])
def test_aiohttp_trusts_nobody_by_itself_and_nothing_else_is_changed(variables: dict[str, str]) -> None:
    script = _SCRIPT.format(path=sys.path)
    done = subprocess.run([sys.executable, "-c", script], env=variables, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["0", "CERT_REQUIRED", "False"], "")
