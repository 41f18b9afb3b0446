"""Files, globs and snippets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from kdns.corefile.disk import Memory
from kdns.corefile.parser import Corefile

Read = Callable[..., Corefile]
Outline = Callable[[Corefile], list[object]]
Mistakes = Callable[..., list[str]]


class Trouble(Memory):
    """A disk with a file not to be read, one that is no text, and one deleted meanwhile."""

    def read(self, path: str) -> str:
        if path == "secret":
            raise PermissionError(13, "Permission denied", path)
        if path == "latin":
            b"a\xff".decode()
        return super().read(path)

    def glob(self, pattern: str) -> list[str]:
        return [*super().glob(pattern), "deleted"] if pattern == "dele*" else super().glob(pattern)


ROOT = [(["."], ["log"])]


@pytest.mark.parametrize(
    ("text", "files", "wanted"),
    [
        pytest.param("(a) {\n log\n}\n. {\n import a\n}", {}, ROOT, id="snippet"),
        pytest.param("(a) { log }\n. { import a }", {}, ROOT, id="snippet on one line"),
        pytest.param("(a)\n{\n log\n}\n. { import a }", {}, ROOT, id="brace of a snippet on its own line"),
        pytest.param("(a) { }\n. {\n import a\n log\n}", {}, ROOT, id="empty snippet"),
        pytest.param("(a) { log }", {}, [], id="only a snippet"),
        pytest.param(
            "(a) { log }\n. {\n errors\n import a\n loop\n}",
            {},
            [(["."], ["errors", "log", "loop"])],
            id="snippet on one line between others",
        ),
        pytest.param(
            "(a) { log }\n(b) {\n errors\n import a\n}\n. { import b }",
            {},
            [(["."], ["errors", "log"])],
            id="snippet in a snippet",
        ),
        pytest.param(
            "(b) { import a }\n(a) { log }\n. { import b }",
            {},
            ROOT,
            id="snippet defined after its name, before its use",
        ),
        pytest.param(
            "(a) {\n 10.0.0.1 x\n ::1 y\n}\n. {\n hosts {\n  import a\n  fallthrough\n }\n}",
            {},
            [(["."], [("hosts", ["10.0.0.1 x", "::1 y", "fallthrough"])])],
            id="import inside a directive's block",
        ),
        pytest.param(
            "(a) {\n . {\n  log\n }\n}\nimport a",
            {},
            ROOT,
            id="snippet of whole server blocks",
        ),
        pytest.param(
            "(a) { log }\n. { import a }\nb.test { import a }", {}, [*ROOT, (["b.test"], ["log"])], id="twice"
        ),
        pytest.param(". { import x }", {"x": "log"}, ROOT, id="file"),
        pytest.param(". { import sub/x }", {"sub/x": "import y", "sub/y": "log"}, ROOT, id="relative to the importer"),
        pytest.param(". { import /etc/x }", {"/etc/x": "log"}, ROOT, id="absolute"),
        pytest.param(". { import ./x }", {"x": "log"}, ROOT, id="dot slash"),
        pytest.param('. { import "a b" }', {"a b": "log"}, ROOT, id="quoted"),
        pytest.param("import *.server", {"a.server": ". {\n log\n}"}, ROOT, id="server blocks by a glob"),
        pytest.param("import x\n. { import a }", {"x": "(a) { log }"}, ROOT, id="snippet out of a file"),
        pytest.param(
            "(a) { import x }\n. { import a }",
            {"x": "log"},
            ROOT,
            id="file in a snippet",
        ),
        pytest.param(". {\n import x\n log\n}", {"x": "\ufeff# nothing\r\n"}, ROOT, id="file of comments"),
        pytest.param(". {\n import x\n import x\n}", {"x": "log"}, [(["."], ["log", "log"])], id="the same file twice"),
        pytest.param("(a) { log }\n. { import a }", {"a": "errors"}, ROOT, id="a snippet goes before a file"),
        pytest.param(".\nimport x", {"x": "log"}, ROOT, id="import in a block without braces"),
        pytest.param(". { log import }", {}, [(["."], ["log import"])], id="import as an argument"),
    ],
)
def test_imports(
    read: Read,
    outline: Outline,
    text: str,
    files: Mapping[str, str],
    wanted: list[object],
) -> None:
    assert outline(read(text, files)) == wanted


def test_imported_words_know_where_they_came_from(read: Read) -> None:
    text = "(s) {\n import a/x\n}\n. {\n import s\n}"
    (block,) = read(text, {"a/x": "\nlog a"}).blocks
    (log,) = block.directives
    assert (log.file, log.line) == ("a/x", 2)
    assert log.via == log.words[0].via == (("Corefile", 5), ("Corefile", 2))
    assert str(log.error("no")) == "a/x:2: no (imported at Corefile:2, itself imported at Corefile:5)"


def test_a_glob_without_a_match_is_warned_of_once_for_its_place(read: Read) -> None:
    corefile = read("(s) {\n import *.x\n}\n. { import s }\na.test { import s }")
    assert corefile.warnings == ("Corefile:2: no file matches the import of '*.x' (imported at Corefile:4)",)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(
            ". {\n import\n}", "2: 'import' takes one argument, a file, a glob or a snippet, not 0", id="none"
        ),
        pytest.param(
            ". {\n import a b\n}",
            "2: 'import' takes one argument, a file, a glob or a snippet, not 2",
            id="two",
        ),
        pytest.param(
            '. {\n import ""\n}',
            "2: 'import' takes one argument, a file, a glob or a snippet, not an empty text",
            id="empty",
        ),
        pytest.param("import x.conf { log }", "1: 'import' takes no block: remove its '{' and '}'", id="block"),
        pytest.param(". {\n import nope\n}", "2: there is no snippet and no file 'nope'", id="missing"),
        pytest.param(
            ". {\n import d/../nope\n}",
            "2: there is no snippet and no file 'd/../nope'",
            id="missing elsewhere",
        ),
        pytest.param(
            "(common) { log }\n. {\n import comon\n}",
            "3: there is no snippet and no file 'comon'; did you mean 'common'?",
            id="misspelt",
        ),
        pytest.param(
            ". {\n import a\n}\n(a) { log }",
            "2: the snippet 'a' is used above its definition at Corefile:4: move that up",
            id="snippet used before it is defined",
        ),
        pytest.param(
            "(a) { log }\n(a) { errors }",
            "2: the snippet 'a' is defined at Corefile:1 already: choose another name",
            id="snippet defined twice",
        ),
        pytest.param("() { log }", "1: a snippet needs a name, as in '(name) {'", id="snippet without a name"),
        pytest.param("(a) b.test { log }", "1: a snippet stands alone before its block: '(a) {'", id="snippet and key"),
        pytest.param("(a)", "1: a snippet stands alone before its block: '(a) {'", id="snippet without a block"),
        pytest.param(
            ". {\n (a) {\n  log\n }\n}",
            "2: a snippet inside a server block: define '(a)' outside, above it",
            id="snippet in a server block",
        ),
        pytest.param(
            "(a) { import a }\n. {\n import a\n}",
            "1: '(a)' would import itself ((a) -> (a)): remove this import (imported at Corefile:3)",
            id="a snippet imports itself",
        ),
        pytest.param(
            "import loop/x",
            "loop/y:1: 'loop/x' would import itself (loop/x -> loop/y -> loop/x): remove this import "
            "(imported at loop/x:1, itself imported at Corefile:1)",
            id="files import one another",
        ),
        pytest.param(
            "import Core*",
            "1: 'Corefile' would import itself (Corefile -> Corefile): remove this import",
            id="glob of itself",
        ),
        pytest.param(". {\n import secret\n}", "2: 'secret' cannot be imported: Permission denied", id="unreadable"),
        pytest.param(
            ". {\n import latin\n}",
            "2: 'latin' cannot be imported: it is not UTF-8 at byte 1",
            id="undecodable",
        ),
        pytest.param(
            ". {\n import inc/[\n}",
            "2: 'inc/[' cannot be imported: close the '[' in '[' with a ']'",
            id="bad glob",
        ),
        pytest.param("import dele*", "1: 'deleted' is gone", id="deleted after the glob"),
        pytest.param(
            "\nimport quote",
            "quote:2: the quote that opens here is not closed: add a '\"' (imported at Corefile:2)",
            id="unclosed quote in a file",
        ),
        pytest.param(
            "\nimport open",
            "open:1: the block of '.' that opens here is not closed: a '}' is missing (imported at Corefile:2)",
            id="unclosed block in a file",
        ),
        pytest.param(
            "\nimport close",
            "close:2: this '}' closes nothing: no block is open (imported at Corefile:2)",
            id="a brace too many in a file",
        ),
    ],
)
def test_mistakes_with_imports(mistakes: Mistakes, text: str, wanted: str) -> None:
    files = {
        "Corefile": text,
        "loop/x": "import y",
        "loop/y": "import x",
        "quote": '. {\n log "\n}',
        "open": ". {\n log\n",
        "close": "\n}",
        "x.conf": ". { log }",
    }
    wanted = wanted if re.match(r"[a-z]+(/y)?:\d", wanted) else f"Corefile:{wanted}"
    assert mistakes(text, Trouble(files)) == [wanted]


def test_a_missing_file_is_told_with_the_path_that_was_looked_for(mistakes: Mistakes) -> None:
    (said,) = mistakes(". {\n import sub/a\n}", {"sub/a": "\nimport b"})
    assert said == "sub/a:2: there is no snippet and no file 'b' (looked for sub/b) (imported at Corefile:2)"


def test_imports_that_grow_without_end_are_stopped(mistakes: Mistakes) -> None:
    doubling = "".join(f"(s{n}) {{\n import s{n - 1}\n import s{n - 1}\n}}\n" for n in range(1, 30))
    (said,) = mistakes(f"(s0) {{ log }}\n{doubling}. {{ import s29 }}")
    assert "more than 10000 imports in all" in said


def test_imports_inside_one_another_have_an_end(mistakes: Mistakes) -> None:
    files = {f"f{n}": f"import f{n + 1}" for n in range(2000)}
    (said,) = mistakes(". { import f0 }", files)
    assert "more than 50 imports inside one another" in said


def test_a_mistake_in_a_snippet_is_told_once(mistakes: Mistakes) -> None:
    said = mistakes("(s) {\n {\n }\n}\n" + "".join(f"z{n}.test {{\n import s\n}}\n" for n in range(22)))
    assert said == ["Corefile:2: this '{' stands alone: put it after a directive (imported at Corefile:6)"]
