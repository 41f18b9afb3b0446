from __future__ import annotations

from pathlib import Path

import pytest

from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.errors import KdnsError
from kdns.plan import Plan, plan
from tests.asking import lines, serving

SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{port: 80}]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a Corefile's files in another one below it."""
    (tmp_path / "data" / "web").mkdir(parents=True)
    (tmp_path / "data" / "web" / "service.yaml").write_text(SERVICE)
    (tmp_path / "data" / "weights").write_text("web.shop.svc.cluster.local\n10.96.0.10 5\n")
    return tmp_path


def planned(lines: str, folder: Path) -> Plan:
    text = f"cluster.local {{\n{lines}\n}}"
    return plan(parse(text, str(folder / "Corefile"), environ={}, disk=Local()), lambda: 0.0, lambda: 0.0)


async def web(corefile: str, folder: Path) -> list[str]:
    async with serving(f"cluster.local {{\n{corefile}\n}}", folder) as asked:
        return lines((await asked.ask("web.shop.svc.cluster.local.")).answer)


FOUND = ["web.shop.svc.cluster.local. 5 IN A 10.96.0.10"]


@pytest.mark.parametrize(
    "corefile",
    [
        pytest.param("root data\nkubernetes {{\nmanifests web\n}}", id="below it"),
        pytest.param("kubernetes {{\nmanifests web\n}}\nroot data", id="whatever the order"),
        pytest.param("root {folder}/data\nkubernetes {{\nmanifests web\n}}", id="absolute"),
        pytest.param("root data\nkubernetes {{\nmanifests {folder}/data/web\n}}", id="an absolute file"),
        pytest.param("root elsewhere\nroot data/web\nkubernetes {{\nmanifests .\n}}", id="the last line counts"),
        pytest.param("kubernetes {{\nmanifests data/web\n}}", id="without it, beside the Corefile"),
    ],
)
async def test_relative_names_of_manifests_begin_there(corefile: str, folder: Path) -> None:
    assert await web(corefile.format(folder=folder), folder) == FOUND


async def test_weights_are_looked_for_there(folder: Path) -> None:
    corefile = "root data\nloadbalance weighted weights {\nreload 0s\n}\nkubernetes {\nmanifests web\n}"
    assert await web(corefile, folder) == FOUND
    with pytest.raises(KdnsError, match=r"the weights in '.*data/nothing' cannot be read: No such file or directory"):
        planned("root data\nloadbalance weighted nothing {\nreload 0s\n}", folder)


def test_the_tls_settings_of_the_metrics_are_looked_for_there(folder: Path) -> None:
    (folder / "data" / "web.yml").write_text("tls_server_config: {}")
    with pytest.raises(KdnsError, match=r"'.*data/web\.yml' is of no use: .*cert_file"):
        planned("root data\nprometheus {\ntls web.yml\n}", folder)


async def test_it_holds_for_its_own_server_block(folder: Path) -> None:
    one = "a.test {\nroot data\nkubernetes cluster.local {\nmanifests web\n}\n}\n"
    with pytest.raises(KdnsError, match=r"Corefile:9: manifests: there is no '.*/web'"):
        async with serving(one + "b.test {\nkubernetes team.test {\nmanifests web\n}\n}", folder):
            pass


def test_a_folder_that_is_not_there_is_a_warning(folder: Path) -> None:
    warnings = planned("\nroot later\nwhoami", folder).build.warnings
    assert warnings == [f"{folder}/Corefile:3: the folder 'later' does not exist"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("root", "Corefile:2: 'root' takes 1 argument, not 0: root PATH"),
        ("root a b", "Corefile:2: 'root' takes 1 argument, not 2: root PATH"),
        ("root data {\n}", "Corefile:2: 'root' takes no block: remove its '{' and '}'"),
        ("root data\nroot", "Corefile:3: 'root' takes 1 argument, not 0: root PATH"),
        ("root data/weights", "Corefile:2: 'data/weights' is no folder"),
        ("root data/weights/x", "Corefile:2: the folder 'data/weights/x' cannot be used: Not a directory"),
    ],
)
def test_mistakes_are_told_with_their_line(line: str, error: str, folder: Path) -> None:
    with pytest.raises(KdnsError) as caught:
        planned(line, folder)
    assert str(caught.value) == f"{folder}/{error}"
