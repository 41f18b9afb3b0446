from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from kdns import __version__
from kdns.cli.run import read
from kdns.corefile.parser import Corefile
from kdns.plugins import ORDER
from kdns.proto.name import to_text
from kdns.reloading import Source
from tests.processes import Kdns, run, serving, taken

WHOAMI = "a.test {\n    whoami\n}\n"
BLOCK = ".:0 {\n    bind 127.0.0.1\n    whoami\n}\n"


@pytest.mark.parametrize("flag", ["-version", "--version", "-version=true", "--version=1"])
def test_the_version_is_shown(kdns: Kdns, flag: str) -> None:
    python = sys.version.split()[0]
    assert kdns(flag) == (0, f"kdns-{__version__}\npython-{python}\n", "")


@pytest.mark.parametrize("flag", ["-plugins", "--plugins"])
def test_the_plugins_are_listed_in_their_order(kdns: Kdns, flag: str) -> None:
    assert kdns(flag) == (0, "".join(f"dns.{name}\n" for name in ORDER), "")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-quiet=maybe"], id="neither true nor false"),
        pytest.param(["-conf"], id="no file"),
        pytest.param(["-dns.port", "dns"], id="no port"),
        pytest.param(["-bogus"], id="no flag"),
        pytest.param(["-conf", "Corefile", "more"], id="a word too many"),
    ],
)
def test_wrong_usage_is_told_with_the_right_one(kdns: Kdns, arguments: list[str]) -> None:
    code, out, err = kdns(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: kdns [-h] [-conf FILE] [-dns.port PORT]")
    assert "Traceback" not in err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", [None, ""])
def test_the_corefile_of_the_working_directory_is_read(here: Path, path: str | None) -> None:
    (here / "Corefile").write_text(WHOAMI)
    corefile = read(path, 1053)
    assert corefile.files == ("Corefile",)
    assert [(to_text(key.zone), key.port) for block in corefile.blocks for key in block.keys] == [("a.test.", 1053)]


def test_one_that_is_named_is_read_instead(here: Path) -> None:
    (here / "Corefile").write_text("nonsense")
    (here / "other").write_text(WHOAMI)
    assert read("other", 53).files == ("other",)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(None, "no Corefile here", id="none"),
        pytest.param("", "Corefile: no server block in it", id="empty"),
        pytest.param("# nothing\n", "Corefile: no server block in it", id="comments"),
        pytest.param("(unused) {\n log\n}\n", "Corefile: no server block in it", id="a snippet"),
    ],
)
def test_without_a_server_block_it_is_whoami_as_with_coredns_and_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], text: str | None, why: str
) -> None:
    if text is not None:
        (here / "Corefile").write_text(text)
    (block,) = read(None, 1053).blocks
    assert [(to_text(key.zone), key.port) for key in block.keys] == [(".", 1053)]
    assert [directive.name for directive in block.directives] == ["whoami", "log"]
    told = f"kdns: {why}, so clients are only told who they are, on port 1053; "
    assert capsys.readouterr().err.startswith(told)


LOOP = "loop"
"""A link to itself: something that root cannot open either."""
FOLDER = "'{0}' is a folder, not a Corefile: name the file in it, or serve its manifests with 'kdns serve {0}'"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("missing", "there is no 'missing': name a Corefile that exists, as in -conf FILE"),
        ("Corefile/x", "there is no 'Corefile/x': name a Corefile that exists, as in -conf FILE"),
        ("folder", FOLDER.format("folder")),
        (LOOP, "the Corefile 'loop' cannot be read (Too many levels of symbolic links): name one that can"),
        ("binary", "binary: the Corefile is not UTF-8 at byte 2: save it as UTF-8"),
    ],
)
def test_one_that_cannot_be_read_is_told_with_advice(here: Path, kdns: Kdns, path: str, told: str) -> None:
    (here / "Corefile").write_text(WHOAMI)
    (here / "folder").mkdir()
    (here / LOOP).symlink_to(LOOP)
    (here / "binary").write_bytes(b"a \xff")
    assert kdns("-conf", path) == (1, "", f"kdns: {told}\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_one_that_may_not_be_read_is_told_with_advice(here: Path, kdns: Kdns) -> None:
    (here / "Corefile").write_text(WHOAMI)
    (here / "Corefile").chmod(0)
    told = "kdns: the Corefile 'Corefile' cannot be read (Permission denied): name one that can\n"
    assert kdns() == (1, "", told)


def test_a_corefile_that_is_a_folder_is_one_line_of_a_process_too(tmp_path: Path) -> None:
    (tmp_path / "Corefile").mkdir()
    assert run(cwd=tmp_path) == (1, "", f"kdns: {FOLDER.format('Corefile')}\n")


def test_standard_input_is_a_corefile(here: Path, kdns: Kdns) -> None:
    (here / "more").write_text("b.test {\n nothing\n}\n")
    code, out, err = kdns("-conf", "stdin", stdin=b"import more\na.test {\n whoamy\n}\n")
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "stdin:3: 'whoamy' is no plugin; did you mean 'whoami'?",
        "more:2: 'nothing' is no plugin (imported at stdin:1)",
    ]


def test_standard_input_that_is_no_text_is_told(here: Path, kdns: Kdns) -> None:
    told = "kdns: the Corefile on standard input is not UTF-8 at byte 0\n"
    assert kdns("-conf", "stdin", stdin=b"\xff") == (1, "", told)


class Served(NamedTuple):
    """What would have been served, and how."""

    corefile: Corefile
    quiet: bool
    pid: str | None
    source: Source | None
    sum: str


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Served]:
    """What is given to `serve`, which does nothing."""
    given: list[Served] = []

    async def serve(corefile: Corefile, *, quiet: bool, pid: str | None, source: Source | None, served: str) -> int:
        given.append(Served(corefile, quiet, pid, source, served))
        return 0

    monkeypatch.setattr("kdns.cli.run.serve", serve)
    return given


def test_standard_input_that_is_empty_is_whoami(here: Path, kdns: Kdns, served: list[Served]) -> None:
    code, _, err = kdns("-conf=stdin", "-p=1053")
    assert code == 0
    assert err.startswith("kdns: stdin: no server block in it, so clients are only told who they are, on port 1053; ")
    assert [directive.name for directive in served[0].corefile.blocks[0].directives] == ["whoami", "log"]


@pytest.mark.parametrize(
    ("arguments", "quiet", "pid"),
    [
        ([], False, None),
        (["-quiet"], True, None),
        (["--quiet"], True, None),
        (["-quiet=true"], True, None),
        (["-quiet=false"], False, None),
        (["-pidfile", "kdns.pid"], False, "kdns.pid"),
        (["-pidfile=kdns.pid", "-quiet"], True, "kdns.pid"),
        (["-quiet", "--pidfile=kdns.pid", "-p", "54"], True, "kdns.pid"),
    ],
)
def test_flags_reach_the_server(
    here: Path, kdns: Kdns, served: list[Served], arguments: list[str], quiet: bool, pid: str | None
) -> None:
    assert kdns(*arguments).code == 0
    assert served[0][1:3] == (quiet, pid)


def test_the_corefile_can_be_read_again_with_the_same_port_and_sum(
    here: Path, kdns: Kdns, served: list[Served]
) -> None:
    (here / "Corefile").write_text("import more\n" + WHOAMI)
    (here / "more").write_text("")
    kdns("-p=1053")
    source = served[0].source
    assert source is not None
    total, corefile = source.read()
    assert corefile == served[0].corefile
    assert total == served[0].sum
    (here / "more").write_text("# changed\n")
    assert source.read()[0] != total


def test_one_that_is_not_there_at_start_may_come(here: Path, kdns: Kdns, served: list[Served]) -> None:
    kdns()
    source = served[0].source
    assert source is not None
    assert served[0].sum == ""
    assert str(source.read()[1]) == "there is no 'Corefile': name a Corefile that exists, as in -conf FILE"
    (here / "Corefile").write_text(WHOAMI)
    assert isinstance(source.read()[1], Corefile)


def test_standard_input_cannot_be_read_again(here: Path, kdns: Kdns, served: list[Served]) -> None:
    kdns("-conf=stdin", stdin=WHOAMI.encode())
    assert served[0].source is None


@pytest.mark.parametrize(
    ("corefile", "chosen"),
    [
        pytest.param("(log) {\n log\n}\n.:{port} {\n bind 127.0.0.1\n}\n", "'.:{port}' at Corefile:4", id="a key"),
        pytest.param(
            "dns://a.test:{port}, b.test {\n bind 127.0.0.1\n}\n", "'dns://a.test:{port}' at Corefile:1", id="one"
        ),
        pytest.param(". {\n bind 127.0.0.1\n}\n", "-dns.port", id="the flag"),
        pytest.param("", "-dns.port", id="the flag, without a server block"),
    ],
)
def test_of_a_port_in_use_it_is_told_where_that_was_chosen(here: Path, kdns: Kdns, corefile: str, chosen: str) -> None:
    with taken() as port:
        (here / "Corefile").write_text(corefile.replace("{port}", str(port)))
        code, out, err = kdns("-dns.port", str(port))
    assert (code, out) == (1, "")
    told = f" is in use: stop what listens there (TCP) or choose another port ({chosen.format(port=port)})"
    assert err.splitlines()[-1].endswith(told)


def test_a_corefile_s_mistakes_are_told_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "Corefile").write_text(". {\n kubernets\n route53 30\n}\n")
    code, out, err = run(cwd=tmp_path)
    assert (code, out) == (1, "")
    assert err.splitlines() == [
        "Corefile:2: 'kubernets' is no plugin; did you mean 'kubernetes'?",
        "Corefile:3: plugin 'route53' exists in CoreDNS but not in kdns yet",
    ]


def test_it_serves_what_it_reads_from_standard_input() -> None:
    with serving("-conf", "stdin", stdin=BLOCK.encode()) as server:
        assert server.ask("x.test").rcode() == 0
        assert server.ask("x.test", tcp=True).rcode() == 0


def test_without_a_corefile_it_tells_clients_who_they_are_and_logs(tmp_path: Path) -> None:
    with serving("-dns.port", "0", cwd=tmp_path) as server:
        reply = server.ask("x.test")
        assert [str(rrset[0]) for rrset in reply.additional if rrset.name.to_text() == "x.test."] == ["127.0.0.1"]
        server.until(r'^\[INFO\] 127\.0\.0\.1:\d+ - .*"A IN x\.test\. udp')
