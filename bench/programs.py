"""The programs that are measured or measure: where they are, what they are called in Debian, which version."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

PACKAGES = {
    "dnsperf": "dnsperf",
    "knotd": "knot",
    "unbound": "unbound",
    "setpriv": "util-linux",
    "taskset": "util-linux",
}
"""Program to Debian package."""
COREDNS = "v1.14.7"
_SYSTEM = ("/usr/sbin", "/usr/local/sbin", "/sbin")
"""Where servers are, which a user's PATH may leave out."""
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?")


def program(name: str) -> Path | None:
    """Where it is, if it is; CoreDNS is built where Go is."""
    if name == "coredns":
        return _coredns(os.environ)
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM))
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def remedy(name: str) -> str:
    """What would bring a program that is not there."""
    if name == "coredns":
        return f"CoreDNS {COREDNS} is built with Go 1.25 or later (https://go.dev), which is not there or failed"
    return f"{name} is missing: Debian's package {PACKAGES[name]}"


def version(name: str) -> str:
    """What the program says, as digits: 3.2.6."""
    path = program(name)
    flag = {"coredns": "-version", "dnsperf": "-h"}.get(name, "-V")
    said = subprocess.run([str(path), flag], capture_output=True, text=True, check=False)
    if name == "dnsperf":
        said = subprocess.run([str(path), "-H"], capture_output=True, text=True, check=False)
    found = _VERSION.search(said.stdout + said.stderr)
    return found[0] if found else "of unknown version"


def _coredns(environ: Mapping[str, str]) -> Path | None:
    """Built once and kept in `$XDG_CACHE_HOME/kdns/bench` (`~/.cache` without it)."""
    home = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = home / "kdns" / "bench" / f"coredns-{COREDNS}"
    if not path.exists():
        _build(path)
    return path if path.exists() else None


def _build(path: Path) -> None:
    """Build it aside and move it in place whole: a build may be interrupted."""
    go = shutil.which("go")
    if go is None:
        return
    sys.stderr.write(f"building CoreDNS {COREDNS} (some minutes, once) ...\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        environment = {**os.environ, "GOBIN": folder, "CGO_ENABLED": "0"}
        command = [go, "install", f"github.com/coredns/coredns@{COREDNS}"]
        if subprocess.run(command, env=environment, check=False).returncode == 0:
            (Path(folder) / "coredns").rename(path)
