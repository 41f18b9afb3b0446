"""JSON texts as values with lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.files.json_text import Node, read_json
from kdns.kube.files.located import Located, Mistake, Place, locate

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS | st.just("items"), inner, max_size=4),
    max_leaves=20,
)


def nodes(text: str) -> list[Node]:
    found = list(read_json(text))
    assert all(isinstance(each, Node) for each in found), found
    return [each for each in found if isinstance(each, Node)]


def everything(node: Located) -> object:
    """A value, put together again from the parts."""
    match node.value:
        case dict() as fields:
            return {key: everything(found) for key in fields if (found := node.child(key))}
        case list():
            return [everything(each) for each in node.children()]
    return node.value


@given(
    st.lists(VALUES, max_size=4),
    st.sampled_from([None, 0, 4]),
    st.booleans(),
    st.sampled_from(["\n", " ", "\r\n"]),
)
def test_what_is_written_is_read_back(values: list[object], indent: int | None, ascii: bool, between: str) -> None:
    text = between.join(json.dumps(each, indent=indent, ensure_ascii=ascii) for each in values)
    found = nodes(text)
    assert [node.value for node in found] == values
    assert [everything(node) for node in found] == values


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param('{"a": 1,\n "b" 2}', 2, "expecting ':' in column 6", id="no colon"),
        pytest.param('{"a": 1\n "b": 2}', 2, "expecting ','", id="no comma"),
        pytest.param('{"a": 1,\n}', 2, "key in double quotes", id="a comma too many"),
        pytest.param('{"a": [1,\n 2', 2, "expecting ','", id="not closed"),
        pytest.param('{"a": {"b": 1,\n "c"}}', 2, "expecting ':'", id="below the first level"),
        pytest.param('{"items": [{},\n {"b":}]}', 2, "expecting value", id="in the items"),
        pytest.param('\n\n{"a": "\t"}', 3, "invalid control character", id="a tab in a text"),
        pytest.param('\n{"a": "\\ud800"}', 2, "surrogate", id="half a surrogate pair"),
        pytest.param('\n{"a": ' + "[" * 100_000, 2, "nested too deeply", id="depth"),
        pytest.param('\n{"a": ' + "9" * 5000 + "}", 2, "digits", id="more digits than Python reads"),
        pytest.param("kind: Service\n", 1, "expecting value in column 1", id="YAML"),
    ],
)
def test_a_mistake_has_its_line(text: str, line: int, words: str) -> None:
    (found,) = read_json(text)
    assert isinstance(found, Mistake)
    assert found.line == line
    assert words in found.text


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a": 1}\n{"b": [\n {\n}\n{"c": 3}\n\n{"d": 4}', [{"a": 1}, 5, {"c": 3}, {"d": 4}]),
        ('{"a": [\n{"b": 2},\n{"c" 3}\n]}\n{"d": 4}', [3, {"d": 4}]),
        ('{"a": 1}}\n{"b": 2}', [{"a": 1}, 1, {"b": 2}]),
    ],
)
def test_a_mistake_ends_with_the_next_line_that_begins_with_a_brace(text: str, values: list[object]) -> None:
    assert [each.value if isinstance(each, Node) else each.line for each in read_json(text)] == values


def test_nothing_is_no_document() -> None:
    assert nodes(" \r\n\t\n") == []


def test_escaped_pairs_are_one_letter() -> None:
    (node,) = nodes('{"a": "\\ud83d\\ude00"}')
    assert node.value == {"a": "😀"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", Place("", 2)),
        ("kind", Place("kind", 3)),
        ("items[1]", Place("items[1]", 6)),
        ("items[1].labels[...]", Place("items[1].labels.b", 8)),
        ("items[1].nothing", Place("items[1].nothing", 6)),
        ("items[2]", Place("items[2]", 4)),
    ],
)
def test_a_path_leads_to_a_line(path: str, place: Place) -> None:
    (node,) = nodes(
        '\n{"apiVersion": "v1",\n"kind": "List",\n"items": [\n {"a": 1},\n {"labels": {\n  "a": "b",\n  "b": 1}}\n]}\n'
    )
    assert locate(node, path) == place
