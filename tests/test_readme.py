"""The README stays true: each of its console blocks is run, and prints what it shows.

Ports are exchanged for free ones, so that a server that runs already is in nobody's way.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.processes import free_port

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVER = "kdns serve examples"


class Example(NamedTuple):
    """A command line and what the README says it prints."""

    command: str
    shown: list[str]


def examples() -> Iterator[Example]:
    for block in _BLOCK.findall(README):
        for part in block.split("$ ")[1:]:
            command, *shown = part.splitlines()
            yield Example(command, shown)


EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    return {"1053": str(free_port()), "9153": str(free_port())}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A PATH on which `kdns` is this checkout."""
    folder = tmp_path_factory.mktemp("bin")
    shim = folder / "kdns"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m kdns "$@"\n')
    shim.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def served(ports: dict[str, str], environment: dict[str, str]) -> Iterator[list[str]]:
    """The lines that the server of the README's first example prints, while it runs."""
    command = ["kdns", "serve", "examples", "--port", ports["1053"], "--metrics", f"127.0.0.1:{ports['9153']}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        lines = []
        for line in server.stdout:
            lines.append(line.rstrip("\n"))
            if len(lines) == len(EXAMPLES[0].shown):
                break
        yield lines
        server.terminate()
        server.stdout.close()


def words(line: str) -> str:
    return " ".join(line.split())


def test_the_first_example_is_the_server(served: list[str], ports: dict[str, str]) -> None:
    first, *_ = EXAMPLES
    assert first.command == _SERVER
    back = [line.replace(ports["1053"], "1053").replace(ports["9153"], "9153") for line in served]
    assert back == first.shown


@pytest.mark.parametrize("example", EXAMPLES[1:], ids=lambda example: example.command)
def test_an_example_prints_what_it_shows(
    example: Example, served: list[str], ports: dict[str, str], environment: dict[str, str], tmp_path: Path
) -> None:
    assert served
    if example.command.startswith("dig") and shutil.which("dig") is None:
        pytest.skip("dig is not installed (Debian: bind9-dnsutils)")
    command = example.command.replace("-p 1053", f"-p {ports['1053']}")
    ran = subprocess.run(
        ["/bin/sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    printed = [words(line) for line in (ran.stdout + ran.stderr).splitlines()]
    shown = [words(line) for line in example.shown]
    if example.command.startswith("dig"):  # whose records take turns
        printed, shown = sorted(printed), sorted(shown)
    assert printed == shown


def test_the_commands_that_the_server_tells_to_try_work(served: list[str], environment: dict[str, str]) -> None:
    tries = [line.strip() for line in served if line.startswith("  dig")]
    assert len(tries) == 3
    if shutil.which("dig") is None:
        pytest.skip("dig is not installed (Debian: bind9-dnsutils)")
    for line in tries:
        ran = subprocess.run(["/bin/sh", "-c", line], env=environment, capture_output=True, text=True, check=True)
        assert "status: NOERROR" in ran.stdout
        assert "ANSWER: 0" not in ran.stdout


def test_the_manifests_of_other_projects_are_served_as_the_readme_says(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """`kdns serve my-app.yaml deploy/ cluster-dump.json`, with such files, explained instead of served."""
    (line,) = re.findall(r"^    kdns serve (.+)$", README, re.MULTILINE)
    file, folder, dump = line.split()
    shutil.copy(ROOT / "examples/web.yaml", tmp_path / file)
    shutil.copytree(ROOT / "examples", tmp_path / folder)
    (tmp_path / dump).write_text('{"kind": "List", "apiVersion": "v1", "items": []}')
    command = ["kdns", "explain", "db-0.db.shop.svc.cluster.local", *line.split()]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "answered" in ran.stdout


def test_the_plugins_are_listed_in_their_order() -> None:
    from kdns.plugins import ORDER

    assert ", ".join(ORDER) + "." in README.replace("\n", " ")


def test_every_option_of_ours_is_on_its_plugin_s_page() -> None:
    from kdns.plugins import page

    ours = re.findall(r"^\| (?:`kubernetes`)? *\| (.+?):", README, re.MULTILINE)
    for option in re.findall(r"`(\w+)", " ".join(ours)):
        assert option in page("kubernetes")
