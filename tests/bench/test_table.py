"""The table on the terminal."""

from __future__ import annotations

from bench.table import cell, disagreement, lost, table


def rounds(*cpu: float, lost: int = 0) -> list[dict[str, object]]:
    return [{"cpu": each, "queries": 1000, "lost": lost} for each in cpu]


def test_a_cell_is_the_median_and_the_spread() -> None:
    assert cell(rounds(4.8, 5.1, 4.9)) == "4.90 ± 0.15"


def test_a_cell_with_lost_answers_is_marked() -> None:
    assert cell(rounds(4.8, lost=1)) == "4.80 ± 0.00"
    assert cell(rounds(4.8, lost=2)) == "4.80 ± 0.00!"


def test_a_server_that_answered_nothing_failed() -> None:
    assert cell([]) == "failed"
    assert lost([]) == 0


def test_the_table_has_a_column_for_each_server() -> None:
    said = table(
        {"ClusterIP, A": {"kdns": rounds(5.0), "knot": rounds(4.5)}, "wrong": {"kdns": rounds(12.0)}}, ["kdns", "knot"]
    )
    assert said.splitlines() == [
        "CPU for each query, in microseconds          kdns         knot",
        "ClusterIP, A                          5.00 ± 0.00  4.50 ± 0.00",
        "wrong                                12.00 ± 0.00             ",
    ]


def test_servers_that_do_not_say_the_same_are_told() -> None:
    right, wrong = [{"rcodes": {"NOERROR": 9, "NXDOMAIN": 1}}], [{"rcodes": {"SERVFAIL": 10}}]
    assert disagreement({"kdns": right, "knot": right, "coredns": []}) == ""
    assert disagreement({"kdns": wrong, "knot": right}) == "kdns SERVFAIL, knot NOERROR and NXDOMAIN"
