"""The programs of a control plane: taken from the folder that KUBEBUILDER_ASSETS names, or built once with Go.

`python -m tests.e2e.programs` gets them and says where they are, or says what is missing and fails. What
is built is kept in `$XDG_CACHE_HOME/kdns/e2e` (`~/.cache` without it), in a folder for each pair of versions.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

MODULE = Path(__file__).parent / "controlplane"
PACKAGES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}
ASSETS = "KUBEBUILDER_ASSETS"


class MissingError(Exception):
    """A program that is neither there nor can be built: what is missing, and what would do."""


class Programs(NamedTuple):
    """Where they are."""

    etcd: Path
    apiserver: Path
    controllers: Path


def programs(environ: Mapping[str, str] = os.environ) -> Programs:
    """Find them, build what is missing. Raises MissingError."""
    assets = environ.get(ASSETS)
    built = _cache(environ)
    found = {name: _given(Path(assets), name) if assets else None for name in PACKAGES}
    return Programs(*(path or _built(built / name) for name, path in found.items()))


def versions() -> str:
    """Of what is built, as a folder's name."""
    text = (MODULE / "go.mod").read_text()
    modules = ("k8s.io/kubernetes", "go.etcd.io/etcd/server/v3")
    kubernetes, etcd = (re.findall(rf"^\s+{re.escape(module)} (v\S+)$", text, re.MULTILINE)[0] for module in modules)
    return f"kubernetes-{kubernetes}-etcd-{etcd}"


def _cache(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "kdns" / "e2e" / versions()


def _given(assets: Path, name: str) -> Path | None:
    """A program out of the assets. The controller manager is not part of what envtest users have: None, to be built."""
    if os.access(assets / name, os.X_OK):
        return assets / name
    if name == "kube-controller-manager":
        return None
    raise MissingError(f"{ASSETS}={assets} holds no program '{name}': name a folder that does, or unset it")


def _built(path: Path) -> Path:
    if not path.exists():
        _build(path)
    return path


def _build(path: Path) -> None:
    """Build it aside and move it in place whole: two may be at it at once, and one may be interrupted."""
    go = shutil.which("go")
    if go is None:
        raise MissingError(
            f"'{path.name}' has to be built, and there is no Go: install Go (https://go.dev), "
            f"or let {ASSETS} name a folder with {', '.join(PACKAGES)}"
        )
    sys.stderr.write(f"building {path} (some minutes, once) ...\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(made), PACKAGES[path.name]]
        environment = {**os.environ, "CGO_ENABLED": "0"}
        if subprocess.run(command, cwd=MODULE, env=environment, check=False).returncode:
            raise MissingError(f"'{path.name}' could not be built from {PACKAGES[path.name]}: see what Go says above")
        made.rename(path)


def main() -> None:
    """Say where they are; exit with one line where they are not."""
    try:
        sys.stdout.write("\n".join(map(str, programs())) + "\n")
    except MissingError as error:
        sys.exit(f"make e2e: {error}")


if __name__ == "__main__":
    main()
