"""`kdns memory`: the parts that a Corefile's clusters take, and what is not known."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.processes import Kdns, run

COREFILE = """\
.:0 {{
    kubernetes cluster.local {{
        {}
    }}
}}
"""
SERVICES = 500
PARTS = ("Python and modules", "objects", "index of names", "index of addresses", "manifests")


def manifests(count: int) -> str:
    return "---\n".join(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: web-{n}}}\nspec: {{ports: [{{port: 80}}]}}\n"
        for n in range(count)
    )


def table(out: str) -> dict[str, float]:
    lines = [re.fullmatch(r" *([\d.]+) MB  (.+)", line) for line in out.splitlines()]
    return {line[2]: float(line[1]) for line in lines if line}


@pytest.fixture
def corefile(tmp_path: Path) -> Path:
    (tmp_path / "services.yaml").write_text(manifests(SERVICES))
    (tmp_path / "Corefile").write_text(COREFILE.format(f"manifests {tmp_path / 'services.yaml'}"))
    return tmp_path / "Corefile"


def test_each_part_has_a_line_and_all_together_are_what_is_resident(corefile: Path) -> None:
    code, out, err = run("memory", "-conf", str(corefile))  # a process of its own: this one has grown and shrunk
    assert (code, err) == (0, "")
    weights = table(out)
    assert set(PARTS) <= set(weights)
    assert all(0 < weights[part] < 500 for part in PARTS)
    if "resident in all" in weights:
        *parts, whole = weights.values()
        assert sum(parts) == pytest.approx(whole, rel=0.02)


def test_more_objects_weigh_more(kdns: Kdns, corefile: Path, tmp_path: Path) -> None:
    few = table(kdns("memory", "-conf", str(corefile)).out)
    (tmp_path / "services.yaml").write_text(manifests(10 * SERVICES))
    many = table(kdns("memory", "-conf", str(corefile)).out)
    assert all(many[part] > 4 * few[part] for part in ("objects", "manifests"))


def test_what_is_not_known_is_told(kdns: Kdns, tmp_path: Path) -> None:
    (tmp_path / "Corefile").write_text(COREFILE.format("endpoint http://127.0.0.1:1\n        startup_timeout 1ms"))
    code, out, err = kdns("memory", "-conf", str(tmp_path / "Corefile"))
    assert code == 1
    assert "versions" in table(out)
    assert err == "kubernetes: not known yet: services, endpointslices, namespaces from http://127.0.0.1:1\n"
