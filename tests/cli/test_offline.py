from __future__ import annotations

import signal
from pathlib import Path

import dns.rcode
import pytest

from kdns.cli.offline import offline
from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, parse
from kdns.plan import plan
from tests.processes import ROOT, Kdns, serving

EXAMPLES = str(ROOT / "examples")
WEB = "web.shop.svc.cluster.local"
LIVE = """\
.:0 {
    bind 127.0.0.1
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        %s
    }
}
"""


def parsed(text: str) -> Corefile:
    return parse(text, "Corefile", environ={}, disk=Memory())


def bodies(corefile: Corefile) -> list[list[tuple[str, ...]]]:
    """The lines of each *kubernetes*."""
    every = (each for block in corefile.blocks for line in block.directives for each in line.every)
    return [[(line.name, *line.args) for line in each.body] for each in every if each.name == "kubernetes"]


@pytest.mark.parametrize(
    ("option", "left"),
    [
        pytest.param("ttl 30", [("ttl", "30")], id="service account"),
        pytest.param("kubeconfig /no/config", [], id="kubeconfig"),
        pytest.param("endpoint https://192.0.2.1\ntls a b c", [], id="endpoint"),
        pytest.param("state /no/state\npods verified", [("pods", "verified")], id="state"),
    ],
)
def test_files_stand_in_for_an_api_server(option: str, left: list[tuple[str, ...]]) -> None:
    made = offline(parsed(LIVE % option), ["/one", "/and two"])
    assert bodies(made) == [[*left, ("manifests", "/one", "/and two")]]
    plan(made, lambda: 0.0, lambda: 0.0)


def test_manifests_that_a_corefile_names_itself_stay() -> None:
    text = LIVE % "manifests mine"
    assert offline(parsed(text), ["/others"]) == parsed(text)


def test_every_cluster_of_a_corefile_gets_them() -> None:
    text = ".:0 {\nkubernetes a.test\nkubernetes b.test {\nkubeconfig c\n}\n}\nd.test:0 {\nkubernetes\n}\n"
    assert bodies(offline(parsed(text), ["/one"])) == [[("manifests", "/one")]] * 3


def test_paths_begin_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert bodies(offline(parsed(LIVE % ""), ["here"])) == [[("manifests", f"{tmp_path}/here")]]


def test_without_paths_nothing_changes() -> None:
    assert offline(parsed(LIVE % ""), []) == parsed(LIVE % "")


def test_a_corefile_for_a_cluster_is_checked_and_explained_with_them(kdns: Kdns, tmp_path: Path) -> None:
    file = tmp_path / "Corefile"
    file.write_text(LIVE % "pods insecure")
    code, out, err = kdns("check", "-conf", str(file), "-manifests", EXAMPLES)
    assert (code, err) == (0, "")
    assert "12 Services, 25 endpoints from 10 files in examples" in out
    code, out, _ = kdns("explain", WEB, "-conf", str(file), "-manifests", EXAMPLES)
    assert (code, "10.96.184.143" in out) == (0, True)


@pytest.mark.parametrize(
    ("option", "line", "told"),
    [
        pytest.param("bogus", 4, "'bogus'", id="the directive, which stays wrong"),
        pytest.param("ttl 30", 3, "none", id="the files"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(kdns: Kdns, tmp_path: Path, option: str, line: int, told: str) -> None:
    file = tmp_path / "Corefile"
    file.write_text(LIVE % option)
    code, _, err = kdns("check", "-conf", str(file), "-manifests", str(tmp_path / "none"))
    assert code == 1
    assert err.startswith(f"{file}:{line}: ")
    assert told in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("text", ["", ".:0 {\n    whoami\n}\n"], ids=["empty", "another plugin"])
def test_files_that_nothing_would_answer_from_are_refused(kdns: Kdns, tmp_path: Path, text: str) -> None:
    file = tmp_path / "Corefile"
    file.write_text(text)
    code, _, err = kdns("-conf", str(file), "-manifests", EXAMPLES)
    assert code == 1
    assert f"-manifests {EXAMPLES}: no server block has 'kubernetes'" in err


def test_a_corefile_for_a_cluster_is_served_from_them_and_after_a_reload_too(tmp_path: Path) -> None:
    file = tmp_path / "Corefile"
    file.write_text(LIVE % "ttl 30")
    with serving("-conf", str(file), "-manifests", EXAMPLES) as server:
        assert str(server.ask(WEB).answer[0]) == f"{WEB}. 30 IN A 10.96.184.143"
        file.write_text(LIVE % "ttl 7")
        server.tell(signal.SIGUSR1)
        server.until("Reloading complete")
        reply = server.ask(WEB)
        assert (reply.rcode(), str(reply.answer[0])) == (dns.rcode.NOERROR, f"{WEB}. 7 IN A 10.96.184.143")
