"""What is held of all files, from one look to the next."""

from __future__ import annotations

from pathlib import Path

from kdns.kube.files.shelf import Shelf, next_shelf

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\n"


def test_where_nothing_changed_the_shelf_is_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD % "a")
    first = next_shelf(None, [str(tmp_path)])
    assert next_shelf(first, [str(tmp_path)]) is first


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(POD % name)
    first = next_shelf(None, [str(tmp_path)])
    (tmp_path / "b.yaml").write_text(POD % "longer")
    second = next_shelf(first, [str(tmp_path)])
    a, b = (str(tmp_path / f"{name}.yaml") for name in "ab")
    assert second.files[a] is first.files[a]
    assert second.files[b] is not first.files[b]


def test_a_shelf_serves_the_same_if_only_errors_changed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(POD % "a")
    first = next_shelf(None, [str(tmp_path)])
    (tmp_path / "a.yaml").write_text(POD % "a" + "---\nkind: [\n")
    second = next_shelf(first, [str(tmp_path)])
    assert len(second.errors) == 1
    assert second.holds_as(first)
    assert not next_shelf(second, [str(tmp_path)]).holds_as(first)


def test_an_empty_shelf_holds_nothing() -> None:
    assert (Shelf().documents, Shelf().errors, Shelf().passed_over) == ([], [], {})
