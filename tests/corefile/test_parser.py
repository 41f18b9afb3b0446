"""parse and load: the stock Corefiles, all mistakes at once, files from disk, any text at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, load, parse
from kdns.errors import CorefileErrors, StartError
from tests.outside.stock import KUBEADM, node_local

Read = Callable[..., Corefile]
Outline = Callable[[Corefile], list[object]]
Mistakes = Callable[..., list[str]]

KUBEADM_OUTLINE = [
    (
        [".:53"],
        [
            "errors",
            ("health", ["lameduck 5s"]),
            "ready",
            (
                "kubernetes cluster.local in-addr.arpa ip6.arpa",
                ["pods insecure", "fallthrough in-addr.arpa ip6.arpa", "ttl 30"],
            ),
            "prometheus :9153",
            ("forward . /etc/resolv.conf", ["max_concurrent 1000"]),
            ("cache 30", ["disable success cluster.local", "disable denial cluster.local"]),
            "loop",
            "reload",
            "loadbalance",
        ],
    )
]

K3S = """\
.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    hosts /etc/coredns/NodeHosts {
      ttl 60
      reload 15s
      fallthrough
    }
    prometheus :9153
    cache 30
    loop
    reload
    loadbalance
    import /etc/coredns/custom/*.override
    forward . /etc/resolv.conf
}
import /etc/coredns/custom/*.server
"""

AKS = """\
.:53 {
    errors
    ready
    health {
      lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
      ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
    import custom/*.override
    template ANY ANY internal.cloudapp.net {
      match "^(?:[^.]+\\.){4,}internal\\.cloudapp\\.net\\.$"
      rcode NXDOMAIN
      fallthrough
    }
    template ANY ANY reddog.microsoft.com {
      rcode NXDOMAIN
    }
}
import custom/*.server
"""

NODE_LOCAL = node_local("__PILLAR__CLUSTER__DNS__")


def test_kubeadms_corefile(read: Read, outline: Outline) -> None:
    assert outline(read(KUBEADM)) == KUBEADM_OUTLINE
    assert read(KUBEADM).warnings == ()


def test_node_locals_corefile_with_its_braces_indented_deeper(read: Read) -> None:
    corefile = read(NODE_LOCAL)
    assert [block.keys[0].text for block in corefile.blocks] == [
        "cluster.local:53",
        "in-addr.arpa:53",
        "ip6.arpa:53",
        ".:53",
    ]
    assert [len(block.directives) for block in corefile.blocks] == [8, 7, 7, 7]


def test_k3s_corefile_without_custom_files_has_two_warnings(read: Read) -> None:
    corefile = read(K3S)
    assert len(corefile.blocks) == 1
    assert corefile.files == ("Corefile",)
    assert corefile.warnings == (
        "Corefile:19: no file matches the import of '/etc/coredns/custom/*.override'",
        "Corefile:22: no file matches the import of '/etc/coredns/custom/*.server'",
    )


def test_aks_corefile_takes_in_its_custom_files(read: Read) -> None:
    files = {
        "custom/log.override": "log\n",
        "custom/hosts.override": "hosts {\n    10.0.0.1 a.test\n    fallthrough\n}\n",
        "custom/empty.override": "# nothing yet\n",
        "custom/corp.server": "corp.test:53 {\n    forward . 10.1.0.1\n}\n",
        "custom/two.server": "a.test { log }\nb.test { log }",
        "custom/readme.txt": "not for you {",
    }
    corefile = read(AKS, files)
    assert [block.keys[0].text for block in corefile.blocks] == [".:53", "corp.test:53", "a.test", "b.test"]
    names = [directive.name for directive in corefile.blocks[0].directives]
    assert names[-3:] == ["hosts", "log", "template"]
    assert len(corefile.blocks[0].directives[-1].every) == 2
    assert corefile.files == (
        "Corefile",
        "custom/empty.override",
        "custom/hosts.override",
        "custom/log.override",
        "custom/corp.server",
        "custom/two.server",
    )
    assert corefile.warnings == ()
    assert corefile.globs == ("custom/*.override", "custom/*.server")


def test_corefiles_of_helm_charts_with_a_scheme(read: Read) -> None:
    (block,) = read("dns://.:53 {\n    autopath @kubernetes\n    log {\n        class error\n    }\n}").blocks
    assert (block.keys[0].scheme, block.keys[0].port) == ("dns", 53)


def test_all_mistakes_are_told_at_once_in_the_order_of_their_places(
    mistakes: Mistakes,
) -> None:
    files = {"x.conf": "errors {}\n", "y.conf": "log\n}\n"}
    said = mistakes(
        """\
        doq://. .:53{
            import x.conf
            import nope
            health
            {
                lameduck 5s
            }
            forward . 1.1.1.1 { max_fails 2} log
        }
        a..test {
            import y.conf
            log "
        }"
        }
        """,
        files,
    )
    assert [one.partition(": ")[0] for one in said] == [
        "Corefile:1",
        "Corefile:1",
        "Corefile:3",
        "Corefile:5",
        "Corefile:8",
        "Corefile:8",
        "Corefile:10",
        "x.conf:1",
        "y.conf:2",
    ]


def test_load_reads_a_corefile_and_its_imports_from_disk(outline: Outline, tmp_path: Path) -> None:
    (tmp_path / "custom" / "..data").mkdir(parents=True)
    (tmp_path / "custom" / "b.override").write_bytes(b"log\r\n")
    (tmp_path / "custom" / "a.override").write_text("errors")
    (tmp_path / "custom" / "dir.override").mkdir()
    corefile = tmp_path / "Corefile"
    corefile.write_bytes(b"\xef\xbb\xbf{$KDNS_ZONE} {\r\n  import custom/*.override\r\n}\r\n")
    found = load(str(corefile), default_port=1053, environ={"KDNS_ZONE": "a.test"})
    assert outline(found) == [(["a.test"], ["errors", "log"])]
    assert found.blocks[0].keys[0].port == 1053
    custom = tmp_path / "custom"
    assert found.files == (str(corefile), str(custom / "a.override"), str(custom / "b.override"))


def test_load_uses_the_environment_of_the_process(
    outline: Outline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KDNS_ZONE", "b.test")
    monkeypatch.chdir(tmp_path)
    Path("Corefile").write_text("{$KDNS_ZONE} { import c*.conf }")
    Path("common.conf").write_text("log")
    found = load("Corefile")
    assert outline(found) == [(["b.test"], ["log"])]
    assert found.files == ("Corefile", "common.conf")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nope", "the Corefile cannot be read: No such file or directory"),
        ("dir", "the Corefile cannot be read: Is a directory"),
        ("latin", "the Corefile is not UTF-8 at byte 2: save it as UTF-8"),
        ("a\0b", "the Corefile cannot be read: embedded null byte"),
    ],
)
def test_a_corefile_that_cannot_be_read_is_one_clear_line(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "dir").mkdir()
    (tmp_path / "latin").write_bytes(b"# \xe9t\xe9\n")
    path = f"{tmp_path}/{name}"
    with pytest.raises(StartError) as raised:
        load(path)
    assert str(raised.value) == f"{path}: {said}"


SOUP = st.lists(
    st.sampled_from(
        [
            *("{", "}", "\n", "\n", " ", ",", '"', "\\\n", "#", "\ufeff", "\r\n"),
            *("(a)", "(b)", "import", "import a\n", "import b\n", "import f", "import g\n", "import *\n"),
            *("a.test", ".:53", "tls://.", "10.0.0.0/25", ":53", "log"),
            *("{$A}", "{$B}", "{%C%}", "x{", "y}", "{}"),
            *(" {\n", "\n}\n", "log\n", ". {\n", "    health {\n", "  "),
        ]
    ),
    max_size=40,
).map("".join)


def check_any(text: str, files: Mapping[str, str]) -> None:
    """A Corefile comes out, or CorefileErrors whose places are in the files."""
    texts = {"Corefile": text, **files}
    try:
        corefile = parse(text, "Corefile", environ={"A": "{", "B": "a.test"}, disk=Memory(files))
    except CorefileErrors as raised:
        places = [(error.file, error.line) for error in raised.errors]
    else:
        assert all(block.keys for block in corefile.blocks)
        places = [(block.file, block.line) for block in corefile.blocks]
    for file, line in places:
        assert 1 <= line <= texts[file].count("\n") + 1


@given(st.text())
def test_any_text_is_a_corefile_or_has_mistakes(text: str) -> None:
    check_any(text, {})


@given(SOUP, SOUP, SOUP)
def test_any_words_are_a_corefile_or_have_mistakes(text: str, f: str, g: str) -> None:
    check_any(text, {"f": f, "g": g})


@given(st.data())
def test_a_corefile_with_a_line_lost_or_doubled_still_has_mistakes_in_its_lines(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([KUBEADM, K3S, AKS, NODE_LOCAL]))
    lines = text.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at : at + 1] = data.draw(st.sampled_from([[], 2 * [lines[at]]]))
    check_any("".join(lines), {})
