"""What the *kubernetes* directive says of its cluster. Its lines, good and bad: tests/plugins/test_kubernetes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import parse
from kdns.errors import CorefileError, CorefileErrors
from kdns.kube.controllers import Settings
from kdns.kube.selection import Selection
from kdns.kube.selectors import parse_selector
from kdns.kube.wanted import Files, Server
from kdns.proto.name import ROOT, from_text
from kdns.stanza import Stanza, read

ZONE = from_text("cluster.local")


def stanza(*lines: str, file: str = "/etc/kdns/Corefile") -> Stanza:
    text = "\n".join(["cluster.local {", "kubernetes {", *lines, "}", "}"])
    (block,) = parse(text, file, environ={}, disk=Memory()).blocks
    return read(block.directives[0], (ZONE,))


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], Server()),
        (["endpoint http://h:8080"], Server(endpoint="http://h:8080")),
        (["endpoint https://h", "tls a /b c"], Server(endpoint="https://h", tls=("/etc/kdns/a", "/b", "/etc/kdns/c"))),
        (["kubeconfig config"], Server(kubeconfig=("/etc/kdns/config",))),
        (["kubeconfig /c ctx"], Server(kubeconfig=("/c", "ctx"))),
        (
            ["apiserver_qps 2.5", "apiserver_burst 7", "apiserver_max_inflight 3"],
            Server(qps=2.5, burst=7, inflight=3),
        ),
        (["namespaces b a"], Server(selection=Selection(frozenset({"a", "b"})))),
        (["labels a=b"], Server(selection=Selection(labels=parse_selector("a=b")))),
        (["namespace_labels !x"], Server(selection=Selection(namespace_labels=parse_selector("!x")))),
        (["pods verified"], Server(pods=True)),
        (["pods insecure"], Server()),
        (["endpoint_pod_names"], Server()),
        (["noendpoints"], Server(endpoints=False)),
        (["multicluster cluster.local"], Server(imports=True)),
        (["startup_timeout 10s"], Server(startup_timeout=10.0)),
        (["resync 1h"], Server(resync=3600.0)),
        (["resync 0"], Server(resync=0.0)),
        (["stale_after 2m"], Server(stale_after=120.0)),
        (["state known"], Server(state="/etc/kdns/known")),
        (["ttl 30", "ptr first", "ede off", "zonal", "fallthrough"], Server()),
    ],
    ids=lambda each: "; ".join(each) or "nothing" if isinstance(each, list) else "",
)
def test_a_server_is_wanted_as_its_lines_say(lines: list[str], wanted: Server) -> None:
    assert stanza(*lines).wanted == wanted


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (
            ["manifests a /b"],
            Files(paths=("/etc/kdns/a", "/b"), selection=Selection(), controllers=Settings(), poll=1.0),
        ),
        (
            ["manifests a", "poll 5s", "controllers off", "labels a=b"],
            Files(
                paths=("/etc/kdns/a",),
                selection=Selection(labels=parse_selector("a=b")),
                controllers=Settings(on=False),
                poll=5.0,
            ),
        ),
    ],
    ids=["alone", "with all of its lines"],
)
def test_files_are_wanted_as_their_lines_say(lines: list[str], wanted: Files) -> None:
    assert stanza(*lines).wanted == wanted


@pytest.mark.parametrize(
    ("lines", "place"), [([], "/etc/kdns/Corefile:2"), (["ttl 5", "manifests a"], "/etc/kdns/Corefile:4")], ids=str
)
def test_the_line_that_names_the_cluster_is_known(lines: list[str], place: str) -> None:
    assert stanza(*lines).place == place


def test_a_corefile_that_nobody_wrote_has_no_lines() -> None:
    assert stanza("manifests a", file="(made up)").place == ""


@pytest.mark.parametrize(
    ("line", "zones"),
    [("ttl 5", None), ("fallthrough", (ROOT,)), ("fallthrough a.b", (from_text("a.b"),))],
)
def test_names_fall_through_where_a_line_says_so(line: str, zones: object) -> None:
    assert stanza(line).fallthrough == zones


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            "stale_after 10s",
            "'stale_after' takes at least 30s, or 0 for never, not '10s': a watch may be quiet for so long",
        ),
        ("resync soon", "'resync' takes a duration"),
        ("apiserver_qps -1", "'apiserver_qps' takes a number of at least 0"),
        ("state", "'state' takes 1 argument, not 0"),
    ],
)
def test_a_line_that_makes_no_sense_says_what_would(line: str, why: str) -> None:
    with pytest.raises((CorefileError, CorefileErrors)) as raised:
        stanza(line)
    assert str(raised.value).startswith(f"/etc/kdns/Corefile:3: {why}")


def test_never_stale_is_a_time_too() -> None:
    assert stanza("stale_after 0").wanted == Server()


def test_relative_paths_are_the_corefile_s(tmp_path: Path) -> None:
    wanted = stanza("kubeconfig c", file=str(tmp_path / "Corefile")).wanted
    assert isinstance(wanted, Server)
    assert wanted.kubeconfig == (str(tmp_path / "c"),)
