"""aiohttp, without what it loads beside that is never used: 3.6 MB of 47 in a server without objects.

At import its connector makes contexts of all the authorities that the system knows (2.5 MB); ours are
made of the authorities of the API server alone. And a list that changes only while a page is set up is an
extension that brings the C++ library (1.1 MB); it has a twin in Python.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["aiohttp", "web"]
_IN_PYTHON = "FROZENLIST_NO_EXTENSIONS"


def _empty() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@contextmanager
def _lean() -> Iterator[None]:
    """Whoever should use one of the contexts after all trusts nobody with it."""
    whole, given = ssl.create_default_context, os.environ.get(_IN_PYTHON)
    ssl.create_default_context = _empty  # type: ignore[assignment]
    os.environ[_IN_PYTHON] = "1"
    try:
        yield
    finally:
        ssl.create_default_context = whole
        if given is None:
            del os.environ[_IN_PYTHON]
        else:
            os.environ[_IN_PYTHON] = given


with _lean():
    import aiohttp
    from aiohttp import web
