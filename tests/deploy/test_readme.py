"""The page on deploying stays true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kdns import __version__
from kdns.plugins import ORDER
from tests.deploy.renderers import DEPLOY, OVERLAYS, ROOT, Renderers
from tests.deploy.test_alerts import ALERTS
from tests.deploy.written import COREFILES, documents, one, template

README = (DEPLOY / "README.md").read_text()
KUSTOMIZATIONS = re.findall(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\bdeploy/[\w./-]*\w", README))))
def test_what_it_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("folder", ["base", *sorted(path.name for path in OVERLAYS.iterdir())])
def test_it_tells_of_every_folder(folder: str) -> None:
    path = "base" if folder == "base" else f"overlays/{folder}"
    assert f"| `deploy/{path}` |" in README


def test_it_tells_of_every_alert_and_of_no_other() -> None:
    assert set(re.findall(r"`(Kdns\w+)`", README)) == set(ALERTS)


@pytest.mark.parametrize("plugin", ["rewrite", "template", "acl"])
def test_it_names_no_plugin_as_missing_that_is_there(plugin: str) -> None:
    assert f"*{plugin}*" in README
    assert plugin not in ORDER


def test_the_line_that_takes_out_the_world_outside_is_there() -> None:
    assert "`import outside`" in README
    assert all("    import outside\n" in path.read_text() for path in COREFILES.values())


def test_its_image_is_of_this_version() -> None:
    assert set(re.findall(r"registry\.example/kdns:(\S+)", README)) == {__version__}
    assert set(re.findall(r"newTag: (\S+)", README)) == {__version__}


def test_the_numbers_of_the_sidecar_s_parts_are_those_that_it_tells() -> None:
    text = (OVERLAYS / "sidecar" / "deployment.yaml").read_text()
    assert re.findall(r"# (\d)\. ", text) == ["1", "2", "3", "4"]
    assert "marked 1 to 4" in README


def test_the_line_that_changes_the_node_s_corefile_is_there() -> None:
    text = (OVERLAYS / "node-local" / "kustomization.yaml").read_text()
    assert "# Corefile=Corefile.cache\n" in text
    assert (OVERLAYS / "node-local" / "Corefile.cache").is_file()


def test_its_kustomizations_are_yaml() -> None:
    assert [yaml.safe_load(text)["kind"] for text in KUSTOMIZATIONS] == ["Kustomization"] * 2


@pytest.mark.e2e
def test_its_kustomizations_do_what_it_says(render: Renderers, tmp_path: Path) -> None:
    images, volumes = [], []
    for index, text in enumerate(KUSTOMIZATIONS):
        folder = tmp_path / str(index)
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(text.replace("kdns/deploy", f"{_upwards(folder)}{DEPLOY}"))
        pod = template(one(render.kustomized(folder), "Deployment"))["spec"]
        images.append(pod["containers"][0]["image"])
        volumes.append(pod["volumes"][0]["configMap"]["name"])
    assert images == [f"registry.example/kdns:{__version__}", f"kdns:{__version__}"]
    assert volumes == ["kdns", "coredns"]


def _upwards(folder: Path) -> str:
    """From a folder to the root, for kustomize takes no absolute path."""
    return "../" * (len(folder.resolve().parts) - 1) + "."


def test_the_service_s_ports_are_those_that_it_tells() -> None:
    ports = {port["port"] for port in one(documents(DEPLOY / "base" / "service.yaml"), "Service")["spec"]["ports"]}
    assert ports == {53, 9153}
    assert "port 9153 of the Service" in " ".join(README.split())
