"""The Dockerfile, as far as it can be held without building it."""

from __future__ import annotations

import re
import tomllib
from typing import NamedTuple

import pytest

from tests.deploy.renderers import DEPLOY, ROOT

TEXT = (DEPLOY / "Dockerfile").read_text()
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text()


class Line(NamedTuple):
    """An instruction and what it says."""

    name: str
    words: str


def stages() -> list[list[Line]]:
    """The instructions of each stage, beginning with its FROM."""
    joined = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
    found: list[list[Line]] = []
    for text in filter(None, joined.splitlines()):
        name, _, words = text.partition(" ")
        if name == "FROM":
            found.append([])
        if found:
            found[-1].append(Line(name, " ".join(words.split())))
    return found


def said(stage: list[Line], name: str) -> list[str]:
    return [line.words for line in stage if line.name == name]


BUILD, LAST = stages()


def test_the_base_is_a_slim_python_of_one_version() -> None:
    (tag,) = re.findall(r"^ARG PYTHON=(\S+)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-[a-z]+", tag)
    assert said(BUILD, "FROM") == ["python:${PYTHON} AS build"]
    assert said(LAST, "FROM") == ["python:${PYTHON}"]


def test_the_last_stage_installs_nothing_and_runs_nothing() -> None:
    assert {line.name for line in LAST} == {"FROM", "COPY", "ENV", "USER", "WORKDIR", "EXPOSE", "ENTRYPOINT"}
    assert said(LAST, "COPY") == ["--from=build /opt/kdns /opt/kdns"]


def test_nothing_is_compiled() -> None:
    assert "--only-binary :all:" in TEXT
    assert re.search(r"\b(gcc|build-essential|python3-dev|cargo)\b", TEXT) is None


def test_it_runs_as_nobody_in_particular() -> None:
    assert said(LAST, "USER") == ["65532:65532"]


def test_its_python_alone_may_take_port_53() -> None:
    (right,) = (line.words for line in BUILD if "setcap" in line.words)
    assert right == "setcap cap_net_bind_service=+ep /opt/kdns/bin/python"
    assert "venv --copies" in TEXT


def test_its_entry_point_is_kdns_and_takes_coredns_s_arguments() -> None:
    assert said(LAST, "ENTRYPOINT") == ['["/opt/kdns/bin/kdns"]']
    assert said(LAST, "CMD") == []
    assert "kdns" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize("name", [name for words in said(BUILD, "COPY") for name in words.split()[:-1]])
def test_what_it_copies_is_there_and_not_ignored(name: str) -> None:
    assert (ROOT / name).exists()
    assert f"!{name}" in IGNORED.splitlines()


def test_all_else_is_ignored() -> None:
    lines = [line for line in IGNORED.splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    copied = {name for words in said(BUILD, "COPY") for name in words.split()[:-1]}
    assert {line[1:] for line in lines if line.startswith("!")} == copied
