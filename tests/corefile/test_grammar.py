"""Tokens to server blocks: what is accepted, and what is a mistake."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile, parse
from kdns.proto.name import to_text

Read = Callable[..., Corefile]
Outline = Callable[[Corefile], list[object]]
Mistakes = Callable[..., list[str]]


ROOT = [(["."], ["log"])]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("# nothing\n\n  # here\n", [], id="comments only"),
        pytest.param(". {\n  log\n}\n", ROOT, id="a block"),
        pytest.param(". {\n  log\n}", ROOT, id="no newline at the end"),
        pytest.param(". {\r\n\tlog  \r\n}\r\n", ROOT, id="CRLF, tabs, blanks at line ends"),
        pytest.param("\ufeff. {\n log\n}", ROOT, id="byte order mark"),
        pytest.param(".\nlog\n", ROOT, id="without braces"),
        pytest.param(".\n{\n  log\n}", ROOT, id="brace on its own line"),
        pytest.param(". { log }", ROOT, id="on one line"),
        pytest.param(". { log\n}", ROOT, id="directive after the brace"),
        pytest.param(". {\n  log }", ROOT, id="closing brace after a directive"),
        pytest.param(". { # a\n  log # b\n} # c", ROOT, id="comments everywhere"),
        pytest.param('"." {\n "log"\n}', ROOT, id="quoted key and directive"),
        pytest.param(". \\\n{\n  lo\\\n  g }", [(["."], ["lo g"])], id="continued lines"),
        pytest.param(". {\n}", [(["."], [])], id="empty block"),
        pytest.param(". { }", [(["."], [])], id="empty block on one line"),
        pytest.param(".:53", [([".:53"], [])], id="key without a block"),
        pytest.param("a.test b.test:1053 {\n log\n}", [(["a.test", "b.test:1053"], ["log"])], id="two keys"),
        pytest.param("a.test, b.test {\n log\n}", [(["a.test", "b.test"], ["log"])], id="comma"),
        pytest.param("a.test,b.test { log }", [(["a.test", "b.test"], ["log"])], id="comma without a blank"),
        pytest.param("a.test , b.test { log }", [(["a.test", "b.test"], ["log"])], id="comma apart"),
        pytest.param("a.test,\nb.test {\n log\n}", [(["a.test", "b.test"], ["log"])], id="comma at the line's end"),
        pytest.param("a.test,\n\n# x\nb.test,\nc.test {\n}", [(["a.test", "b.test", "c.test"], [])], id="three lines"),
        pytest.param("a.test, b.test\nlog", [(["a.test", "b.test"], ["log"])], id="two keys without braces"),
        pytest.param("a.test {\n} b.test {\n}", [(["a.test"], []), (["b.test"], [])], id="} zone { on one line"),
        pytest.param("a.test { log } b.test { log }", [(["a.test"], ["log"]), (["b.test"], ["log"])], id="two in one"),
        pytest.param(". {\n}\n\na.test\nlog", [(["."], []), (["a.test"], ["log"])], id="the last without braces"),
        pytest.param("10.0.0.0/25 { }", [(["10.0.0.0/25"], [])], id="CIDR"),
        pytest.param(". { errors { } }", [(["."], [("errors", [])])], id="empty block of a directive"),
        pytest.param(
            ". {\n health {\n  lameduck 5s\n }\n log\n}",
            [(["."], [("health", ["lameduck 5s"]), "log"])],
            id="block of a directive",
        ),
        pytest.param(
            ". {\n health { lameduck 5s }\n cache 30 { success 9 }\n forward . ::1 { max_fails 2 }\n}",
            [
                (
                    ["."],
                    [
                        ("health", ["lameduck 5s"]),
                        ("cache 30", ["success 9"]),
                        ("forward . ::1", ["max_fails 2"]),
                    ],
                )
            ],
            id="blocks of directives on one line",
        ),
        pytest.param(
            ". { forward . ::1 { max_fails 2 } }",
            [(["."], [("forward . ::1", ["max_fails 2"])])],
            id="blocks in blocks on one line",
        ),
        pytest.param(
            ". {\n prometheus :9153 {\n  tls {\n   cert c\n  }\n  runtime_metrics\n }\n}",
            [(["."], [("prometheus :9153", [("tls", ["cert c"]), "runtime_metrics"])])],
            id="nested block",
        ),
        pytest.param(
            ". {\n hosts {\n  10.0.0.1 a b # one\n  # two\n  ::1 c\n  fallthrough\n  }\n}",
            [(["."], [("hosts", ["10.0.0.1 a b", "::1 c", "fallthrough"])])],
            id="host entries with comments",
        ),
        pytest.param(
            ". {\n rewrite stop {\n  name regex (.*)\\.a\\.test {1}.b.test\n  answer name (.*) {1}\n }\n}",
            [(["."], [("rewrite stop", ["name regex (.*)\\.a\\.test {1}.b.test", "answer name (.*) {1}"])])],
            id="groups of a pattern are no blocks",
        ),
        pytest.param(
            '. {\n template IN A {\n  match ^a{2,3}$\n  answer "{{ .Name }} 60 IN A {{ .Group.x }}"\n }\n}',
            [(["."], [("template IN A", ["match ^a{2,3}$", "answer {{ .Name }} 60 IN A {{ .Group.x }}"])])],
            id="templates are no blocks",
        ),
        pytest.param(
            ". {\n log . {combined}\n log . {remote}:{port}\n}",
            [(["."], ["log . {combined}", "log . {remote}:{port}"])],
            id="words of the log format are no blocks",
        ),
        pytest.param('. {\n log . "{" "}"\n}', [(["."], ["log . { }"])], id="quoted braces are words"),
        pytest.param('. {\n log . "a\nb"\n errors\n}', [(["."], ["log . a\nb", "errors"])], id="quoted newline"),
    ],
)
def test_the_grammar(
    read: Read,
    outline: Outline,
    text: str,
    wanted: list[object],
) -> None:
    assert outline(read(text)) == wanted


def test_words_have_their_places(read: Read) -> None:
    corefile = read(
        """\
        # one
        a.test, b.test:1053 {
            forward . 1.1.1.1 \\
                8.8.8.8 {
                max_fails 2
            }
        }
        """
    )
    (block,) = corefile.blocks
    assert (block.file, block.line) == ("Corefile", 2)
    assert [(key.text, to_text(key.zone), key.port, key.file, key.line) for key in block.keys] == [
        ("a.test", "a.test.", 53, "Corefile", 2),
        ("b.test:1053", "b.test.", 1053, "Corefile", 2),
    ]
    (forward,) = block.directives
    assert (forward.file, forward.line, forward.braces) == ("Corefile", 3, True)
    assert [(word.text, word.line) for word in forward.words] == [(".", 3), ("1.1.1.1", 3), ("8.8.8.8", 4)]
    assert [(line.name, line.line, line.braces) for line in forward.body] == [("max_fails", 5, False)]


def test_the_default_port_is_for_keys_without_one() -> None:
    corefile = parse("a.test b.test:53 tls://c.test { }", "Corefile", default_port=1053, environ={}, disk=Memory())
    assert [key.port for key in corefile.blocks[0].keys] == [1053, 53, 853]


def test_a_directive_that_is_repeated_stands_once_with_the_others_behind_it(
    read: Read,
) -> None:
    (block,) = read(". {\n forward a ::1\n log\n forward b ::1\n forward c ::1\n}").blocks
    assert [directive.name for directive in block.directives] == ["forward", "log"]
    assert [same.args[0] for same in block.directives[0].every] == ["a", "b", "c"]
    assert [same.line for same in block.directives[0].again] == [4, 5]
    assert all(same.again == () for same in block.directives[0].again)


def test_the_same_zone_twice_is_not_the_parsers_affair(read: Read) -> None:
    assert len(read(". { bind 127.0.0.1 }\n. { bind 127.0.0.2 }\n. .").blocks) == 3


def test_unknown_directives_are_not_the_parsers_affair(read: Read, outline: Outline) -> None:
    assert outline(read(". { proxy . ::1 }")) == [(["."], ["proxy . ::1"])]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(". {whoami}", ["1: '{whoami}' is no zone: put blanks around '{' and '}'"], id="all in one"),
        pytest.param(
            ". {\n health\n {\n  lameduck 5s\n }\n log\n}",
            ["3: this '{' stands alone: put it on line 2, after 'health'"],
            id="brace of a plugin on its own line",
        ),
        pytest.param(". {\n {\n  log\n }\n}", ["2: this '{' stands alone: put it after a directive"], id="brace alone"),
        pytest.param("{\n log\n}", ["1: a server block needs a zone before its '{', as in '.:53 {'"], id="no key"),
        pytest.param(
            ". {\n health { lameduck 5s } log\n}",
            ["2: 'log' follows a '}': begin a new line with it"],
            id="directive after a brace",
        ),
        pytest.param(
            ". {\n  log\n\n  a.test {\n    log\n  }\n}",
            ["4: the server block 'a.test' stands inside that of line 1: close the outer one with '}' first"],
            id="server block in a server block",
        ),
        pytest.param(
            "a.test\nb.test {\n log\n}",
            ["1: no '{' after 'a.test': add one, or a comma if 'b.test' on line 2 has the same block"],
            id="two lines of zones without a comma",
        ),
        pytest.param(
            "a.test\nb.test\nc.test {\n log\n}",
            [
                "1: no '{' after 'a.test': add one, or a comma if 'b.test' on line 2 has the same block",
                "2: no '{' after 'b.test': add one, or a comma if 'c.test' on line 3 has the same block",
            ],
            id="three lines of zones without a comma",
        ),
        pytest.param(
            "a.test\nlog\n\n. {\n errors\n}",
            [
                (
                    "4: '.' cannot begin a block, as that of line 1 has no braces: "
                    "put '{' after 'a.test' and '}' before this line"
                )
            ],
            id="a block after one without braces",
        ),
        pytest.param(
            "a.test, {\n log\n}",
            ["1: a zone is missing after 'a.test,': remove the comma"],
            id="comma before {",
        ),
        pytest.param("a.test,\n", ["1: a zone is missing after 'a.test,': remove the comma"], id="comma at the end"),
        pytest.param(":53 {\n log\n}", ["1: no zone before ':53'"], id="empty zone"),
        pytest.param("a..b {\n log\n}", ["1: 'a..b' is no domain name"], id="empty label"),
        pytest.param("10.0.0.0/33 {\n}", ["1: '10.0.0.0/33' is no CIDR"], id="wrong CIDR"),
        pytest.param("doq://. {\n}", ["1: unknown scheme 'doq://'"], id="unknown scheme"),
        pytest.param("{$NO} {\n}", ["1: the zone is empty (a variable that is not set?)"], id="unset key"),
        pytest.param("{$NO}:53 {\n}", ["1: no zone before ':53'"], id="unset zone"),
        pytest.param(". {\n {$NO}\n}", ["2: the name of a directive is empty"], id="unset directive"),
        pytest.param(
            '. {\n log "x\n}\n',
            ["2: the quote that opens here is not closed: add a '\"'"],
            id="unclosed quote",
        ),
        pytest.param(
            ". {\n" + 8 * "a {\n" + 9 * "}\n",
            ["9: blocks stand at most 8 deep inside one another"],
            id="too deep",
        ),
    ],
)
def test_mistakes_of_grammar(mistakes: Mistakes, text: str, wanted: list[str]) -> None:
    said = mistakes(text)
    assert len(said) == len(wanted), said
    for one, beginning in zip(said, wanted, strict=True):
        assert one.startswith(f"Corefile:{beginning}")


def test_deep_nesting_is_no_trouble(mistakes: Mistakes) -> None:
    (said,) = mistakes(". {\n" + 5000 * "a {\n" + 5001 * "}\n")
    assert "8 deep" in said
    assert len(mistakes(5000 * "a {\n")) == 5001
