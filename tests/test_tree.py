"""The house rules, as far as a machine can hold them."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from kdns.corefile.disk import Local
from kdns.corefile.parser import parse
from kdns.metrics import Metrics
from kdns.plan import plan
from kdns.plugins import COREDNS, ORDER, REMOVED, page

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "kdns"
MODULES = sorted(PACKAGE.rglob("*.py"))
BENCH = sorted((ROOT / "bench").rglob("*.py"))
LONGEST = 400
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "impl", "misc"}
HEADINGS = ["Description", "Syntax", "Examples", "See also"]

TESTED_BY = {
    "bench/__main__.py": "tests/bench/test_scenarios.py",
    "bench/asking.py": "tests/bench/test_size.py",
    "bench/cluster.py": "tests/bench/test_zone.py",
    "bench/live.py": "tests/bench/test_apiserver.py",
    "bench/profile.py": "tests/bench/test_scenarios.py",
    "bench/rounds.py": "tests/bench/test_servers.py",
    "bench/stream.py": "tests/bench/test_load.py",
    "kdns/__init__.py": "tests/cli/test_run.py",
    "kdns/__main__.py": "tests/cli/test_main.py",
    "kdns/caching/counts.py": "tests/plugins/test_cache.py",
    "kdns/cli/__init__.py": "tests/cli/test_main.py",
    "kdns/corefile/mistakes.py": "tests/corefile/test_parser.py",
    "kdns/corefile/sources.py": "tests/corefile/test_imports.py",
    "kdns/corefile/texts.py": "tests/corefile/test_values.py",
    "kdns/errors.py": "tests/corefile/test_parser.py",
    "kdns/kube/cluster.py": "tests/plugins/test_kubernetes.py",
    "kdns/kube/controllers/__init__.py": "tests/kube/controllers/test_control.py",
    "kdns/kube/controllers/apiserver.py": "tests/kube/controllers/test_clusterips.py",
    "kdns/kube/controllers/blueprint.py": "tests/kube/controllers/test_workloads.py",
    "kdns/kube/controllers/families.py": "tests/kube/controllers/test_clusterips.py",
    "kdns/serve/entry.py": "tests/serve/test_memo.py",
    "kdns/serve/batch.py": "tests/serve/test_ports.py",
    "kdns/serve/datagram.py": "tests/serve/test_ports.py",
    "kdns/serve/denials.py": "tests/test_denials.py",
    "kdns/serve/holdings.py": "tests/test_holding.py",
    "kdns/serve/kind.py": "tests/test_holding.py",
    "kdns/serve/tails.py": "tests/test_denials.py",
    "kdns/serve/handling.py": "tests/serve/test_responder.py",
    "kdns/kube/controllers/given.py": "tests/kube/controllers/test_clusterips.py",
    "kdns/kube/controllers/identity.py": "tests/kube/controllers/test_control.py",
    "kdns/kube/controllers/replicasets.py": "tests/kube/controllers/test_workloads.py",
    "kdns/kube/controllers/roster.py": "tests/kube/controllers/test_workloads.py",
    "kdns/kube/control.py": "tests/kube/controllers/test_control.py",
    "kdns/kube/document.py": "tests/kube/files/test_broken.py",
    "kdns/kube/files/located.py": "tests/kube/files/test_json_text.py",
    "kdns/kube/live/login.py": "tests/kube/live/test_credentials.py",
    "kdns/kube/live/timing.py": "tests/kube/test_sources.py",
    "kdns/kube/objects.py": "tests/kube/test_index.py",
    "kdns/kube/options.py": "tests/plugins/test_kubernetes.py",
    "kdns/kube/schema/__init__.py": "tests/kube/files/test_documents.py",
    "kdns/kube/schema/apps.py": "tests/kube/controllers/test_workloads.py",
    "kdns/kube/schema/core.py": "tests/kube/test_slim.py",
    "kdns/kube/schema/discovery.py": "tests/kube/test_slim.py",
    "kdns/kube/schema/meta.py": "tests/kube/test_slim.py",
    "kdns/kube/schema/multicluster.py": "tests/kube/test_slim.py",
    "kdns/kube/selection.py": "tests/kube/files/test_catalogue.py",
    "kdns/kube/files/tree.py": "tests/kube/files/test_yaml_text.py",
    "kdns/kube/files/yaml_words.py": "tests/kube/files/test_yaml_text.py",
    "kdns/plugins/__init__.py": "tests/test_plan.py",
    "kdns/proto/text.py": "tests/cli/test_explain.py",
    "kdns/upstream/faults.py": "tests/upstream/test_exchange.py",
    "kdns/upstream/settings.py": "tests/test_forwarding.py",
    "kdns/upstream/stream.py": "tests/upstream/test_streams.py",
    "kdns/webconfig.py": "tests/plugins/test_prometheus.py",
    "kdns/why.py": "tests/kube/test_explained.py",
}
"""Modules without a test file of their name, and the one that covers them."""


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def has_code(module: Path) -> bool:
    """Whether there is more in it than a docstring."""
    body = ast.parse(module.read_text()).body
    return any(not isinstance(each, ast.Expr | ast.ImportFrom) for each in body)


every_module = pytest.mark.parametrize("module", MODULES, ids=names(MODULES))
every_written_module = pytest.mark.parametrize("module", [*MODULES, *BENCH], ids=names([*MODULES, *BENCH]))
every_plugin = pytest.mark.parametrize("name", ORDER)


@every_written_module
def test_every_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text())) or not has_code(module)


@every_written_module
def test_no_module_is_longer_than_can_be_read(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= LONGEST


@every_written_module
def test_every_module_is_called_by_what_it_is(module: Path) -> None:
    assert module.stem.strip("_") not in VAGUE


@every_written_module
def test_every_module_has_a_test(module: Path) -> None:
    name = str(module.relative_to(ROOT))
    within = module.relative_to(ROOT if module in BENCH else PACKAGE)
    own = ROOT / "tests" / within.with_name(f"test_{module.name}")
    if name in TESTED_BY:
        assert (ROOT / TESTED_BY[name]).is_file()
        assert not own.exists(), "it has a test of its own now: take it off the list"
    elif has_code(module):
        assert own.is_file()


def test_the_list_of_tests_names_modules_that_exist() -> None:
    assert [name for name in TESTED_BY if not (ROOT / name).is_file()] == []


def told() -> Iterator[Path]:
    """What is published of the project besides its tests."""
    yield from (*MODULES, *BENCH)
    yield from (path for kind in ("md", "json", "svg") for path in (ROOT / "bench").rglob(f"*.{kind}"))
    yield from (path for path in (ROOT / "examples").rglob("*") if path.is_file())
    yield from (path for path in ROOT.glob("*") if path.is_file())
    yield from (path for folder in (".ci", "deploy", "docs") for path in (ROOT / folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("path", sorted(told()), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_speaks_of_somebody_s_machine(path: Path) -> None:
    """Home directories, and where this checkout lies."""
    text = path.read_text()
    assert re.findall(r"(?<![\w.])/(?:home|root|Users|work)/[\w.-]+", text) == []
    assert str(ROOT) not in text


def test_every_plugin_s_file_is_in_the_order_and_the_other_way_round() -> None:
    files = {path.stem for path in (PACKAGE / "plugins").glob("*.py")} - {"__init__"}
    assert files == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


def test_a_plugin_that_is_there_is_not_said_to_be_missing() -> None:
    assert set(ORDER) <= COREDNS
    assert set(REMOVED).isdisjoint(COREDNS)


@every_plugin
def test_every_plugin_has_a_test(name: str) -> None:
    assert (ROOT / f"tests/plugins/test_{name}.py").is_file()


@every_plugin
def test_every_plugin_s_page_has_a_title_and_its_headings_in_order(name: str) -> None:
    lines = page(name).splitlines()
    assert re.fullmatch(rf"\*{name}\* - .+\.", lines[0])
    assert [line for line in lines if line in HEADINGS] == HEADINGS


def corefiles(name: str) -> list[str]:
    """The examples of a plugin's page."""
    found = re.findall(r"^( *)~~~ corefile\n(.*?)^\1~~~$", page(name), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(text) for _, text in found]


@every_plugin
def test_every_example_of_a_plugin_s_page_builds(name: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    assert corefiles(name)
    for text in corefiles(name):
        parsed = parse(text, str(tmp_path / "Corefile"), environ={}, disk=Local())
        assert parsed.warnings == ()
        assert any(directive.name == name for block in parsed.blocks for directive in block.directives)
        assert plan(parsed, lambda: 0.0, lambda: 0.0).build.warnings == []


METRICS = {
    f"{family.name}_total" if family.type == "counter" else family.name for family in Metrics().registry.collect()
}


def test_every_metric_is_ours_or_coredns_s() -> None:
    assert len(METRICS) > 20
    assert {name for name in METRICS if not re.fullmatch(r"(coredns|kdns)_[a-z]+(_[a-z]+)*", name)} == set()


NOBODY_S = ("kdns_memo_", "kdns_tcp_")
"""What metrics are called that tell of the server below its plugins: what Prometheus shows of them must do."""


@pytest.mark.parametrize("name", sorted(name for name in METRICS if not name.startswith(NOBODY_S)))
def test_every_metric_is_described_on_a_plugin_s_page(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", page(plugin)) for plugin in ORDER)


def test_every_metric_has_a_help_text() -> None:
    assert [family.name for family in Metrics().registry.collect() if not family.documentation.endswith(".")] == []


@pytest.mark.parametrize("name", ORDER)
def test_every_metric_on_a_page_exists(name: str) -> None:
    found = set(re.findall(r"\b(?:coredns|kdns)_[a-z_]+[a-z]\b", page(name)))
    assert found - METRICS == set()


@every_module
def test_metrics_are_made_in_one_module(module: Path) -> None:
    """By their names: nobody else writes one."""
    if module.name == "metrics.py":
        return
    made = ast.parse(module.read_text())
    docstring = ast.get_docstring(made, clean=False)
    texts = [node.value for node in ast.walk(made) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in texts if text != docstring and re.match(r"(coredns|kdns)_", text)] == []
