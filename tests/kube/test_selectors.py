from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdns.kube import schema
from kdns.kube.selectors import NOTHING, Selector, from_labels, from_shape, parse_selector


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        ("  ", ""),
        ("a=b", "a=b"),
        ("a==b", "a=b"),
        (" a = b ", "a=b"),
        ("a=", "a="),
        ("a!=b", "a!=b"),
        ("a", "a"),
        ("!a", "!a"),
        ("! a", "!a"),
        ("a in (x)", "a=x"),
        ("a notin (x)", "a!=x"),
        ("a in (y, x ,y)", "a in (x,y)"),
        ("a notin(y,x)", "a notin (x,y)"),
        ("a in ()", "a="),
        ("a in (,x)", "a in (,x)"),
        ("b=1,a=1", "a=1,b=1"),
        ("a=1,a=1", "a=1"),
        ("a=1,a=2", "a=1,a=2"),
        ("in in (in,notin)", "in in (in,notin)"),
        ("app.kubernetes.io/name=web", "app.kubernetes.io/name=web"),
        ("g,f notin (z),e in (x,y),!h,c!=d,a=b", "a=b,c!=d,e in (x,y),f!=z,g,!h"),
    ],
)
def test_a_selector_has_one_canonical_text(text: str, canonical: str) -> None:
    selector = parse_selector(text)
    assert str(selector) == canonical
    assert parse_selector(canonical) == selector
    assert hash(parse_selector(canonical)) == hash(selector)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a=b,", "label selector 'a=b,': expected a label key, found the end"),
        (",a", "label selector ',a': expected a label key, found ','"),
        ("=b", "label selector '=b': expected a label key, found '='"),
        ("!", "label selector '!': expected a label key, found the end"),
        ("!a=b", "label selector '!a=b': expected ',' or the end, found '='"),
        ("a b", "label selector 'a b': expected =, ==, !=, in or notin after 'a', found 'b'"),
        ("a=b c", "label selector 'a=b c': expected ',' or the end, found 'c'"),
        ("a>1", "label selector 'a>1': expected =, ==, !=, in or notin after 'a', found '>'"),
        ("a<1", "label selector 'a<1': expected =, ==, !=, in or notin after 'a', found '<'"),
        ("a in x", "label selector 'a in x': expected '(', found 'x'"),
        ("a in", "label selector 'a in': expected '(', found the end"),
        ("a in (x", "label selector 'a in (x': expected ',' or ')', found the end"),
        ("a in (x y)", "label selector 'a in (x y)': expected ',' or ')', found 'y'"),
        ("a===b", "label selector 'a===b': expected ',' or the end, found '='"),
        ("-a=b", "'-a' is no label key"),
        ("a/b/c=d", "'a/b/c' is no label key"),
        ("A.b/c=d", "'A.b/c' is no label key"),
        ("a=b$", "'b$' is no label value"),
        ("a=" + "x" * 64, f"'{'x' * 64}' is no label value"),
        ("x" * 64, f"'{'x' * 64}' is no label key"),
        ("a." * 127 + "/b", f"'{'a.' * 127}/b' is no label key"),
    ],
)
def test_a_text_that_is_no_selector_is_told_what_is_wrong(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        parse_selector(text)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("", {}, True),
        ("", {"a": "b"}, True),
        ("a=b", {"a": "b", "c": "d"}, True),
        ("a=b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a=", {"a": ""}, True),
        ("a=", {}, False),
        ("a!=b", {"a": "c"}, True),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ("a in (x,y)", {"a": "y"}, True),
        ("a in (x,y)", {"a": "z"}, False),
        ("a in (x,y)", {}, False),
        ("a notin (x,y)", {"a": "z"}, True),
        ("a notin (x,y)", {}, True),
        ("a notin (x,y)", {"a": "x"}, False),
        ("a", {"a": ""}, True),
        ("a", {"b": "a"}, False),
        ("!a", {"b": "a"}, True),
        ("!a", {"a": ""}, False),
        ("a=1,b=2", {"a": "1", "b": "2"}, True),
        ("a=1,b=2", {"a": "1"}, False),
        ("a=1,a=2", {"a": "1"}, False),
    ],
)
def test_a_selector_matches_labels_that_meet_all_its_requirements(
    text: str, labels: dict[str, str], expected: bool
) -> None:
    assert parse_selector(text).matches(labels) is expected


def test_a_services_selector_is_all_its_labels() -> None:
    selector = from_labels({"b": "2", "a": "1"})
    assert selector == parse_selector("a=1,b=2")
    assert selector.pairs == (("a", "1"), ("b", "2"))


def test_an_empty_services_selector_selects_nothing() -> None:
    assert from_labels({}) == NOTHING
    assert not from_labels({}).matches({})


def test_a_services_selector_never_raises() -> None:
    assert from_labels({"no label!": "$"}).matches({"no label!": "$"})


def expression(operator: str, *values: str, key: str = "a") -> schema.LabelSelector:
    return schema.LabelSelector(match_expressions=[schema.Expression(key=key, operator=operator, values=list(values))])


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        pytest.param(schema.LabelSelector(), "", id="empty: everything"),
        pytest.param(schema.LabelSelector(match_labels={}, match_expressions=[]), "", id="empty parts"),
        pytest.param(schema.LabelSelector(match_labels={"b": "2", "a": "1"}), "a=1,b=2", id="labels"),
        pytest.param(expression("In", "y", "x"), "a in (x,y)", id="In"),
        pytest.param(expression("In", "x"), "a=x", id="In of one"),
        pytest.param(expression("NotIn", "x", "y"), "a notin (x,y)", id="NotIn"),
        pytest.param(expression("Exists"), "a", id="Exists"),
        pytest.param(expression("DoesNotExist"), "!a", id="DoesNotExist"),
        pytest.param(
            schema.LabelSelector(
                match_labels={"a": "1"}, match_expressions=[schema.Expression(key="b", operator="Exists")]
            ),
            "a=1,b",
            id="both parts",
        ),
    ],
)
def test_a_label_selector_is_read(shape: schema.LabelSelector, text: str) -> None:
    assert from_shape(shape) == parse_selector(text)


def test_an_absent_label_selector_selects_nothing() -> None:
    assert from_shape(None) == NOTHING
    assert str(NOTHING) == "<nothing>"
    assert not NOTHING.matches({"a": "b"})


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        pytest.param(
            expression("Gt", "1"),
            "operator 'Gt' of 'a': expected one of In, NotIn, Exists, DoesNotExist",
            id="an operator that does not exist",
        ),
        pytest.param(expression("In"), "'a' In: values are missing", id="no values"),
        pytest.param(expression("Exists", "x"), "'a' Exists: takes no values", id="values too many"),
        pytest.param(expression("Exists", key="-"), "'-' is no label key", id="a key"),
        pytest.param(expression("In", "-"), "'-' is no label value", id="a value"),
        pytest.param(schema.LabelSelector(match_labels={"a": "$"}), "'$' is no label value", id="a label"),
    ],
)
def test_a_label_selector_that_the_api_refuses_is_told_what_is_wrong(shape: schema.LabelSelector, error: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        from_shape(shape)


WORDS = st.from_regex(r"[a-c]([-_.a-c]?[a-c])?", fullmatch=True)
REQUIREMENTS = st.one_of(
    WORDS,
    WORDS.map("!{}".format),
    st.tuples(WORDS, st.sampled_from(["=", "==", "!="]), st.one_of(st.just(""), WORDS)).map("".join),
    st.tuples(WORDS, st.sampled_from(["in", "notin"]), st.lists(WORDS, min_size=1, max_size=3)).map(
        lambda parts: f"{parts[0]} {parts[1]} ({', '.join(parts[2])})"
    ),
)
TEXTS = st.lists(REQUIREMENTS, max_size=4)


@given(TEXTS)
def test_the_canonical_text_is_read_back(texts: list[str]) -> None:
    selector = parse_selector(",".join(texts))
    assert parse_selector(str(selector)) == selector


@given(TEXTS, st.dictionaries(WORDS, WORDS, max_size=3))
def test_the_order_of_requirements_does_not_matter(texts: list[str], labels: dict[str, str]) -> None:
    one, other = (parse_selector(",".join(order)) for order in (texts, texts[::-1]))
    assert one == other
    assert one.matches(labels) == all(parse_selector(text).matches(labels) for text in texts)


@given(TEXTS, st.dictionaries(WORDS, WORDS, max_size=3))
def test_what_matches_has_the_selectors_pairs(texts: list[str], labels: dict[str, str]) -> None:
    selector = parse_selector(",".join(texts))
    if selector.matches(labels):
        assert set(selector.pairs) <= set(labels.items())


@given(st.text("ab=!,() in", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        selector = parse_selector(text)
    except ValueError:
        return
    assert parse_selector(str(selector)) == selector


def test_selectors_can_be_sorted() -> None:
    assert sorted([parse_selector("b=1"), parse_selector("a=1"), Selector()]) == [
        Selector(),
        parse_selector("a=1"),
        parse_selector("b=1"),
    ]
