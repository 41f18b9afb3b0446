"""What turns deploy/ into objects: kustomize, helm and a reader of PromQL, built once with Go.

They are kept in `$XDG_CACHE_HOME/kdns/render` (`~/.cache` without it), in a folder for each state of the Go
module that names them; `KDNS_RENDER_ASSETS` may name a folder that holds all three.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.e2e.api import Json
from tests.e2e.programs import MissingError

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
OVERLAYS = DEPLOY / "overlays"
CHART = DEPLOY / "helm" / "kdns"
MODULE = Path(__file__).parent / "render"
ASSETS = "KDNS_RENDER_ASSETS"
KUBERNETES = "1.36.3"
"""What the chart is rendered for."""
_PACKAGES = {
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5",
    "helm": "helm.sh/helm/v3/cmd/helm",
    "alerts": "./alerts",
}


class Selector(NamedTuple):
    """The series that a part of a PromQL expression selects."""

    metric: str
    labels: Mapping[str, str]


class Refused(Exception):
    """A program that does not take what it was given, in its own words."""


class Renderers:
    """The programs in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kustomized(self, folder: Path) -> list[Json]:
        """The objects of a kustomization. Raises Refused."""
        return _objects(self._run("kustomize", "build", str(folder)))

    def charted(self, values: Mapping[str, object] | None = None, release: str = "kdns") -> list[Json]:
        """The objects of the chart, in the namespace kube-system. Raises Refused."""
        flags = ["--namespace=kube-system", f"--kube-version={KUBERNETES}", "--values=-"]
        return _objects(self._run("helm", "template", release, str(CHART), *flags, stdin=json.dumps(values or {})))

    def notes(self, values: Mapping[str, object], kubeconfig: Path) -> str:
        """What the chart says when it was installed, in a cluster that only pretends. Raises Refused."""
        flags = ["--namespace=kube-system", f"--kubeconfig={kubeconfig}", "--dry-run=server", "--values=-"]
        with tempfile.TemporaryDirectory() as folder:
            chart = Path(shutil.copytree(CHART, Path(folder) / "kdns"))
            # An API server that was built from a module does not know its version.
            lines = (chart / "Chart.yaml").read_text().splitlines()
            (chart / "Chart.yaml").write_text("\n".join(line for line in lines if not line.startswith("kubeVersion")))
            text = self._run("helm", "install", "kdns", str(chart), *flags, stdin=json.dumps(values))
        return text.partition("\nNOTES:\n")[2]

    def selectors(self, expressions: Iterable[str]) -> list[list[Selector]]:
        """What each PromQL expression selects. Raises Refused."""
        found = json.loads(self._run("alerts", stdin=json.dumps(list(expressions))))
        return [[Selector(each["metric"], each["labels"]) for each in one] for one in found]

    def _run(self, name: str, *arguments: str, stdin: str = "") -> str:
        with tempfile.TemporaryDirectory() as home:
            # Neither what this user's helm remembers nor the cluster that this user works at.
            environment = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": f"{home}/none"}
            command = [str(self._folder / name), *arguments]
            ran = subprocess.run(command, input=stdin, env=environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise Refused(ran.stderr)
        return ran.stdout


def renderers(environ: Mapping[str, str] = os.environ) -> Renderers:
    """Find the programs, build what is missing. Raises MissingError."""
    if assets := environ.get(ASSETS):
        for name in _PACKAGES:
            if not os.access(Path(assets) / name, os.X_OK):
                raise MissingError(f"{ASSETS}={assets} holds no program '{name}': name a folder that does, or unset it")
        return Renderers(Path(assets))
    home = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "kdns" / "render" / _state()
    for name, package in _PACKAGES.items():
        if not (folder / name).exists():
            _build(folder / name, package)
    return Renderers(folder)


def _objects(text: str) -> list[Json]:
    return [each for each in yaml.safe_load_all(text) if each]


def _state() -> str:
    """Of what is built, as a folder's name."""
    digest = hashlib.sha256()
    for file in sorted(path for path in MODULE.rglob("*") if path.is_file()):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _build(path: Path, package: str) -> None:
    """Build it aside and move it in place whole: two may be at it at once, and one may be interrupted."""
    go = shutil.which("go")
    if go is None:
        raise MissingError(
            f"'{path.name}' has to be built, and there is no Go: install Go (https://go.dev), "
            f"or let {ASSETS} name a folder with {', '.join(_PACKAGES)}"
        )
    sys.stderr.write(f"building {path} (a minute or two, once) ...\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(made), package]
        environment = {**os.environ, "CGO_ENABLED": "0"}
        if subprocess.run(command, cwd=MODULE, env=environment, check=False).returncode:
            raise MissingError(f"'{path.name}' could not be built from {package}: see what Go says above")
        made.rename(path)


def main() -> None:
    """Get the programs; exit with one line where that cannot be."""
    try:
        renderers()
    except MissingError as error:
        sys.exit(f"make e2e: {error}")


if __name__ == "__main__":
    main()
