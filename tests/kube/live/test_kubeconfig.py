from __future__ import annotations

from pathlib import Path

import pytest

from kdns.kube.live.kubeconfig import server_of

CONFIG = """\
apiVersion: v1
kind: Config
current-context: home
contexts:
- {name: home, context: {cluster: one, user: me}}
- {name: work, context: {cluster: two, user: me}}
- {name: lost, context: {cluster: three}}
- {name: none}
clusters:
- {name: one, cluster: {server: "https://one:6443"}}
- {name: two, cluster: {server: "https://two:6443"}}
users:
- {name: me, user: {exec: {command: "false"}}}
"""
JSON = """{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "b"}}],
 "clusters": [{"name": "b", "cluster": {"server": "https://c"}}]}"""


@pytest.mark.parametrize(
    ("text", "context", "server"),
    [
        pytest.param(CONFIG, None, "https://one:6443", id="the current context"),
        pytest.param(CONFIG, "work", "https://two:6443", id="another one"),
        pytest.param(CONFIG, "lost", "", id="of no cluster"),
        pytest.param(CONFIG, "none", "", id="empty"),
        pytest.param(CONFIG, "nobody", "", id="not there"),
        pytest.param(JSON, None, "https://c", id="JSON"),
        pytest.param("", None, "", id="an empty file"),
        pytest.param("{", None, "", id="half written"),
        pytest.param("- a", None, "", id="something else"),
        pytest.param("clusters: 1\ncontexts: {a: b}", "a", "", id="of wrong types"),
    ],
)
def test_the_server_of_a_context(tmp_path: Path, text: str, context: str | None, server: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    assert server_of(str(file), context) == server


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    assert [server_of(str(tmp_path / name)) for name in ("gone", "bytes", "")] == ["", "", ""]
