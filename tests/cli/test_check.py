from __future__ import annotations

from pathlib import Path

import pytest

from tests.processes import Kdns

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: shop}}
spec: {{clusterIP: {ip}, ports: [{{port: 80}}]}}
"""
COREFILE = "cluster.local:1053 {\n bind 127.0.0.1\n kubernetes {\n  manifests manifests\n }\n}\n"

AGAIN = "Service shop/web is given again in manifests/web.yaml:1:1; that one counts, being the last"


def service(name: str, ip: str) -> str:
    return SERVICE.format(name=name, ip=ip)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a Corefile and a folder of manifests."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Corefile").write_text(COREFILE)
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/web.yaml").write_text(service("web", "10.96.0.10"))
    return tmp_path


def test_what_is_right_is_summed_up(folder: Path, kdns: Kdns) -> None:
    code, out, err = kdns("check")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Corefile: fine, 1 server block on 127.0.0.1:1053",
        "cluster.local.: 2 Services, 0 endpoints from 1 files in manifests",
    ]


@pytest.mark.parametrize("name", ["-conf", "--conf"])
def test_a_corefile_elsewhere_can_be_named(
    folder: Path, kdns: Kdns, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    code, out, err = kdns("check", name, str(folder / "Corefile"))
    assert (code, err) == (0, "")
    assert f"1 files in {folder}/manifests" in out


def test_keys_get_the_port_of_the_command_line(folder: Path, kdns: Kdns) -> None:
    text = "a.test {\n whoami\n}\nb.test {\n whoami\n}\nimport more\n"
    (folder / "Corefile").write_text(text)
    (folder / "more").write_text("c.test:54 {\n whoami\n}\n")
    assert kdns("check", "-dns.port=1053").out == "Corefile, more: fine, 3 server blocks on :1053, :54\n"


@pytest.mark.parametrize(
    ("corefile", "expected"),
    [
        pytest.param(
            ". {\n whoami\n",
            ["Corefile:1: the block of '.' that opens here is not closed: a '}' is missing"],
            id="the grammar",
        ),
        pytest.param(
            ". {\n whoami 1\n route53\n}\na.test {\n proxy\n}\n",
            [
                "Corefile:2: 'whoami' takes no arguments: remove '1'",
                "Corefile:3: plugin 'route53' exists in CoreDNS but not in kdns yet",
                "Corefile:6: 'proxy' is no plugin any more: CoreDNS took it out in 1.5.0: use forward",
            ],
            id="plugins of several blocks",
        ),
        pytest.param(
            "cluster.local {\n kubernetes {\n  pods yes\n  ttl 9999\n }\n}\n",
            [
                "Corefile:3: 'pods' takes disabled, insecure or verified, not 'yes'",
                "Corefile:4: 'ttl' takes a whole number from 0 to 3600, not '9999'",
            ],
            id="options",
        ),
    ],
)
def test_every_mistake_in_a_corefile_is_a_line(folder: Path, kdns: Kdns, corefile: str, expected: list[str]) -> None:
    (folder / "Corefile").write_text(corefile)
    code, out, err = kdns("check")
    assert (code, out) == (1, "")
    assert err.splitlines() == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ["namespaces a", "namespace_labels b=c", "zonal", "noendpoints", "endpoint http://h", "manifests m"],
            [
                "3: 'namespace_labels' cannot stand beside 'namespaces'",
                "4: 'zonal' cannot stand beside 'noendpoints'",
                "6: 'endpoint' cannot stand beside 'manifests'",
            ],
            id="several",
        ),
        pytest.param(
            ["noendpoints", "zonal", "ttl x", "multicluster clusterset.test", "state"],
            [
                "3: 'zonal' cannot stand beside 'noendpoints'",
                "4: 'ttl' takes a whole number from 0 to 3600, not 'x'",
                "5: 'clusterset.test.' must be one of the zones of kubernetes too",
                "6: 'state' takes 1 argument, not 0",
            ],
            id="beside others that cannot be read",
        ),
        pytest.param(
            ["namespaces", "namespace_labels ("],
            [
                "2: 'namespaces' takes at least 1 argument, not 0",
                "3: 'namespace_labels' cannot stand beside 'namespaces'",
                "3: 'namespace_labels' takes a label selector",
            ],
            id="that cannot be read themselves",
        ),
    ],
)
def test_every_conflict_of_options_is_a_line(folder: Path, kdns: Kdns, lines: list[str], expected: list[str]) -> None:
    (folder / "Corefile").write_text("\n".join(["cluster.local { kubernetes {", *lines, "} }"]))
    code, out, err = kdns("check")
    assert (code, out) == (1, "")
    told = err.splitlines()
    assert [line[: len(start) + 9] for line, start in zip(told, expected, strict=True)] == [
        f"Corefile:{start}" for start in expected
    ]


def test_manifests_are_read_whatever_is_wrong_elsewhere(folder: Path, kdns: Kdns) -> None:
    (folder / "manifests/bad.yaml").write_text("kind: Service\n")
    other = COREFILE.replace("cluster.local", "c.test").replace("manifests manifests", "manifests gone")
    (folder / "Corefile").write_text(COREFILE.replace("bind", "kache\n bind") + other + "b.test {\n zzz\n")
    code, out, err = kdns("check")
    assert (code, out) == (1, "")
    assert [line.partition(": ")[0] for line in err.splitlines()] == [
        "Corefile:2",
        "Corefile:14",
        "Corefile:15",
        "Corefile:11",
        "manifests/bad.yaml:1:1",
    ]


def test_a_quote_that_is_not_closed_hides_nothing(folder: Path, kdns: Kdns) -> None:
    (folder / "Corefile").write_text('a.test {\n log . "{remote} {\n  class al\n }\n bogus\n}\nb.test {\n zzz\n}\n')
    code, out, err = kdns("check")
    assert (code, out) == (1, "")
    assert [line.partition(" (it is")[0] for line in err.splitlines()] == [
        "Corefile:2: the quote that opens here is not closed: add a '\"'",
        "Corefile:3: there is no class 'al'; did you mean 'all'?",
        "Corefile:5: 'bogus' is no plugin",
        "Corefile:8: 'zzz' is no plugin",
    ]


def test_every_mistake_in_manifests_is_a_line(folder: Path, kdns: Kdns) -> None:
    (folder / "manifests/bad.yaml").write_text("kind: Service\n---\n" + service("Bad_Name", "10.96.0.9"))
    (folder / "manifests/worse.yaml").write_text("a: [\n")
    (folder / "manifests/twins.yaml").write_text(service("twin", "10.96.0.10") + "---\n" + service("x", "nowhere"))
    code, out, err = kdns("check")
    assert (code, out) == (1, "")
    told = sorted(err.splitlines())
    places = [line.partition(": ")[0] for line in told]
    assert places == [
        "manifests/bad.yaml:1:1",
        "manifests/bad.yaml:2:5",
        "manifests/twins.yaml:2:9",
        "manifests/web.yaml:1:1",
        "manifests/worse.yaml:1:1",
    ]
    assert told[3] == (
        "manifests/web.yaml:1:1: Service shop/web: 10.96.0.10 (manifests/web.yaml:1:1) "
        "is given to Service shop/twin (manifests/twins.yaml:1:1) too, which keeps it"
    )


def test_many_mistakes_in_one_file_are_all_told(folder: Path, kdns: Kdns) -> None:
    """The log stops at twenty."""
    documents = [service(f"Bad{number}", "10.96.0.9") for number in range(30)]
    (folder / "manifests/bad.yaml").write_text("---\n".join(documents))
    assert len(kdns("check").err.splitlines()) == 30


def test_what_is_served_all_the_same_is_a_warning(folder: Path, kdns: Kdns) -> None:
    (folder / "manifests/again.yaml").write_text(service("web", "10.96.0.11"))
    (folder / "Corefile").write_text("import none/*\n" + COREFILE.replace("bind", 'log . "{nonsense}"\n bind'))
    code, out, err = kdns("check")
    assert code == 0
    assert out.startswith("Corefile: fine, 1 server block on 127.0.0.1:1053\n")
    assert err.splitlines() == [
        "warning: Corefile:1: no file matches the import of 'none/*'",
        "warning: Corefile:3: a log format has no word '{nonsense}': it is written as it stands",
        f"warning: manifests/again.yaml:1:1: {AGAIN}",
    ]


def test_warnings_are_told_beside_mistakes(folder: Path, kdns: Kdns) -> None:
    (folder / "Corefile").write_text("import none/*\n. {\n nothing\n}\n")
    code, _, err = kdns("check")
    assert code == 1
    assert err.splitlines() == [
        "warning: Corefile:1: no file matches the import of 'none/*'",
        "Corefile:3: 'nothing' is no plugin",
    ]


def test_all_that_cannot_be_started_is_told_with_the_rest(folder: Path, kdns: Kdns) -> None:
    other = COREFILE.replace("cluster.local", "b.test").replace("manifests manifests", "manifests gone")
    third = COREFILE.replace("cluster.local", "c.test").replace("manifests manifests", "manifests lost")
    (folder / "Corefile").write_text(COREFILE + other + third)
    (folder / "manifests/bad.yaml").write_text("kind: Service\n")
    code, out, err = kdns("check")
    assert (code, out) == (1, "")
    told = err.splitlines()
    assert len(told) == 3
    assert "'gone'" in told[0]
    assert "'lost'" in told[1]
    assert told[2].startswith("manifests/bad.yaml:1:1: ")


def test_nothing_listens(folder: Path, kdns: Kdns) -> None:
    """Not even on a port that could not be had."""
    (folder / "Corefile").write_text(".:1 {\n bind 192.0.2.1\n whoami\n prometheus 192.0.2.1:1\n}\n")
    assert kdns("check").code == 0


def test_there_must_be_a_corefile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kdns: Kdns) -> None:
    monkeypatch.chdir(tmp_path)
    told = "kdns: there is no 'Corefile': name a Corefile that exists, as in -conf FILE\n"
    assert kdns("check") == (1, "", told)
