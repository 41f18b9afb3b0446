"""A saved state, as the commands and a server process see it; the API server is away."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from kdns.kube import statefile
from kdns.kube.saved import packed_objects, sealed, settings_of
from kdns.kube.wanted import Server
from tests.asking import ede, lines
from tests.kube.known import SHOP, endpoint, service, slice_of
from tests.processes import Kdns, free_port, serving

COREFILE = """\
cluster.local:{port} {{
    bind 127.0.0.1
    ready 127.0.0.1:0
    kubernetes {{
        endpoint http://127.0.0.1:1
        state kept/state
        startup_timeout 100ms
    }}
}}
"""
STATE = "the state saved at 2023-11-14T22:13:20Z"
WEB = "web.shop.svc.cluster.local."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a Corefile and, in a folder beside it, a state."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Corefile").write_text(COREFILE.format(port=1053))
    (tmp_path / "kept").mkdir()
    objects = (SHOP, service("web"), slice_of(endpoint("10.244.0.5")))
    pieces = sealed(asyncio.run(packed_objects(objects)), settings_of(Server(endpoint="http://127.0.0.1:1")), 1.7e9)
    statefile.write(str(tmp_path / "kept/state"), pieces)
    return tmp_path


def test_explain_says_that_an_object_is_from_it(folder: Path, kdns: Kdns) -> None:
    code, out, err = kdns("explain", WEB)
    assert code == 0
    assert f"  Service shop/web: {STATE}" in out.splitlines()
    assert f"  EndpointSlice shop/web-1: {STATE}" in out.splitlines()
    assert f"warning: serving from {STATE}; waiting for " in err


def test_check_is_content_with_it(folder: Path, kdns: Kdns) -> None:
    code, out, err = kdns("check")
    assert code == 0
    assert "cluster.local.: 1 Services, 1 endpoints from http://127.0.0.1:1" in out
    assert f"warning: serving from {STATE}; waiting for " in err


def test_check_warns_of_a_folder_that_is_not_there(folder: Path, kdns: Kdns) -> None:
    (folder / "Corefile").write_text(COREFILE.format(port=1053).replace("kept", "gone"))
    code, _, err = kdns("check")
    assert code == 0
    assert f"warning: Corefile:6: the state cannot be saved: there is no folder '{folder}/gone'" in err.splitlines()


@pytest.mark.parametrize("command", ["check", "explain"])
@pytest.mark.parametrize("content", [None, b"damaged"], ids=["whole", "damaged"])
def test_commands_that_look_leave_no_traces(folder: Path, kdns: Kdns, command: str, content: bytes | None) -> None:
    file = folder / "kept/state"
    if content is not None:
        file.write_bytes(content)
    before = file.stat().st_mtime_ns, file.read_bytes()
    kdns(command, *([WEB] if command == "explain" else []))
    assert (file.stat().st_mtime_ns, file.read_bytes()) == before
    assert [each.name for each in file.parent.iterdir()] == ["state"]


def test_a_server_starts_from_it_and_leaves_it_as_it_was(folder: Path) -> None:
    (folder / "Corefile").write_text(COREFILE.format(port=free_port()))
    before = (folder / "kept/state").read_bytes()
    with serving(cwd=folder) as server:
        server.until(f"serving from {STATE}; waiting for ")
        reply = server.ask(WEB)
        assert lines(reply.answer) == ["web.shop.svc.cluster.local. 5 IN A 10.244.0.5"]
        assert ede(reply) == f"answers are from {STATE}"
        assert server.status("ready") == 200
        server.tell(signal.SIGTERM)
        assert server.ended().code == 0
    assert (folder / "kept/state").read_bytes() == before


def test_a_server_sets_a_damaged_one_aside(folder: Path) -> None:
    (folder / "Corefile").write_text(COREFILE.format(port=free_port()))
    (folder / "kept/state").write_bytes(b"damaged")
    with serving(cwd=folder) as server:
        server.until(
            "no saved state to start from: it is no saved state, or damaged; it is called .*/kept/state.aside now"
        )
        assert server.status("ready") == 503
    assert [each.name for each in (folder / "kept").iterdir()] == ["state.aside"]
