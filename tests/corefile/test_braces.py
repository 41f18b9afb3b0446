"""Braces that do not match, or stick to words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

Mistakes = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(".:53{\n log\n}", ["1: put a blank before '{' in '.:53{'"], id="brace glued to a key"),
        pytest.param(
            ". {\n hosts F zone{\n  ttl 5\n }\n log\n}",
            ["2: put a blank before '{' in 'zone{'"],
            id="brace glued to an argument",
        ),
        pytest.param("(a){\n log\n}\n. { import a }", ["1: put a blank before '{' in '(a){'"], id="glued to a snippet"),
        pytest.param(
            "a.test,{\n}",
            ["1: put a blank before '{' in 'a.test,{'", "1: a zone is missing"],
            id="comma and brace",
        ),
        pytest.param(". {log\n}", ["1: put a blank after '{' in '{log'"], id="directive glued to a brace"),
        pytest.param(
            ". {\n health { lameduck 5s}\n}", ["2: put a blank before '}' in '5s}'"], id="glued closing brace"
        ),
        pytest.param(". {\n errors {}\n}", ["2: put a blank between '{' and '}' in '{}'"], id="braces in one"),
        pytest.param(". {\n}a.test {\n}", ["2: put a blank after '}' in '}a.test'"], id="key glued to a brace"),
        pytest.param("}", ["1: this '}' closes nothing: no block is open"], id="only a closing brace"),
        pytest.param(
            ". {\n log\n}\n}",
            ["4: a '}' too many, or a '{' missing: the last block opens at line 1 and ends at line 3"],
            id="a brace too many at the end",
        ),
        pytest.param(
            ". {\n health {\n }\n }\n prometheus :9153\n forward . 1.1.1.1\n}\na.test {\n log\n}",
            ["7: a '}' too many, or a '{' missing: the last block opens at line 1 and ends at line 4"],
            id="a brace too many inside",
        ),
        pytest.param(
            "a.test {\n log\n}\n. {\n log\n }\n forward . ::1 {\n  max_fails 2\n }\n}\nb.test {\n}",
            ["10: a '}' too many, or a '{' missing: the last block opens at line 4 and ends at line 6"],
            id="a brace too many before another directive with a block",
        ),
        pytest.param(
            ". {\n log\n}\na.test\n log\n}\nb.test {\n}",
            ["6: a '}' too many, or a '{' missing: the last block opens at line 1 and ends at line 3"],
            id="an opening brace missing",
        ),
        pytest.param(
            ". {\n  log\n",
            ["1: the block of '.' that opens here is not closed: a '}' is missing"],
            id="outer not closed",
        ),
        pytest.param(
            ". {\n  health {\n    lameduck 5s\n",
            [
                "1: the block of '.' that opens here is not closed: a '}' is missing",
                "2: the block of 'health' that opens here is not closed: a '}' is missing",
            ],
            id="both not closed",
        ),
        pytest.param(
            ". {\n  log\n  errors\n\na.test {\n  log\n}\n",
            ["1: the block of '.' that opens here is not closed: a '}' is missing"],
            id="outer not closed before another",
        ),
        pytest.param(
            ". {\nlog\nerrors\n\na.test {\nlog\n}\n",
            ["1: the block of '.' that opens here is not closed: a '}' is missing"],
            id="outer not closed before another, not indented",
        ),
        pytest.param(
            ". {\n  health {\n    lameduck 5s\n  prometheus :9153\n  forward {\n    max_fails 2\n  }\n}\n",
            ["2: the block of 'health' that opens here is not closed: a '}' is missing"],
            id="inner not closed",
        ),
        pytest.param(
            ". {\n  log\n  health {\n    lameduck 5s\n}\na.test {\n  log\n}\n",
            ["3: the block of 'health' that opens here is not closed: a '}' is missing"],
            id="inner not closed at the end",
        ),
        pytest.param(
            ". {\nlog\nhealth {\nlameduck 5s\n}\n",
            ["1: the block of '.' that opens here is not closed: a '}' is missing"],
            id="one not closed, not indented",
        ),
        pytest.param(
            "(a) {\n  log\n\n. {\n  import a\n}\n",
            ["1: the block of '(a)' that opens here is not closed: a '}' is missing"],
            id="snippet not closed",
        ),
        pytest.param(
            "a.test\n{\n  log\n",
            ["2: the block of 'a.test' that opens here is not closed: a '}' is missing"],
            id="own line",
        ),
    ],
)
def test_mistakes_with_braces(mistakes: Mistakes, text: str, wanted: list[str]) -> None:
    said = mistakes(text)
    assert len(said) == len(wanted), said
    for one, beginning in zip(said, wanted, strict=True):
        assert one.startswith(f"Corefile:{beginning}")


INDENTED = """\
.:53 {
    errors
    health {
       lameduck 5s
    }
    prometheus :9153 {
        tls {
            cert a
        }
        runtime_metrics
    }
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    loop
}
a.test, b.test {
    cache 30 {
        success 9
    }
}
(snippet) {
    log
}
c.test {
    import snippet
}
"""


@given(st.data())
def test_a_closing_brace_lost_is_one_mistake_at_the_line_of_its_opening(
    mistakes: Mistakes, data: st.DataObject
) -> None:
    lines = INDENTED.splitlines(keepends=True)
    stack, opened = [], {}
    for at, line in enumerate(lines):
        if line.rstrip().endswith("{"):
            stack.append(at)
        if line.strip() == "}":
            opened[at] = stack.pop()
    at = data.draw(st.sampled_from(sorted(opened)))
    (said,) = mistakes("".join(lines[:at] + lines[at + 1 :]))
    assert said.startswith(f"Corefile:{opened[at] + 1}: the block of ")
