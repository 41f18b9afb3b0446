from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.processes import ROOT, Kdns, run

CLUSTER = """\
cluster.local:1053 in-addr.arpa:1053 {
    kubernetes {
        manifests manifests
        OPTIONS
    }
    whoami
}
"""
MANIFESTS = """\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.10, ports: [{name: http, port: 80}]}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a Corefile, and manifests."""
    monkeypatch.chdir(tmp_path)
    corefile(tmp_path, "fallthrough")
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/web.yaml").write_text(MANIFESTS)
    return tmp_path


def corefile(folder: Path, options: str = "", more: str = "") -> None:
    (folder / "Corefile").write_text(CLUSTER.replace("OPTIONS", options) + more)


WEB = "web.shop.svc.cluster.local"


def test_the_whole_of_an_explanation(kdns: Kdns) -> None:
    code, out, err = kdns("explain", "_http._tcp.web.shop.svc.cluster.local", "SRV", "manifests")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "_http._tcp.web.shop.svc.cluster.local. SRV: answered",
        "  because Service shop/web answers",
        "",
        "answer",
        "  _http._tcp.web.shop.svc.cluster.local. 5 IN SRV 0 100 80 web.shop.svc.cluster.local.",
        "",
        "additional",
        "  web.shop.svc.cluster.local. 5 IN A 10.96.0.10",
        "",
        "looked at",
        "  Service shop/web: manifests/web.yaml, document 1 (line 1)",
    ]


def test_a_name_that_does_not_exist_is_told_with_what_does(kdns: Kdns) -> None:
    code, out, err = kdns("explain", "wob.shop.svc.cluster.local", "manifests")
    assert (code, err) == (1, "")
    assert out.splitlines() == [
        "wob.shop.svc.cluster.local. A: no such name",
        "  because namespace shop has no Service wob",
        "",
        "looked at",
        "  Service shop/wob: does not exist",
        "",
        "near it",
        "  web.shop.svc.cluster.local.",
        "  _http._tcp.web.shop.svc.cluster.local.",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "first"),
    [
        pytest.param([WEB, "manifests"], 0, f"{WEB}. A: answered", id="A by itself"),
        pytest.param([WEB, "AAAA", "manifests"], 0, f"{WEB}. AAAA: no records of this type", id="exists"),
        pytest.param([WEB, "aaaa", "manifests"], 0, f"{WEB}. AAAA: no records of this type", id="small letters"),
        pytest.param([WEB, "TYPE65280", "manifests"], 0, f"{WEB}. TYPE65280: no records of this type", id="a number"),
        pytest.param(
            ["WEB.Shop.svc.cluster.local.", "manifests"], 0, "WEB.Shop.svc.cluster.local. A: answered", id="case"
        ),
        pytest.param(
            ["x.shop.svc.cluster.local", "manifests"], 1, "x.shop.svc.cluster.local. A: no such name", id="not"
        ),
        pytest.param(["cluster.local", "AXFR", "manifests"], 1, "cluster.local. AXFR: REFUSED", id="refused"),
        pytest.param(["x.test", "manifests"], 1, "x.test. A: REFUSED", id="outside"),
        pytest.param(["10.96.0.10", "manifests"], 0, "10.0.96.10.in-addr.arpa. PTR: answered", id="an address"),
        pytest.param(
            ["10.96.0.10", "TXT", "manifests"],
            0,
            "10.0.96.10.in-addr.arpa. TXT: no records of this type",
            id="and a type",
        ),
        pytest.param(
            ["10.0.96.10.in-addr.arpa", "manifests"], 0, "10.0.96.10.in-addr.arpa. PTR: answered", id="a reverse name"
        ),
        pytest.param(["10.96.0.11", "manifests"], 1, "11.0.96.10.in-addr.arpa. PTR: no such name", id="nobody's"),
        pytest.param(["::1", "manifests"], 1, f"1.{'0.' * 31}ip6.arpa. PTR: no such name", id="of IPv6"),
        pytest.param([WEB, "--zone", "k8s.test", "manifests"], 1, f"{WEB}. A: REFUSED", id="another zone"),
        pytest.param(
            ["web.shop.svc.k8s.test", "manifests", "--zone=k8s.test"],
            0,
            "web.shop.svc.k8s.test. A: answered",
            id="its zone",
        ),
    ],
)
def test_the_first_line_and_the_code_tell_the_outcome(kdns: Kdns, arguments: list[str], code: int, first: str) -> None:
    ran = kdns("explain", *arguments)
    assert (ran.code, ran.err) == (code, "")
    assert ran.out.splitlines()[0] == first


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", WEB, "A", "manifests"],
        [WEB, "--json", "A", "manifests"],
        [WEB, "A", "--json", "manifests"],
        [WEB, "A", "manifests", "--json"],
        [WEB, "manifests", "--json"],
        [WEB, "-conf", "Corefile", "A", "--json"],
        [WEB, "--json", "-conf=Corefile"],
        ["-conf", "Corefile", WEB, "--json"],
    ],
    ids=" ".join,
)
def test_flags_may_stand_anywhere(kdns: Kdns, arguments: list[str]) -> None:
    code, out, err = kdns("explain", *arguments)
    assert (code, err) == (0, "")
    assert json.loads(out)["answer"] == [f"{WEB}. 5 IN A 10.96.0.10"]


def test_a_program_gets_all_of_it(kdns: Kdns) -> None:
    code, out, err = kdns("explain", "wob.shop.svc.cluster.local", "manifests", "--json")
    assert (code, err) == (1, "")
    told = json.loads(out)
    (soa,) = told.pop("authority")
    assert soa.startswith("cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. ")
    assert told == {
        "name": "wob.shop.svc.cluster.local.",
        "type": "A",
        "rcode": "NXDOMAIN",
        "outcome": "no such name",
        "reason": "no_such_service",
        "sentence": "namespace shop has no Service wob",
        "plugin": "kubernetes",
        "zone": "cluster.local.",
        "server": "dns://127.0.0.1:1053",
        "answer": [],
        "additional": [],
        "looked_at": [{"object": "Service shop/wob", "found": False, "origin": "", "notes": []}],
        "near": ["web.shop.svc.cluster.local.", "_http._tcp.web.shop.svc.cluster.local."],
    }


def test_a_name_that_falls_through_is_explained_by_who_answers(kdns: Kdns) -> None:
    code, out, _ = kdns("explain", "wob.shop.svc.cluster.local")
    assert code == 0
    assert "  because plugin whoami says so" in out.splitlines()


def test_without_fallthrough_it_is_explained_by_the_cluster(kdns: Kdns, here: Path) -> None:
    corefile(here)
    code, out, _ = kdns("explain", "wob.shop.svc.cluster.local")
    assert code == 1
    assert "  because namespace shop has no Service wob" in out.splitlines()


def test_of_several_listeners_it_tells_which_one_was_asked(kdns: Kdns, here: Path) -> None:
    corefile(here, more=".:54 {\n whoami\n}\n")
    assert "  says dns://:1053, where zone cluster.local. is served" in kdns("explain", WEB).out.splitlines()
    assert "  says dns://:54, where zone . is served" in kdns("explain", "x.test").out.splitlines()


def test_of_several_blocks_on_one_listener_the_longest_zone_answers(kdns: Kdns, here: Path) -> None:
    corefile(here, more=".:1053 {\n whoami\n}\n")
    told = {name: json.loads(kdns("explain", name, "--json").out) for name in (WEB, "x.test", "10.96.0.10")}
    assert {name: (each["plugin"], each["zone"]) for name, each in told.items()} == {
        WEB: ("kubernetes", "cluster.local."),
        "x.test": ("whoami", "."),
        "10.96.0.10": ("kubernetes", "in-addr.arpa."),
    }


def test_mistakes_in_manifests_are_warnings(kdns: Kdns, here: Path) -> None:
    """They may be why there is no such name."""
    (here / "manifests/bad.yaml").write_text("kind: Service\n")
    code, out, err = kdns("explain", WEB, "manifests")
    assert (code, out.splitlines()[0]) == (0, f"{WEB}. A: answered")
    assert err.startswith("warning: manifests/bad.yaml:1:1: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([WEB, "NOTYPE"], "'NOTYPE' is neither a record type nor a file or folder", id="neither"),
        pytest.param(
            ["a..b", "manifests"], "'a..b' is no domain name: a label has 1 to 63 octets, not 0", id="no name"
        ),
        pytest.param([WEB, "manifests", "-conf", "Corefile"], "give manifests or -conf, not both", id="both"),
    ],
)
def test_wrong_usage_is_one_line(kdns: Kdns, arguments: list[str], told: str) -> None:
    assert kdns("explain", *arguments) == (2, "", f"kdns explain: {told}\n")


def test_a_name_is_needed(kdns: Kdns) -> None:
    code, out, err = kdns("explain")
    assert (code, out) == (2, "")
    assert err.startswith("usage: kdns explain NAME [TYPE]")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([WEB, "./gone"], "kdns: manifests: there is no 'gone'", id="a path that is missing"),
        pytest.param([WEB, "A", "gone"], "kdns: manifests: there is no 'gone'", id="after a type"),
        pytest.param([WEB, "-conf", "gone"], "kdns: there is no 'gone': name a Corefile", id="a Corefile"),
        pytest.param([WEB, "manifests", "--zone", "10.in-addr.arpa"], "kdns: one zone at least must not", id="a zone"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(kdns: Kdns, arguments: list[str], told: str) -> None:
    code, out, err = kdns("explain", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(told)
    assert err.count("\n") == 1


def test_a_file_that_is_called_as_a_type_can_be_named_by_its_path(kdns: Kdns, here: Path) -> None:
    (here / "manifests").rename(here / "A")
    assert kdns("explain", WEB, "./A").code == 0
    assert kdns("explain", WEB, "A", "A").code == 0


def test_there_must_be_a_corefile_or_manifests(kdns: Kdns, here: Path) -> None:
    (here / "Corefile").unlink()
    code, out, err = kdns("explain", WEB)
    assert (code, out) == (1, "")
    assert err.startswith("kdns: there is no 'Corefile'")


def test_it_is_a_process_that_ends() -> None:
    code, out, err = run("explain", "web.shop.svc.cluster.local", "examples", cwd=ROOT)
    assert (code, err) == (0, "")
    assert out.startswith("web.shop.svc.cluster.local. A: answered\n")
