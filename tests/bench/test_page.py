"""RESULTS.md out of figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import keep
from bench.page import charted, churned, growth, memory, page, ratio, words, write
from bench.scenarios import SCENARIOS


def rounds(*cpu: float) -> list[dict[str, object]]:
    given = {"queries": 1000, "lost": 0, "response": 16050, "rcodes": {"NOERROR": 1000}}
    return [{"cpu": each, **given} for each in cpu]


ROWS = {
    "clusterip": {"kdns": rounds(5.0, 6.0, 7.0), "knot": rounds(4.0), "coredns": rounds(30.0)},
    "churn-200": {"kdns": rounds(9.0), "coredns": rounds(33.0)},
    "wide-1000": {"kdns": rounds(40.0), "coredns": []},
}
SIZE = {
    "size": "5000x5", "services": 5000, "endpoints": 25000, "started": 60.4, "steady": 70.0, "started_peak": 61.0,
    "relist_peak": 80.0, "ready": 0.512, "cpu": 0.4, "relist_cpu": 0.3, "event": 0.9, "event_p99": 2.0, "hit": 5.0,
    "wrong": 20.0,
}  # fmt: skip
EMPTY = {
    "size": "0x0", "services": 0, "endpoints": 0, "started": 40.0, "started_peak": 40.0, "relist_peak": 41.0,
    "ready": 0.3, "cpu": 0.2, "relist_cpu": 0.0,
}  # fmt: skip
SIZES = {"kdns": [EMPTY, SIZE], "coredns": [SIZE]}


def test_a_row_has_each_server_s_figure_the_ratios_and_its_command() -> None:
    said = page({"kernel": "Linux 6.1"}, ROWS, SIZES, {})
    figures = "6.00 ± 1.00 |  | 4.00 ± 0.00 |  | 30.00 ± 0.00 | 1.50 | 0.20"
    assert f"| ClusterIP, A | {figures} | `python -m bench --only clusterip` |" in said.splitlines()


def test_big_answers_are_told_with_their_bytes() -> None:
    row = "| headless, 1,000 addresses, A, over TCP | 16,050 |  |  |  | `python -m bench --only wide-1000` |"
    assert row in page({}, ROWS, {}, {}).splitlines()


def test_changes_are_told_against_rest() -> None:
    assert "| 200 | 1.50 | 1.10 | `python -m bench --only churn-200` |" in page({}, ROWS, {}, {}).splitlines()


def test_a_size_has_its_row_with_blanks_where_nothing_was_asked() -> None:
    said = page({}, {}, SIZES, {"kdns": [EMPTY]}).splitlines()
    last = "`python -m bench.size --only 0x0 --servers kdns`"
    assert f"| 0 | 0 | 40 |  | 40 | 41 | 0.30 | 0.20 | 0.00 |  |  |  |  | {last} |" in said
    assert f"| 0 | 0 | 40 | 40 | 41 | 0.30 | 0.20 | 0.00 | {last[:-1]} --real` |" in said
    assert sum(line.startswith("| 5,000 | 25,000 | 60 | 70 | 61 | 80 | 0.51 |") for line in said) == 2


def test_a_server_that_failed_has_no_ratio() -> None:
    assert ratio(ROWS["wide-1000"], "coredns") == ""
    assert ratio(ROWS["wide-1000"], "knot") == ""


def test_the_machine_is_told_in_words() -> None:
    assert words({"cores": "2", "Knot DNS": "3.2.6"}) == "Measured on: cores 2; Knot DNS 3.2.6."


def test_charts_show_medians() -> None:
    assert charted(ROWS) == ([SCENARIOS["clusterip"].about], {"kdns": [6.0], "knot": [4.0], "coredns": [30.0]})
    assert churned(ROWS) == {"kdns": [(0, 6.0), (200, 9.0)], "coredns": [(0, 30.0), (200, 33.0)]}
    assert memory(SIZES)["kdns, steady"] == [(0, 40.0), (25000, 70.0)]
    assert growth(SIZES)["coredns, wrong names, none twice"] == [(5000, 20.0)]


def test_nothing_measured_is_no_chart() -> None:
    assert charted({}) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::PendingDeprecationWarning")
def test_the_page_is_written_beside_the_figures(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    for name, found in ROWS.items():
        keep(name, found, folder)
    keep("size", SIZES, folder)
    readme = tmp_path / "README.md"
    readme.write_text("<!-- figures -->\n<!-- end of figures -->\n")
    write(folder, readme)
    assert "| ClusterIP, A | 6.0 | 30.0 | 4.0 |  |" in readme.read_text()
    said = (tmp_path / "RESULTS.md").read_text()
    assert said.startswith("# What kdns costs")
    assert "\n\n\n" not in said
