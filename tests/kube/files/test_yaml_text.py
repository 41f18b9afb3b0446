"""YAML texts as values with lines."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube.files.located import Mistake, Place, locate
from kdns.kube.files.tree import DEEPEST, Node
from kdns.kube.files.yaml_text import read_yaml
from kdns.kube.files.yaml_words import meaning

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufeff"))
WORDS = TEXTS | st.text("-+.0123456789abcdefxoyns_:~", max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def nodes(text: str) -> list[Node]:
    found = list(read_yaml(text))
    assert all(isinstance(each, Node) for each in found), found
    return [each for each in found if isinstance(each, Node)]


def mistakes(text: str) -> list[Mistake]:
    return [each for each in read_yaml(text) if isinstance(each, Mistake)]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("None", "None"),
        ("yes", True),
        ("Off", False),
        ("oFF", "oFF"),
        ("y", "y"),
        ("n", "n"),
        ("nginx", "nginx"),
        ("80", 80),
        ("-1", -1),
        ("+1_000", 1000),
        ("0", 0),
        ("0644", 420),
        ("-0644", -420),
        ("0x1F", 31),
        ("0b11", 3),
        ("0x_", "0x_"),
        ("089", "089"),
        ("0o17", "0o17"),
        ("1.5", 1.5),
        ("1.", 1),
        ("80.0", 80),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("1.0e+3", 1000),
        ("1e3", "1e3"),
        ("12e4567", "12e4567"),
        ("-.inf", -math.inf),
        ("+.INF", math.inf),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("2024-02-31T25:00:00Z", "2024-02-31T25:00:00Z"),
        ("10.0.0.1", "10.0.0.1"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        (".", "."),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_word_means_what_kubectl_and_yaml_agree_on(word: str, value: object) -> None:
    found = meaning(word)
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(float(meaning(".nan") or 0))


@given(WORDS)
def test_a_word_that_pyyaml_takes_for_a_text_is_one(word: str) -> None:
    loader: Any = yaml.SafeLoader("")
    if loader.resolve(yaml.ScalarNode, word, (True, False)) == "tag:yaml.org,2002:str":
        assert meaning(word) == word


@given(VALUES, st.sampled_from(["block", "flow"]))
def test_what_pyyaml_writes_is_read_back(value: object, style: str) -> None:
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=style == "flow")
    expected = [] if value is None else [value]
    assert [node.value for node in nodes(text)] == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("# a comment\n\n", [], id="a comment"),
        pytest.param("---\n---\n# none\n---\n~\n---\n", [], id="empty documents"),
        pytest.param("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="two"),
        pytest.param("a: 1\n...\n---\nb: 2\n...\n", [{"a": 1}, {"b": 2}], id="with ends"),
        pytest.param("a: 1\r\n---\r\nb: 2\r\n", [{"a": 1}, {"b": 2}], id="CRLF"),
        pytest.param("--- {a: 1}\n--- # b\nb: 2\n", [{"a": 1}, {"b": 2}], id="on the boundary's line"),
        pytest.param("%YAML 1.1\n---\na: 1\n...\n%YAML 1.1\n---\nb: 2\n", [{"a": 1}, {"b": 2}], id="directives"),
        pytest.param("a: |\n  ---\n  x\n", [{"a": "---\nx\n"}], id="no boundary when indented"),
        pytest.param("----\n", ["----"], id="no boundary with four dashes"),
        pytest.param("a: &x {b: 1}\nc: *x\n", [{"a": {"b": 1}, "c": {"b": 1}}], id="alias"),
        pytest.param("a: &x k\n*x : 1\n", [{"a": "k", "k": 1}], id="alias as key"),
        pytest.param("&k a: 1\nb: *k\n", [{"a": 1, "b": "a"}], id="anchor on a key"),
        pytest.param("a: &x 1\nb: &x 2\nc: *x\n", [{"a": 1, "b": 2, "c": 2}], id="anchor twice"),
        pytest.param("1: a\nyes: b\n", [{"1": "a", "yes": "b"}], id="keys are texts"),
        pytest.param("a: 1\na: 2\n", [{"a": 2}], id="the last of a key's values"),
        pytest.param("a: !!str 1\nb: !!int '2'\nc: !Ref d\n", [{"a": "1", "b": 2, "c": "d"}], id="tags"),
    ],
)
def test_documents_are_read(text: str, values: list[object]) -> None:
    assert [node.value for node in nodes(text)] == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}", {"a": 1, "b": 3}, id="own entries go before"),
        pytest.param("x: &x {a: 1, b: 2}\ny: {b: 3, <<: *x}", {"a": 1, "b": 3}, id="whatever the order"),
        pytest.param("x: [&a {a: 1}, &b {a: 2, b: 2}]\ny: {<<: [*a, *b]}", {"a": 1, "b": 2}, id="the first of a list"),
        pytest.param("y: {<<: {a: 1}}", {"a": 1}, id="written out"),
        pytest.param("y: {'<<': {a: 1}}", {"<<": {"a": 1}}, id="in quotes it is a key"),
    ],
)
def test_merge_keys_merge(text: str, value: object) -> None:
    (node,) = nodes(text)
    found = node.child("y")
    assert found is not None
    assert found.value == value


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("a: b\n c: d\n", 2, "mapping values are not allowed", id="indent"),
        pytest.param("a:\n  b: 'x\nc: d\n", 2, "that begins on line 2", id="a quote that is not closed"),
        pytest.param("a:\n- [b,\n  c\n", 2, "that begins on line 2", id="a list that is not closed"),
        pytest.param("a:\n  - b\n c: d", 3, "while parsing a block mapping that begins on line 1", id="dedent"),
        pytest.param("a: b\nc: `d`\n", 2, "cannot start any token", id="a backtick"),
        pytest.param("a: b\n\tc: d\n", 2, "", id="a tab"),
        pytest.param("é: b\nc: \x07\n", 2, "U+0007", id="a control character"),
        pytest.param("a: 1\nb: \ufeffc\n", 2, "U+FEFF", id="a byte order mark"),
        pytest.param("a: 1\nb: *c\n", 2, "alias *c has no anchor", id="no anchor"),
        pytest.param("a: &a\n- *a\n", 2, "stands within what it names", id="a circle"),
        pytest.param("a: 1\n<<: 2\n", 2, "<< must stand before", id="a merge of a number"),
        pytest.param("a: 1\n{{ x }}: 2\n", 2, "template", id="a template"),
        pytest.param("name: {{ .Values.name }}\n", 1, "template", id="a template as a value"),
        pytest.param("%YAML 3.0\n---\na: 1\n", 1, "", id="a version"),
    ],
)
def test_a_mistake_has_its_line(text: str, line: int, words: str) -> None:
    (found,) = mistakes(text)
    assert found.line == line
    assert words in found.text
    assert "\n" not in found.text


def test_lines_count_through_the_whole_text() -> None:
    found = list(read_yaml("# one\n---\na: 1\n---\n\nb: [\n---\nc: 3\n---\n - d: `\n"))
    assert [each.line for each in found] == [3, 6, 8, 10]
    assert [isinstance(each, Mistake) for each in found] == [False, True, False, True]


@pytest.mark.parametrize("other", ["\x85", "\u2028", "\u2029", "\r"])
def test_what_editors_take_for_no_line_end_is_not_counted(other: str) -> None:
    found = list(read_yaml(f"a: 'x{other}y'\n# {other}\n---\n# {other}\nb: 2\n---\nc: '{other}\n d'\n e\n"))
    assert [each.line for each in found] == [1, 5, 9]


def test_a_mistake_ends_with_the_next_boundary() -> None:
    found = list(read_yaml("a: 1\n---\nb: 2\n---\nc: [\n---\nd: 4\n"))
    assert [each.value for each in found if isinstance(each, Node)] == [{"a": 1}, {"b": 2}, {"d": 4}]
    assert [each.line for each in found if isinstance(each, Mistake)] == [5]


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_depth_has_a_bound(opening: str) -> None:
    (found,) = mistakes(opening * 100_000)
    assert found.text == f"nested deeper than {DEEPEST} levels"


def test_a_bomb_of_aliases_is_defused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    (found,) = mistakes("\n".join(lines))
    assert found.line == 6
    assert "aliases" in found.text


def test_a_bomb_of_merges_is_defused() -> None:
    lines = ["a0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(1000)) + "}"]
    lines += [f"b{n}: {{<<: *a0}}" for n in range(2000)]
    (found,) = mistakes("\n".join(lines))
    assert "aliases" in found.text


def test_aliases_count_for_each_document_alone() -> None:
    item = "a: &a [" + "x, " * 9_000 + "x]\nb: [" + "*a, " * 60 + "*a]\n"
    assert len(nodes("---\n".join([item] * 4))) == 4


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("", Place("", 2)),
        ("kind", Place("kind", 2)),
        ("spec.ports", Place("spec.ports", 7)),
        ("spec.ports[1]", Place("spec.ports[1]", 9)),
        ("spec.ports[1].port", Place("spec.ports[1].port", 10)),
        ("spec.ports[1].name", Place("spec.ports[1].name", 9)),
        ("spec.ports[7].port", Place("spec.ports[7].port", 7)),
        ("spec.selector[...]", Place("spec.selector.b", 13)),
        ("spec.selector[...].x", Place("spec.selector.b.x", 13)),
        ("status.x", Place("status.x", 2)),
        ("spec.nothing.ports", Place("spec.nothing.ports", 6)),
    ],
)
def test_a_path_leads_to_a_line(path: str, place: Place) -> None:
    (node,) = nodes(
        "# comment\n"
        "kind: Service\n"
        "metadata:\n"
        "  name: a\n"
        "\n"
        "spec:\n"
        "  ports:\n"
        "  - port: 1\n"
        "  - protocol: TCP\n"
        "    port: x\n"
        "  selector:\n"
        "    a: b\n"
        "    b: 1\n"
    )
    assert locate(node, path) == place


def test_an_alias_s_fields_have_the_lines_of_its_anchor() -> None:
    (node,) = nodes("a: &a\n  b: 1\nc: *a\nd:\n  <<: *a\n")
    assert locate(node, "c").line == 3
    assert locate(node, "c.b").line == 2
    assert locate(node, "d.b").line == 2


def test_the_elements_of_a_list_have_lines() -> None:
    (node,) = nodes("items:\n- a: 1\n\n- a: 2\n-\n  a: 3\n")
    items = node.child("items")
    assert items is not None
    assert [(each.line, each.value) for each in items.children()] == [
        (2, {"a": 1}),
        (4, {"a": 2}),
        (6, {"a": 3}),
    ]
    assert list(node.children()) == []
