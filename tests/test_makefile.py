"""`make run`, with a .venv that is ready: what fills it is the package index's to say, and CI's to try."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.processes import PATIENCE, ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def variables(**given: object) -> list[str]:
    return ["make", "--no-print-directory", *(f"{name}={value}" for name, value in given.items())]


def test_make_run_serves_the_examples_until_it_is_interrupted(tmp_path: Path) -> None:
    script(tmp_path / "bin/kdns", f'exec {sys.executable} -m kdns "$@"')
    (tmp_path / "run").touch()
    command = [*variables(VENV=tmp_path, ARGS="examples --port 0 --metrics 127.0.0.1:0"), "run"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as make:
        assert make.stdout is not None
        said = []
        for line in make.stdout:
            said.append(line.rstrip("\n"))
            if line.endswith(" PTR\n"):
                break
        try:
            port = int(re.findall(r"listening on 127\.0\.0\.1, port (\d+), UDP and TCP", said[1])[0])
            query = dns.message.make_query("cart.shop.svc.cluster.local", "A")
            for how in (dns.query.udp, dns.query.tcp):
                assert str(how(query, "127.0.0.1", timeout=PATIENCE, port=port).answer[0][0]) == "10.96.20.20"
        finally:
            os.killpg(make.pid, signal.SIGINT)
        rest = make.stdout.read()
    assert "[INFO] SIGINT: stopping" in rest
    assert re.fullmatch(r"  cluster\.local\. .*: \d+ Services, \d+ endpoints from \d+ files in examples.*", said[2])
    assert re.fullmatch(r"  http://127\.0\.0\.1:\d+/metrics", said[3])
    assert [line.split()[0] for line in said[5:]] == ["dig"] * 3


def test_the_examples_are_served_where_the_readme_says() -> None:
    ran = subprocess.run(
        [*variables(VENV="/nowhere"), "-n", "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "/nowhere/bin/kdns serve examples"


def test_an_old_python_is_told_in_one_line(tmp_path: Path) -> None:
    old = "import sys; sys.version_info = (3, 9, 1); sys.version = '3.9.1 (old)'; exec(sys.argv[1])"
    script(tmp_path / "python", f'exec {sys.executable} -c "{old}" "$2"')
    ran = subprocess.run(
        [*variables(VENV=tmp_path / "venv", PYTHON=tmp_path / "python"), "run"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    told = [line for line in ran.stderr.splitlines() if not re.match(r"make(\[\d+\])?:", line)]
    assert told == ["kdns needs Python 3.11 or later, this is 3.9.1: make PYTHON=python3.12 ..."]
    assert ran.returncode != 0
    assert not (tmp_path / "venv").exists()
