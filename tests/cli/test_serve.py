from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.cli.serve import corefile_text, parsed
from kdns.corefile.parser import load
from kdns.errors import CorefileErrors, StartError
from kdns.proto.name import to_text
from tests.asking import lines
from tests.processes import Kdns, run, serving, taken

QUESTIONS = [
    ("web.shop.svc.cluster.local", "A"),
    ("_mysql._tcp.db.shop.svc.cluster.local", "SRV"),
    ("20.20.96.10.in-addr.arpa", "PTR"),
    ("10-244-20-10.shop.pod.cluster.local", "A"),
    ("shopfront.marketing.svc.cluster.local", "A"),
    ("queue.shop.svc.cluster.local", "A"),
    ("cluster.local", "NS"),
    ("elsewhere.test", "A"),
]


def test_the_corefile_that_it_prints_does_the_same(tmp_path: Path) -> None:
    """Wherever that is saved: the path of the manifests in it is absolute."""
    arguments = ["serve", "examples", "--port", "0", "--metrics", "off"]
    code, text, err = run(*arguments, "--print-corefile")
    assert (code, err) == (0, "")
    (tmp_path / "Corefile").write_text(text)
    with serving(*arguments) as one, serving(cwd=tmp_path) as other:
        for name, type in QUESTIONS:
            first, second = one.ask(name, type), other.ask(name, type)
            assert first.rcode() == second.rcode()
            assert lines(first.answer) == lines(second.answer)
            assert [option.to_text() for option in first.options] == [option.to_text() for option in second.options]


MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10}
"""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("my manifests", id="a blank"),
        pytest.param('the "new" ones', id="blanks and quotes"),
        pytest.param('"quoted"', id="quotes around"),
        pytest.param("it's", id="an apostrophe"),
        pytest.param("#1", id="a hash"),
        pytest.param("{braces}", id="braces"),
        pytest.param("back\\slash", id="a backslash"),
        pytest.param('a\\"b', id="a backslash before a quote"),
        pytest.param("tab\tand\nline", id="a tab and a line's end"),
        pytest.param("größe", id="letters beyond ASCII"),
        pytest.param("import", id="a word of the grammar"),
    ],
)
def test_paths_may_have_any_letters(kdns: Kdns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "web.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    for path in (name, f"./{name}/web.yaml", str(folder)):
        code, out, err = kdns("explain", "web.shop.svc.cluster.local", "A", path)
        assert (code, err) == (0, "")
        assert "IN A 10.96.0.10" in out


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)
RISKY = st.text("ab \\\"'#{}$%()\t\n./", min_size=1, max_size=12)


@given(paths=st.lists(NAMES | RISKY, min_size=1, max_size=3))
def test_a_path_is_read_as_it_is_or_not_at_all(paths: list[str]) -> None:
    text = corefile_text(paths, "cluster.local", 1053, "127.0.0.1", "off")
    try:
        corefile = parsed(text, paths)
    except (StartError, CorefileErrors):
        return
    (block,) = corefile.blocks
    kubernetes = block.directives[-1]
    assert kubernetes.name == "kubernetes"
    assert kubernetes.body[0].args == tuple(paths)


@given(paths=st.lists(st.text("abc ./-_é#", min_size=1, max_size=12), min_size=1, max_size=3))
def test_a_path_with_blanks_can_always_be_read(paths: list[str]) -> None:
    corefile = parsed(corefile_text(paths, "cluster.local", 1053, "127.0.0.1", "off"), paths)
    assert corefile.blocks[0].directives[-1].body[0].args == tuple(paths)


@pytest.mark.parametrize("path", ["{$HOME}", "a{%X%}b", "end\\ \\", 'a \\"b'])
def test_a_path_that_no_corefile_can_say_is_told(kdns: Kdns, path: str) -> None:
    code, out, err = kdns("serve", path, "--metrics", "off", "--port", "0")
    assert (code, out) == (1, "")
    assert err.startswith("kdns: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], "cluster.local:1053 in-addr.arpa:1053 ip6.arpa:1053 {", id="as it is"),
        pytest.param(["--zone", "k8s.test"], "k8s.test:1053 in-addr.arpa:1053 ip6.arpa:1053 {", id="a zone"),
        pytest.param(["--port", "53"], "cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {", id="a port"),
        pytest.param(["-p", "53"], "cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {", id="a port, short"),
        pytest.param(["-dns.port=53"], "cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {", id="CoreDNS's port"),
        pytest.param([], "    bind 127.0.0.1", id="loopback"),
        pytest.param(["--bind", "::1"], "    bind ::1", id="an address"),
        pytest.param([], "    prometheus 127.0.0.1:9153", id="metrics"),
        pytest.param(["--metrics", ":9200"], "    prometheus :9200", id="metrics elsewhere"),
    ],
)
def test_flags_are_lines_of_the_corefile(kdns: Kdns, arguments: list[str], expected: str) -> None:
    code, out, err = kdns("serve", "examples", "--print-corefile", *arguments)
    assert (code, err) == (0, "")
    assert expected in out.splitlines()
    assert f"        manifests {Path.cwd()}/examples" in out.splitlines()


def test_metrics_can_be_off(kdns: Kdns) -> None:
    assert "prometheus" not in kdns("serve", "examples", "--print-corefile", "--metrics", "off").out


def test_flags_may_stand_between_paths(kdns: Kdns) -> None:
    out = kdns("serve", "/a", "--print-corefile", "/b", "--port", "54", "/c").out
    assert "        manifests /a /b /c" in out.splitlines()


def test_a_path_may_begin_with_a_dash(kdns: Kdns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "-dash").mkdir()
    (tmp_path / "-dash/web.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    out = kdns("serve", "--print-corefile", "--", "-dash").out
    assert f"        manifests {tmp_path}/-dash" in out.splitlines()
    assert kdns("explain", "--", "web.shop.svc.cluster.local", "-dash").code == 0


def test_what_it_prints_loads_from_a_file(kdns: Kdns, tmp_path: Path) -> None:
    out = kdns("serve", "a b", "--print-corefile", "--zone", "k8s.test.").out
    (tmp_path / "Corefile").write_text(out)
    (block,) = load(str(tmp_path / "Corefile")).blocks
    assert [to_text(key.zone) for key in block.keys] == ["k8s.test.", "in-addr.arpa.", "ip6.arpa."]
    assert block.directives[-1].body[0].args == (f"{Path.cwd()}/a b",)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param([], id="no path"),
        pytest.param(["examples", "--port", "x"], id="no port"),
        pytest.param(["examples", "--metrics", "9153"], id="no address"),
        pytest.param(["examples", "--zone", "a..b"], id="no zone"),
        pytest.param(["examples", "--zones", "a"], id="no flag"),
    ],
)
def test_wrong_usage_is_told_with_the_right_one(kdns: Kdns, arguments: list[str]) -> None:
    code, out, err = kdns("serve", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: kdns serve")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["no-such-folder"], "manifests: there is no 'no-such-folder'", id="no folder"),
        pytest.param(["examples", "gone.yaml"], "manifests: there is no 'gone.yaml'", id="no file"),
        pytest.param(["examples", "--bind", "nowhere0"], "'nowhere0' is neither an address", id="bind"),
        pytest.param(["examples", "--bind", "192.0.2.1"], "192.0.2.1 is no address of this machine", id="not ours"),
        pytest.param(["examples", "--zone", "10.in-addr.arpa"], "one zone at least must not", id="reverse"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(kdns: Kdns, arguments: list[str], told: str) -> None:
    code, out, err = kdns("serve", *arguments, "--port", "0", "--metrics", "off")
    assert (code, out) == (1, "")
    assert err.startswith(f"kdns: {told}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_cannot_be_read_is_one_line(kdns: Kdns, tmp_path: Path, what: str) -> None:
    """A link to itself can be opened by nobody, root included."""
    path = tmp_path / what
    path.symlink_to(path)
    code, out, err = kdns("serve", str(path), "--port", "0", "--metrics", "off")
    assert (code, out) == (1, "")
    why = "Too many levels of symbolic links"
    assert err == f"kdns: manifests: '{path}' cannot be read ({why}): name a file or a folder that can\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_read_is_one_line(kdns: Kdns, tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    path.mkdir(0) if what == "folder" else path.touch(0)
    code, out, err = kdns("serve", str(path), "--port", "0", "--metrics", "off")
    assert (code, out) == (1, "")
    assert err == (f"kdns: manifests: '{path}' cannot be read (Permission denied): name a file or a folder that can\n")


def test_a_port_in_use_is_one_line_of_a_process() -> None:
    with taken() as port:
        code, out, err = run("serve", "examples", "--port", str(port), "--metrics", "off")
    assert (code, out) == (1, "")
    assert err == (
        f"kdns: address 127.0.0.1:{port} is in use: stop what listens there (TCP) or choose another port (--port N)\n"
    )


def test_of_a_port_in_use_make_s_user_is_told_what_to_say_to_make(kdns: Kdns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    with taken() as port:
        code, _, err = kdns("serve", "examples", "deploy", "--port", str(port), "--metrics", "off")
    assert code == 1
    assert err.endswith(" or choose another port (make run ARGS='examples deploy --port N')\n")


def test_each_thing_that_is_in_the_way_is_a_line(kdns: Kdns) -> None:
    code, out, err = kdns("serve", "examples", "/nope", "/nope2", "--port", "0", "--metrics", "off")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "kdns: manifests: there is no '/nope': name a file or a folder that exists",
        "kdns: manifests: there is no '/nope2': name a file or a folder that exists",
    ]


def test_metrics_on_an_address_in_use_are_one_line_of_a_process() -> None:
    with taken() as port:
        code, out, err = run("serve", "examples", "--port", "0", "--metrics", f"127.0.0.1:{port}")
    assert (code, out) == (1, "")
    assert err.startswith(f"kdns: HTTP address 127.0.0.1:{port} (prometheus) is in use: ")
    assert err.endswith(" (--metrics ADDR:PORT, or off)\n")
    assert err.count("\n") == 1


def test_relative_paths_begin_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "sub dir/web.yaml").write_text(MANIFEST)
    with serving("serve", "sub dir", "--port", "0", "--metrics", "127.0.0.1:0", cwd=tmp_path) as server:
        assert lines(server.ask("web.shop.svc.cluster.local").answer) == [
            "web.shop.svc.cluster.local. 5 IN A 10.96.0.10"
        ]
        server.until(
            r"^  cluster\.local\. in-addr\.arpa\. ip6\.arpa\.: 2 Services, 0 endpoints from 1 files in sub dir$"
        )
        assert server.status("metrics") == 200
