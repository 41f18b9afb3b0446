"""Programs of other projects that tests talk to: where they are, or a test that is skipped and says what to install."""

from __future__ import annotations

import os
import shutil

import pytest

PACKAGES = {
    "dig": "bind9-dnsutils",
    "dnsmasq": "dnsmasq-base",
    "gcc": "gcc",
    "getent": "libc-bin",
    "ip": "iproute2",
    "knotd": "knot",
    "mount": "mount",
    "musl-gcc": "musl-tools",
    "nsenter": "util-linux",
    "unbound": "unbound",
    "unshare": "util-linux",
}
"""Which package of Debian a program is in."""
_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
"""Daemons are not on everybody's."""


def installed(program: str) -> str:
    """Where a program is. Skips the test that asks where it is not."""
    found = shutil.which(program, path=_PATH)
    if found is None:
        pytest.skip(f"{program} is not installed (Debian: {PACKAGES[program]})")
    return found
